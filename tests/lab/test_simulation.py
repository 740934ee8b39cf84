"""The fast path says what the schedule says, look by look, and keeps to its plan."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from tests.lab.schedules import BEGIN, backend, day, issue, schedule
from toolkit import schema
from toolkit.errors import LabError
from toolkit.lab import (
    NAMES,
    Backend,
    SamplingPlan,
    Schedule,
    Service,
    Switch,
    draw_looks,
    scenario,
    simulate,
    tell_truth,
)
from toolkit.lab.authority import issue_all
from toolkit.lab.balancer import REFUSED, SERVED


def plan_of(name: str, **options: object) -> SamplingPlan:
    drawn = scenario(name).schedule(0)
    rounds = SamplingPlan.every(timedelta(days=3, hours=1), drawn.begins_at, drawn.ends_at).rounds
    return SamplingPlan(rounds, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_each_look_shows_what_its_backend_serves_then(name: str) -> None:
    """The arrays against `Backend.serving`, one look at a time."""
    drawn = scenario(name).schedule(3)
    plan = plan_of(name, samples=2, offers=("any", "rsa", "ecdsa"))
    for looks in draw_looks(drawn, 3, plan):
        service = drawn.services[looks.service]
        for at, offer, asked, place, shown, ending in zip(
            looks.at, looks.offer, looks.server_name, looks.backend, looks.issue, looks.ending, strict=True
        ):
            instant = pd.Timestamp(at, unit="us", tz="UTC").to_pydatetime()
            serving = service.backends[place].serving(instant, service.asked[asked])
            admitted = {"any": ("EC", "RSA"), "rsa": ("RSA",), "ecdsa": ("EC",)}[plan.offers[offer]]
            expected = next((serving[key_type] for key_type in admitted if key_type in serving), -1)
            assert shown == expected
            assert ending == (SERVED if expected >= 0 else REFUSED)
            assert service.backends[place].address == looks.address


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_whole_and_labelled(name: str) -> None:
    tables = simulate(name, 3, plan_of(name))
    schema.check("observations", tables.observations)
    assert set(tables.observations["source"]) == {"simulated"}
    shown = set(tables.observations["leaf_sha256"].dropna())
    assert shown <= set(tables.certificates["cert_sha256"])
    named = {sha256 for chain in tables.observations["chain_sha256"].dropna() for sha256 in chain}
    assert named == set(tables.certificates["cert_sha256"])
    truth = tell_truth(scenario(name).schedule(3), 3)
    assert set(tables.certificates["cert_sha256"]) <= set(truth.certificates["cert_sha256"])


def test_the_same_seed_gives_the_same_tables() -> None:
    plan = plan_of("steady", samples=3, jitter=timedelta(hours=1), look_loss=0.1)
    first, again, other = (simulate("steady", seed, plan).observations for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_a_plan_of_every_gap_holds_both_ends() -> None:
    plan = SamplingPlan.every(timedelta(days=10), BEGIN, day(60), samples=4)
    assert (plan.rounds[0], plan.rounds[-1], len(plan.rounds), plan.samples) == (BEGIN, day(60), 7, 4)


def test_jitter_spacing_and_order() -> None:
    made = schedule(backend((0, 0)))
    plan = SamplingPlan(
        SamplingPlan.every(timedelta(hours=6), BEGIN, day(60)).rounds,
        samples=4,
        spacing=timedelta(seconds=2),
        jitter=timedelta(minutes=36),
    )
    (looks,) = draw_looks(made, 0, plan)
    at = looks.at.reshape(-1, 4)
    assert (np.diff(at, axis=1) == 2_000_000).all()
    late = at[:, 0] - np.array([int(instant.timestamp()) * 1_000_000 for instant in plan.rounds])
    assert np.abs(late).max() <= 36 * 60 * 1_000_000
    assert late.std() == pytest.approx(36 * 60 * 1_000_000 / 3**0.5, rel=0.1)
    assert looks.sample.reshape(-1, 4).tolist() == [[0, 1, 2, 3]] * len(plan.rounds)


def test_lost_looks_and_rounds_are_absent_and_cost_no_connection() -> None:
    made = schedule(*[backend((0, 0)) for _ in range(5)])
    rounds = SamplingPlan.every(timedelta(hours=1), BEGIN, day(60)).rounds
    (whole,) = draw_looks(made, 0, SamplingPlan(rounds, samples=3))
    (thin,) = draw_looks(made, 0, SamplingPlan(rounds, samples=3, look_loss=0.1, round_loss=0.05))
    kept = len(np.unique(thin.round)) / len(rounds)
    assert kept == pytest.approx(0.95, abs=0.03)
    assert len(thin.at) / len(whole.at) == pytest.approx(0.9 * 0.95, abs=0.03)
    # The balancer counts connections: the n-th that came is answered by the n-th draw.
    assert (thin.backend == whole.backend[: len(thin.at)]).all()


def test_trouble_becomes_outcomes() -> None:
    made = schedule(backend((0, 0)), drop_rate=0.3, defer_rate=0.2)
    found = simulate(made, 1, SamplingPlan.every(timedelta(hours=1), BEGIN, day(60))).observations
    shares = found["outcome"].value_counts(normalize=True)
    assert shares["deferred"] == pytest.approx(0.2, abs=0.04)
    assert shares["reset"] + shares["closed"] == pytest.approx(0.3, abs=0.04)
    assert found.loc[found["outcome"] != "ok", "leaf_sha256"].isna().all()
    assert found.loc[found["outcome"] == "ok", "leaf_sha256"].eq(issue_all(made, 1)[0].sha256).all()


@pytest.mark.parametrize(("offer", "number"), [("any", 1), ("tls12", 1), ("tls10", 1), ("rsa", 0), ("ecdsa", 1)])
def test_the_offer_decides_between_key_types(offer: str, number: int) -> None:
    both = Backend((Switch(BEGIN, "RSA", 0), Switch(BEGIN, "EC", 1)))
    made = Schedule("by hand", BEGIN, day(9), (issue(0), issue(1, "EC")), (Service("smtp", "mx.lab.test", (both,)),))
    found = simulate(made, 0, SamplingPlan((BEGIN,), offers=(offer,))).observations
    assert found["leaf_sha256"].tolist() == [issue_all(made, 0)[number].sha256]
    assert found["offer"].tolist() == [f"{offer}-2026"]


def test_a_plan_without_looks_or_without_a_zone_is_refused() -> None:
    with pytest.raises(LabError, match=r"offer 'all' is not known\..* Known: any"):
        SamplingPlan((BEGIN,), offers=("all",))
    with pytest.raises(LabError, match="at least one round"):
        SamplingPlan(())
    with pytest.raises(LabError, match="need a time zone"):
        SamplingPlan((BEGIN.replace(tzinfo=None),))
