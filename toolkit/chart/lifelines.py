"""Lifelines: each certificate of a slot as a line, thin while it was valid and thick while it was seen.

A slot (service, server name, key type) has one row. Its certificates alternate between the lanes of the row, so that
certificates of the same time lie side by side.
"""

from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.path import Path
from numpy.typing import NDArray

from toolkit.analyse.slots import SLOT
from toolkit.chart import canvas
from toolkit.chart.palette import FAINT, INK, LIVES, PAPER, PURPLE, RED
from toolkit.chart.slots import in_natural_order, label_slots

LIFE: Final = ["not_before", "not_after", "first_seen_at", "last_seen_at"]
"""The instants of a certificate that are drawn."""

_MOST_LANES, _MOST_LANES_OF_MANY, _MANY_ROWS = 5, 3, 12
"""Lanes of a row, with few rows or many. If more certificates overlap, some share a lane."""

_OPEN_START = Path([(0, -0.5), (0, 0.5), (-0.9, 0), (0, -0.5)], closed=True)
_OPEN_END = Path([(0, -0.5), (0, 0.5), (0.9, 0), (0, -0.5)], closed=True)
"""Arrows that start at the instant, so that both fit at a single look."""

_FEW_LANES, _MANY_LANES = 14, 80
_LANE_INCHES = {"few": 0.26, "some": 0.17, "many": 0.085}

_TALL_ROWS = 20
"""With more rows, which do not fit on a screen, the dates are repeated at the top."""

_MOST_NUMBERS = 12
"""The most overlaps that are labelled in days, so that labels do not cover each other."""


def plot_sightings(frame: pd.DataFrame, *, ax: Axes | None = None, now: datetime | str | None = None) -> Axes:
    """Draw a row per slot (service, server name, key type), with a lifeline for each certificate seen in it.

    `frame` is what `find_sightings` returns. A thin line: valid. A thick line, or a dot: seen, from the first look to
    the last. A hollow arrow: there is no earlier, or later, look in the slot. `now` (an instant with a zone) adds a
    vertical line. Rows are in the order of their names, `mx2` before `mx10`; of more than 40 rows those seen last are
    drawn.

    Returns the axes; the height of a new figure follows the number of rows. Raises `UsageError` for another frame.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> ax = toolkit.chart.plot_sightings(toolkit.find_sightings(tables))
    >>> ax.get_title(loc="left"), [label.get_text() for label in ax.get_yticklabels()]
    ('Certificates seen  ·  lab data', ['https://www.lab.test:443'])
    """
    canvas.check_frame(frame, "leaf_sha256", "previous_look_at", "next_look_at", what="what `find_sightings` returns")
    lives = _lives(frame, frame["leaf_sha256"]) if len(frame) else frame
    if lives.empty:
        return canvas.say_nothing(ax, "Certificates seen", "No certificate was seen.")
    lives["is_open_start"] = frame["previous_look_at"].isna().to_numpy() & lives["first_seen_at"].notna()
    lives["is_open_end"] = frame["next_look_at"].isna().to_numpy() & lives["last_seen_at"].notna()
    lives, more = _kept(lives, lives["last_seen_at"])
    rows = place_lives(lives)
    axes = _draw(rows, ax, now)
    _finish(axes, rows, title=canvas.titled("Certificates seen", frame), now=now, marks=[], notes=more)
    return axes


OF_PAIRS: Final = (
    "predecessor_sha256", "predecessor_not_before", "predecessor_not_after", "predecessor_first_seen_at",
    "successor_sha256", "successor_not_before", "successor_not_after", "successor_last_seen_at", "start_max_at",
    "done_min_at", "overlap_min_days", "is_rollback", "is_ambiguous",
)  # fmt: skip
"""Columns of `find_rotations` that `plot_rotations` draws, in addition to those of the slot."""


