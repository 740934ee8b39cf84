"""Services on loopback whose truth is known: servers to observe, a clock to turn, and what was served when.

Everything is labelled lab: targets have `source="lab"`, host names end in `.lab.test` (RFC 6761 reserves `.test`), and
subjects contain `lab`. The servers are implementations that this project did not write: Python's `ssl`, pyOpenSSL,
tlslite-ng. `NAMES` lists the scenarios: rotations that succeed or fail, and other reasons for several certificates at a
time (key types, addresses, a default certificate, other chains, a re-issue, an unrelated server).
"""

from typing import TYPE_CHECKING, Final

from toolkit.lazy import importer, renamed

if TYPE_CHECKING:
    from toolkit.lab.clock import Clock
    from toolkit.lab.relay import Relay
    from toolkit.lab.running import Lab
    from toolkit.lab.scenarios import NAMES, Scenario, scenario
    from toolkit.lab.schedule import CHAINS, Backend, Cause, Issue, Schedule, Service, Switch
    from toolkit.lab.simulation import DrawnLooks, SamplingPlan, draw_looks, simulate
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
    "Relay",
    "SamplingPlan",
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

_HOMES: Final = {
    "toolkit.lab.clock": ("Clock",),
    "toolkit.lab.relay": ("Relay",),
    "toolkit.lab.running": ("Lab",),
    "toolkit.lab.scenarios": ("NAMES", "Scenario", "scenario"),
    "toolkit.lab.schedule": ("CHAINS", "Backend", "Cause", "Issue", "Schedule", "Service", "Switch"),
    "toolkit.lab.simulation": ("DrawnLooks", "SamplingPlan", "draw_looks", "simulate"),
    "toolkit.lab.truth": ("Truth", "tell_truth"),
}
"""Module → its public names. They are imported when first used: the process of the servers needs few of them."""

if not TYPE_CHECKING:  # a type checker would take any name for one of the lab
    __getattr__ = renamed(
        __name__,
        {
            "Machine": "toolkit.lab.schedule.Backend",
            "Looks": "toolkit.lab.simulation.DrawnLooks",
            "Plan": "toolkit.lab.simulation.SamplingPlan",
        },
        importer(__name__, _HOMES),
    )


def __dir__() -> list[str]:
    """Every public name, also those that are not imported yet."""
    return sorted({*globals(), *__all__})
