"""The handshake keys of TLS 1.3 (RFC 8446, sections 5.2 and 7): to decrypt the server's flight and send closure alerts.

Contract: `derive` returns the keys of both directions and the server's Finished key. No application key is derived.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from toolkit.wire.cursor import MalformedError
from toolkit.wire.records import APPLICATION_DATA, PLAINTEXT_LIMIT

_Aead = AESCCM | AESGCM | ChaCha20Poly1305


def _ccm_8(key: bytes) -> AESCCM:
    return AESCCM(key, tag_length=8)


_SHA256, _SHA384 = hashes.SHA256(), hashes.SHA384()

SUITES: Final[dict[int, tuple[Callable[[bytes], _Aead], int, hashes.HashAlgorithm]]] = {
    0x1301: (AESGCM, 16, _SHA256),
    0x1302: (AESGCM, 32, _SHA384),
    0x1303: (ChaCha20Poly1305, 32, _SHA256),
    0x1304: (AESCCM, 16, _SHA256),
    0x1305: (_ccm_8, 16, _SHA256),
}
"""RFC 8446, B.4: suite → AEAD, length of its key in bytes, hash."""

IV_SIZE: Final = 12
"""RFC 8446, 5.3: bytes of the IV of each of these suites."""


def can_decrypt(suite: int) -> bool:
    """Whether the records of this TLS 1.3 suite can be decrypted."""
    return suite in SUITES


def hash_name(suite: int) -> str:
    """The suite's hash, as `hashlib` names it."""
    return SUITES[suite][2].name


class Protection:
    """Protects the records of one direction with one key (RFC 8446, 5.2 and 5.3)."""

    __slots__ = ("_aead", "_iv", "_sequence", "_tag_size")

    def __init__(self, aead: _Aead, iv: bytes, tag_size: int) -> None:
        self._aead, self._iv, self._tag_size, self._sequence = aead, int.from_bytes(iv), tag_size, 0

    def decrypt(self, record: bytes) -> tuple[int, bytes]:
        """Inner content type and content; raises `MalformedError`."""
        try:
            inner = self._aead.decrypt(self._nonce(), record, _header(len(record)))
        except (InvalidTag, ValueError) as error:  # ValueError: shorter than a tag
            raise MalformedError("a record cannot be decrypted with the handshake keys") from error
        inner = inner.rstrip(b"\0")
        if not inner:
            raise MalformedError("an encrypted record without content type")
        if not 1 < len(inner) <= PLAINTEXT_LIMIT + 1:
            raise MalformedError(f"an encrypted record with {len(inner) - 1} bytes of content")
        return inner[-1], inner[:-1]

    def encrypt(self, kind: int, content: bytes) -> bytes:
        """The content as a record."""
        header = _header(len(content) + 1 + self._tag_size)
        return header + self._aead.encrypt(self._nonce(), content + bytes((kind,)), header)

    def _nonce(self) -> bytes:
        nonce = (self._iv ^ self._sequence).to_bytes(12)
        self._sequence += 1
        return nonce


@dataclass(slots=True)
class HandshakeKeys:
    """The keys derived from the shared secret and the hellos."""

    server: Protection
    client: Protection
    finished_key: bytes
    hash_name: str

    def finished(self, transcript_hash: bytes) -> bytes:
        """The MAC that the server's Finished must hold (RFC 8446, 4.4.4)."""
        return hmac.digest(self.finished_key, transcript_hash, self.hash_name)


def protection(suite: int, key: bytes, iv: bytes) -> Protection:
    """The protection of one direction with the key and the IV of this suite."""
    make = SUITES[suite][0]
    return Protection(make(key), iv, 8 if make is _ccm_8 else 16)


def derive(suite: int, shared: bytes, transcript_hash: bytes) -> HandshakeKeys:
    """The keys of the suite, from the transcript hash up to the ServerHello (RFC 8446, 7.1)."""
    _, key_size, algorithm = SUITES[suite]
    secret = HKDF.extract(algorithm, _DERIVED[algorithm.name], shared)

    def protected_by(traffic: bytes) -> Protection:
        key, iv = (expand_label(traffic, *part, algorithm) for part in ((b"key", b"", key_size), (b"iv", b"", IV_SIZE)))
        return protection(suite, key, iv)

    size = algorithm.digest_size
    server = expand_label(secret, b"s hs traffic", transcript_hash, size, algorithm)
    client = expand_label(secret, b"c hs traffic", transcript_hash, size, algorithm)
    finished_key = expand_label(server, b"finished", b"", size, algorithm)
    return HandshakeKeys(protected_by(server), protected_by(client), finished_key, algorithm.name)


def expand_label(secret: bytes, label: bytes, context: bytes, size: int, algorithm: hashes.HashAlgorithm) -> bytes:
    """HKDF-Expand-Label (RFC 8446, 7.1)."""
    label = b"tls13 " + label
    info = b"".join((size.to_bytes(2), bytes((len(label),)), label, bytes((len(context),)), context))
    return HKDFExpand(algorithm, size, info).derive(secret)


def _derived(algorithm: hashes.HashAlgorithm) -> bytes:
    """Derive-Secret(Early Secret, "derived", "") without a pre-shared key: a constant for each hash."""
    zeros = bytes(algorithm.digest_size)
    nothing = hashes.Hash(algorithm).finalize()
    return expand_label(HKDF.extract(algorithm, zeros, zeros), b"derived", nothing, algorithm.digest_size, algorithm)


_DERIVED: Final = {algorithm.name: _derived(algorithm) for algorithm in (_SHA256, _SHA384)}


def _header(length: int) -> bytes:
    return bytes((APPLICATION_DATA, 3, 3, length >> 8, length & 0xFF))
