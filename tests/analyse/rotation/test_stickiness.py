"""Stickiness is suspected where rounds agree more than chance allows, and hardly ever where looks are independent."""

from datetime import timedelta
from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest

from tests.analyse.drawn import certificates, looks, tables
from toolkit import Tables
from toolkit.analyse import find_rotations
from toolkit.lab import SamplingPlan, scenario, simulate, tell_truth

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
AFTER = 3
"""Rounds of A before, and of B after, what a test is about."""


def suspicion(shown: str, per_round: int) -> list[object]:
    found = find_rotations(tables(shown, per_round=per_round))["is_sticky_suspected"]
    return [None if pd.isna(one) else bool(one) for one in found]


def one_slot(service: str, shown: str, *, per_round: int, address: str = "127.0.0.1", begin: float = 0) -> pd.DataFrame:
    host = f"{service}.test"
    slot = {"service": f"smtp://{host}:25", "host": host, "server_name": host, "address": address}
    return looks(shown, per_round=per_round, begin=begin, **slot)


def suspected_services(shares: list[float], per_round: int, services: int) -> float:
    """Of services whose rounds show B with these shares, the part with a suspected rotation."""
    rng = np.random.default_rng(7)
    share = np.repeat([0.0] * AFTER + shares + [1.0] * AFTER, per_round)
    drawn = np.where(rng.random((services, len(share))) < share, "B", "A")
    one = one_slot("mx", "".join(drawn[0]), per_round=per_round)
    rows = pd.concat([one] * services, ignore_index=True)
    number = pd.Series(np.repeat(np.arange(services), len(share))).astype("string")
    for name in ("service", "host", "server_name"):
        rows[name] = number
    rows["leaf_sha256"] = pd.array(drawn.ravel(), dtype=rows["leaf_sha256"].dtype)
    found = find_rotations(Tables.from_frames(rows, certificates("AB")))
    assert found["service"].nunique() == services
    return found["is_sticky_suspected"].fillna(value=False).groupby(found["service"]).any().mean()


@pytest.mark.parametrize(
    ("shown", "per_round", "is_suspected"),
    [
        ("AAABBBAAABBB", 3, [True]),  # once, in rounds of three looks: 1.6 %
        ("AABBAABB", 2, [None]),  # once, in rounds of two: 6 %
        ("AABBAABBAABB", 2, [True]),  # twice: 0.6 %
        ("AAABBBAABBBB", 3, [False]),  # a round showed both
        ("ABABAB", 1, [None]),  # single looks do not decide
        ("AAAAAABBBBBB", 3, [None]),  # one step, as with one backend
        ("AABABBBBB", 3, [False]),  # the round that showed B first, and A last, is taken wholly
    ],
)
def test_rounds_that_fell_back_are_suspected(shown, per_round, is_suspected):
    assert suspicion(shown, per_round) == is_suspected


def test_rotations_of_a_service_are_decided_together():
    step, fell, mixed = "AAABBB", "BBBCCCBBBCCC", "BBBBCCBBCCCC"
    assert suspicion(step + fell, 3) == [True, True]
    assert suspicion(step + mixed, 3) == [False, False]
    assert suspicion("AABBAABB" + "CCBBCC", 2) == [True, True]


def test_services_are_decided_separately():
    rows = pd.concat([one_slot("a", "AAABBBAAABBB", per_round=3), one_slot("b", "AAAAAABBBBBB", per_round=3)])
    found = find_rotations(Tables.from_frames(rows, certificates("AB"))).set_index("host")["is_sticky_suspected"]
    assert found["a.test"]
    assert pd.isna(found["b.test"])


def test_rounds_are_compared_at_each_address():
    other = "AAAAAAAAABBB"
    rows = [one_slot("mx", "AAABBBAAABBB", per_round=3), one_slot("mx", other, per_round=3, address="127.0.0.2")]
    found = find_rotations(Tables.from_frames(pd.concat(rows), certificates("AB")))
    assert found["is_sticky_suspected"].tolist() == [True]
    apart = [one_slot("mx", "AAABBBBBBBBB", per_round=3), one_slot("mx", other, per_round=3, address="127.0.0.2")]
    found = find_rotations(Tables.from_frames(pd.concat(apart), certificates("AB")))
    assert found["is_sticky_suspected"].isna().all()


@pytest.mark.parametrize(("per_round", "falls", "most"), [(3, 1, 4.0**-3), (2, 2, 6 * 2.0**-10)])
def test_the_probability_for_any_course_of_the_share(per_round, falls, most):
    """All unanimous courses of up to five rounds, at shares that never fall: one half throughout is the worst."""
    rng = np.random.default_rng(3)
    greatest = 0.0
    for rounds in range(2, 6):
        shown = np.array(
            [one for one in product((0, 1), repeat=rounds) if sum(a > b for a, b in pairwise(one)) >= falls]
        )
        shares = np.vstack([np.sort(rng.random((2000, rounds)), axis=1), np.full(rounds, 0.5)])
        for share in shares if len(shown) else ():
            chance = np.where(shown == 1, share**per_round, (1 - share) ** per_round).prod(axis=1).sum()
            greatest = max(greatest, chance)
    assert greatest == pytest.approx(most)


@pytest.mark.parametrize(
    ("shares", "per_round"), [([0.5] * 2, 3), ([0.5] * 5, 2), ([0.5] * 3, 3), ([0.2, 0.5, 0.8], 3)]
)
def test_independent_looks_are_suspected_in_less_than_five_of_a_hundred_services(shares, per_round):
    assert suspected_services(shares, per_round, 1500) <= 0.03


@pytest.mark.parametrize(
    ("name", "gap", "samples", "changes"),
    [
        ("slow-rollout", 12, 3, {}),
        ("steady", 6, 2, {"backends": 2}),
        ("steady", 4, 3, {"backends": 5, "roll_out": 3 * DAY}),
        ("steady", 8, 12, {"backends": 20, "roll_out": 7 * DAY, "shape": "bind"}),
        ("anycast", 12, 3, {}),
    ],
)
def test_fleets_without_affinity_are_not_suspected(name, gap, samples, changes):
    drawn = scenario(name, services=20, key_types=("EC",), **changes).schedule(4)
    seen = simulate(drawn, 4, SamplingPlan.every(gap * HOUR, drawn.begins_at, drawn.ends_at, samples=samples))
    found = find_rotations(seen)
    assert found["is_sticky_suspected"].notna().all()
    assert found.groupby("service")["is_sticky_suspected"].any().mean() <= 0.05


@pytest.mark.parametrize(("affinity", "addresses"), [(HOUR, 1), (DAY, 1), (DAY, 3)])
def test_wrong_bounds_from_looks_that_stuck_are_suspected(affinity, addresses):
    drawn = scenario("sticky", services=20 // addresses, affinity=affinity, roll_out=8 * DAY, addresses=addresses)
    drawn = drawn.schedule(9)
    seen = simulate(drawn, 9, SamplingPlan.every(6 * HOUR, drawn.begins_at, drawn.ends_at, samples=6))
    found = find_rotations(seen)
    key = ["service", "predecessor_sha256", "successor_sha256"]
    both = found.merge(tell_truth(drawn, 9).rotations, on=key)
    wrong = (both["start_min_at"] > both["started_at"]) | (both["done_max_at"] < both["done_at"])
    assert wrong.any() or affinity == HOUR
    assert both.loc[wrong, "is_sticky_suspected"].fillna(value=False).all()
    assert found["is_sticky_suspected"].fillna(value=False).mean() >= 0.9
