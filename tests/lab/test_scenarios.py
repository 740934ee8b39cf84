"""Each scenario does what it is named after, whatever the seed."""

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pandas as pd
import pytest

from toolkit import schema
from toolkit.errors import LabError
from toolkit.lab import NAMES, Scenario, Truth, scenario, tell_truth
from toolkit.lab.issuance import roll_out_times
from toolkit.lab.steady_scenarios import STILLS

ROTATING = sorted(set(NAMES) - set(STILLS))
SEEDS = (0, 1, 2, 3, -1, 2**70 + 9)


@cache
def truths(name: str, **changes: object) -> list[Truth]:
    return [tell_truth(scenario(name, **changes).schedule(seed), seed) for seed in SEEDS]


def took(rotations: pd.DataFrame) -> pd.Series:
    return rotations["done_at"] - rotations["started_at"]


def with_validity(truth: Truth) -> pd.DataFrame:
    validity = truth.certificates.set_index("cert_sha256")[["not_before", "not_after", "issuer"]]
    return truth.rotations.join(validity.add_prefix("predecessor_"), on="predecessor_sha256").join(
        validity.add_prefix("successor_"), on="successor_sha256"
    )


@pytest.mark.parametrize("name", ROTATING)
def test_the_same_seed_gives_the_same_schedule_and_another_one_another(name: str) -> None:
    drawn = [scenario(name).schedule(seed) for seed in SEEDS]
    assert [scenario(name).schedule(seed) for seed in SEEDS] == drawn
    assert len(set(drawn)) == len(SEEDS)


@pytest.mark.parametrize("name", ROTATING)
def test_the_truth_is_well_formed(name: str) -> None:
    for truth in truths(name):
        schema.check("certificates", truth.certificates)
        rotations = truth.rotations
        assert len(rotations)
        assert not (rotations["midpoint_at"] < rotations["started_at"]).any()
        assert (rotations["predecessor_sha256"] != rotations["successor_sha256"]).all()
        assert set(rotations["successor_sha256"]) <= set(truth.certificates["cert_sha256"])
        assert not (truth.serving["served_until_at"] <= truth.serving["served_from_at"]).any()


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"late", "stuck-backend"}))
def test_nothing_is_served_outside_its_validity(name: str) -> None:
    for truth in truths(name):
        served = truth.serving.merge(truth.certificates, left_on="leaf_sha256", right_on="cert_sha256")
        assert (served["served_from_at"] >= served["not_before"]).all()
        ended = served.dropna(subset=["served_until_at"])
        assert (ended["served_until_at"] <= ended["not_after"]).all()


def test_steady_takes_a_day_and_slow_takes_two_weeks() -> None:
    for name, days in (("steady", 1), ("slow-rollout", 14)):
        for truth in truths(name):
            assert (took(truth.rotations) == timedelta(days=days)).all()
            assert set(truth.causes["cause"]) == {"rotation"}


def test_one_backend_stays_behind_by_the_delay() -> None:
    for truth in truths("stuck-backend", delay=timedelta(days=40)):
        (stuck,) = truth.causes[truth.causes["cause"] == "stuck_backend"].itertuples()
        assert stuck.ends_at in set(truth.rotations["done_at"])
        (late,) = took(truth.rotations)[took(truth.rotations) > timedelta(days=4)]
        assert late == timedelta(days=43)
        behind = truth.serving[truth.serving["served_until_at"] == stuck.ends_at]
        assert len(behind) == 1
        others = truth.serving[truth.serving["leaf_sha256"] == behind["leaf_sha256"].iloc[0]]
        assert others["served_until_at"].sort_values().iloc[-2] == stuck.begins_at


def test_a_rollback_returns_to_the_predecessor_and_is_repeated() -> None:
    for truth in truths("rollback"):
        rotations = truth.rotations
        back = int(np.flatnonzero(rotations["is_rollback"])[0])
        assert list(rotations["is_rollback"]).count(True) == 2
        first, taken_back, again = (rotations.iloc[back + step] for step in (-1, 0, 1))
        assert first["predecessor_sha256"] == taken_back["successor_sha256"] == again["predecessor_sha256"]
        assert first["successor_sha256"] == taken_back["predecessor_sha256"] == again["successor_sha256"]
        assert first["done_at"] < taken_back["started_at"] < again["started_at"]
        assert "rollback" in set(truth.causes["cause"])


def test_key_types_stand_side_by_side_with_rotations_of_their_own() -> None:
    for truth in truths("dual-keys"):
        assert set(truth.rotations["key_type"]) == {"RSA", "EC"}
        starts = truth.rotations.groupby("key_type")["started_at"].apply(set)
        assert not starts["RSA"] & starts["EC"]
        assert "key_types" in set(truth.causes["cause"])


def test_late_switches_after_expiry() -> None:
    for truth in truths("late", delay=timedelta(days=2)):
        rotations = with_validity(truth)
        late = rotations["started_at"] - rotations["predecessor_not_after"]
        assert ((late >= timedelta(days=2, seconds=-1)) & (late <= timedelta(days=2, seconds=1))).all()


