"""Frames as cells: of the four tables in text that is read again, and of any frame for other programs."""

import json
from collections.abc import Callable
from typing import Final

import pandas as pd

from toolkit import schema, text
from toolkit.columns import Kind
from toolkit.errors import UsageError

EMPTY: Final = "\\"
"""Empty text as a cell, since an empty cell is null: one backslash, which is doubled everywhere else."""


def as_cells(table: schema.TableName, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as text cells, the way `Tables.to_csv` writes them (null: empty)."""
    cells = {}
    for column in schema.TABLES[table]:
        write = WRITERS[column.kind]
        cells[column.name] = ["" if is_null(value) else write(value) for value in frame[column.name]]
    return pd.DataFrame(cells, dtype="string")


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy of any frame that Excel, SQL, Parquet and JSON take: no zones, no tuples, no formulas.

    Instants are UTC without a zone. Tuples and lists are JSON text, bytes hexadecimal, lengths of time text; other
    objects are text. Text that a spreadsheet would execute begins with an apostrophe, a backslash is doubled, and
    characters that cannot be seen are written as `\\n`, `\\x1b`, `\\u202e`: `toolkit.text.from_spreadsheet` gives the
    original. Numbers, booleans and nulls stay. A named index becomes columns. Raises `UsageError` for what is not a
    DataFrame.

    >>> import toolkit
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> rotations = toolkit.find_rotations(toolkit.load_example("lab-sample"))
    >>> with TemporaryDirectory() as folder:
    ...     toolkit.flat(rotations).to_parquet(Path(folder) / "rotations.parquet")
    >>> print(toolkit.flat(rotations)["start_max_at"].dtype)
    datetime64[us]
    """
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(f"flat takes a DataFrame, not {text.type_name(frame)}: give tables.observations, or a result.")
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    columns = [_flat_column(frame.iloc[:, place]) for place in range(frame.shape[1])]
    made = pd.concat(columns, axis=1) if columns else frame.copy()
    return made.set_axis([_flat_name(name) for name in frame.columns], axis=1)


def is_null(value: object) -> bool:
    """Whether the value is one of the nulls that a column of a table holds."""
    return value is None or value is pd.NA or value is pd.NaT


def _flat_name(name: object) -> str:
    return text.for_spreadsheet(" ".join(map(str, name)) if isinstance(name, tuple) else str(name))


def _flat_column(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        instants: pd.Series = values.dt.tz_convert("UTC").dt.tz_localize(None)
        return instants
    if pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_datetime64_dtype(values.dtype):
        return values
    cells = [_flat_cell(value) for value in values.astype(object)]
    return pd.Series(cells, index=values.index, dtype="string")


def _flat_cell(value: object) -> str | None:
    if is_null(value) or (isinstance(value, float) and pd.isna(value)):
        return None
    if isinstance(value, list | tuple):
        return text.for_separators(json.dumps(list(value), default=str))
    return bytes(value).hex() if isinstance(value, bytes | bytearray) else text.for_spreadsheet(str(value))


def _write_instant(value: object) -> str:
    assert isinstance(value, pd.Timestamp)
    return value.isoformat().replace("+00:00", "Z")


def _write_texts(value: object) -> str:
    assert isinstance(value, tuple)
    return text.for_separators(json.dumps(list(value)))


def _write_bytes(value: object) -> str:
    assert isinstance(value, bytes)
    return value.hex()


WRITERS: Final[dict[Kind, Callable[[object], str]]] = {
    "instant": _write_instant,
    "text": lambda value: text.for_spreadsheet(str(value)) or EMPTY,
    "texts": _write_texts,
    "integer": str,
    "number": lambda value: str(float(str(value))),
    "boolean": lambda value: "true" if value else "false",
    "bytes": _write_bytes,
}
"""Kind of a column → what writes its values as text."""
