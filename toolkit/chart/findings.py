"""Verdicts by service and rule: the worst of each, and the number of rows of evidence."""

from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from toolkit.chart import canvas
from toolkit.chart.matrix import Cell, draw_matrix
from toolkit.chart.palette import BAD, CAUTION, FAINT, FINE, GRID, INK
from toolkit.chart.slots import natural

VERDICTS: Final = {
    "falls short": Cell("falls short", BAD, "×", "#FFFFFF"),
    "contradicted": Cell("contradicted", BAD, "≠", "#FFFFFF"),
    "falls short of advice": Cell("falls short of advice (should)", CAUTION, "!", "#000000"),
    "unknown": Cell("unknown", "#FFFFFF", "?", FAINT, GRID),
    "confirmed": Cell("confirmed", "#FFFFFF", "=", INK, FINE),
    "meets": Cell("meets", "#FFFFFF", "✓", INK, FINE),
}
"""Verdict → how it looks, the worst first."""

_WIDEST: Final = 48
"""Most characters of a column's label, which is turned."""
_FEW_RULES: Final = 12
"""Rules that have room as columns; their names are shorter than those of services."""


def plot_findings(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The axes with a matrix of services and rules: the worst verdict, and the number of rows of evidence for it.

    `frame` is what `judge` or `summarise_findings` returns, of one policy or several; or the rows of rules of `check`
    with `check` renamed to `policy`, where `gained` counts as `falls short`. The columns are the rules; with more than
    12 rules, the services or the rules, whichever are fewer. Those with the most cells of the worst verdicts come
    first. A filled cell falls short of a rule that binds (must) or advises (should), or is contradicted. A blank cell
    has no evidence to judge. Of more than 40 services, those with equal cells share a row; rows that do not fit are
    left out, and what they show is counted below the chart. Returns the axes. Raises `UsageError` for another frame.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(since="2026-01-15T00:00:00Z")
    >>> ax = toolkit.chart.plot_findings(toolkit.judge(tables, "ietf"))
    >>> ax.get_title(loc="left")
    'Verdicts: ietf  ·  lab data'
    """
    canvas.check_frame(frame, "policy", "rule", "verdict", what="what `judge` or `summarise_findings` returns")
    if frame.empty:
        return canvas.say_nothing(ax, "Findings", "There is no verdict: no rule applies to what was observed.")
    named = frame["service"].fillna(frame["host"]).fillna("service not said").astype(object)
    counted = frame["evidence_count"] if "evidence_count" in frame else frame["evidence_row"].notna()
    verdict = frame["verdict"].replace({"gained": "falls short"})
    found = pd.DataFrame({"service": named, "rule": frame["rule"].astype(object), "verdict": verdict, "rows": counted})
    if frame["policy"].nunique() > 1:
        found["rule"] = frame["policy"].astype(object) + ": " + found["rule"]
    if "level" in frame:
        is_advice = ((verdict == "falls short") & (frame["level"] == "should")).fillna(value=False)
        found["verdict"] = found["verdict"].mask(is_advice, "falls short of advice")
    worst_first = list(VERDICTS)
    found["worst"] = found["verdict"].map(worst_first.index)
    cells = found.groupby(["service", "rule", "worst"], as_index=False).agg({"rows": "sum"})
    cells = cells.sort_values("worst").drop_duplicates(["service", "rule"])
    cells["state"] = [worst_first[number] for number in cells["worst"]]
    cells["words"] = [f"{int(rows):,}" if rows else "" for rows in cells["rows"]]
    rules, services = cells["rule"].nunique(), cells["service"].nunique()
    down, across = ("rule", "service") if rules > max(services, _FEW_RULES) else ("service", "rule")
    places = {axis: {name: n for n, name in enumerate(_worst_first(cells, axis))} for axis in (down, across)}
    cells["row"], cells["column"] = cells[down].map(places[down]), cells[across].map(places[across])
    policies = ", ".join(canvas.label(policy) for policy in sorted(frame["policy"].dropna().unique()))
    return draw_matrix(
        ax, cells, rows=[canvas.label(name) for name in places[down]],
        columns=[canvas.label(name, width=_WIDEST) for name in places[across]], styles=VERDICTS, what=(down, across),
        notes=["the worst verdict of each; number: rows of evidence that gave it"],
        title=canvas.titled(f"Verdicts: {policies}", frame),
    )  # fmt: skip


def _worst_first(cells: pd.DataFrame, axis: str) -> list[str]:
    """The names of an axis, ordered by their number of cells of each verdict, the worst verdict first; then by name."""
    counts = pd.crosstab(cells[axis], cells["worst"])
    order = [(*(-number for number in row), natural(str(name))) for name, *row in counts.itertuples()]
    return [str(counts.index[place]) for place in sorted(range(len(order)), key=order.__getitem__)]
