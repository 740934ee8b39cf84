"""Closed forms are compared with scipy and with counting, and bounds on small slots with their definitions."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from toolkit.analyse.arrays import NULL
from toolkit.analyse.intervals import share_interval
from toolkit.analyse.rotation import bounds


@pytest.mark.parametrize(("looks", "below"), [(12, 0.221), (59, 0.0495)])
def test_share_below(looks, below):
    assert bounds.share_below(np.array([looks]))[0] == pytest.approx(below, abs=0.0005)


@pytest.mark.parametrize(("shown", "looks"), [(0, 12), (0, 59), (1, 1), (3, 12), (12, 12), (500, 1000)])
def test_share_interval_is_clopper_and_pearsons(shown, looks):
    low, high = share_interval(np.array([shown]), np.array([looks]))
    expected = stats.binomtest(shown, looks).proportion_ci(0.95, "exact")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high))


def test_two_sided_interval_of_a_share_that_was_not_seen():
    _, high = share_interval(np.array([0, 0]), np.array([12, 59]))
    assert high == pytest.approx([0.265, 0.061], abs=0.0005)


def _edges(shown, gap=10):
    """One slot: `shown` is a string of A and B, with a look every `gap` µs."""
    new = np.array([letter == "B" for letter in shown])
    looks = np.arange(len(shown)) * gap
    ends = np.array([0]), np.array([len(shown)])
    before, after = np.array([int(np.argmax(new))]), np.array([len(shown) - int(np.argmax(~new[::-1]))])
    return bounds.Edges(looks, *ends, before, after), new


def test_one_backend_gives_the_gap_between_sightings():
    edges, _ = _edges("AAABBB")
    assert bounds.start_bound(edges, 1).tolist() == [20]
    assert bounds.done_bound(edges, 1).tolist() == [30]
    assert bounds.overlap_bound(edges, 1).tolist() == [10]


def test_both_seen_at_every_look_is_twice_the_gap_wider():
    edges, _ = _edges("AAAB" + "AB" * 5 + "BBB")
    certain = edges.at[edges.after - 1] - edges.at[edges.before]
    assert (bounds.overlap_bound(edges, 1) - certain).tolist() == [20]


def test_the_nth_look_bounds_and_one_look_less_does_not():
    edges, _ = _edges("A" * 5 + "B" * 5)
    assert bounds.start_bound(edges, 0.5).tolist() == [0]
    assert bounds.done_bound(edges, 0.5).tolist() == [90]
    edges, _ = _edges("A" * 4 + "B" * 4)
    assert bounds.start_bound(edges, 0.5).tolist() == [NULL]
    assert bounds.done_bound(edges, 0.5).tolist() == [NULL]


@given(st.lists(st.integers(1, 50), min_size=30, max_size=60), st.integers(10, 20), st.integers(0, 6))
def test_overlap_is_the_greatest_of_all_differences(gaps, before, mixed):
    looks = np.cumsum(gaps)
    after = min(before + mixed, len(gaps) - 8)
    edges = bounds.Edges(looks, np.array([0]), np.array([len(gaps)]), np.array([before]), np.array([after]))
    expected = max(looks[after + j - 1] - looks[before - i] for i in range(1, 8) for j in (8 - i,))
    assert bounds.overlap_bound(edges, 0.5).tolist() == [max(expected, 0)]


def _half(new, looks):
    """The definition, gap by gap."""
    kept = []
    for gap in range(len(new) + 1):
        if 0 < gap < len(new) and looks[gap] == looks[gap - 1]:
            continue
        rejected = False
        for window, most in bounds.MIDPOINT_WINDOWS.items():
            after, before = new[gap : gap + window], ~new[max(gap - window, 0) : gap]
            rejected |= len(after) == window and after.sum() <= most
            rejected |= len(before) == window and before.sum() <= most
        if not rejected:
            kept.append(gap)
    if not kept:
        return NULL, NULL
    first, last = kept[0], kept[-1]
    return (looks[first - 1] if first else NULL, looks[last] if last < len(new) else NULL)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), max_size=90), st.integers(0, 150), st.integers(0, 150))
def test_midpoint_bounds_follow_the_definition(middle, before, after):
    new = np.array([False] * before + [shown for shown, _ in middle] + [True] * after, bool)
    looks = np.cumsum([1] * before + [gap for _, gap in middle] + [1] * after).astype(np.int64)
    low, high = bounds.midpoint_bounds(looks, ~new, new, np.array([0]), np.array([len(new)]))
    assert (low[0], high[0]) == _half(new, looks)


@pytest.mark.parametrize("window", bounds.MIDPOINT_WINDOWS)
def test_midpoint_windows_reject_rarely(window):
    """Together the ten tests of a gap may be wrong at most 5 % of the time: each window is far below that."""
    assert stats.binom.cdf(bounds.MIDPOINT_WINDOWS[window], window, 0.5) < 0.0045
