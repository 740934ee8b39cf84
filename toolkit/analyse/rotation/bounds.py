"""One-sided 95 % confidence bounds on a rotation, and intervals for shares, from independent looks.

Looks are independent draws from the backends of a service; a look shows a certificate with a probability equal to
the share of the backends that serve it. The bounds invert exact binomial tests: n looks that all miss a share of at
least x have a probability of at most (1 − x)^n (`toolkit.sampling`).

All functions but `bound_pairs` take plain numbers and arrays, so that `find_rotations` and the simulation that checks
the coverage of the bounds (`tests/benchmarks/bench_rotation.py`) use the same code. Arrays of looks hold one slot after
another, each in time order; each rotation refers to a range of them, `lo` to `hi` (exclusive). Instants are int64
microseconds; `NULL` is the bit pattern of NaT.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.analyse.arrays import NULL, Bools, Floats, Ints, as_instants, concatenated_ranges
from toolkit.analyse.rotation.succession import Succession
from toolkit.instants import days
from toolkit.sampling import MISS, looks_needed, looks_needed_in_all

MIDPOINT_WINDOWS: Final = {8: 0, 16: 2, 32: 8, 64: 21, 128: 48}
"""Number of looks in a window → the most of them that may show a certificate whose share is rejected as one half."""


def share_below(looks: Ints) -> Floats:
    """The 95 % upper confidence bound on a share that none of `looks` looks showed (their number fixed in advance).

    >>> share_below(np.array([12, 59])).round(3).tolist()
    [0.221, 0.05]
    """
    return 1 - MISS ** (1 / np.asarray(looks, np.float64))


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


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """The confidence bounds of each rotation; `NULL` where the looks do not give one. `overlap_max` is in µs.

    `is_midpoint_contradicted`: no instant fits as the one at which the successor's share first reached one half.
    """

    start_min_at: Ints
    done_max_at: Ints
    overlap_max: Ints
    midpoint_min_at: Ints
    midpoint_max_at: Ints
    is_midpoint_contradicted: Bools


def bound_pairs(found: Succession, min_share: float, *, sticky: bool) -> dict[str, pd.Series]:
    """Columns of rotations: the confidence bounds, and the number of looks (`sticky`: rounds) on either side."""
    looks, old, new = found.looks, found.old, found.new
    counted = np.unique(looks.round_first) if sticky else np.arange(len(looks.at))
    lo, hi = _ranges_without_rollback(found)
    first = looks.round_first[found.first[new]] if sticky else found.first[new]
    edges = Edges(
        at=looks.at[counted],
        lo=np.searchsorted(counted, lo),
        hi=np.searchsorted(counted, hi),
        before=np.searchsorted(counted, looks.at_same_instant(first)[0]),
        after=np.searchsorted(counted, looks.at_same_instant(found.last[old])[1]),
    )
    bounds = confidence_bounds(edges, found.shown[counted], old, new, min_share)
    return {
        "start_min_at": as_instants(bounds.start_min_at),
        "done_max_at": as_instants(bounds.done_max_at),
        "overlap_max_days": days(pd.Series(bounds.overlap_max.view("timedelta64[us]"))),
        "midpoint_min_at": as_instants(bounds.midpoint_min_at),
        "midpoint_max_at": as_instants(bounds.midpoint_max_at),
        "is_midpoint_contradicted": pd.Series(bounds.is_midpoint_contradicted),
        "looks_before": pd.Series(np.maximum(edges.before - edges.lo, 0)),
        "looks_after": pd.Series(np.maximum(edges.hi - edges.after, 0)),
    }


def _ranges_without_rollback(found: Succession) -> tuple[Ints, Ints]:
    """The looks that count for each pair: its slot's, after an earlier period of B and before a later one of A."""
    slot = found.slot[found.old]
    lo, hi = found.looks.slot_first[slot], found.looks.slot_last[slot] + 1
    if not found.ordinal.any():
        return lo, hi
    periods = {key: number for number, key in enumerate(zip(found.slot, found.leaf, found.ordinal, strict=True))}
    for pair, (old, new) in enumerate(zip(found.old, found.new, strict=True)):
        earlier = periods.get((found.slot[new], found.leaf[new], found.ordinal[new] - 1))
        later = periods.get((found.slot[old], found.leaf[old], found.ordinal[old] + 1))
        lo[pair] = lo[pair] if earlier is None else found.last[earlier] + 1
        hi[pair] = hi[pair] if later is None else found.first[later]
    return lo, hi


def confidence_bounds(edges: Edges, shown: Ints, old: Ints, new: Ints, min_share: float) -> Bounds:
    """All bounds. `shown` has for each look of `edges.at` a number, which each rotation's `old` and `new` refer to."""
    midpoint_min_at, midpoint_max_at, is_contradicted = _midpoint_near_rollout(edges, shown, old, new)
    return Bounds(
        start_min_at=start_bound(edges, min_share),
        done_max_at=done_bound(edges, min_share),
        overlap_max=overlap_bound(edges, min_share),
        midpoint_min_at=midpoint_min_at,
        midpoint_max_at=midpoint_max_at,
        is_midpoint_contradicted=is_contradicted,
    )


