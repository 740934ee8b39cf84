"""The tables and charts of a report, each with what it was made from: rows, time, share inconclusive, and the call."""

import base64
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Final, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread, imsave
from numpy.typing import NDArray

from toolkit import schema, text
from toolkit.chart import InteractiveChart, describe_chart, tabulate
from toolkit.chart.captions import Shown
from toolkit.report.formats import write_table

MOST_ROWS: Final = 15
"""Rows of a table in a section; one of more than twice as many is in the appendix, and a shorter one shown whole."""

MOST_IN_APPENDIX: Final = 150
"""Rows of a table in the appendix. The files next to a report (`--tables`) have every row."""

_DPI: Final = 150
_FIRST_INCHES, _STRIP_INCHES = 2.5, 1.0
"""Least height of the first and the last strip of a chart, and of those between them."""
_NOUNS: Final = {"outcome": "observation", "cert_sha256": "certificate", "rank": "answer of surveys"}
"""A column that one of the stored tables has alone → what its rows are."""


class Parts:
    """Makes the tables and charts of one report.

    `folder`: where every table is also written, or `None`. `is_interactive`: whether charts that have an interactive
    form are shown in it on a screen.
    """

    def __init__(self, folder: str | None = None, *, is_interactive: bool = False) -> None:
        self._folder = Path(folder) if folder else None
        self._is_interactive = is_interactive
        self._long: list[tuple[str, Shown]] = []

    def table(
        self,
        frame: pd.DataFrame,
        title: str,
        *,
        columns: Mapping[str, str],
        call: str,
        used: pd.DataFrame,
        unknown: "pd.Series[bool] | None" = None,
        rows: int = MOST_ROWS,
        width: int = 60,
    ) -> Shown | None:
        """The first rows as a table, with the trace below it; `None` for an empty frame.

        `columns`: column → heading. `used`: the rows from which it was made, `unknown`: those of `frame` that are
        inconclusive. `title` names the table in the appendix and its file.
        """
        if frame.empty:
            return None
        if self._folder:
            write_table(self._folder, title, frame, columns=columns)
        origin = trace(used, call=call, unknown=unknown)
        if len(frame) <= 2 * rows:
            rows = len(frame)
        else:
            whole = tabulate(frame, columns=columns, rows=MOST_IN_APPENDIX, width=width)
            self._long.append((title, _joined(whole, origin)))
            held = "all" if len(frame) <= MOST_IN_APPENDIX else f"the first {MOST_IN_APPENDIX:,}"
            where = f"The appendix has {held} rows. "
            origin = Shown(origin.html.replace('">', f'">{where}', 1), where + origin.words)
        return _joined(tabulate(frame, columns=columns, rows=rows, width=width), origin)

    def chart(
        self,
        axes: Axes,
        *,
        call: str,
        used: pd.DataFrame,
        unknown: "pd.Series[bool] | None" = None,
        explore: Callable[[], InteractiveChart] | None = None,
    ) -> Shown:
        """The chart as a picture with its text alternative, and the trace below it. Closes the figure.

        `explore` makes the interactive form, which is shown on a screen where the report is interactive; the picture is
        printed.
        """
        words, origin = describe_chart(axes), trace(used, call=call, unknown=unknown)
        figure = cast(Figure, axes.get_figure(root=True))
        strips = draw_strips(axes)
        plt.close(figure)
        explored = explore().as_part() if self._is_interactive and explore else ""
        kinds = ["on-screen"] * bool(explored) + ["strips"] * (len(strips) > 1)
        images = "".join(
            f'<img src="data:image/png;base64,{base64.b64encode(strip).decode("ascii")}" alt="{said}" '
            f'style="width: {figure.get_size_inches()[0]:.2f}in">'
            for strip, said in zip(strips, [text.for_html(words, limit=2000), *[""] * len(strips[1:])], strict=True)
        )
        html = f'<figure class="{" ".join(kinds)}">{images}{explored}<figcaption>{origin.html}</figcaption></figure>'
        return Shown(html, f"{words}\n{origin.words}")

    def appendix(self) -> Shown | None:
        """The tables that were too long for their section; `None` where none was."""
        if not self._long:
            return None
        html = "".join(f"<h3>{text.for_html(title)}</h3>{table.html}" for title, table in self._long)
        words = "\n\n".join(f"{title}\n{table.words}" for title, table in self._long)
        return Shown(f'<h2 id="Appendix">Appendix: long tables</h2>{html}', words)


def draw_strips(axes: Axes) -> list[bytes]:
    """The chart as PNG, from top to bottom: one picture, or of a tall chart several, cut between its rows.

    So the chart may continue on the next page, as a table does. A row ends as far below its label as it begins above.
    """
    figure = cast(Figure, axes.get_figure(root=True))
    figure.draw_without_rendering()  # places the axes
    box = figure.get_tightbbox().padded(0.1)
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=_DPI, bbox_inches=box)
    picture.seek(0)
    pixels = imread(picture)
    (bottom, edge), edges = axes.get_ylim(), [0.0]
    for label in axes.get_yticks() if edge < bottom else ():
        edge = 2 * label - edge
        below = box.y1 - axes.transData.transform((0, edge))[1] / figure.dpi
        if below - edges[-1] >= (_STRIP_INCHES if edges[1:] else _FIRST_INCHES) and box.height - below >= _FIRST_INCHES:
            edges.append(float(below))
    cuts = [round(inches * _DPI) for inches in edges]
    return [_as_png(pixels[top:end]) for top, end in zip(cuts, [*cuts[1:], len(pixels)], strict=True)]


def _as_png(pixels: NDArray[np.float32]) -> bytes:
    picture = BytesIO()
    # Without the version of matplotlib in it, the same data give the same page.
    imsave(picture, pixels, format="png", dpi=_DPI, metadata={"Software": None})  # type: ignore[dict-item]
    return picture.getvalue()


def trace(used: pd.DataFrame, *, call: str, unknown: "pd.Series[bool] | None" = None) -> Shown:
    """What a table or chart was made from, in one line: rows, time, the share that is inconclusive, and the call."""
    noun = next((noun for column, noun in _NOUNS.items() if column in used), "row")
    parts = [f"Made from {_counted(len(used), noun)}"]
    dated = used[[name for name in schema.INSTANTS if name in used]].stack().dropna()
    if len(dated):
        parts.append(f"{dated.min():%Y-%m-%d} to {dated.max():%Y-%m-%d}")
    if unknown is not None and len(unknown):
        share = float(unknown.astype("boolean").fillna(value=True).mean())
        parts.append(f"{'under 1 %' if 0 < share < 0.01 else f'{share:.0%}'.replace('%', ' %')} inconclusive")
    words = "; ".join(parts)
    html = f'<p class="trace">{text.for_html(words)}. <code>{text.for_html(call)}</code></p>'
    return Shown(html, f"{words}. {call}")


def _counted(number: int, noun: str) -> str:
    first, *rest = noun.split(" ", 1)
    return " ".join([text.counted(number, first), *rest])


def _joined(*parts: Shown) -> Shown:
    return Shown("".join(part.html for part in parts), "\n".join(part.words for part in parts))
