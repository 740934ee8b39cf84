"""What handshakes negotiated over time, as stacked shares."""

from collections import Counter
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Patch

from toolkit import text
from toolkit.analyse.negotiated import OF_SUITE
from toolkit.chart import canvas
from toolkit.chart.judgement import JUDGEMENTS, WORST_FIRST, Judge
from toolkit.chart.palette import NEUTRAL, WHITE
from toolkit.chart.periods import bounds_of, in_periods
from toolkit.reference import suites
from toolkit.reference.rules import Policy

_MOST: Final = 8
"""Values that are drawn separately; the others are drawn together."""
_OTHERS: Final = "others"

_MOST_PERIODS: Final = 100
_MOST_SHADES: Final = 4
_FAINTEST: Final = 0.3
"""Opacity of the last shade; the first is opaque."""
_HATCHES: Final = ("", "//")
"""Of the values with the first use of the shades, and with the second."""

_PREFIX: Final = "TLS_"
"""Of the names of suites, so that two of them fit next to each other."""

_INCHES: Final = 3.2
_WORDS: Final = {
    "protocol": "Protocol", "suite": "Suite", "bits": "Bits of the cipher (strength/key size)",
    "signature": "Key that signs the handshake",
}  # fmt: skip


def plot_negotiated(frame: pd.DataFrame, *, policy: Policy = "ietf", ax: Axes | None = None) -> Axes:
    """Draw the share of each value in each month as a stacked bar, from 0 to 100 %.

    `frame` is what `summarise_negotiated` returns. A bar is a month; a quarter, or a year, where there are more than
    100 of the shorter ones. The colour of a value is its judgement by `policy`, by the rules at the end of the last
    month; shade and hatch distinguish values with the same judgement. Bits, and keys that sign, have the mildest
    judgement of the suites with them. Values are stacked by the month in which they first occur, the oldest at the
    bottom. The eight that fill most of the chart are drawn separately, the others as one part. A bar without a
    handshake is blank. The line below gives how many handshakes a bar has.

    Returns the axes. Raises `UsageError` for another frame or policy.

    >>> import toolkit
    >>> headers = toolkit.load_example("google-headers")
    >>> ax = toolkit.chart.plot_negotiated(toolkit.summarise_negotiated(headers, by="bits"))
    >>> ax.get_title(loc="left")
    'Bits of the cipher (strength/key size) by quarter  ·  recorded data'
    """
    canvas.check_frame(
        frame, "month_from_at", "quantity", "value", "handshakes", what="what `summarise_negotiated` returns"
    )
    rules = Judge(policy)
    if frame.empty:
        return canvas.say_nothing(ax, "Negotiated by month", "No dated observation says what was negotiated.")
    axes = canvas.open_axes(ax, inches=_INCHES)
    periods, noun = in_periods(frame["month_from_at"], most=_MOST_PERIODS)
    counts = frame["handshakes"].groupby([periods, frame["value"]]).sum().unstack(fill_value=0).sort_index()
    shares = counts.div(counts.sum(axis=1), axis=0)
    kept = shares.sum().nlargest(_MOST).index
    begin, end = bounds_of(pd.PeriodIndex(counts.index))
    quantity = str(frame["quantity"].iloc[0])
    judged_at = frame["month_from_at"].max() + pd.offsets.MonthEnd()
    first = frame.groupby("value")["month_from_at"].min().sort_values(kind="stable")
    judged = {value: _judge(rules, quantity, str(value), judged_at) for value in first.index[first.index.isin(kept)]}
    looks = _looks(judged)
    if len(kept) < len(shares.columns):
        shares[_OTHERS] = 1 - shares[kept].sum(axis=1)
        looks[_OTHERS] = (to_rgba(NEUTRAL), "..")
    bottom, handles = np.zeros(len(counts)), []
    for value, (colour, hatch) in looks.items():
        share = shares[value].to_numpy(float)
        look: dict[str, Any] = {"facecolor": colour, "hatch": hatch, "edgecolor": WHITE, "linewidth": 0.4}
        axes.bar(begin, share, end - begin, bottom=bottom, align="edge", zorder=2, gid="share", **look)
        bottom = bottom + share
        remark = "" if judged.get(value, "allowed") == "allowed" else f" ({JUDGEMENTS[judged[value]].words})"
        handles.append(Patch(label=canvas.label(value.removeprefix(_PREFIX)) + remark, **look))
    canvas.set_dates(axes, float(begin[0]), float(end[-1]))
    axes.grid(visible=False)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], labels=["0 %", "25 %", "50 %", "75 %", "100 %"])
    words = _WORDS.get(quantity, "Negotiated")
    canvas.set_heading(axes, canvas.titled(f"{words} by {noun}", frame), handles)
    total = counts.sum(axis=1)
    span = (counts.index.max() - counts.index.min()).n + 1
    has_prefix = any(value.startswith(_PREFIX) for value in judged)
    canvas.set_notes(axes, [
        f"colours: {rules.name}, by the rules at the end of {judged_at:%Y-%m}; allowed unless said otherwise"
        + (f"; names without {_PREFIX}" if has_prefix else ""),
        f"{total.sum():,} handshakes; {total.min():,} to {total.max():,} a {noun}"
        + (f"; {text.counted(span - len(counts), noun)} without one are blank" if span > len(counts) else ""),
    ])  # fmt: skip
    return axes


def _judge(rules: Judge, quantity: str, value: str, instant: pd.Timestamp) -> str:
    """The judgement of a value at that instant; of several suites that it stands for, the mildest."""
    if quantity == "protocol":
        return rules.judge(protocol=value, first=instant, last=instant)
    names = [value]
    if quantity in OF_SUITE:
        names = [suite.name for suite in suites().values() if OF_SUITE[quantity](suite) == value]
    found = [rules.judge(protocol=None, suites=[name], first=instant, last=instant) for name in names]
    return max(found, key=WORST_FIRST.__getitem__, default="not judged")


def _looks(judged: dict[str, str]) -> dict[str, tuple[tuple[float, ...], str]]:
    """Colour and hatch of each value: shades of the colour of its judgement, hatched where the shades are used up."""
    looks: dict[str, tuple[tuple[float, ...], str]] = {}
    numbers, used = Counter(judged.values()), Counter[str]()
    for value, judgement in judged.items():
        shades = np.linspace(1, _FAINTEST, min(numbers[judgement], _MOST_SHADES))
        turn, shade = divmod(used[judgement], len(shades))
        looks[value] = (to_rgba(JUDGEMENTS[judgement].colour, shades[shade]), _HATCHES[turn])
        used[judgement] += 1
    return looks
