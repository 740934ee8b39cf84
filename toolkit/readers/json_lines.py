"""JSON lines as scanners write them: an object a line, or objects over several lines, with text between them."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from toolkit.epoch import microseconds
from toolkit.readers.opening import as_object, parse_json, read_lines, read_members, read_plain, read_value, read_values
from toolkit.readers.scans import Scan, ShownFacts
from toolkit.readers.spelling import instant_of

_BEGINS: Final = re.compile(r"^\s*(?:\{|\[(?=\s*[\[{\]]))", re.MULTILINE)
"""Where an object or a list of them begins; `[INF]` is text."""

_BEGUN: Final = re.compile(rb"\s*(?:\{|\[\s*(?:[\[{]|\Z))")
_LIST: Final = re.compile(r'\s*(?:\{\s*"entries"\s*:\s*)?\[')
"""Where a list begins, as such or in the answer of a Certificate Transparency log."""

_MOST_SHOWN: Final = 50_000
_NOT_AN_OBJECT: Final = "it is not a JSON object, or is cut short"


class Repeats:
    """Lines that show what an earlier line did: they differ in the instant alone, the value of their first key.

    After each object that was read, `remember` is to be called.
    """

    def __init__(self, scan: Scan, key: str) -> None:
        self._scan = scan
        self._begins = re.compile(rf'\{{"{key}": ?"([^"\\]{{10,40}})",'.encode())
        self._shown: dict[bytes, ShownFacts] = {}
        """Digest of the rest of a line, which may be long, → what its look shows."""
        self._rest = b""

    def take(self, line: bytes) -> bool:
        """Take the look of a line that repeats an earlier one; false for any other line, which is to be read."""
        match = self._begins.match(line)
        self._rest = hashlib.blake2b(line[match.end() :], digest_size=16).digest() if match else b""
        shown = self._shown.get(self._rest)
        at = instant_of(match[1].decode("ascii", "replace")) if match and shown is not None else None
        if shown is None or at is None:
            return False
        self._scan.look_again(shown, microseconds(at))
        return True

    def remember(self, shown: ShownFacts | None) -> None:
        """`shown`: what the line that was read last shows; None where it says more than that."""
        if shown is not None and self._rest:
            if len(self._shown) >= _MOST_SHOWN:
                self._shown.clear()
            self._shown[self._rest] = shown


def read_objects(
    path: Path, scan: Scan, repeats: Repeats | None = None, *, depth: int = 0
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line and value of each object; a line that is not an object is recorded as left out, with its number.

    Of a file that begins with an object over several lines, after lines of text or without, all may go over several
    lines; such a file is read as a whole. Of a list that is cut short or damaged, the objects before that are read; of
    an object, where there is a `depth`, its members as by `read_members`.
    """
    is_text = True
    for number, line in read_lines(path):
        if line is None:
            scan.leave_out("a line that is too long", line=number)
            continue
        if (repeats and repeats.take(line)) or not line.strip():
            continue
        try:
            value = parse_json(line)
        except ValueError:
            if is_text and _is_begun(line):
                yield from _objects_of(path, scan, depth)
                return
            yield from _whole_of(line.decode("utf-8", "replace"), 0, scan, _NOT_AN_OBJECT, line=number, depth=depth)
            continue
        is_text = False
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield number, one
            else:
                scan.leave_out(_NOT_AN_OBJECT, line=number)


def _is_begun(line: bytes) -> bool:
    """Whether the line is the first of an object over several lines, not one that is cut short."""
    return _BEGUN.match(line) is not None and line.rstrip().endswith((b"{", b"[", b","))


def _objects_of(path: Path, scan: Scan, depth: int) -> Iterator[tuple[int, dict[str, Any]]]:
    document, damage = read_plain(path)
    at, line, counted = 0, 1, 0
    while match := _BEGINS.search(document, at):
        start = match.end() - 1
        line, counted = line + document.count("\n", counted, start), start
        found = read_value(document, start)
        if found is None:
            yield from _whole_of(document, start, scan, damage or _NOT_AN_OBJECT, line=line, depth=depth)
            return
        value, at = found
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield line, one


def _whole_of(
    document: str, start: int, scan: Scan, words: str, *, line: int, depth: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a list that is damaged, or the members of an object, as far as they are whole.

    `words`: what is wrong where none is.
    """
    match = _LIST.match(document, start)
    for _, value in read_values(document, match.end()) if match else ():
        if isinstance(value, dict):
            words = "the list is cut short or damaged after the last object that is whole"
            yield line, value
    if depth and (members := as_object(read_members(document, start, depth=depth))):
        words = "the object is cut short or damaged after the last member that is whole"
        yield line, dict(members)
    scan.leave_out(words, line=line)
