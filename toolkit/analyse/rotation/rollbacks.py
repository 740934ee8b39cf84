"""Roll-backs: where a slot went from a certificate B back to the A before it, as opposed to a roll-out of B.

During a roll-out looks alternate between A and B, because some backends serve one and some the other. In a roll-back
B's share falls. The confidence bounds on a rotation assume that B's share never falls, so the looks at a slot are
first divided into *periods* of each certificate.

Method: Fisher's exact test (hypergeometric distribution) of B's share before and after each moment.
"""

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from toolkit.analyse.arrays import Bools, Floats, Ints, first_and_last
from toolkit.analyse.rotation.succession import Alternation, Succession, link_periods
from toolkit.sampling import MISS, looks_needed

_WINDOWS: Final = (8, 16, 32, 64, 128)

_SIGNIFICANCE: Final = 0.005
"""Probability, over all moments and windows, of taking a roll-out for a roll-back: a tenth of the bounds' 5 %."""

_MOST_FALLS: Final = 100
"""Of one pair. A pair that goes back and forth more often is not divided further."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two successive certificates A and B of a slot, and the looks that decide whether B was rolled back to A.

    `positions` of the looks that showed either, within the array of looks, in time order, from B's first look to A's
    last; `new` says which of them show B. `has_old_before`: A was seen before; `has_new_after`: B was seen after.
    `is_superseded`: another certificate was first seen after B was last seen; `is_preceded`: one was seen before both.
    `looks_after`: number of the slot's looks after B's last.
    """

    positions: Ints
    new: Bools
    has_old_before: bool
    has_new_after: bool
    is_superseded: bool
    is_preceded: bool
    looks_after: int


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """From which positions on looks of A (`old_from`) and of B (`new_from`) belong to the next period."""

    old_from: Ints
    new_from: Ints
    is_ambiguous: bool


@dataclass(frozen=True, slots=True, eq=False)
class Periods:
    """For each look the ordinal of the period in its certificate, from 0; the split pairs (old, new → ambiguous)."""

    ordinal: Ints
    splits: dict[tuple[int, int], bool]


def divide_at_rollbacks(found: Succession, rounds: pd.DataFrame, min_share: float, *, sticky: bool) -> Succession:
    """The succession of periods; `found` itself where there is no roll-back. `rounds` is by `compare_rounds`.

    Roll-backs are decided by single looks in pairs of which some round showed both certificates. Otherwise, with
    `sticky`, and where stickiness is suspected, only the first look of each round counts: looks of a round that always
    agree may all have reached one backend.
    """
    both = found.alternation
    is_suspected = rounds["is_sticky_suspected"].fillna(value=False).to_numpy(bool)
    by_round = is_suspected | ~rounds["has_mixed_rounds"].to_numpy(bool) | sticky
    counts = (found.looks.round_first[both.position] == both.position) | ~by_round[both.pair]
    independent = Alternation(both.position[counts], both.pair[counts], both.is_new[counts])
    periods = number_periods(found, independent, min_share)
    return _split_certificates(found, periods) if periods.splits else found


def find_split(pair: Pair, min_share: float) -> Split | None:
    """How the pair's looks divide into periods; None if nothing shows that B's share fell.

    - With `min_share=1` one backend answers: every change back is a roll-back.
    - A, then only B, then only A: a roll-back if more of the slot's looks follow than a roll-out could hide (n of
      `looks_needed`), or if B before A is unlikely by chance (p ≤ 0.05). A roll-back that is ambiguous if p ≤ 0.1, or
      if the slot has since changed to another certificate: that may be a roll-out overtaken by the next one. The same
      if A's looks lie within B's, and another certificate was seen before both.
    - Otherwise B's share must fall significantly: more of B in the 8 to 128 looks before a moment than in as many after
      it (Fisher's exact test, one-sided, 0.5 % shared by all moments and windows tried).
    """
    falls = np.flatnonzero(pair.new[:-1] & ~pair.new[1:])
    if not len(falls):
        return None
    if min_share == 1:
        return _split_runs(pair, is_ambiguous=False)
    if len(falls) == 1 and pair.has_old_before != pair.has_new_after:
        seen, then = int(falls[0]) + 1, len(pair.new) - int(falls[0]) - 1
        # Number of orders of B's looks after its first and A's looks; bounded, where there are many of both.
        chance = 1 / math.comb(seen - 1 + then, min(then, seen - 1, 20))
        if pair.has_old_before and (chance <= MISS or pair.looks_after >= looks_needed(min_share)):
            return _split_runs(pair, is_ambiguous=False)
        if pair.has_old_before and (chance <= 2 * MISS or pair.is_superseded):
            return _split_runs(pair, is_ambiguous=True)
        if pair.has_new_after and pair.is_preceded:
            return _split_runs(pair, is_ambiguous=True)
    return _split_falls(pair)


