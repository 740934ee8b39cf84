"""The lab's clock stands still, goes forward, and changes the servers before it returns."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from toolkit.errors import LabError
from toolkit.lab import Clock

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def test_it_goes_where_it_is_turned_and_tells_so() -> None:
    instants: list[datetime] = []
    clock = Clock(BEGIN, instants.append)
    assert clock() == BEGIN
    assert clock.advance(timedelta(days=2)) == BEGIN + timedelta(days=2) == clock()
    assert clock.turn(clock()) == clock()
    assert instants == [BEGIN + timedelta(days=2)] * 2


def test_another_zone_is_the_same_instant_in_utc() -> None:
    clock = Clock(BEGIN, lambda _: None)
    assert clock.turn(datetime(2026, 1, 1, 5, tzinfo=timezone(timedelta(hours=3)))) == BEGIN + timedelta(hours=2)
    assert clock().tzinfo is UTC


def test_it_never_goes_back() -> None:
    clock = Clock(BEGIN, lambda _: None)
    with pytest.raises(LabError, match=r"shows 2026-01-01.* cannot go back to 2025-12-31"):
        clock.advance(timedelta(days=-1))
    assert clock() == BEGIN


def test_it_needs_a_zone() -> None:
    with pytest.raises(LabError, match="has no zone"):
        Clock(BEGIN, lambda _: None).turn(datetime(2026, 2, 1))  # noqa: DTZ001 - the error is about this


def test_it_stays_where_it_was_when_the_servers_do_not_hear() -> None:
    def deaf(_: datetime) -> None:
        raise LabError("gone")

    clock = Clock(BEGIN, deaf)
    with pytest.raises(LabError, match="gone"):
        clock.advance(timedelta(days=1))
    assert clock() == BEGIN
