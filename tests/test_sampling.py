"""Closed forms of how many looks a statement needs, against scipy and against counting."""

import math

import pytest
from scipy import stats

from toolkit import sampling
from toolkit.errors import UsageError


@pytest.mark.parametrize(("share", "needed"), [(1, 1), (0.5, 5), (0.2, 14), (0.05, 59), (0.01, 299)])
def test_looks_needed(share, needed):
    assert sampling.looks_needed(share) == needed
    if share < 1:
        assert (1 - share) ** needed <= 0.05 < (1 - share) ** (needed - 1)


@pytest.mark.parametrize(("share", "needed"), [(1, 2), (0.5, 8), (0.2, 22), (0.05, 93), (0.01, 473)])
def test_looks_needed_on_both_sides(share, needed):
    assert sampling.looks_needed_in_all(share) == needed
    assert stats.binom.cdf(1, needed, share) <= 0.05
    assert share == 1 or stats.binom.cdf(1, needed - 1, share) > 0.05


@pytest.mark.parametrize(("attempt", "needed"), [(1, 72), (2, 94), (3, 107)])
def test_looks_needed_again(attempt, needed):
    assert sampling.looks_needed_again(0.05, attempt) == needed


def test_tries_share_the_five_percent():
    wrong = sum(0.95 ** sampling.looks_needed_again(0.05, attempt) for attempt in range(1, 2000))
    assert wrong <= sampling.MISS


@pytest.mark.parametrize(("share", "looks"), [(0.001, 12), (0.2, 3), (1.0, 1), (1.0, 0), (0.3, 0)])
def test_chance_of_seeing(share, looks):
    assert sampling.chance_of_seeing(share, looks) == pytest.approx(1 - (1 - share) ** looks)


def test_a_single_stuck_backend_of_a_thousand_stays_unseen():
    assert 1 - sampling.chance_of_seeing(0.001, 12) == pytest.approx(0.988, abs=0.0005)


@pytest.mark.parametrize("share", [1e-6, 1e-3, 0.03, 0.3, 0.77, 0.9, 0.951, 0.96, 0.999])
def test_looks_needed_on_both_sides_are_the_least_that_do(share):
    needed = sampling.looks_needed_in_all(share)
    assert stats.binom.cdf(1, needed, share) <= 0.05 < stats.binom.cdf(1, needed - 1, share)


@pytest.mark.parametrize("share", [0, -0.1, 1.01, math.nan])
def test_a_number_that_is_not_a_share_is_refused(share):
    for closed_form in (sampling.looks_needed, sampling.looks_needed_in_all):
        with pytest.raises(UsageError, match="a share is above 0"):
            closed_form(share)
    with pytest.raises(UsageError):
        sampling.looks_needed_again(0.05, 0)
