"""`explain_leaves` on windows small enough to read; `make bench-rotation` has the confusion table."""

import random

import pandas as pd
import pytest

from tests.analyse.drawn import BEGIN, DAY, certificates, looks, tables
from toolkit import Tables
from toolkit.analyse import find_rotations
from toolkit.analyse.causes.explain import CAUSES, EXPLANATIONS, explain_leaves
from toolkit.columns import dtypes
from toolkit.errors import UsageError


def _causes(given: Tables, window: str = "7D", **settings: object) -> list[tuple[str, str]]:
    """(pair, cause) of each row."""
    found = explain_leaves(given, window=window, **settings)
    assert found["cause"].isin(CAUSES).all()
    assert (found["confidence"].isna() == (found["cause"] == "unclear")).all()
    assert found["confidence"].dropna().between(0.95, 1).all()
    pairs = ["".join(sorted(pair)) for pair in zip(found["leaf_sha256"], found["other_sha256"], strict=True)]
    return list(zip(pairs, found["cause"], strict=True))


def test_columns_and_dtypes():
    for given in (Tables.from_frames(), tables("AABB"), tables("AAAA")):
        found = explain_leaves(given)
        assert {name: str(dtype) for name, dtype in found.dtypes.items()} == dtypes(EXPLANATIONS)
    assert found.empty  # one leaf needs no cause


def test_a_rotation():
    assert _causes(tables("AAAABABABBBBBB")) == [("AB", "rotation")]


def test_a_row_per_window_and_pair():
    found = explain_leaves(tables("AAAAAAAB" + "BBBBBBCC" + "CC", gap=6), window="2D")
    assert found["window_from_at"].tolist() == [BEGIN, BEGIN + 2 * DAY]
    assert found["window_until_at"].tolist() == [BEGIN + 2 * DAY, BEGIN + 4 * DAY]
    assert found[["leaf_sha256", "other_sha256", "looks", "other_looks"]].to_numpy().tolist() == [
        ["A", "B", 7, 1],
        ["B", "C", 6, 2],
    ]


def test_what_chance_explains_is_unclear():
    assert _causes(tables("AB")) == [("AB", "unclear")]
    assert _causes(tables("ABBAABABBAAB" * 5)) == [("AB", "unclear")]


def test_key_types():
    assert _causes(tables("ABABAB", key_type={"B": "EC"})) == [("AB", "key-type pair")]


@pytest.mark.parametrize("key_type", ["RSA", "EC"])
@pytest.mark.parametrize("shown", ["CC", "CCCCC"])
def test_a_default_certificate_for_another_name(shown: str, key_type: str):
    unknown = looks(shown).assign(server_name="unknown.test", round="u")
    known = certificates("AC", names={"C": ("default.test",)}, key_type={"C": key_type})
    assert _causes(Tables.from_frames(pd.concat([looks("AAA"), unknown]), known)) == [("AC", "default certificate")]


@pytest.mark.parametrize("key_type", ["RSA", "EC"])
@pytest.mark.parametrize("shown", ["CC", "CCCCC"])
def test_each_for_its_own_name(shown: str, key_type: str):
    other = looks(shown).assign(server_name="other.test", round="u")
    known = certificates("AC", names={"C": ("other.test",)}, key_type={"C": key_type})
    assert _causes(Tables.from_frames(pd.concat([looks("AAA"), other]), known)) == [("AC", "names differ")]


def test_neither_for_the_name_that_it_was_shown_for():
    other = looks("CC").assign(server_name="other.test", round="u")
    known = certificates("AC", names={"A": ("else.test",), "C": ("else.test",)})
    assert _causes(Tables.from_frames(pd.concat([looks("AAA"), other]), known)) == [("AC", "unclear")]


@pytest.mark.parametrize("key_type", ["RSA", "EC"])
@pytest.mark.parametrize("shown", ["AAAC", "ACCC"])
def test_an_unrelated_certificate(shown: str, key_type: str):
    strange = {"names": {"C": ("else.test",)}, "key_type": {"C": key_type}}
    assert _causes(tables(shown, **strange)) == [("AC", "unrelated")]


