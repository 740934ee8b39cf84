"""Files of other tools, opened safely: decompressed within limits, by line, or as JSON."""

import codecs
import gzip
import io
import json
import re
import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from toolkit import text
from toolkit.errors import ReadError, ReadWarning
from toolkit.files import open_regular
from toolkit.readers.batches import find_recipient

LARGEST_WHOLE: Final = 1 << 28
"""Bytes of a document that is read as a whole, decompressed."""

LARGEST_STREAM: Final = 1 << 36
"""Bytes of a file that is read in parts, decompressed: what a bomb of gzip may unpack to before it is refused."""

LONGEST_LINE: Final = 1 << 25
"""Bytes of one line."""

_HEAD: Final = 1 << 16
_GZIP: Final = b"\x1f\x8b"
_DAMAGED: Final = (EOFError, zlib.error, gzip.BadGzipFile)
_LONGEST_INTEGER: Final = 4000


class Bounded(io.RawIOBase):
    """A file that ends with a `ReadError` after `most` bytes, and where its compression is damaged with its data."""

    def __init__(self, path: Path, most: int) -> None:
        self._path, self._left, self._most = path, most, most
        self._kept = open_regular(path)
        is_gzip = self._kept.read(2) == _GZIP
        self._kept.seek(0)
        plain = cast("io.BufferedReader", self._kept)
        self._file: io.BufferedIOBase = gzip.GzipFile(fileobj=self._kept) if is_gzip else plain
        self._recipient, self._counted = find_recipient(), 0
        self.damage: str | None = None
        """What is wrong with the compression; None where nothing was noticed."""

    def readable(self) -> bool:
        """As every file that is read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into the buffer, as `io.RawIOBase`."""
        try:
            data = self._some(len(buffer))
        except _DAMAGED as error:
            self.damage = f"the compressed data is damaged or cut short ({text.plain(error)})"
            return 0
        if self._recipient:
            at = self._kept.tell()
            self._recipient.advance(at - self._counted)
            self._counted = at
        self._left -= len(data)
        if self._left < 0:
            raise ReadError(f"{self._path} holds more than {self._most:,} bytes, decompressed. Split it.")
        buffer[: len(data)] = data
        return len(data)

    def _some(self, size: int) -> bytes:
        """What there is, up to `size` bytes, so that damage ends it only where it is."""
        return self._file.read1(size)

    def close(self) -> None:
        """Close the file below too."""
        self._file.close()
        self._kept.close()
        super().close()


class BoundedText(Bounded):
    """The same of text: in UTF-8 without a byte order mark, as `toolkit.pem.as_utf8` gives what fits in memory.

    Where all lines end with a carriage return alone, they end with a line feed here.
    """

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(path, most)
        try:
            head = self._file.read1(_HEAD)
        except _DAMAGED:  # which is noticed again where it is read
            head = b""
        self._file.seek(len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0)
        self.is_utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        """Whether the file is in UTF-16, whatever it says itself."""
        self._has_returns = not self.is_utf16 and has_returns(head)
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace") if self.is_utf16 else None
        self._decoded = b""

    def _some(self, size: int) -> bytes:
        if self._decoder is None:
            data = super()._some(size)
            return data.replace(b"\r", b"\n") if self._has_returns else data
        while not self._decoded:
            data = super()._some(size)
            self._decoded = self._decoder.decode(data, not data).encode()
            if not data:
                break
        given, self._decoded = self._decoded[:size], self._decoded[size:]
        return given


def has_returns(head: bytes) -> bool:
    """Whether the lines of a text that begins so end with a carriage return alone."""
    return b"\r" in head and b"\n" not in head


def open_plain(path: Path, *, most: int = LARGEST_STREAM) -> Bounded:
    """The file, decompressed where it is compressed by gzip. Raises `ReadError` and `OSError` like `open_regular`."""
    return Bounded(path, most)


def open_text(path: Path, *, most: int = LARGEST_STREAM) -> BoundedText:
    """The same of text: UTF-16 with a byte order mark becomes UTF-8, and a mark is left out."""
    return BoundedText(path, most)


def read_plain(path: Path) -> tuple[str, str | None]:
    """The whole text of a document in UTF-8 or UTF-16, and what is wrong with it.

    Bytes that are not UTF-8 become U+FFFD, which a `ReadWarning` says.
    Raises `ReadError` for more than `LARGEST_WHOLE` bytes.
    """
    with open_text(path, most=LARGEST_WHOLE) as file:
        plain = file.readall() or b""
        damage = file.damage
    try:
        return plain.decode(), damage
    except UnicodeDecodeError as error:
        line = plain.count(b"\n", 0, error.start) + 1
        said = f"{path}, line {line}: bytes that are not UTF-8 are read as U+FFFD, also in names."
        warnings.warn(said, ReadWarning, stacklevel=2)
    return plain.decode("utf-8", "replace"), damage


