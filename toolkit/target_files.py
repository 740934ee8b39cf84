"""Files of targets: lists and inventories of what to observe, as text or CSV. One bad line does not refuse the rest."""

import csv
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import pandas as pd

from toolkit.arguments import require_boolean
from toolkit.columns import Column, dtypes, returns
from toolkit.errors import ReadError, ReadWarning, UsageError
from toolkit.files import read_regular
from toolkit.presets import without_comment
from toolkit.schemes import require_scheme
from toolkit.targets import MailDomain, Target, compose_target, make_expander
from toolkit.text import did_you_mean, plain, type_name

LISTED: Final = (
    Column("line", "integer", "number of the line in the file, from 1"),
    Column("target", "text", "the service, or `mx:` and the domain"),
    Column("service", "text", "scheme://host:port", "`mx:domain`, whose mail servers are not known yet"),
    Column("host", "text", "host name or address; of `mx:domain` the domain"),
)
"""The first columns of `read_targets`."""

_WHOLE: Final = ("target", "service", "url", "host")
"""Columns that name targets, the first of them first."""

_PARTS: Final = ("scheme", "port")
_RESERVED: Final = {*dtypes(LISTED), *_PARTS}
_SEPARATORS: Final = ",;\t|"
_SEPARATOR_LINE: Final = re.compile(r"\s*sep=.\s*", re.IGNORECASE)
"""What spreadsheets write above the names of the columns."""

_MOST_BYTES: Final = 1 << 26
_LONGEST_LINE: Final = 1 << 14
_MOST_NAMED: Final = 20


class Line(NamedTuple):
    """A line of the file that names a target."""

    number: int
    item: str
    """The target as it is written."""
    more: dict[str, str | None]
    """The other cells of the line, by column."""


class _Table(NamedTuple):
    """A CSV file: its separator, its columns, and the one that names targets."""

    separator: str
    columns: list[str]
    column: str


@returns(LISTED)
def read_targets(
    source: str | Path | BinaryIO, *, column: str | None = None, scheme: str | None = None, strict: bool = False
) -> pd.DataFrame:
    """The targets that a file lists, as a frame that `observe`, `survey` and `collect` take: one row per service.

    `source`: a path, or a file opened in binary mode. Text has a target per line. CSV (separated by `,`, `;`, `|` or
    tabs) begins with the names of its columns: `target`, `service`, `url` or `host`, also with `scheme` and
    `port`; `column` names another one. Its further columns (owner, environment) follow those below, as text. Lines
    that begin with `#` are comments, in text also what follows ` #`. A preset gives a row per service. Of a service
    that is listed several times, the first line counts.

    `scheme`, such as `https`, is that of lines which name none, and no port that implies one: a list of host names.

    A line that is not a target is left out, and a `toolkit.errors.ReadWarning` says why, with its number; `strict`
    makes a `UsageError` of all of them. Raises `UsageError` too where no line is a target and where there is no such
    column, and `ReadError` for a file that cannot be read or has more than 64 MiB.

    >>> from toolkit import read_targets
    >>> from io import BytesIO
    >>> inventory = read_targets(BytesIO(b"host,port,owner\\nmx.example.org,25,mail team\\nwww.example.org,443,web"))
    >>> inventory[["line", "service", "owner"]].values.tolist()
    [[2, 'smtp://mx.example.org:25', 'mail team'], [3, 'https://www.example.org:443', 'web']]

    The other columns join any frame by `service` or `host`:

    >>> import toolkit
    >>> looks = toolkit.observe("tls://127.0.0.1:1", progress=False).observations
    >>> owners = read_targets(BytesIO(b"target,owner\\ntls://127.0.0.1:1,nobody"))[["service", "owner"]]
    >>> looks.merge(owners, on="service", how="left")[["service", "outcome", "owner"]].values.tolist()
    [['tls://127.0.0.1:1', 'port_closed', 'nobody']]
    """
    rows: dict[str, dict[str, object]] = {}
    for found, one in find_targets(source, column=column, scheme=scheme, strict=strict):
        service, host = (one.service, one.host) if isinstance(one, Target) else (None, one.name)
        row: dict[str, object] = {"line": found.number, "target": str(one), "service": service, "host": host}
        rows.setdefault(str(one), row | found.more)
    more = list(dict.fromkeys(key for row in rows.values() for key in row if key not in _RESERVED))
    frame = pd.DataFrame(list(rows.values()), columns=[*dtypes(LISTED), *more], dtype=object)
    return frame.astype(dtypes(LISTED) | dict.fromkeys(more, "string"))


def find_targets(
    source: str | Path | BinaryIO, *, column: str | None, scheme: str | None, strict: bool
) -> Iterator[tuple[Line, Target | MailDomain]]:
    """Each target of the file with its line, one after the other; `read_targets` says the rest.

    What is wrong with lines is said at the end: by a caller that stops before, it is not.
    """
    require_boolean("strict", strict)
    if scheme is not None:
        require_scheme("read_targets", scheme)
    name, lines = _read_lines(source)
    problems: list[str] = []
    is_empty, expand = True, make_expander(scheme)
    for found in _find_items(name, lines, column, problems):
        try:
            targets = expand(found.item)
        except UsageError as error:
            problems.append(f"line {found.number}: {error}")
            continue
        for target in targets:
            is_empty = False
            yield found, target
    _report(name, problems, strict=strict, is_empty=is_empty)


