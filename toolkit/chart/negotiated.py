"""What handshakes negotiated, month by month, as stacked shares."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from toolkit.chart import canvas
from toolkit.chart.palette import BLACK, BLUE, GREEN, NEUTRAL, ORANGE, PURPLE, RED, SKY, YELLOW

_COLOURS: Final = (BLUE, ORANGE, GREEN, SKY, PURPLE, YELLOW, RED, BLACK)
_HATCHES: Final = ("", "//", "..", "\\\\", "xx", "--", "++", "")
_MOST: Final = len(_COLOURS)
"""Values with a colour of their own; the others are drawn together."""

_INCHES: Final = 3.2
_WORDS: Final = {
    "protocol": "Protocol", "suite": "Suite", "bits": "Bits of the cipher (strength/key size)",
    "signature": "Key that signs the handshake",
}  # fmt: skip


def plot_negotiated(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of each value in each month as a stacked bar, from 0 to 100 %.

    `frame` is what `summarise_negotiated` returns. Values are stacked by the month in which they first occur, the
    oldest at the bottom; each has a colour and a hatch. The eight most frequent have one of their own, the others
    are one grey part. A month without a handshake is blank. The line below gives how many handshakes a month has.

    Returns the axes. Raises `UsageError` for another frame.

    >>> import toolkit
    >>> headers = toolkit.load_example("google-headers")
    >>> ax = toolkit.chart.plot_negotiated(toolkit.summarise_negotiated(headers, by="bits"))
    >>> ax.get_title(loc="left")
    'Bits of the cipher (strength/key size) by month  ·  recorded data'
    """
    canvas.check_frame(frame, "month_from_at", "quantity", "value", "share", what="what `summarise_negotiated` returns")
    if frame.empty:
        return canvas.say_nothing(ax, "Negotiated by month", "No dated observation says what was negotiated.")
    axes = canvas.open_axes(ax, inches=_INCHES)
    kept = frame.groupby("value")["handshakes"].sum().nlargest(_MOST).index
    shown = frame.assign(value=frame["value"].where(frame["value"].isin(kept)))
    begins = pd.date_range(frame["month_from_at"].min(), frame["month_from_at"].max(), freq="MS", unit="us")
    left = canvas.days(pd.Series(begins))
    width = np.diff(canvas.days(pd.Series([*begins, begins[-1] + pd.DateOffset(months=1)])))
    height = np.zeros(len(begins))
    handles = []
    order = shown.groupby("value")["month_from_at"].min().sort_values(kind="stable").index
    for value, colour, hatch in [*zip(order, _COLOURS, _HATCHES, strict=False), (None, NEUTRAL, "")]:
        rows = shown[shown["value"].isna() if value is None else shown["value"] == value]
        if rows.empty:
            continue
        share = rows.groupby("month_from_at")["share"].sum().reindex(begins).fillna(0.0).to_numpy(float)
        axes.bar(left, share, width, bottom=height, align="edge", color=colour, hatch=hatch, edgecolor="white",
                 linewidth=0.3, zorder=2, gid="share")  # fmt: skip
        height = height + share
        handles.append(Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=canvas.label(value or "others")))
    canvas.set_dates(axes, float(left[0]), float(left[-1] + width[-1]))
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], labels=["0 %", "25 %", "50 %", "75 %", "100 %"])
    words = _WORDS.get(str(frame["quantity"].iloc[0]), "Negotiated")
    canvas.set_heading(axes, canvas.titled(f"{words} by month", frame), handles)
    counts = frame.groupby("month_from_at")["handshakes"].sum()
    empty = len(begins) - len(counts)
    notes = [f"{counts.sum():,} handshakes; {counts.min():,} to {counts.max():,} a month"]
    canvas.set_notes(axes, notes + ([f"{empty} months without one are blank"] if empty else []))
    return axes
