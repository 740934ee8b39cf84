"""Folders of CSV files and certificates, as `Tables.to_csv` writes them."""

import codecs
from pathlib import Path
from typing import BinaryIO, Final

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from toolkit import schema, text
from toolkit.certificates import parse_certificate
from toolkit.columns import Column
from toolkit.errors import ReadError, SchemaError
from toolkit.files import check_size, open_regular, read_regular
from toolkit.readers.cells import MEANT, PARSERS
from toolkit.readers.pem import read_certificates
from toolkit.tables import DESCRIBED, NOT_HELD, UNFINISHED, Tables, named_certificates

_CSV_TABLES: Final[tuple[schema.TableName, ...]] = ("observations", "support", "rounds")

CSV_FILES: Final = tuple(f"{table}.csv" for table in _CSV_TABLES)
"""A folder with one of these files is read in this form. A table without a file is empty."""

LARGEST_CSV: Final = 1 << 30
"""Bytes of one file: reading takes several times as much memory. A store reads more, and in parts."""

_CHUNK: Final = 1 << 20
_SAVE_AS_UTF8: Final = "Save it as CSV in UTF-8, separated by commas."

_LONGEST_CELL: Final = 4 << 20
"""Bytes of one cell or row: memory stays bounded, and the bytes of the longest look fit four times."""


def read_folder(path: Path) -> Tables:
    """The tables of a folder that `Tables.to_csv` wrote, or that was written by hand in that form.

    A missing column is null; a certificate is read from its DER, other text in its file is ignored. Certificates
    without DER are the rows of `certificates.csv`.
    Raises `ReadError`, with file and line, for an unknown column, a value that its column cannot hold, a row cut
    short, a file that is not UTF-8 or has more than `LARGEST_CSV` bytes, a certificate that is not the one its file is
    named after, and an export that is not whole: it was cut off, or a certificate that observations name is neither
    there nor listed in `certificates-not-held.txt`.
    """
    if not path.is_dir():
        raise ReadError(f"{path} is not a folder: name the one that holds {', '.join(CSV_FILES)}.")
    if (path / UNFINISHED).exists():
        raise ReadError(
            f"{path}: Tables.to_csv was cut off while it replaced files here; they may not belong together. "
            "Write the folder again."
        )
    frames = {table: _read_csv(table, file) for table in _CSV_TABLES if (file := path / f"{table}.csv").exists()}
    ders = [_read_certificate(file) for file in sorted(path.glob("certificates/*.pem"))]
    frames["certificates"] = schema.frame("certificates", [parse_certificate(der) for der in ders])
    if (path / DESCRIBED).exists():
        described = _read_csv("certificates", path / DESCRIBED)
        frames["certificates"] = pd.concat([frames["certificates"], described], ignore_index=True)
    try:
        tables = Tables.from_frames(**frames)
    except SchemaError as error:
        raise ReadError(f"{path}: {error} Correct the row.") from error
    _check_whole(tables, path)
    return tables


def _check_whole(tables: Tables, path: Path) -> None:
    """Raises `ReadError` unless every certificate that observations name exists, or is listed as not held."""
    missing = named_certificates(tables.observations) - set(tables.certificates["cert_sha256"]) - {""}
    if missing and (path / NOT_HELD).exists():
        lines = read_regular(path / NOT_HELD, most=LARGEST_CSV).decode("utf-8", "replace").split("\n")
        missing -= {text.from_spreadsheet(line.rstrip("\r")) for line in lines}
    if missing:
        raise ReadError(
            f"{path} is not whole: its observations name {text.counted(len(missing), 'certificate')} that "
            f"certificates/ lacks, such as {text.plain(min(missing), limit=64)}.pem. Write or copy the folder again. "
            f"If they were never there, list their SHA-256 in {path / NOT_HELD}, one a line."
        )


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
    with open_regular(path) as file:
        check_size(path, file, most=LARGEST_CSV)
        is_quote_open = _check_text(path, file)
        file.seek(0)
        try:
            cells = pyarrow.csv.read_csv(
                file,
                # One thread: otherwise errors do not name the row.
                pyarrow.csv.ReadOptions(block_size=_LONGEST_CELL, use_threads=False),
                pyarrow.csv.ParseOptions(newlines_in_values=True),
                pyarrow.csv.ConvertOptions(column_types=known, strings_can_be_null=False),
            )
        except pa.ArrowInvalid as error:
            said = str(error)
            if "straddling" in said:
                said = f"a row has more than {_LONGEST_CELL:,} bytes, or a quotation mark is not closed"
            raise ReadError(
                f"{path} is not CSV in UTF-8, or is cut short: {text.plain(said)}. "
                "Correct that row, or write the folder again."
            ) from error
    _check_header(table, path, cells.column_names)
    last = cells.column(cells.num_columns - 1)
    if is_quote_open and cells.num_rows and last[-1].as_py().endswith("\n"):
        raise ReadError(
            f"{path} is cut short: the quotation mark of its last row is not closed. Write the folder again."
        )
    return cells


def _check_header(table: schema.TableName, path: Path, names: list[str]) -> None:
    known = {column.name for column in schema.TABLES[table]}
    for name in names:
        if name not in known:
            separator = next((mark for mark in ";\t|" if len(known & set(name.split(mark))) > 1), "")
            advice = f"Save the file with commas in place of {separator!r}." if separator else "Rename or delete it;"
            raise ReadError(
                f"{path}, line 1: {table} has no column {text.plain(name)!r}. {advice} "
                "toolkit.schema.dictionary() lists them all."
            )
        if names.count(name) > 1:
            raise ReadError(f"{path}, line 1: the column {name!r} occurs twice. Delete one of them.")


def _check_text(path: Path, file: BinaryIO) -> bool:
    """Read the file once as UTF-8 without NUL bytes, whose last line has its end; whether quotation marks are open.

    A cut inside the last cell would otherwise pass for a shorter value.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines, marks, last = 1, 0, b""
    while chunk := file.read(_CHUNK):
        if not last and chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ReadError(f"{path} is in UTF-16. {_SAVE_AS_UTF8}")
        if b"\0" in chunk:
            line = lines + chunk[: chunk.index(b"\0")].count(b"\n")
            raise ReadError(
                f"{path}, line {line} holds a NUL byte: the file is damaged, or not in UTF-8. Write it again."
            )
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            line = lines + error.object[: error.start].count(b"\n")
            raise ReadError(f"{path}, line {line} is not UTF-8 ({error.reason}). {_SAVE_AS_UTF8}") from error
        lines += chunk.count(b"\n")
        marks += chunk.count(b'"')
        last = chunk[-1:]
    if last not in (b"\n", b"\r", b""):
        raise ReadError(f"{path} does not end with a line end: it is cut short. If it is whole, add one.")
    if not last:
        raise ReadError(f"{path} is not CSV: it is empty. Write the folder again, or delete the file.")
    return marks % 2 == 1


def _values(cells: list[str], column: Column, path: Path) -> list[object]:
    parse = PARSERS[column.kind]
    values: list[object] = []
    for line, cell in enumerate(cells, 2):
        try:
            values.append(parse(cell) if cell else None)
        except (ValueError, RecursionError) as error:
            raise ReadError(
                f"{path}, row {line}: {column.name} cannot be {text.plain(cell, limit=60)!r}, "
                f"it is {MEANT[column.kind]}. Correct the cell."
            ) from error
    return values
