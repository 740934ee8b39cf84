"""Returns: where a line went back from a certificate B to the A before it, told apart from a roll-out of both.

During a roll-out looks alternate between A and B, because some machines serve one and some the other. A return
is something else: B's share falls. The claims on a rotation assume that it never does, so the looks of a line are
split into *visits* of each certificate first.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from scipy import stats

from toolkit.analyse.arrays import Bools, Ints, first_and_last, stretches
from toolkit.sampling import MISS, looks_needed

_WINDOWS: Final = (8, 16, 32, 64, 128)

_CHANCE: Final = 0.005
"""The chance, over all moments and windows, at which a roll-out is taken for a return: a tenth of the claims' 5 %."""


_MOST_FALLS: Final = 100
"""Of one pair; what goes to and fro more often is not taken apart further."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two neighbours of a line and the looks that tell whether B gave way to A.

    `positions` of their looks within the line's array of looks, in time order, from B's first look to A's last;
    `new` says which show B. `has_old_before`: A was seen before; `has_new_after`: B was seen after.
    `is_superseded`: another certificate was first seen after B was last seen; `is_preceded`: one was seen before both.
    `looks_after`: the line's looks after B's last.
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
    """From which positions on looks of A (`old_from`) and of B (`new_from`) belong to the next visit."""

    old_from: Ints
    new_from: Ints
    is_ambiguous: bool


def find_split(pair: Pair, min_share: float) -> Split | None:
    """How the pair's looks fall into visits; None where nothing says that B's share fell.

    - With `min_share=1` one machine answers: every change back is a return.
    - A, then only B, then only A: a return if more of the line's looks follow than a roll-out could hide (n of
      `looks_needed`), or if B before A is no chance order (5 %). Told as a return, and ambiguous, where the chance
      is up to 10 %, or where the line has since moved on: that may be a roll-out overtaken by the next. The same
      where A's looks lie within B's, and another certificate was seen before both.
    - Else B's share must fall significantly: more of B in the 8 to 128 looks before a moment than in as many after
      it (Fisher's exact test, one-sided, 0.5 % shared by all moments and windows tried).
    """
    falls = np.flatnonzero(pair.new[:-1] & ~pair.new[1:])
    if not len(falls):
        return None
    if min_share == 1:
        return _split_runs(pair, is_ambiguous=False)
    if len(falls) == 1 and pair.has_old_before != pair.has_new_after:
        seen, then = int(falls[0]) + 1, len(pair.new) - int(falls[0]) - 1
        # Of the orders of B's looks after its first and A's; at most, where there are many of both.
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
    level = _CHANCE / (len(pair.new) * len(_WINDOWS))
    falls = _significant_falls(pair.new, level)
    if not falls:
        return None
    limits = [0, *falls, len(pair.new)]
    old_from = [_longest_run(pair.new, before, fall, wanted=True) for before, fall in pairwise(limits[:-1])]
    new_from = [_longest_run(pair.new, fall, after, wanted=False) for fall, after in pairwise(limits[1:])]
    return Split(pair.positions[old_from], pair.positions[new_from], is_ambiguous=False)


def _significant_falls(new: Bools, level: float) -> list[int]:
    """Moments before which B has a greater share than after: the most significant, then those on either side of it."""
    falls: list[int] = []
    stretches_left = [(0, len(new))]
    while stretches_left and len(falls) < _MOST_FALLS:
        lo, hi = stretches_left.pop()
        moment = _steepest_fall(new[lo:hi], level)
        if moment is not None:
            falls.append(lo + moment)
            stretches_left += [(lo, lo + moment), (lo + moment, hi)]
    return sorted(falls)


def _steepest_fall(new: Bools, level: float) -> int | None:
    best, found = level, None
    count = np.concatenate([[0], np.cumsum(new)])
    for window in _WINDOWS:
        fits = np.arange(window, len(new) - window + 1)
        before, after = count[fits] - count[fits - window], count[fits + window] - count[fits]
        steep = before - after >= (before - after).max(initial=1)
        chance = stats.hypergeom.sf(before[steep] - 1, 2 * window, before[steep] + after[steep], window)
        if len(chance) and chance.min() <= best:
            best, found = float(chance.min()), int(fits[steep][np.argmin(chance)])
    return found


def _longest_run(values: Bools, lo: int, hi: int, *, wanted: bool) -> int:
    """Where the longest run of `wanted` between `lo` and `hi` begins; `lo` where there is none."""
    same = np.concatenate([[0], (values[lo:hi] == wanted).astype(int), [0]])
    begins, ends = np.flatnonzero(np.diff(same) > 0), np.flatnonzero(np.diff(same) < 0)
    return lo + int(begins[np.argmax(ends - begins)]) if len(begins) else lo


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """Each look's visit number within its certificate, and the pairs of certificates split (old, new → ambiguous)."""

    visit: Ints
    splits: dict[tuple[int, int], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Looks and the pairs to examine: per look `shown` (the certificate, numbered per line) and `line`."""

    shown: Ints
    line: Ints
    old: Ints
    new: Ints


@dataclass(frozen=True, slots=True, eq=False)
class ByRound:
    """Which looks are the first of their round, and in which pairs only those count as independent."""

    is_first: Bools
    pairs: Bools


def number_visits(given: Neighbours, by_round: ByRound, min_share: float) -> Visits:
    """Number the visits of each certificate of a line: 0 until a return begins the next one."""
    shown, line = given.shown, given.line
    first, last = first_and_last(shown, int(shown.max(initial=-1)) + 1)
    mixed = last[given.old] > first[given.new]
    old, new, only_first = given.old[mixed], given.new[mixed], by_round.pairs[mixed]
    positions, owner = stretches(first[new], last[old] + 1)
    counts = (shown[positions] == old[owner]) | (shown[positions] == new[owner])
    counts &= by_round.is_first[positions] | ~only_first[owner]
    positions, owner = positions[counts], owner[counts]
    is_new = shown[positions] == new[owner]
    lo, hi = np.searchsorted(owner, np.arange(len(old))), np.searchsorted(owner, np.arange(len(old)), "right")
    line_first, line_last = first_and_last(line, int(line.max(initial=-1)) + 1)
    latest = np.full(len(line_first), -1)
    np.maximum.at(latest, line[first], first)
    boundaries: dict[int, list[Ints]] = {}
    splits = {}
    for number in _suspects(is_new, owner, lo, hi, len(old), one_machine=min_share == 1):
        a, b = int(old[number]), int(new[number])
        of_line = line[first[b]]
        pair = Pair(
            positions=positions[lo[number] : hi[number]],
            new=is_new[lo[number] : hi[number]],
            has_old_before=bool(first[a] < first[b]),
            has_new_after=bool(last[b] > last[a]),
            is_superseded=bool(latest[of_line] > last[b]),
            is_preceded=bool(line_first[of_line] < first[b]),
            looks_after=int(line_last[of_line] - last[b]),
        )
        split = find_split(pair, min_share)
        if split is not None:
            boundaries.setdefault(a, []).append(split.old_from)
            boundaries.setdefault(b, []).append(split.new_from)
            splits[a, b] = split.is_ambiguous
    visit = np.zeros(len(shown), np.int64)
    for certificate, found in boundaries.items():
        begin, end = first[certificate], last[certificate] + 1
        own = begin + np.flatnonzero(shown[begin:end] == certificate)
        visit[own] = np.unique(np.searchsorted(np.unique(np.concatenate(found)), own, "right"), return_inverse=True)[1]
    return Visits(visit, splits)


def _suspects(is_new: Bools, owner: Ints, lo: Ints, hi: Ints, count: int, *, one_machine: bool) -> list[int]:
    """The pairs that may hold a return, found for all at once: few, so that the rest can look at each by itself."""
    falls = np.bincount(owner[1:][is_new[:-1] & ~is_new[1:] & (owner[1:] == owner[:-1])], minlength=count)
    suspected = (falls > 0) & one_machine | (falls == 1)
    shown = np.concatenate([[0], np.cumsum(is_new)])
    # Half of the normal quantile: far looser than the exact test that follows.
    needed = stats.norm.isf(_CHANCE / np.maximum(hi - lo, 1) / len(_WINDOWS)) / 2 if count else np.zeros(0)
    moments = np.arange(len(is_new))
    for window in _WINDOWS:
        fits = moments[(moments - window >= lo[owner]) & (moments + window <= hi[owner])] if len(owner) else moments
        before, after = shown[fits] - shown[fits - window], shown[fits + window] - shown[fits]
        share = (before + after) / (2 * window)
        steep = before - after > needed[owner[fits]] * np.sqrt(2 * window * share * (1 - share))
        suspected[owner[fits][steep]] = True
    return [int(number) for number in np.flatnonzero(suspected)]
