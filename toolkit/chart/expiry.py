"""What expires when: the certificates in use with their state on a day, and below them the replaced ones."""

import re
from typing import Final, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from toolkit.analyse.expiry.summary import IN_USE
from toolkit.analyse.rounds import OBSERVED_DAYS
from toolkit.analyse.slots import SLOT
from toolkit.arguments import require_choice
from toolkit.chart import canvas
from toolkit.chart.palette import BAD, BLACK, CAUTION, FAINT, FINE, INK, NEUTRAL, SKY, Style
from toolkit.chart.slots import label_slots

STATES: Final = {
    "valid": Style("valid", FINE, "o", ""),
    "expiring": Style("expiring", CAUTION, "^", "//"),
    "expired": Style("expired (still shown)", BAD, "X", "xx"),
    "replacing": Style("replacing (successor rolling out)", SKY, "D", "\\\\"),
    "not_yet_valid": Style("not valid yet", NEUTRAL, "s", "//"),
    "lapsed": Style("lapsed (expired, not seen since)", NEUTRAL, "P", ".."),
    "withdrawn": Style("withdrawn", NEUTRAL, "v", "--"),
    "replaced": Style("replaced", FAINT, "|", ""),
}
"""State of `summarise_expiry` → how it is drawn. Certificates from `lapsed` on are not known to be in use."""

_UNKNOWN: Final = {"issuer": "unknown issuer", "service": "unknown service"}
"""Column that rows may be grouped by → the heading of rows where it is null."""

COLUMNS: Final = (*SLOT, "leaf_sha256", "not_before", "not_after", "days_left", "state", "renew_by_at")
"""Columns of `summarise_expiry` that are drawn."""

_NEXT: Final = (*SLOT, "leaf_sha256", "renewal", "renews_at", "not_after")

_BACK_DAYS, _AHEAD_DAYS = 800.0, 1200.0
_ROW_INCHES, _FLEET_ROW_INCHES, _FEW_ROWS = 0.32, 0.2, 24


