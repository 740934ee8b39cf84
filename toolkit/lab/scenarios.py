"""Scenarios: what can happen to a service's certificates, as functions of a seed and parameters."""

import zlib
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from toolkit.errors import LabError
from toolkit.lab.drafting import Draft, roll_out_times
from toolkit.lab.schedule import LOOPBACK, Cause, Machine, Schedule, Service, Switch
from toolkit.lab.stills import STILLS, draw_still
from toolkit.lab.year import draw_year

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
    "museum": "one machine that accepts what smtp.gmail.com accepted in 2015: SSL 3.0 to TLS 1.2, RC4, 3DES",
    "modern": "two machines of today: TLS 1.2 and 1.3, X25519MLKEM768, RSA and ECDSA",
    "mixed": "one machine of three is left over from 2015",
}
"""Every scenario and what happens in it."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario's parameters. `scenario(name)` gives each name its own defaults; change any of them there.

    Each of `services` has `machines` behind each of `addresses`, and a line per key type. A line's certificates
    number `generations`; each lives for `lifetime` (with the predecessor's key where `reuse_key`), and a roll-out
    begins every `period` and takes `roll_out` from the first machine to the last. `shape` of a roll-out: `linear`
    (switch times drawn uniformly, then shifted and scaled so that the first is 0 and the last `roll_out`) or `bind`
    (one canary at 0, one last machine at `roll_out`, the rest half-way). `delay` is what the name is about: how long
    the stuck machine stays behind, when the rollback comes after the roll-out and when its repetition comes, how long
    after expiry `late` switches, how long after its roll-out a key is compromised, by how much one anycast address
    follows the other. `year`, `museum`, `modern` and `mixed` take only `begins_at`, rates and `affinity`.
    """

    name: str
    services: int = 1
    machines: int = 5
    addresses: int = 1
    generations: int = 4
    lifetime: timedelta = timedelta(days=90)
    period: timedelta = timedelta(days=70)
    roll_out: timedelta = timedelta(days=3)
    shape: str = "linear"
    delay: timedelta = timedelta(days=5)
    key_types: tuple[str, ...] = ("RSA",)
    reuse_key: bool = False
    scheme: str = "smtp"
    affinity: timedelta | None = None
    drop_rate: float = 0.0
    defer_rate: float = 0.0
    begins_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise LabError(f"There is no scenario {self.name!r}; there is {', '.join(NAMES)}.")
        if min(self.services, self.machines, self.addresses, self.generations) < 1:
            raise LabError("A scenario needs at least one service, machine, address and generation.")
        if self.addresses > 250:
            raise LabError(f"{self.addresses} addresses; 127.0.0.1 to 127.0.0.250 are there.")
        if min(self.lifetime, self.period) <= timedelta(0) or min(self.roll_out, self.delay) < timedelta(0):
            raise LabError("A scenario's lifetime and period are longer than nothing; roll_out and delay not negative.")
        if self.affinity is not None and self.affinity <= timedelta(0):
            raise LabError("An affinity is longer than nothing; None is a balancer without one.")
        if self.begins_at.tzinfo is None:
            raise LabError(f"begins_at={self.begins_at.isoformat()} has no zone; say which, such as tzinfo=UTC.")

    def schedule(self, seed: int) -> Schedule:
        """What is served when under this seed. Raises `LabError` where the parameters contradict each other."""
        chance = np.random.default_rng([seed % 2**64, zlib.crc32(self.name.encode())])
        if self.name == "year":
            drawn = draw_year(chance, self.begins_at)
        elif self.name in STILLS:
            drawn = draw_still(self.name, self.begins_at)
        else:
            return _draw(self, chance)
        services = tuple(
            replace(service, affinity=self.affinity, drop_rate=self.drop_rate, defer_rate=self.defer_rate)
            for service in drawn.services
        )
        return replace(drawn, services=services)


_DAY = timedelta(days=1)

_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "steady": {"roll_out": _DAY},
    "slow-rollout": {"machines": 10, "roll_out": 14 * _DAY, "period": 65 * _DAY},
    "stuck-machine": {"machines": 10, "lifetime": 120 * _DAY, "delay": 30 * _DAY},
    "rollback": {"roll_out": 2 * _DAY},
    "dual-keys": {"key_types": ("RSA", "EC")},
    "emergency": {"delay": 10 * _DAY},
    "short-lived": {
        "lifetime": 6 * _DAY, "period": 3 * _DAY, "roll_out": timedelta(hours=12), "generations": 12,
        "key_types": ("EC",),
    },
    "anycast": {"addresses": 3, "machines": 3},
    "sticky": {"affinity": _DAY},
    "museum": {"begins_at": datetime(2015, 11, 25, tzinfo=UTC)},
}  # fmt: skip


def scenario(name: str, **changes: Any) -> Scenario:
    """The scenario of that name with its defaults, some of them changed.

    Raises `LabError` for an unknown name or parameter.

    >>> scenario("slow-rollout", machines=20).roll_out.days
    14
    """
    known = {field.name for field in fields(Scenario)} - {"name"}
    if not known.issuperset(changes):
        raise LabError(f"A scenario has no {sorted(set(changes) - known)[0]!r}; it has {', '.join(sorted(known))}.")
    return Scenario(name, **(_DEFAULTS.get(name, {}) | changes))


