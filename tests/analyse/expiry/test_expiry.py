"""Each state of `summarise_expiry`, from looks written by hand; the last second of a lifetime counts."""

from datetime import datetime, timedelta, timezone

import pandas as pd
import pytest

from tests.analyse.drawn import described
from tests.analyse.made import at, certificate, look, now, tables
from tests.conftest import ROOT
from toolkit import Tables
from toolkit.analyse.expiry.summary import EXPIRY, USUAL_LEADS, describe_usual_leads, summarise_expiry
from toolkit.columns import dtypes
from toolkit.errors import UsageError
from toolkit.readers import read

A = certificate("a", "2026-01-01", "2026-03-31T23:59:59")
B = certificate("b", "2026-03-01", "2026-05-29T23:59:59")
OLD = certificate("old", "2025-11-01", "2026-01-29T23:59:59")


def states(given: Tables, today: str, **asked: object) -> dict[str, str]:
    frame = summarise_expiry(given, now=now(today), **asked)  # type: ignore[arg-type]  # a test passes anything
    return dict(zip(frame["leaf_sha256"], frame["state"], strict=True))


@pytest.mark.parametrize(
    ("shas", "today", "expected"),
    [
        (["a"], "2026-01-02", {"a": "valid"}),
        (["a"], "2026-03-20", {"a": "expiring"}),
        (["a"], "2026-04-01", {"a": "lapsed"}),
        (["a", "b"], "2026-03-20", {"a": "replaced", "b": "valid"}),
        (["a", "b"], "2027-03-20", {"a": "replaced", "b": "lapsed"}),
        (["b", "a"], "2026-03-20", {"a": "expiring", "b": "withdrawn"}),
        (["a", None], "2026-03-20", {"a": "expiring"}),
    ],
)
def test_the_state_follows_what_the_last_look_showed(
    shas: list[str | None], today: str, expected: dict[str, str]
) -> None:
    looks = [look(sha, f"2026-01-{2 + day:02}") for day, sha in enumerate(shas)]
    assert states(tables(looks, [A, B]), today) == expected


def test_during_a_roll_out_both_are_shown_and_the_old_one_is_not_expiring() -> None:
    looks = [look("a", "2026-03-19", round="r", sample=1), look("b", "2026-03-19T00:00:05", round="r", sample=2)]
    assert states(tables(looks, [A, B]), "2026-03-20") == {"a": "replacing", "b": "valid"}
    frame = summarise_expiry(tables(looks, [A, B]), now=now("2026-03-29"))
    assert frame["threshold"].tolist()[0] == "1/12", "a machine that is stuck on it will fail soon"


def test_a_certificate_shown_after_its_end_is_expired_whatever_else_is_shown() -> None:
    looks = [look("a", "2026-04-02", round="r", sample=1), look("b", "2026-04-02T00:00:05", round="r", sample=2)]
    assert states(tables(looks, [A, B]), "2026-04-03") == {"a": "expired", "b": "valid"}


def test_looks_of_one_round_that_are_years_apart_are_not_simultaneous() -> None:
    looks = [look("a", "2026-01-05", round="series", sample=1), look("b", "2026-03-05", round="series", sample=2)]
    assert states(tables(looks, [A, B]), "2026-03-20") == {"a": "replaced", "b": "valid"}


def test_the_last_second_counts() -> None:
    given = tables([look("a", "2026-03-31")], [A])
    row = summarise_expiry(given, now=now("2026-03-31T23:59:59")).iloc[0]
    assert row["state"] == "expiring"
    assert row["days_left"] == pytest.approx(1 / 86400)
    assert row["lifetime_days"] == 90
    half = summarise_expiry(given, now=now("2026-03-31T23:59:59.500000")).iloc[0]
    assert (half["state"], half["days_left"]) == ("expiring", pytest.approx(0.5 / 86400))
    assert summarise_expiry(given, now=now("2026-04-01T00:00:00"))["state"].item() == "lapsed"
    for shown, state in (("2026-03-31T23:59:59.999999", "lapsed"), ("2026-04-01T00:00:00", "expired")):
        assert states(tables([look("a", shown)], [A]), "2026-04-02") == {"a": state}
    old = look("old", None)
    for newer, state in (("2026-01-29T23:59:59.500000", "lapsed"), ("2026-01-30T00:00:00", "replaced")):
        assert states(tables([old, look("a", newer)], [OLD, A]), "2026-02-20")["old"] == state


@pytest.mark.parametrize(
    ("shown", "is_after_its_end"), [("2026-03-31T23:59:59.999999", False), ("2026-04-01T00:00:00", True)]
)
def test_rotations_count_the_last_second_the_same_way(shown: str, is_after_its_end: bool) -> None:
    rotation = described(tables([look("a", shown), look("b", "2026-04-02")], [A, B])).iloc[0]
    assert rotation["is_expired_while_served"] == is_after_its_end


