"""Trust over time: when each chain would have verified, and when not."""

from typing import Final

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from toolkit.chart import canvas
from toolkit.chart.palette import FAINT, GREEN, RED, Style

VERDICTS: Final = {
    "trusted": Style("trusted", GREEN, "o", ""),
    "untrusted": Style("untrusted", RED, "X", "xx"),
    "unknown": Style("unknown", FAINT, "D", ".."),
}
"""Verdict of `verify_chains` → how it is drawn."""

_ROW_INCHES: Final = 0.36
_HASH: Final = 8


def plot_trust(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The axes with a row per service, server name and leaf, and its verdicts over time by colour, hatch and marker.

    `frame` is what `replay_trust` or `verify_chains` returns: a stretch is a bar, a single instant a marker. Verdicts
    on undated looks have no place on the axis; their rows are left out, and counted below. Returns the axes.
    Raises `UsageError` for another frame.
    """
    canvas.check_frame(frame, "as_of_from", "as_of_until", what="what `replay_trust` or `verify_chains` returns")
    dated = frame.dropna(subset=["as_of_from", "as_of_until"]).reset_index(drop=True)
    if dated.empty:
        why = "No chain was judged." if frame.empty else f"None of {len(frame)} chains was judged at a known instant."
        return canvas.say_nothing(ax, "Trust over time", why)
    dated["begin"], dated["end"] = canvas.days(dated["as_of_from"]), canvas.days(dated["as_of_until"])
    keys = ["service", "host", "server_name", "leaf_sha256"]
    dated["row"] = dated.groupby(keys, sort=False, dropna=False).ngroup()
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
        bars = mine[mine["end"] > mine["begin"]]
        drawn = axes.barh(
            bars["row"], bars["end"] - bars["begin"], left=bars["begin"], height=0.5, facecolor=style.colour, alpha=0.5,
            edgecolor=style.colour, hatch=style.hatch, linewidth=0.8, zorder=2,
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
            else Patch(facecolor=style.colour, alpha=0.5, edgecolor=style.colour, hatch=style.hatch, label=style.words)
        )
    heads = dated.drop_duplicates("row").sort_values("row")
    named = heads["service"].fillna(heads["host"]).fillna("service not said")
    labels = [
        f"{canvas.label(name)}  {canvas.label(leaf[:_HASH])}"
        for name, leaf in zip(named, heads["leaf_sha256"].astype(str), strict=True)
    ]
    canvas.set_rows(axes, list(range(count)), labels, extent=(-0.6, count - 0.4), corner="leaf's hash behind")
    canvas.set_heading(axes, canvas.titled("Trust over time", frame), handles)
    if len(dated) < len(frame):
        axes.annotate(
            f"not drawn: {len(frame) - len(dated)} verdicts on undated looks", (0, 0), xycoords="axes fraction",
            xytext=(0, -26), textcoords="offset points", va="top", fontsize=8.5, color=FAINT, gid="notes",
        )  # fmt: skip
    return axes
