"""Lab years with seeds that were not used in development: what is found is what was served, and nothing else.

Looks come from the lab's fast path; that it gives what the servers give, seed for seed, is tested in `tests/lab`.
"""

from datetime import timedelta

import pandas as pd
import pytest

from tests.analyse.drawn import described
from toolkit.lab import SamplingPlan, scenario, simulate, tell_truth

PAIR = ["service", "server_name", "key_type", "predecessor_sha256", "successor_sha256"]
SEEDS = range(90_000, 90_020)


def found_and_true(seed: int) -> pd.DataFrame:
    """Truth and finding side by side: a year, looked at twice a day with three looks per offer."""
    schedule = scenario("year").schedule(seed)
    offers = ("rsa", "ecdsa")
    plan = SamplingPlan.every(timedelta(hours=12), schedule.begins_at, schedule.ends_at, samples=3)
    looks = simulate(schedule, seed, SamplingPlan(plan.rounds, samples=3, offers=offers, spacing=timedelta(seconds=2)))
    truth = tell_truth(schedule, seed).rotations
    return truth.merge(described(looks), how="outer", on=PAIR, suffixes=("_truth", ""), indicator="found")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_year(seed):
    both = found_and_true(seed)
    assert (both["found"] == "both").all(), both.loc[both["found"] != "both", [*PAIR, "found"]]
    assert (both["is_rollback"] == both["is_rollback_truth"]).all()
    assert not both["is_ambiguous"].any()

    assert (both["started_at"] <= both["start_max_at"]).all()
    assert (both["done_at"] >= both["done_min_at"]).all()
    served_both = (both["done_at"] - both["started_at"]) / pd.Timedelta(days=1)
    assert (both["overlap_min_days"] <= served_both).all()

    one = both[both["backend_count"] == 1]
    assert len(one) > 0
    assert (one["successor_previous_look_at"] <= one["started_at"]).all()
    assert (one["started_at"] <= one["successor_first_seen_at"]).all()
    assert (one["predecessor_last_seen_at"] <= one["done_at"]).all()
    assert (one["done_at"] <= one["predecessor_next_look_at"]).all()


def test_a_pair_of_key_types_is_not_a_rotation():
    both = found_and_true(SEEDS[0])
    assert set(both.loc[both["service"] == "smtp://mx.lab.test:25", "key_type"]) == {"RSA", "EC"}
