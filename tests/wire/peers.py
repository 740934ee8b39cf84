"""Servers that others wrote, to talk to: OpenSSL through `ssl` and pyOpenSSL in memory, tlslite-ng on a socket pair."""

import contextlib
import datetime
import socket
import ssl
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from toolkit.wire import Handshake

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports asyncore
    from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
    from tlslite.errors import BaseTLSException
    from tlslite.x509 import X509

Peer = Callable[[bytes], bytes]

_MAKERS = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "EC": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
    "DSA": lambda: dsa.generate_private_key(2048),
}


@dataclass(frozen=True)
class Credentials:
    """A key with its self-signed certificate, in every form that a server may want."""

    key_pem: bytes
    certificate_pem: bytes
    der: bytes

    @contextlib.contextmanager
    def files(self) -> Iterator[tuple[str, str]]:
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
            certificate.write_bytes(self.certificate_pem)
            key.write_bytes(self.key_pem)
            yield str(certificate), str(key)


@cache
def credentials(kind: str) -> Credentials:
    key = _MAKERS[kind]()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.lab.test")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=365))
        .sign(key, None if kind.startswith("Ed") else hashes.SHA256())
    )
    return Credentials(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate.public_bytes(serialization.Encoding.PEM),
        certificate.public_bytes(serialization.Encoding.DER),
    )


def context(*kinds: str, version: ssl.TLSVersion | None = None, ciphers: str | None = None) -> ssl.SSLContext:
    """A server context of the standard library that takes the oldest protocols and one version only, if named."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers(f"{ciphers or 'ALL:COMPLEMENTOFALL'}:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version = version or ssl.TLSVersion.TLSv1
        if version is not None:
            made.maximum_version = version
    for kind in kinds:
        with credentials(kind).files() as (certificate, key):
            made.load_cert_chain(certificate, key)
    return made


class InMemory:
    """A server of Python's `ssl`; `error` is how its handshake ended."""

    def __init__(self, made: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._server = made.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.error: ssl.SSLError | None = None

    def __call__(self, data: bytes) -> bytes:
        self._incoming.write(data)
        if self.error is None:
            try:
                self._server.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                self.error = error
        return self._outgoing.read()


def pyopenssl_context(kind: str, groups: str | None = None) -> SSL.Context:
    """A server context on the OpenSSL inside `cryptography`; `groups` in OpenSSL's words, where the default is not."""
    made = SSL.Context(SSL.TLS_SERVER_METHOD)
    with credentials(kind).files() as (certificate, key):
        made.use_certificate_file(certificate)
        made.use_privatekey_file(key)
    if groups is not None:
        # pyOpenSSL has no public call for it.
        assert SSL._lib.SSL_CTX_set1_curves_list(made._context, groups.encode()) == 1
    return made


class PyOpenSSL:
    """A server of pyOpenSSL in memory; `group` is the name of the group it negotiated."""

    def __init__(self, made: SSL.Context) -> None:
        self._connection = SSL.Connection(made, None)
        self._connection.set_accept_state()
        self.error: SSL.Error | None = None

    @property
    def group(self) -> str | None:
        return self._connection.get_group_name()

    def __call__(self, data: bytes) -> bytes:
        self._connection.bio_write(data)
        if self.error is None:
            try:
                self._connection.do_handshake()
            except SSL.WantReadError:
                pass
            except SSL.Error as error:
                self.error = error
        try:
            return self._connection.bio_read(1 << 20)
        except SSL.WantReadError:
            return b""


class OnSocket:
    """A server behind a connected socket; each answer is what comes until it waits for us or closes."""

    def __init__(self, client: socket.socket) -> None:
        client.settimeout(10)
        self._client = client

    def __call__(self, data: bytes) -> bytes:
        self._client.sendall(data)
        return self.read()

    def read(self) -> bytes:
        return self._client.recv(1 << 16)


def settings(*versions: tuple[int, int]) -> HandshakeSettings:
    """Of a tlslite-ng server for these versions, with everything old that it has."""
    made = HandshakeSettings()
    made.minVersion, made.maxVersion = min(versions), max(versions)
    made.versions = sorted(versions, reverse=True)
    made.cipherNames = [*made.cipherNames, "aes128ccm", "aes128ccm_8", "rc4", "3des"]
    made.macNames = [*made.macNames, "md5"]
    made.eccCurves = ["x25519", "secp256r1"]
    made.keyShares, made.more_sig_schemes = [], []
    return made


@contextlib.contextmanager
def tlslite(kind: str, settings: HandshakeSettings) -> Iterator[OnSocket]:
    """A tlslite-ng server in a thread."""
    made = credentials(kind)
    chain = X509CertChain([X509().parse(made.certificate_pem.decode())])
    key = parsePEMKey(made.key_pem.decode(), private=True)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with contextlib.closing(theirs), contextlib.suppress(BaseTLSException, OSError):
            TLSConnection(theirs).handshakeServer(certChain=chain, privateKey=key, settings=settings)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield OnSocket(ours)
    finally:
        ours.close()
        thread.join(10)
        assert not thread.is_alive()


def converse(handshake: Handshake, peer: Peer) -> tuple[bytes, bytes]:
    """Everything that was sent, and received, until the look has ended or the peer has nothing more to say."""
    sent = waiting = handshake.start()
    received = b""
    while not handshake.is_done:
        answer = peer(waiting) if waiting or not isinstance(peer, OnSocket) else peer.read()
        if not answer:
            handshake.receive_eof()
            break
        received += answer
        waiting = handshake.receive(answer)
        sent += waiting
    if handshake.is_done and waiting and not isinstance(peer, OnSocket):
        peer(waiting)
    return sent, received
