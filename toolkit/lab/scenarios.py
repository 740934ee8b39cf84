"""Scenarios: what can happen to a service's certificates, as functions of a seed and parameters."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from toolkit.lab.schedule import Schedule

NAMES: Final[dict[str, str]] = {
    "year": "three mail hosts share certificates that rotate every 60 to 90 days; one host is old",
    "steady": "one certificate after another, rolled out in a day",
    "slow-rollout": "a roll-out takes two weeks",
    "stuck-machine": "one machine keeps the old certificate long after the rest",
    "rollback": "a roll-out is taken back, and repeated later",
    "dual-keys": "RSA and ECDSA side by side, each with its own rotations",
    "late": "the successor comes after the predecessor has expired",
    "emergency": "a key is compromised: every machine gets another certificate at once",
    "issuer-move": "the successor comes from another issuer under another root",
    "short-lived": "six-day certificates",
    "anycast": "several addresses, whose machines follow each other by days",
    "sticky": "the balancer keeps a source on one machine",
}
"""Every scenario and what happens in it."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario's parameters. `scenario(name)` gives each name its own defaults; change any of them there.

    A line's certificates number `generations`; each lives for `lifetime`, and a roll-out begins every `period` and
    takes `roll_out` from the first machine to the last. `shape` of a roll-out: `linear` (switch times drawn
    uniformly, then shifted and scaled so that the first is 0 and the last `roll_out`) or `bind` (one canary at 0, one
    last machine at `roll_out`, the rest half-way). `delay` is what the name is about: how long the stuck machine
    stays behind, when the rollback comes after the roll-out, how long after expiry `late` switches, by how much one
    anycast address follows the other.
    """

    name: str
    machines: int = 5
    addresses: int = 1
    generations: int = 4
    lifetime: timedelta = timedelta(days=90)
    period: timedelta = timedelta(days=70)
    roll_out: timedelta = timedelta(days=3)
    shape: str = "linear"
    delay: timedelta = timedelta(days=5)
    key_types: tuple[str, ...] = ("RSA",)
    affinity: timedelta | None = None
    drop_rate: float = 0.0
    defer_rate: float = 0.0
    begins_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def schedule(self, seed: int) -> Schedule:
        """What is served when under this seed."""
        raise NotImplementedError


def scenario(name: str, **changes: object) -> Scenario:
    """The scenario of that name with its defaults, some of them changed. Raises `LabError` for an unknown name."""
    raise NotImplementedError
