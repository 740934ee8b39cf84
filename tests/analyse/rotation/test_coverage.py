"""A small, seeded part of `make bench-rotation`: confidence bounds have their coverage, sightings alone do not."""

import numpy as np
import pytest

from tests.benchmarks import fleet
from toolkit.analyse.arrays import NULL

RUNS = 400
LEAST = 0.95 - 3 * (0.95 * 0.05 / RUNS) ** 0.5


@pytest.mark.parametrize("plan", fleet.PLANS, ids=lambda plan: plan.name)
def test_confidence_bounds_hold(plan):
    runs = fleet.run(plan, RUNS, np.random.default_rng(20))
    found = fleet.bound(runs, plan.min_share)
    bounded = [found.start_min_at, found.done_max_at, found.overlap_max, found.midpoint_min_at, found.midpoint_max_at]
    assert all((ends != NULL).all() for ends in bounded)
    assert (found.start_min_at <= runs.start).mean() >= LEAST
    assert (found.done_max_at >= runs.done).mean() >= LEAST
    assert (found.overlap_max >= runs.done - runs.start).mean() >= LEAST
    assert ((found.midpoint_min_at <= runs.half) & (runs.half <= found.midpoint_max_at)).mean() >= LEAST


@pytest.mark.parametrize("plan", fleet.PLANS, ids=lambda plan: plan.name)
def test_certain_bounds_always_hold(plan):
    runs = fleet.run(plan, RUNS, np.random.default_rng(21))
    found = fleet.bound(runs, plan.min_share)
    assert (runs.start <= found.start_max_at).all()
    assert (found.done_min_at <= runs.done).all()
    assert (found.overlap_min <= runs.done - runs.start).all()


def test_looks_that_stick_are_not_independent():
    plan = fleet.Plan("sticky", 20, 12, 1, 72, sticky=True, counted=1)
    runs = fleet.run(plan, RUNS, np.random.default_rng(22))
    assert (fleet.bound(runs, plan.min_share).start_min_at <= runs.start).mean() < 0.9
    assert (fleet.bound(runs, plan.min_share, by_round=True).start_min_at <= runs.start).mean() >= LEAST
