"""What looks prove to have been served at once, above all where the order of sightings is against the validity."""

import pandas as pd
import pytest

import toolkit
from tests.analyse.drawn import DAY, HOUR, certificates, looks, tables
from tests.conftest import ROOT
from toolkit import Tables
from toolkit.analyse import find_rotations, find_sightings
from toolkit.errors import UsageError


@pytest.mark.parametrize(
    ("shown", "hours", "is_ambiguous"),
    [
        ("AB", 0, False),
        ("AABABB", 1, False),
        ("AABAAB", 2, False),
        ("BA", 0, True),  # A was never seen before, nor with, B
        ("BBBB....AAAA", 0, True),
        ("BAAAA", 0, True),
        ("BBAABB", 1, True),  # from A's first to A's last: B was seen on either side
        ("BBABAA", 1, True),  # from A's first to B's last
    ],
)
def test_hours_served_both(shown, hours, is_ambiguous):
    known = tables(shown)
    for given in (known, find_sightings(known)):
        row = find_rotations(given).iloc[0]
        assert (row["predecessor_sha256"], row["successor_sha256"]) == ("A", "B")
        assert row["overlap_min_days"] == pytest.approx(hours * HOUR / DAY)
        assert row["is_ambiguous"] == is_ambiguous


def test_by_names_nothing_was_served():
    assert find_rotations(tables("BA"), basis="names")["overlap_min_days"].isna().all()


def test_the_web_series_caught_no_two_certificates_at_once():
    """One look a day at most, and no certificate seen again after the next, but for returns."""
    known = toolkit.read(ROOT / "data" / "web-series")
    found = find_rotations(known)
    against = found[found["successor_first_seen"] < found["predecessor_first_seen"]]
    assert len(against) == 5
    assert against["is_ambiguous"].all()
    assert (found["overlap_min_days"] == 0).all()
    python = against[against["service"] == "https://docs.python.org:443"].iloc[0]
    assert str(python["successor_last_seen"].date()) == "2025-05-20"
    assert str(python["predecessor_first_seen"].date()) == "2025-05-27"


def test_sources_are_joined_by_whole_names():
    def joined(*sources: str) -> str:
        mixed = looks("AB").assign(source=list(sources))
        return find_rotations(Tables.from_frames(mixed, certificates("AB")))["source"].iloc[0]

    assert joined("live", "relive") == "live, relive"
    assert joined("relive", "live") == "live, relive"
    assert joined("live", "live") == "live"
    assert joined("a blog, 2014 (public text)", "live") == "a blog, 2014 (public text), live"


def test_lists_of_sources_are_joined_without_repeats():
    mixed = looks("AABB").assign(source=["lab", "simulated", "lab", "live"])
    found = find_rotations(Tables.from_frames(mixed, certificates("AB")))
    assert found["source"].tolist() == ["lab, live, simulated"]


def test_how_many_looks_each_claim_needs_is_told():
    for before, bounded in ((91, False), (92, True)):
        row = find_rotations(tables("A" * before + "B" * before)).iloc[0]
        assert (row["looks_needed"], row["overlap_looks_needed"], row["looks_before"]) == (59, 92, before)
        assert (row["looks_before"] >= row["overlap_looks_needed"]) == bounded
        assert pd.notna(row["start_min_at"])
        assert pd.notna(row["overlap_max_days"]) == bounded
        assert row["has_too_few_looks"] == (not bounded)


@pytest.mark.parametrize("share", ["x", None, [1], 1e-12])
def test_what_is_no_resolution(share):
    with pytest.raises(UsageError, match="min_share"):
        find_rotations(tables("AB"), min_share=share)


def test_the_finest_resolution_is_answered():
    found = find_rotations(tables("AAAABABBBB"), min_share=1e-9)
    assert found["overlap_max_days"].isna().all()
    assert found["overlap_looks_needed"].tolist() == [4_743_864_517 - 1]


@pytest.mark.parametrize("given", [None, tables("AB").observations, tables("AB").certificates])
def test_what_is_neither_tables_nor_sightings(given):
    with pytest.raises(UsageError, match=r"toolkit\.read"):
        find_rotations(given)
