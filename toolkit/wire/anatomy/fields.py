"""Reads bytes as a sequence of named fields.

Contract: the fields cover the bytes from the start without a gap or an overlap. Bytes that cannot be read become one
field named `unread`.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from toolkit.wire.cursor import MalformedError


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its offset and length in bytes, name, bytes as hex, meaning, and the section that specifies it.

    `name` is a path from the message to the field, separated by dots, with numbers for list entries; `meaning` is empty
    where the bytes have none of their own (random, keys, signatures).
    """

    offset: int
    length: int
    name: str
    value: str
    meaning: str
    section: str


class FieldReader:
    """Reads bytes from front to back and appends a field to `fields` for each value read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at, self.end = 0, len(data)
        self.fields: list[Field] = []
        self.suite: int | None = None
        """The suite of the last ServerHello, which decides the format of later messages. None: none was read."""
        self._path: list[str] = []
        self._section = ""

    @contextlib.contextmanager
    def inside(self, name: str, section: str | None = None) -> Iterator[None]:
        """Fields read within the context have names below `name`; without a section, the outer one applies."""
        before = self._section
        self._path.append(name)
        self._section = before if section is None else section
        yield
        self._path.pop()
        self._section = before

    @contextlib.contextmanager
    def bounded(self, size: int) -> Iterator[None]:
        """Limit the reader to the next `size` bytes; those left at the end become an unread field."""
        outer, here = self.end, self.at + size
        if here > outer:
            raise MalformedError(f"{size} bytes announced, {outer - self.at} present")
        self.end = here
        yield
        self.add_unread("more bytes than the format has")
        self.end = outer

    def number(self, name: str, size: int, meaning: Callable[[int], str] | str = "") -> int:
        """An unsigned integer."""
        value = int.from_bytes(self._peek(size))
        self._add(name, size, meaning if isinstance(meaning, str) else meaning(value))
        return value

    def take(self, name: str, size: int, meaning: Callable[[bytes], str] | str = "") -> bytes:
        """`size` bytes; no field where it is 0."""
        value = self._peek(size)
        if size:
            self._add(name, size, meaning if isinstance(meaning, str) else meaning(value))
        return value

    def rest(self, name: str, meaning: Callable[[bytes], str] | str = "") -> bytes:
        """All bytes up to the limit."""
        return self.take(name, self.end - self.at, meaning)

    def vector(self, name: str, size: int, meaning: Callable[[bytes], str] | str = "") -> bytes:
        """A length of `size` bytes, then as many bytes."""
        return self.take(name, self.length(name, size), meaning)

    def length(self, name: str, size: int) -> int:
        """The length field of a vector."""
        return self.number(
            f"{name}.length", size, lambda value: "1 byte follows" if value == 1 else f"{value} bytes follow"
        )

    @contextlib.contextmanager
    def within(self, name: str, size: int, section: str | None = None) -> Iterator[None]:
        """A vector whose content is read field by field within the context."""
        length = self.length(name, size)
        with self.inside(name, section), self.bounded(length):
            yield

    def is_at_end(self) -> bool:
        """No byte is left up to the limit."""
        return self.at >= self.end

    def add_unread(self, why: str) -> None:
        """Add the bytes up to the limit as one field that could not be read."""
        if self.at < self.end:
            self._add("unread", self.end - self.at, why)

    def reset(self) -> None:
        """Leave every name and section, after an error."""
        self._path, self._section = [], ""

    def _peek(self, size: int) -> bytes:
        if self.at + size > self.end:
            raise MalformedError(f"{size} bytes expected, {self.end - self.at} present")
        return self.data[self.at : self.at + size]

    def _add(self, name: str, size: int, meaning: str) -> None:
        value = self.data[self.at : self.at + size].hex()
        self.fields.append(Field(self.at, size, ".".join([*self._path, name]), value, meaning, self._section))
        self.at += size
