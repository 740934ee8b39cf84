"""What follows from a slot's routine: the age at which it replaces a certificate, and how certain that is."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from scipy import special

Floats: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

COVERAGES: Final = (0.8, 0.95)
"""Coverage of the prediction intervals."""

_DEVIATION: Final = 0.6745
"""Median absolute deviation of a normal distribution, in standard deviations."""

FEW: Final = 8
"""With fewer ratios, the shape of their distribution is not known."""

_WHOLE_LIFE: Final = 1.5
"""The lifetime of a certificate in planned spacings where a third of it is left, as with ACME clients."""

_FARTHEST: Final = 12.0
"""Largest log ratio in the search for a quantile: 160,000 times the planned spacing."""

_HALVINGS: Final = 45


def planned_days(lifetime: Floats, *, lead: Floats, spacing: Floats, usual: Floats, by_lead: Floats) -> Floats:
    """Age [d] at which a routine replaces a certificate of that lifetime [d]; all arguments are arrays of one shape.

    `lead`, `spacing` and `usual` are the medians of the leads, the spacings and the lifetimes of the past [d];
    `by_lead` says that the leads vary less than the spacings. A certificate that lives as long as those of the past is
    replaced after the usual spacing, or at the usual lead, whichever varies less. With a longer lifetime the spacing
    grows in proportion, and the lead stays. With a shorter lifetime the spacing keeps its share of the lifetime, or its
    length where that leaves at least a third of the lifetime.

    >>> by_days = {"lead": 30.0, "spacing": 60.0, "usual": 90.0, "by_lead": False}
    >>> planned_days(np.array([90.0, 180.0, 45.0]), **by_days).tolist()
    [60.0, 120.0, 30.0]
    >>> weekly = {"lead": 77.0, "spacing": 7.0, "usual": 84.0, "by_lead": False}
    >>> planned_days(np.array([84.0, 47.0]), **weekly).tolist()
    [7.0, 7.0]
    """
    ratio = lifetime / usual
    used = np.where(by_lead, usual - lead, spacing)
    longer = np.where(by_lead, lifetime - lead, spacing * ratio)
    shorter = np.maximum(used * ratio, np.minimum(used, lifetime * 2 / 3))
    planned: Floats = np.where(lifetime >= usual, longer, shorter)
    return planned


def late_ratios(ratios: Floats, blur: Floats, share: float, *, has_exceptions: bool) -> Floats:
    """The (1 - `share`) quantile of log(spacing / planned spacing), per slot.

    `ratios` has a row per slot with the log ratios of its past renewals, padded with NaN; `blur` [row] is the smallest
    standard deviation that the looks can resolve. Spacings are assumed to be independent and to vary as before. With
    fewer than eight, their distribution is Student's t around the median. With eight or more, it is a kernel estimate
    from the past values, with Student's t as the kernel and a width by Silverman's rule. `has_exceptions`: the next
    renewal may also be outside of the routine, such as a re-issue, at any age up to `_WHOLE_LIFE`. Its probability is
    0.5 / (number + 1), the estimate with Jeffreys' prior for an event not yet seen.
    `tests/benchmarks/bench_forecast.py` measures the coverage.

    >>> steady = np.array([[-0.01, 0.0, 0.0, 0.01]])
    >>> late_ratios(steady, np.array([0.005]), 0.1, has_exceptions=False).round(3).tolist()
    [0.016]
    """
    kernels = _kernels(ratios, blur, has_exceptions=has_exceptions)
    return _quantiles(kernels, np.full((len(ratios), 1), share))[:, 0]


def _quantiles(kernels: tuple[Floats, ...], survivals: Floats) -> Floats:
    """Quantiles of the next renewal's log ratio at the given survival probabilities [row, probability]."""
    low, high = np.full(survivals.shape, -_FARTHEST), np.full(survivals.shape, _FARTHEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_low = _survival(middle, *kernels) > survivals
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    found: Floats = (low + high) / 2
    return found


def _kernels(ratios: Floats, blur: Floats, *, has_exceptions: bool = True) -> tuple[Floats, ...]:
    """The arguments of `_survival`, per row.

    The centres of the kernels (padded with NaN), their width, the number of ratios, and the probability of a renewal
    outside of the routine.
    """
    count = (~np.isnan(ratios)).sum(axis=1)
    centre = np.nanmedian(ratios, axis=1)
    robust = np.nanmedian(np.abs(ratios - centre[:, None]), axis=1) / _DEVIATION
    deviation = np.nanstd(ratios, axis=1, ddof=1)
    is_few = count < FEW
    kernel = np.where(is_few, deviation, 1.1 * count**-0.2 * np.minimum(deviation, robust))
    width: Floats = np.maximum(kernel, blur) * np.sqrt(1 + np.pi / 2 / count)
    centres: Floats = np.where(is_few[:, None] & ~np.isnan(ratios), centre[:, None], ratios)
    return centres, width, count.astype("float64"), has_exceptions * 0.5 / (count + 1)


def _survival(at: Floats, centres: Floats, width: Floats, count: Floats, outside: Floats) -> Floats:
    """The probability of a log ratio above `at` [row, place]."""
    away = (centres[:, None, :] - at[:, :, None]) / width[:, None, None]
    chances = special.stdtr((count - 1)[:, None, None], away)
    by_routine: Floats = np.where(np.isnan(chances), 0.0, chances).sum(axis=2) / count[:, None]
    at_any_age = 1 - np.minimum(np.exp(at) / _WHOLE_LIFE, 1)
    found: Floats = by_routine + outside[:, None] * (at_any_age - by_routine)
    return found


class Spread:
    """How the spacings of a slot vary around the planned one, given that its certificate was in service at `age` [d].

    The first renewal comes after `age`, unless an earlier one was missed: `doubt` is the probability that the looks so
    far do not show a successor that was issued before `age`. Later renewals vary less in relation to their distance,
    because deviations average out.

    >>> spread = Spread((-0.05, 0.0, 0.0, 0.05), blur=0.01, age=0.0)
    >>> spread.next_ages((0.1, 0.9), planned=60).round().tolist()
    [53.0, 66.0]
    >>> spread.later_ages(planned=240, step=4).round().tolist()
    [223.0, 254.0, 129.0, 277.0]
    >>> for doubt in (0.0, 0.2, 1.0):
    ...     late = Spread((-0.05, 0.0, 0.0, 0.05), blur=0.01, age=62.0, doubt=doubt)
    ...     print(late.next_ages((0.1, 0.9), planned=60).round().tolist())
    [62.0, 74.0]
    [57.0, 70.0]
    [53.0, 66.0]
    """

    def __init__(self, ratios: Sequence[float], *, blur: float, age: float, doubt: float = 0.0) -> None:
        self.count = len(ratios)
        self._past, self._age, self._doubt = np.array(ratios), age, doubt
        self._kernels = _kernels(self._past[None, :], np.array([blur]))
        shares = [(1 + side * coverage) / 2 for coverage in COVERAGES for side in (-1, 1)]
        self.shares: Final = tuple(shares)
        self._unconditional = self._found(shares, waiting=1.0)

    def waiting(self, planned: float) -> float:
        """The share of certificates, planned to be replaced at that age [d], that are still in service at `age`."""
        if self._age <= 0:
            return 1.0
        at = np.array([[np.log(self._age / planned)]])
        return float(_survival(at, *self._kernels)[0, 0])

    def next_ages(self, shares: Sequence[float], *, planned: float) -> Floats:
        """The ages [d] by which those shares of the next renewals have come, planned for that age [d]."""
        ages: Floats = planned * np.exp(self._found(shares, waiting=self.waiting(planned)))
        return ages

    def later_ages(self, *, planned: float, step: int) -> Floats:
        """The ends of the intervals (`shares`) of the renewal number `step`, planned for that age [d]."""
        even = np.sqrt((1 / step + 1 / self.count) / (1 + 1 / self.count))
        ages: Floats = planned * np.exp(self._unconditional * even)
        return ages

    def draw(self, rng: np.random.Generator, runs: int, *, planned: float) -> Iterator[Floats]:
        """Yield past deviations (spacing / planned spacing - 1), one drawn per run, for each renewal, without end.

        `planned` is the planned age of the first renewal [d]. The first draw is from the deviations that put it after
        `age`; if there are none, from all.
        """
        past: Floats = np.expm1(self._past)
        late = past[self._past > np.log(self._age / planned)] if self._age > 0 else past
        yield rng.choice(late if len(late) else past, runs)
        while True:
            yield rng.choice(past, runs)

    def _found(self, shares: Sequence[float], *, waiting: float) -> Floats:
        """Log ratios by which those shares of the renewals have come, where `waiting` of all come after `age`."""
        missed = self._doubt * (1 - waiting)
        come = np.array([shares]) * (waiting + missed)
        early = come / self._doubt if self._doubt else np.inf
        found: Floats = _quantiles(self._kernels, 1 - np.minimum(early, come + (1 - waiting - missed)))[0]
        return found


def routine_of(slot: Mapping[Hashable, Any]) -> dict[str, Any]:
    """The arguments of `planned_days` from a row of `with_usual_leads`: a lead of a third where there is no routine."""
    if np.isnan(slot["routine_lifetime_days"]):
        return {"lead": 1 / 3, "spacing": 2 / 3, "usual": 1.0, "by_lead": False}
    return {
        "lead": slot["usual_lead_days"],
        "spacing": slot["usual_spacing_days"],
        "usual": slot["routine_lifetime_days"],
        "by_lead": slot["is_led_by_end"],
    }