@pytest.mark.parametrize(
    ("days", "left", "by_lifetime", "by_days"),
    [
        (47, 46.9, None, None), (47, 31, None, None), (47, 15, "1/3", "30 d"), (47, 3, "1/12", "7 d"),
        (6, 6, None, "7 d"), (6, 2, "1/3", "7 d"), (398, 130, "1/3", None), (398, 20, "1/12", "30 d"),
        (90, 30, "1/3", "30 d"), (90, 15, "1/6", "30 d"), (90, 7.5, "1/12", "14 d"),
    ],
)  # fmt: skip
def test_thresholds_are_shares_of_the_lifetime_or_the_classic_days(
    days: int, left: float, by_lifetime: str | None, by_days: str | None
) -> None:
    begins = at("2026-01-01")
    ends = begins + timedelta(days=days) - timedelta(seconds=1)
    given = tables([look("x", "2026-01-01")], [certificate("x", begins.isoformat()[:19], ends.isoformat()[:19])])
    today = (begins + timedelta(days=days - left)).to_pydatetime()
    for thresholds, expected in (("lifetime", by_lifetime), ("days", by_days)):
        row = summarise_expiry(given, now=today, thresholds=thresholds).iloc[0]  # type: ignore[arg-type]
        assert (None if pd.isna(row["threshold"]) else row["threshold"]) == expected
        assert row["state"] == ("expiring" if expected else "valid")


def test_an_undated_certificate_is_replaced_only_where_a_later_look_shows_a_newer_one() -> None:
    undated = look("old", None)
    assert states(tables([undated, look("a", "2026-01-10")], [OLD, A]), "2026-01-20")["old"] == "expiring"
    assert states(tables([undated, look("a", "2026-02-10")], [OLD, A]), "2026-02-20")["old"] == "replaced"
    bounded = look("old", None, observed_until=at("2026-01-05"), date_basis="until")
    assert states(tables([bounded, look("a", "2026-01-10")], [OLD, A]), "2026-01-20")["old"] == "replaced"
    frame = summarise_expiry(tables([undated], [OLD]), now=now("2026-01-20"))
    assert frame["is_shown_last"].isna().all()
    assert describe_usual_leads(tables([undated], [OLD]), now=now("2026-01-20"))["last_look_at"].isna().all()


def test_a_successor_is_seen_or_only_issued() -> None:
    given = tables([look("a", "2026-01-10"), look("a", "2026-03-10")], [A, B])
    row = summarise_expiry(given, now=now("2026-03-20")).iloc[0]
    assert (row["successor_state"], row["successor_sha256"], row["state"]) == ("issued", "b", "expiring")
    other = certificate("b", "2026-03-01", "2026-05-29", names=("other.example",))
    assert summarise_expiry(tables([look("a", "2026-01-10")], [A, other]), now=now("2026-03-20"))[
        "successor_state"
    ].isna().all()  # fmt: skip
    seen = summarise_expiry(tables([look("a", "2026-01-10"), look("b", "2026-03-10")], [A, B]), now=now("2026-03-20"))
    assert seen["successor_state"].tolist() == ["seen", pd.NA]


def test_rsa_and_ecdsa_side_by_side_fill_two_slots() -> None:
    ec = certificate("e", "2026-03-01", "2026-05-29", key_type="EC")
    looks = [look("a", "2026-03-10"), look("e", "2026-03-11", offer="ecdsa")]
    assert states(tables(looks, [A, ec]), "2026-03-12") == {"a": "expiring", "e": "valid"}


def test_looks_after_now_do_not_count() -> None:
    given = tables([look("a", "2026-01-10"), look("b", "2026-03-10")], [A, B])
    assert states(given, "2026-03-09T00:00:00") == {"a": "expiring"}


def test_what_begins_later_or_is_seen_only_later_is_not_known() -> None:
    a, b = look("a", "2026-01-10"), look("b", "2026-03-10")
    unseen = tables([a], [A, B])
    for today, successor in (("2026-02-28T23:59:59", None), ("2026-03-01", "b")):
        row = summarise_expiry(unseen, now=now(today)).iloc[0]
        assert (None if pd.isna(row["successor_state"]) else row["successor_sha256"]) == successor
    row = summarise_expiry(tables([a, b], [A, B]), now=now("2026-03-09")).iloc[0]
    assert pd.isna(row["successor_state"]), "it had begun, but only a later look shows it"
    early = look("b", "2026-02-20")
    assert states(tables([a, early], [A, B]), "2026-02-21") == {"a": "replaced", "b": "not_yet_valid"}