def test_the_common_name_counts_for_a_certificate_without_names():
    known = {"names": {"A": None, "C": None}, "key_type": {"C": "EC"}}
    assert _causes(tables("AAAC", subject="CN=mx.test", **known)) == [("AC", "key-type pair")]
    assert _causes(tables("AAAC", subject={"A": "CN=mx.test", "C": "CN=else.test"}, **known)) == [("AC", "unrelated")]


def test_another_chain():
    chains = looks("AAAA").assign(chain_sha256=[("A", "one"), ("A", "one"), ("A", "two"), None])
    found = explain_leaves(Tables.from_frames(chains, certificates("A")))
    assert found[["leaf_sha256", "other_sha256", "looks", "other_looks", "cause"]].to_numpy().tolist() == [
        ["A", "A", 2, 1, "other chain"]
    ]


def test_a_reissue_with_the_same_key():
    early = {"B": certificates("A").loc[0, "not_before"] + 10 * DAY}
    same = {"spki_sha256": "one key", "not_before": early}
    assert _causes(tables("AAAAABBBBB", **same)) == [("AB", "re-issue")]
    assert _causes(tables("AAAAABBBBB", not_before=early)) == [("AB", "rotation")]


def test_a_rollback():
    shown = "A" * 20 + "B" * 40 + "A" * 40 + "B" * 40
    causes = _causes(tables(shown), "1D")
    assert ("AB", "rollback") in causes
    assert causes[0] == ("AB", "rotation")


def test_a_rollback_that_may_be_a_rollout_is_unclear():
    assert ("AB", "unclear") in _causes(tables("AAABACC"))


@pytest.mark.parametrize("per_round", [2, 6])
def test_repeat_hits_on_one_backend_are_unclear(per_round: int):
    shown = "".join(letter * per_round for letter in "A" * 20 + "B" * 40 + "A" * 40 + "B" * 40)
    given = tables(shown, per_round=per_round)
    causes = _causes(given, "1D")
    assert ("AB", "unclear") in causes
    assert ("AB", "rollback") not in causes
    assert ("AB", "rollback") in _causes(given, "1D", sticky=True)
    assert ("AB", "rollback") in _causes(given, "1D", min_share=1)
    # A round that showed both reached several backends: its looks do not stick to one.
    mixed = shown[: 20 * per_round - 1] + "B" + shown[20 * per_round :]
    assert ("AB", "rollback") in _causes(tables(mixed, per_round=per_round), "1D")


def test_looks_that_stick_to_a_backend_count_once():
    shown = "AAAAAABBBBBB"
    assert _causes(tables(shown)) == [("AB", "rotation")]
    assert _causes(tables(shown, per_round=6)) == [("AB", "unclear")]
    assert _causes(tables(shown, per_round=3), sticky=True) == [("AB", "unclear")]
    assert _causes(tables(shown, per_round=6), min_share=1) == [("AB", "rotation")]
    assert _causes(tables("AAAAAABAAAAB", per_round=6), sticky=True) == [("AB", "unclear")]


def test_addresses_differ():
    shown = looks("AB" * 20, per_round=2).assign(address=["::1", "::2"] * 20)
    assert _causes(Tables.from_frames(shown, certificates("AB"))) == [("AB", "addresses differ")]
    shown = looks("ABBA" * 10, per_round=2).assign(address=["::1", "::2"] * 20)
    assert _causes(Tables.from_frames(shown, certificates("AB"))) == [("AB", "unclear")]
    # Each address sticks to a backend for a round: three rounds of six looks count as three looks.
    shown = looks("AB" * 18, per_round=12).assign(address=["::1", "::2"] * 18)
    assert _causes(Tables.from_frames(shown, certificates("AB"))) == [("AB", "unclear")]


@pytest.mark.parametrize("per_round", [1, 6])
def test_addresses_of_one_backend_each_follow_by_days(per_round: int):
    """Rounds never show both at an address, because of the address and not of source affinity."""
    shown = [
        looks("A" * per_round * begin + "B" * per_round * (160 - begin), per_round=per_round, gap=6)
        .assign(address=f"::{begin}")
        for begin in (20, 40, 60, 80, 100)
    ]  # fmt: skip
    assert set(_causes(Tables.from_frames(pd.concat(shown), certificates("AB")))) == {("AB", "addresses differ")}


