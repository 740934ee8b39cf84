"""Instants as whole microseconds since 1970, for code that does not need pandas."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970-01-01 UTC, exactly (a float of seconds is not exact)."""
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """The instant in UTC that is `count` microseconds after 1970-01-01; the inverse of `microseconds`.

    >>> from_microseconds(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return _EPOCH + count * _MICROSECOND
