"""Handshakes by tlslite-ng, which still supports SSL 3.0, RC4 and 3DES."""

import socket
import warnings
from typing import Any

from toolkit import schema
from toolkit.errors import LabError
from toolkit.lab.authority import Issued
from toolkit.lab.dialogues import Stream
from toolkit.lab.engines import Hosts, Note
from toolkit.lab.tls_settings import TlsSettings

with warnings.catch_warnings():
    # On Python 3.11 tlslite-ng imports asyncore, which is deprecated and not needed here.
    warnings.simplefilter("ignore", DeprecationWarning)
    from tlslite.constants import CipherSuite
    from tlslite.errors import TLSError
    from tlslite.handshakesettings import HandshakeSettings
    from tlslite.tlsconnection import TLSConnection
    from tlslite.utils.keyfactory import parsePEMKey
    from tlslite.x509 import X509
    from tlslite.x509certchain import X509CertChain

Failure = TLSError

# On the wire SSL 3.0 is 3.0 and TLS 1.0 is 3.1: RFC 5246, appendix E.
_VERSIONS = {name: (3, number) for number, name in enumerate(schema.PROTOCOLS[1:])}
_PROTOCOLS = {version: name for name, version in _VERSIONS.items()}


class TlsliteNg:
    """A server of tlslite-ng with one certificate; it accepts the suites of its settings, version by version."""

    def __init__(self, settings: TlsSettings, issued: tuple[Issued, ...], hosts: Hosts) -> None:
        if not settings.suites or len(issued) != 1 or hosts:
            raise LabError("tlslite serves one certificate and needs settings that list its suites.")
        chain = [X509() for _ in issued[0].chain]
        for certificate, der in zip(chain, issued[0].chain, strict=True):
            certificate.parseBinary(bytearray(der))
        self._chain = X509CertChain(chain)
        self._key = parsePEMKey(issued[0].key_pem.decode("ascii"), private=True)
        self._suites = {
            _VERSIONS[protocol]: [getattr(CipherSuite, name) for name in names]
            for protocol, names in settings.suites.items()
        }
        handshake = HandshakeSettings()
        handshake.minVersion, handshake.maxVersion = min(self._suites), max(self._suites)
        handshake.versions = sorted(self._suites, reverse=True)
        handshake.cipherNames = ["aes128gcm", "aes256gcm", "aes128", "aes256", "3des", "rc4"]
        handshake.macNames = ["sha", "sha256", "sha384", "aead", "md5"]
        handshake.keyExchangeNames = ["rsa", "dhe_rsa", "ecdhe_rsa"]
        # The recorded servers of 2015 answered with a curve of 256 bits, which was P-256.
        handshake.eccCurves, handshake.defaultCurve = ["secp256r1"], "secp256r1"
        handshake.keyShares = ["secp256r1"]
        self._settings = handshake.validate()

    def secure(self, connection: socket.socket, note: Note) -> Stream:
        """Do the handshake as the server."""
        secured = _LabConnection(connection, self._suites, note)
        secured.handshakeServer(certChain=self._chain, privateKey=self._key, settings=self._settings)
        return secured


class _LabConnection(TLSConnection):  # type: ignore[misc]
    """A connection that restricts and orders the suites by version, and reports the selected certificate.

    tlslite-ng orders suites in one way for every version, and has no other place where this could be done.
    """

    def __init__(self, connection: socket.socket, suites: dict[tuple[int, int], list[int]], note: Note) -> None:
        super().__init__(connection)
        self._suites, self._note = suites, note

    def _server_select_certificate(self, settings: Any, client_hello: Any, cipher_suites: list[int], *rest: Any) -> Any:
        version = rest[-1]
        ordered = [suite for suite in self._suites.get(version, ()) if suite in cipher_suites]
        selected = super()._server_select_certificate(settings, client_hello, ordered, *rest)
        name = client_hello.server_name
        self._note("server_name", bytes(name).decode("ascii", "replace") if name else None)
        self._note("protocol", _PROTOCOLS[version])
        self._note("der", bytes(selected[2].x509List[0].bytes))
        return selected
