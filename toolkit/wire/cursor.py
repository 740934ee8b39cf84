"""Reads numbers and vectors from bytes, in the presentation language of TLS (RFC 8446, section 3).

Contract: reading past the end raises `MalformedError`; no byte is read or copied twice.
"""


class MalformedError(ValueError):
    """The bytes are not in the format; the message says where. Never leaves this package."""


class TooLargeError(ValueError):
    """Something is larger than the limit; the message says what. Never leaves this package."""


class Cursor:
    """A position in bytes; `what` names the bytes in messages."""

    __slots__ = ("at", "data", "end", "what")

    def __init__(self, data: bytes, what: str, at: int = 0) -> None:
        self.data, self.what, self.at, self.end = data, what, at, len(data)

    def number(self, size: int) -> int:
        """The next unsigned integer of `size` bytes."""
        at, self.at = self.at, self.at + size
        if self.at > self.end:
            raise MalformedError(f"{self.what} is cut short")
        return int.from_bytes(self.data[at : self.at])

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        at, self.at = self.at, self.at + size
        if self.at > self.end:
            raise MalformedError(f"{self.what} is cut short")
        return self.data[at : self.at]

    def vector(self, size: int) -> bytes:
        """The next vector: a length of `size` bytes, then as many bytes."""
        return self.take(self.number(size))

    def finish(self) -> None:
        """Raises `MalformedError` if bytes are left."""
        if self.at < self.end:
            raise MalformedError(f"{self.what} has {self.end - self.at} bytes too many")