def plot_rotations(frame: pd.DataFrame, *, ax: Axes | None = None, now: datetime | str | None = None) -> Axes:
    """Draw a row per slot (service, server name, key type), with its certificates as lifelines and their overlaps.

    `frame` is what `find_rotations` returns, on any basis.

    - A thin line: valid; a filled arrow at the edge: valid beyond the chart.
    - A thick line, or a dot: seen, from the first look to the last. A certificate without a dated look has a thin line
      only. A hollow arrow: there is no earlier, or later, look in the slot.
    - A hatched box across two lanes, from `start_max_at` to `done_min_at`: both were certainly in service, for
      the number of days at its side (`overlap_min_days`); not for pairs that are `is_ambiguous`.
    - Grey below the successor's line: both were valid.
    - A star: a roll-back to this certificate.

    `now` (an instant with a zone) adds a vertical line. Rows are in the order of their names, `mx2` before `mx10`. Of
    more than 40 rows those with the latest roll-backs or certain overlaps are drawn, then those that rotated last.

    Returns the axes; the height of a new figure follows the number of rows. Raises `UsageError` for another frame.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="imaps://imap.lab.test:993")
    >>> rotations = toolkit.find_rotations(tables)
    >>> ax = toolkit.chart.plot_rotations(rotations)
    >>> ax.get_title(loc="left")
    'Certificate rotations  ·  lab data'
    """
    canvas.check_frame(frame, *SLOT, *OF_PAIRS, what="what `find_rotations` returns")
    if frame.empty:
        why = "No rotation: no slot had a second certificate."
        return canvas.say_nothing(ax, "Certificate rotations", why)
    is_special = frame["is_rollback"].fillna(value=False) | (served_both(frame) > 0)
    at = frame["start_max_at"].fillna(frame["successor_not_before"])
    shown, more = _kept(frame, at.where(is_special), at)
    rows = place_lives(lives_of_pairs(shown))
    axes = _draw(rows, ax, now)
    marks = _draw_overlaps(axes, shown, rows)
    _finish(axes, rows, title=canvas.titled("Certificate rotations", frame), now=now, marks=marks, notes=more)
    return axes


def _kept(frame: pd.DataFrame, *instants: pd.Series) -> tuple[pd.DataFrame, list[str]]:
    """The rows of the slots with the latest instants (of one kind, then of the next), and a note on the others."""
    slots = frame.groupby(SLOT, sort=False, dropna=False).ngroup()
    latest = pd.DataFrame({kind: canvas.days(at) for kind, at in enumerate(instants)}).fillna(-np.inf)
    ranks = latest.set_index(frame.index).groupby(slots).max()
    kept, more = canvas.keep_rows([tuple(-rank for rank in row) for row in ranks.itertuples(index=False)], "row")
    return frame[slots.isin(ranks.index[kept])], more


