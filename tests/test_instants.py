"""One way in for every instant, and lengths of time over ten thousand years."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest

import toolkit
from tests.analyse.made import certificate, look, tables
from tests.analyse.trust.minted import mint_ca
from toolkit.chart import canvas
from toolkit.errors import UsageError
from toolkit.instants import as_spans, days, has_ended, has_over_half_left, within_calendar, zoned, zoned_limits

NOON = pd.Timestamp("2026-01-31T12:00:00Z")
EAST = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    "given",
    [
        "2026-01-31T12:00:00Z", "2026-01-31 12:00:00Z", "2026-01-31T13:00:00+01:00", "2026-01-31 13:00+01:00",
        "20260131T120000Z", datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 1, 31, 13, tzinfo=EAST), NOON,
        NOON.tz_convert("Asia/Kathmandu"), NOON.as_unit("ns"),
    ],
)  # fmt: skip
def test_an_instant_is_text_a_datetime_or_a_timestamp(given: datetime | str) -> None:
    read = zoned(given, "now")
    assert read == NOON
    assert (str(read.tz), read.unit) == ("UTC", "us")


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ("2026-01-31", "now='2026-01-31' has no zone"),
        ("2026-01-31T12:00:00", "has no zone"),
        (datetime(2026, 1, 31), "now=2026-01-31T00:00:00 has no zone"),  # noqa: DTZ001 - the error is about this
        (pd.Timestamp("2026-01-31"), "has no zone"),
        ("now", "now='now' is not an instant"),
        ("today", "is not an instant"),
        ("", "is not an instant"),
        ("2026-02-30T00:00Z", "is not an instant"),
        (None, "is not an instant"),
        (pd.NaT, "is not an instant"),
        (20260131, "is not an instant"),
        (datetime(2026, 1, 31, tzinfo=UTC).date(), "is not an instant"),
        ("0001-01-01T00:00:00+01:00", "not within the years 1 to 9999"),
        ("9999-12-31T23:59:59-01:00", "not within the years 1 to 9999"),
        (pd.Timestamp("9999-12-31T23:59:59-01:00"), "not within the years 1 to 9999"),
    ],
)
def test_what_is_not_an_instant_is_refused(given: Any, wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong):
        zoned(given, "now")


def test_the_outermost_instants_are_kept() -> None:
    assert zoned("0001-01-01T00:00:00Z", "now").year == 1
    assert zoned("9999-12-31T23:59:59.999999Z", "now").microsecond == 999_999


def test_a_window_may_be_open() -> None:
    assert zoned_limits(None, None) == (None, None)
    assert zoned_limits("2026-01-31T12:00Z", None) == (NOON, None)
    with pytest.raises(UsageError, match="until='' is not an instant"):
        zoned_limits(None, "")


HELD = [certificate("a", "2026-01-01", "2026-03-31"), certificate("b", "2026-03-01", "2026-05-31")]
TABLES = tables([look("a", "2026-01-10"), look("b", "2026-03-10")], HELD)
ROOTS = [mint_ca("root").der]


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (lambda at: toolkit.summarise_expiry(TABLES, now=at), "now"),
        (lambda at: toolkit.forecast_renewals(TABLES, now=at), "now"),
        (lambda at: toolkit.rehearse(TABLES, now=at), "now"),
        (lambda at: toolkit.summarise_support(TABLES, now=at), "now"),
        (lambda at: toolkit.judge(TABLES, "baseline", as_of=at), "as_of"),
        (lambda at: toolkit.verify_chains(TABLES, roots=ROOTS, as_of=at), "as_of"),
        (lambda at: toolkit.verify_chains(TABLES, roots=ROOTS, as_of=[at]), "as_of"),
        (lambda at: toolkit.replay_trust(TABLES, roots=ROOTS, since=at, until="2027-01-01T00:00Z"), "since"),
        (lambda at: toolkit.checking.check(TABLES, now=at, roots=ROOTS, policy="baseline"), "now"),
        (lambda at: TABLES.within(since=at).observations, "since"),
        (lambda at: canvas.days(pd.Series([canvas.day(at)])), "now"),
    ],
)
def test_every_question_takes_the_same_instants(ask: Any, name: str) -> None:
    asked = [
        ask(given) for given in ("2026-03-20T00:00:00Z", "2026-03-20 01:00+01:00", datetime(2026, 3, 20, tzinfo=UTC))
    ]
    for other in asked[1:]:
        assert str(other) == str(asked[0])
    for given in ("2026-03-20", "yesterday", datetime(2026, 3, 20), pd.NaT, 5):  # noqa: DTZ001 - as above
        with pytest.raises(UsageError, match=f"{name}="):
            ask(given)


def test_the_last_second_counts_whole() -> None:
    ends = pd.Series([NOON, NOON, NOON, pd.NaT])
    at = pd.Series([NOON, NOON + pd.Timedelta("999999us"), NOON + pd.Timedelta("1s"), NOON])
    assert has_ended(ends, at).tolist() == [False, False, True, False]


def test_over_half_of_a_life_is_left_until_its_middle() -> None:
    begins = pd.Series([NOON] * 4)
    at = NOON + pd.Series([pd.Timedelta(days=days) for days in (44.999, 45, 46)] + [pd.NaT])
    assert has_over_half_left(begins, begins + pd.Timedelta(days=90), at).tolist() == [True, False, False, False]
    assert [has_over_half_left(0, 90, day) for day in (44, 45, 46)] == [True, False, False]


def test_lengths_of_time_over_all_years() -> None:
    ends = pd.Series([zoned("9999-12-31T23:59:59Z", "now"), None])
    begins = pd.Series([zoned("0001-01-01T00:00Z", "now")] * 2)
    lengths = days(ends.astype("datetime64[us, UTC]") - begins)
    assert lengths.round(3).tolist() == [3_652_059.0, pd.NA]
    assert days(as_spans(lengths)).round(3).tolist() == [3_652_059.0, pd.NA]
    assert within_calendar(begins - pd.Timedelta("1us")).isna().all()
    assert within_calendar(begins).notna().all()
