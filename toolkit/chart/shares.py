"""Roll-out curves: the share of looks that showed each certificate, window by window, with its interval."""

from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from toolkit.analyse.slots import SLOT
from toolkit.chart import canvas
from toolkit.chart.palette import FAINT, GRID, INK, LIVES, PAPER
from toolkit.chart.slots import label_slots

_ROW_INCHES, _FLEET_ROW_INCHES, _FEW_ROWS = 0.75, 0.3, 12
_MOST_ROWS: Final = 24
_GAP: Final = 0.3
"""Distance between two rows, in heights of a row."""
_ALONE_INCHES: Final = 2.6
_MARKERS: Final = ("o", "s")
"""Successive certificates alternate in marker and colour."""


def plot_shares(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw a row per slot (or slot and address), with the share of each certificate as a curve with a band.

    `frame` is what `estimate_shares` returns, by slot, address or rotation. Each row goes from 0 to 100 %. A point is
    the share of a window's looks, at the middle of the window; the band is its 95 % interval. A curve is interrupted
    where a window has no looks; a certificate that a window of its slot did not show has share 0 there.

    Successive certificates alternate in colour and marker. By rotation a successor differs from its predecessor, so
    that a rotation has the colours of `plot_rollout`; otherwise certificates are in the order in which they were first
    shown (within one window: last shown). Of more than 24 rows those with the most certificates are drawn.

    Returns the axes. Raises `UsageError` for another frame.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="smtps://submit.lab.test:465")
    >>> ax = toolkit.chart.plot_shares(toolkit.estimate_shares(tables, window="7D"))
    >>> ax.get_title(loc="left")
    'Share of looks that showed each certificate, smtps://submit.lab.test:465  ·  lab data'
    """
    canvas.check_frame(frame, "window_from_at", "share_min", what="what `estimate_shares` returns")
    if frame.empty:
        return canvas.say_nothing(ax, "Shares", "No window has a look that returned a certificate.")
    frame, more = _kept(frame)
    curves = _placed(frame)
    count = int(curves["row"].max()) + 1
    pitch = 1 + _GAP
    row_inches = _ROW_INCHES if count <= _FEW_ROWS else _FLEET_ROW_INCHES
    axes = canvas.open_axes(ax, inches=_ALONE_INCHES if count == 1 else count * pitch * row_inches)
    begin, end = float(curves["begin"].min()), float(curves["end"].max())
    canvas.set_dates(axes, begin, end, is_tall=count > _FEW_ROWS)
    for number in range(count):
        for level in (0.0, 0.5, 1.0):
            height = number * pitch + level
            axes.axhline(height, color=FAINT if level == 1 else GRID, linewidth=0.7, zorder=0.5)
        if number % 2:
            axes.axhspan(number * pitch - _GAP / 2, (number + 1) * pitch - _GAP / 2, color=PAPER, zorder=0, linewidth=0)
    for _, curve in curves.groupby(["row", "place"]):
        row, turn = curve[["row", "turn"]].iloc[0].astype(int)
        _draw_curve(axes, curve.sort_values("begin"), top=row * pitch, turn=turn % len(LIVES))
    if count == 1:
        ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
        canvas.set_rows(axes, ticks, ["100 %", "75 %", "50 %", "25 %", "0 %"], extent=(-0.05, 1.05))
    else:
        rows = curves.drop_duplicates("row").sort_values("row")
        middles = [number * pitch + 0.5 for number in range(count)]
        canvas.set_rows(axes, middles, list(rows["label"]), extent=(-_GAP / 2, count * pitch - _GAP / 2))
    words = "Share of looks that showed each certificate" + (f", {curves['label'].iloc[0]}" if count == 1 else "")
    canvas.set_heading(axes, canvas.titled(words, frame), _handles(curves))
    canvas.set_notes(axes, [*([] if count == 1 else ["each row: from 0 to 100 %"]), *more])
    return axes


def _kept(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows with the most certificates, and a note on the others."""
    rows = frame.groupby([*SLOT, "address"], sort=False, dropna=False).ngroup()
    leaves = frame["leaf_sha256"].groupby(rows).nunique()
    kept, more = canvas.keep_rows([-number for number in leaves], "row", most=_MOST_ROWS)
    return frame[rows.isin(kept)], more


