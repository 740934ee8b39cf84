"""Months, quarters or years: the shortest that divide a time into few enough parts for a chart."""

from typing import Final

import pandas as pd

from toolkit.chart import canvas

_CALENDAR: Final = {"month": "M", "quarter": "Q", "year": "Y"}
"""Period → its code in pandas."""


def in_periods(instants: "pd.Series[pd.Timestamp]", *, most: int) -> tuple["pd.Series[pd.Period]", str]:
    """The period (UTC) of each instant, and what it is: `month`, else `quarter`, else `year`.

    The first of these of which there are at most `most` from the first instant to the last.
    """
    local = instants.dt.tz_localize(None)
    for noun, code in _CALENDAR.items():
        periods = local.dt.to_period(code)
        if (periods.max() - periods.min()).n < most:
            return periods, noun
    return periods, noun


def bounds_of(periods: pd.PeriodIndex) -> tuple[canvas.Days, canvas.Days]:
    """The days at which the periods begin, and at which the next ones begin."""
    begin, end = (canvas.days(each.to_timestamp().to_series()) for each in (periods, periods + 1))
    return begin, end