@pytest.mark.parametrize(
    ("facts", "today", "is_known"),
    [
        ({}, "2026-02-28T23:59:59", False),
        ({}, "2026-03-01", True),
        ({"observed_from": at("2026-03-05")}, "2026-03-04", False),
        ({"observed_from": at("2026-02-01")}, "2026-02-15", False),
        ({"observed_until": at("2026-02-10")}, "2026-02-15", True),
    ],
)
def test_an_undated_look_is_not_earlier_than_its_certificate(
    facts: dict[str, object], today: str, is_known: bool
) -> None:
    given = tables([look("a", "2026-01-10"), look("b", None, **facts)], [A, B])
    assert ("b" in states(given, today)) == is_known
    assert pd.notna(summarise_expiry(given, now=now(today))["successor_state"].iloc[0]) == is_known


def test_an_undated_successor_that_began_after_the_last_dated_look_replaces() -> None:
    given = tables([look("a", "2026-02-20"), look("b", None)], [A, B])
    assert states(given, "2026-02-28T23:59:59") == {"a": "valid"}
    assert states(given, "2026-03-20") == {"a": "replaced", "b": "valid"}
    frame = summarise_expiry(given, now=now("2026-03-20"))
    assert frame["is_shown_last"].tolist() == [False, pd.NA]
    overlapping = tables([look("a", "2026-03-02"), look("b", None)], [A, B])
    assert states(overlapping, "2026-03-20") == {"a": "expiring", "b": "valid"}, "it may have been before"


def test_the_recorded_successor_of_2016_counts() -> None:
    """Of June 2016 only the start of the new certificate is known; it cannot have been seen earlier."""
    frame = summarise_expiry(read(ROOT / "data/google-mail"), now=now("2016-06-20"))
    row = frame[frame["leaf_sha256"].str.startswith("70251b")].iloc[0]
    assert row["state"] == "replaced"
    assert row["successor_sha256"].startswith("7a11")
    assert (frame["not_before"] <= at("2016-06-20")).all()


def test_a_certificate_that_is_missing_or_unparsed_is_unknown_while_it_is_shown() -> None:
    broken = certificate("broken", "2026-01-01", "2026-02-01") | {"not_before": None}
    given = [look("gone", "2026-01-02"), look("broken", "2026-01-03")]
    assert states(tables(given, [broken]), "2026-01-05") == {"gone": "unknown", "broken": "unknown"}
    after = tables([*given, look("new", "2026-01-04")], [broken, certificate("new", "2026-01-04", "2026-04-04")])
    assert states(after, "2026-01-05") == {"gone": "unknown", "broken": "replaced", "new": "valid"}


def test_odd_validity_gives_a_row() -> None:
    backwards = certificate("x", "2026-02-01", "2026-01-01")
    endless = certificate("y", "2026-01-01", "9999-12-31T23:59:59", key_type="EC")
    frame = summarise_expiry(
        tables([look("x", "2026-01-15"), look("y", "2026-01-15", offer="ecdsa")], [backwards, endless]),
        now=now("2026-01-16"),
    ).set_index("leaf_sha256")
    assert frame.loc["x", "lifetime_days"] < 0
    assert pd.isna(frame.loc["x", "threshold"]), "there is no share of a negative lifetime"
    assert frame.loc["y", "days_left"] > 2_900_000
    assert frame.loc["y", "state"] == "valid"


def test_nothing_gives_an_empty_frame_with_the_same_columns() -> None:
    frame = summarise_expiry(Tables.from_frames(), now=now("2026-01-01"))
    assert frame.dtypes.astype(str).to_dict() == dtypes(EXPIRY)
    assert frame.empty
    leads = describe_usual_leads(Tables.from_frames(), now=now("2026-01-01"))
    assert leads.dtypes.astype(str).to_dict() == dtypes(USUAL_LEADS)
    assert leads.empty


@pytest.mark.parametrize("today", [datetime(2026, 1, 1), "2026-01-01", None])  # noqa: DTZ001  # what is tested
def test_a_now_without_a_zone_is_an_error(today: object) -> None:
    with pytest.raises(UsageError, match="now="):
        summarise_expiry(Tables.from_frames(), now=today)  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("year", [1, 9999])
def test_a_now_beyond_the_calendar_of_utc_is_an_error(year: int) -> None:
    west = timezone(timedelta(hours=5 if year == 1 else -5))
    today = datetime(year, 1, 1, tzinfo=west) if year == 1 else datetime(year, 12, 31, 23, tzinfo=west)
    with pytest.raises(UsageError, match="1 to 9999"):
        summarise_expiry(Tables.from_frames(), now=today)
