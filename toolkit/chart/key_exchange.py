"""Key exchange over time: the share of services that negotiated each kind, period by period, with its interval."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from toolkit import text
from toolkit.analyse.intervals import share_interval
from toolkit.chart import canvas
from toolkit.chart.palette import BAD, BLUE, CAUTION, GRID, INK, NEUTRAL, PURPLE, Style
from toolkit.chart.periods import bounds_of, in_periods
from toolkit.reference import groups, suites
from toolkit.tables import describe_source

KINDS: Final = {
    "post-quantum": Style("post-quantum (ML-KEM)", BLUE, "o", ""),
    "ECDHE": Style("ECDHE", PURPLE, "s", ""),
    "FFDHE": Style("finite-field DHE", CAUTION, "D", ""),
    "static": Style("RSA, no forward secrecy", BAD, "X", ""),
    "other": Style("other or not recorded", NEUTRAL, "P", ""),
}
"""Kind of key exchange → how it is drawn."""

_MOST_PERIODS: Final = 40
_USUAL_GAPS: Final = 3
_LONGEST_GAP: Final = 366.0
"""A line breaks between periods that are farther apart than this many days, or than three times the usual spacing."""

_PALE: Final = 0.18

Places = NDArray[np.intp]

_EPHEMERAL: Final = {"DHE": "FFDHE", "ECDHE": "ECDHE", "RSA": "static"}


def plot_key_exchange(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The axes with the share of services that negotiated each kind of key exchange, a point per period and kind.

    `frame` is the table `observations`. A period is a month; a quarter, or a year, where there are more than 40 of the
    shorter ones. A service counts once in a period: with the key exchange of its last dated look with an answer, so the
    shares of a period add up to 1. The kind is that of the negotiated group; without a group on record, that of the
    suite. A band is the two-sided 95 % Clopper-Pearson interval, which holds if the services are a random sample of
    those that you speak about. A kind is drawn from the period before its first occurrence to the one after its last.
    Points are not joined where the periods between them have no look and are more than three times the usual (median)
    spacing, or more than 366 days, apart. Looks that are dated by bounds, or not at all, are counted below the chart.
    Returns the axes. Raises `UsageError` for another frame.

    >>> import toolkit
    >>> ax = toolkit.chart.plot_key_exchange(toolkit.load_example("lab-sample").observations)
    >>> ax.get_title(loc="left")
    'Key exchange of 7 services  ·  lab data'
    """
    needed = ("observed_at", "outcome", "service", "host", "group", "suite_code")
    canvas.check_frame(frame, *needed, what="the table `observations`")
    answered = frame[frame["suite_code"].notna() | frame["group"].notna()]
    dated = answered.dropna(subset=["observed_at"]).sort_values("observed_at", kind="stable")
    if dated.empty:
        return canvas.say_nothing(ax, "Key exchange", "No dated look negotiated a suite or a group.")
    periods, noun = in_periods(dated["observed_at"], most=_MOST_PERIODS)
    named = dated.assign(
        name=dated["service"].fillna(dated["host"]).fillna("service not said"),
        period=periods,
        kind=[_kind_of(group, code) for group, code in zip(dated["group"], dated["suite_code"], strict=True)],
    ).drop_duplicates(["name", "period"], keep="last")
    counts = pd.crosstab(named["period"], named["kind"])
    begin, end = bounds_of(pd.PeriodIndex(counts.index))
    axes = canvas.open_axes(ax, inches=2.8)
    canvas.set_dates(axes, float(begin[0]), float(end[-1]))
    breaks = _find_breaks((begin + end) / 2)
    present = [kind for kind in KINDS if kind in counts]
    for place, kind in enumerate(present):
        # Next to each other, so that kinds with equal shares can be distinguished.
        middle = begin + (end - begin) * (0.5 + 0.1 * (place - (len(present) - 1) / 2))
        _draw_kind(axes, counts, kind, (begin, middle, end), breaks)
    axes.set_ylim(-0.03, 1.03)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], labels=["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_ylabel("share of services", fontsize=9, color=INK)
    services = text.counted(named["name"].nunique(), "service")
    title = f"Key exchange of {services}"
    styles = [KINDS[kind] for kind in present]
    handles = [Line2D([], [], color=each.colour, marker=each.marker, markersize=5, label=each.words) for each in styles]
    interval = Patch(facecolor=INK, alpha=_PALE, label="95 % interval")
    canvas.set_heading(axes, canvas.titled(title, frame) if describe_source(frame) else title, [*handles, interval])
    notes = [f"last look of each service in each {noun}"]
    if len(breaks):
        notes.append(f"lines break at gaps longer than {_USUAL_GAPS} times the usual spacing, or than a year")
    undated = len(answered) - len(dated)
    notes += [f"not drawn: {text.counted(undated, 'look')} without an exact date"] if undated else []
    canvas.set_notes(axes, notes)
    return axes


def _draw_kind(
    ax: Axes, counts: pd.DataFrame, kind: str, at: tuple[canvas.Days, canvas.Days, canvas.Days], breaks: Places
) -> None:
    """The points of a kind at the middle of each period, and its intervals from the begin of each to the end."""
    occurs = np.flatnonzero(counts[kind].to_numpy())
    drawn = slice(max(occurs[0] - 1, 0), occurs[-1] + 2)
    begin, middle, end = (each[drawn] for each in at)
    count, total = counts[kind].to_numpy()[drawn], counts.sum(axis=1).to_numpy()[drawn]
    low, high = share_interval(count, total)
    style = KINDS[kind]
    bars = ax.bar(
        begin, high - low, end - begin, bottom=low, align="edge", color=style.colour, alpha=_PALE, linewidth=0, zorder=2
    )
    for bar in bars:
        bar.set_gid(f"interval-{kind}")
    inside = breaks[(breaks > drawn.start) & (breaks < drawn.start + len(count))] - drawn.start
    line = ax.plot(
        np.insert(middle, inside, np.nan), np.insert(count / total, inside, np.nan), color=style.colour,
        marker=style.marker, markersize=5, linewidth=1.4, zorder=3,
    )[0]  # fmt: skip
    line.set_gid(kind)


def _find_breaks(middles: canvas.Days) -> Places:
    """The positions of the periods before which the line breaks."""
    gaps = np.diff(middles)
    longest = min(_USUAL_GAPS * float(np.median(gaps)), _LONGEST_GAP) if len(gaps) else _LONGEST_GAP
    return np.flatnonzero(gaps > longest) + 1


def _kind_of(group: object, code: object) -> str:
    named = _KNOWN_GROUPS.get(group) if isinstance(group, str) else None
    if named is not None:
        return named
    suite = suites().get(int(code)) if not pd.isna(code) else None  # type: ignore[call-overload]
    return _EPHEMERAL.get(suite.key_exchange, "other") if suite else "other"


_KNOWN_GROUPS: Final = {
    group.name: "post-quantum" if group.is_post_quantum else group.kind if group.kind in KINDS else "other"
    for group in groups().values()
}