def _draw(asked: Scenario, chance: np.random.Generator) -> Schedule:
    draft = Draft()
    services, causes = [], []
    ends_at = asked.begins_at
    for number in range(asked.services):
        host = "mx.lab.test" if asked.services == 1 else f"mx{number + 1}.lab.test"
        switches: list[list[Switch]] = [[] for _ in range(asked.machines * asked.addresses)]
        for key_type in asked.key_types:
            line = _Line(asked, chance, draft, host, key_type)
            line.draw()
            causes += [Cause(number, key_type, cause, begins, ends) for cause, begins, ends in line.causes]
            for machine, own in enumerate(line.switches()):
                switches[machine] += own
            ends_at = max(ends_at, line.ends_at)
        services.append(
            Service(
                asked.scheme,
                host,
                tuple(
                    Machine(tuple(sorted(own, key=lambda switch: switch.at)), _address(n // asked.machines))
                    for n, own in enumerate(switches)
                ),
                affinity=asked.affinity,
                drop_rate=asked.drop_rate,
                defer_rate=asked.defer_rate,
            )
        )
    return Schedule(asked.name, asked.begins_at, ends_at, tuple(draft.issues), tuple(services), tuple(causes))


def _address(number: int) -> str:
    return LOOPBACK.removesuffix("1") + str(number + 1)


class _Line:
    """One line of one service while it is being drawn."""

    def __init__(self, asked: Scenario, chance: np.random.Generator, draft: Draft, host: str, key_type: str) -> None:
        self.asked, self.chance, self.draft, self.host, self.key_type = asked, chance, draft, host, key_type
        self.moves: list[tuple[list[datetime], int]] = []  # when each machine begins to serve which issue
        self.causes: list[tuple[str, datetime, datetime]] = []
        self.ends_at = asked.begins_at

    def draw(self) -> None:
        asked = self.asked
        # The generation, never the first, in which happens what the scenario is named after.
        special = int(self.chance.integers(1, max(2, asked.generations - 1)))
        begins = asked.begins_at - asked.period * (1 - float(self.chance.uniform(0.3, 1)))
        key, not_after = None, asked.begins_at
        for generation in range(asked.generations):
            if asked.name == "late" and generation:
                begins = not_after + asked.delay
            is_emergency = asked.name == "emergency" and generation == special
            lead = asked.lifetime * float(self.chance.uniform(0.02, 0.05))
            issued_at = begins - (timedelta(hours=1) if is_emergency else lead)
            issue = self.draft.issue(
                (self.host,),
                self.key_type,
                issued_at,
                asked.lifetime,
                pair=2 if asked.name == "issuer-move" and generation >= special else 1,
                key=key if not is_emergency else None,
            )
            key = self.draft.issues[issue].key if asked.reuse_key else None
            not_after = self.draft.issues[issue].not_after
            if generation == 0:
                self.moves.append(([asked.begins_at] * (asked.machines * asked.addresses), issue))
            elif is_emergency:
                self.moves.append((self._times(begins, timedelta(0)), issue))
            else:
                self._roll_out(begins, issue, generation == special)
            if asked.name == "emergency" and generation + 1 == special:
                begins = max(begins + asked.roll_out, asked.begins_at) + asked.delay
            else:
                begins += asked.period
        self.ends_at = max(max(times) for times, _ in self.moves) + 0.7 * asked.period

    def _roll_out(self, begins: datetime, issue: int, is_special: bool) -> None:
        asked = self.asked
        times = self._times(begins, asked.roll_out)
        if asked.name == "stuck-machine" and is_special:
            stuck = int(np.argmax([time.timestamp() for time in times]))
            last_but_one = max(time for machine, time in enumerate(times) if machine != stuck or len(times) == 1)
            times[stuck] += asked.delay
            self.causes.append(("stuck_machine", last_but_one, times[stuck]))
        self.moves.append((times, issue))
        if asked.name == "rollback" and is_special:
            back = self._times(max(times) + asked.delay, asked.roll_out / 8)
            again = self._times(max(back) + asked.delay, asked.roll_out)
            self.moves += [(back, self.moves[-2][1]), (again, issue)]
        for number in range(1, asked.addresses if asked.name == "anycast" else 0):
            first, own = max(times[: asked.machines]), min(times[number * asked.machines :][: asked.machines])
            if first < own:
                self.causes.append(("addresses", first, own))

    def _times(self, begins: datetime, roll_out: timedelta) -> list[datetime]:
        asked = self.asked
        if asked.name != "anycast":
            return roll_out_times(self.chance, begins, asked.machines * asked.addresses, roll_out, asked.shape)
        return [
            time
            for number in range(asked.addresses)
            for time in roll_out_times(
                self.chance, begins + number * asked.delay, asked.machines, roll_out, asked.shape
            )
        ]

    def switches(self) -> list[list[Switch]]:
        """Each machine's switches; a move that a later one has overtaken on that machine never happens."""
        made = []
        for machine in range(self.asked.machines * self.asked.addresses):
            own: list[Switch] = []
            for times, issue in reversed(self.moves):
                if not own or times[machine] < own[-1].at:
                    own.append(Switch(times[machine], self.key_type, issue))
            made.append(own[::-1])
        return made
