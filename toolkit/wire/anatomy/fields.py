"""Bytes taken apart into fields: the pen with which `anatomy` writes.

Contract: the fields written cover the bytes from the start on without gap or overlap, whatever happens; what is left
over when a reader gives up is written as one field by `leave`.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from toolkit.wire.cursor import MalformedError


@dataclass(frozen=True, slots=True)
class Field:
    """One field: where it lies, what it is called, its bytes as hex, what they mean, and where that is written.

    `name` leads from the message to the field by dots, list entries by number; `meaning` is empty where the bytes
    have none of their own (random, keys, signatures).
    """

    offset: int
    length: int
    name: str
    value: str
    meaning: str
    section: str


class Pen:
    """Reads front to back and writes a field for whatever it reads."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at, self.end = 0, len(data)
        self.fields: list[Field] = []
        self.suite: int | None = None
        """Chosen by the last ServerHello: it decides the form of what follows. Null: none was read."""
        self._path: list[str] = []
        self._section = ""

    @contextlib.contextmanager
    def inside(self, name: str, section: str | None = None) -> Iterator[None]:
        """Names written within are below `name`; without a section the one around it stays."""
        before = self._section
        self._path.append(name)
        self._section = before if section is None else section
        yield
        self._path.pop()
        self._section = before

    @contextlib.contextmanager
    def bounded(self, size: int) -> Iterator[None]:
        """The next `size` bytes only; what is not read of them is written as unread."""
        outer, here = self.end, self.at + size
        if here > outer:
            raise MalformedError(f"{size} bytes announced, {outer - self.at} there")
        self.end = here
        yield
        self.leave("more than its form allows")
        self.end = outer

    def number(self, name: str, size: int, meaning: Callable[[int], str] | str = "") -> int:
        """An unsigned integer."""
        value = int.from_bytes(self._peek(size))
        self._write(name, size, meaning if isinstance(meaning, str) else meaning(value))
        return value

    def take(self, name: str, size: int, meaning: Callable[[bytes], str] | str = "") -> bytes:
        """`size` bytes; none writes nothing."""
        value = self._peek(size)
        if size:
            self._write(name, size, meaning if isinstance(meaning, str) else meaning(value))
        return value

    def rest(self, name: str, meaning: Callable[[bytes], str] | str = "") -> bytes:
        """Everything up to the bound."""
        return self.take(name, self.end - self.at, meaning)

    def vector(self, name: str, size: int, meaning: Callable[[bytes], str] | str = "") -> bytes:
        """A length of `size` bytes, then as many bytes."""
        return self.take(name, self.length(name, size), meaning)

    def length(self, name: str, size: int) -> int:
        """The length field alone of a vector."""
        return self.number(
            f"{name}.length", size, lambda value: "1 byte follows" if value == 1 else f"{value} bytes follow"
        )

    @contextlib.contextmanager
    def within(self, name: str, size: int, section: str | None = None) -> Iterator[None]:
        """A vector whose content is read field by field."""
        length = self.length(name, size)
        with self.inside(name, section), self.bounded(length):
            yield

    def is_at_end(self) -> bool:
        """Nothing is left within the bound."""
        return self.at >= self.end

    def leave(self, why: str) -> None:
        """Write what is left within the bound as one field that could not be read."""
        if self.at < self.end:
            self._write("unread", self.end - self.at, why)

    def forget(self) -> None:
        """Begin again at the top, after a reader gave up."""
        self._path, self._section = [], ""

    def _peek(self, size: int) -> bytes:
        if self.at + size > self.end:
            raise MalformedError(f"{size} bytes are due, {self.end - self.at} there")
        return self.data[self.at : self.at + size]

    def _write(self, name: str, size: int, meaning: str) -> None:
        value = self.data[self.at : self.at + size].hex()
        self.fields.append(Field(self.at, size, ".".join([*self._path, name]), value, meaning, self._section))
        self.at += size