def test_in_an_emergency_all_backends_switch_at_once_and_long_before_expiry() -> None:
    for truth in truths("emergency"):
        rotations = with_validity(truth)
        (sudden,) = rotations[took(truth.rotations) == timedelta(0)].itertuples()
        life = sudden.predecessor_not_after - sudden.predecessor_not_before
        assert sudden.predecessor_not_after - sudden.started_at > life / 2
        keys = truth.certificates.set_index("cert_sha256")["spki_sha256"]
        assert keys[sudden.predecessor_sha256] != keys[sudden.successor_sha256]


def test_a_compromised_key_is_given_up_even_where_keys_are_used_again() -> None:
    for truth in truths("emergency", reuse_key=True):
        assert truth.certificates.loc[~truth.certificates["is_ca"], "spki_sha256"].nunique() == 2


def test_the_issuer_moves_once() -> None:
    for truth in truths("issuer-move"):
        rotations = with_validity(truth)
        assert (rotations["predecessor_issuer"] != rotations["successor_issuer"]).sum() == 1


def test_short_lived_certificates_live_six_days() -> None:
    for truth in truths("short-lived"):
        leaves = truth.certificates[~truth.certificates["is_ca"]]
        assert (leaves["not_after"] - leaves["not_before"] == timedelta(days=6, seconds=-1)).all()
        assert len(truth.rotations) == 11


def test_anycast_addresses_follow_each_other() -> None:
    for truth in truths("anycast", addresses=2, delay=timedelta(days=5)):
        begins = truth.serving.groupby(["leaf_sha256", "address"])["served_from_at"].min().unstack()
        later = begins["127.0.0.2"] - begins["127.0.0.1"]
        assert sorted(later) == [timedelta(0)] + [timedelta(days=5)] * 3
        assert (truth.causes["cause"] == "addresses").sum() == 3


def test_an_unknown_server_name_gets_the_default_certificate() -> None:
    for truth in truths("default-certificate", generations=2):
        names = truth.certificates.set_index("cert_sha256")["names"]
        asked = {
            name: {names[leaf] for leaf in own["leaf_sha256"]} for name, own in truth.serving.groupby("server_name")
        }
        assert asked == {
            "mx.lab.test": {("mx.lab.test",)},
            "www.lab.test": {("www.lab.test",)},
            "unknown.lab.test": {("default.lab.test",)},
        }
        (default,) = truth.causes[truth.causes["cause"] == "default_certificate"].itertuples()
        assert (default.server_name, pd.isna(default.ends_at)) == ("unknown.lab.test", True)


@pytest.mark.parametrize("chain", ["bare", "crossed", "rooted"])
def test_some_backends_hand_out_the_same_leaf_in_another_chain(chain: str) -> None:
    plain = [truth.rotations for truth in truths("other-chain", chain="bare")]
    for truth, rotations in zip(truths("other-chain", chain=chain), plain, strict=True):
        (cause,) = truth.causes[truth.causes["cause"] == "other_chain"].itertuples()
        assert cause.ends_at - cause.begins_at == timedelta(days=20)
        other = truth.serving[truth.serving["chain"] == chain]
        assert set(truth.serving["chain"]) == {"whole", chain}
        assert other["backend"].nunique() < 5
        assert (other["served_from_at"] >= cause.begins_at).all()
        assert (other["served_until_at"] <= cause.ends_at).all()
        # A chain is not a certificate: it is in neither frame.
        assert took(truth.rotations).equals(took(rotations))
        assert truth.certificates["cert_sha256"].is_unique
        assert set(truth.serving["leaf_sha256"]) == set(
            truth.certificates.loc[~truth.certificates["is_ca"], "cert_sha256"]
        )


def test_a_certificate_is_issued_again_with_its_key_while_half_of_its_life_is_left() -> None:
    for truth in truths("re-issue"):
        rotations = with_validity(truth)
        (again,) = truth.causes[truth.causes["cause"] == "reissue"].itertuples()
        is_it = rotations["successor_sha256"] == again.leaf_sha256
        keys = truth.certificates.set_index("cert_sha256")["spki_sha256"]
        same = rotations["predecessor_sha256"].map(keys) == rotations["successor_sha256"].map(keys)
        assert list(same) == list(is_it)
        life = rotations["predecessor_not_after"] - rotations["predecessor_not_before"]
        left = rotations["predecessor_not_after"] - rotations["successor_not_before"]
        assert list(2 * left > life) == list(is_it)
        (row,) = rotations[is_it].itertuples()
        assert (row.started_at, row.done_at) == (again.begins_at, again.ends_at)


