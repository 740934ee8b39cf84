"""What servers gained and lost between two surveys, as a map of suites (or groups) and versions."""

from dataclasses import replace
from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from toolkit import text
from toolkit.chart import canvas
from toolkit.chart.judgement import JUDGEMENTS, WORST_FIRST, Judge
from toolkit.chart.matrix import BLANK, Cell, draw_matrix
from toolkit.chart.palette import INK
from toolkit.reference.rules import Policy
from toolkit.schema import PROTOCOLS

STATES: Final = {
    **{f"gained, {name}": Cell(f"gained, {look.words}", look.colour, "+", look.ink)
       for name, look in JUDGEMENTS.items()},
    **{f"lost, {name}": Cell(f"lost, {look.words}", "#FFFFFF", "−", INK, look.colour)
       for name, look in JUDGEMENTS.items()},
}  # fmt: skip
"""Change and judgement of a cell → how it looks: filled where gained, framed where lost."""

_UNCHANGED: Final = replace(BLANK, words="no change on record")
_WHOLE: Final = "the version itself"
_QUESTIONS: Final = ("protocol", "suite", "group")


def plot_changes(frame: pd.DataFrame, *, policy: Policy = "ietf", ax: Axes | None = None) -> Axes:
    """The axes with a matrix of what was gained and lost between surveys: version, suite or group × protocol version.

    `frame` is what `find_changes` returns. A filled cell was gained, a framed one lost; the number counts the services.
    The colour shows what the rules of `policy` say about accepting it on the day of the survey that accepted it. A cell
    that some services gained and others lost shows the gain; a note counts such cells. Gains of what is prohibited come
    first. Changes of other questions (signature schemes, key types, first choices) are counted below the chart. Returns
    the axes. Raises `UsageError` for another frame.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample")
    >>> before, after = tables.within(until="2025-08-01T00:00:00Z"), tables.within(since="2025-08-01T00:00:00Z")
    >>> ax = toolkit.chart.plot_changes(toolkit.find_changes(before, after))
    >>> ax.get_title(loc="left")
    'What 3 services gained and lost  ·  lab data'
    """
    canvas.check_frame(frame, "question", "item", "change", "before_at", "after_at", what="what `find_changes` returns")
    is_drawn = frame["question"].isin(_QUESTIONS) & frame["change"].isin(["gained", "lost"])
    drawn = frame[is_drawn & frame["protocol"].notna()]
    if drawn.empty:
        return canvas.say_nothing(ax, "Changes", "No version, suite or group was gained or lost between the surveys.")
    rules = Judge(policy)
    cells = drawn.assign(
        name=drawn["item"].astype(object).mask(drawn["question"] == "protocol", _WHOLE),
        judged=[_judge(rules, row) for row in drawn.to_dict("records")],
    )
    counted = cells.groupby(["name", "protocol", "change"], sort=False, as_index=False).agg(
        judged=("judged", "min"), services=("service", "nunique")
    )
    counted = counted.sort_values("change", kind="stable")  # gained before lost
    is_second = counted.duplicated(["name", "protocol"])
    shown = counted[~is_second]
    order = shown.assign(is_lost=shown["change"] == "lost").groupby("name")[["is_lost", "judged"]].min()
    order["is_part"] = order.index != _WHOLE
    names = list(order.sort_values(["is_part", "is_lost", "judged"], kind="stable").index)
    versions = [name for name in PROTOCOLS if (shown["protocol"] == name).any()]
    shown = shown.assign(
        row=shown["name"].map(names.index), column=shown["protocol"].map(versions.index),
        state=shown["change"].astype(object) + ", " + shown["judged"].map(dict(enumerate(JUDGEMENTS))),
        words=[f"{number:,}" for number in shown["services"]],
    )  # fmt: skip
    notes = [f"colour: {canvas.label(rules.name)}, by the rules of the day on which it was accepted",
             "numbers: services"]  # fmt: skip
    also_lost = text.counted(int(is_second.sum()), "cell")
    notes += [f"{also_lost} also lost at other services"] if is_second.any() else []
    rest = len(frame) - len(drawn)
    notes += [f"not drawn: {text.counted(rest, 'other change')}"] if rest else []
    services = drawn["service"].nunique()
    where = canvas.label(drawn["service"].iloc[0]) if services == 1 else f"{services:,} services"
    return draw_matrix(
        ax, shown, rows=[canvas.label(name) for name in names], columns=versions, styles=STATES,
        what=("suite or group", "version"), notes=notes, blank=_UNCHANGED,
        title=canvas.titled(f"What {where} gained and lost", frame),
    )  # fmt: skip


def _judge(rules: Judge, row: dict[object, object]) -> int:
    at = row["after_at"] if row["change"] == "gained" else row["before_at"]
    item, question = row["item"], row["question"]
    return WORST_FIRST[
        rules.judge(
            protocol=item if question == "protocol" else None, suites=[str(item)] if question == "suite" else [],
            group=item if question == "group" else None, first=at, last=at,
        )
    ]  # fmt: skip
