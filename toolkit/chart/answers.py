"""Answers of servers as cells of a matrix: their state and judgement, the ciphers and versions, and their dates."""

from typing import Any, Final

import pandas as pd

from toolkit.chart import canvas
from toolkit.chart.judgement import JUDGEMENTS, WORST_FIRST, Judge
from toolkit.chart.matrix import Cell
from toolkit.chart.palette import FAINT, GRID, INK, PAPER
from toolkit.schema import INSTANTS, PROTOCOLS

ACCEPTED: Final = ("accepted", "negotiated")
"""States of what a server accepts: by an answer of a survey, or in a handshake."""

STATES: Final = {
    **{f"accepted, {name}": Cell(f"accepted, {look.words}", look.colour, "✓", look.ink)
       for name, look in JUDGEMENTS.items()},
    **{f"negotiated, {name}": Cell(f"negotiated, {look.words}", "#FFFFFF", "✓", INK, look.colour)
       for name, look in JUDGEMENTS.items()},
    "refused": Cell("refused", PAPER, "×", FAINT),
    "untested": Cell("untested", "#FFFFFF", "?", FAINT, GRID),
}  # fmt: skip
"""State and judgement of a cell → how it looks: filled where a survey found it accepted, framed where negotiated."""

CIPHER: Final = ["cipher", "key_bits", "strength_bits"]
"""The columns that identify a cipher."""

_ORDER: Final = {"accepted": 0, "negotiated": 1, "untested": 2, "refused": 3}
"""State → its rank in a cell with several answers; the first wins."""


def with_judgements(frame: pd.DataFrame, rules: Judge) -> pd.DataFrame:
    """The answers with `judged`: how accepting it is judged, as a place in `WORST_FIRST`."""
    suites_of = frame["suites"] if "suites" in frame else frame["suite"].map(_alone) if "suite" in frame else None
    rows = pd.DataFrame(
        {
            "protocol": frame["protocol"].astype(object),
            "suites": [()] * len(frame) if suites_of is None else list(suites_of),
            "group": frame["group"].astype(object) if "group" in frame else None,
            "first": frame["observed_at"].fillna(frame["observed_from"]),
            "last": frame["observed_at"].fillna(frame["observed_until"]),
        }
    )
    return frame.assign(
        judged=[
            WORST_FIRST[rules.judge(protocol=protocol, suites=names, group=group, first=first, last=last)]
            for protocol, names, group, first, last in rows.itertuples(index=False)
        ]
    )


def _alone(suite: object) -> tuple[str, ...]:
    return (suite,) if isinstance(suite, str) else ()


def cell_states(cells: pd.DataFrame) -> list[str]:
    """The key of each cell in `STATES`: its state, with the judgement where it is accepted."""
    names = list(JUDGEMENTS)
    return [
        f"{state}, {names[judged]}" if state in ACCEPTED else state
        for state, judged in cells[["state", "judged"]].itertuples(index=False)
    ]


def note_colours(cells: pd.DataFrame, rules: Judge) -> list[str]:
    """The note about the colours, where a cell is coloured."""
    is_accepted = cells["state"].isin(ACCEPTED)
    return [f"colour: {canvas.label(rules.name)}, by the rules of the answer's day"] if is_accepted.any() else []


def keep_best(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row per key: accepted in a survey before negotiated, untested and refused; the worst judgement first."""
    ranked = frame.assign(order=frame["state"].map(_ORDER)).sort_values(["order", "judged"], kind="stable")
    return ranked.drop_duplicates(keys, ignore_index=True).drop(columns="order")


def say_none_accepted(cells: pd.DataFrame, keys: list[str], what: str) -> str:
    """A sentence: nothing was accepted, and how many were refused in every answer, and how many untested in one."""
    is_open = (cells["state"] == "untested").groupby([cells[key] for key in keys], dropna=False).any()
    return f"No {what} was accepted: {(~is_open).sum()} refused, {is_open.sum()} untested."


def list_ciphers(frame: pd.DataFrame) -> pd.DataFrame:
    """The ciphers of the frame, strongest first: `cipher`, `key_bits`, `strength_bits`, `row`, `label`."""
    named = frame[CIPHER].drop_duplicates()
    named = named.sort_values(
        ["strength_bits", "key_bits", "cipher"], ascending=[False, False, True], na_position="last", ignore_index=True
    )
    named["row"] = range(len(named))
    named["label"] = [
        f"{canvas.label(cipher)}  {key}/{strength}" if not pd.isna(cipher) else "unknown cipher"
        for cipher, key, strength in named[CIPHER].itertuples(index=False)
    ]
    return named


def span_of_versions(protocols: pd.Series) -> str:
    """`1.0–1.3`: the versions from oldest to newest (SSL keeps its name), gaps written out."""
    places = sorted({PROTOCOLS.index(name) for name in protocols.dropna()})
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    short = [name.removeprefix("TLS ").replace("SSL ", "SSL") for name in PROTOCOLS]
    return ", ".join(short[run[0]] if len(run) == 1 else f"{short[run[0]]}–{short[run[-1]]}" for run in runs)


def say_when(frame: pd.DataFrame) -> str:
    """The day of the latest answer, as the end of a title."""
    known = known_at(frame)
    return f", {say_day(*frame[INSTANTS].iloc[known.argmax()])}" if known.notna().any() else ", undated"


def say_days(frame: pd.DataFrame) -> str:
    """The days of the first and the last answer, as the end of a title."""
    known = known_at(frame)
    if known.isna().all():
        return ", undated"
    return ", " + " to ".join(dict.fromkeys(f"{at:%Y-%m-%d}" for at in (known.min(), known.max())))


def known_at(frame: pd.DataFrame) -> pd.Series:
    """The instant by which rows are ordered, as in `summarise_support`: their own, else the end of its bounds."""
    return frame["observed_at"].fillna(frame["observed_until"]).fillna(frame["observed_from"])


def say_day(at: Any, begins: Any, ends: Any, *, both: str = "between {} and {}") -> str:
    """The day, or the days that bound it, in words; `both` is the form of two bounds."""
    if not pd.isna(at):
        return f"{at:%Y-%m-%d}"
    if pd.isna(begins) and pd.isna(ends):
        return "undated"
    if pd.isna(begins):
        return f"by {ends:%Y-%m-%d}"
    if pd.isna(ends):
        return f"since {begins:%Y-%m-%d}"
    first, last = f"{begins:%Y-%m-%d}", f"{ends:%Y-%m-%d}"
    return first if first == last else both.format(first, last)
