"""Services on loopback whose truth is known: servers to observe, a clock to turn, and what was served when.

Everything is labelled lab: targets have `source="lab"`, host names end in `.lab.test` (RFC 6761 reserves `.test`), and
subjects contain `lab`. The servers are implementations that this project did not write: Python's `ssl`, pyOpenSSL,
tlslite-ng. `NAMES` lists the scenarios: rotations that succeed or fail, and other reasons for several certificates at a
time (key types, addresses, a default certificate, other chains, a re-issue, an unrelated server).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from toolkit.lab.clock import Clock
    from toolkit.lab.relay import Relay
    from toolkit.lab.running import Lab
    from toolkit.lab.scenarios import NAMES, Scenario, scenario
    from toolkit.lab.schedule import CHAINS, Backend, Cause, Issue, Schedule, Service, Switch
    from toolkit.lab.simulation import DrawnLooks, Plan, draw_looks, simulate
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
    "Relay",
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
    "clock": ("Clock",),
    "relay": ("Relay",),
    "running": ("Lab",),
    "scenarios": ("NAMES", "Scenario", "scenario"),
    "schedule": ("CHAINS", "Backend", "Cause", "Issue", "Schedule", "Service", "Switch"),
    "simulation": ("DrawnLooks", "Plan", "draw_looks", "simulate"),
    "truth": ("Truth", "tell_truth"),
}
"""Module → its public names. They are imported when first used: the process of the servers needs few of them."""

if not TYPE_CHECKING:  # a type checker would take any name for one of the lab

    def __getattr__(name: str) -> Any:
        """A public name, imported from the module that defines it."""
        for module, names in _HOMES.items():
            if name in names:
                globals()[name] = getattr(import_module(f"toolkit.lab.{module}"), name)
                return globals()[name]
        raise AttributeError(f"module 'toolkit.lab' has no attribute {name!r}", name=name, obj=None)


def __dir__() -> list[str]:
    """Every public name, also those that are not imported yet."""
    return sorted({*globals(), *__all__})
