"""Life lines: every certificate of a line by when it was valid (thin), when it was seen (thick), and what is open.

A line is what `toolkit.analyse` means by it: a service, server name and key type; each has a row, in which its
certificates take turns in lanes, so that those which live at the same time lie side by side.
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

from toolkit.chart import canvas
from toolkit.chart.palette import FAINT, INK, LIVES, PAPER, PURPLE, RED
from toolkit.chart.slots import SLOT, in_natural_order, label_lines

LIFE: Final = ["not_before", "not_after", "first_seen_at", "last_seen_at"]
"""The instants of a certificate's life, in the order in which they are drawn."""

_MOST_LANES, _MOST_LANES_OF_MANY, _MANY_ROWS = 5, 3, 12
"""Lanes of a row, few rows or many; where more certificates live at once, some of them share a lane."""

_OPEN_START = Path([(0, -0.5), (0, 0.5), (-0.9, 0), (0, -0.5)], closed=True)
_OPEN_END = Path([(0, -0.5), (0, 0.5), (0.9, 0), (0, -0.5)], closed=True)
"""Arrows that start at the instant, so that both have room at a single look."""

_FEW_LANES, _MANY_LANES = 14, 80
_LANE_INCHES = {"few": 0.26, "some": 0.17, "many": 0.085}

_TALL_ROWS = 20
"""More rows than fit on a screen: the dates are then said at the top, too."""

_MOST_NUMBERS = 12
"""Overlaps written out in days; more would be in each other's way."""


def plot_sightings(frame: pd.DataFrame, *, ax: Axes | None = None, now: datetime | str | None = None) -> Axes:
    """The axes with a row per service, server name and key type, and a life line per certificate seen on it.

    Rows are in the order of their names, `mx2` before `mx10`; of more than 40 those last seen are kept.
    `frame` is what `find_sightings` returns. Thin: valid; thick, or a dot: seen, from the first look to the last;
    a hollow arrow: no look tells when it began or ended. `now` (an instant with a zone) draws a line. Returns the
    axes; a new figure's height follows the number of rows. Raises `UsageError` for another frame.

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
    rows = _placed(lives)
    axes = _draw(rows, ax, now)
    _finish(axes, rows, title=canvas.titled("Certificates seen", frame), now=now, marks=[], notes=more)
    return axes


def plot_rotations(frame: pd.DataFrame, *, ax: Axes | None = None, now: datetime | str | None = None) -> Axes:
    """The axes with a row per service, server name and key type, its certificates as life lines, overlaps marked.

    `frame` is what `find_rotations` returns, on either basis. Thin: valid; thick, or a dot: seen; a hollow arrow:
    open, no look tells when it began or ended. A certificate that no dated look saw has its thin line only. A star:
    the line went back to this certificate. Hatched red across two lanes, from `start_max_at` to `done_min_at`: both
    were certainly served, for so many days of it (`overlap_min_days`; never where the pair `is_ambiguous`). Grey under
    the successor's line: both were valid. A filled arrow at the edge: the validity goes on beyond the chart. `now` (an
    instant with a zone) draws a line. Rows are in the order of their names, `mx2` before `mx10`; of more than 40 those
    are kept on which a return or a certain overlap was caught last, then those that rotated last. Returns the axes; a
    new figure's height follows the number of rows. Raises `UsageError` for another frame.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="imaps://imap.lab.test:993")
    >>> ax = toolkit.chart.plot_rotations(toolkit.find_rotations(tables))
    >>> ax.get_title(loc="left")
    'Certificate rotations  ·  lab data'
    """
    canvas.check_frame(frame, "predecessor_sha256", "successor_sha256", what="what `find_rotations` returns")
    if frame.empty:
        why = "No rotation: no line had a second certificate."
        return canvas.say_nothing(ax, "Certificate rotations", why)
    is_special = frame["is_rollback"].fillna(value=False) | (_served_both(frame) > 0)
    at = frame["start_max_at"].fillna(frame["successor_not_before"])
    shown, more = _kept(frame, at.where(is_special), at)
    rows = _placed(_lives_of_pairs(shown))
    axes = _draw(rows, ax, now)
    marks = _draw_overlaps(axes, shown, rows)
    _finish(axes, rows, title=canvas.titled("Certificate rotations", frame), now=now, marks=marks, notes=more)
    return axes


def _kept(frame: pd.DataFrame, *instants: pd.Series) -> tuple[pd.DataFrame, list[str]]:
    """The rows of the slots with the latest instants, the first kind before the next; and the note on the others."""
    slots = frame.groupby(SLOT, sort=False, dropna=False).ngroup()
    latest = pd.DataFrame({kind: canvas.days(at) for kind, at in enumerate(instants)}).fillna(-np.inf)
    ranks = latest.set_index(frame.index).groupby(slots).max()
    kept, more = canvas.keep_rows([tuple(-rank for rank in row) for row in ranks.itertuples(index=False)], "row")
    return frame[slots.isin(ranks.index[kept])], more


def _served_both(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Days for which both certificates of each pair were certainly served; 0: not certain."""
    days = frame["overlap_min_days"].fillna(value=0).to_numpy(dtype=float)
    return np.where(frame["is_ambiguous"].fillna(value=False).to_numpy(dtype=bool), 0.0, days)


