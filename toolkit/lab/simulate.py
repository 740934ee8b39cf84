"""The fast path: looks drawn straight from a schedule, without a server."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from toolkit.lab.scenarios import Scenario
from toolkit.lab.schedule import Schedule
from toolkit.tables import Tables


@dataclass(frozen=True, slots=True)
class Plan:
    """When and how often to look.

    `rounds` are the instants of the rounds (see `Plan.every`), each moved by a uniform ±`jitter`; in each, every
    address of every service is looked at `samples` times per offer, `spacing` apart. `look_loss` and `round_loss`
    are the shares of looks and rounds that are lost on the watcher's side: no row at all.
    """

    rounds: tuple[datetime, ...]
    samples: int = 1
    offers: tuple[str, ...] = ("any",)
    spacing: timedelta = timedelta(0)
    jitter: timedelta = timedelta(0)
    look_loss: float = 0.0
    round_loss: float = 0.0

    @classmethod
    def every(cls, gap: timedelta, begins_at: datetime, ends_at: datetime, samples: int = 1) -> "Plan":
        """A round every `gap` from `begins_at` to `ends_at`, both included."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Looks at one address of one service as arrays of equal length, in time order.

    `at` (int64 [µs since 1970]), `round`, `sample`, `offer` (int64, number in the plan), `machine` (int64; -1: none was
    reached), `issue` (int64, number in the schedule; -1: no certificate), `ending` (int8: 0 served, 1 refused,
    2 reset, 3 closed, 4 deferred).
    """

    service: str
    address: str
    at: NDArray[np.int64]
    round: NDArray[np.int64]
    sample: NDArray[np.int64]
    offer: NDArray[np.int64]
    machine: NDArray[np.int64]
    issue: NDArray[np.int64]
    ending: NDArray[np.int8]


def draw_looks(schedule: Schedule, seed: int, plan: Plan) -> list[Looks]:
    """The looks of the plan at every service and address, with the machines that a `Lab` of that seed would pick."""
    raise NotImplementedError


def simulate(scenario: str | Scenario | Schedule, seed: int, plan: Plan) -> Tables:
    """Observation tables as a collector would have written them, `source="simulated"`: no server, no socket.

    Certificates are the bytes that a `Lab` of the same scenario and seed serves. Only the certificate is simulated:
    protocol, suite and times of an answer are null.
    """
    raise NotImplementedError
