"""The page of all columns: of the four tables, and of every frame that a public function returns."""

from collections.abc import Iterable
from typing import Final

from notebooks.book import api
from notebooks.book.docstrings import in_cell
from toolkit import schema
from toolkit.columns import Column

PAGE: Final = "reference/columns.md"

_INTRODUCTION: Final = """\
# Columns

Every column of the four tables and of the frames that functions return: which dtype it has, and where it occurs. The
page of each function says what the column means there, and what null means. Columns of one name have one dtype.

Instants end in `_at`, or are X.509's `not_before` and `not_after`; they are UTC, in microseconds. Units are suffixes
(`_ms`, `_days`, `_bits`), hashes end in `_sha256`, booleans start with `is_` or `has_`.

| column | dtype | in |
|---|---|---|
"""


def frames() -> dict[str, tuple[Column, ...]]:
    """The frames: the four tables, and the functions that state their columns."""
    tables = {f"[{name}](/data/README.md#{name})": tuple(columns) for name, columns in schema.TABLES.items()}
    functions = {
        f"[`{name}`](/{api.FOLDER}/{name}.md)": value.columns
        for name, value in api.own_pages().items() if hasattr(value, "columns")
    }  # fmt: skip
    return tables | functions


def pages() -> dict[str, str]:
    """The one page, by its path."""
    found: dict[str, list[tuple[str, str]]] = {}
    for frame, columns in frames().items():
        for column in columns:
            found.setdefault(column.name, []).append((column.dtype, frame))
    return {PAGE: _INTRODUCTION + "".join(_row(name, found[name]) for name in sorted(found))}


def _row(name: str, places: Iterable[tuple[str, str]]) -> str:
    dtypes, frames_ = zip(*places, strict=True)
    return f"| `{name}` | {in_cell(', '.join(dict.fromkeys(dtypes)))} | {', '.join(frames_)} |\n"
