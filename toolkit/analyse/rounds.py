"""Visits: what one round observed of one service within a day. A round of more than a day has several.

A recorded series may call many years one round, so what belongs to one round is not always simultaneous.
"""

from typing import Final

import pandas as pd

from toolkit.instants import DAY

OBSERVED_DAYS: Final = 35
"""Days before the newest row in which an observation shows what is in service: a month, for monthly observations."""

LONGEST_VISIT: Final = DAY
"""Looks of one round that are further apart belong to different visits."""


def is_last_visit(at: pd.Series, group: pd.Series, rounds: pd.Series) -> pd.Series:
    """Whether each look belongs to the last visit of its group: to the round of the group's last look, within a day.

    `at` are the instants of the looks, `group` the numbers of their groups (a slot, a question), `rounds` the names of
    their rounds. False for a look without an instant.
    """
    last = at.groupby(group).transform("max")
    is_of_last_round = (at == last).groupby([group, rounds], dropna=False).transform("any")
    return is_of_last_round & (last - at <= LONGEST_VISIT)


def days_of_visits(at: pd.Series, *of_round: pd.Series) -> pd.Series:
    """The UTC day of each row of a round that took more than a day, null in other rounds: it separates the visits.

    `of_round` are the keys of a round of a service.
    """
    in_round = at.groupby(list(of_round), dropna=False, sort=False)
    is_long = (in_round.transform("max") - in_round.transform("min")) > LONGEST_VISIT
    day: pd.Series = at.dt.floor("D")
    return day.where(is_long)