def _split_runs(pair: Pair, *, is_ambiguous: bool) -> Split:
    begins = np.r_[True, pair.new[1:] != pair.new[:-1]]
    starts, is_new = pair.positions[begins], pair.new[begins]
    return Split(old_from=starts[is_new], new_from=starts[~is_new], is_ambiguous=is_ambiguous)


def _split_falls(pair: Pair) -> Split | None:
    falls = _significant_falls(pair.new, _SIGNIFICANCE / (len(pair.new) * len(_WINDOWS)))
    if not falls:
        return None
    limits = [0, *falls, len(pair.new)]
    old_from = [_longest_run(pair.new, before, fall, wanted=True) for before, fall in pairwise(limits[:-1])]
    new_from = [_longest_run(pair.new, fall, after, wanted=False) for fall, after in pairwise(limits[1:])]
    return Split(pair.positions[old_from], pair.positions[new_from], is_ambiguous=False)


def _significant_falls(new: Bools, level: float) -> list[int]:
    """Moments before which B has a greater share than after: the most significant, then those on either side of it."""
    falls: list[int] = []
    ranges = [(0, len(new))]
    while ranges and len(falls) < _MOST_FALLS:
        lo, hi = ranges.pop()
        moment = _steepest_fall(new[lo:hi], level)
        if moment is not None:
            falls.append(lo + moment)
            ranges += [(lo, lo + moment), (lo + moment, hi)]
    return sorted(falls)


def _steepest_fall(new: Bools, level: float) -> int | None:
    count = np.concatenate([[0], np.cumsum(new)])
    moment, least = None, level
    for window in _WINDOWS:
        fits = np.arange(window, len(new) - window + 1)
        before, after = count[fits] - count[fits - window], count[fits + window] - count[fits]
        steep = before - after >= (before - after).max(initial=1)
        chance = _chances_of_fall(window)[before[steep], after[steep]]
        # Of equal chances, that of the longest window counts.
        if len(chance) and chance.min() <= least:
            moment, least = int(fits[steep][np.argmin(chance)]), chance.min()
    return moment


@cache
def _chances_of_fall(window: int) -> Floats:
    """The probability that of all looks that show B at least so many are before: by the numbers before and after."""
    of_one = special.comb(window, np.arange(window + 1))
    ways: Floats = np.outer(of_one, of_one)
    for before in reversed(range(window)):
        ways[before, 1:] += ways[before + 1, :-1]
    ways /= special.comb(2 * window, np.add.outer(np.arange(window + 1), np.arange(window + 1)))
    return ways


def _longest_run(values: Bools, lo: int, hi: int, *, wanted: bool) -> int:
    """Where the longest run of `wanted` between `lo` and `hi` begins; `lo` if there is none."""
    same = np.concatenate([[0], (values[lo:hi] == wanted).astype(int), [0]])
    begins, ends = np.flatnonzero(np.diff(same) > 0), np.flatnonzero(np.diff(same) < 0)
    return lo + int(begins[np.argmax(ends - begins)]) if len(begins) else lo


def number_periods(found: Succession, both: Alternation, min_share: float) -> Periods:
    """Number the periods of each certificate of a slot: 0 until a roll-back begins the next one.

    `both` has the looks of each pair that count as independent.
    """
    looks, shown, first, last = found.looks, found.shown, found.first, found.last
    pairs = np.arange(len(found.old))
    lo, hi = np.searchsorted(both.pair, pairs), np.searchsorted(both.pair, pairs, "right")
    latest = np.full(len(looks.slots), -1)
    np.maximum.at(latest, found.slot, first)
    boundaries: dict[int, list[Ints]] = {}
    splits = {}
    for number in _suspects(both, lo, hi, one_backend=min_share == 1):
        a, b = int(found.old[number]), int(found.new[number])
        of_slot = found.slot[b]
        pair = Pair(
            positions=both.position[lo[number] : hi[number]],
            new=both.is_new[lo[number] : hi[number]],
            has_old_before=bool(first[a] < first[b]),
            has_new_after=bool(last[b] > last[a]),
            is_superseded=bool(latest[of_slot] > last[b]),
            is_preceded=bool(looks.slot_first[of_slot] < first[b]),
            looks_after=int(looks.slot_last[of_slot] - last[b]),
        )
        split = find_split(pair, min_share)
        if split is not None:
            boundaries.setdefault(a, []).append(split.old_from)
            boundaries.setdefault(b, []).append(split.new_from)
            splits[a, b] = split.is_ambiguous
    ordinal = np.zeros(len(shown), np.int64)
    for certificate, limits in boundaries.items():
        begin, end = first[certificate], last[certificate] + 1
        own = begin + np.flatnonzero(shown[begin:end] == certificate)
        period = np.searchsorted(np.unique(np.concatenate(limits)), own, "right")
        ordinal[own] = np.unique(period, return_inverse=True)[1]
    return Periods(ordinal, splits)


