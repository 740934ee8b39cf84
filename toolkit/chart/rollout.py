"""One rotation close up: every look as a mark in the row of its address, and the bounds as brackets above."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from toolkit.chart import canvas
from toolkit.chart.palette import BLUE, INK, ORANGE
from toolkit.chart.slots import natural
from toolkit.errors import UsageError

_ROW_INCHES: Final = 0.55
_BRACKETS: Final = (
    ("start", "start_min_at", "start_max_at"),
    ("midpoint", "midpoint_min_at", "midpoint_max_at"),
    ("done", "done_min_at", "done_max_at"),
)
"""Name, and the columns of both ends."""

_MOST_ROWS: Final = 20
"""Rows are high, because they spread the samples of a round."""

_STEP: Final = 0.55
"""Distance between two brackets, in rows."""


def plot_rollout(
    frame: pd.DataFrame, *, rotation: pd.DataFrame, margin_days: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a row per address (and backend), with a mark for each look that showed the old or the new certificate.

    `frame` is the table `observations`, or the log of a lab's servers (`observed_at` or `served_at`, and `backend`).
    `rotation` is one row of `find_rotations` as a frame; it selects service, server name and both certificates. With a
    row of `describe_rotations` the midpoint is drawn, too.
    `margin_days` is the time that is drawn before and after the certain bounds (default: three quarters of the time
    between them, at least two days).

    Looks in a row are spread by their sample index within the round. The brackets above are the bounds of the start,
    the midpoint and the end of the roll-out, one certain and one with 95 % confidence; a dotted bracket has an end that
    is not bounded or not drawn. Of more than 20 rows those that showed both certificates are drawn; a note counts the
    others.

    Returns the axes. Raises `UsageError` unless `rotation` has one row, and for other frames.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> rotations = toolkit.find_rotations(tables)
    >>> ax = toolkit.chart.plot_rollout(tables.observations, rotation=rotations.head(1))
    >>> ax.get_title(loc="left")
    'One rotation close up, https://www.lab.test:443  ·  lab data'
    """
    canvas.check_frame(frame, "leaf_sha256", what="the table `observations`, or a log of what was served")
    canvas.check_frame(rotation, "start_max_at", "done_min_at", what="a row of what `find_rotations` returns")
    if len(rotation) != 1:
        raise UsageError(
            f"plot_rollout draws one rotation, not {len(rotation)}: select a row, such as rotations.iloc[[0]]."
        )
    row = rotation.iloc[0]
    instant = "observed_at" if "observed_at" in frame else "served_at"
    shown = frame["leaf_sha256"].isin([row["predecessor_sha256"], row["successor_sha256"]]) & frame[instant].notna()
    for name in ("service", "server_name"):
        shown &= (frame[name] == row[name]).fillna(value=False) if not pd.isna(row[name]) else frame[name].isna()
    looks = frame[shown].reset_index(drop=True)
    words = "One rotation close up, " + canvas.label(row["service"] if not pd.isna(row["service"]) else row["host"])
    if looks.empty or pd.isna(row["start_max_at"]):
        return canvas.say_nothing(ax, words, "No dated look showed either certificate.")
    looks["at"] = canvas.days(looks[instant])
    certain = sorted(canvas.days(pd.Series([row["start_max_at"], row["done_min_at"]])))
    margin = max((certain[1] - certain[0]) * 0.75, 2.0) if margin_days is None else margin_days
    first, last = certain[0] - margin, certain[1] + margin
    looks = looks[looks["at"].between(first, last)].copy()
    looks["row"] = _named(looks)
    # Addresses that showed both certificates are drawn first.
    leaves = looks.groupby("row")["leaf_sha256"].nunique()
    kept, more = canvas.keep_rows([-number for number in leaves], "address", most=_MOST_ROWS)
    looks = looks[looks["row"].isin(kept)].copy()
    looks["row"] = looks["row"].map({row: place for place, row in enumerate(kept)})
    count = max(len(kept), 1)
    brackets = [bracket for bracket in _BRACKETS if bracket[1] in row]
    top = -_STEP * len(brackets) - 0.35
    axes = canvas.open_axes(ax, inches=(count - top) * _ROW_INCHES)
    edge = (last - first) * 0.01  # half a mark
    canvas.set_dates(axes, first - edge, last + edge)
    canvas.shade_rows(axes, count)
    handles = _draw_looks(axes, looks, str(row["predecessor_sha256"]))
    for number, (name, low, high) in enumerate(brackets):
        ends = canvas.days(pd.Series([row[low], row[high]]))
        _draw_bracket(axes, ends, y=top + 0.1 + _STEP * number, name=name, window=(first, last))
    labels = looks.drop_duplicates("row").sort_values("row")
    canvas.set_rows(axes, list(range(len(labels))), [_label(look) for look in labels.to_dict("records")],
                    extent=(top - 0.3, count - 0.4))  # fmt: skip
    canvas.set_heading(axes, canvas.titled(words, rotation), handles)
    canvas.set_notes(axes, more)
    return axes


