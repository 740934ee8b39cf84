"""Key exchange over time: the share of services that negotiated each kind, month by month, with its interval."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from toolkit import text
from toolkit.analyse.intervals import share_interval
from toolkit.chart import canvas
from toolkit.chart.palette import BAD, BLUE, CAUTION, GRID, INK, NEUTRAL, PURPLE, Style
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

_USUAL_GAPS: Final = 3
_LONGEST_GAP: Final = 366.0
"""A line breaks between months that are farther apart than this many days, or than three times the median spacing."""

_EPHEMERAL: Final = {"DHE": "FFDHE", "ECDHE": "ECDHE", "RSA": "static"}


def plot_key_exchange(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The axes with the share of services that negotiated each kind of key exchange, a point per month and kind.

    `frame` is the table `observations`. A service counts once in a month and kind: with the key exchange of its last
    dated look with an answer in that month, so the shares of a month add up to 1. The kind is that of the negotiated
    group; without a group on record, that of the suite. A vertical line is the two-sided 95 % Clopper-Pearson interval,
    which holds if the services are a random sample of those that you speak about. Points are not joined where the
    months between them have no look and are more than three times the usual (median) spacing, or more than 366 days,
    apart. Looks that are dated by bounds, or not at all, are counted below the chart. Returns the axes. Raises
    `UsageError` for another frame.

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
    named = dated.assign(
        name=dated["service"].fillna(dated["host"]).fillna("service not said"),
        month=dated["observed_at"].dt.strftime("%Y-%m-15"),
        kind=[_kind_of(group, code) for group, code in zip(dated["group"], dated["suite_code"], strict=True)],
    ).drop_duplicates(["name", "month"], keep="last")
    counts = pd.crosstab(named["month"], named["kind"])
    axes = canvas.open_axes(ax, inches=2.8)
    middles = canvas.days(pd.Series(pd.to_datetime(counts.index, utc=True)))
    canvas.set_dates(axes, float(middles.min()) - 16, float(middles.max()) + 16)
    breaks = _find_breaks(middles)
    present = [kind for kind in KINDS if kind in counts]
    handles = []
    for place, kind in enumerate(present):
        style, total = KINDS[kind], counts.sum(axis=1).to_numpy()
        low, high = share_interval(counts[kind].to_numpy(), total)
        share = counts[kind].to_numpy() / total
        at = middles + (place - (len(present) - 1) / 2) * 2.5  # days apart, so that the intervals can be distinguished
        axes.vlines(at, low, high, color=style.colour, linewidth=1.4, zorder=2).set_gid(f"interval-{kind}")
        line = axes.plot(
            np.insert(at, breaks, np.nan),
            np.insert(share, breaks, np.nan),
            color=style.colour,
            marker=style.marker,
            markersize=5,
            linewidth=1,
            zorder=3,
        )[0]
        line.set_gid(kind)
        handles.append(Line2D([], [], color=style.colour, marker=style.marker, markersize=5, label=style.words))
    axes.set_ylim(-0.03, 1.03)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], labels=["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_ylabel("share of services", fontsize=9, color=INK)
    services = text.counted(named["name"].nunique(), "service")
    title = f"Key exchange of {services}"
    canvas.set_heading(axes, canvas.titled(title, frame) if describe_source(frame) else title, handles)
    notes = ["last look of each service in each month; vertical lines: 95 % intervals"]
    if len(breaks):
        notes.append(f"lines break at gaps longer than {_USUAL_GAPS} times the usual spacing of months, or than a year")
    undated = len(answered) - len(dated)
    notes += [f"not drawn: {text.counted(undated, 'look')} without an exact date"] if undated else []
    canvas.set_notes(axes, notes)
    return axes


def _find_breaks(middles: canvas.Days) -> NDArray[np.intp]:
    """The positions of the months before which the line breaks."""
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
