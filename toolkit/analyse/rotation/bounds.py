"""What looks can claim: shares of a fleet, and the one-sided 95 % bounds on a rotation.

Looks are independent draws from a fleet; a look shows a certificate with the share of the fleet that serves it.
Everything here takes plain numbers and arrays, so that the claims and the simulation that checks their coverage
(`tests/benchmarks/bench_rotation.py`) are the same code.

Arrays of looks hold one line after another, each in time order; a rotation names its stretch `lo` to `hi` (exclusive).
Instants are int64 microseconds; `NULL` is the bit pattern of NaT.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from toolkit.analyse.arrays import NULL, Bools, Floats, Ints, stretches
from toolkit.sampling import MISS, looks_needed, looks_needed_in_all

HALF_WINDOWS: Final = {8: 0, 16: 2, 32: 8, 64: 21, 128: 48}
"""Looks in a window → the most of them that may show a certificate for "less than half of the fleet" to be claimed."""


def share_below(looks: Ints) -> Floats:
    """The share that a certificate has less than when none of `looks` looks showed it (their number fixed before).

    >>> share_below(np.array([12, 59])).round(3).tolist()
    [0.221, 0.05]
    """
    return 1 - MISS ** (1 / np.asarray(looks, np.float64))


def share_interval(shown: Ints, looks: Ints) -> tuple[Floats, Floats]:
    """Two-sided 95 % interval of a mean share (Clopper and Pearson 1934), from `shown` of `looks` looks.

    >>> [round(float(end[0]), 3) for end in share_interval(np.array([0]), np.array([12]))]
    [0.0, 0.265]
    """
    half = MISS / 2
    low = np.where(shown == 0, 0.0, stats.beta.ppf(half, np.maximum(shown, 1), looks - shown + 1))
    high = np.where(shown == looks, 1.0, stats.beta.isf(half, shown + 1, np.maximum(looks - shown, 1)))
    return low, high


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Where each rotation lies in the array `at` of looks.

    `lo` and `hi` (exclusive): the looks that count for it. `before`: the first look that is not earlier than the
    successor's first sighting. `after`: the first look that is later than the predecessor's last sighting.
    """

    at: Ints
    lo: Ints
    hi: Ints
    before: Ints
    after: Ints


def start_bound(edges: Edges, min_share: float) -> Ints:
    """Until when the successor's share was below `min_share`: the n-th look before it was first seen."""
    return _at(edges.at, edges.before - looks_needed(min_share), edges.lo, edges.before)


def done_bound(edges: Edges, min_share: float) -> Ints:
    """Since when the predecessor's share is below `min_share`: the n-th look after it was last seen."""
    return _at(edges.at, edges.after + looks_needed(min_share) - 1, edges.after, edges.hi)


def overlap_bound(edges: Edges, min_share: float) -> Ints:
    """How long both were served at most [µs], `NULL` with too few looks.

    The greatest of the k − 1 differences (j-th look after the predecessor's last sighting) − (i-th look before the
    successor's first), i + j = k: whatever the two shares do, k looks that miss both have a chance of 5 %.
    """
    k = looks_needed_in_all(min_share)
    longest = np.zeros(len(edges.lo), np.int64)
    known = (edges.before - (k - 1) >= edges.lo) & (edges.after + (k - 1) <= edges.hi)
    before, after = edges.before[known], edges.after[known]
    for i in range(1, k if known.any() else 1):
        longest[known] = np.maximum(longest[known], edges.at[after + (k - i) - 1] - edges.at[before - i])
    return np.where(known, longest, NULL)


def half_bounds(at: Ints, predecessor: Bools, successor: Bools, lo: Ints, hi: Ints) -> tuple[Ints, Ints]:
    """Between which looks the successor's share first reached one half; `NULL` where looks do not bound it."""
    first, last = half_gaps(at, predecessor, successor, lo, hi)
    return instants_of_gaps(at, first, last, lo, hi)


def half_gaps(at: Ints, predecessor: Bools, successor: Bools, lo: Ints, hi: Ints) -> tuple[Ints, Ints]:
    """The first and the last gap in which the successor's share may first have reached one half; −1: all are rejected.

    A gap is numbered as the look behind it: `lo` is the one before the first look, `hi` the one after the last.
    `predecessor` and `successor` say what each look showed. A gap between two looks is rejected if too few of the
    looks just after it show the successor, or too few of those just before it show the predecessor
    (`HALF_WINDOWS`). The interval spans all gaps that are not rejected: to stop at the first rejection would
    cover 3.5 % instead of 95 %. Looks at the same instant have no gap between them.
    """
    gaps, owner = stretches(lo, hi + 1)
    open_before, open_after = gaps == lo[owner], gaps == hi[owner]
    inside = ~(open_before | open_after)
    kept = ~inside
    kept[inside] = at[gaps[inside]] > at[gaps[inside] - 1]
    shown_new = np.concatenate([[0], np.cumsum(successor)])
    shown_old = np.concatenate([[0], np.cumsum(predecessor)])
    for window, most in HALF_WINDOWS.items():
        gaps, owner = gaps[kept], owner[kept]
        end = np.minimum(gaps + window, hi[owner])
        begin = np.maximum(gaps - window, lo[owner])
        few_after = (end - gaps == window) & (shown_new[end] - shown_new[gaps] <= most)
        few_before = (gaps - begin == window) & (shown_old[gaps] - shown_old[begin] <= most)
        kept = ~(few_after | few_before)
    gaps, owner = gaps[kept], owner[kept]
    first, last = np.full(len(lo), -1), np.full(len(lo), -1)
    first[owner[::-1]] = gaps[::-1]
    last[owner] = gaps
    return first, last


def instants_of_gaps(at: Ints, first: Ints, last: Ints, lo: Ints, hi: Ints) -> tuple[Ints, Ints]:
    """From the look before the first gap to the look behind the last; `NULL` where there is no such look or gap."""
    return _at(at, np.where(first < 0, -1, first - 1), lo, hi), _at(at, last, lo, hi)


def _at(at: Ints, positions: Ints, lo: Ints, hi: Ints) -> Ints:
    """The instants at the positions, `NULL` for those outside their stretch."""
    inside = (positions >= lo) & (positions < hi)
    found = np.full(len(positions), NULL)
    found[inside] = at[positions[inside]]
    return found