def served_both(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Days for which both certificates of each pair were certainly in service; 0 if that is not certain."""
    days = frame["overlap_min_days"].fillna(value=0).to_numpy(dtype=float)
    return np.where(frame["is_ambiguous"].fillna(value=False).to_numpy(dtype=bool), 0.0, days)


def _lives(frame: pd.DataFrame, hashes: pd.Series, prefix: str = "") -> pd.DataFrame:
    lives = frame[SLOT].astype(object).where(frame[SLOT].notna(), "")
    lives["sha256"] = hashes.astype(object)
    for name in LIFE:
        lives[name] = frame[prefix + name]
    return lives


def lives_of_pairs(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per certificate of each slot and period: a certificate that was rolled back to has two rows."""
    frame = frame.assign(
        predecessor_last_seen_at=frame["done_min_at"].where(frame["predecessor_first_seen_at"].notna()),
        successor_first_seen_at=frame["start_max_at"].where(frame["successor_last_seen_at"].notna()),
    )
    sides = ("predecessor", "successor")
    lives = pd.concat([_lives(frame, frame[f"{side}_sha256"], f"{side}_") for side in sides], ignore_index=True)
    lives = lives.drop_duplicates([*SLOT, "sha256", "first_seen_at"], ignore_index=True)
    seen = lives.groupby(SLOT, sort=False)
    lives["is_open_start"] = lives["first_seen_at"].notna() & (
        lives["first_seen_at"] == seen["first_seen_at"].transform("min")
    )
    lives["is_open_end"] = lives["last_seen_at"].notna() & (
        lives["last_seen_at"] == seen["last_seen_at"].transform("max")
    )
    return lives


def place_lives(lives: pd.DataFrame) -> pd.DataFrame:
    """The lives with `row` (number of the slot), `lanes` of the row, `y` of the lane's middle, `turn` in the row."""
    lives = lives.copy()
    for name in LIFE:
        lives[name] = canvas.days(lives[name])
    heads = lives[SLOT].drop_duplicates(ignore_index=True)
    order = pd.MultiIndex.from_frame(heads.iloc[in_natural_order(heads)])
    lives["row"] = order.get_indexer(pd.MultiIndex.from_frame(lives[SLOT]))
    whole = lives.groupby(["row", "sha256"])
    lives["begin"] = np.fmin(lives["not_before"].to_numpy(), whole["first_seen_at"].transform("min").to_numpy())
    lives["end"] = np.fmax(lives["not_after"].to_numpy(), whole["last_seen_at"].transform("max").to_numpy())
    lives = lives.sort_values(["row", "begin", "end", "sha256"], kind="stable", ignore_index=True)
    once = lives.drop_duplicates(["row", "sha256"])
    most = _MOST_LANES if once["row"].nunique() <= _MANY_ROWS else _MOST_LANES_OF_MANY
    lanes = once.groupby("row")[["begin", "end"]].apply(_lanes_needed).clip(upper=most)
    turns = once.groupby("row").cumcount().set_axis(pd.MultiIndex.from_frame(once[["row", "sha256"]]))
    lives["turn"] = turns.reindex(pd.MultiIndex.from_frame(lives[["row", "sha256"]])).to_numpy()
    lives["lanes"] = lives["row"].map(lanes)
    tops = (lanes + 0.6).cumsum().shift(fill_value=0.0)
    lives["top"] = lives["row"].map(tops)
    lives["y"] = lives["top"] + lives["turn"] % lives["lanes"] + 0.8
    return lives


def _lanes_needed(lives: pd.DataFrame) -> int:
    """The largest number of certificates of a row that overlap; at least two if there are several."""
    begins, ends = np.sort(lives["begin"].to_numpy()), np.sort(lives["end"].to_numpy())
    at_once = np.arange(1, len(begins) + 1) - np.searchsorted(ends, begins, side="left")
    return max(int(at_once.max(initial=1)), min(2, len(lives)))


def find_window(rows: pd.DataFrame, now: datetime | str | None) -> tuple[float, float]:
    """The dates that are drawn: all lives, unless one reaches far beyond what was seen or started."""
    seen = rows[["first_seen_at", "last_seen_at"]].to_numpy(dtype=float)
    begun = rows["not_before"].to_numpy(dtype=float)
    anchors = seen[~np.isnan(seen)] if not np.isnan(seen).all() else begun[~np.isnan(begun)]
    if now is not None:
        anchors = np.append(anchors, canvas.day(now))
    if not len(anchors):
        return 0.0, 1.0
    low, high = float(anchors.min()), float(anchors.max())
    reach = max(high - low, 400.0)
    first, last = np.nanmin(rows["begin"], initial=low), np.nanmax(rows["end"], initial=high)
    first, last = max(float(first), low - reach), min(float(last), high + reach)
    margin = max((last - first) * 0.015, 1 / 48)
    return first - margin, last + margin


def _draw(rows: pd.DataFrame, ax: Axes | None, now: datetime | str | None) -> Axes:
    lanes = float((rows.groupby("row")["lanes"].first() + 0.6).sum())
    pitch = _LANE_INCHES["few" if lanes <= _FEW_LANES else "some" if lanes <= _MANY_LANES else "many"]
    axes = canvas.open_axes(ax, inches=lanes * pitch)
    first, last = find_window(rows, now)
    canvas.set_dates(axes, first, last, is_tall=rows["row"].nunique() > _TALL_ROWS)
    for row, group in rows.groupby("row"):
        if int(str(row)) % 2:
            top = float(group["top"].iloc[0])
            axes.axhspan(top, top + float(group["lanes"].iloc[0]) + 0.6, color=PAPER, zorder=0, linewidth=0)
    for turn, colour in enumerate(LIVES):
        mine = rows[rows["turn"] % len(LIVES) == turn]
        _draw_validity(axes, mine, colour, (first, last))
        _draw_seen(axes, mine, colour, smallest=(last - first) / 400)
    return axes


def _draw_validity(ax: Axes, lives: pd.DataFrame, colour: str, window: tuple[float, float]) -> None:
    valid = lives.dropna(subset=["not_before", "not_after"]).drop_duplicates(["row", "sha256"])
    # A certificate whose validity ends before it begins was never valid.
    valid = valid[valid["not_after"] >= valid["not_before"]]
    valid = valid[(valid["not_before"] <= window[1]) & (valid["not_after"] >= window[0])]
    drawn = ax.hlines(
        valid["y"],
        valid["not_before"].clip(*window),
        valid["not_after"].clip(*window),
        colors=colour,
        linewidth=1.3,
        zorder=1.5,
    )
    drawn.set_gid("validity")
    for edge, outside, marker in (
        (window[0], valid["not_before"] < window[0], "<"),
        (window[1], valid["not_after"] > window[1], ">"),
    ):
        beyond = valid[outside]
        arrows = ax.scatter(
            np.full(len(beyond), edge), beyond["y"], marker=marker, s=16, color=colour, clip_on=False, zorder=5
        )
        arrows.set_gid("beyond")


def _draw_seen(ax: Axes, lives: pd.DataFrame, colour: str, *, smallest: float) -> None:
    seen = lives.dropna(subset=["first_seen_at", "last_seen_at"])
    spans = seen[seen["last_seen_at"] - seen["first_seen_at"] > smallest]
    bars = ax.barh(
        spans["y"],
        spans["last_seen_at"] - spans["first_seen_at"],
        left=spans["first_seen_at"],
        height=0.46,
        color=colour,
        zorder=2,
    )
    for bar in bars:
        bar.set_gid("seen")
    dots = seen.drop(index=spans.index)
    points = ax.scatter(dots["first_seen_at"], dots["y"], marker="o", s=22, color=colour, zorder=3.5)
    points.set_gid("seen-once")
    for column, flag, marker, name in (
        ("first_seen_at", "is_open_start", _OPEN_START, "open-start"),
        ("last_seen_at", "is_open_end", _OPEN_END, "open-end"),
    ):
        ends = seen[seen[flag]]
        arrows = ax.scatter(
            ends[column], ends["y"], marker=marker, s=130, facecolor="white", edgecolor=colour, linewidth=1.1, zorder=3
        )
        arrows.set_gid(name)


def _draw_overlaps(ax: Axes, frame: pd.DataFrame, rows: pd.DataFrame) -> list[Patch | Line2D]:
    """Draw bands (both valid), boxes (both certainly in service), stars (roll-backs); return legend entries."""
    former, latter = (_of_pairs(frame, rows, name) for name in ("predecessor_sha256", "successor_sha256"))
    begin = np.fmax(former["not_before"].to_numpy(), latter["not_before"].to_numpy())
    end = np.fmin(former["not_after"].to_numpy(), latter["not_after"].to_numpy())
    both = (end > begin) & former["not_after"].notna().to_numpy() & latter["not_after"].notna().to_numpy()
    start, done = canvas.days(frame["start_max_at"]), canvas.days(frame["done_min_at"])
    both_days = served_both(frame)
    served = both_days > 0
    marks: list[Patch | Line2D] = []
    if both.any():
        y = latter["y"].to_numpy()[both]
        bands = ax.barh(
            y, (end - begin)[both], left=begin[both], height=0.8, color=FAINT, alpha=0.3, linewidth=0, zorder=0.6
        )
        for band in bands:
            band.set_gid("validity-overlap")
        marks.append(Patch(facecolor=FAINT, alpha=0.3, label="both valid"))
        if not served.any():
            _write_days(ax, end[both], y - 0.25, (end - begin)[both])
    if served.any():
        upper = np.minimum(former["y"].to_numpy(), latter["y"].to_numpy())[served]
        lower = np.maximum(former["y"].to_numpy(), latter["y"].to_numpy())[served]
        for left, right, high, low in zip(start[served], done[served], upper, lower, strict=True):
            _draw_box(ax, float(left), float(right), float(high), float(low))
        marks.append(Patch(facecolor="none", edgecolor=RED, hatch="//////", label="both in service (certain)"))
        _write_days(ax, done[served], upper - 0.25, both_days[served])
    if frame["is_rollback"].any():
        back = frame["is_rollback"].to_numpy(dtype=bool)
        stars = ax.scatter(
            start[back], latter["y"].to_numpy()[back] - 0.3, marker="*", s=42, color=PURPLE, edgecolor=INK,
            linewidth=0.4, zorder=6,
        )  # fmt: skip
        stars.set_gid("rollback")
        marks.append(Line2D([], [], linestyle="", marker="*", color=PURPLE, markeredgecolor=INK, label="roll-back"))
    return marks


def _of_pairs(frame: pd.DataFrame, rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Where one certificate of each pair was drawn: its `y` and validity, in the order of the frame."""
    keys = frame[SLOT].astype(object).where(frame[SLOT].notna(), "")
    placed = rows.drop_duplicates([*SLOT, "sha256"]).set_index([*SLOT, "sha256"])[["y", "not_before", "not_after"]]
    found = placed.reindex(pd.MultiIndex.from_frame(keys.assign(sha256=frame[name].astype(object))))
    return found.reset_index(drop=True)


def _draw_box(ax: Axes, left: float, right: float, upper: float, lower: float) -> None:
    """Draw a hatched box across two neighbouring lanes, or one on each of two distant lanes with a line between."""
    spans = [(upper, lower)] if lower - upper < 1.5 else [(upper, upper), (lower, lower)]
    for high, low in spans:
        box = Rectangle(
            (left, high - 0.36), right - left, low - high + 0.72, fill=False, edgecolor=RED, hatch="//////",
            linewidth=0.9, zorder=4,
        )  # fmt: skip
        box.set_gid("overlap")
        ax.add_patch(box)
    if len(spans) > 1:
        middle = (left + right) / 2
        ax.plot([middle, middle], [upper + 0.36, lower - 0.36], color=RED, linewidth=0.9, zorder=4)


def _write_days(ax: Axes, end: NDArray[np.float64], y: NDArray[np.float64], lengths: NDArray[np.float64]) -> None:
    if len(end) > _MOST_NUMBERS:
        return
    for right, height, span in zip(end, y, lengths, strict=True):
        words = f"{span:.0f} d" if span >= 10 else f"{span:.1f} d" if span >= 0.95 else f"{span * 24:.1f} h"
        ax.annotate(
            words, (right, height), xytext=(3, 0), textcoords="offset points", va="center", fontsize=7.5, color=INK,
            annotation_clip=True, zorder=6, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6},
        )  # fmt: skip


def _finish(
    ax: Axes,
    rows: pd.DataFrame,
    *,
    title: str,
    now: datetime | str | None,
    marks: list[Patch | Line2D],
    notes: list[str],
) -> None:
    heads = rows.groupby("row", sort=True).first()
    canvas.set_rows(
        ax,
        (heads["top"] + heads["lanes"] / 2 + 0.3).to_list(),
        label_slots(heads),
        extent=(0, float((heads["top"] + heads["lanes"] + 0.6).max())),
    )
    handles: list[Line2D | Patch] = [Line2D([], [], color=INK, linewidth=1.1, label="valid")]
    if rows["first_seen_at"].notna().any():
        handles.append(Line2D([], [], color=INK, linewidth=5, solid_capstyle="butt", label="seen, first to last look"))
    if rows["is_open_start"].any() or rows["is_open_end"].any():
        arrow = Line2D(
            [], [], linestyle="", marker=">", markerfacecolor="white", color=INK, label="open: no look before or after"
        )
        handles.append(arrow)
    handles += marks
    if now is not None:
        handles.append(canvas.mark_day(ax, canvas.day(now)))
    canvas.set_heading(ax, title, handles)
    canvas.set_notes(ax, notes)
