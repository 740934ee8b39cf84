"""JSON lines as scanners write them: an object a line, or objects over several lines, with text between them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from toolkit.readers.opening import parse_json, read_lines, read_plain, read_value
from toolkit.readers.scans import Scan

_BEGINS: Final = re.compile(r"^\s*[\[{]", re.MULTILINE)
_NOT_AN_OBJECT: Final = "it is not a JSON object, or is cut short"


def read_objects(path: Path, scan: Scan) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line and value of each object; a line that is not an object is recorded as left out, with its number.

    Of a file whose first line is not an object by itself, the objects may go over several lines; such a file is read
    as a whole.
    """
    for number, line in read_lines(path):
        if line is None:
            scan.leave_out("a line that is too long", line=number)
            continue
        if not line.strip():
            continue
        try:
            value = parse_json(line)
        except ValueError:
            if number == 1 and _is_begun(line):
                yield from _objects_of(path, scan)
                return
            scan.leave_out(_NOT_AN_OBJECT, line=number)
            continue
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield number, one
            else:
                scan.leave_out(_NOT_AN_OBJECT, line=number)


def _is_begun(line: bytes) -> bool:
    """Whether the line is the first of an object over several lines, not one that is cut short."""
    return line.rstrip().endswith((b"{", b"[", b","))


def _objects_of(path: Path, scan: Scan) -> Iterator[tuple[int, dict[str, Any]]]:
    document, damage = read_plain(path)
    at, line, counted = 0, 1, 0
    while match := _BEGINS.search(document, at):
        start = match.end() - 1
        line, counted = line + document.count("\n", counted, start), start
        found = read_value(document, start)
        if found is None:
            scan.leave_out(damage or _NOT_AN_OBJECT, line=line)
            return
        value, at = found
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield line, one
