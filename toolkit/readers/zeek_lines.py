"""Lines of Zeek's logs: their cells by the header of TSV, and what each connection has of its own."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_CLIENT: Final = ("ts", "uid", "id.orig_h", "id.orig_p")
_JSON_CLIENT: Final = re.compile(
    rb'\{"ts":(\d{1,11})\.(\d{1,6}),"uid":"\w{1,40}","id\.orig_h":"[\da-fA-F.:]{1,45}","id\.orig_p":\d{1,5},'
)
_FILES: Final = ("cert_chain_fuids", "client_cert_chain_fuids")
"""Columns of the files by which Zeek before 4.1 names certificates: every connection has files of its own."""

_FILES_CELL: Final = re.compile(rb'F\w*(?:"?,"?F\w*)*')
_MOST_DIGITS: Final = 17
_ESCAPED: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|\\)")

Record = Mapping[str, object]
"""One line; what Zeek calls unset or empty is not in it."""


class ConnectionLine(NamedTuple):
    """A line about a connection, without what each connection has of its own."""

    at: int
    """In microseconds since 1970."""
    rest: bytes
    """What follows the client, without files."""
    of_server: bytes
    """The files of the server's certificates."""
    of_client: bytes


class Columns:
    """What the header of a TSV log says about its cells."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.others = 0
        """Lines of other logs so far."""
        self._path: dict[str, str] = {}
        """The log of this part as `_path`, as JSON names it; empty where the header does not say."""
        self._between, self._within = "\t", ","
        self._absent = {"#unset_field": "-", "#empty_field": "(empty)"}
        self._types: list[str] = []
        self._is_usual = False
        """Whether the instant and the client are in the first four cells, as in Zeek's own scripts."""
        self._files: list[int | None] = [None, None]
        """Which of the cells behind the client name files, of the server and of the client."""

    def read(self, line: bytes) -> None:
        """Take a line of the header; other comments are passed over."""
        header = line.decode("utf-8", "replace").rstrip("\r\n")
        if header.startswith("#separator "):
            self._between = _unescaped(header.partition(" ")[2]) or "\t"
            self._path = {}
            return
        name, *cells = header.split(self._between)
        if name == "#fields":
            self.names = cells
            self._is_usual = self._between == "\t" and tuple(cells[:4]) == _CLIENT
            self._files = [cells.index(one, 4) - 4 if one in cells[4:] else None for one in _FILES]
        elif name == "#path" and cells:
            self._path = {"_path": cells[0]}
        elif name == "#types":
            self._types = cells
        elif name == "#set_separator" and cells and cells[0]:
            self._within = cells[0]
        elif name in self._absent and cells:
            self._absent[name] = cells[0]

    def split_off_client(self, line: bytes) -> ConnectionLine | None:
        """What a line about a connection says apart from its client; None for other lines."""
        if line[:1] == b"{":
            match = _JSON_CLIENT.match(line)
            if match is None:
                return None
            at = int(match[1] + match[2].ljust(6, b"0"))
            of_client, rest = _take_list(line[match.end() :], b'"client_cert_chain_fuids":["')
            of_server, rest = _take_list(rest, b'"cert_chain_fuids":["')
            return ConnectionLine(at, rest, of_server, of_client)
        if not self._is_usual:
            return None
        cells = line.split(b"\t", 4)
        digits = cells[0].replace(b".", b"", 1)
        if len(cells) < 5 or cells[0][-7:-6] != b"." or not digits.isdigit() or len(digits) > _MOST_DIGITS:
            return None
        return ConnectionLine(int(digits), *self._split_off_files(cells[4]))

    def _split_off_files(self, rest: bytes) -> tuple[bytes, bytes, bytes]:
        """What follows the client without the cells that name files, then these cells."""
        if self._files == [None, None]:
            return rest, b"", b""
        cells = rest.split(b"\t")
        of_server, of_client = (_take_cell(cells, place) for place in self._files)
        return (b"\t".join(cells) if of_server or of_client else rest), of_server, of_client

    def split(self, line: str) -> Record | None:
        """The record of a line; None where its cells are not those of the header."""
        cells = line.rstrip("\r\n").split(self._between)
        if len(cells) != len(self.names) or len(self._types) != len(cells):
            return None
        record: dict[str, object] = {**self._path}
        absent = self._absent.values()
        for name, kind, cell in zip(self.names, self._types, cells, strict=True):
            if cell in absent:
                continue
            if kind == "bool":
                record[name] = cell == "T"
            elif kind.startswith(("vector", "set")):
                record[name] = [_unescaped(one) for one in cell.split(self._within)]
            else:
                record[name] = _unescaped(cell)
        return record


def _take_cell(cells: list[bytes], place: int | None) -> bytes:
    """Empty the cell that names files, and return what was in it; nothing where it names none."""
    if place is None or len(cells) <= place or not _FILES_CELL.fullmatch(cells[place].rstrip()):
        return b""
    files, cells[place] = cells[place], b""
    return files


def _take_list(line: bytes, begin: bytes) -> tuple[bytes, bytes]:
    """The files in the list of JSON that begins so, and the line without them; nothing where it names none."""
    before, _, after = line.partition(begin)
    files, found, rest = after.partition(b'"]')
    return (files, before + rest) if found and _FILES_CELL.fullmatch(files) else (b"", line)


def _unescaped(cell: str) -> str:
    r"""Zeek's `\x2c` is a byte of UTF-8, and `\\` a backslash."""
    if "\\" not in cell:
        return cell
    raw = _ESCAPED.sub(lambda match: chr(int(match[1], 16)) if match[1] else "\\", cell)
    try:
        return raw.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return raw
