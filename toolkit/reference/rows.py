"""Facts as CSV: one strict reader for all files of this package.

UTF-8, a header line, one fact per line. An empty cell is null; a list is written `a; b`; code points are `0x` and
hexadecimal digits; booleans are `true` and `false`; dates are ISO 8601. Every error names file, line and column.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import StringIO
from pathlib import Path
from typing import Final, TypeVar

from toolkit.errors import ReadError
from toolkit.files import read_regular

T = TypeVar("T")

_LARGEST: Final = 1 << 24
"""Most bytes of a user's file."""

FOLDER: Traversable = files("toolkit.reference")
"""The folder of the files, in a checkout or in an installed wheel."""


class Row:
    """One row of a file. Each method reads one cell, or raises `ReadError` that names file, line and column."""

    __slots__ = ("_cells", "_where")

    def __init__(self, cells: dict[str, str], where: str) -> None:
        self._cells = cells
        self._where = where

    def text(self, column: str) -> str:
        """The cell, which must not be empty."""
        if not (cell := self._cells[column]):
            raise self.error(column, "is empty, and must not be")
        return cell

    def optional_text(self, column: str) -> str | None:
        """The cell, None where it is empty."""
        return self._cells[column] or None

    def texts(self, column: str) -> tuple[str, ...]:
        """The list in the cell; the empty list where the cell is empty."""
        cell = self._cells[column]
        return tuple(part.strip() for part in cell.split(";")) if cell else ()

    def integer(self, column: str) -> int:
        """The whole number in the cell, decimal or with `0x`."""
        return self._converted(column, lambda cell: int(cell, 0), "a whole number")

    def optional_integer(self, column: str) -> int | None:
        """The whole number in the cell, None where it is empty."""
        return self.integer(column) if self._cells[column] else None

    def boolean(self, column: str) -> bool:
        """`true` or `false`."""
        return self._converted(column, lambda cell: {"true": True, "false": False}[cell], "true or false")

    def optional_boolean(self, column: str) -> bool | None:
        """`true` or `false`, None where the cell is empty."""
        return self.boolean(column) if self._cells[column] else None

    def date(self, column: str) -> date:
        """The day in the cell."""
        return self._converted(column, date.fromisoformat, "a date such as 2026-03-15")

    def error(self, column: str, complaint: str) -> ReadError:
        """The error to raise for a cell that a caller cannot use."""
        return ReadError(f"{self._where}: {column} {self._cells[column]!r} {complaint}.")

    def _converted(self, column: str, convert: Callable[[str], T], wanted: str) -> T:
        try:
            return convert(self.text(column))
        except (ValueError, KeyError) as error:
            if isinstance(error, ReadError):
                raise
            raise self.error(column, f"is not {wanted}") from error


def read_rows(path: Traversable, columns: Sequence[str], *, is_ours: bool = True) -> Iterator[Row]:
    """The rows of a CSV file that has exactly these columns.

    `is_ours`: the file belongs to this package; errors then name it without its path. Raises `ReadError` where the file
    does not exist, is not UTF-8, has other columns, or a row with too few or too many cells.
    """
    name = path.name if is_ours else str(path)
    try:
        data = path.read_bytes() if is_ours else read_regular(Path(str(path)), most=_LARGEST)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        advice = "Install the package again." if is_ours else f"Give a CSV file in UTF-8, with {', '.join(columns)}."
        raise ReadError(f"{name} cannot be read: {error}. {advice}") from error
    reader = csv.DictReader(StringIO(text, newline=""), strict=True)  # cells may hold line breaks
    try:
        names = list(reader.fieldnames or ())
        numbered = [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise ReadError(f"{name}, line {reader.line_num}: {error}.") from error
    if names != list(columns):
        raise ReadError(f"{name} must have the columns {', '.join(columns)}, not {', '.join(names) or 'none'}.")
    for line, cells in numbered:
        where = f"{name}, line {line}"
        if None in cells or None in cells.values():
            raise ReadError(f"{where} does not have {len(columns)} cells.")
        yield Row(cells, where)
