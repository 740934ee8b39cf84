"""A matrix of states: every cell says its state by colour, hatch and sign, and may add a word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from toolkit.chart import canvas
from toolkit.chart.palette import FAINT, INK

_ROW_INCHES, _FLEET_ROW_INCHES, _MOST_ROWS = 0.32, 0.21, 40


@dataclass(frozen=True, slots=True)
class Cell:
    """How a state looks: words for the legend, fill, hatch, the sign in the cell, and the sign's colour."""

    words: str
    fill: str
    hatch: str
    sign: str
    ink: str = INK


BLANK: Final = Cell("nothing on record", "#FFFFFF", "", "")
"""A cell without a row in the frame: not asked, or not recorded, so nothing is said."""


def draw_matrix(
    ax: Axes | None,
    cells: pd.DataFrame,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    styles: Mapping[str, Cell],
    notes: Sequence[str] = (),
    corner: str = "",
    title: str,
) -> Axes:
    """The axes with `rows` × `columns`; `cells` has `row`, `column` (positions), `state` and `words`.

    Row and column labels must be harmless already. `notes` stand under the legend, `corner` above the row
    labels.
    """
    is_tall = len(rows) > _MOST_ROWS
    longest = _longest(rows)
    width = min(canvas.WIDTH, max(1.0 + 0.085 * longest + 1.1 * len(columns), 6.0))
    width_of_column = (width - 0.5 - 0.085 * longest) / max(len(columns), 1)
    is_turned = _longest(columns) * 0.085 > width_of_column
    inches = len(rows) * (_FLEET_ROW_INCHES if is_tall else _ROW_INCHES)
    axes = canvas.open_axes(ax, inches=inches + (0.045 * _longest(columns) if is_turned else 0), width=width)
    for row, column, state, words in cells[["row", "column", "state", "words"]].itertuples(index=False):
        _draw_cell(axes, (column, row), state, styles[state], str(words), size=6.5 if is_tall else 8)
    axes.set_xlim(0, len(columns))
    axes.set_xticks([column + 0.5 for column in range(len(columns))], labels=list(columns), fontsize=8.5)
    # Turned labels below would run through the legend.
    axes.tick_params(axis="x", length=0, labeltop=True, labelbottom=is_tall and not is_turned)
    if is_turned:
        axes.tick_params(axis="x", labelrotation=30)
        for tick in axes.get_xticklabels():
            tick.set_horizontalalignment("left")
    canvas.set_rows(axes, [row + 0.5 for row in range(len(rows))], rows, extent=(0, len(rows)), corner=corner)
    for spine in axes.spines.values():
        spine.set_visible(False)
    shown = [name for name in styles if (cells["state"] == name).any()]
    handles: list[Patch] = [_key(styles[name]) for name in shown]
    if len(cells) < len(rows) * len(columns):
        handles.append(_key(BLANK))
    canvas.set_footing(axes, handles, notes)
    canvas.set_title(axes, title, points_above=3)
    return axes


def _longest(labels: Sequence[str]) -> int:
    """Characters of the longest line."""
    return max((len(line) for label in labels for line in label.split("\n")), default=0)


def _draw_cell(ax: Axes, at: tuple[int, int], state: str, style: Cell, words: str, *, size: float) -> None:
    box = Rectangle(
        (at[0] + 0.02, at[1] + 0.04), 0.96, 0.92, facecolor=style.fill, edgecolor="#B5B5B5", hatch=style.hatch,
        linewidth=0, zorder=2,
    )  # fmt: skip
    box.set_gid(f"cell-{state}")
    ax.add_patch(box)
    shown = f"{style.sign} {words}".strip()
    if shown:
        paper = {"facecolor": style.fill, "edgecolor": "none", "pad": 1.2} if style.hatch else None
        ax.text(
            at[0] + 0.5, at[1] + 0.5, shown, ha="center", va="center", fontsize=size, color=style.ink, bbox=paper,
            zorder=3,
        )  # fmt: skip


def _key(style: Cell) -> Patch:
    words = f"{style.sign} {style.words}".strip()
    return Patch(facecolor=style.fill, edgecolor=FAINT, hatch=style.hatch, linewidth=0.6, label=words)
