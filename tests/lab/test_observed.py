"""The fast path equals what the collector sees of running servers, look for look, seed for seed."""

from datetime import timedelta

import pandas as pd
import pytest

from toolkit.collection import Limits, observe
from toolkit.lab import Lab, SamplingPlan, Scenario, scenario, simulate
from toolkit.tables import Tables

DAY = timedelta(days=1)

ONE_BY_ONE = Limits(per_host=1)
"""Connections come to an address in the order of the plan."""

TOLD = [
    "observed_at", "service", "address", "server_name", "offer", "sample", "outcome", "stage", "leaf_sha256",
    "chain_sha256",
]  # fmt: skip

SAMPLE = {
    "steady": scenario("steady", backends=3, generations=3, drop_rate=0.1, defer_rate=0.1),
    "slow-rollout": scenario("slow-rollout", generations=2),
    "stuck-backend": scenario("stuck-backend", generations=3, scheme="smtps"),
    "rollback": scenario("rollback", generations=3, scheme="imap"),
    "dual-keys": scenario("dual-keys", generations=2),
    "late": scenario("late", generations=3, scheme="https", drop_rate=0.2),
    "emergency": scenario("emergency", services=2, backends=2),
    "issuer-move": scenario("issuer-move", generations=3, scheme="pop3"),
    "short-lived": scenario("short-lived", generations=6),
    "anycast": scenario("anycast", backends=2, generations=2),
    "sticky": scenario("sticky", backends=4, generations=2, affinity=10 * DAY),
    "default-certificate": scenario("default-certificate", backends=2, generations=2),
    "other-chain": scenario("other-chain", backends=3, generations=2, delay=40 * DAY, defer_rate=0.1),
    "re-issue": scenario("re-issue", backends=2, generations=3, delay=15 * DAY),
    "unrelated": scenario("unrelated", backends=2, generations=2, delay=40 * DAY, scheme="https"),
}


HELD_OUT = {
    "steady": scenario("steady", backends=7, generations=2, defer_rate=0.3, key_types=("EC",)),
    "slow-rollout": scenario("slow-rollout", backends=25, generations=3, shape="bind", drop_rate=0.05),
    "stuck-backend": scenario("stuck-backend", backends=4, delay=45 * DAY, reuse_key=True),
    "rollback": scenario("rollback", backends=3, roll_out=4 * DAY, delay=8 * DAY, defer_rate=0.1),
    "dual-keys": scenario("dual-keys", backends=2, generations=3, scheme="imaps", drop_rate=0.1),
    "late": scenario("late", backends=2, delay=12 * DAY, key_types=("RSA", "EC")),
    "emergency": scenario("emergency", backends=6, delay=3 * DAY, scheme="pop3s"),
    "issuer-move": scenario("issuer-move", backends=2, key_types=("EC", "RSA")),
    "short-lived": scenario("short-lived", backends=9, generations=9, key_types=("RSA",), scheme="tls"),
    "anycast": scenario("anycast", addresses=4, backends=2, delay=9 * DAY, defer_rate=0.1),
    "sticky": scenario("sticky", backends=8, affinity=30 * DAY, shape="bind", scheme="https"),
    "default-certificate": scenario("default-certificate", services=2, backends=3, key_types=("EC",), drop_rate=0.1),
    "other-chain": scenario("other-chain", backends=5, delay=70 * DAY, chain="bare", key_types=("RSA", "EC")),
    "re-issue": scenario("re-issue", backends=4, reuse_key=True, scheme="imaps"),
    "unrelated": scenario("unrelated", backends=3, delay=60 * DAY, key_types=("EC", "RSA"), defer_rate=0.1),
}
"""Parameters that nothing was developed with."""

CASES = [*((asked, 5) for asked in SAMPLE.values()), *((asked, 1_001) for asked in HELD_OUT.values())]
IDS = [*SAMPLE, *(f"{name}, held out" for name in HELD_OUT)]


def watched(asked: Scenario, seed: int, plan: SamplingPlan) -> Tables:
    """The plan, carried out."""
    parts = []
    with Lab(asked, seed) as lab:
        for instant in plan.rounds:
            lab.clock.turn(instant)
            parts.append(
                observe(
                    lab.targets,
                    offers=plan.offers,
                    samples=plan.samples,
                    clock=lab.clock,
                    limits=ONE_BY_ONE,
                    progress=False,
                )
            )
    return Tables.concat(parts)


@pytest.mark.parametrize(("asked", "seed"), CASES, ids=IDS)
def test_served_equals_simulated(asked: Scenario, seed: int) -> None:
    drawn = asked.schedule(seed)
    gap = (drawn.ends_at - drawn.begins_at) / 4
    rounds = tuple((drawn.begins_at + n * gap).replace(microsecond=0) for n in range(5))
    plan = SamplingPlan(rounds, samples=2, offers=("any", "rsa", "ecdsa"))
    served, simulated = watched(asked, seed, plan), simulate(asked, seed, plan)
    order = ["observed_at", "service", "address", "sample", "offer", "server_name"]
    pd.testing.assert_frame_equal(
        served.observations[TOLD].sort_values(order, ignore_index=True),
        simulated.observations[TOLD].sort_values(order, ignore_index=True),
    )
    assert set(served.observations["source"]) == {"lab"}
    assert served.observations["is_key_proven"].dropna().all()
    by_hash = ["cert_sha256", "subject", "issuer", "serial", "not_before", "not_after", "key_type", "spki_sha256"]
    pd.testing.assert_frame_equal(
        served.certificates[by_hash].sort_values("cert_sha256", ignore_index=True),
        simulated.certificates[by_hash].sort_values("cert_sha256", ignore_index=True),
    )
