"""What a round reached, in words and as an exit code."""

import pandas as pd

from toolkit import text
from toolkit.cli.codes import FINE, INTERRUPTED, NOTHING_REACHED
from toolkit.cli.messages import print_message
from toolkit.collection.resting import NOT_ASKED, NOT_REACHED
from toolkit.tables import Tables


def is_interrupted(tables: Tables) -> bool:
    """Whether the round of the tables ended early, or was not begun; a warning has said so."""
    return tables.rounds.empty or bool(tables.rounds["end_reason"].eq("interrupted").any())


def find_exit_code(tables: Tables) -> int:
    """The exit code of a round, by what came of it; a message says so where no look is `ok`."""
    if is_interrupted(tables):
        return INTERRUPTED
    if (tables.observations["outcome"] == "ok").any():
        return FINE
    reached = what_was_reached(tables.observations.assign(looks=1))
    print_message(f"{reached}; the table shows why.")
    return NOTHING_REACHED


def what_was_reached(counted: pd.DataFrame) -> str:
    """What came of a round without a look that is `ok`: the number of its `looks` by `outcome` and `stage`."""
    asked = counted[~counted["outcome"].isin(NOT_ASKED)]
    # A server that accepts the connection and then is too slow was reached.
    is_reached = ~asked["outcome"].isin(NOT_REACHED) | ~asked["stage"].isin(("resolve", "connect"))
    if is_reached.any():
        looks = text.counted(int(counted["looks"].sum()), "look")
        return f"{asked.loc[is_reached, 'looks'].sum():,} of {looks} reached a server, and no handshake succeeded"
    return "nothing could be reached" if len(asked) else "nothing was asked"
