"""Observe: sockets, limits, rounds, surveys.

Rule 1: a failed look is a row. Every look ends in an outcome, at a stage, with a reason.
Rule 2: everything that another machine decides is bounded: seconds, bytes, connections in all and per host.
Rule 3: what was kept is never lost: an interrupt, an error or a full disk ends a round, and the rows before it stay.

A runner makes the looks on an event loop in its own thread. So a script and a notebook (which has an event loop
already) make the same calls, and an interrupt reaches the calling thread, which keeps what was seen.
"""

from toolkit.collection.estimating import estimate_round
from toolkit.collection.limits import Limits
from toolkit.collection.rounds import collect, observe
from toolkit.collection.surveys import estimate_survey, survey
from toolkit.collection.watching import WatchedRound, watch

__all__ = ["Limits", "WatchedRound", "collect", "estimate_round", "estimate_survey", "observe", "survey", "watch"]
