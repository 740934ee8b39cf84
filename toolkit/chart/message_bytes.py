"""The bytes of a TLS message in hex, 16 in a row, each field named."""

from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from toolkit import text
from toolkit.chart import canvas
from toolkit.chart.palette import BLUE, FAINT, INK, NEUTRAL, ORANGE

_KINDS: Final = {
    "framing": ("records", NEUTRAL, ""),
    "clear": ("in the clear", BLUE, ""),
    "encrypted": ("encrypted", ORANGE, "//"),
}
"""Kind of a field → words, colour and hatch."""

_FRAMES: Final = ("record", "change_cipher_spec")
_IN_ROW: Final = 16
"""Bytes in a row."""
_MOST_WHOLE: Final = 3
"""Rows of a field that is drawn whole; of a longer one, a row fewer is drawn and the other bytes are counted."""
_MOST_ROWS: Final = 48
"""Rows of a chart, so that it fits a page."""
_ROW_INCHES: Final = 0.175
_TINT: Final = 0.28
"""Opacity of the colour behind the digits."""
_POINTS: Final = 44
"""Room for the offsets [pt]."""
_LISTS: Final = {"extensions": "extension", "certificate_list": "certificate"}
"""Field whose entries are drawn one by one → the name of an entry."""


def plot_bytes(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The axes with a message in hex: each field begins a row of at most 16 bytes, with its name and its offset.

    `frame` is what `dissect` returns. A field of a handshake message is drawn with its parts, and so is one of its
    extensions; the row with the name of the message is its header. Tint and hatch show what is sent in the clear. Of a
    long field the first 32 bytes are drawn. The chart ends after 48 rows. Returns the axes. Raises `UsageError` for
    another frame.

    >>> import toolkit
    >>> ax = toolkit.chart.plot_bytes(toolkit.dissect(bytes.fromhex("15030300020228")))
    >>> [label.get_text() for label in ax.get_yticklabels()], ax.get_title(loc="left")
    (['record', 'alert level', 'alert description'], 'The 7 bytes, field by field')
    """
    canvas.check_frame(frame, "offset", "length", "name", "value", what="what `dissect` returns")
    if frame.empty:
        return canvas.say_nothing(ax, "The bytes, field by field", "There are no bytes.")
    fields = _fields(frame)
    tops = list(accumulate((_row_count(field) for field in fields), initial=0))
    kept = max(place for place, top in enumerate(tops) if top <= _MOST_ROWS)
    axes = canvas.open_axes(ax, inches=tops[kept] * _ROW_INCHES)
    for row, field in zip(tops, fields[:kept], strict=False):
        _draw(axes, row, field)
    axes.set_xticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    labels = [canvas.label(field.name) for field in fields[:kept]]
    canvas.set_rows(axes, tops[:kept], labels, extent=(-0.6, tops[kept] - 0.4), corner="field and offset")
    handles = [
        Patch(facecolor=(colour, _TINT), hatch=hatch, edgecolor=(colour, _TINT), linewidth=0, label=words)
        for kind, (words, colour, hatch) in _KINDS.items()
        if any(field.kind == kind for field in fields[:kept])
    ]
    canvas.set_heading(axes, f"The {text.counted(int(frame['length'].sum()), 'byte')}, field by field", handles)
    left_out = len(fields) - kept
    canvas.set_notes(axes, [f"and {text.counted(left_out, 'field')} more, left out"] if left_out else [])
    return axes


@dataclass(frozen=True, slots=True)
class _DrawnField:
    kind: str
    name: str
    offset: int
    data: bytes


def _fields(frame: pd.DataFrame) -> list[_DrawnField]:
    """A field for each run of rows that are its parts."""
    made = []
    rows = zip(frame["name"], frame["offset"], frame["value"], strict=True)
    for (kind, name), parts in groupby(rows, key=lambda row: (_kind(row[0]), _part(row[0]))):
        _, offsets, values = zip(*parts, strict=True)
        made.append(_DrawnField(kind, name, offsets[0], bytes.fromhex("".join(values))))
    return made


def _row_count(field: _DrawnField) -> int:
    return min(-(-len(field.data) // _IN_ROW), _MOST_WHOLE)


def _draw(axes: Axes, row: int, field: _DrawnField) -> None:
    """The rows of one field, and how many of its bytes are not drawn."""
    _, colour, hatch = _KINDS[field.kind]
    data, rows = field.data, _row_count(field)
    is_folded = len(data) > _MOST_WHOLE * _IN_ROW
    tint = (colour, _TINT)
    box = {"boxstyle": "square,pad=0.15", "facecolor": tint, "edgecolor": tint, "hatch": hatch, "linewidth": 0}
    for place in range(rows - is_folded):
        start = place * _IN_ROW
        _write(axes, _POINTS - 9, row + place, f"{field.offset + start:,}", color=FAINT, fontsize=7.5, ha="right")
        digits = data[start : start + _IN_ROW].hex(" ")
        _write(axes, _POINTS, row + place, digits, family="monospace", fontsize=9, color=INK, bbox=box)
    if is_folded:
        words = f"… {text.counted(len(data) - (rows - 1) * _IN_ROW, 'more byte')}"
        _write(axes, _POINTS, row + rows - 1, words, color=FAINT, fontsize=7.5)


def _write(axes: Axes, points: float, row: int, words: str, **style: Any) -> None:
    """Words that begin `points` to the right of the field names."""
    axes.annotate(
        words, (0, row), xycoords=("axes fraction", "data"), xytext=(points, 0), textcoords="offset points",
        va="center_baseline", **style,
    ).set_in_layout(False)  # fmt: skip


def _kind(name: str) -> str:
    if name.endswith(".encrypted"):
        return "encrypted"
    return "framing" if name.partition(".")[0] in _FRAMES else "clear"


def _part(name: str) -> str:
    """The field that a row of `dissect` is a part of. Handshake messages, whose names are capitals, have a header."""
    message, *path = name.removesuffix(" (continued)").split(".")
    if message == "record" or not path:
        return message
    if not message[:1].isupper():
        return f"{message} {path[0]}"
    if path[0] == "msg_type" or path == ["body", "length"]:
        return message
    if path[0] in _LISTS:
        return f"{_LISTS[path[0]]} {path[1]}" if len(path) > 2 else path[0]
    return path[0]
