"""Parses the server's handshake messages (RFC 8446, section 4; RFC 5246, section 7.4).

Contract: a parser reads the whole body or raises `MalformedError`. It checks the encoding, not what the server chose.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from toolkit.wire.cursor import Cursor, MalformedError

# RFC 8446, B.3, with the reserved ones of RFC 5246, A.4 and RFC 6066, 8.
HELLO_REQUEST: Final = 0
SERVER_HELLO: Final = 2
ENCRYPTED_EXTENSIONS: Final = 8
CERTIFICATE: Final = 11
SERVER_KEY_EXCHANGE: Final = 12
CERTIFICATE_REQUEST: Final = 13
SERVER_HELLO_DONE: Final = 14
CERTIFICATE_VERIFY: Final = 15
FINISHED: Final = 20
CERTIFICATE_STATUS: Final = 22
MESSAGE_HASH: Final = 254

NAMES: Final = {
    HELLO_REQUEST: "HelloRequest",
    1: "ClientHello",
    SERVER_HELLO: "ServerHello",
    3: "HelloVerifyRequest",
    4: "NewSessionTicket",
    5: "EndOfEarlyData",
    ENCRYPTED_EXTENSIONS: "EncryptedExtensions",
    CERTIFICATE: "Certificate",
    SERVER_KEY_EXCHANGE: "ServerKeyExchange",
    CERTIFICATE_REQUEST: "CertificateRequest",
    SERVER_HELLO_DONE: "ServerHelloDone",
    CERTIFICATE_VERIFY: "CertificateVerify",
    16: "ClientKeyExchange",
    FINISHED: "Finished",
    21: "CertificateURL",
    CERTIFICATE_STATUS: "CertificateStatus",
    23: "SupplementalData",
    24: "KeyUpdate",
    25: "CompressedCertificate",
    MESSAGE_HASH: "message_hash",
}
"""IANA TLS HandshakeType, with the names as the RFCs write them."""

MOST_CERTIFICATES: Final = 1_000
"""Certificates kept of one chain. More real certificates do not fit into a flight of `handshake.LIMIT` bytes."""

RETRY_RANDOM: Final = hashlib.sha256(b"HelloRetryRequest").digest()
"""RFC 8446, 4.1.3: the random of a ServerHello that is a HelloRetryRequest."""


def name(kind: int) -> str:
    """The message's name, or its number."""
    return NAMES.get(kind, f"handshake message {kind}")


@dataclass(slots=True)
class ServerHello:
    """RFC 8446, 4.1.3. `version` is the legacy field; SSL 3.0 servers may leave the extensions out."""

    version: int
    random: bytes
    session_id: bytes
    suite: int
    compression: int
    extensions: dict[int, bytes]


def parse_server_hello(body: bytes) -> ServerHello:
    """The body of a ServerHello or HelloRetryRequest."""
    cursor = Cursor(body, "the ServerHello")
    fixed = cursor.number(2), cursor.take(32), cursor.vector(1), cursor.number(2), cursor.number(1)
    extensions = cursor.vector(2) if cursor.at < cursor.end else b""
    cursor.finish()
    hello = ServerHello(*fixed, _extensions(extensions, cursor.what))
    if len(hello.session_id) > 32:
        raise MalformedError(f"the ServerHello has a session id of {len(hello.session_id)} bytes")
    return hello


def parse_encrypted_extensions(body: bytes) -> dict[int, bytes]:
    """RFC 8446, 4.3.1."""
    cursor = Cursor(body, "the EncryptedExtensions message")
    extensions = cursor.vector(2)
    cursor.finish()
    return _extensions(extensions, cursor.what)


def parse_certificate(body: bytes) -> tuple[bytes, ...]:
    """The chain of SSL 3.0 to TLS 1.2 (RFC 5246, 7.4.2)."""
    outer = Cursor(body, "the Certificate message")
    listed = Cursor(outer.vector(3), "the Certificate message")
    outer.finish()
    chain = []
    while listed.at < listed.end:
        chain.append(_not_empty(listed.vector(3)))
    if not chain:
        raise MalformedError("the Certificate message holds no certificate")
    return tuple(chain)


def parse_certificate_13(body: bytes) -> tuple[tuple[bytes, ...], dict[int, bytes]]:
    """The chain of TLS 1.3 and the leaf's extensions (RFC 8446, 4.4.2)."""
    outer = Cursor(body, "the Certificate message")
    if outer.vector(1):
        raise MalformedError("the Certificate message answers a request that was not made")
    listed = Cursor(outer.vector(3), "the Certificate message")
    outer.finish()
    chain: list[bytes] = []
    of_leaf: dict[int, bytes] = {}
    while listed.at < listed.end:
        certificate = _not_empty(listed.vector(3))
        extensions = _extensions(listed.vector(2), "the Certificate message")
        if not chain:
            of_leaf = extensions
        chain.append(certificate)
    if not chain:
        raise MalformedError("the Certificate message holds no certificate")
    return tuple(chain), of_leaf


def parse_certificate_status(body: bytes) -> bytes:
    """The OCSP response (RFC 6066, 8), also as the extension of a TLS 1.3 certificate (RFC 8446, 4.4.2.1)."""
    cursor = Cursor(body, "the CertificateStatus")
    if (kind := cursor.number(1)) != 1:
        raise MalformedError(f"the CertificateStatus is of type {kind}, which was not asked for")
    response = cursor.vector(3)
    cursor.finish()
    return response


def parse_certificate_verify(body: bytes) -> tuple[int, bytes]:
    """Scheme and signature (RFC 8446, 4.4.3)."""
    cursor = Cursor(body, "the CertificateVerify")
    scheme, signature = cursor.number(2), cursor.vector(2)
    cursor.finish()
    return scheme, signature


def _extensions(listed: bytes, what: str) -> dict[int, bytes]:
    cursor = Cursor(listed, what)
    found: dict[int, bytes] = {}
    while cursor.at < cursor.end:
        kind = cursor.number(2)
        if kind in found:  # RFC 8446, 4.2
            raise MalformedError(f"{what} has the extension {kind} twice")
        found[kind] = cursor.vector(2)
    return found


def _not_empty(certificate: bytes) -> bytes:
    if not certificate:
        raise MalformedError("the Certificate message holds an empty certificate")
    return certificate