def _named(looks: pd.DataFrame) -> pd.Series:
    """The row of each look; 192.0.2.9 comes before 192.0.2.10."""
    keys = [name for name in ("address", "backend") if name in looks]
    ordered = looks.sort_values(keys, key=_by_number, kind="stable")
    return ordered.groupby(keys, dropna=False, sort=False).ngroup().reindex(looks.index)


def _by_number(column: pd.Series) -> pd.Series:
    if column.name != "address":
        return column
    return column.map({name: place for place, name in enumerate(sorted(column.dropna().unique(), key=natural))})


def _label(look: dict[Any, Any]) -> str:
    address = look.get("address")
    shown = "address not known" if pd.isna(address) else canvas.label(address)
    return shown if pd.isna(look.get("backend")) else f"{shown}  backend {look['backend']}"


def _draw_looks(ax: Axes, looks: pd.DataFrame, old: str) -> list[Line2D]:
    sample = looks["sample"].fillna(0).astype(float) if "sample" in looks else pd.Series(0.0, index=looks.index)
    # Within a row, the looks of a round are drawn below each other.
    spread = (sample / max(float(sample.max()), 1.0) - 0.5) * 0.6 if len(looks) else sample
    handles = []
    is_old = (looks["leaf_sha256"] == old).to_numpy(dtype=bool)
    kinds = (("old certificate", is_old, BLUE, "o"), ("new certificate", ~is_old, ORANGE, "s"))
    for words, chosen, colour, marker in kinds:
        marks = ax.scatter(
            looks["at"][chosen], (looks["row"] + spread)[chosen], marker=marker, s=16, color=colour, alpha=0.85,
            linewidth=0, zorder=3,
        )  # fmt: skip
        marks.set_gid("old" if colour == BLUE else "new")
        handles.append(Line2D([], [], linestyle="", marker=marker, color=colour, label=words))
    return handles


def _draw_bracket(ax: Axes, ends: canvas.Days, *, y: float, name: str, window: tuple[float, float]) -> None:
    """A line from one end to the other, dotted if an end is not known or is outside the window."""
    known = ends[~np.isnan(ends)]
    if not len(known):
        ax.annotate(
            f"{name}: not bounded", (window[0], y), xytext=(4, 0), textcoords="offset points", va="center",
            fontsize=7.5, color=INK,
        )  # fmt: skip
        return
    low, high = (float(end) if not np.isnan(end) else edge for end, edge in zip(ends, window, strict=True))
    left, right = max(low, window[0]), min(high, window[1])
    is_open = bool(np.isnan(ends).any()) or low < window[0] or high > window[1]
    ax.plot([left, right], [y, y], color=INK, linewidth=1.6, linestyle=":" if is_open else "-", gid=f"bracket-{name}")
    for end in known:
        if window[0] <= end <= window[1]:
            ax.plot([end, end], [y - 0.12, y + 0.12], color=INK, linewidth=1.6, gid="bracket-end")
    ax.annotate(
        name, (right, y), xytext=(6, 0), textcoords="offset points", ha="left", va="center", fontsize=7.5, color=INK,
    )  # fmt: skip
