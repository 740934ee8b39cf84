"""Where the bytes of a TLS message are: how many each of its parts has."""

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from toolkit import text
from toolkit.chart import canvas
from toolkit.chart.palette import BLUE, INK, NEUTRAL, ORANGE

_KINDS: Final = {
    "framing": ("records", NEUTRAL, ""),
    "clear": ("in the clear", BLUE, ""),
    "encrypted": ("encrypted", ORANGE, "//"),
}
"""Kind of a part → words, colour and hatch."""

_FRAMES: Final = ("record", "change_cipher_spec")
_ROW_INCHES: Final = 0.26


def plot_bytes(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The axes with a bar per part of a message, in the order of the message: the number of its bytes.

    `frame` is what `dissect` returns. A part is a field of a handshake message, or one of its extensions; the headers
    of all records are one part, and what is encrypted is another. Colour and hatch show what is sent in the clear. Of
    more than 40 parts the largest are drawn. Returns the axes. Raises `UsageError` for another frame.

    >>> import toolkit
    >>> ax = toolkit.chart.plot_bytes(toolkit.dissect(bytes.fromhex("15030300020228")))
    >>> [label.get_text() for label in ax.get_yticklabels()], ax.get_title(loc="left")
    (['records', 'alert level', 'alert description'], 'Where the 7 bytes are')
    """
    canvas.check_frame(frame, "offset", "length", "name", "meaning", what="what `dissect` returns")
    if frame.empty:
        return canvas.say_nothing(ax, "Where the bytes are", "There are no bytes.")
    named = frame.assign(part=[_part(name) for name in frame["name"]], kind=[_kind(name) for name in frame["name"]])
    parts = named.groupby(["kind", "part"], sort=False)["length"].sum().astype(int).reset_index()
    kept, notes = canvas.keep_rows([-size for size in parts["length"]], "part")
    parts = parts.iloc[kept].reset_index(drop=True)
    axes = canvas.open_axes(ax, inches=len(parts) * _ROW_INCHES)
    canvas.shade_rows(axes, len(parts))
    for row, (kind, size) in enumerate(parts[["kind", "length"]].itertuples(index=False)):
        _, colour, hatch = _KINDS[kind]
        axes.barh(row, size, height=0.6, color=colour, hatch=hatch, edgecolor="white", linewidth=0, zorder=2)
        axes.annotate(f"{size:,}", (size, row), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8,
                      color=INK)  # fmt: skip
    axes.set_xlim(0, int(parts["length"].max()) * 1.12)
    axes.set_xlabel("bytes", fontsize=9, color=INK)
    labels = [canvas.label(part) for part in parts["part"]]
    canvas.set_rows(axes, range(len(parts)), labels, extent=(-0.6, len(parts) - 0.4))
    handles = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=words)
        for kind, (words, colour, hatch) in _KINDS.items()
        if (parts["kind"] == kind).any()
    ]
    canvas.set_heading(axes, f"Where the {text.counted(int(frame['length'].sum()), 'byte')} are", handles)
    canvas.set_notes(axes, notes)
    return axes


def _kind(name: str) -> str:
    if name.endswith(".encrypted"):
        return "encrypted"
    return "framing" if name.partition(".")[0] in _FRAMES else "clear"


def _part(name: str) -> str:
    """The part of a message that a field belongs to, in words."""
    kind = _kind(name)
    if kind != "clear":
        return _KINDS[kind][0]
    message, *path = name.split(".")
    if path[:1] == ["extensions"] and len(path) > 2:
        return f"{message} extension {path[1]}"
    return " ".join([message, *path[:1]])
