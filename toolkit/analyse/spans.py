"""Lengths of time between instants of the years 1 to 9999: microseconds, since nanoseconds end after 292 years."""

from typing import Final

import pandas as pd

_FIRST: Final = pd.Timestamp("0001-01-01", tz="UTC").as_unit("us")
_LAST: Final = pd.Timestamp("9999-12-31 23:59:59.999999", tz="UTC").as_unit("us")


def as_spans(days: pd.Series) -> pd.Series:
    """Days (Float64 or float64) as lengths of time (timedelta64[us]); null for null."""
    microseconds = days.astype("float64") * 86_400e6
    return microseconds.round().astype("timedelta64[us]")


def within_calendar(instants: pd.Series) -> pd.Series:
    """The instants; null where one lies before the year 1 or after 9999, which no calendar writes."""
    return instants.where((instants >= _FIRST) & (instants <= _LAST))
