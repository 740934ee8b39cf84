"""Suites that were negotiated over time: a row per suite, a marker per version, coloured by the rules of its day."""

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.transforms import blended_transform_factory

from toolkit.chart import canvas
from toolkit.chart.canvas import BITS
from toolkit.chart.judgement import JUDGEMENTS, Judge
from toolkit.chart.palette import FAINT, INK, MARKERS, NO_PROTOCOL, PAPER
from toolkit.reference import Suite, suites
from toolkit.reference.rules import Policy

_ROW_INCHES = 0.3
_MOST_MARKS = 70
"""Most markers side by side in a row; of markers that would overlap, the first is drawn."""


def plot_suites(
    frame: pd.DataFrame,
    *,
    by: Literal["suite", "cipher"] = "suite",
    policy: Policy = "ietf",
    ax: Axes | None = None,
) -> Axes:
    """The axes with a row per suite (`by="cipher"`: per cipher and mode) and a marker per answer, over time.

    `frame` is the table `observations` or some of its rows. Rows without a suite and handshakes of a survey are left
    out, because they do not show what ordinary clients negotiate. Labels end in key bits/strength bits; the strongest
    suite is the top row. The shape of a marker is the protocol version. Its colour shows what the rules of `policy` (a
    name, a file or rules, as `judge` takes it) said about version and suite on the day of the answer: prohibited,
    discouraged or allowed; grey: not judged, because no rule was in force or the day is not known.

    A hollow marker is not dated exactly. It lies between its two bounds, which a line joins (bounds closer than the
    width of a marker are drawn as a date); at its only bound, with dots towards the open side; or right of the axis
    where it is undated. Rows beyond 40, the strongest, are left out, and their number is given below the chart. Returns
    the axes. Raises `UsageError` for another frame or policy.

    >>> import toolkit
    >>> tables = toolkit.load_example("google-mail").within(services="smtp://smtp.gmail.com:587")
    >>> ax = toolkit.chart.plot_suites(tables.observations)
    >>> ax.get_title(loc="left")
    'Suites negotiated  ·  recorded data'
    """
    rules = Judge(policy)
    canvas.check_frame(frame, "suite", "offer", what="the table `observations`")
    known = suites()
    answers = frame[frame["suite"].notna() & (frame["offer"] != "survey").fillna(value=True)]
    if answers.empty:
        return canvas.say_nothing(ax, "Suites negotiated", "No observation negotiated a suite.")
    answers, more = _placed(answers.assign(judged=_judged(answers, rules)), known, by)
    rows = answers.drop_duplicates("row").sort_values("row")
    axes = canvas.open_axes(ax, inches=len(rows) * _ROW_INCHES)
    canvas.set_dates(axes, *_window(answers))
    canvas.shade_rows(axes, len(rows))
    _draw_dated(axes, answers, span=float(np.ptp(axes.get_xlim())))
    undated = _draw_undated(axes, answers)
    canvas.set_rows(axes, rows["row"].to_list(), rows["label"].to_list(), extent=(-0.5, len(rows) - 0.5), corner=BITS)
    shapes = [(marker, name) for name, marker in MARKERS.items() if (answers["protocol"] == name).any()]
    shapes += [(NO_PROTOCOL, "version not known")] if answers["protocol"].isna().any() else []
    handles: list[Line2D | Patch] = [
        Line2D([], [], linestyle="", marker=marker, color=INK, label=words) for marker, words in shapes
    ]
    handles += [
        Patch(facecolor=look.colour, label=look.words)
        for name, look in JUDGEMENTS.items()
        if (answers["judged"] == name).any()
    ]
    if undated or answers["is_bounded"].any():
        words = "hollow: not dated exactly"
        handles.append(Line2D([], [], linestyle="", marker="o", markerfacecolor="white", color=INK, label=words))
    canvas.set_heading(axes, canvas.titled("Suites negotiated", frame), handles)
    canvas.set_notes(axes, [f"colour: {canvas.label(rules.name)}, by the rules of the answer's day", *more])
    return axes


def _judged(answers: pd.DataFrame, rules: Judge) -> list[str]:
    first = answers["observed_at"].fillna(answers["observed_from"])
    last = answers["observed_at"].fillna(answers["observed_until"])
    return [
        rules.judge(protocol=protocol, suites=(suite,), first=begins, last=ends)
        for protocol, suite, begins, ends in zip(answers["protocol"], answers["suite"], first, last, strict=True)
    ]


