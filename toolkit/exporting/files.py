"""Exports that are one file: JSON, SQLite, Excel. The file appears under its name when it is whole."""

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from toolkit import schema
from toolkit.columns import Kind
from toolkit.errors import UsageError
from toolkit.exporting.cells import WRITERS, is_null
from toolkit.exporting.errors import writing
from toolkit.extras import require_extras
from toolkit.text import type_name

if TYPE_CHECKING:
    from toolkit.tables import Tables

MARK: Final = "tls_toolkit_schema"
"""The first key of an export in JSON, and the table of one in SQLite: the version of the schema."""

_LONGEST_CELL: Final = 32_767
"""Characters of a cell in Excel (Microsoft, Excel specifications and limits)."""

_MOST_ROWS: Final = 1_048_575
"""Rows of a sheet below its heading (the same page)."""

_DIGITS: Final = 15
"""Digits that a number has in Excel (the same page)."""

_SQL_TYPES: Final[dict[Kind, str]] = {
    "instant": "TEXT", "text": "TEXT", "texts": "TEXT", "integer": "INTEGER", "number": "REAL", "boolean": "INTEGER",
    "bytes": "BLOB",
}  # fmt: skip


def write_json(tables: "Tables", path: str | Path) -> None:
    """What `Tables.to_json` does."""

    def write(part: Path) -> None:
        with part.open("w", encoding="ascii") as file:
            file.write(f'{{"{MARK}": {schema.VERSION}')
            for name, columns in schema.TABLES.items():
                file.write(f',\n"{name}": [')
                rows = _rows(getattr(tables, name))
                for number, row in enumerate(rows):
                    values = {
                        column.name: _as_json(value, column.kind)
                        for column, value in zip(columns, row, strict=True)
                        if not is_null(value)
                    }
                    file.write(f"{',' if number else ''}\n{json.dumps(values)}")
                file.write("]")
            file.write("}\n")

    _write_file("to_json", path, write)


def write_sqlite(tables: "Tables", path: str | Path) -> None:
    """What `Tables.to_sqlite` does."""

    def write(part: Path) -> None:
        with closing(sqlite3.connect(part)) as database, database:
            database.execute(f"CREATE TABLE {MARK} (version INTEGER)")
            database.execute(f"INSERT INTO {MARK} VALUES (?)", (schema.VERSION,))
            for name, columns in schema.TABLES.items():
                typed = ", ".join(f'"{column.name}" {_SQL_TYPES[column.kind]}' for column in columns)
                database.execute(f'CREATE TABLE "{name}" ({typed})')
                marks = ", ".join("?" * len(columns))
                kinds = [column.kind for column in columns]
                rows = _rows(getattr(tables, name))
                database.executemany(
                    f'INSERT INTO "{name}" VALUES ({marks})',
                    (tuple(_as_sql(value, kind) for value, kind in zip(row, kinds, strict=True)) for row in rows),
                )

    _write_file("to_sqlite", path, write)


def write_excel(tables: "Tables", path: str | Path) -> None:
    """What `Tables.to_excel` does."""
    with require_extras("Tables.to_excel", "excel"):
        from openpyxl import Workbook  # noqa: PLC0415

    def write(part: Path) -> None:
        book = Workbook(write_only=True)
        try:
            fill(book)
            book.save(part)
        finally:
            for sheet in book.worksheets:  # also where a value does not fit
                if not sheet.closed:
                    sheet.close()

    def fill(book: Workbook) -> None:
        for name, columns in schema.TABLES.items():
            frame: pd.DataFrame = getattr(tables, name)
            if len(frame) > _MOST_ROWS:
                raise UsageError(f"{name} has {len(frame):,} rows, and a sheet {_MOST_ROWS:,}: use to_parquet.")
            sheet = book.create_sheet(name)
            sheet.append([column.name for column in columns])
            for row in _rows(frame):
                cells = zip(columns, row, strict=True)
                sheet.append([_as_excel(value, column.kind, f"{name}.{column.name}") for column, value in cells])

    _write_file("to_excel", path, write)


def _as_json(value: object, kind: Kind) -> object:
    if kind in {"integer", "number", "boolean", "text"}:
        return value
    return list(value) if isinstance(value, tuple) else WRITERS[kind](value)


def _as_sql(value: object, kind: Kind) -> object:
    if is_null(value):
        return None
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return WRITERS[kind](value) if kind == "instant" else value


def _as_excel(value: object, kind: Kind, column: str) -> object:
    """Numbers and booleans as such; everything else, and numbers that Excel would round, as neutralised text."""
    if is_null(value):
        return None
    if isinstance(value, int | float) and float(f"{value:.{_DIGITS}g}") == value:
        return value
    cell = WRITERS[kind](value)
    if len(cell) > _LONGEST_CELL:
        raise UsageError(
            f"{column} has a value of {len(cell):,} characters, and a cell in Excel {_LONGEST_CELL:,}: leave that "
            "column empty, or use to_csv, to_parquet, to_json or to_sqlite."
        )
    return cell


def _write_file(method: str, path: str | Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file next to `path`, then give it that name; an earlier file of that name is replaced."""
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"Tables.{method} takes the path of a file, not {type_name(path)}.")
    whole = Path(path)
    if whole.is_dir():
        raise UsageError(f"{whole} is a folder: name a file in it for Tables.{method}.")
    with writing(whole):
        whole.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{whole.name}-", dir=whole.parent))
        try:
            write(folder / whole.name)
            (folder / whole.name).replace(whole)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _rows(frame: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    """The rows as Python's own numbers and text, in place of NumPy's."""
    return frame.astype(object).itertuples(index=False, name=None)
