"""What looks prove to have been served at once, above all where the order of sightings is against the validity."""

import pandas as pd
import pytest

from tests.analyse.drawn import DAY, HOUR, certificates, described, looks, services, tables
from toolkit import Tables
from toolkit.analyse import find_rotations, find_sightings
from toolkit.errors import UsageError


def overlap_hours(*parts: pd.DataFrame, **asked: float) -> float:
    """The certain overlap of A and B, in hours, from looks drawn apart; no row is a return."""
    found = find_rotations(Tables.from_frames(pd.concat(parts), certificates("AB")), **asked)
    (row,) = found[~found["is_rollback"]].to_dict("records")
    assert (row["predecessor_sha256"], row["successor_sha256"]) == ("A", "B")
    return float(row["overlap_min_days"]) * DAY / HOUR


def at_address(number: int, shown: str, **drawn: float) -> pd.DataFrame:
    """Looks at one address of the service, in rounds that look at another address half a minute later."""
    rows = looks(shown, **drawn).assign(address=f"127.0.0.{number}")
    return rows.assign(observed_at=rows["observed_at"] + number * pd.Timedelta(seconds=30))


SWITCHED_BACK = (
    "AB", "ABA", "AABABB", "AABAAB", "ABABABABAB", "A" * 60 + "B" * 40 + "A" * 60, "A" * 60 + "B" * 90 + "A",
    "BA", "BBBB....AAAA", "BAAAA", "BBAABB", "BBABAA",
)  # fmt: skip


def test_one_backend_that_was_switched_back_gives_no_overlap() -> None:
    known = services(SWITCHED_BACK)
    for found in (
        find_rotations(known, min_share=1),
        find_rotations(known, min_share=0.05),
        find_rotations(find_sightings(known)),
    ):
        assert found["service"].nunique() == len(SWITCHED_BACK)
        assert (found["overlap_min_days"] == 0).all()


def test_the_certain_overlap_differs_from_that_without_a_switch_back() -> None:
    row = described(tables("AABAAB")).iloc[0]
    assert row["is_interleaved"]
    assert row["done_min_at"] - row["start_max_at"] == 2 * HOUR


@pytest.mark.parametrize(("shown", "is_ambiguous"), [("AB", False), ("AABABB", False), ("BA", True), ("BBAABB", True)])
def test_a_successor_seen_before_its_predecessor_is_ambiguous(shown: str, is_ambiguous: bool) -> None:
    for given in (tables(shown), find_sightings(tables(shown))):
        assert find_rotations(given).iloc[0]["is_ambiguous"] == is_ambiguous


@pytest.mark.parametrize(
    ("rounds", "hours"),
    [
        ("AAA ABA BBA BAB BBB", 2),
        ("AA AB BA BB", 1),
        ("AA AB BB BB", 0),  # one backend, switched during a round
        ("AA AB BB BB BB AA AA", 0),  # and switched back between rounds
        ("AAA ABA BBB BBB", 0),  # one round: it may have been there and back within seconds
        ("AAA AAA BBB AAA BBB BBB", 0),  # a whole round each: one backend, or looks that stuck to one of two
        ("BB BA AB AA", 1),  # seen against the validity: from A's first to B's last
    ],
)
def test_several_rounds_that_showed_both_rule_out_one_backend(rounds: str, hours: float) -> None:
    per_round = rounds.index(" ")
    shown = looks(rounds.replace(" ", ""), per_round=per_round)
    assert overlap_hours(shown) == pytest.approx(hours, abs=4 / 3600)


def test_rounds_that_fill_the_time_do_not_rule_out_one_backend() -> None:
    """A backend is switched during a round, whenever it is."""
    per_round = 1800  # of two seconds: an hour
    shown = looks("A" * 900 + "B" * 2700 + "A" * 900, per_round=per_round)
    assert overlap_hours(shown, min_share=1) == 0
    one_round = shown.assign(round="recorded")
    assert overlap_hours(one_round.assign(sample=range(len(one_round)))) == 0


def test_both_at_one_instant_rule_out_one_backend() -> None:
    once = looks("B", begin=1).assign(sample=1)
    assert overlap_hours(looks("AAA"), once) == pytest.approx(1)
    assert overlap_hours(looks("AAA"), once.assign(address="127.0.0.2")) == 0  # B's own overlap there is an instant


@pytest.mark.parametrize(
    ("one", "other", "hours"),
    [
        ("AAAA", "ABBB", 2),  # one backend each: one followed the other
        ("AAAB", "ABBB", 1),
        ("ABBB", "ABBB", 0),  # at once
        ("ABA", "ABA", 0),  # and back at once
        ("ABBA", "AABA", 0),
        ("AAAAAA", "ABBAAA", 1),  # one followed and went back: B is certain between its two sightings
        ("AAAAAA", "ABAAAA", 0),
        ("AAAAAA", "AB.BAA", 2),
        ("AACAAA", "ABBBBB", 2),  # a third one in between: what A's backend served then is not certain
    ],
)
def test_overlaps_across_addresses(one: str, other: str, hours: float) -> None:
    shown = pd.concat([at_address(1, one), at_address(2, other)])
    found = find_rotations(Tables.from_frames(shown, certificates("ABC")))
    row = found[(found["predecessor_sha256"] == "A") & (found["successor_sha256"] == "B") & ~found["is_rollback"]].iloc[
        0
    ]
    assert row["overlap_min_days"] * DAY / HOUR == pytest.approx(hours, abs=31 / 3600)


def test_by_names_there_is_no_serving_overlap():
    assert find_rotations(tables("BA"), basis="names")["overlap_min_days"].isna().all()


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


def test_the_numbers_of_looks_that_bounds_need():
    for before, bounded in ((91, False), (92, True)):
        row = described(tables("A" * before + "B" * before)).iloc[0]
        assert (row["looks_needed"], row["overlap_looks_needed"], row["looks_before"]) == (59, 92, before)
        assert (row["looks_before"] >= row["overlap_looks_needed"]) == bounded
        assert pd.notna(row["start_min_at"])
        assert pd.notna(row["overlap_max_days"]) == bounded
        assert row["has_too_few_looks"] == (not bounded)


@pytest.mark.parametrize("share", ["x", None, [1], 1e-12])
def test_a_min_share_that_is_not_a_share(share):
    with pytest.raises(UsageError, match="min_share"):
        find_rotations(tables("AB"), min_share=share)


def test_the_smallest_min_share_is_accepted():
    found = described(tables("AAAABABBBB"), min_share=1e-9)
    assert found["overlap_max_days"].isna().all()
    assert found["overlap_looks_needed"].tolist() == [4_743_864_517 - 1]


@pytest.mark.parametrize("given", [None, tables("AB").observations, tables("AB").certificates])
def test_what_is_neither_tables_nor_sightings(given):
    with pytest.raises(UsageError, match=r"toolkit\.read"):
        find_rotations(given)