def _read_lines(source: str | Path | BinaryIO) -> tuple[str, list[bytes]]:
    """What messages call the file, and its lines as bytes in UTF-8."""
    if isinstance(source, str | Path):
        name = str(source)
        try:
            data = read_regular(Path(source), most=_MOST_BYTES)
        except OSError as error:
            raise ReadError(f"{name}: {error.strerror or error}. Name a file of targets.") from error
    elif hasattr(source, "read"):
        name = plain(getattr(source, "name", "the file"))
        data = source.read(_MOST_BYTES + 1)
        if not isinstance(data, bytes):
            raise UsageError("read_targets takes a path, or a file opened in binary mode: open(path, 'rb').")
        if len(data) > _MOST_BYTES:
            raise ReadError(f"{name} has more than {_MOST_BYTES:,} bytes. Split it.")
    else:
        raise UsageError(f"read_targets takes a path or a binary file, not {type_name(source)}.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # byte order marks of UTF-16, which spreadsheets write
        data = data.decode("utf-16", "replace").encode()
    return name, data.removeprefix(b"\xef\xbb\xbf").splitlines()


def _find_items(name: str, lines: list[bytes], column: str | None, problems: list[str]) -> Iterator[Line]:
    """Each line's target as it is written; lines that cannot be split are added to `problems`."""
    table: _Table | None = None
    is_first = True
    for number, line in enumerate(lines, 1):
        try:
            words = _decode(line)
            if words.lstrip().startswith("#") or not words.strip() or (is_first and _SEPARATOR_LINE.fullmatch(words)):
                continue
            if is_first:
                is_first = False
                table = _find_table(name, number, words, column)
                if table is not None:
                    continue
            if table is not None:
                yield _split(number, words, table)
            elif word := without_comment(words):
                yield Line(number, word, {})
        except _BadLineError as error:
            problems.append(f"line {number} {error}")


class _BadLineError(Exception):
    """A line that cannot be read; the message continues `line 5`."""


def _decode(line: bytes) -> str:
    if len(line) > _LONGEST_LINE:
        raise _BadLineError(f"has {len(line):,} bytes, and a target's line has at most {_LONGEST_LINE:,}.")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _BadLineError(f"is not UTF-8 ({error.reason}).") from error


def _find_table(name: str, number: int, words: str, column: str | None) -> _Table | None:
    """How to split the lines, where the first line names columns; None: it is a target, as every other line."""
    separator = max(_SEPARATORS, key=words.count)
    known = {*_WHOLE, *_PARTS}
    cells = [cell.strip() for cell in _cells(words, separator)]
    columns = [cell.casefold() if cell.casefold() in known else cell for cell in cells]
    if column is None:
        usual = next((one for one in _WHOLE if one in columns), None)
        return None if usual is None else _table(name, number, separator, columns, usual)
    named = next((one for one in columns if one.casefold() == column.strip().casefold()), None)
    if named is None:
        shown = ", ".join(plain(one, limit=40) for one in columns[:_MOST_NAMED])
        hint = did_you_mean(column, columns)
        raise UsageError(f"{name}, line {number}: there is no column {column!r}.{hint} It has: {shown}.")
    return _table(name, number, separator, columns, named)


def _table(name: str, number: int, separator: str, columns: list[str], column: str) -> _Table:
    if columns.count(column) > 1:
        raise UsageError(
            f"{name}, line {number}: {columns.count(column)} columns are called {column!r}. Rename others."
        )
    return _Table(separator, columns, column)


def _split(number: int, words: str, table: _Table) -> Line:
    cells = [cell.strip() for cell in _cells(words, table.separator)]
    if len(cells) > len(table.columns):
        raise _BadLineError(f"has {len(cells)} cells, and the first line names {len(table.columns)} columns.")
    row = {column: cell for column, cell in zip(table.columns, cells, strict=False) if cell}
    item = row.get(table.column)
    if item is None:
        raise _BadLineError(f"has no {table.column}.")
    has_parts = bool(row.get("scheme") or row.get("port")) and ":" not in item
    if (table.column != "target" or has_parts) and "://" not in item and not item.startswith("mx:"):
        item = str(compose_target(row.get("scheme"), item, row.get("port")))
    more = {column: row.get(column) for column in table.columns if column not in {*_RESERVED, table.column, ""}}
    return Line(number, item, more)


def _cells(words: str, separator: str) -> list[str]:
    """The cells of one line. A quotation mark that is not closed spoils this line, and not those after it."""
    try:
        return next(csv.reader([words], delimiter=separator, strict=True))
    except csv.Error as error:
        raise _BadLineError(f"is not CSV ({error}). A cell cannot go over several lines.") from error


def _report(name: str, problems: list[str], *, strict: bool, is_empty: bool) -> None:
    if not problems and not is_empty:
        return
    if strict or is_empty:
        shown = " ".join(problems[:5]) + (f" … and {len(problems) - 5:,} more lines." if len(problems) > 5 else "")
        count = "1 line is not a target" if len(problems) == 1 else f"{len(problems)} lines are not targets"
        what = count if problems else "it lists no target"
        raise UsageError(f"{name}: {what}, so nothing is done. {shown}".rstrip())
    for problem in problems[:_MOST_NAMED]:
        warnings.warn(f"{name}, {problem} The line is left out.", ReadWarning, stacklevel=4)
    if len(problems) > _MOST_NAMED:
        more = len(problems) - _MOST_NAMED
        warnings.warn(f"{name}: {more:,} more lines are left out.", ReadWarning, stacklevel=4)
