"""Back-off across rounds: a service that was not reached for several rounds in a row is asked in fewer of them.

Of the last 40 rounds, those are counted that did not reach the service, up to the newest: it was asked and did not
answer, or it rested by this rule. From 5 of them on it is asked in every 2nd round, from 10 in every 4th, from 20 in
every 8th, with 40 in every 16th. Once it is reached, it is asked in every round again. A round that did not ask it for
another reason, such as a block list, says nothing about it and does not count.
"""

from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.store import Store
from toolkit.store.counting import latest_outcomes
from toolkit.store.selecting import Selection

NOT_REACHED: Final = frozenset({"not_resolved", "unreachable", "port_closed", "timeout"})
"""Outcomes of looks that did not reach the service. A round with any other outcome reached it."""

NOT_ASKED: Final = frozenset({"skipped", "cannot_offer"})
"""Outcomes of looks that did not ask the service."""

_RESTS: Final = "asked in one of "
"""How the reason of a look begins that was not made by this rule."""

_EVERY: Final = ((40, 16), (20, 8), (10, 4), (5, 2))
"""Rounds that did not reach the service, and one round of how many asks it then."""


def find_resting(store: Store) -> dict[str, str]:
    """The services that are not asked in the next round of the store, each with the reason."""
    if not store.exists():
        return {}
    rests = pc.starts_with(pc.field("reason").cast(pa.string()), _RESTS)
    counted = Selection(~pc.field("outcome").isin(sorted(NOT_ASKED)) | rests)
    outcomes = latest_outcomes(store, _EVERY[0][0], counted)
    is_asked = ~outcomes["outcome"].isin(NOT_ASKED)
    is_reached = is_asked & ~outcomes["outcome"].isin(NOT_REACHED)
    rounds = outcomes.assign(is_asked=is_asked, is_reached=is_reached)
    rounds = rounds.groupby(["service", "number"], as_index=False)[["is_asked", "is_reached"]].any()
    reached_at = rounds["number"].where(rounds["is_reached"], -1).groupby(rounds["service"]).transform("max")
    since = rounds[rounds["number"] > reached_at]
    resting = {}
    for service, numbers in since.groupby("service"):
        every = next((every for least, every in _EVERY if len(numbers) >= least), 1)
        asked_at = numbers.loc[numbers["is_asked"], "number"].max()
        rested = len(numbers) if pd.isna(asked_at) else int((numbers["number"] > asked_at).sum())
        if rested + 1 < every:
            asked = int(numbers["is_asked"].sum())
            resting[str(service)] = (
                f"{_RESTS}{every} rounds: it was not reached in the last {len(numbers)}, of which {asked} asked it"
            )
    return resting
