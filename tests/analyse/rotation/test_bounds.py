"""Closed forms against scipy and against counting; bounds on small lines against the definitions, word by word."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from toolkit.analyse.rotation import bounds
from toolkit.errors import UsageError


@pytest.mark.parametrize(("share", "needed"), [(1, 1), (0.5, 5), (0.2, 14), (0.05, 59), (0.01, 299)])
def test_looks_needed(share, needed):
    assert bounds.looks_needed(share) == needed
    if share < 1:
        assert (1 - share) ** needed <= 0.05 < (1 - share) ** (needed - 1)


@pytest.mark.parametrize(("share", "needed"), [(1, 2), (0.5, 8), (0.2, 22), (0.05, 93), (0.01, 473)])
def test_looks_needed_on_both_sides(share, needed):
    assert bounds.looks_needed_in_all(share) == needed
    assert stats.binom.cdf(1, needed, share) <= 0.05
    assert share == 1 or stats.binom.cdf(1, needed - 1, share) > 0.05


@pytest.mark.parametrize(("attempt", "needed"), [(1, 72), (2, 94), (3, 107)])
def test_looks_needed_again(attempt, needed):
    assert bounds.looks_needed_again(0.05, attempt) == needed


def test_tries_share_the_five_percent():
    wrong = sum(0.95 ** bounds.looks_needed_again(0.05, attempt) for attempt in range(1, 2000))
    assert wrong <= bounds.MISS


@pytest.mark.parametrize(("share", "looks"), [(0.001, 12), (0.2, 3), (1.0, 1), (1.0, 0), (0.3, 0)])
def test_chance_of_seeing(share, looks):
    assert bounds.chance_of_seeing(share, looks) == pytest.approx(1 - (1 - share) ** looks)


def test_a_single_stuck_machine_of_a_thousand_stays_unseen():
    assert 1 - bounds.chance_of_seeing(0.001, 12) == pytest.approx(0.988, abs=0.0005)


@pytest.mark.parametrize(("looks", "below"), [(12, 0.221), (59, 0.0495)])
def test_share_below(looks, below):
    assert bounds.share_below(np.array([looks]))[0] == pytest.approx(below, abs=0.0005)


@pytest.mark.parametrize(("shown", "looks"), [(0, 12), (0, 59), (1, 1), (3, 12), (12, 12), (500, 1000)])
def test_share_interval_is_clopper_and_pearsons(shown, looks):
    low, high = bounds.share_interval(np.array([shown]), np.array([looks]))
    expected = stats.binomtest(shown, looks).proportion_ci(0.95, "exact")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high))


def test_two_sided_ends_of_none_seen():
    _, high = bounds.share_interval(np.array([0, 0]), np.array([12, 59]))
    assert high == pytest.approx([0.265, 0.061], abs=0.0005)


@pytest.mark.parametrize("share", [1e-6, 1e-3, 0.03, 0.3, 0.77, 0.9, 0.951, 0.96, 0.999])
def test_looks_needed_on_both_sides_are_the_least_that_do(share):
    needed = bounds.looks_needed_in_all(share)
    assert stats.binom.cdf(1, needed, share) <= 0.05 < stats.binom.cdf(1, needed - 1, share)


@pytest.mark.parametrize("share", [0, -0.1, 1.01, math.nan])
def test_what_is_no_share(share):
    for closed_form in (bounds.looks_needed, bounds.looks_needed_in_all):
        with pytest.raises(UsageError, match="a share is above 0"):
            closed_form(share)
    with pytest.raises(UsageError):
        bounds.looks_needed_again(0.05, 0)


def _edges(shown, gap=10):
    """One line, `shown` a string of A and B, a look every `gap` µs."""
    new = np.array([letter == "B" for letter in shown])
    looks = np.arange(len(shown)) * gap
    ends = np.array([0]), np.array([len(shown)])
    before, after = np.array([int(np.argmax(new))]), np.array([len(shown) - int(np.argmax(~new[::-1]))])
    return bounds.Edges(looks, *ends, before, after), new


def test_one_machine_gives_the_gap_between_sightings():
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
    assert bounds.start_bound(edges, 0.5).tolist() == [bounds.NULL]
    assert bounds.done_bound(edges, 0.5).tolist() == [bounds.NULL]


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
        for window, most in bounds.HALF_WINDOWS.items():
            after, before = new[gap : gap + window], ~new[max(gap - window, 0) : gap]
            rejected |= len(after) == window and after.sum() <= most
            rejected |= len(before) == window and before.sum() <= most
        if not rejected:
            kept.append(gap)
    if not kept:
        return bounds.NULL, bounds.NULL
    first, last = kept[0], kept[-1]
    return (looks[first - 1] if first else bounds.NULL, looks[last] if last < len(new) else bounds.NULL)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), max_size=90), st.integers(0, 150), st.integers(0, 150))
def test_half_is_the_definition(middle, before, after):
    new = np.array([False] * before + [shown for shown, _ in middle] + [True] * after, bool)
    looks = np.cumsum([1] * before + [gap for _, gap in middle] + [1] * after).astype(np.int64)
    low, high = bounds.half_bounds(looks, ~new, new, np.array([0]), np.array([len(new)]))
    assert (low[0], high[0]) == _half(new, looks)


@pytest.mark.parametrize("window", bounds.HALF_WINDOWS)
def test_half_windows_reject_rarely(window):
    """Together the ten tests of a gap may be wrong at most 5 % of the time: each window is far below that."""
    assert stats.binom.cdf(bounds.HALF_WINDOWS[window], window, 0.5) < 0.0045
