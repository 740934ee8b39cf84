"""Services on loopback whose truth is known: servers to observe, a clock to turn, and what was served when.

Everything is labelled lab: targets have `source="lab"`, host names end in `.lab.test` (RFC 6761 reserves `.test`), and
subjects contain `lab`. The servers are implementations that this project did not write: Python's `ssl`, pyOpenSSL,
tlslite-ng. `NAMES` lists the scenarios: rotations that succeed or fail, and other reasons for several certificates at a
time (key types, addresses, a default certificate, other chains, a re-issue, an unrelated server).
"""

from toolkit.lab.clock import Clock
from toolkit.lab.running import Lab
from toolkit.lab.scenarios import NAMES, Scenario, scenario
from toolkit.lab.schedule import CHAINS, Backend, Cause, Issue, Schedule, Service, Switch
from toolkit.lab.simulate import DrawnLooks, Plan, draw_looks, simulate
from toolkit.lab.truth import Truth, tell_truth

__all__ = [
    "CHAINS",
    "NAMES",
    "Backend",
    "Cause",
    "Clock",
    "DrawnLooks",
    "Issue",
    "Lab",
    "Plan",
    "Scenario",
    "Schedule",
    "Service",
    "Switch",
    "Truth",
    "draw_looks",
    "scenario",
    "simulate",
    "tell_truth",
]
