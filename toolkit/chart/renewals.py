"""Forecast renewals by month or by slot, and lifetimes over the years, with the caps of the CA/Browser Forum."""

from typing import Final, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from toolkit import text
from toolkit.analyse.slots import SLOT
from toolkit.arguments import require_choice
from toolkit.chart import canvas
from toolkit.chart.palette import BAD, BLUE, CAUTION, FINE, GRID, INK, PURPLE, Style
from toolkit.chart.renewal_calendar import draw_calendar
from toolkit.chart.slots import label_slots
from toolkit.instants import DAY_IN_SECONDS
from toolkit.reference.rules import Cap, validity_caps

_ROW_INCHES, _FLEET_ROW_INCHES, _FEW_ROWS = 0.32, 0.2, 24

_MOST_MARKS, _MOST_TOUCHING = 70, 3
"""Most marks next to each other in a row; up to this many touching marks are drawn one by one."""

_COLUMNS: Final = (*SLOT, "renews_at", "cap_days", "is_capped", "is_overdue", "usual_lead_basis", "routine_ends_at")

RENEWALS: Final = {
    "usual": Style("by the usual routine", FINE, "o", ""),
    "assumed": Style("by an assumed lead, a third of the lifetime", FINE, "o", ""),
    "capped": Style("shortened by a cap", CAUTION, "^", ""),
    "overdue": Style("overdue", BAD, "X", ""),
}
"""Kind of a renewal → how it is drawn."""

_DAYS: Final = (1, 2, 4, 7, 14, 30, 60, 90, 180, 365, 730, 1_825, 3_650, 9_125, 36_500)
"""Tick labels of the lifetime axis."""

_SIGNS: Final = {
    "capped": ("▲", "of these shortened by a cap"),
    "overdue": ("✕", "of these overdue"),
    "ends": ("★", "slots whose usual routine ends"),
}


def plot_renewals(
    frame: pd.DataFrame, *, view: Literal["calendar", "slots"] = "calendar", ax: Axes | None = None
) -> Axes:
    """The axes with the forecast renewals: how many in each month, or when in each slot.

    `frame` is what `forecast_renewals` returns. Dotted lines are the days on which a cap begins: those of
    SC-081v3, and those of Let's Encrypt where they bind a renewal.

    - `calendar`: months across, years down. The number in a cell, and its colour, show how many renewals fall into that
      month (UTC); below it, how many of them a cap shortens, how many are overdue, and for how many slots the usual
      routine ends there (`routine_ends_at`). The total of each year is on the right.
    - `slots`: a row per slot and a mark per renewal, soonest first. Shape and colour show whether the renewal follows
      the usual routine or an assumed one, is shortened by a cap, or is overdue; a star marks the end of the usual
      routine. Marks that would overlap are one bar with their number. Slots beyond 40, the latest, are left out and
      counted below.

    Slots without a forecast are not drawn. Returns the axes. Raises `UsageError` for another view or frame.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> renewals = toolkit.forecast_renewals(tables, now="2026-01-24 00:00Z", years=1)
    >>> ax = toolkit.chart.plot_renewals(renewals)
    >>> ax.get_title(loc="left")
    'Forecast renewals of 1 slot  ·  lab data'
    """
    require_choice("view", view, ("calendar", "slots"))
    canvas.check_frame(frame, *_COLUMNS, what="what `forecast_renewals` returns")
    if frame.empty:
        return canvas.say_nothing(ax, "Forecast renewals", "No slot shows a certificate from which to forecast.")
    rows = frame.dropna(subset=["renews_at"]).reset_index(drop=True)
    if rows.empty:
        return canvas.say_nothing(ax, "Forecast renewals", "No slot has a forecast.")
    rows["at"] = canvas.days(rows["renews_at"])
    rows["slot"] = rows.groupby(SLOT, sort=False, dropna=False).ngroup()
    rows["is_assumed"] = rows["usual_lead_basis"].eq("assumed").fillna(value=False)
    rows["routine_ends_at"] = rows["routine_ends_at"].mask(rows["is_assumed"])
    return _plot_slots(rows, ax) if view == "slots" else _plot_calendar(rows, ax)


def _plot_calendar(rows: pd.DataFrame, ax: Axes | None) -> Axes:
    is_overdue = rows["is_overdue"].fillna(value=False).astype(bool)
    ends = rows.dropna(subset=["routine_ends_at"]).drop_duplicates("slot")["routine_ends_at"]
    counted = pd.concat(
        [
            _by_month(rows["renews_at"], "total"),
            _by_month(rows.loc[rows["is_capped"].fillna(value=False).astype(bool), "renews_at"], "capped"),
            _by_month(rows.loc[is_overdue, "renews_at"], "overdue"),
            _by_month(ends, "ends"),
        ],
        axis=1,
    )
    counts = counted.fillna(0).astype("int64").rename_axis(["year", "month"]).reset_index()
    slots = text.counted(rows["slot"].nunique(), "slot")
    title = canvas.titled(f"Forecast renewals of {slots}", rows)
    return draw_calendar(ax, counts, signs=_SIGNS, caps=_caps_on(rows), title=title, what="renewals")


