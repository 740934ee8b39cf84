"""A matrix of states: each cell shows its state by colour and sign, and can have a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from toolkit.chart import canvas
from toolkit.chart.palette import GRID, INK

_ROW_INCHES, _FLEET_ROW_INCHES, _FEW_ROWS = 0.3, 0.21, 24
_MOST_COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Cell:
    """How a state looks: text of the legend, fill, sign with its colour, and colour of the frame (None: no frame)."""

    words: str
    fill: str
    sign: str
    ink: str = INK
    edge: str | None = None


_WIDEST_INCHES: Final = 1.8
"""Width of a column at most."""

BLANK: Final = Cell("nothing on record", "#FFFFFF", "", edge=GRID)
"""A cell without a row in the frame: it was not asked, or not recorded."""


def draw_matrix(
    ax: Axes | None,
    cells: pd.DataFrame,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    styles: Mapping[str, Cell],
    what: tuple[str, str],
    notes: Sequence[str] = (),
    corner: str = "",
    blank: Cell = BLANK,
    title: str,
) -> Axes:
    """The axes with `rows` × `columns`; `cells` has `row`, `column` (positions), `state` and `words`.

    Rows and columns that do not fit a page are left out from the end, and their number is given below the chart; `what`
    is the noun for a row and for a column, in the singular. Of services, those with equal cells share a row where not
    every row fits. Row and column labels must be harmless (`canvas.label`).
    `notes` are written below the legend, `corner` above the row labels; `blank` is how a cell without a
    row looks.
    """
    kept, left_out = canvas.keep_rows(range(len(columns)), what[1], most=_MOST_COLUMNS)
    cells, columns = cells[cells["column"].isin(kept)], columns[:_MOST_COLUMNS]
    groups, more = canvas.share_rows(_contents(cells, len(rows)) if what[0] == "service" else range(len(rows)), what[0])
    cells = cells.assign(row=cells["row"].map({group[0]: place for place, group in enumerate(groups)}))
    cells, rows = cells.dropna(subset=["row"]), [canvas.label_shared([rows[n] for n in group]) for group in groups]
    notes = [*notes, *more, *left_out]
    is_tall = len(rows) > _FEW_ROWS
    longest = _longest(rows)
    width_of_labels = 0.075 * longest
    width = min(canvas.WIDTH, max(1.0 + width_of_labels + 0.95 * len(columns), 6.6))
    width_of_column = (width - 0.4 - width_of_labels) / max(len(columns), 1)
    is_turned = _longest(columns) * 0.08 > width_of_column
    handles: list[Patch] = [_key(style) for name, style in styles.items() if (cells["state"] == name).any()]
    if len(cells) < len(rows) * len(columns):
        handles.append(_key(blank))
    inches = len(rows) * (_FLEET_ROW_INCHES if is_tall else _ROW_INCHES) + 0.15 * (len(handles) / 2 + len(notes))
    axes = canvas.open_axes(ax, inches=inches + (0.06 * _longest(columns) if is_turned else 0), width=width)
    size = 7 if is_tall or width_of_column < 0.55 else 8
    for row, column, state, words in cells[["row", "column", "state", "words"]].itertuples(index=False):
        shown = str(words) if len(str(words)) * 0.075 < width_of_column - 0.15 else ""
        _draw_cell(axes, (column, row), state, styles[state], shown, size=size)
    # A single column would be as wide as the page.
    axes.set_xlim(0, len(columns) * max(1.0, width_of_column / _WIDEST_INCHES))
    axes.set_xticks([column + 0.5 for column in range(len(columns))], labels=list(columns), fontsize=8.5)
    # Turned labels below would run through the legend.
    axes.tick_params(axis="x", length=0, labeltop=True, labelbottom=False)
    if is_turned:
        axes.tick_params(axis="x", labelrotation=45 if width_of_column > 0.45 else 60)
        for tick in axes.get_xticklabels():
            tick.set_horizontalalignment("left")
            tick.set_rotation_mode("anchor")
    canvas.set_rows(axes, [row + 0.5 for row in range(len(rows))], rows, extent=(0, len(rows)), corner=corner)
    for spine in axes.spines.values():
        spine.set_visible(False)
    canvas.set_footing(axes, handles, notes)
    canvas.set_title(axes, title, points_above=3)
    return axes


def _contents(cells: pd.DataFrame, count: int) -> list[tuple[Any, ...]]:
    """What each of `count` rows shows, to compare rows."""
    shown: list[list[Any]] = [[] for _ in range(count)]
    for row, *content in cells[["row", "column", "state", "words"]].sort_values("column").itertuples(index=False):
        shown[row].append(tuple(content))
    return [tuple(row) for row in shown]


def _longest(labels: Sequence[str]) -> int:
    """Characters of the longest line."""
    return max((len(line) for label in labels for line in label.split("\n")), default=0)


def _draw_cell(ax: Axes, at: tuple[int, int], state: str, style: Cell, words: str, *, size: float) -> None:
    # Draw the frame inside its cell, so that neighbouring frames do not overlap.
    inset = 0.04 if style.edge else 0.02
    box = Rectangle(
        (at[0] + inset, at[1] + 2 * inset), 1 - 2 * inset, 1 - 4 * inset, facecolor=style.fill,
        edgecolor=style.edge or "none", linewidth=1.8 if style.edge else 0, zorder=2,
    )  # fmt: skip
    box.set_gid(f"cell-{state}")
    ax.add_patch(box)
    shown = f"{style.sign} {words}".strip()
    if shown:
        ax.text(
            at[0] + 0.5, at[1] + 0.5, shown, ha="center", va="center", fontsize=size, color=style.ink, zorder=3,
        )  # fmt: skip


def _key(style: Cell) -> Patch:
    words = f"{style.sign} {style.words}".strip()
    return Patch(facecolor=style.fill, edgecolor=style.edge or "none", linewidth=1.4, label=words)
