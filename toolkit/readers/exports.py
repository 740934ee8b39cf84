"""Exports that `Tables` wrote: a folder of Parquet, or one file of JSON, SQLite or Excel. CSV is read by `folders`."""

import json
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from toolkit import schema, text
from toolkit.columns import Kind
from toolkit.errors import ReadError, SchemaError, UsageError
from toolkit.exporting.files import MARK
from toolkit.exporting.folders import UNFINISHED
from toolkit.extras import require_extras
from toolkit.files import check_size, open_regular, read_regular
from toolkit.readers.cells import PARSERS
from toolkit.readers.registry import Reader, with_pattern
from toolkit.tables import Tables

PARQUET_FILES: Final = tuple(f"{table}.parquet" for table in schema.TABLES)

LARGEST: Final = 1 << 30
"""Bytes of one file, in Excel unpacked. A store reads more, and in parts."""

_AGAIN: Final = "Write the export again."


def read_parquet(path: Path) -> Tables:
    """The tables of a folder that `Tables.to_parquet` wrote; a table without a file is empty.

    Raises `ReadError` for a damaged file, a column that its table does not have, and an export that was cut off.
    """
    if (path / UNFINISHED).exists():
        raise ReadError(f"{path}: Tables.to_parquet was cut off while it replaced files here. {_AGAIN}")
    frames = {}
    for table in schema.TABLES:
        file = path / f"{table}.parquet"
        if not file.exists():
            continue
        with open_regular(file) as opened:
            check_size(file, opened, most=LARGEST)
            try:
                stored = pyarrow.parquet.read_table(pa.PythonFile(opened, mode="r"))
                frames[table] = schema.conform(table, stored.to_pandas(types_mapper=_DTYPES.get))
            except (pa.ArrowException, OSError, SchemaError, ValueError) as error:
                raise ReadError(f"{file} is damaged, or another table: {text.plain(error)}. {_AGAIN}") from error
    return _made(path, frames)


def read_json(path: Path) -> Tables:
    """The tables of a file that `Tables.to_json` wrote. Raises `ReadError` for one that is damaged."""
    try:
        written = json.loads(read_regular(path, most=LARGEST))
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{path} is not JSON, or is cut short: {text.plain(error)}. {_AGAIN}") from error
    if not isinstance(written, dict) or not all(isinstance(written.get(table, []), list) for table in schema.TABLES):
        raise ReadError(f"{path} is not an export of Tables.to_json: each table is a list of objects. {_AGAIN}")
    _check_version(path, written.get(MARK))
    frames = {}
    for table in schema.TABLES:
        rows = written.get(table, [])
        if not all(isinstance(row, dict) for row in rows):
            raise ReadError(f"{path}: a row of {table} is not an object. {_AGAIN}")
        names = list(dict.fromkeys(key for row in rows for key in row))
        cells = ([row.get(name) for name in names] for row in rows)
        frames[table] = _frame(path, table, names, cells, _FROM_JSON)
    return _made(path, frames)


def read_sqlite(path: Path) -> Tables:
    """The tables of a database that `Tables.to_sqlite` wrote. Raises `ReadError` for another or damaged database."""
    with open_regular(path) as opened:
        check_size(path, opened, most=LARGEST)
        head = opened.read(32)
    page_bytes = int.from_bytes(head[16:18]) & 0xFFFE or 1 << 16  # SQLite's file format, section 1.3
    if path.stat().st_size < page_bytes * int.from_bytes(head[28:32]):
        raise ReadError(f"{path} is cut short. {_AGAIN}")
    frames = {}
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            database.execute("PRAGMA trusted_schema = OFF")  # nothing that the file defines is executed
            known = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if MARK not in known:
                raise ReadError(f"{path} is an SQLite database, and Tables.to_sqlite did not write it.")
            _check_version(path, *database.execute(f"SELECT version FROM {MARK}").fetchone() or (None,))
            for table in schema.TABLES:
                if table in known:
                    rows = database.execute(f'SELECT * FROM "{table}"')
                    frames[table] = _frame(path, table, [name for name, *_ in rows.description], rows, _FROM_SQL)
    except sqlite3.Error as error:
        raise ReadError(f"{path} is damaged: {text.plain(error)}. {_AGAIN}") from error
    return _made(path, frames)


def read_excel(path: Path) -> Tables:
    """The tables of a workbook that `Tables.to_excel` wrote: the sheets of these names, the columns by the first row.

    Raises `ReadError` for a workbook without such a sheet, for a damaged one, for one that unpacks to more than
    `LARGEST` bytes; `UsageError` where openpyxl is not installed.
    """
    with require_extras("Reading a workbook", "excel"):
        from openpyxl import load_workbook  # noqa: PLC0415

    frames = {}
    with open_regular(path) as opened:
        check_size(path, opened, most=LARGEST)
        try:
            _check_archive(path, opened)
            with closing(load_workbook(opened, read_only=True, data_only=True)) as book:
                for table in schema.TABLES:
                    if table in book.sheetnames:
                        rows = book[table].iter_rows(values_only=True)
                        names = [str(name) for name in next(rows, ()) if name is not None]
                        cells = ((*row, *[None] * len(names))[: len(names)] for row in rows)
                        frames[table] = _frame(path, table, names, cells, _FROM_EXCEL)
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError, SyntaxError, EOFError, OSError) as error:
            if isinstance(error, ReadError):
                raise
            raise ReadError(f"{path} is not a workbook, or is damaged: {text.plain(error)}. {_AGAIN}") from error
    if not frames:
        raise ReadError(f"{path} has none of the sheets {', '.join(schema.TABLES)}, which Tables.to_excel writes.")
    return _made(path, frames)


