"""Watch: sockets, budgets, rounds.

Rule 1: a failed look is a row. Whatever happens to a look is an outcome, at a stage, with a reason.
Rule 2: everything that another machine decides is bounded: seconds, bytes, connections in all and per host.
Rule 3: what was collected is never lost: an interrupt, an error or a full disk ends a round, the rows before stand.

One engine does the work: an event loop in a thread of its own. So a script and a notebook, which has a loop
already, make the same calls, and an interrupt reaches the calling thread, which keeps what was seen.
"""

from toolkit.collection.limits import Limits
from toolkit.collection.rounds import collect, observe
from toolkit.collection.surveys import estimate_survey, survey

__all__ = ["Limits", "collect", "estimate_survey", "observe", "survey"]
