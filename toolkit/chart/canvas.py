"""Shared axes setup of all charts: size, rows, dates, legend, title with the kind of data, and harmless labels."""

import re
import textwrap
import unicodedata
from collections.abc import Hashable, Sequence
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
from matplotlib.textpath import text_to_path
from matplotlib.ticker import Formatter
from matplotlib.transforms import offset_copy
from numpy.typing import NDArray

from toolkit import text
from toolkit.chart.describing import describe_output
from toolkit.chart.palette import FAINT, GRID, INK, PAPER
from toolkit.errors import UsageError
from toolkit.instants import DAY_IN_MICROS, Instant, zoned
from toolkit.tables import describe_source

WIDTH: Final = 8.2
"""Width in inches of a figure that a chart opens; it fits a page of A4 between its margins with little scaling."""

MOST_ROWS: Final = 40
"""Most rows of a chart, so that it fits a page; the number of rows left out is given below it."""

_FIRST_DAY, _LAST_DAY = -719_161.0, 2_932_895.0
"""Days since 1970: matplotlib draws dates from year 1 to year 9999, and needs a day of margin at both ends."""

_SHORTEST: Final = 5 / (24 * 60)
"""Days that a date axis spans at least, because its labels end in minutes; less becomes a day."""

_SIZES: Final = ((9, 30), (8, 46))
"""Font sizes of row labels [pt], each with the most characters that it is used for; longer labels get 7 pt."""

LABEL: Final = 44
"""Most characters of a row label. Longer ones lose their middle, because both ends of a host name matter."""

BITS: Final = "key bits / strength bits"
"""The two numbers after the name of a cipher."""

_LONGEST: Final = 4096
"""Characters of a value that are processed for a label."""

_DOT: Final = "  ·  "
"""Separates the title from the kind of data."""

_GLUE: Final = "\u00a0"
"""A space at which no line is broken."""

_LEGEND_SIZE = 8.5

Days = NDArray[np.float64]
"""Instants as matplotlib counts them: days since 1970, NaN for null."""


def check_frame(frame: object, *columns: str, what: str) -> None:
    """Raises `UsageError` where `frame` is not a frame with these columns; `what` names the frame that is needed."""
    if isinstance(frame, pd.Series):
        raise UsageError("A row is given as a frame, not as a Series: write frame.iloc[[0]], not frame.iloc[0].")
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(f"This chart draws {what}, not {text.type_name(frame)}: {_advice(what)}.")
    missing = [name for name in columns if name not in frame]
    if missing:
        raise UsageError(f"This chart draws {what}; this frame has no column {', '.join(missing)}: {_advice(what)}.")


def _advice(what: str) -> str:
    call = re.search(r"`(\w+)`.* returns", what)
    return f"call toolkit.{call[1]} for it" if call else "give that frame"


def open_axes(ax: Axes | None, *, inches: float, width: float = WIDTH) -> Axes:
    """The given axes, or those of a new figure whose rows need `inches` of height in addition to title and legend."""
    if not isinstance(ax, Axes | None):
        raise UsageError(
            f"ax takes matplotlib's Axes, not {text.type_name(ax)}: give one of plt.subplots(), or leave ax out."
        )
    if ax is None:
        height = inches + 1.3
        _, ax = plt.subplots(figsize=(width, max(height, 2.0)), dpi=110, layout="constrained")
    if figure := ax.get_figure(root=True):
        describe_output(figure)
    ax.tick_params(colors=INK, labelsize=9, length=3)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(FAINT)
    return ax


def label(value: object, *, width: int = LABEL) -> str:
    """A value as a label of at most `width` characters, harmless (`text.for_matplotlib`), without missing glyphs."""
    shown = unicodedata.normalize("NFC", text.plain(value, limit=_LONGEST))
    shown = "".join(character if _can_be_drawn(character) else _spelt(character) for character in shown)
    if len(shown) > width:
        tail = (width - 1) // 3
        shown = f"{shown[: width - 1 - tail]}…{shown[-tail:]}"
    return text.for_matplotlib(shown)


def titled(words: str, frame: pd.DataFrame) -> str:
    """The title with the kind of data in the frame, such as `lab data`."""
    source = describe_source(frame)
    return f"{words}{_DOT}{source} data" if source else words


def set_title(ax: Axes, title: str, *, points_above: float = 0) -> None:
    """The title, left-aligned, in as many lines as it needs; `points_above` keeps room between it and the axes."""
    inches = _inches(title, FontProperties(size=11, weight="bold"))
    if inches > _room(ax):
        width = max(int(_room(ax) / inches * len(title)), 24)
        words, dot, source = title.rpartition(_DOT)
        # The kind of data stays next to the last word.
        glued = words + (dot + source).replace(" ", _GLUE) if dot else title
        lines = textwrap.wrap(glued, width, break_long_words=False, break_on_hyphens=False)
        title = "\n".join(lines).replace(_GLUE, " ")
    ax.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold", pad=7 + points_above)


