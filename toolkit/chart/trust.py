"""Trust over time: when each chain would have verified, and when not."""

from typing import Any, Final

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from toolkit import text
from toolkit.chart import canvas
from toolkit.chart.palette import BAD, FINE, GRID, NEUTRAL, Style

VERDICTS: Final = {
    "untrusted": Style("untrusted", BAD, "X", "xxx"),
    "trusted": Style("trusted", FINE, "o", ""),
    "expired": Style("expired", NEUTRAL, "4", "\\\\\\"),
    "not valid yet": Style("not valid yet", NEUTRAL, "3", "///"),
    "unknown": Style("unknown", GRID, "D", ""),
}
"""How each verdict of `verify_chains` is drawn; before a leaf begins and after it ends, no verdict on trust is."""

_OUTSIDE: Final = r"(?:^|; )leaf: it (is valid only from|ended on) "
"""What a `reason` says where the leaf itself is outside its validity."""

_MATTERS: Final = {"untrusted": 0, "trusted": 1}
_NOTHING_TOLD: Final = 2
"""Rows with these verdicts come first; others were never judged within the validity of their leaf."""

_MOST_UNKNOWN: Final = 10
"""Rows without any such verdict: a page of them says no more than a few and their number."""

_ROW_INCHES: Final = 0.3
_HASH: Final = 8


def plot_trust(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The axes with a row per service, server name and leaf, and its verdicts over time by colour, hatch and marker.

    `frame` is what `replay_trust` or `verify_chains` returns: a stretch is a bar, a single instant a marker. Before a
    leaf begins it is not valid yet, afterwards expired, whatever else there is to say: neither is drawn as untrusted.
    Leaves that were untrusted at some time come first, then those that were trusted, then the others, each in the order
    of time. Verdicts on undated looks have no place on the axis; they, and rows beyond 40 (of the others, beyond ten),
    are left out and counted below. Returns the axes. Raises `UsageError` for another frame.

    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://relay.lab.test:587")
    >>> ax = toolkit.chart.plot_trust(toolkit.verify_chains(tables, roots=Lab().roots))
    >>> ax.get_title(loc="left")
    'Trust over time  ·  lab data'
    """
    what = "what `replay_trust` or `verify_chains` returns"
    canvas.check_frame(frame, "as_of_from", "as_of_until", "reason", what=what)
    dated = frame.dropna(subset=["as_of_from", "as_of_until"]).reset_index(drop=True)
    if dated.empty:
        why = "No chain was judged." if frame.empty else f"None of {len(frame)} chains was judged at a known instant."
        return canvas.say_nothing(ax, "Trust over time", why)
    dated["begin"], dated["end"] = canvas.days(dated["as_of_from"]), canvas.days(dated["as_of_until"])
    keys = ["service", "host", "server_name", "leaf_sha256"]
    outside = dated["reason"].astype("string").str.extract(_OUTSIDE, expand=False)
    named = outside.map({"is valid only from": "not valid yet", "ended on": "expired"})
    dated["verdict"] = named.fillna(dated["verdict"])
    dated, notes = _in_rows(dated, keys)
    if undated := len(frame) - frame[["as_of_from", "as_of_until"]].notna().all(axis=1).sum():
        notes.append(f"not drawn: {text.counted(int(undated), 'verdict')} on undated observations")
    count = int(dated["row"].max()) + 1
    axes = canvas.open_axes(ax, inches=count * _ROW_INCHES)
    first, last = float(dated["begin"].min()), float(dated["end"].max())
    margin = max((last - first) * 0.02, 1.0)
    canvas.set_dates(axes, first - margin, last + margin)
    canvas.shade_rows(axes, count)
    handles: list[Artist] = []
    for verdict, style in VERDICTS.items():
        mine = dated[dated["verdict"] == verdict]
        if mine.empty:
            continue
        is_outside = style.colour == NEUTRAL
        look: dict[str, Any] = {
            "facecolor": "white" if is_outside else style.colour, "edgecolor": NEUTRAL if is_outside else "white",
            "hatch": style.hatch, "linewidth": 0.6,
        }  # fmt: skip
        bars = mine[mine["end"] > mine["begin"]]
        drawn = axes.barh(
            bars["row"], bars["end"] - bars["begin"], left=bars["begin"],
            height=0.6 if verdict == "trusted" else 0.3, zorder=2 if verdict == "trusted" else 2.5, **look,
        )  # fmt: skip
        for bar in drawn:
            bar.set_gid(f"bar-{verdict}")
        points = mine[mine["end"] <= mine["begin"]]
        marks = axes.scatter(points["begin"], points["row"], marker=style.marker, s=36, color=style.colour, zorder=3)
        marks.set_gid(f"mark-{verdict}")
        # The legend shows what is drawn: bars, or where there are none, marks.
        handles.append(
            Line2D([], [], marker=style.marker, linestyle="", color=style.colour, label=style.words)
            if bars.empty
            else Patch(label=style.words, **look)
        )
    heads = dated.drop_duplicates("row").sort_values("row")
    shown = heads["service"].fillna(heads["host"]).fillna("service not said")
    labels = [
        f"{canvas.label(name)}  {canvas.label(leaf[:_HASH])}"
        for name, leaf in zip(shown, heads["leaf_sha256"].astype(str), strict=True)
    ]
    canvas.set_rows(axes, list(range(count)), labels, extent=(-0.6, count - 0.4), corner="leaf's hash behind")
    canvas.set_heading(axes, canvas.titled("Trust over time", frame), handles)
    canvas.set_notes(axes, notes)
    return axes


def _in_rows(dated: pd.DataFrame, keys: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """The verdicts with `row`, what matters first; and what is left out."""
    rows = dated.groupby(keys, sort=False, dropna=False).ngroup()
    of_row = dated.assign(matters=dated["verdict"].map(_MATTERS).fillna(_NOTHING_TOLD)).groupby(rows)
    order = of_row.agg(matters=("matters", "min"), begin=("begin", "min"))
    is_shown = dated["verdict"].isin(["untrusted", "trusted"])
    shown = dated.loc[is_shown, "begin"].groupby(rows[is_shown]).min()
    order["begin"] = shown.reindex(order.index).fillna(order["begin"])
    order = order.sort_values(["matters", "begin"], kind="stable")
    telling = int((order["matters"] < _NOTHING_TOLD).sum())
    kept, notes = canvas.keep_rows(range(len(order)), "chain", most=min(telling + _MOST_UNKNOWN, canvas.MOST_ROWS))
    place = {row: number for number, row in enumerate(order.index[kept])}
    dated = dated.assign(row=rows.map(place)).dropna(subset=["row"])
    return dated.astype({"row": int}), notes