def _placed(frame: pd.DataFrame, known: Mapping[int, Suite], by: str) -> tuple[pd.DataFrame, list[str]]:
    """The answers with `row`, `label`, and `at`, `begin`, `end` in days (NaN: not known), `is_bounded`; the notes."""
    facts = [known.get(int(code)) if not pd.isna(code) else None for code in frame["suite_code"]]
    answers = frame[["protocol", "suite", "judged"]].astype(object).reset_index(drop=True)
    answers["label"] = [
        _label(name, suite, by=by) for name, suite in zip(frame["suite"].astype(str), facts, strict=True)
    ]
    answers["strength"] = [suite.strength_bits if suite else -1 for suite in facts]
    answers["is_aead"] = [suite.is_aead if suite else False for suite in facts]
    answers["newest"] = [suite.versions[-1] if suite and suite.versions else "" for suite in facts]
    answers["at"] = canvas.days(frame["observed_at"].reset_index(drop=True))
    answers["begin"] = canvas.days(frame["observed_from"].reset_index(drop=True))
    answers["end"] = canvas.days(frame["observed_until"].reset_index(drop=True))
    # Bounds closer than the width of a marker are drawn as a date.
    known_instants = answers[["at", "begin", "end"]].stack()
    span = known_instants.max() - known_instants.min()
    is_close = answers["end"] - answers["begin"] < span / 150
    answers["at"] = answers["at"].fillna(((answers["begin"] + answers["end"]) / 2).where(is_close))
    answers["is_bounded"] = answers["at"].isna() & (answers["begin"].notna() | answers["end"].notna())
    order = answers.drop_duplicates("label").sort_values(
        ["strength", "newest", "is_aead", "label"], ascending=[False, False, False, True]
    )
    # Where the page is too short, leave out the strongest: readers look for weak suites.
    kept, more = canvas.keep_rows(range(len(order), 0, -1), by)
    rows = {order["label"].iloc[place]: row for row, place in enumerate(kept)}
    answers["row"] = answers["label"].map(rows)
    return answers.dropna(subset=["row"]), more


def _label(name: str, suite: Suite | None, *, by: str) -> str:
    if suite is None:
        return f"{canvas.label(name)}  bits not known"
    shown = name if by == "suite" else suite.cipher if suite.mode == "stream" else f"{suite.cipher}-{suite.mode}"
    return f"{canvas.label(shown, width=48)}  {suite.key_bits}/{suite.strength_bits}"


def _window(answers: pd.DataFrame) -> tuple[float, float]:
    instants = answers[["at", "begin", "end"]].to_numpy(dtype=float)
    if np.isnan(instants).all():
        return 0.0, 1.0
    low, high = float(np.nanmin(instants)), float(np.nanmax(instants))
    margin = (high - low) * 0.02
    return low - margin, high + margin


def _alike(answers: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Marker, colour and answers of each version and judgement; the worst last, because the last is drawn on top."""
    for name, look in reversed(JUDGEMENTS.items()):
        for protocol, marker in [*MARKERS.items(), (None, NO_PROTOCOL)]:
            is_version = answers["protocol"] == protocol if protocol else answers["protocol"].isna()
            part = answers[is_version & (answers["judged"] == name)]
            if len(part):
                yield marker, look.colour, part


def _draw_dated(ax: Axes, answers: pd.DataFrame, *, span: float) -> None:
    reach = span * 0.025
    for marker, colour, part in _alike(answers):
        dated = part[part["at"].notna()]
        spots = dated.loc[_apart(dated, span / _MOST_MARKS)]
        marks = ax.scatter(
            spots["at"], spots["row"], marker=marker, s=26, color=colour, edgecolor="white", linewidth=0.4,
            zorder=3,
        )  # fmt: skip
        marks.set_gid("dated")
        bounded = part[part["is_bounded"]]
        begin, end = bounded["begin"].fillna(bounded["end"]), bounded["end"].fillna(bounded["begin"])
        lines = ax.hlines(bounded["row"], begin, end, colors=colour, linewidth=1.4, zorder=2)
        lines.set_gid("bounded")
        for side, is_open in ((-reach, bounded["begin"].isna()), (reach, bounded["end"].isna())):
            dots = ax.hlines(
                bounded["row"][is_open], end[is_open], end[is_open] + side, colors=colour, linestyles=":",
                linewidth=1.6, zorder=2,
            )  # fmt: skip
            dots.set_gid("one-bound")
        hollow = ax.scatter(
            (begin + end) / 2, bounded["row"], marker=marker, s=26, facecolor="white", edgecolor=colour,
            linewidth=1.3, zorder=3,
        )  # fmt: skip
        hollow.set_gid("bounded-middle")


def _apart(marks: pd.DataFrame, gap: float) -> list[int]:
    """The marks of each row that do not overlap the previous one, from the left."""
    shown = []
    last: dict[int, float] = {}
    for index, row, at in marks.sort_values("at")[["row", "at"]].itertuples():
        if at - last.get(row, -np.inf) >= gap:
            last[row] = at
            shown.append(index)
    return shown


def _draw_undated(ax: Axes, answers: pd.DataFrame) -> bool:
    undated = answers[answers["at"].isna() & ~answers["is_bounded"]]
    if undated.empty:
        return False
    right_of_axes = blended_transform_factory(ax.transAxes, ax.transData)
    kinds = list(_alike(undated))
    # A strip of its own, so that the marks do not look like ones that left the axis.
    strip = Rectangle((1.01, 0), 0.03 + 0.022 * (len(kinds) - 1), 1, transform=ax.transAxes, facecolor=PAPER,
                      linewidth=0, clip_on=False, zorder=0.5)  # fmt: skip
    strip.set_gid("strip")
    ax.add_patch(strip)
    for number, (marker, colour, part) in enumerate(kinds):
        rows = part.drop_duplicates("row")["row"]
        marks = ax.scatter(
            np.full(len(rows), 1.025 + 0.022 * number), rows, marker=marker, s=26, facecolor="white",
            edgecolor=colour, linewidth=1.3, transform=right_of_axes, clip_on=False, zorder=3,
        )  # fmt: skip
        marks.set_gid("undated")
    ax.annotate(
        "undated", (1.015, 0), xycoords="axes fraction", xytext=(0, -6), textcoords="offset points", va="top",
        fontsize=8.5, color=FAINT,
    )  # fmt: skip
    return True
