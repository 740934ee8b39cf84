"""Scenarios of the lab with a seed not used in development: what is found is what was served, roll-backs included.

Looks come from the lab's fast path, which `tests/lab/test_observed.py` holds to the servers.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from toolkit.analyse import find_rotations
from toolkit.lab import SamplingPlan, scenario, simulate, tell_truth

ROW = ["service", "server_name", "key_type", "predecessor_sha256", "successor_sha256", "is_rollback"]
SCENARIOS = (
    "steady", "slow-rollout", "stuck-backend", "rollback", "dual-keys", "late", "emergency", "issuer-move",
    "short-lived", "anycast", "sticky", "default-certificate", "other-chain", "re-issue",
)  # fmt: skip
SEED = 91_000


@pytest.mark.parametrize("name", SCENARIOS)
def test_rotations_are_those_of_the_truth(name):
    schedule = scenario(name, services=10).schedule(SEED)
    plan = SamplingPlan.every(timedelta(hours=6), schedule.begins_at, schedule.ends_at, samples=6)
    offers = ("rsa", "ecdsa") if name == "dual-keys" else ("any",)
    looks = simulate(schedule, SEED, replace(plan, offers=offers, spacing=timedelta(seconds=2), look_loss=0.1))
    found = find_rotations(looks, sticky=name == "sticky")
    both = tell_truth(schedule, SEED).rotations.merge(found, how="outer", on=ROW, indicator="found")
    assert (both["found"] == "both").all(), both.loc[both["found"] != "both", [*ROW, "found"]]
    assert (both["started_at"] <= both["start_max_at"]).all()
    assert (both["done_at"] >= both["done_min_at"]).all()
    assert both["is_rollback"].any() == (name == "rollback")
