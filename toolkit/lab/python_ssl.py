"""Handshakes by Python's `ssl`."""

import socket
import ssl
import threading

from toolkit.errors import LabError
from toolkit.lab.authority import Issued, pem_file
from toolkit.lab.dialogues import Stream
from toolkit.lab.engines import Hosts, Note
from toolkit.lab.tls_settings import TlsSettings

Failure = ssl.SSLError

_PROTOCOLS = {0x301: "TLS 1.0", 0x302: "TLS 1.1", 0x303: "TLS 1.2", 0x304: "TLS 1.3"}

# RFC 8446, sections 5.1 and 4: content type handshake, message type certificate.
_HANDSHAKE, _CERTIFICATE = 22, 11


class PythonSsl:
    """A server context of Python's `ssl`; it accepts what OpenSSL accepts by default."""

    def __init__(self, settings: TlsSettings, issued: tuple[Issued, ...], hosts: Hosts) -> None:
        if settings.suites:
            raise LabError("The lab's ssl servers use the default suites; settings with suites need tlslite.")
        self._current = threading.local()
        self._context = self._make_context(issued)
        self._context.sni_callback = self._on_name
        self._hosts = {host: self._make_context(of_host) for host, of_host in hosts.items()}

    def secure(self, connection: socket.socket, note: Note) -> Stream:
        """Do the handshake as the server."""
        self._current.note = note
        return self._context.wrap_socket(connection, server_side=True)

    def _make_context(self, issued: tuple[Issued, ...]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for certificate in issued:
            with pem_file(certificate) as name:
                context.load_cert_chain(name)
        # Undocumented, but the only way to see which certificate OpenSSL sends. Set without the property, whose
        # conversions to enumerations take a tenth of the time of a handshake.
        super(ssl.SSLContext, ssl.SSLContext)._msg_callback.__set__(context, self._on_message)  # type: ignore[misc]
        return context

    def _on_name(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: object) -> None:
        self._current.note("server_name", name)
        if name is not None and name.lower() in self._hosts:
            connection.context = self._hosts[name.lower()]

    def _on_message(
        self, _connection: object, direction: str, version: int, content: int, message: int, data: bytes
    ) -> None:
        if message == _CERTIFICATE and content == _HANDSHAKE and direction == "write":
            # RFC 8446, section 4.4.2: a context comes first; RFC 5246, section 7.4.2: it does not.
            begin = 4 + (1 + data[4] if version == 0x304 else 0) + 3
            length = int.from_bytes(data[begin : begin + 3], "big")
            self._current.note("protocol", _PROTOCOLS[version])
            self._current.note("der", data[begin + 3 : begin + 3 + length])
