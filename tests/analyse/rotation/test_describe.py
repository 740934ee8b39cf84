"""`describe_rotations`: the same rows, with the columns that `find_rotations` leaves out."""

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

import toolkit
from tests.analyse.drawn import services, tables
from toolkit.analyse import describe_rotations, find_rotations, find_sightings
from toolkit.analyse.rotation.pairs import DETAILS, ROTATIONS
from toolkit.analyse.rotation.rotations import _all_columns
from toolkit.columns import dtypes
from toolkit.errors import UsageError

BASES = ["looks", "rounds", "names", "sightings"]


# A call costs much more than a service does: few calls, each with several services.
@pytest.mark.parametrize("basis", BASES)
@settings(max_examples=2, deadline=None)
@given(st.lists(st.text("ABC.", max_size=40), min_size=8, max_size=8), st.sampled_from([1, 0.5]))
def test_all_columns_are_those_computed_with_the_rotations(basis, shown, min_share):
    known = services(shown, per_round=3)
    known = find_sightings(known) if basis == "sightings" else known
    asked = {"basis": "names"} if basis == "names" else {"sticky": basis == "rounds"}
    found = find_rotations(known, min_share=min_share, **asked)
    described = describe_rotations(found, known)
    computed = _all_columns(known, basis, min_share)
    pd.testing.assert_frame_equal(described, computed)
    pd.testing.assert_frame_equal(described[list(dtypes(ROTATIONS))], found)


def test_rows_index_and_other_columns_stay():
    sample = toolkit.load_example("lab-sample")
    found = find_rotations(sample)
    chosen = found[found["is_rollback"] | found["is_ambiguous"]].iloc[::-1].assign(note="mine")
    described = describe_rotations(chosen, sample)
    assert len(chosen) > 1
    pd.testing.assert_frame_equal(described[list(chosen)], chosen)
    everything = describe_rotations(found, sample).loc[chosen.index]
    pd.testing.assert_frame_equal(described.drop(columns="note"), everything)
    pd.testing.assert_frame_equal(describe_rotations(described, sample)[list(described)], described)


def test_each_row_has_the_columns_of_its_own_method():
    known = tables("A" * 70 + "B" * 70, per_round=2)
    parts = [find_rotations(known), find_rotations(known, sticky=True), find_rotations(known, min_share=0.5)]
    described = describe_rotations(pd.concat(parts), known)
    assert described["looks_before"].tolist() == [70, 35, 70]
    assert described["looks_needed"].tolist() == [59, 59, 5]


def test_no_rotations_have_all_columns():
    empty = tables("AAA")
    described = describe_rotations(find_rotations(empty), empty)
    assert described.empty
    assert {name: str(dtype) for name, dtype in described.dtypes.items()} == dtypes((*ROTATIONS, *DETAILS))


def test_rotations_read_back_from_csv_are_described(tmp_path):
    known = tables("AABBCC")
    found = find_rotations(known, min_share=1)
    found.to_csv(tmp_path / "rotations.csv", index=False)
    again = describe_rotations(pd.read_csv(tmp_path / "rotations.csv"), known)
    pd.testing.assert_frame_equal(again[list(dtypes(DETAILS))], describe_rotations(found, known)[list(dtypes(DETAILS))])
    with pytest.raises(UsageError, match="2 of 4 rotations are not among those of the tables, or are repeated"):
        describe_rotations(pd.concat([found, found]), known)
    with pytest.raises(UsageError, match="a column does not fit"):
        describe_rotations(found.astype(object).assign(start_max_at="some day"), known)


def test_what_the_tables_do_not_hold_is_an_error():
    found = find_rotations(tables("AABB"))
    with pytest.raises(UsageError, match="1 of 1 rotations are not among those of the tables"):
        describe_rotations(found, tables("AAAA"))
    with pytest.raises(UsageError, match=r"find_rotations\(basis='looks'\) takes Tables, not a DataFrame"):
        describe_rotations(found, find_sightings(tables("AABB")))
    with pytest.raises(UsageError, match="takes what find_rotations returns"):
        describe_rotations(found[["service"]], tables("AABB"))