def _caps_on(rows: pd.DataFrame) -> list[Cap]:
    """The caps of SC-081v3, and those of Let's Encrypt that bind one of the renewals."""
    own = [
        cap
        for cap in validity_caps("lets-encrypt")
        if (rows["cap_days"].eq(cap.days) & rows["renews_at"].ge(cap.since)).fillna(value=False).any()
    ]
    return sorted([*validity_caps(), *own], key=lambda cap: cap.since)


def _by_month(instants: pd.Series, name: str) -> pd.Series:
    utc = instants.dt.tz_convert("UTC")
    return instants.groupby([utc.dt.year.rename("year"), utc.dt.month.rename("month")]).size().rename(name)


def _plot_slots(rows: pd.DataFrame, ax: Axes | None) -> Axes:
    soonest = rows.groupby("slot")["at"].min().sort_values(kind="stable")
    kept, more = canvas.keep_rows(range(len(soonest)), "slot")
    years = rows.groupby(rows["renews_at"].dt.tz_convert("UTC").dt.year).size()
    rows["y"] = rows["slot"].map({slot: place for place, slot in enumerate(soonest.index[kept])})
    rows = rows.dropna(subset=["y"])
    heads = rows.sort_values("y").drop_duplicates("y")
    count = len(heads)
    axes = canvas.open_axes(ax, inches=count * (_ROW_INCHES if count <= _FEW_ROWS else _FLEET_ROW_INCHES))
    first, last = float(rows["at"].min()), float(rows["at"].max())
    margin = max((last - first) * 0.02, 3.0)
    canvas.set_dates(axes, first - margin, last + margin, is_tall=count > _FEW_ROWS)
    canvas.shade_rows(axes, count)
    handles = _draw_marks(axes, rows, gap=(last - first) / _MOST_MARKS)
    handles += _draw_caps(axes, _caps_on(rows), first - margin, last + margin)
    canvas.set_rows(axes, list(range(count)), label_slots(heads), extent=(-0.6, count - 0.4))
    canvas.set_heading(axes, canvas.titled("Forecast renewals", rows), handles)
    words = "renewals: " + ", ".join(f"{size:,} in {year}" for year, size in years.items())
    canvas.set_notes(axes, [words, *more])
    return axes


