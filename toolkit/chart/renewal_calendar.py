"""A calendar: months across, years down, and in each cell the number of events in that month."""

from calendar import monthrange
from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from toolkit.chart import canvas
from toolkit.chart.palette import BLUE, INK, PAPER
from toolkit.reference.rules import Cap

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ROW_INCHES: Final = 0.62
_FAINTEST, _DARKEST = 0.12, 0.6
"""Opacity of the cell of the month with the fewest events, and with the most."""


def draw_calendar(
    ax: Axes | None, counts: pd.DataFrame, *, signs: dict[str, tuple[str, str]], caps: list[Cap], title: str, what: str
) -> Axes:
    """The axes with a cell per month from the first year to the last, and the total of each year on the right.

    `counts` has `year`, `month` (1 to 12), `total` and a column for each of `signs` (name → sign and words). Their
    numbers are drawn below the total where they are not 0. A dotted line in a cell is the day on which one of `caps`
    takes effect. `what` names the events, in the plural.
    """
    years = list(range(int(counts["year"].min()), int(counts["year"].max()) + 1))
    axes = canvas.open_axes(ax, inches=len(years) * _ROW_INCHES)
    for column in range(12):
        for row in range(len(years)):
            axes.add_patch(_cell(column, row, PAPER, 1.0))
    most = int(counts["total"].max())
    for month in counts.to_dict("records"):
        column, row = int(month["month"]) - 1, int(month["year"]) - years[0]
        share = _FAINTEST + (_DARKEST - _FAINTEST) * (int(month["total"]) / most)
        cell = _cell(column, row, BLUE, share)
        cell.set_gid("month")
        axes.add_patch(cell)
        below = "  ".join(f"{sign}{int(month[name])}" for name, (sign, _) in signs.items() if month[name])
        middle = column + 0.5
        axes.text(middle, row + 0.5, f"{int(month['total']):,}", ha="center", va="center",
                  fontsize=11, color=INK, zorder=4, gid="count")  # fmt: skip
        axes.text(middle, row + 0.81, below, ha="center", va="center", fontsize=7, color=INK, zorder=4)
    for year, total in counts.groupby("year")["total"].sum().items():
        axes.text(12.5, int(str(year)) - years[0] + 0.5, f"{int(total):,}", ha="center", va="center", fontsize=10,
                  fontweight="bold", color=INK, gid="year")  # fmt: skip
    lines = _draw_caps(axes, caps, years)
    axes.set_xlim(0, 13)
    axes.set_xticks([column + 0.5 for column in range(13)], labels=[*_MONTHS, "year"])
    axes.tick_params(axis="x", length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
    rows = [row + 0.5 for row in range(len(years))]
    canvas.set_rows(axes, rows, [str(year) for year in years], extent=(0, len(years)))
    for spine in axes.spines.values():
        spine.set_visible(False)
    handles: list[Patch | Line2D] = [Patch(facecolor=BLUE, alpha=0.4, label=f"number of {what}")]
    for name, (sign, words) in signs.items():
        if counts[name].any():
            handles.append(Line2D([], [], linestyle="", marker=f"${sign}$", color=INK, markersize=7, label=words))
    canvas.set_footing(axes, [*handles, *lines], [])
    canvas.set_title(axes, title, points_above=14)
    return axes


def _cell(column: int, row: int, colour: str, share: float) -> Rectangle:
    return Rectangle((column + 0.02, row + 0.03), 0.96, 0.94, facecolor=colour, alpha=share, linewidth=0, zorder=2)


def _draw_caps(ax: Axes, caps: list[Cap], years: list[int]) -> list[Line2D]:
    handles = []
    for cap in caps:
        if cap.since.year not in years:
            continue
        row, column = cap.since.year - years[0], cap.since.month - 1
        at = column + (cap.since.day - 1) / monthrange(cap.since.year, cap.since.month)[1]
        # Only at the top of the cell, so that it does not cross the number in the middle.
        ax.plot([at, at], [row + 0.03, row + 0.27], color=INK, linewidth=1.2, linestyle=":", zorder=5, gid="cap")
        # On the side on which the cell has more room; half of a cell is just wide enough.
        side = 1 if at - column < 0.5 else -1
        ax.annotate(f"{cap.days} d", (at, row + 0.05), xytext=(2 * side, 0), textcoords="offset points", va="top",
                    ha="left" if side == 1 else "right", fontsize=6.5, color=INK, zorder=5)  # fmt: skip
        handles = [Line2D([], [], color=INK, linewidth=1.2, linestyle=":", label="a cap on validity takes effect")]
    return handles