def _lives(frame: pd.DataFrame, hashes: pd.Series, prefix: str = "") -> pd.DataFrame:
    lives = frame[SLOT].astype(object).where(frame[SLOT].notna(), "")
    lives["sha256"] = hashes.astype(object)
    for name in LIFE:
        lives[name] = frame[prefix + name]
    return lives


def _lives_of_pairs(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per certificate of each line and visit: a certificate that came back has its sightings in two rows."""
    former = _lives(frame, frame["predecessor_sha256"], "predecessor_")
    former["is_open_end"] = frame["predecessor_next_look_at"].isna()
    latter = _lives(frame, frame["successor_sha256"], "successor_")
    # A pair says what came after its predecessor; after a last successor there is nothing but the line's last look.
    latter["is_open_end"] = True
    lives = pd.concat([former, latter], ignore_index=True)
    lives = lives.drop_duplicates([*SLOT, "sha256", "first_seen_at"], ignore_index=True)
    seen = lives.groupby(SLOT, sort=False)
    lives["is_open_start"] = lives["first_seen_at"].notna() & (
        lives["first_seen_at"] == seen["first_seen_at"].transform("min")
    )
    lives["is_open_end"] &= lives["last_seen_at"].notna() & (
        lives["last_seen_at"] == seen["last_seen_at"].transform("max")
    )
    return lives


def _placed(lives: pd.DataFrame) -> pd.DataFrame:
    """The lives with `row` (number of the line), `lanes` of the row, `y` of the lane's middle, `turn` in the row."""
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
    """How many certificates of a row live at once; two at least where there are several."""
    begins, ends = np.sort(lives["begin"].to_numpy()), np.sort(lives["end"].to_numpy())
    at_once = np.arange(1, len(begins) + 1) - np.searchsorted(ends, begins, side="left")
    return max(int(at_once.max(initial=1)), min(2, len(lives)))


def _window(rows: pd.DataFrame, now: datetime | str | None) -> tuple[float, float]:
    """The dates worth drawing: all lives, unless one reaches far beyond what was seen or begun."""
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
    first, last = _window(rows, now)
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
    # A certificate may end before it begins; it was never valid.
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
    """Bands where both were valid, boxes where both were certainly served, stars; what to say in the legend."""
    former, latter = (_of_pairs(frame, rows, name) for name in ("predecessor_sha256", "successor_sha256"))
    begin = np.fmax(former["not_before"].to_numpy(), latter["not_before"].to_numpy())
    end = np.fmin(former["not_after"].to_numpy(), latter["not_after"].to_numpy())
    both = (end > begin) & former["not_after"].notna().to_numpy() & latter["not_after"].notna().to_numpy()
    start, done = canvas.days(frame["start_max_at"]), canvas.days(frame["done_min_at"])
    both_days = _served_both(frame)
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
        marks.append(Patch(facecolor="none", edgecolor=RED, hatch="//////", label="both served (certain)"))
        _write_days(ax, done[served], upper - 0.25, both_days[served])
    if frame["is_rollback"].any():
        back = frame["is_rollback"].to_numpy(dtype=bool)
        stars = ax.scatter(
            start[back], latter["y"].to_numpy()[back] - 0.3, marker="*", s=42, color=PURPLE, edgecolor=INK,
            linewidth=0.4, zorder=6,
        )  # fmt: skip
        stars.set_gid("return")
        marks.append(Line2D([], [], linestyle="", marker="*", color=PURPLE, markeredgecolor=INK, label="went back"))
    return marks


def _of_pairs(frame: pd.DataFrame, rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Where one certificate of each pair was drawn: its `y` and validity, in the order of the frame."""
    keys = frame[SLOT].astype(object).where(frame[SLOT].notna(), "")
    placed = rows.drop_duplicates([*SLOT, "sha256"]).set_index([*SLOT, "sha256"])[["y", "not_before", "not_after"]]
    found = placed.reindex(pd.MultiIndex.from_frame(keys.assign(sha256=frame[name].astype(object))))
    return found.reset_index(drop=True)


def _draw_box(ax: Axes, left: float, right: float, upper: float, lower: float) -> None:
    """A hatched box across two neighbouring lanes, or one on each of two distant lanes, and a line between them."""
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
        label_lines(heads),
        extent=(0, float((heads["top"] + heads["lanes"] + 0.6).max())),
    )
    handles: list[Line2D | Patch] = [Line2D([], [], color=INK, linewidth=1.1, label="valid")]
    if rows["first_seen_at"].notna().any():
        handles.append(Line2D([], [], color=INK, linewidth=5, solid_capstyle="butt", label="seen"))
    if rows["is_open_start"].any() or rows["is_open_end"].any():
        arrow = Line2D(
            [], [], linestyle="", marker=">", markerfacecolor="white", color=INK, label="open: no look beyond"
        )
        handles.append(arrow)
    handles += marks
    if now is not None:
        handles.append(canvas.mark_day(ax, canvas.day(now)))
    canvas.set_heading(ax, title, handles)
    canvas.set_notes(ax, notes)