def _placed(frame: pd.DataFrame) -> pd.DataFrame:
    """The windows with `row`, `label`, `begin` and `end` in days, `place` and `turn` of the certificate in its row."""
    keys = [*SLOT, "address"]
    curves = frame.drop_duplicates([*keys, "leaf_sha256", "window_from_at"]).reset_index(drop=True)
    curves["begin"] = canvas.days(curves["window_from_at"])
    curves["end"] = canvas.days(curves["window_until_at"])
    curves["row"] = curves.groupby(keys, sort=False, dropna=False).ngroup()
    heads = curves.drop_duplicates("row")
    labels = [
        label if pd.isna(address) else f"{label}\n{canvas.label(address)}"
        for label, address in zip(label_slots(heads), heads["address"], strict=True)
    ]
    curves["label"] = [labels[row] for row in curves["row"]]
    shown = curves[curves["leaf_looks"] > 0].groupby(["row", "leaf_sha256"])["begin"].agg(["min", "max"]).reset_index()
    order = shown.sort_values(["row", "min", "max", "leaf_sha256"], ignore_index=True)
    order["place"] = order.groupby("row").cumcount()
    turns = _turns_in_rotations(frame, curves)
    order["turn"] = [
        turns.get((row, leaf), place)
        for row, leaf, place in order[["row", "leaf_sha256", "place"]].itertuples(index=False)
    ]
    curves = curves.merge(order[["row", "leaf_sha256", "place", "turn"]], on=["row", "leaf_sha256"])
    return pd.concat([curves, _absences(curves)], ignore_index=True)


def _turns_in_rotations(frame: pd.DataFrame, curves: pd.DataFrame) -> dict[tuple[int, str], int]:
    """By row and leaf, the turn of each certificate of a rotation: one more than its predecessor's. Else empty."""
    sides = ["predecessor_sha256", "successor_sha256"]
    if not set(sides) <= set(frame):
        return {}
    rows = curves[[*SLOT, "address", "row"]].drop_duplicates()
    pairs = frame.dropna(subset=sides).merge(rows, on=[*SLOT, "address"])
    pairs = pairs.sort_values("window_from_at").drop_duplicates(["row", *sides])
    turns: dict[tuple[int, str], int] = {}
    for row, old, new in pairs[["row", *sides]].itertuples(index=False):
        before, after = (row, old), (row, new)
        if after in turns:
            turns.setdefault(before, turns[after] - 1)
        else:
            turns[after] = turns.setdefault(before, 0) + 1
    return turns


def _absences(curves: pd.DataFrame) -> pd.DataFrame:
    """The windows next to those of a certificate in which its slot showed others: its share there is 0."""
    windows = curves.drop_duplicates(["row", "begin"])[["row", "label", "begin", "end"]].sort_values(["row", "begin"])
    spans = curves.groupby(["row", "place"]).agg(since=("begin", "min"), until=("end", "max")).reset_index()
    spans = spans.merge(windows, on="row")
    near = (spans["end"] - spans["begin"]) / 2  # a window further away would be a mark without a curve
    spans = spans[(spans["end"] >= spans["since"] - near) & (spans["begin"] <= spans["until"] + near)]
    present = pd.MultiIndex.from_frame(curves[["row", "place", "begin"]])
    absent = spans[~pd.MultiIndex.from_frame(spans[["row", "place", "begin"]]).isin(present)]
    turns = curves.drop_duplicates(["row", "place"])[["row", "place", "turn"]]
    absent = absent[["row", "label", "place", "begin", "end"]].merge(turns, on=["row", "place"])
    return absent.assign(share=0.0, share_min=0.0, share_max=0.0)


def _draw_curve(ax: Axes, curve: pd.DataFrame, *, top: float, turn: int) -> None:
    middle = ((curve["begin"] + curve["end"]) / 2).to_numpy(dtype=float)
    share, low, high = (curve[name].to_numpy(dtype=float) for name in ("share", "share_min", "share_max"))
    length = (curve["end"] - curve["begin"]).to_numpy(dtype=float)
    breaks = [n + 1 for n, (one, other) in enumerate(pairwise(middle)) if other - one > 1.5 * length[n]]
    for part in np.split(np.arange(len(middle)), breaks):
        band = ax.fill_between(
            middle[part], top + 1 - low[part], top + 1 - high[part], color=LIVES[turn], alpha=0.2, linewidth=0
        )
        band.set_gid("band")
        ax.plot(
            middle[part], top + 1 - share[part], color=LIVES[turn], marker=_MARKERS[turn], markersize=4, linewidth=1.4,
            gid="share", zorder=3,
        )  # fmt: skip


def _handles(curves: pd.DataFrame) -> list[Any]:
    names = ("certificate", "its successor")
    used = sorted(set((curves["turn"] % len(LIVES)).astype(int)))
    lines = [Line2D([], [], color=LIVES[turn], marker=_MARKERS[turn], markersize=4, label=names[turn]) for turn in used]
    return [*lines, Patch(facecolor=INK, alpha=0.2, label="95 % interval")]