def start_bound(edges: Edges, min_share: float) -> Ints:
    """Until when the successor's share was below `min_share`: the n-th look before it was first seen."""
    return _at(edges.at, edges.before - looks_needed(min_share), edges.lo, edges.before)


def done_bound(edges: Edges, min_share: float) -> Ints:
    """Since when the predecessor's share is below `min_share`: the n-th look after it was last seen."""
    return _at(edges.at, edges.after + looks_needed(min_share) - 1, edges.after, edges.hi)


def overlap_bound(edges: Edges, min_share: float) -> Ints:
    """The longest time for which both were in service [µs], `NULL` with too few looks.

    The greatest of the k − 1 differences (j-th look after the predecessor's last sighting) − (i-th look before the
    successor's first), i + j = k: for any course of the two shares, k looks that
    miss both have a probability of at most 5 %.
    """
    k = looks_needed_in_all(min_share)
    longest = np.zeros(len(edges.lo), np.int64)
    known = (edges.before - (k - 1) >= edges.lo) & (edges.after + (k - 1) <= edges.hi)
    before, after = edges.before[known], edges.after[known]
    for i in range(1, k if known.any() else 1):
        longest[known] = np.maximum(longest[known], edges.at[after + (k - i) - 1] - edges.at[before - i])
    return np.where(known, longest, NULL)


def midpoint_bounds(at: Ints, predecessor: Bools, successor: Bools, lo: Ints, hi: Ints) -> tuple[Ints, Ints]:
    """Between which looks the successor's share first reached one half; `NULL` where looks do not bound it."""
    first, last = _midpoint_gaps(at, predecessor, successor, lo, hi, since=lo, until=hi)
    return _instants_of_gaps(at, first, last, lo, hi)


def _midpoint_near_rollout(edges: Edges, shown: Ints, old: Ints, new: Ints) -> tuple[Ints, Ints, Bools]:
    """`midpoint_bounds` from the looks around each roll-out, and whether all gaps are rejected.

    Gaps further away are rejected anyway: the shortest window rejects a gap that is at least eight looks before the
    successor's first sighting or after the predecessor's last. The longest window of a nearer gap must still fit.
    """
    near, reach = min(MIDPOINT_WINDOWS) - 1, min(MIDPOINT_WINDOWS) + max(MIDPOINT_WINDOWS)
    lo, hi = edges.lo, np.maximum(edges.hi, edges.lo)
    before, after = np.minimum(edges.before, hi), np.maximum(edges.after, lo)
    since, until = np.maximum(lo, before - near), np.minimum(hi, after + near)
    lo, hi = np.maximum(lo, before - reach), np.minimum(hi, after + reach)
    hi = np.maximum(hi, lo)
    positions, owner = concatenated_ranges(lo, hi)
    ends = np.cumsum(hi - lo)
    moved = ends - hi
    at, lo, hi, since, until = edges.at[positions], lo + moved, ends, since + moved, until + moved
    shown = shown[positions]
    first, last = _midpoint_gaps(at, shown == old[owner], shown == new[owner], lo, hi, since=since, until=until)
    return *_instants_of_gaps(at, first, last, lo, hi), first < 0


def _midpoint_gaps(
    at: Ints, predecessor: Bools, successor: Bools, lo: Ints, hi: Ints, *, since: Ints, until: Ints
) -> tuple[Ints, Ints]:
    """The first and the last gap in which the successor's share may first have reached one half; −1: all are rejected.

    Gaps from `since` to `until` are tried. The gap before a look has the look's number: `lo` is the gap before the
    first look, `hi` the one after the last. `predecessor` and `successor` say what each look showed. A gap between two
    looks is rejected if too few of the looks just after it show the successor, or too few of those just before it show
    the predecessor (`MIDPOINT_WINDOWS`). The interval spans all gaps that are not rejected: to stop at the first
    rejection would cover 3.5 % instead of 95 %. Looks at the same instant have no gap between them.
    """
    gaps, owner = concatenated_ranges(since, until + 1)
    open_before, open_after = gaps == lo[owner], gaps == hi[owner]
    inside = ~(open_before | open_after)
    kept = ~inside
    kept[inside] = at[gaps[inside]] > at[gaps[inside] - 1]
    shown_new, shown_old = _counted(successor), _counted(predecessor)
    for window, most in MIDPOINT_WINDOWS.items():
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


def _counted(shown: Bools) -> NDArray[np.int32]:
    """How many of the looks before each gap are true."""
    counts = np.zeros(len(shown) + 1, np.int32)
    np.cumsum(shown, out=counts[1:])
    return counts


def _instants_of_gaps(at: Ints, first: Ints, last: Ints, lo: Ints, hi: Ints) -> tuple[Ints, Ints]:
    """The instants of the look before the first gap and of the look after the last; `NULL` without such a look."""
    return _at(at, np.where(first < 0, -1, first - 1), lo, hi), _at(at, last, lo, hi)


def _at(at: Ints, positions: Ints, lo: Ints, hi: Ints) -> Ints:
    """The instants at the positions, `NULL` for positions outside their range."""
    inside = (positions >= lo) & (positions < hi)
    found = np.full(len(positions), NULL)
    found[inside] = at[positions[inside]]
    return found
