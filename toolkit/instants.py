"""Instants and lengths of time of the years 1 to 9999, in microseconds (nanoseconds span 292 years only)."""

from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, overload

import pandas as pd

from toolkit.errors import UsageError
from toolkit.text import did_you_mean

Instant: TypeAlias = datetime | pd.Timestamp | str
"""What `now`, `as_of`, `since` and `until` take: a datetime or Timestamp with a zone, or ISO 8601 text with an offset.

In text a space may replace the `T`, and ` UTC` the offset 0. `zoned` reads it.
"""

SECOND: Final = pd.Timedelta(seconds=1)
"""Validity includes `not_after` (RFC 5280, section 4.1.2.5): a certificate has expired one second after it."""

DAY: Final = pd.Timedelta(days=1)

DAY_IN_SECONDS: Final = 86_400
DAY_IN_MICROS: Final = DAY_IN_SECONDS * 1_000_000
"""Seconds and microseconds of a day, for arithmetic with numbers."""

FIRST: Final = pd.Timestamp("0001-01-01", tz="UTC").as_unit("us")
_LAST: Final = pd.Timestamp("9999-12-31 23:59:59.999999", tz="UTC").as_unit("us")
_ADVICE: Final = "write 2026-01-31T12:00:00Z, or give a datetime with a zone"


def read_iso(words: str) -> datetime:
    """The instant that ISO 8601 text names. At its end ` UTC` means the offset 0: `tls-toolkit` prints instants so.

    Raises `ValueError` for other text.

    >>> read_iso("2016-02-11 09:30 UTC").isoformat()
    '2016-02-11T09:30:00+00:00'
    """
    return datetime.fromisoformat(f"{words.removesuffix(' UTC')}+00:00" if words.endswith(" UTC") else words)


def zoned(instant: Instant, name: str) -> pd.Timestamp:
    """The instant that the parameter `name` was given, in UTC [µs]: ISO 8601 text, a datetime or a Timestamp.

    Raises `UsageError` that names the parameter if it is not an instant, has no zone, or is outside the years 1 to
    9999.

    >>> zoned("2026-01-31 13:00+01:00", "now").isoformat()
    '2026-01-31T12:00:00+00:00'
    """
    shown = f"{name}={instant.isoformat()}" if isinstance(instant, datetime) else f"{name}={instant!r:.60}"
    try:
        read = read_iso(instant) if isinstance(instant, str) else instant
    except ValueError as error:
        hint = did_you_mean(str(instant), ["observed"] if name == "as_of" else [])
        raise UsageError(f"{shown} is not an instant: {_ADVICE}.{hint}") from error
    if not isinstance(read, datetime) or pd.isna(read):
        raise UsageError(f"{shown} is not an instant: {_ADVICE}.")
    if read.tzinfo is None:
        raise UsageError(f"{shown} has no zone: {_ADVICE}.")
    try:
        in_utc = pd.Timestamp(read.astimezone(UTC)).as_unit("us")
    except (OverflowError, pd.errors.OutOfBoundsDatetime):
        in_utc = None
    if in_utc is None or not FIRST <= in_utc <= _LAST:  # a Timestamp may have other years
        raise UsageError(f"{shown} is not within the years 1 to 9999 in UTC.")
    return in_utc


def zoned_limits(since: Instant | None, until: Instant | None) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    """Both ends of a window as `zoned` reads them; None: open on that side.

    Raises `UsageError` as `zoned` does, and where the window ends before it begins.
    """
    begins = None if since is None else zoned(since, "since")
    ends = None if until is None else zoned(until, "until")
    if begins is not None and ends is not None and begins > ends:
        raise UsageError(f"since={begins.isoformat()} is after until={ends.isoformat()}: exchange the two.")
    return begins, ends


def has_ended(not_after: pd.Series, instant: "pd.Series | pd.Timestamp") -> pd.Series:
    """Whether a certificate had expired at the instant, one second after `not_after`; false where either is null."""
    ended: pd.Series = (not_after + SECOND <= instant).fillna(value=False).astype(bool)
    return ended


@overload
def has_over_half_left(not_before: int, not_after: int, instant: int) -> bool: ...
@overload
def has_over_half_left(not_before: pd.Series, not_after: pd.Series, instant: pd.Series) -> pd.Series: ...
def has_over_half_left(not_before: Any, not_after: Any, instant: Any) -> Any:
    """Whether more than half of a certificate's validity is left at the instant. A successor that early is a re-issue.

    Takes instants, or microseconds without a null; false where an instant is null.
    """
    return 2 * (not_after - instant) > not_after - not_before


def days(lengths: pd.Series) -> pd.Series:
    """Lengths of time in days (Float64, null for NaT)."""
    return (lengths.astype("timedelta64[us]").dt.total_seconds() / DAY_IN_SECONDS).astype("Float64")


def as_spans(numbers: pd.Series) -> pd.Series:
    """Days (Float64 or float64) as lengths of time (timedelta64[us]); null for null; the inverse of `days`."""
    microseconds = numbers.astype("float64") * DAY_IN_MICROS
    return microseconds.round().astype("timedelta64[us]")


def within_calendar(instants: pd.Series) -> pd.Series:
    """The instants; null where one is outside the years 1 to 9999."""
    return instants.where((instants >= FIRST) & (instants <= _LAST))