def test_a_stuck_backend():
    roll_out = "AAAB" + "AABB" + "ABBB"
    stuck = "BBBBBBBB" + "BBBABBBB"
    found = explain_leaves(tables("A" * 60 + roll_out + stuck * 40 + "B" * 60, per_round=4, gap=6), window="7D")
    assert "stuck backend" in found["cause"].tolist()
    assert "kept" in found.loc[found["cause"] == "stuck backend", "explanation"].iloc[0]


def test_a_stuck_backend_that_looks_stick_to_is_unclear():
    shown = "AAAA" * 60 + "".join(letter * 4 for letter in "AAABAABABABB" + "BBBBBBBA" * 40) + "BBBB" * 60
    found = explain_leaves(tables(shown, per_round=4, gap=6))
    assert "stuck backend" not in set(found["cause"])
    assert found.loc[found["explanation"].str.contains("stuck"), "cause"].eq("unclear").all()
    assert "stuck backend" in set(explain_leaves(tables(shown, per_round=4, gap=6), sticky=True)["cause"])


@pytest.mark.parametrize("known", ["", "A", "B"])
def test_a_certificate_that_is_not_known_may_be_of_another_key_type(known: str):
    shown = tables("AAAAABBBBB").observations
    assert _causes(Tables.from_frames(shown, certificates(known) if known else None)) == [("AB", "unclear")]


@pytest.mark.parametrize("shown", ["A" * 30 + "B" * 30, "B" * 30 + "A" * 30])
def test_of_two_with_equal_starts_the_older_was_seen_first(shown: str):
    begin = {"not_before": BEGIN - 40 * DAY}
    assert _causes(tables(shown, **begin)) == [("AB", "rotation")]
    assert find_rotations(tables(shown, **begin))["predecessor_sha256"].tolist() == [shown[0]]


@pytest.mark.parametrize("key_type", ["RSA", "EC"])
def test_no_name_asked_for_and_none_in_common_is_unclear(key_type: str):
    given = tables("AAAAABBBBB", names={"A": ("a.test",), "B": ("b.test",)}, key_type={"B": key_type})
    assert _causes(Tables.from_frames(given.observations.assign(server_name=pd.NA), given.certificates)) == [
        ("AB", "unclear")
    ]


def _plateau(machines: int, rise: int, last: int) -> str:
    """Rounds of six looks at random backends: one still serves A after `rise` rounds, until round `last`."""
    chance = random.Random(machines)
    switched = [0, *(rise * (one + 1) // (machines - 2) for one in range(machines - 2)), last]
    fleet = [[at <= one for at in switched] for one in range(last) for _ in range(6)]
    return "A" * 240 + "".join("B" if chance.choice(new) else "A" for new in fleet) + "B" * 240


@pytest.mark.parametrize("machines", [3, 4, 5])
def test_a_stuck_backend_of_few(machines: int):
    causes = [cause for _, cause in _causes(tables(_plateau(machines, 4, 200), per_round=6, gap=6))]
    assert "stuck backend" in causes
    assert set(causes) <= {"stuck backend", "rotation"}
    assert "rotation" not in causes[1:-1]


def test_each_roll_out_of_two_backends_has_one_plateau():
    chance = random.Random(2)
    shown = "A" * 240 + "".join(chance.choice("AB") for _ in range(1200)) + "B" * 240
    assert {cause for _, cause in _causes(tables(shown, per_round=6, gap=6))} == {"unclear"}


@pytest.mark.parametrize(("last", "cause"), [(324, "stuck backend"), (104, "addresses differ")])
def test_an_address_that_stays_behind(last: int, cause: str):
    shown = "".join("AB"[number >= 84] + "AB"[number >= last] for number in range(400))
    given = looks(shown, per_round=2, gap=6).assign(address=["::1", "::2"] * 400)
    causes = {named for _, named in _causes(Tables.from_frames(given, certificates("AB")))}
    assert {cause} <= causes <= {cause, "rotation"}


def test_addresses_that_always_differ():
    given = looks("AB" * 392, per_round=2, gap=6).assign(address=["::1", "::2"] * 392)
    assert {cause for _, cause in _causes(Tables.from_frames(given, certificates("AB")))} == {"addresses differ"}


def test_a_window_that_is_not_a_length():
    with pytest.raises(UsageError, match="window="):
        explain_leaves(tables("A"), window="often")
