"""DER (X.690): a reader of elements, and the types that occur in certificates."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from toolkit.errors import UsageError
from toolkit.text import type_name

# ITU-T X.690, section 8: universal tags, and the context tags of RFC 5280.
BOOLEAN, INTEGER, BITS, OCTETS, OID = 0x01, 0x02, 0x03, 0x04, 0x06
SEQUENCE, SET, UTC_TIME, GENERALIZED_TIME = 0x30, 0x31, 0x17, 0x18

# RFC 5280, section 4.1.2.5, and the wider forms of X.680 that occur in old certificates.
_TIME = re.compile(rb"(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?(?:\.\d+)?(?:Z|([+-])(\d{2})(\d{2}))\Z")

_Read = TypeVar("_Read")


class BrokenError(ValueError):
    """The bytes are not valid at their position; the message says why."""


class Der:
    """A reader over DER elements (X.690), from front to back."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data, self.at, self.end = data, at, len(data) if end is None else end

    def take(self, *tags: int) -> "Der":
        """The content of the next element, which must have one of the tags; without tags, any."""
        start, end = self._next()
        if tags and self.data[self.at] not in tags:
            raise BrokenError(f"tag {self.data[self.at]:#04x} instead of {tags[0]:#04x}")
        self.at = end
        return Der(self.data, start, end)

    def take_whole(self, *tags: int) -> bytes:
        """The next element with its tag and length."""
        at = self.at
        self.take(*tags)
        return self.data[at : self.at]

    def peek(self) -> int | None:
        """The next tag; None at the end."""
        return self.data[self.at] if self.at < self.end else None

    def content(self) -> bytes:
        """The bytes that are left."""
        return self.data[self.at : self.end]

    def _next(self) -> tuple[int, int]:
        at = self.at + 2
        if at > self.end:
            raise BrokenError("cut short")
        if self.data[self.at] & 0x1F == 0x1F:
            raise BrokenError(f"tag {self.data[self.at]:#04x} of several bytes")
        length = self.data[at - 1]
        if length >= 0x80:
            size = length & 0x7F
            if not 0 < size <= 4:
                raise BrokenError("indefinite or overlong length")
            length = int.from_bytes(self.data[at : at + size])
            at += size
        if at + length > self.end:
            raise BrokenError("cut short")
        return at, at + length


def check_der(given: object, name: str) -> None:
    """Raises `UsageError` where the function called `name` was given something else than bytes."""
    if not isinstance(given, bytes):
        advice = "toolkit.read reads files; give one value of its certificates['der']"
        raise UsageError(f"{name} takes the bytes of one certificate in DER, not {type_name(given)}: {advice}.")


def attempt(name: str, problems: list[str], read: Callable[[], _Read]) -> _Read | None:
    """The result of `read`; None where it raises `BrokenError`, which adds `name` and the reason to `problems`."""
    try:
        return read()
    except BrokenError as error:
        problems.append(f"{name}: {error}")
        return None


def read_integer(der: Der) -> int:
    """The content of an INTEGER."""
    if der.at == der.end:
        raise BrokenError("an INTEGER without content")
    return int.from_bytes(der.content(), signed=True)


def read_oid(der: Der) -> str:
    """The content of an OBJECT IDENTIFIER in dotted form."""
    content = der.content()
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise BrokenError("not an object identifier")
    arcs, arc = [], 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def read_time(der: Der) -> datetime:
    """The next element, a UTCTime or a GeneralizedTime."""
    tag = der.peek()
    content = der.take(UTC_TIME, GENERALIZED_TIME).content()
    match = _TIME.match(content)
    if match is None or len(match[1]) != (2 if tag == UTC_TIME else 4):
        raise BrokenError(f"{content[:40]!r} is not a time")
    year, month, day, hour, minute, second = (int(match[index] or 0) for index in range(1, 7))
    if tag == UTC_TIME:
        year += 1900 if year >= 50 else 2000
    try:
        instant = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        if match[7]:
            offset = timedelta(hours=int(match[8]), minutes=int(match[9]))
            instant += -offset if match[7] == b"+" else offset
    except (ValueError, OverflowError) as error:
        raise BrokenError(f"{content[:40]!r} is not a time ({error})") from error
    return instant
