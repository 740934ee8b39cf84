"""The reader names file, line and column of everything that it cannot use."""

from datetime import date
from pathlib import Path

import pytest

from toolkit.errors import ReadError
from toolkit.reference.rows import Row, read_rows

COLUMNS = ("name", "count", "since", "is_new", "parts")


def _rows(tmp_path: Path, text: str | bytes) -> list[Row]:
    path = tmp_path / "facts.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_rows(path, COLUMNS))


def test_cells(tmp_path: Path) -> None:
    first, second = _rows(
        tmp_path, 'name,count,since,is_new,parts\n"two\nlines",0x1F,2026-03-15,true,a; b\nplain,7,2015-02-28,false,\n'
    )
    assert first.text("name") == "two\nlines"
    assert first.integer("count") == 31
    assert first.date("since") == date(2026, 3, 15)
    assert first.boolean("is_new") is True
    assert first.texts("parts") == ("a", "b")
    assert second.integer("count") == 7
    assert second.boolean("is_new") is False
    assert second.texts("parts") == ()


def test_empty_cells_are_null(tmp_path: Path) -> None:
    (row,) = _rows(tmp_path, "name,count,since,is_new,parts\nx,,,,\n")
    assert row.optional_text("parts") is None
    assert row.optional_integer("count") is None
    assert row.optional_boolean("is_new") is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"facts\.csv must have the columns name, count"),
        ("name,count\n", r"facts\.csv must have the columns name, count"),
        ("name,count,since,is_new,parts\nx,1\n", r"facts\.csv, line 2 does not have 5 cells"),
        ("name,count,since,is_new,parts\nx,1,2,3,4,5\n", r"facts\.csv, line 2 does not have 5 cells"),
        (b"name,count,since,is_new,parts\n\xff,,,,\n", r"facts\.csv cannot be read"),
        ('name,count,since,is_new,parts\n"x,1,2,3,4\n', r"facts\.csv, line \d: unexpected end"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str | bytes, complaint: str) -> None:
    with pytest.raises(ReadError, match=complaint):
        _rows(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"facts\.csv cannot be read"):
        list(read_rows(tmp_path / "facts.csv", COLUMNS))


@pytest.mark.parametrize(
    ("method", "column", "complaint"),
    [
        ("text", "parts", r"facts\.csv, line 2: parts '' is empty"),
        ("integer", "count", r"facts\.csv, line 2: count 'ten' is not a whole number"),
        ("optional_integer", "count", r"count 'ten' is not a whole number"),
        ("date", "since", r"since '15\.3\.2026' is not a date"),
        ("boolean", "is_new", r"is_new 'yes' is not true or false"),
        ("boolean", "parts", r"parts '' is empty"),
    ],
)
def test_a_cell_that_does_not_fit_is_named(tmp_path: Path, method: str, column: str, complaint: str) -> None:
    (row,) = _rows(tmp_path, "name,count,since,is_new,parts\nx,ten,15.3.2026,yes,\n")
    with pytest.raises(ReadError, match=complaint):
        getattr(row, method)(column)
