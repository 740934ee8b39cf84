"""Handshakes by pyOpenSSL, whose bundled OpenSSL is newer than Python's: it serves X25519MLKEM768."""

import socket
import threading

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from toolkit.errors import LabError
from toolkit.lab.authority import Issued, pem_file
from toolkit.lab.dialogues import Stream
from toolkit.lab.engines import Hosts, Note
from toolkit.lab.tls_settings import TlsSettings

Failure = SSL.Error


class PyOpenSsl:
    """A server context of pyOpenSSL; it accepts what its OpenSSL accepts by default."""

    def __init__(self, settings: TlsSettings, issued: tuple[Issued, ...], hosts: Hosts) -> None:
        if settings.suites:
            raise LabError("The lab's pyOpenSSL servers use the default suites; settings with suites need tlslite.")
        self._current = threading.local()
        self._context = self._make_context(issued)
        self._context.set_tlsext_servername_callback(self._on_name)
        self._hosts = {host.encode("ascii"): self._make_context(of_host) for host, of_host in hosts.items()}

    def secure(self, connection: socket.socket, note: Note) -> Stream:
        """Do the handshake as the server."""
        self._current.note = note
        secured = SSL.Connection(self._context, connection)
        secured.set_accept_state()
        secured.do_handshake()
        return secured

    def _make_context(self, issued: tuple[Issued, ...]) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        for certificate in issued:
            with pem_file(certificate) as name:
                # From a file: only so does each certificate keep its own chain.
                context.use_certificate_chain_file(name)
                context.use_privatekey_file(name)
        context.set_info_callback(self._on_state)
        return context

    def _on_name(self, connection: SSL.Connection) -> None:
        context = self._hosts.get((connection.get_servername() or b"").lower())
        if context is not None:
            connection.set_context(context)

    def _on_state(self, connection: SSL.Connection, _where: int, _value: int) -> None:
        # OpenSSL names the state after the message just written; the flight is sent when it is complete.
        if connection.get_state_string() == b"SSLv3/TLS write certificate":
            name = connection.get_servername()
            leaf = connection.get_certificate(as_cryptography=True)
            self._current.note("server_name", None if name is None else name.decode("ascii", "replace"))
            self._current.note("protocol", connection.get_protocol_version_name().replace("TLSv", "TLS "))
            self._current.note("der", None if leaf is None else leaf.public_bytes(Encoding.DER))