def say_nothing(ax: Axes | None, title: str, why: str) -> Axes:
    """Axes without data: the title, and the reason why they are empty."""
    ax = open_axes(ax, inches=0.8)
    set_title(ax, title)
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", va="center", color=FAINT, wrap=True)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def set_heading(ax: Axes, title: str, handles: Sequence[Artist]) -> None:
    """The title and below it the legend, both above the axes. Call it after `set_rows` and `set_dates`."""
    lines = _add_legend(ax, handles, is_above=True)
    set_title(ax, title, points_above=_points_of_labels(ax, "labeltop") + 14.5 * lines)


def set_footing(ax: Axes, handles: Sequence[Artist], notes: Sequence[str]) -> None:
    """The legend below the axes, and the notes below it."""
    lines = _add_legend(ax, handles, is_above=False)
    set_notes(ax, notes, points_below=14.5 * lines)


def set_notes(ax: Axes, notes: Sequence[str], *, points_below: float = 0) -> None:
    """Sentences below the axes and their tick labels. Call it after `set_dates`."""
    if notes:
        below = 5 + _points_of_labels(ax, "labelbottom") + points_below
        ax.annotate(
            "\n".join(notes), (0, 0), xycoords="axes fraction", xytext=(0, -below), textcoords="offset points",
            va="top", fontsize=_LEGEND_SIZE, color=INK, gid="notes",
        )  # fmt: skip