def read_lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Number and bytes of each line, in UTF-8; None for one of more than `LONGEST_LINE` bytes, which is skipped.

    Where the compression is damaged, a `ReadWarning` says so after the last line that could be had.
    """
    with open_text(path) as raw, io.BufferedReader(raw, 1 << 20) as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
                yield number, None
            else:
                yield number, line
        if raw.damage:
            warnings.warn(f"{path}: after line {number}: {raw.damage}.", ReadWarning, stacklevel=2)


def read_marked_lines(path: Path, marks: tuple[bytes, ...]) -> Iterator[tuple[int, bytes | None]]:
    """Number and bytes of each line with one of the marks in it; else as `read_lines`, and several times as fast."""
    with open_text(path) as file:
        number, rest, is_skipping = 1, b"", False
        while chunk := file.read(1 << 20):
            if is_skipping:
                _, found, chunk = chunk.partition(b"\n")
                if not found:
                    continue
                number, is_skipping = number + 1, False
            data = rest + chunk
            end = data.rfind(b"\n") + 1
            if not end and len(data) > LONGEST_LINE:
                yield number, None
                rest, is_skipping = b"", True
                continue
            counted = 0
            for start, stop in _marked(data, end, marks):
                number, counted = number + data.count(b"\n", counted, start), start
                yield number, data[start:stop]
            number, rest = number + data.count(b"\n", counted, end), data[end:]
        if any(mark in rest for mark in marks):
            yield number, rest
        if file.damage:
            warnings.warn(f"{path}: after line {number}: {file.damage}.", ReadWarning, stacklevel=2)


def _marked(data: bytes, end: int, marks: tuple[bytes, ...]) -> list[tuple[int, int]]:
    """Where the lines with a mark begin and end."""
    lines: dict[int, int] = {}
    for mark in marks:
        place = data.find(mark, 0, end)
        while place >= 0:
            stop = data.find(b"\n", place)
            lines[data.rfind(b"\n", 0, place) + 1] = stop
            place = data.find(mark, stop, end)
    return sorted(lines.items())


def parse_json(document: str | bytes) -> Any:
    """The value of a JSON document. Raises `ValueError` where it is not one, or is nested too deeply."""
    try:
        plain = (
            document if isinstance(document, str) else document.decode(json.detect_encoding(document), "surrogatepass")
        )
        return _DECODER.decode(plain)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_value(document: str, start: int) -> tuple[Any, int] | None:
    """The JSON value that begins there and where it ends; None where it is none, or is cut short."""
    try:
        return _DECODER.raw_decode(document, start)
    except (ValueError, RecursionError):
        return None


def read_members(document: str, start: int, *, depth: int) -> Any:
    """The JSON value that begins there and is cut short, with the members that are whole; None where there are none.

    A member that is nested more deeply than `depth` is part of the one around it, which is left out unless it is whole.

    >>> read_members('{"a": 1, "b": [{"c": 2}, {"c": 3, "d"', 0, depth=2)
    {'a': 1, 'b': [{'c': 2}]}
    """
    document = document[start:].lstrip()
    closing: list[str] = []
    end = open_there = 0
    for token in _TOKENS.finditer(document):
        mark = token[0]
        if mark in _CLOSING:
            closing.append(_CLOSING[mark])
            continue
        if closing and mark == closing[-1]:
            closing.pop()
        elif mark in {"]", "}", '"'}:  # the wrong bracket, or text without an end
            break
        if len(mark) == 1 and len(closing) <= depth:
            end, open_there = token.start() + (mark != ","), len(closing)
    found = read_value(document[:end] + "".join(reversed(closing[:open_there])), 0)
    return found and found[0]


def read_values(document: str, start: int = 0) -> Iterator[tuple[int, Any]]:
    """Position and value of each JSON value from `start` on, between blanks or commas, as far as they are whole."""
    at = start
    while at < len(document):
        match = _SEPARATORS.match(document, at)
        at = match.end() if match else at
        found = read_value(document, at)
        if found is None:
            return
        yield at, found[0]
        at = found[1]


def find_array(document: str, key: str) -> int | None:
    """The position behind the bracket of the first array with that key; None where there is none."""
    match = re.search(rf'"{re.escape(key)}"\s*:\s*\[', document)
    return match.end() if match else None


def as_object(value: object) -> Mapping[str, Any]:
    """The value where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The value where it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def as_objects(value: object) -> list[Mapping[str, Any]]:
    """The objects of a JSON array, else none."""
    return [one for one in as_list(value) if isinstance(one, dict)]


def line_of(document: str, at: int) -> int:
    """The number of the line that the position is in."""
    return document.count("\n", 0, at) + 1


_SEPARATORS: Final = re.compile(r"[\s,]*")
_TOKENS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{},"]', re.DOTALL)
_CLOSING: Final = {"[": "]", "{": "}"}


def _integer(digits: str) -> int | str:
    """The number; as text where it has more digits than Python converts."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else digits


_DECODER: Final = json.JSONDecoder(parse_int=_integer)
"""Made once: `json.loads` with `parse_int` makes one for each document."""