def plot_lifetimes(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw a mark per leaf certificate: its lifetime by the day on which its validity begins, and the caps.

    `frame` has `not_before`, `not_after` (the table `certificates`, or what `find_sightings`, `summarise_expiry`
    return); each certificate is drawn once. Certificates of CAs (`is_ca`) are left out, because the caps are those of
    leaf certificates. A cross is above the cap of the day on which its validity began, which binds public CAs only; the
    dashed steps are the caps in force. The last second counts. Returns the axes. Raises `UsageError` for a frame
    without validity.

    >>> import toolkit
    >>> ax = toolkit.chart.plot_lifetimes(toolkit.load_example("web-series").certificates)
    >>> ax.get_title(loc="left")
    'Lifetimes of certificates'
    """
    canvas.check_frame(frame, "not_before", "not_after", what="certificates, one row each, with their validity")
    key = next((name for name in ("cert_sha256", "leaf_sha256") if name in frame), None)
    dated = frame.dropna(subset=["not_before", "not_after"])
    dated = dated.drop_duplicates(key) if key else dated
    if "is_ca" in dated:
        dated = dated[~dated["is_ca"].fillna(value=False).astype(bool)]
    if dated.empty:
        return canvas.say_nothing(ax, "Lifetimes of certificates", "No leaf certificate with dates.")
    begin, end = canvas.days(dated["not_before"]), canvas.days(dated["not_after"])
    life = np.round((end - begin) * DAY_IN_SECONDS + 1) / DAY_IN_SECONDS
    axes = canvas.open_axes(ax, inches=3.2)
    span = float(begin.max() - begin.min())
    first, last = float(begin.min()) - max(span * 0.03, 20), float(begin.max()) + max(span * 0.03, 20)
    canvas.set_dates(axes, first, last)
    caps = _stairs(first, last)
    # Every cap is in the chart. A certificate that ends in year 9999 is drawn at the edge, so that others stay apart.
    high = max([float(np.quantile(life, 0.95)), *(days for _, days in caps)]) * 1.4
    low = max(min([float(life.min()), *(days for _, days in caps)]) / 1.4, 0.5)
    limit = np.array([_cap_at(day) for day in begin])
    above = life > limit
    for style, chosen in ((Style("", BLUE, "o", ""), ~above), (Style("", BAD, "X", ""), above)):
        marks = axes.scatter(
            begin[chosen], np.clip(life[chosen], low, high), marker=style.marker, s=26, color=style.colour, alpha=0.7,
            edgecolor="white", linewidth=0.4, zorder=3, clip_on=False,
        )  # fmt: skip
        marks.set_gid("above" if style.marker == "X" else "within")
    handles = [Line2D([], [], linestyle="", marker="o", color=BLUE, label="certificate")]
    if above.any():
        handles.append(Line2D([], [], linestyle="", marker="X", color=BAD, label="above the cap of that day"))
    if len(caps):
        axes.plot(caps[:, 0], caps[:, 1], color=INK, linewidth=1, linestyle="--", gid="cap")
        for ends_at, days in caps[1::2]:
            axes.annotate(
                f"{days:.0f} d", (ends_at, days), xytext=(-2, 3), textcoords="offset points", ha="right", fontsize=7.5,
                color=INK, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.6},
            )  # fmt: skip
        handles.append(Line2D([], [], color=INK, linewidth=1, linestyle="--", label="cap (CA/Browser Forum)"))
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    ticks = [days for days in _DAYS if low <= days <= high]
    axes.set_yticks(ticks, labels=[f"{days:,}" for days in ticks])
    axes.set_yticks([], minor=True)
    axes.set_ylabel("lifetime in days, logarithmic", fontsize=9, color=INK)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    canvas.set_heading(axes, canvas.titled("Lifetimes of certificates", frame), handles)
    return axes


def _draw_marks(ax: Axes, rows: pd.DataFrame, *, gap: float) -> list[Line2D]:
    """A mark per renewal; renewals of a slot and kind that are less than `gap` days apart are one bar."""
    is_kind = {
        "overdue": rows["is_overdue"].fillna(value=False),
        "capped": rows["is_capped"].fillna(value=False),
        "assumed": rows["is_assumed"],
    }
    kinds = np.select([mine.to_numpy(bool) for mine in is_kind.values()], list(is_kind), "usual")
    handles = []
    for kind, style in RENEWALS.items():
        mine = rows[kinds == kind]
        if mine.empty:
            continue
        mine = mine.sort_values(["y", "at"])
        run = ((mine["at"].diff() >= gap) | (mine["y"].diff() != 0)).cumsum()
        is_dense = run.map(run.value_counts()) > _MOST_TOUCHING
        for _, many in mine[is_dense].groupby(run[is_dense]):
            begin, end, y = float(many["at"].min()), float(many["at"].max()), float(many["y"].iloc[0])
            ax.barh(y, end - begin, left=begin, height=0.3, color=style.colour, zorder=2, gid=f"many-{kind}")
            ax.text(
                (begin + end) / 2, y, f"{len(many):,}", ha="center", va="center", fontsize=7.5, color=INK, zorder=5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
            )  # fmt: skip
        mine = mine[~is_dense]
        face, edge, width = ("white", style.colour, 1.2) if kind == "assumed" else (style.colour, "white", 0.4)
        marks = ax.scatter(
            mine["at"], mine["y"], marker=style.marker, s=34, color=face, edgecolor=edge, linewidth=width, zorder=3
        )
        marks.set_gid(kind)
        handles.append(
            Line2D(
                [], [], linestyle="", marker=style.marker, color=style.colour, markerfacecolor=face, label=style.words
            )
        )
    ends = rows.dropna(subset=["routine_ends_at"]).drop_duplicates("slot")
    if len(ends):
        stars = ax.scatter(
            canvas.days(ends["routine_ends_at"]), ends["y"], marker="*", s=150, color=PURPLE, edgecolor=INK,
            linewidth=0.6, zorder=4,
        )  # fmt: skip
        stars.set_gid("ends")
        words = "usual routine ends"
        star = Line2D([], [], linestyle="", marker="*", markersize=10, color=PURPLE, markeredgecolor=INK, label=words)
        handles.append(star)
    return handles


def _draw_caps(ax: Axes, caps: list[Cap], first: float, last: float) -> list[Line2D]:
    handles = []
    for cap in caps:
        at = canvas.day(cap.since)
        if first < at < last:
            ax.axvline(at, color=INK, linewidth=1, linestyle=":", zorder=1, gid="cap")
            ax.annotate(
                f"{cap.days} d", (at, 0), xycoords=("data", "axes fraction"), xytext=(2, 2),
                textcoords="offset points", fontsize=7.5, color=INK, zorder=5,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.6},
            )  # fmt: skip
            handles = [Line2D([], [], color=INK, linewidth=1, linestyle=":", label="a cap takes effect")]
    return handles


def _cap_at(day: float) -> float:
    """The cap in days for a validity that begins on that day; infinite before the first cap."""
    held = [cap.days for cap in validity_caps() if canvas.day(cap.since) <= day]
    return float(held[-1]) if held else np.inf


def _stairs(first: float, last: float) -> np.ndarray:
    points: list[tuple[float, float]] = []
    for cap in validity_caps():
        begin = max(canvas.day(cap.since), first)
        end = min(canvas.day(cap.until) if cap.until else last, last)
        if begin < end:
            points += [(begin, cap.days), (end, cap.days)]
    return np.array(points)
