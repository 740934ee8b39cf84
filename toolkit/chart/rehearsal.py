"""A rehearsal: how probable an expired certificate is in each slot and year, and which change lowers that most."""

import math
from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from toolkit import text
from toolkit.analyse.slots import SLOT
from toolkit.chart import canvas
from toolkit.chart.matrix import Cell, draw_matrix
from toolkit.chart.palette import BAD, CAUTION, FAINT, FINE, GRID, INK
from toolkit.chart.slots import in_natural_order, label_slots

_SELDOM: Final = 0.01
_OFTEN: Final = 10
"""From this rounded percentage on."""

STATES: Final = {
    "often": Cell("10 % or more", BAD, "", "#FFFFFF"),
    "sometimes": Cell("1 to 10 %", CAUTION, "", "#000000"),
    "open": Cell("depends on the plan, which is not known", "#FFFFFF", "", INK, CAUTION),
    "seldom": Cell("below 1 %", "#FFFFFF", "", INK, FINE),
    "unknown": Cell("not known: too few renewals were seen", "#FFFFFF", "?", FAINT, GRID),
}
"""Probability of an expired certificate → how a cell looks; `open` where the plans differ in this."""

_COURSES: Final = {"ari": "ARI", "daily_job": "daily job", "second_ca": "second CA"}
"""Plan or change → its words, where they are others."""

_MOST_NAMED: Final = 2
"""Most courses that are named at a row."""

_COLUMNS: Final = (*SLOT, "year", "plan", "change", "probability", "is_best")
_TITLE: Final = "Chance of an expired certificate"
_HEAD: Final = "best in the worst year"


def plot_rehearsal(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The axes with a row per slot and a column per year: the probability of an expired certificate in service.

    `frame` is what `rehearse` returns. A cell is about what the slot does today (`change` is `none`). Where its plan is
    not known, the cell has the lowest and the highest probability of the plans; it is framed where they fall into
    different classes (1 %, 10 %). On the right is what is best (`is_best`) in the worst year of the slot, and the
    probability that it leaves. Slots with the highest probabilities come first, those that were not rehearsed last;
    those beyond 40 are left out and counted below the chart. Returns the axes. Raises `UsageError` for another frame.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> rehearsal = toolkit.rehearse(tables, now="2026-01-24 00:00Z", job_days=30)
    >>> ax = toolkit.chart.plot_rehearsal(rehearsal)
    >>> ax.get_title(loc="left")
    'Chance of an expired certificate  ·  lab data'
    """
    canvas.check_frame(frame, *_COLUMNS, what="what `rehearse` returns")
    if frame.empty:
        return canvas.say_nothing(ax, _TITLE, "No slot shows a certificate from which to rehearse.")
    rows = frame.assign(slot=frame.groupby(SLOT, sort=False, dropna=False).ngroup())
    today = rows[rows["change"] == "none"].groupby(["slot", "year"])["probability"].agg(["min", "max"])
    today = today.astype("float64").reset_index()
    heads = rows.drop_duplicates("slot").set_index("slot")
    worst = today.groupby("slot")["max"].agg(["max", "mean"]).fillna(-1.0)
    worst = worst.loc[heads.index[in_natural_order(heads)]]
    order = list(worst.sort_values(["max", "mean"], ascending=False, kind="stable").index)
    years = sorted(today["year"].unique())
    cells = today.assign(
        row=today["slot"].map({slot: place for place, slot in enumerate(order)}),
        column=today["year"].map({year: place for place, year in enumerate(years)}),
        state=[_state(low, high) for low, high in zip(today["min"], today["max"], strict=True)],
        words=[_range(low, high) for low, high in zip(today["min"], today["max"], strict=True)],
    )
    axes = draw_matrix(
        ax, cells, rows=label_slots(heads.loc[order]), columns=[str(year) for year in years], styles=STATES,
        what=("slot", "year"), title=canvas.titled(_TITLE, frame),
    )  # fmt: skip
    figure = axes.get_figure(root=True)
    if ax is None and figure is not None:
        figure.set_figwidth(canvas.WIDTH)  # room for the words on the right
    shown = order[: canvas.MOST_ROWS]
    size = 7.5 if len(shown) <= canvas.MOST_ROWS / 2 else 7
    for place, slot in enumerate(shown):
        words = _advice(rows[rows["slot"] == slot])
        axes.text(len(years) + 0.08, place + 0.5, words, va="center", fontsize=size, color=INK, gid="best")
    axes.text(len(years) + 0.08, -0.1, _HEAD, va="bottom", fontsize=7.5, color=FAINT)
    return axes


def _state(low: float, high: float) -> str:
    """The key of a cell in `STATES`."""
    if math.isnan(high):
        return "unknown"
    least, most = (
        "seldom" if p < _SELDOM else "sometimes" if round(100 * p) < _OFTEN else "often" for p in (low, high)
    )
    return most if least == most else "open"


def _range(low: float, high: float) -> str:
    if math.isnan(high):
        return ""
    least, most = _percent(low), _percent(high)
    return most if least == most else f"{least.removesuffix(' %')} to {most}"


def _percent(probability: float) -> str:
    """In per cent; what is not 0 or 1 is not rounded to it, and what is below 1 % not to 1 %."""
    if 0 < probability < _SELDOM:
        return "<1 %"
    return ">99 %" if 0.995 < probability < 1 else f"{round(100 * probability)} %"


def _advice(rows: pd.DataFrame) -> str:
    """The best courses of a slot in words, in its worst year, and the probability that they leave."""
    chances = rows[rows["change"] == "none"].groupby("year")["probability"].max().dropna()
    if chances.empty or chances.max() < _SELDOM:
        return ""
    worst = chances.index[chances == chances.max()].max()
    best = rows[rows["is_best"].fillna(value=False) & (rows["year"] == worst)]
    if best.empty:
        return f"{worst}: none of the changes lowers it"
    named = best["change"].where(best["change"].isin(list(_COURSES)), best["plan"])
    names = [_COURSES.get(name, name) for name in named]
    if len(names) > _MOST_NAMED:
        names = [names[0], text.counted(len(names) - 1, "other")]
    return f"{worst}: {' or '.join(names)}, {_percent(float(best['probability'].max()))}"