def test_a_stranger_answers_in_the_place_of_one_backend() -> None:
    for truth in truths("unrelated", key_types=("RSA", "EC")):
        (cause,) = truth.causes[truth.causes["cause"] == "unrelated"].itertuples()
        (his,) = truth.serving[truth.serving["leaf_sha256"] == cause.leaf_sha256].itertuples()
        assert (his.served_from_at, his.served_until_at) == (cause.begins_at, cause.ends_at)
        row = truth.certificates.set_index("cert_sha256").loc[cause.leaf_sha256]
        assert row["names"] == ("elsewhere.lab.test",)
        assert row["issuer"].endswith("2,O=lab")
        own = truth.serving[(truth.serving["backend"] == his.backend) & (truth.serving["leaf_sha256"] != row.name)]
        during = (own["served_from_at"] < cause.ends_at) & ~(own["served_until_at"] <= cause.begins_at)
        assert not during.any()
        assert cause.leaf_sha256 not in set(truth.rotations["successor_sha256"])
        assert "key_types" in set(truth.causes["cause"])
    assert all("key_types" not in set(truth.causes["cause"]) for truth in truths("unrelated"))


def test_any_number_of_backends_and_services() -> None:
    truth = tell_truth(scenario("steady", backends=120, services=3).schedule(0), 0)
    assert truth.serving.groupby("service")["backend"].nunique().tolist() == [120] * 3
    assert truth.rotations["backend_count"].eq(120).all()
    one = tell_truth(scenario("steady", backends=1).schedule(0), 0)
    assert (took(one.rotations) == timedelta(0)).all()
    assert one.causes.empty


def test_the_year_is_as_described() -> None:
    for seed in SEEDS:
        drawn = scenario("year").schedule(seed)
        truth = tell_truth(drawn, seed)
        assert drawn.ends_at - drawn.begins_at == timedelta(days=365)
        shared = truth.serving.groupby("leaf_sha256")["server_name"].agg(lambda names: " ".join(sorted(set(names))))
        assert "mx.lab.test relay.lab.test submit.lab.test" in set(shared)
        assert set(truth.serving.loc[truth.serving["server_name"] == "mx.lab.test", "key_type"]) == {"RSA", "EC"}
        backends = truth.serving.groupby("service")["backend"].nunique()
        assert backends.drop("smtp://legacy.lab.test:25").between(2, 6).all()
        assert backends["smtp://legacy.lab.test:25"] == 1
        many = truth.rotations[truth.rotations["backend_count"] > 1]
        assert (took(many) >= timedelta(days=1)).all()
        assert (took(many) <= timedelta(days=8)).all()
        gaps = many.groupby(["service", "key_type"])["started_at"].diff().dropna()
        assert gaps.between(timedelta(days=59), timedelta(days=90)).all()
        assert (truth.rotations["done_at"] < drawn.ends_at).all()


def test_roll_outs_have_the_shape_that_they_are_asked_for() -> None:
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    chance = np.random.default_rng(0)
    linear = roll_out_times(chance, begins, 50, timedelta(days=7))
    assert (min(linear), max(linear)) == (begins, begins + timedelta(days=7))
    bind = sorted(roll_out_times(chance, begins, 20, timedelta(hours=168), "bind"))
    assert bind == [begins] + [begins + timedelta(hours=84)] * 18 + [begins + timedelta(hours=168)]
    assert roll_out_times(chance, begins, 1, timedelta(days=7), "bind") == [begins]
    with pytest.raises(LabError, match="Known: linear, bind"):
        roll_out_times(chance, begins, 5, timedelta(days=7), "cubic")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backends": 0}, "at least one"),
        ({"addresses": 251}, r"127\.0\.0\.250"),
        ({"speed": 3}, "parameter 'speed' is not known"),
        ({"shape": "cubic"}, "Known: linear, bind"),
        ({"key_types": ("DSA",)}, "no DSA keys"),
        ({"drop_rate": 0.8, "defer_rate": 0.3}, "together at most 1"),
        ({"drop_rate": -0.1, "defer_rate": 0.3}, "together at most 1"),
        ({"period": timedelta(0)}, "must be positive"),
        ({"delay": timedelta(days=-1)}, "not be negative"),
        ({"affinity": timedelta(0)}, "without affinity"),
        ({"chain": "whole"}, "chain='whole' is not known. Known: bare"),
        ({"name": "re-issue", "delay": timedelta(days=60)}, "over half of the lifetime left"),
        ({"begins_at": datetime(2026, 1, 1)}, "has no zone"),  # noqa: DTZ001 - the error is about this
    ],
)
def test_parameters_that_cannot_be_are_named(changes: dict[str, object], said: str) -> None:
    with pytest.raises(LabError, match=said):
        tell_truth(scenario(**({"name": "steady"} | changes)).schedule(0))


def test_an_unknown_scenario_is_named_with_those_that_exist() -> None:
    with pytest.warns(FutureWarning, match="now called 'stuck-backend'"):
        assert scenario("stuck-machine") == scenario("stuck-backend")
    with pytest.raises(LabError, match=r"scenario 'rolback' is not known\. Did you mean 'rollback'"):
        Scenario("rolback")