def plot_expiry(
    frame: pd.DataFrame,
    *,
    by: Literal["issuer", "service"] | None = None,
    forecast: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The axes with a row per certificate in use, its state shown by colour, hatch and marker.

    `frame` is what `summarise_expiry` returns; the dashed line is its `now`. A bar is the validity, the marker at its
    end the state, followed by the days left. A black tick is the day on which the renewal is due by the slot's usual
    lead time (`renew_by_at`). Thin lines below a bar are certificates of the same slot that were replaced, withdrawn,
    or have expired without an observation since; a slot that has only such certificates gets a row for the latest one.
    Validity is cut off 800 days before and 1,200 days after `now`. Certificates without dates have no row. With
    `forecast`, what `forecast_renewals` returns for the same day, the next certificate of each slot is a dotted line
    above the bar, from its day of issue to its end.

    Certificates in service come first, soonest end first. Those that were last seen more than 35 days before the newest
    sighting in the frame follow, then slots without a certificate in use, both with the latest end first. Rows beyond
    40 are left out and counted below the chart; `split_pages` splits the frame in the same order.

    `by` groups the rows, the group with the soonest end first: under a heading for each issuer, or for each service
    that has several rows. Returns the axes. Raises `UsageError` for another `by`, frame or forecast.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> expiry = toolkit.summarise_expiry(tables, now="2026-01-24 00:00Z")
    >>> ax = toolkit.chart.plot_expiry(expiry)
    >>> ax.get_title(loc="left")
    'What expires when  ·  lab data'
    """
    if by is not None:
        require_choice("by", by, _UNKNOWN)
    canvas.check_frame(frame, *COLUMNS, *([by] if by else []), what="what `summarise_expiry` returns")
    if forecast is not None:
        canvas.check_frame(forecast, *_NEXT, what="what `forecast_renewals` returns as its forecast")
    dated = frame.dropna(subset=["not_before", "not_after", "days_left"])
    if dated.empty:
        return canvas.say_nothing(ax, "Expiry", "No certificate with dates was seen.")
    rows, headings, more = place_rows(dated, by)
    coming = _coming(rows, forecast)
    now = float((rows["end"] - rows["days_left"].astype(float)).iloc[0])
    first, last = _window(rows, coming, now)
    lanes = int(rows["y"].max()) + 1
    crowded = lanes > _FEW_ROWS
    axes = canvas.open_axes(ax, inches=lanes * (_FLEET_ROW_INCHES if crowded else _ROW_INCHES))
    canvas.set_dates(axes, first, last, is_tall=crowded)
    canvas.shade_rows(axes, lanes)
    _draw_behind(axes, rows, (first, last))
    _draw_in_front(axes, rows, (first, last), words=7.0 if crowded else 7.5)
    # In narrow rows the forecast is smaller and further up, clear of the days left.
    handles = _handles(rows) + _draw_coming(axes, coming, (first, last), *((0.42, 9) if crowded else (0.36, 18)))
    handles.append(canvas.mark_day(axes, now))
    fronts = rows[rows["is_front"]].sort_values("y")
    headed = {place: words for place, words in headings.items() if words}
    labels = dict(sorted({**dict(zip(fronts["y"], fronts["label"], strict=True)), **headed}.items()))
    canvas.set_rows(axes, list(labels), list(labels.values()), extent=(-0.65, lanes - 0.35))
    _mark_groups(axes, list(labels), headings)
    canvas.set_heading(axes, canvas.titled("What expires when", frame), handles)
    canvas.set_notes(axes, more)
    return axes


def place_rows(
    frame: pd.DataFrame, by: Literal["issuer", "service"] | None, *, most: int = canvas.MOST_ROWS
) -> tuple[pd.DataFrame, dict[float, str], list[str]]:
    """The rows with `begin`, `end` in days, `is_front` (drawn as a bar), `slot` (its number), `label`, `y`.

    Also the headings by `y`, and the notes. `most`: bars that are kept, the first ones.
    """
    rows = frame.reset_index(drop=True)
    rows["begin"], rows["end"] = canvas.days(rows["not_before"]), canvas.days(rows["not_after"])
    rows["slot"] = rows.groupby(SLOT, sort=False, dropna=False).ngroup()
    rows["is_front"] = rows["state"].isin(IN_USE)
    idle = ~rows.groupby("slot")["is_front"].transform("any")
    # A slot without a certificate in use is represented by its latest one, preferably one that is not `replaced`.
    latest = rows[idle].sort_values(["end", "leaf_sha256"]).sort_values("state", key=_is_open, kind="stable")
    rows.loc[latest.groupby("slot").tail(1).index, "is_front"] = True
    labels = label_slots(rows.groupby("slot")[SLOT].first())
    rows["label"] = [labels[slot] for slot in rows["slot"]]
    fronts = _in_order(rows[rows["is_front"]])
    kept, more = canvas.keep_rows(range(len(fronts)), "row", most=most)
    rows["y"], headings = _in_groups(fronts.iloc[kept], by)
    behind = rows["slot"].map(rows.groupby("slot")["y"].max()).mask(rows["is_front"])
    rows["y"] = rows["y"].fillna(behind)
    return rows.dropna(subset=["y"]), headings, more


def _in_order(fronts: pd.DataFrame) -> pd.DataFrame:
    """The bars in the order in which they are drawn, see `plot_expiry`."""
    rank = (~fronts["state"].isin(IN_USE)).astype(int) * 2
    if "last_seen_at" in fronts:
        seen = pd.Series(canvas.days(fronts["last_seen_at"]), index=fronts.index)
        rank = rank.mask((rank == 0) & (seen < seen.max() - OBSERVED_DAYS), 1)
    urgency = fronts["end"].where(rank == 0, -fronts["end"])
    ordered = fronts.assign(rank=rank, urgency=urgency).sort_values(["rank", "urgency", "slot", "leaf_sha256"])
    return ordered.drop(columns=["rank", "urgency"])


def _in_groups(fronts: pd.DataFrame, by: Literal["issuer", "service"] | None) -> tuple[pd.Series, dict[float, str]]:
    """The vertical position of each row, and position → heading for the start of each group (empty: no heading)."""
    if by is None:
        return pd.Series(np.arange(len(fronts)), index=fronts.index, dtype=float), {}
    named = (
        fronts["issuer"].map(_short_name, na_action="ignore")
        if by == "issuer"
        else fronts["service"].fillna(fronts["host"])
    )
    codes, names = pd.factorize(named.fillna(_UNKNOWN[by]))
    has_heading = np.array([by == "issuer" or size > 1 for size in np.bincount(codes)], dtype=bool)
    order = np.argsort(codes, kind="stable")
    places = np.arange(len(fronts)) + np.cumsum(has_heading)[codes[order]]
    headings = {}
    for code, name in enumerate(names):
        begins = float(places[codes[order] == code].min() - has_heading[code])
        headings[begins] = canvas.label(name) if has_heading[code] else ""
    return pd.Series(places.astype(float), index=fronts.index[order]), headings


def _short_name(issuer: object) -> object:
    """Common name and organization of a distinguished name (RFC 4514); the whole name where it has neither."""
    parts = [found[1] for key in ("CN", "O") if (found := re.search(rf"(?:^|,){key}=((?:[^,\\]|\\.)+)", str(issuer)))]
    return ", ".join(parts) or issuer


def _mark_groups(ax: Axes, places: list[float], headings: dict[float, str]) -> None:
    """Draw a line above each group, and its heading in bold."""
    for place, tick in zip(places, ax.get_yticklabels(), strict=True):
        if place in headings:
            ax.axhline(place - 0.5, color=FAINT, linewidth=0.8, zorder=1, gid="group")
        if headings.get(place):
            tick.set_fontweight("bold")
            ax.axhspan(place - 0.5, place + 0.5, facecolor="white", zorder=0.5, linewidth=0)


def _is_open(states: pd.Series) -> pd.Series:
    return states != "replaced"


def _coming(rows: pd.DataFrame, forecast: pd.DataFrame | None) -> pd.DataFrame:
    """The next certificate of each slot by the forecast: `y`, `begin`, `end`."""
    if forecast is None or forecast.empty:
        return pd.DataFrame({"y": [], "begin": [], "end": []}, dtype=float)
    fronts = rows.loc[rows["is_front"], [*SLOT, "leaf_sha256", "y"]]
    following = forecast[forecast["renewal"] == 1].merge(fronts, on=[*SLOT, "leaf_sha256"])
    return pd.DataFrame(
        {
            "y": following["y"].astype(float),
            "begin": canvas.days(following["renews_at"]),
            "end": canvas.days(following["not_after"]),
        }
    )


def _window(rows: pd.DataFrame, coming: pd.DataFrame, now: float) -> tuple[float, float]:
    shown = pd.concat([rows.loc[rows["is_front"], ["begin", "end"]], coming[["begin", "end"]]])
    low = max(min(float(shown["begin"].min()), now - 20), now - _BACK_DAYS)
    high = min(max(float(shown["end"].max()), now + 20), now + _AHEAD_DAYS)
    # Widen the window to certificates that ended before it, or begin after it.
    if (shown["end"] < low).any():
        low = float(shown["begin"].min())
    if (shown["begin"] > high).any():
        high = float(shown["begin"].max()) + 20
    margin = (high - low) * 0.015
    # Keep room on the right for the days left.
    return low - margin, high + margin * 8


def _draw_behind(ax: Axes, rows: pd.DataFrame, window: tuple[float, float]) -> None:
    behind = rows[~rows["is_front"] & (rows["end"] >= window[0]) & (rows["begin"] <= window[1])]
    ends = behind["end"].clip(*window)
    lines = ax.hlines(behind["y"] + 0.36, behind["begin"].clip(*window), ends, colors=FAINT, linewidth=1)
    lines.set_gid("behind")
    for state, group in behind.groupby("state"):
        style = STATES[str(state)]
        inside = group[group["end"] <= window[1]]
        marks = ax.scatter(inside["end"], inside["y"] + 0.36, marker=style.marker, s=22, color=style.colour, zorder=3)
        marks.set_gid(f"end-{state}")


def _draw_in_front(ax: Axes, rows: pd.DataFrame, window: tuple[float, float], *, words: float) -> None:
    """The bars with their marks and days left; `words` is the size of the latter."""
    fronts = rows[rows["is_front"]]
    for state, group in fronts.groupby("state"):
        style = STATES[str(state)]
        begins, ends = group["begin"].clip(*window), group["end"].clip(*window)
        bars = ax.barh(
            group["y"], (ends - begins).clip(lower=0), left=begins, height=0.42, facecolor=style.colour, alpha=0.4,
            edgecolor=style.colour, hatch=style.hatch, linewidth=0.8, zorder=2,
        )  # fmt: skip
        for bar in bars:
            bar.set_gid(f"bar-{state}")
        marker = [">" if end > window[1] else style.marker for end in group["end"]]
        for end, y, mark in zip(ends, group["y"], marker, strict=True):
            ax.plot(end, y, marker=mark, markersize=7, color=style.colour, markeredgecolor=INK, zorder=5, gid="end")
    ends_shown = fronts["end"].clip(*window)
    due = canvas.days(fronts["renew_by_at"])
    # After the tick, where the slot renews after the end.
    behind = ends_shown.where(~(due > ends_shown) | (due > window[1]), due)
    for end, y, left in zip(behind, fronts["y"], fronts["days_left"].astype(float), strict=True):
        said = f"{_number(left)} left" if left > 0 else f"{_number(abs(left))} ago"
        ax.annotate(
            said, (end, y), xytext=(7, 0), textcoords="offset points", va="center", fontsize=words, color=INK, zorder=6,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.5},
        )  # fmt: skip
    inside = (due >= window[0]) & (due <= window[1])
    if inside.any():
        ticks = ax.scatter(due[inside], fronts["y"][inside], marker="|", s=150, color=BLACK, linewidth=1.8, zorder=4)
        ticks.set_gid("renew-by")


def _draw_coming(
    ax: Axes, coming: pd.DataFrame, window: tuple[float, float], above: float, size: float
) -> list[Patch | Line2D]:
    if coming.empty:
        return []
    height = coming["y"] - above
    lines = ax.hlines(
        height, coming["begin"].clip(*window), coming["end"].clip(*window), colors=INK, linestyles=":", linewidth=1.3,
        zorder=6.5,
    )  # fmt: skip
    lines.set_gid("coming")
    marks = ax.scatter(
        coming["begin"].clip(*window), height, marker="o", s=size, facecolor="white", edgecolor=INK, linewidth=0.9,
        zorder=7,
    )  # fmt: skip
    marks.set_gid("coming-begin")
    return [
        Line2D(
            [],
            [],
            color=INK,
            linestyle=":",
            marker="o",
            markerfacecolor="white",
            markersize=4,
            label="next, by forecast",
        )
    ]


def _handles(rows: pd.DataFrame) -> list[Patch | Line2D]:
    handles: list[Patch | Line2D] = []
    for state, style in STATES.items():
        if (rows["state"] == state).any():
            handles.append(
                Line2D([], [], linestyle="", marker=style.marker, color=style.colour, markersize=7, label=style.words)
            )
    if rows.loc[rows["is_front"], "renew_by_at"].notna().any():
        mark = Line2D([], [], linestyle="", marker="|", markersize=10, color=BLACK, label="due by usual lead")
        handles.append(mark)
    return handles


def _number(days: float) -> str:
    if days >= 1.95:
        return f"{days:,.0f} d"
    if days >= 0.95:
        return f"{days:.1f} d"
    return f"{days * 24:.1f} h" if days * 24 >= 0.95 else "under 1 h"