def _add_legend(ax: Axes, handles: Sequence[Artist], *, is_above: bool) -> int:
    """Add a legend outside of the axes, aligned with their left edge; returns its number of lines."""
    font = FontProperties(size=_LEGEND_SIZE)
    widths = [0.5 + 1.05 * _inches(str(handle.get_label()), font) for handle in handles]
    columns = max((n for n in range(1, len(handles) + 1) if _width_of(widths, n) <= _room(ax)), default=1)
    lines = -(-len(handles) // columns)
    labelled = _points_of_labels(ax, "labeltop") if is_above else -_points_of_labels(ax, "labelbottom")
    legend = ax.legend(
        handles=list(handles),
        loc="lower left" if is_above else "upper left",
        bbox_to_anchor=(0, 1 if is_above else 0),
        bbox_transform=offset_copy(ax.transAxes, ax.get_figure(root=True), y=labelled, units="points"),
        ncols=max(-(-len(handles) // max(lines, 1)), 1),
        borderaxespad=0.4,
        borderpad=0,
        frameon=False,
        fontsize=_LEGEND_SIZE,
        handletextpad=0.5,
        columnspacing=1.3,
        labelcolor=INK,
    )
    legend.set_gid("legend")
    return lines


def _inches(words: str, font: FontProperties) -> float:
    """The width of the longest line in the font; in a picture of few pixels it is a few per cent wider."""
    lines = words.split("\n")
    return max(float(text_to_path.get_text_width_height_descent(line, font, ismath=False)[0]) for line in lines) / 72


def _points_of_labels(ax: Axes, side: str) -> float:
    """Height in points of the tick labels of the horizontal axis on one side."""
    if not ax.xaxis.get_tick_params()[side]:
        return 0.0
    return 4.0 + 11.5 * max((tick.get_text().count("\n") + 1 for tick in ax.get_xticklabels()), default=1)


def _width_of(widths: Sequence[float], columns: int) -> float:
    """Width in inches of a legend that is filled column by column."""
    lines = -(-len(widths) // columns)
    return sum(max(widths[start : start + lines]) for start in range(0, len(widths), lines))


def _room(ax: Axes) -> float:
    """Approximate width in inches of the axes without the row labels, known before drawing."""
    figure = ax.get_figure(root=True)
    width = float(figure.get_size_inches()[0]) if figure else WIDTH
    if figure is None or figure.get_layout_engine() is None or len(figure.axes) > 1:
        return width * float(ax.get_position().width)
    longest = max((len(line) for tick in ax.get_yticklabels() for line in tick.get_text().split("\n")), default=0)
    size = float(ax.yaxis.get_tick_params().get("labelsize", 9))
    return width - 0.3 - longest * 0.083 * size / 9


def set_rows(
    ax: Axes, positions: Sequence[float], labels: Sequence[str], *, extent: tuple[float, float], corner: str = ""
) -> None:
    """Rows from the top down: a label at each position, the axis over `extent`; `corner` is a heading of the labels."""
    longest = max((len(line) for name in labels for line in name.split("\n")), default=0)
    size = next((size for size, most in _SIZES if longest <= most), 7)
    ax.set_yticks(list(positions), labels=list(labels))
    ax.tick_params(axis="y", length=0, labelsize=min(size, 8) if len(labels) > MOST_ROWS / 2 else size)
    ax.set_ylim(extent[1], extent[0])
    if corner:
        ax.annotate(
            corner, (0, 1), xycoords="axes fraction", xytext=(-5, 4), textcoords="offset points", ha="right",
            va="bottom", fontsize=7.5, color=FAINT,
        )  # fmt: skip


def shade_rows(ax: Axes, count: int) -> None:
    """Shade every second of `count` rows, which are centred at 0, 1, …"""
    for row in range(1, count, 2):
        ax.axhspan(row - 0.5, row + 0.5, color=PAPER, zorder=0, linewidth=0)


def set_dates(ax: Axes, first: float, last: float, *, is_tall: bool = False) -> None:
    """A date axis from `first` to `last` (days, see `days`), labelled at both ends of a tall chart.

    It ends where matplotlib's calendar ends, at the years 1 and 9999.
    """
    first, last = (min(max(end, _FIRST_DAY + 0.5), _LAST_DAY - 0.5) for end in (first, last))
    if last - first < _SHORTEST:
        first, last = first - 0.5, last + 0.5
    ax.set_xlim(first, last)
    ax.xaxis_date()
    ax.xaxis.set_major_locator(mdates.AutoDateLocator(minticks=3, maxticks=8))
    ax.xaxis.set_major_formatter(_Dates())
    ax.grid(axis="x", color=GRID, linewidth=0.6, zorder=0)
    ax.set_axisbelow(True)
    if is_tall:
        ax.tick_params(axis="x", top=True, labeltop=True)


def short_day(instant: datetime) -> str:
    """The day and month as `3 Feb`; the code of `strftime` for a day without a zero is an error on Windows."""
    return f"{instant.day} {instant:%b}"


class _Dates(Formatter):
    """Short dates; the part that neighbouring ticks share (the year, the day) is written below the first of them."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The date under the mouse pointer."""
        return f"{mdates.num2date(x):%Y-%m-%d %H:%M}"

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """A label per tick, of one line or two."""
        dates = [mdates.num2date(value) for value in values]
        if all((date.month, date.day, date.hour, date.minute) == (1, 1, 0, 0) for date in dates):
            return [f"{date:%Y}" for date in dates]
        years, days = [f"{date:%Y}" for date in dates], [short_day(date) for date in dates]
        if all((date.day, date.hour, date.minute) == (1, 0, 0) for date in dates):
            above, below = [f"{date:%b}" for date in dates], years
        elif all((date.hour, date.minute) == (0, 0) for date in dates):
            above, below = days, years
        else:
            above = [f"{date:%H:%M}" for date in dates]
            below = [f"{day} {year}" for day, year in zip(days, years, strict=True)]
        return [
            label + (f"\n{now}" if now != before else "")
            for label, before, now in zip(above, ["", *below], below, strict=False)
        ]


def keep_rows(ranks: Sequence[object], what: str, *, most: int = MOST_ROWS) -> tuple[list[int], list[str]]:
    """Positions of the `most` rows with the lowest ranks, in row order, and the note about the others.

    Equal ranks keep the order of the rows. `what` names a row, in the singular.
    """
    order = sorted(range(len(ranks)), key=lambda place: ranks[place])  # type: ignore[arg-type, return-value]
    left_out = len(ranks) - most
    notes = [f"and {text.counted(left_out, what)} more, left out"] if left_out > 0 else []
    return sorted(order[:most]), notes


def share_rows(alike: Sequence[Hashable], what: str, *, most: int = MOST_ROWS) -> tuple[list[list[int]], list[str]]:
    """The positions of what each of the first `most` rows shows, and the note about what is left out.

    Of more than `most`, those that are `alike` share a row, at the place of the first. `what` names one, in the
    singular.
    """
    rows: dict[Hashable, list[int]] = {}
    for place, key in enumerate(alike):
        rows.setdefault(key if len(alike) > most else place, []).append(place)
    groups = list(rows.values())
    left_out = sum(map(len, groups[most:]))
    notes = [f"and {text.counted(left_out, what)} more, left out"] if left_out else []
    return groups[:most], notes


def label_shared(labels: Sequence[str]) -> str:
    """The label of a row that several share: the first of their harmless labels, cut to one line, and their number."""
    if len(labels) == 1:
        return labels[0]
    first = labels[0].replace("\n", " ").replace(r"\$", "$")
    return f"{label(first, width=32)} and {len(labels) - 1:,} more"


def mark_day(ax: Axes, at: float) -> Line2D:
    """Draw the line of `now`, the day from which days are counted."""
    line = ax.axvline(at, color=INK, linestyle=(0, (4, 2)), linewidth=1.1, zorder=4, label="now")
    line.set_gid("now")
    return line


def days(instants: "pd.Series[pd.Timestamp]") -> Days:
    """Instants (UTC) as days since 1970, up to year 9999; null is NaN."""
    values = pd.to_datetime(instants, utc=True).dt.tz_localize(None).to_numpy("datetime64[us]")
    counted = values.astype("int64") / DAY_IN_MICROS
    counted[np.isnat(values)] = np.nan
    return np.asarray(counted, dtype=np.float64)


def day(instant: Instant) -> float:
    """One instant as days since 1970. Raises `UsageError` where it is not an instant with a zone."""
    return float(days(pd.Series([zoned(instant, "now")]))[0])


def _spelt(characters: str) -> str:
    return characters.encode("unicode_escape").decode("ascii")


@cache
def _can_be_drawn(character: str) -> bool:
    """Whether the font has the character, and it does not combine with others, which matplotlib draws on each other."""
    if unicodedata.category(character) in ("Mn", "Me"):
        return False
    return get_font(findfont(FontProperties())).get_char_index(ord(character)) != 0
