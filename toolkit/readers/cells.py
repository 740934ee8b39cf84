"""Cells of an export: text that `toolkit.exporting` wrote, read back as values."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Final

from toolkit import text
from toolkit.columns import Kind
from toolkit.exporting.cells import EMPTY


def _instant(cell: str) -> datetime:
    instant = datetime.fromisoformat(cell)
    if instant.tzinfo is None:
        raise ValueError("an instant without a zone")
    return instant


def _boolean(cell: str) -> bool:
    """True or false in any letter case, since spreadsheets write TRUE."""
    if cell.lower() not in {"true", "false"}:
        raise ValueError("neither true nor false")
    return cell.lower() == "true"


def _texts(cell: str) -> tuple[str, ...]:
    listed = json.loads(cell)
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise ValueError("not a list of text")
    return tuple(text.storable(item) for item in listed)


PARSERS: Final[dict[Kind, Callable[[str], object]]] = {
    "instant": _instant,
    "text": lambda cell: "" if cell == EMPTY else text.storable(text.from_spreadsheet(cell)),
    "texts": _texts,
    "integer": int,
    "number": float,
    "boolean": _boolean,
    "bytes": bytes.fromhex,
}
"""Kind of a column → what reads its cells, which are text."""

MEANT: Final[dict[Kind, str]] = {
    "instant": "an instant with its zone, such as 2026-11-24T10:00:00Z",
    "text": "text",
    "texts": 'a JSON list of text, such as ["a.example", "b.example"]',
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "bytes": "hexadecimal digits",
}
"""Kind of a column → what it must be, for messages."""