def _suspects(both: Alternation, lo: Ints, hi: Ints, *, one_backend: bool) -> list[int]:
    """The pairs that may have a roll-back, found for all pairs at once, so that few are divided one by one."""
    is_new, owner, count = both.is_new, both.pair, len(lo)
    falls = np.bincount(owner[1:][is_new[:-1] & ~is_new[1:] & (owner[1:] == owner[:-1])], minlength=count)
    suspected = (falls > 0) & one_backend | (falls == 1)
    shown = np.concatenate([[0], np.cumsum(is_new)])
    level = _SIGNIFICANCE / (np.maximum(hi - lo, 1) * len(_WINDOWS))
    moments = np.arange(len(is_new))
    for window in _WINDOWS:
        fits = moments[(moments - window >= lo[owner]) & (moments + window <= hi[owner])] if len(owner) else moments
        before, after = shown[fits] - shown[fits - window], shown[fits + window] - shown[fits]
        is_fall = _chances_of_fall(window)[before, after] <= level[owner[fits]]
        suspected[owner[fits][is_fall]] = True
    return [int(number) for number in np.flatnonzero(suspected)]


def _split_certificates(found: Succession, periods: Periods) -> Succession:
    """The succession of periods instead of certificates. Slots without a roll-back keep their order."""
    most = int(periods.ordinal.max()) + 1
    shown, codes = pd.factorize(found.shown * most + periods.ordinal)
    certificate, ordinal = np.asarray(codes) // most, np.asarray(codes) % most
    first, last = first_and_last(shown, len(certificate))
    slot = found.slot[certificate]
    first_period = {int(c): n for n, (c, k) in enumerate(zip(certificate, ordinal, strict=True)) if k == 0}
    is_newer_first = {pair for pair in periods.splits if first[first_period[pair[1]]] < first[first_period[pair[0]]]}
    in_order = _in_order_of_service([first_period[int(one)] for one in found.order], certificate, is_newer_first)
    # A later period follows the period that the slot showed just before it.
    follower = dict(pairwise(in_order))
    again = np.flatnonzero(ordinal > 0)
    for one in again[np.argsort(first[again])].tolist():
        before = int(shown[first[one] - 1])
        if before in follower:
            follower[one] = follower[before]
        follower[before] = one
    sequence = in_order[:1]
    while sequence[-1] in follower:
        sequence.append(follower[sequence[-1]])
    order, leaf = np.array(sequence), found.leaf[certificate]
    is_unclear = _is_unclear_rollback(certificate[order].tolist(), (ordinal[order] > 0).tolist(), periods)
    return link_periods(
        found.looks, order, is_unclear,
        shown=shown, slot=slot, leaf=leaf, ordinal=ordinal, first=first, last=last,
    )  # fmt: skip


def _is_unclear_rollback(certificates: list[int], is_again: list[bool], periods: Periods) -> Bools:
    """Whether two neighbours are at an ambiguous roll-back: they were split, or step back, or lead to that step."""
    unclear = {pair for pair, is_ambiguous in periods.splits.items() if is_ambiguous}
    unclear |= {(b, a) for a, b in unclear}
    involved = {one for pair in unclear for one in pair}
    neighbours = zip(pairwise(certificates), is_again[1:], strict=True)
    return np.array([pair in unclear or (again and pair[1] in involved) for pair, again in neighbours], bool)


def _in_order_of_service(
    first_periods: list[int], certificate: Ints, is_newer_first: set[tuple[int, int]]
) -> list[int]:
    """Neighbours swapped where the newer certificate was in service first and the older one came in between."""
    for i in range(len(first_periods) - 1):
        if (int(certificate[first_periods[i]]), int(certificate[first_periods[i + 1]])) in is_newer_first:
            first_periods[i], first_periods[i + 1] = first_periods[i + 1], first_periods[i]
    return first_periods
