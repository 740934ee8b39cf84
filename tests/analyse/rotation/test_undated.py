"""Rotations of slots without a dated look, whose instants are only bounded."""

import pandas as pd
import pytest

import toolkit
from tests.analyse.drawn import at, certificates, described, looks
from tests.conftest import ROOT
from toolkit import Tables
from toolkit.analyse import find_rotations
from toolkit.analyse.rotation.pairs import CONFIDENCE_BOUNDS


def test_a_real_series_of_which_only_upper_bounds_are_known():
    known = toolkit.read(ROOT / "data" / "web-series")
    found = described(known)
    google = found[found["host"] == "google.com"]
    assert len(google) == 37  # 38 certificates
    assert google["predecessor_not_before"].is_monotonic_increasing
    assert (google["validity_overlap_days"] > 0).all()
    assert (google["successor_sct_at"] <= google["start_max_at"]).all()  # issued before it was seen
    by = known.observations.groupby(["service", "leaf_sha256"])["observed_until"].min()
    of = pd.MultiIndex.from_frame(found[["service", "successor_sha256"]])
    assert found["start_max_at"].tolist() == by.reindex(of).tolist()
    unknown = [
        "predecessor_first_seen_at",
        "successor_first_seen_at",
        "done_min_at",
        "is_interleaved",
        "margin_max_days",
    ]
    certain_only = ["is_expired_while_served", "is_served_before_valid"]
    assert found[[*unknown, *certain_only, *CONFIDENCE_BOUNDS]].isna().all(axis=None)
    assert (found["overlap_min_days"] == 0).all()
    assert not found[["is_rollback", "is_ambiguous"]].any(axis=None)


def bounded(letter: str, since: float | None, until: float | None) -> pd.DataFrame:
    """A look that showed the certificate between two hours."""
    ends = {"observed_from": since, "observed_until": until}
    known = {name: pd.NaT if hours is None else at(hours) for name, hours in ends.items()}
    return looks(letter).assign(observed_at=pd.NaT, date_basis="between", round=f"{letter} {since} {until}", **known)


def test_undated_looks_give_certain_bounds_only():
    shown = [
        bounded("A", 1, 2),
        bounded("A", 3, 9),
        bounded("B", None, 8),
        bounded("B", None, 6),
        bounded("C", 7, None),
    ]
    first, second = described(Tables.from_frames(pd.concat(shown), certificates("ABC"))).to_dict("records")
    assert (first["start_max_at"], first["done_min_at"]) == (at(6), at(3))
    assert pd.isna(second["start_max_at"])
    assert pd.isna(second["done_min_at"])
    assert pd.isna(first["is_interleaved"])
    assert first["overlap_min_days"] == 0
    late = pd.concat([bounded("A", 7, 9), bounded("B", None, 6)])
    (row,) = described(Tables.from_frames(late, certificates("AB"))).to_dict("records")
    assert row["is_interleaved"] is True


@pytest.mark.parametrize(("since", "is_expired"), [(None, None), (0, None), (2, True)])
def test_no_upper_bound_says_that_an_expired_certificate_was_served(since, is_expired):
    shown = pd.concat([bounded("A", since, 900), bounded("B", None, 900)])
    (row,) = described(Tables.from_frames(shown, certificates("AB", not_after={"A": at(1)}))).to_dict("records")
    assert pd.isna(row["is_expired_while_served"]) if is_expired is None else row["is_expired_while_served"]


def test_with_a_dated_look_the_undated_ones_of_its_slot_are_left_out():
    shown = pd.concat([looks("A"), bounded("B", 2, 3)])
    assert find_rotations(Tables.from_frames(shown, certificates("AB"))).empty
