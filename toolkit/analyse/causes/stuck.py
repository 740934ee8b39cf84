"""Stuck backends: an old certificate that stays on a share or on an address after the rest of a roll-out has settled.

Method: a change point of the old certificate's share by maximum likelihood, a trend test after it (Mann and Whitney
1947), and the probability of such a plateau where backends switch at random times. Addresses are compared by Fisher's
exact test.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy  # loads scipy.stats, which takes most of a second, when it is first used

from toolkit.analyse.arrays import Bools, Floats, Ints
from toolkit.analyse.intervals import share_interval
from toolkit.instants import DAY_IN_MICROS
from toolkit.sampling import MISS, STRICT, chance_of_seeing, looks_needed

_SETTLED: Final = 0.25
"""The other addresses have settled when the old certificate holds less than this share there. A convention."""

_SLOW: Final = 3
"""A plateau lasts at least this many times as long as the fall before it. A convention."""

_SLOW_ADDRESS: Final = 8
"""The same for a whole address: addresses may follow each other by days. A convention."""

_MAY_BE_SLOW: Final = 4
"""Between this and `_SLOW_ADDRESS`, an address that stays and one that follows are indistinguishable, so unclear."""

_TREND: Final = MISS
"""If the share falls significantly at this level, a later plateau is searched for."""

_CERTAIN_TREND: Final = STRICT
"""If the share falls significantly at this level, it is never a plateau."""

_PLAUSIBLE: Final = 3.0
"""A plateau may begin where the log-likelihood is at most this much below its maximum."""

_SEARCHED: Final = 5.0
"""Critical value: by chance, the log-likelihood ratio exceeds it in 5 % of cases (Andrews 1993)."""


@dataclass(frozen=True, slots=True)
class Stay:
    """An old certificate that stays from `begins` on. `certainty` is None if it may be the slow end of a roll-out."""

    begins: int
    certainty: float | None
    explanation: str
    is_of_address: bool = False


def find_plateau(at: Ints, is_old: Bools, long: int) -> Stay | None:
    """A plateau on which the share of the old certificate stays after it fell; `at` ascends, `long` is in µs.

    If backends switch at random times, the last of M is alone for all but a fraction f of the roll-out with the
    probability f^(M − 2). A plateau is reported if that is improbable for the smallest fleet M whose backends may hold
    the observed share. Two backends never suffice: every roll-out of two has one plateau.
    """
    first_new, last_old = int(np.argmin(is_old)), int(np.flatnonzero(is_old)[-1])
    lo, at, is_old = first_new, at[: last_old + 1], is_old[: last_old + 1]
    while (places := int(np.searchsorted(at, at[-1] - long)) - lo) > 0:
        likely = _likelihood(is_old[lo:])
        # A plateau lasts longer than `long`; the last few looks always fit one well.
        best = int(np.argmax(likely[:places]))
        if likely[best] < likely.max() - _SEARCHED:
            return None
        trend = _trend(is_old[lo + best : -1])
        if -_CERTAIN_TREND <= trend < 0:
            return None  # the share rises: a roll-back
        if trend < 0 or trend > _TREND or (best == 0 and trend > _CERTAIN_TREND):
            is_plausible = likely[:places] >= likely[best] - _PLAUSIBLE
            latest = best + int(np.argmin(np.append(is_plausible[best:], False))) - 1
            return _as_stay(at, is_old, first_new, lo + np.array([np.argmax(is_plausible), best, latest]), long)
        if best == 0:
            return None
        lo += best
    return None


def _as_stay(at: Ints, is_old: Bools, first_new: int, begin: Ints, long: int) -> Stay | None:
    """The plateau that begins at the earliest, most likely and latest at the looks `begin`, and lasts to the end.

    An uncertain plateau begins at the earliest, a certain one at the latest. None if it is too short compared with the
    fall before it.
    """
    looks, share = len(at) - int(begin[1]), float(is_old[begin[1] :].mean())
    lasts, (earliest, begins, latest) = int(at[-1]), map(int, at[begin])
    if lasts - earliest > 2 * long:
        begins = earliest
    if lasts - begins < _SLOW * (begins - int(at[first_new])):
        return None
    begun = int(at[max(first_new - looks_needed(share), 0)])
    fraction = (latest - begun) / (lasts - begun)
    most = float(share_interval(np.array([round(share * looks)]), np.array([looks]))[1][0])
    chance = max(fraction ** (math.ceil(1 / most) - 2), 1 - chance_of_seeing(share, looks))
    if first_new == 0 or lasts - latest <= 2 * long or fraction > 1 / (1 + _SLOW) or chance > MISS:
        return Stay(begins, None, f"a stuck backend, or the slow end of a roll-out ({looks} looks)")
    days = (lasts - latest) / DAY_IN_MICROS
    return Stay(
        latest,
        1 - chance,
        f"the old certificate kept {share:.0%} of looks for {days:.1f} days after the rest had changed",
    )


def find_stay(at: Ints, is_old: Bools, address: Ints, long: int) -> Stay | None:
    """An address that keeps the old certificate long after all others replaced it; `long` is in µs."""
    last = np.full(int(address.max(initial=0)) + 1, np.iinfo(np.int64).min)
    np.maximum.at(last, address[is_old], at[is_old])
    stays = address == int(np.argmax(last))
    rest, rest_old = at[~stays], is_old[~stays]
    if not rest_old.any() or rest_old.all() or chance_of_order(rest[rest_old], rest[~rest_old]) > MISS:
        return None
    ended, lasts, started = int(rest[rest_old].max()), int(last.max()), int(at[~is_old].min())
    after = rest[rest > ended]
    if lasts - ended <= long or lasts - ended < _MAY_BE_SLOW * (ended - started):
        return None
    needed = looks_needed(_SETTLED)
    settled = int(after[needed - 1]) if len(after) >= needed else lasts
    during = (at > ended) & (at <= lasts)
    counts = [[int(np.sum(during & side & old)) for old in (is_old, ~is_old)] for side in (stays, ~stays)]
    chance = float(scipy.stats.fisher_exact(counts, alternative="greater")[1])
    if lasts - settled <= 2 * long or lasts - settled < _SLOW_ADDRESS * (settled - started) or chance > STRICT:
        return Stay(ended, None, "a stuck backend, or an address that follows the others")
    days = (lasts - settled) / DAY_IN_MICROS
    return Stay(
        settled,
        1 - MISS,
        f"one address kept the old certificate for {days:.1f} days after the others",
        is_of_address=True,
    )


def chance_of_order(old: Ints, new: Ints) -> float:
    """The probability that looks of the new certificate come as late as they do by chance (Mann and Whitney 1947)."""
    is_small = len(old) * len(new) <= 400 and not np.intersect1d(old, new).size
    test = scipy.stats.mannwhitneyu(new, old, alternative="greater", method="exact" if is_small else "asymptotic")
    return float(test.pvalue)


def _likelihood(is_old: Bools) -> Floats:
    """The log-likelihood that a plateau begins at each look: one backend is left of at least two before."""
    looks = len(is_old)
    before = np.arange(looks)
    old_before = np.concatenate([[0], np.cumsum(is_old)[:-1]])
    old_after = is_old.sum() - old_before
    share = old_after / (looks - before)
    share_before = np.maximum(old_before / np.maximum(before, 1), 2 * share)
    return _log(old_before, before, share_before) + _log(old_after, looks - before, share)


def _log(old: Ints, looks: Ints, share: Floats) -> Floats:
    kept = np.clip(share, 1e-12, 1 - 1e-12)
    return np.asarray(old * np.log(kept) + (looks - old) * np.log1p(-kept), dtype=float)


def _trend(is_old: Bools) -> float:
    """The p-value of the fall of a share, with a minus sign if it rises."""
    place = np.arange(len(is_old))
    if is_old.all() or not is_old.any():
        return 1.0
    test = scipy.stats.mannwhitneyu(place[~is_old], place[is_old], method="asymptotic")
    rises = test.statistic < is_old.sum() * (~is_old).sum() / 2
    return -float(test.pvalue) if rises else float(test.pvalue)
