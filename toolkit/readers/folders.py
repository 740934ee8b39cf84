"""Our own form, the inverse of `Tables.to_csv`: a folder of CSV files and certificates that people can read."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from toolkit import schema, text
from toolkit.certificates import parse_certificate
from toolkit.errors import ReadError, SchemaError
from toolkit.readers.pem import read_certificates
from toolkit.tables import Tables

_CSV_TABLES: Final[tuple[schema.TableName, ...]] = ("observations", "support", "rounds")

CSV_FILES: Final = tuple(f"{table}.csv" for table in _CSV_TABLES)
"""Any of these makes a folder ours. A table whose file is not there is empty."""

_LONGEST_CELL: Final = 4 << 20
"""Bytes of one cell or row: memory stays bounded, and the bytes of the longest look fit four times."""


def read_folder(path: Path) -> Tables:
    """The tables of a folder that `Tables.to_csv` wrote, or that somebody wrote by hand in that form.

    A column that is not there is null; a certificate is what its DER says, whatever is written around it.
    Raises `ReadError`, with file and line, for an unknown column, a value that its column cannot hold, a row cut
    short, a file that is not UTF-8, and a certificate that is not the one its file is named after.
    """
    if not path.is_dir():
        raise ReadError(f"{path} is not a folder: name the one that holds {', '.join(CSV_FILES)}.")
    frames = {table: _read_csv(table, file) for table in _CSV_TABLES if (file := path / f"{table}.csv").exists()}
    ders = [_read_certificate(file) for file in sorted(path.glob("certificates/*.pem"))]
    frames["certificates"] = schema.frame("certificates", [parse_certificate(der) for der in ders])
    try:
        return Tables.from_frames(**frames)
    except SchemaError as error:
        raise ReadError(f"{path}: {error} Correct the row.") from error


def _read_certificate(path: Path) -> bytes:
    ders = read_certificates(path)
    if len(ders) != 1:
        raise ReadError(f"{path} holds {len(ders)} certificates where one is due: give each its own file.")
    sha256 = parse_certificate(ders[0])["cert_sha256"]
    if sha256 != path.stem:
        raise ReadError(f"{path} holds the certificate {sha256}: it was damaged, or the file is to be renamed so.")
    return ders[0]


def _read_csv(table: schema.TableName, path: Path) -> pd.DataFrame:
    cells = _read_cells(table, path)
    columns = {}
    for column in schema.TABLES[table]:
        if column.name in cells.column_names:
            columns[column.name] = _values(cells[column.name].to_pylist(), column, path)
    try:
        return schema.conform(table, pd.DataFrame(columns, dtype=object))
    except SchemaError as error:
        raise ReadError(f"{path}: {error}") from error


def _read_cells(table: schema.TableName, path: Path) -> pa.Table:
    known = {column.name: pa.string() for column in schema.TABLES[table]}
    _check_ends_with_a_line(path)
    try:
        cells = pyarrow.csv.read_csv(
            path,
            # One thread, since only so do errors tell the row.
            pyarrow.csv.ReadOptions(block_size=_LONGEST_CELL, use_threads=False),
            pyarrow.csv.ParseOptions(newlines_in_values=True),
            pyarrow.csv.ConvertOptions(column_types=known, strings_can_be_null=False),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise ReadError(
            f"{path} is not CSV in UTF-8, or is cut short: {text.plain(error)}. "
            "Mend that row, or write the folder again."
        ) from error
    for name in cells.column_names:
        if name not in known:
            raise ReadError(
                f"{path}: {table} has no column {text.plain(name)!r}. "
                "Rename or delete it; data/README.md lists them all."
            )
        if cells.column_names.count(name) > 1:
            raise ReadError(f"{path}: the column {name!r} occurs twice. Delete one of them.")
    return cells


def _check_ends_with_a_line(path: Path) -> None:
    """A cut inside the last cell would otherwise pass for a shorter value."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 1, 0))
        if file.read(1) != b"\n":
            raise ReadError(f"{path} does not end with a line end: it is cut short. If it is whole, add one.")


def _values(cells: list[str], column: schema.Column, path: Path) -> list[object]:
    parse = _PARSERS[column.kind]
    values: list[object] = []
    for line, cell in enumerate(cells, 2):
        try:
            values.append(parse(cell) if cell else None)
        except (ValueError, RecursionError) as error:
            raise ReadError(
                f"{path}, row {line}: {column.name} cannot be {text.plain(cell, limit=60)!r}, "
                f"it is {_MEANT[column.kind]}. Correct the cell."
            ) from error
    return values


def _instant(cell: str) -> datetime:
    instant = datetime.fromisoformat(cell)
    if instant.tzinfo is None:
        raise ValueError("an instant without a zone")
    return instant


def _boolean(cell: str) -> bool:
    """Spreadsheets write TRUE where they were given true."""
    if cell.lower() not in {"true", "false"}:
        raise ValueError("neither true nor false")
    return cell.lower() == "true"


def _texts(cell: str) -> tuple[str, ...]:
    listed = json.loads(cell)
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise ValueError("not a list of text")
    return tuple(text.storable(item) for item in listed)


_PARSERS: Final[dict[schema.Kind, Callable[[str], object]]] = {
    "instant": _instant,
    "text": lambda cell: text.storable(text.from_spreadsheet(cell)),
    "texts": _texts,
    "integer": int,
    "number": float,
    "boolean": _boolean,
    "bytes": bytes.fromhex,
}

_MEANT: Final[dict[schema.Kind, str]] = {
    "instant": "an instant with its zone, such as 2026-11-24T10:00:00Z",
    "text": "text",
    "texts": 'a JSON list of text, such as ["a.example", "b.example"]',
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "bytes": "hexadecimal digits",
}