def _check_archive(path: Path, opened: Any) -> None:
    """Raises `ReadError` for a workbook that unpacks to too much, or that defines entities."""
    with zipfile.ZipFile(opened) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
            raise ReadError(f"{path} unpacks to more than {LARGEST:,} bytes, which no export in Excel does.")
        for entry in archive.infolist():
            with archive.open(entry) as part:
                if b"<!DOCTYPE" in part.read(4096):
                    raise ReadError(f"{path}: {text.plain(entry.filename)} has a DOCTYPE, which a workbook never has.")
    opened.seek(0)


def _check_version(path: Path, version: object) -> None:
    if not isinstance(version, int) or not 0 < version <= schema.VERSION:
        raise ReadError(
            f"{path} was written by version {text.plain(version, limit=20)} of the schema, and this program reads "
            f"up to {schema.VERSION}: use a newer tls-toolkit."
        )


def _frame(
    path: Path, table: schema.TableName, names: list[str], rows: Any, parsers: dict[Kind, Callable[[Any], object]]
) -> pd.DataFrame:
    kinds = {column.name: column.kind for column in schema.TABLES[table]}
    if unknown := [name for name in names if name not in kinds]:
        raise ReadError(f"{path}: {table} has no column {text.plain(unknown[0], limit=60)!r}. Rename or delete it.")
    columns: dict[str, list[object]] = {name: [] for name in names}
    for number, row in enumerate(rows, 1):
        for name, value in zip(names, row, strict=True):
            try:
                columns[name].append(None if value is None else parsers[kinds[name]](value))
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise ReadError(
                    f"{path}: row {number} of {table}: {name} cannot be {text.plain(value, limit=60)!r}. Correct it."
                ) from error
    try:
        return schema.conform(
            table, pd.DataFrame({name: pd.Series(found, dtype=object) for name, found in columns.items()})
        )
    except SchemaError as error:
        raise ReadError(f"{path}: {error} {_AGAIN}") from error


def _made(path: Path, frames: dict[schema.TableName, pd.DataFrame]) -> Tables:
    try:
        return Tables.from_frames(**frames)
    except (SchemaError, UsageError) as error:
        raise ReadError(f"{path}: {error} Correct the row.") from error


def _instant(cell: object) -> datetime:
    """An instant as text with its zone, or as a spreadsheet keeps it, in UTC."""
    if isinstance(cell, datetime):
        raise ValueError("a date without a zone")
    parsed = PARSERS["instant"](str(cell))
    assert isinstance(parsed, datetime)
    return parsed


def _typed(kind: type[Any]) -> Callable[[Any], object]:
    """What takes values of this type as they are, and refuses others."""

    def parse(value: object) -> object:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise TypeError("another type")
        return text.storable(value) if isinstance(value, str) else value

    return parse


def _from_text(kind: Kind) -> Callable[[Any], object]:
    """What reads a cell of this kind whatever type a spreadsheet gave it."""
    return lambda value: PARSERS[kind](str(value))


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError("not a list of text")
    return tuple(map(text.storable, value))


def _whole(value: object) -> int:
    number = int(str(value)) if isinstance(value, str) else value
    if isinstance(number, float) and number.is_integer():
        return int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError("not an integer")
    return number


_FROM_JSON: Final[dict[Kind, Callable[[Any], object]]] = {
    "instant": _instant, "text": _typed(str), "texts": _texts, "integer": _typed(int),
    "number": lambda value: float(_typed((float, int))(value)),  # type: ignore[arg-type]
    "boolean": _typed(bool), "bytes": bytes.fromhex,
}  # fmt: skip

_FROM_SQL: Final[dict[Kind, Callable[[Any], object]]] = {
    **_FROM_JSON, "texts": PARSERS["texts"], "boolean": lambda value: {0: False, 1: True}[value],
    "bytes": _typed(bytes),
}  # fmt: skip

_FROM_EXCEL: Final[dict[Kind, Callable[[Any], object]]] = {
    **{kind: _from_text(kind) for kind in PARSERS}, "instant": _instant, "integer": _whole,
}  # fmt: skip

EXPORTS: Final[dict[str, Reader]] = {
    "parquet": Reader("a folder that Tables.to_parquet wrote", lambda head: False, read_parquet),
    "json": Reader("JSON that Tables.to_json wrote", with_pattern(rf'\A\s*\{{\s*"{MARK}"\s*:'), read_json),
    "sqlite": Reader(
        "an SQLite database that Tables.to_sqlite wrote",
        with_pattern(rf"\ASQLite format 3\0(?=.*CREATE TABLE {MARK})"),
        read_sqlite,
    ),
    "excel": Reader(
        "an Excel workbook that Tables.to_excel wrote",
        with_pattern(r"\APK\x03\x04.{26}(?:docProps/|xl/|_rels/|\[Content_Types\])"),
        read_excel,
    ),
}
"""Format → its reader. A folder is recognised by the names of its files."""

_DTYPES: Final = {
    pa.string(): pd.StringDtype(), pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}  # fmt: skip
