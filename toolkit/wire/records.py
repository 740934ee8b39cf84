"""Records: the outermost layer (RFC 8446, section 5.1; RFC 5246, section 6.2.1; RFC 6101, section 5.2).

Contract: bytes are fed in pieces of any size; `next()` returns a record once it is complete. The declared length of a
record is checked before it is complete, so memory is bounded by the bytes fed. The version of a record is not checked:
RFC 8446 requires that it is ignored, and old servers fill it in loosely.
"""

from typing import Final

from toolkit.wire.cursor import MalformedError

CHANGE_CIPHER_SPEC: Final = 20
ALERT: Final = 21
HANDSHAKE: Final = 22
APPLICATION_DATA: Final = 23

PLAINTEXT_LIMIT: Final = 1 << 14
"""RFC 8446, 5.1: the length of a TLSPlaintext must not exceed 2^14 bytes."""

CIPHERTEXT_LIMIT: Final = PLAINTEXT_LIMIT + 256
"""RFC 8446, 5.2: the length of a TLSCiphertext must not exceed 2^14 + 256 bytes."""


class NotTlsError(ValueError):
    """The first bytes of the stream are not a record. Never leaves this package."""


class Records:
    """The records of a stream."""

    __slots__ = ("_at", "_buffer", "_is_first")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._is_first = True

    def feed(self, data: bytes) -> None:
        """Add bytes; bytes of records that were returned are dropped."""
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += data

    def next(self) -> tuple[int, bytes] | None:
        """Content type and content of the next record; None until it is complete."""
        buffer, at = self._buffer, self._at
        available = len(buffer) - at
        if self._is_first and available:
            self._sniff()
        if available < 5:
            return None
        kind = buffer[at]
        if not CHANGE_CIPHER_SPEC <= kind <= APPLICATION_DATA:
            raise MalformedError(f"a record of type {kind}")
        if buffer[at + 1] != 3:
            raise MalformedError(f"a record of version {buffer[at + 1]}.{buffer[at + 2]}")
        length = buffer[at + 3] << 8 | buffer[at + 4]
        if length > (CIPHERTEXT_LIMIT if kind == APPLICATION_DATA else PLAINTEXT_LIMIT):
            raise MalformedError(f"a record of {length} bytes")
        # RFC 5246, 6.2.1 and RFC 8446, 5.1: only application data may be empty, and a handshake has none.
        if not length:
            raise MalformedError(f"an empty record of type {kind}")
        if available < 5 + length:
            return None
        self._at = at + 5 + length
        return kind, bytes(buffer[at + 5 : self._at])

    def is_midway(self) -> bool:
        """Whether the last record is incomplete."""
        return len(self._buffer) > self._at

    def _sniff(self) -> None:
        first = self._buffer
        is_record = CHANGE_CIPHER_SPEC <= first[0] <= APPLICATION_DATA
        if not is_record or (len(first) > 1 and first[1] != 3):
            shown = bytes(first[:80]).decode("utf-8", "backslashreplace")
            raise NotTlsError(f"the answer begins with {shown!r}")
        self._is_first = len(first) < 2


def record(kind: int, version: int, content: bytes) -> bytes:
    """The content as one or more records."""
    head = bytes((kind, version >> 8, version & 0xFF))
    pieces = (content[at : at + PLAINTEXT_LIMIT] for at in range(0, len(content), PLAINTEXT_LIMIT))
    return b"".join(head + len(piece).to_bytes(2) + piece for piece in pieces)
