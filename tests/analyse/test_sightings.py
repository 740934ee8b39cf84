"""`find_sightings` on slots small enough to read."""

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from tests.analyse.drawn import at, certificates, looks, services, tables
from toolkit import Tables
from toolkit.analyse.sightings import SIGHTINGS, find_sightings
from toolkit.columns import dtypes


def _seen(found, leaf):
    row = found[found["leaf_sha256"] == leaf].iloc[0]
    return [row["first_seen_at"], row["last_seen_at"], row["previous_look_at"], row["next_look_at"]]


def test_first_last_and_the_looks_around():
    found = find_sightings(tables("AAB.ABBC"))
    assert found["leaf_sha256"].tolist() == ["A", "B", "C"]
    assert _seen(found, "A") == [at(0), at(4), pd.NaT, at(5)]
    assert _seen(found, "B") == [at(2), at(6), at(1), at(7)]
    assert _seen(found, "C") == [at(7), at(7), at(6), pd.NaT]
    assert found["looks"].tolist() == [3, 3, 1]
    assert (found["slot_looks"] == 7).all()
    assert (found["source"] == "simulated").all()


def test_columns_and_dtypes_hold_without_rows():
    empty = find_sightings(Tables.from_frames())
    assert empty.empty
    assert {name: str(dtype) for name, dtype in empty.dtypes.items()} == dtypes(SIGHTINGS)
    assert {name: str(dtype) for name, dtype in find_sightings(tables("AB")).dtypes.items()} == dtypes(SIGHTINGS)


def test_looks_at_the_same_instant_have_no_order():
    together = looks("AAB", per_round=3).assign(observed_at=at(0))
    found = find_sightings(Tables.from_frames(pd.concat([together, looks("B", begin=1)]), certificates("AB")))
    assert _seen(found, "A") == [at(0), at(0), pd.NaT, at(1)]
    assert _seen(found, "B") == [at(0), at(1), pd.NaT, pd.NaT]


def test_key_types_are_slots_of_their_own():
    found = find_sightings(tables("ABAB", key_type={"B": "EC"}))
    assert found["key_type"].tolist() == ["EC", "RSA"]
    assert found["slot_looks"].tolist() == [2, 2]


def test_a_missing_certificate_row_is_a_slot_of_unknown_type():
    given_ = tables("AABB")
    found = find_sightings(Tables.from_frames(given_.observations, certificates("A")))
    assert found["leaf_sha256"].tolist() == ["A", "B"]
    assert found["key_type"].isna().tolist() == [False, True]
    assert found["names"].tolist() == [("mx.test",), None]
    assert found["slot_looks"].tolist() == [2, 2]


def test_undated_looks_are_counted_and_change_no_instant():
    undated = looks("AC", begin=50).assign(observed_at=pd.NaT, date_basis="undated")
    found = find_sightings(Tables.from_frames(pd.concat([looks("AAB"), undated]), certificates("ABC")))
    assert found["looks"].tolist() == [2, 1, 0]
    assert found["undated_looks"].tolist() == [1, 0, 1]
    assert _seen(found, "C") == [pd.NaT] * 4
    assert (found["slot_looks"] == 3).all()


def test_sources_without_a_port_have_a_slot_per_host():
    nameless = looks("AB").assign(service=pd.NA, port=pd.NA, host=["one.test", "two.test"])
    assert find_sightings(Tables.from_frames(nameless, certificates("AB")))["slot_looks"].tolist() == [1, 1]


def test_failures_alone_have_no_sighting():
    assert find_sightings(tables("....")).empty


def test_sources_are_joined_once():
    mixed = looks("AAA").assign(source=["lab", "a log, with a comma", "lab"])
    assert find_sightings(Tables.from_frames(mixed, certificates("A")))["source"].tolist() == [
        "a log, with a comma, lab"
    ]


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.text("ABC.", min_size=1, max_size=30), min_size=6, max_size=6),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
def test_row_order_and_repeats_do_not_matter(shown, random, per_round):
    known = services(shown, per_round=per_round)
    rows = list(range(len(known.observations))) * 2
    random.shuffle(rows)
    again = Tables.from_frames(known.observations.iloc[rows], known.certificates)
    pd.testing.assert_frame_equal(find_sightings(again), find_sightings(known))


@pytest.mark.parametrize("shown", ["AABB", "ABAB.BCC", "A"])
def test_each_look_is_within_its_sighting(shown):
    found = find_sightings(tables(shown))
    assert (found["first_seen_at"] <= found["last_seen_at"]).all()
    assert ((found["previous_look_at"] < found["first_seen_at"]) | found["previous_look_at"].isna()).all()
    assert ((found["next_look_at"] > found["last_seen_at"]) | found["next_look_at"].isna()).all()
