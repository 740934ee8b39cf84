"""The paper every chart is drawn on: it fits its rows, its labels break nothing, it says where the data came from."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Final

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from toolkit import text
from toolkit.chart.palette import FAINT, INK
from toolkit.errors import UsageError

WIDTH: Final = 10.0
"""Inches of a figure that a chart opens itself."""

TALLEST: Final = 150.0
"""Inches; matplotlib draws at most 65,536 pixels."""

FIRST_DAY, LAST_DAY = -719_161.0, 2_932_895.0
"""Days since 1970: matplotlib draws dates from year 1 to year 9999, and looks a day beyond what it draws."""

LABEL: Final = 44
"""Characters of a row's label; the middle of longer ones is left out, since both ends of a host name tell."""

Days = NDArray[np.float64]
"""Instants as matplotlib counts them: days since 1970, NaN for null."""


def open_axes(ax: Axes | None, *, inches: float, width: float = WIDTH) -> Axes:
    """The given axes, or those of a new figure whose rows need `inches` of height, beside title and legend."""
    if ax is None:
        height = min(inches + 1.3, TALLEST)
        _, ax = plt.subplots(figsize=(width, max(height, 2.0)), dpi=110, layout="constrained")
    ax.tick_params(colors=INK, labelsize=9, length=3)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(FAINT)
    return ax


def label(value: object, *, width: int = LABEL) -> str:
    """Any value as a label: harmless (`text.for_matplotlib`), of at most `width` characters, in glyphs we have."""
    shown = "".join(c if _has_glyph(c) else c.encode("unicode_escape").decode("ascii") for c in text.plain(value))
    if len(shown) > width:
        tail = (width - 1) // 3
        shown = f"{shown[: width - 1 - tail]}…{shown[-tail:]}"
    return text.for_matplotlib(shown)


def describe_source(frame: pd.DataFrame) -> str:
    """Where the rows come from, in a word: `lab`, `simulated`, `live`, `recorded`, several, or nothing if not said."""
    if "source" not in frame:
        return ""
    known = {"lab", "simulated", "live"}
    named = {str(source) for source in frame["source"].dropna()}
    # Frames join the sources of a row by commas; a recorded source is a citation and may hold commas itself.
    parts = {part for source in named for part in source.split(", ")}
    kinds = sorted(parts & known) + (["recorded"] if parts - known else [])
    return " + ".join(kinds)


def titled(words: str, frame: pd.DataFrame) -> str:
    """The words of a title, and where the data came from."""
    source = describe_source(frame)
    return f"{words}  ·  {source} data" if source else words


def set_title(ax: Axes, title: str, *, lines_above: float = 0) -> None:
    """The title; `lines_above` keeps room for a legend between it and the axes."""
    ax.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold", pad=7 + 15 * lines_above)


def say_nothing(ax: Axes | None, title: str, why: str) -> Axes:
    """Axes without data: the title, and the reason."""
    ax = open_axes(ax, inches=0.8)
    set_title(ax, title)
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", va="center", color=FAINT, wrap=True)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def set_legend(ax: Axes, handles: Sequence[Artist], *, above_labels: bool = False) -> None:
    """The legend in one line between title and axes, left-aligned; `above_labels` where the top has tick labels."""
    legend = ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=max(len(handles), 1),
        borderaxespad=2.0 if above_labels else 0.3,
        borderpad=0,
        frameon=False,
        fontsize=8.5,
        handletextpad=0.5,
        columnspacing=1.4,
        labelcolor=INK,
    )
    legend.set_gid("legend")


def set_rows(ax: Axes, positions: Sequence[float], labels: Sequence[str], *, extent: float) -> None:
    """Rows from the top down: a label at each position, the axis ending at `extent`."""
    size = 9 if len(labels) <= 40 else 7
    ax.set_yticks(list(positions), labels=list(labels), fontsize=size)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(extent, 0)


def set_dates(ax: Axes, first: float, last: float, *, is_tall: bool = False) -> None:
    """A date axis from `first` to `last` (days, see `days`), labelled at both ends of a tall chart."""
    if last - first < 1 / 24:
        first, last = first - 0.5, last + 0.5
    ax.set_xlim(first, last)
    ax.xaxis_date()
    locator = mdates.AutoDateLocator(minticks=4, maxticks=9)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator, show_offset=last - first < 400))
    ax.grid(axis="x", color="#E3E3E3", linewidth=0.6, zorder=0)
    ax.set_axisbelow(True)
    if is_tall:
        ax.tick_params(axis="x", top=True, labeltop=True)


def mark_now(ax: Axes, now: object) -> Line2D:
    """The line of the day from which days are counted."""
    at = day(now)
    line = ax.axvline(at, color=INK, linestyle=(0, (4, 2)), linewidth=1.1, zorder=4, label="now")
    line.set_gid("now")
    return line


def days(instants: "pd.Series[pd.Timestamp]") -> Days:
    """Instants (UTC) as days since 1970; years up to 9999 fit, null is NaN."""
    values = pd.to_datetime(instants, utc=True).dt.tz_localize(None).to_numpy("datetime64[us]")
    counted = values.astype("int64") / 86_400e6
    counted[np.isnat(values)] = np.nan
    return np.asarray(counted, dtype=np.float64)


def day(instant: object) -> float:
    """One instant as days since 1970. Raises `UsageError` where it has no zone."""
    if not isinstance(instant, datetime) or instant.tzinfo is None:
        raise UsageError(f"now={instant!r}: give an instant with a zone, such as datetime.now(UTC).")
    return float(days(pd.Series([instant]))[0])


@cache
def _has_glyph(character: str) -> bool:
    return get_font(findfont(FontProperties())).get_char_index(ord(character)) != 0
