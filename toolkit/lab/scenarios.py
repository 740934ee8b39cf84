"""Scenarios: what can happen to the certificates of a service, as functions of a seed and parameters."""

import warnings
import zlib
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from toolkit.errors import LabUsageError
from toolkit.lab.issuance import Draft, roll_out_times
from toolkit.lab.schedule import CHAINS, DAY, LOOPBACK, Backend, Cause, Schedule, Service, Switch
from toolkit.lab.steady_scenarios import STILLS, draw_still
from toolkit.lab.year import draw_year
from toolkit.text import not_known

NAMES: Final[dict[str, str]] = {
    "year": "three mail hosts share certificates that rotate every 60 to 90 days; one host is old",
    "steady": "one certificate after another, rolled out in a day",
    "slow-rollout": "a roll-out takes two weeks",
    "stuck-backend": "one backend keeps the old certificate long after the rest",
    "rollback": "a roll-out is rolled back, and repeated later",
    "dual-keys": "RSA and ECDSA certificates, each slot with its own rotations",
    "late": "the successor is served only after the predecessor has expired",
    "emergency": "a key is compromised: every backend gets another certificate at once",
    "issuer-move": "the successor comes from another issuer under another root",
    "short-lived": "six-day certificates",
    "anycast": "several addresses whose backends switch days after each other",
    "sticky": "the load balancer keeps a source address on one backend",
    "default-certificate": "two hosts at one address, and a default certificate for clients that ask for neither",
    "other-chain": "some backends serve the same leaf with another chain for a while",
    "re-issue": "a certificate is issued again with the same key, long before it ends",
    "unrelated": "an unrelated server answers in place of one backend for a while, with a certificate for another host",
    "museum": "one backend that accepts what smtp.gmail.com accepted in 2015: SSL 3.0 to TLS 1.2, RC4, 3DES",
    "modern": "two current backends: TLS 1.2 and 1.3, X25519MLKEM768, RSA and ECDSA",
    "mixed": "one backend of three is left over from 2015",
}
"""Scenario → what happens in it."""

_FORMER_NAMES: Final = {"stuck-machine": "stuck-backend"}
"""Former name of a scenario → its name. A seed still draws what it drew under the former name."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario's parameters. `scenario(name)` gives each name its own defaults; change any of them there.

    Each of `services` has `backends` behind each of `addresses`, and a slot per key type. A slot has `generations`
    certificates; each is valid for `lifetime` (and has the predecessor's key if `reuse_key`), and a roll-out starts
    every `period` and takes `roll_out` from the first backend to the last. `shape` of a roll-out: `linear`
    (switch times drawn uniformly, then shifted and scaled so that the first is 0 and the last `roll_out`) or `bind`
    (one canary at 0, one last backend at `roll_out`, the rest half-way). The meaning of `delay` depends on the
    scenario: how long the stuck backend stays behind; the time from roll-out to roll-back and to its repetition; how
    long after expiry `late` switches; how long after its roll-out a key is compromised or a certificate issued again;
    the time between two anycast addresses; how long the other chain (`chain`, one of `toolkit.lab.CHAINS`) is served
    or the unrelated server answers. `default-certificate` has a slot for each host and for the default. `year`,
    `museum`, `modern` and `mixed` use only `begins_at`, the rates and `affinity`.

    >>> from toolkit.lab import scenario
    >>> scenario("rollback", services=2, backends=4).backends
    4
    """

    name: str
    services: int = 1
    backends: int = 5
    addresses: int = 1
    generations: int = 4
    lifetime: timedelta = timedelta(days=90)
    period: timedelta = timedelta(days=70)
    roll_out: timedelta = timedelta(days=3)
    shape: str = "linear"
    delay: timedelta = timedelta(days=5)
    key_types: tuple[str, ...] = ("RSA",)
    reuse_key: bool = False
    chain: str = "crossed"
    scheme: str = "smtp"
    affinity: timedelta | None = None
    drop_rate: float = 0.0
    defer_rate: float = 0.0
    begins_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __post_init__(self) -> None:
        if self.name in _FORMER_NAMES:
            name = _FORMER_NAMES[self.name]
            warnings.warn(f"The scenario {self.name!r} is now called {name!r}.", FutureWarning, stacklevel=4)
            object.__setattr__(self, "name", name)
        if self.name not in NAMES:
            raise LabUsageError(not_known("scenario ", self.name, NAMES))
        if min(self.services, self.backends, self.addresses, self.generations) < 1:
            raise LabUsageError("A scenario needs at least one service, backend, address and generation.")
        if self.addresses > 250:
            raise LabUsageError(f"{self.addresses} addresses are too many: 127.0.0.1 to 127.0.0.250 can be used.")
        if min(self.lifetime, self.period) <= timedelta(0) or min(self.roll_out, self.delay) < timedelta(0):
            raise LabUsageError("lifetime and period must be positive; roll_out and delay must not be negative.")
        if self.chain not in CHAINS or self.chain == "whole":
            raise LabUsageError(not_known("chain=", self.chain, list(CHAINS)[1:]))
        if self.affinity is not None and self.affinity <= timedelta(0):
            raise LabUsageError("affinity must be positive; None means a load balancer without affinity.")
        if self.begins_at.tzinfo is None:
            raise LabUsageError(f"begins_at={self.begins_at.isoformat()} has no zone; add one, such as tzinfo=UTC.")

    def schedule(self, seed: int) -> Schedule:
        """The schedule under this seed. Raises `LabUsageError` if the parameters contradict each other.

        >>> from toolkit.lab import scenario
        >>> schedule = scenario("slow-rollout", services=1).schedule(seed=7)
        >>> f"{schedule.begins_at:%Y-%m-%d}", f"{schedule.ends_at:%Y-%m-%d}", len(schedule.issues)
        ('2026-01-01', '2026-09-04', 4)
        """
        drawn_as = next((former for former, name in _FORMER_NAMES.items() if name == self.name), self.name)
        chance = np.random.default_rng([seed % 2**64, zlib.crc32(drawn_as.encode())])
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


_EARLY: Final = ("emergency", "re-issue")
"""Scenarios in which one successor is served long before its predecessor ends."""

_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "steady": {"roll_out": DAY},
    "slow-rollout": {"backends": 10, "roll_out": 14 * DAY, "period": 65 * DAY},
    "stuck-backend": {"backends": 10, "lifetime": 120 * DAY, "delay": 30 * DAY},
    "rollback": {"roll_out": 2 * DAY},
    "dual-keys": {"key_types": ("RSA", "EC")},
    "emergency": {"delay": 10 * DAY},
    "short-lived": {
        "lifetime": 6 * DAY, "period": 3 * DAY, "roll_out": timedelta(hours=12), "generations": 12,
        "key_types": ("EC",),
    },
    "anycast": {"addresses": 3, "backends": 3},
    "sticky": {"affinity": DAY},
    "other-chain": {"delay": 20 * DAY},
    "re-issue": {"delay": 10 * DAY},
    "unrelated": {"delay": 10 * DAY},
    "museum": {"begins_at": datetime(2015, 11, 25, tzinfo=UTC)},
}  # fmt: skip


def scenario(name: str, **changes: Any) -> Scenario:
    """The scenario of that name with its defaults and the given changes.

    Raises `LabUsageError` for an unknown name or parameter.

    >>> from toolkit.lab import scenario
    >>> scenario("slow-rollout", backends=20).roll_out.days
    14
    """
    known = {field.name for field in fields(Scenario)} - {"name"}
    if not known.issuperset(changes):
        raise LabUsageError(not_known("parameter ", min(set(changes) - known), sorted(known)))
    return Scenario(name, **(_DEFAULTS.get(_FORMER_NAMES.get(name, name), {}) | changes))


def _draw(asked: Scenario, chance: np.random.Generator) -> Schedule:
    draft = Draft()
    services, causes = [], []
    ends_at = asked.begins_at
    for number in range(asked.services):
        host = "mx.lab.test" if asked.services == 1 else f"mx{number + 1}.lab.test"
        switches: list[list[Switch]] = [[] for _ in range(asked.backends * asked.addresses)]
        server_names: tuple[str, ...] = ()
        slots: list[tuple[str, str, str | None]] = [(host, key_type, None) for key_type in asked.key_types]
        if asked.name == "default-certificate":
            hosts = (host, host.replace("mx", "www"))
            slots = [(name, key_type, name) for name in hosts for key_type in asked.key_types]
            slots.append(("default.lab.test", str(chance.choice(("RSA", "EC"))), None))
            server_names = (*hosts, _UNKNOWN)
            unknown = Cause(number, None, "default_certificate", asked.begins_at, None, server_name=_UNKNOWN)
            causes.append(unknown)
        for name, key_type, server_name in slots:
            slot = _DrawnSlot(asked, chance, draft, name, key_type)
            slot.draw()
            causes += [
                Cause(number, key_type, cause, begins, ends, issue, server_name)
                for cause, begins, ends, issue in slot.causes
            ]
            for backend, own in enumerate(slot.switches()):
                switches[backend] += [replace(switch, server_name=server_name) for switch in own]
            ends_at = max(ends_at, slot.ends_at)
        if asked.name in {"other-chain", "unrelated"}:
            causes.append(_disturbed(asked, chance, draft, number, switches))
        services.append(
            Service(
                asked.scheme,
                host,
                tuple(
                    Backend(tuple(sorted(own, key=lambda switch: switch.at)), _address(n // asked.backends))
                    for n, own in enumerate(switches)
                ),
                affinity=asked.affinity,
                drop_rate=asked.drop_rate,
                defer_rate=asked.defer_rate,
                server_names=server_names,
            )
        )
    return Schedule(asked.name, asked.begins_at, ends_at, tuple(draft.issues), tuple(services), tuple(causes))


_UNKNOWN: Final = "unknown.lab.test"
"""A host for which no certificate is issued."""


def _disturbed(
    asked: Scenario, chance: np.random.Generator, draft: Draft, number: int, switches: list[list[Switch]]
) -> Cause:
    """Change the switches of some backends for the time `delay`; the cause that this gives."""
    rest = max(own[-1].at for own in switches) - asked.begins_at
    begins = (asked.begins_at + float(chance.uniform(0.1, 0.6)) * max(rest, asked.period)).replace(microsecond=0)
    ends = begins + asked.delay
    if asked.name == "unrelated":
        key_type = str(chance.choice(("RSA", "EC")))
        stranger = draft.issue(("elsewhere.lab.test",), key_type, begins - 9 * DAY, asked.lifetime, pair=2)
        place = int(chance.integers(len(switches)))
        switches[place] = _replaced(switches[place], begins, ends, Switch(begins, key_type, stranger))
        return Cause(number, None, "unrelated", begins, ends, stranger)
    for place in chance.permutation(len(switches))[: int(chance.integers(1, max(2, len(switches))))]:
        switches[place] = [
            switch if switch.issue is None or not begins <= switch.at < ends
            else replace(switch, issue=draft.in_chain(switch.issue, asked.chain))
            for switch in _interrupted(switches[place], begins, ends)
        ]  # fmt: skip
    return Cause(number, None, "other_chain", begins, ends)


def _replaced(own: list[Switch], begins: datetime, ends: datetime, stranger: Switch) -> list[Switch]:
    """The switches of a backend that an unrelated server replaces for a while."""
    apart = [
        replace(switch, issue=None) if begins <= switch.at < ends else switch
        for switch in _interrupted(own, begins, ends)
        if switch.key_type != stranger.key_type or not begins <= switch.at < ends
    ]
    is_only_unrelated = all(switch.key_type != stranger.key_type for switch in own)
    return [*apart, stranger, *([replace(stranger, at=ends, issue=None)] if is_only_unrelated else [])]


def _interrupted(own: list[Switch], begins: datetime, ends: datetime) -> list[Switch]:
    """The switches of a backend, with those in force at `begins` and `ends` repeated at these instants."""
    return own + [
        Switch(at, key_type, issue)
        for at in (begins, ends)
        for key_type, issue in Backend(tuple(sorted(own, key=lambda switch: switch.at))).serving(at).items()
        if not any(switch.at == at and switch.key_type == key_type for switch in own)
    ]


def _address(number: int) -> str:
    return LOOPBACK.removesuffix("1") + str(number + 1)


class _DrawnSlot:
    """One slot of one service while it is drawn."""

    def __init__(self, asked: Scenario, chance: np.random.Generator, draft: Draft, host: str, key_type: str) -> None:
        self.asked, self.chance, self.draft, self.host, self.key_type = asked, chance, draft, host, key_type
        self.moves: list[tuple[list[datetime], int]] = []  # when each backend begins to serve which issue
        self.causes: list[tuple[str, datetime, datetime, int | None]] = []
        self.ends_at = asked.begins_at

    def draw(self) -> None:
        asked = self.asked
        # The generation with the event that gives the scenario its name; never the first.
        special = int(self.chance.integers(1, max(2, asked.generations - 1)))
        begins = asked.begins_at - asked.period * (1 - float(self.chance.uniform(0.3, 1)))
        if asked.name == "re-issue":
            begins = max(begins, asked.begins_at - asked.roll_out)
        key, not_after = None, asked.begins_at
        for generation in range(asked.generations):
            if asked.name == "late" and generation:
                begins = not_after + asked.delay
            is_early = asked.name in _EARLY and generation == special
            is_emergency, is_again = (is_early and asked.name == name for name in _EARLY)
            lead = asked.lifetime * float(self.chance.uniform(0.02, 0.05))
            issued_at = begins - (timedelta(hours=1) if is_early else lead)
            issue = self.draft.issue(
                (self.host,),
                self.key_type,
                issued_at,
                asked.lifetime,
                pair=2 if asked.name == "issuer-move" and generation >= special else 1,
                key=key if is_again or (asked.reuse_key and not is_emergency) else None,
            )
            if is_again and 2 * (not_after - self.draft.issues[issue].not_before) <= asked.lifetime:
                raise LabUsageError(
                    "A re-issue needs over half of the lifetime left: choose a shorter delay or roll_out."
                )
            key, not_after = self.draft.issues[issue].key, self.draft.issues[issue].not_after
            if generation == 0:
                self.moves.append(([asked.begins_at] * (asked.backends * asked.addresses), issue))
            elif is_emergency:
                self.moves.append((self._times(begins, timedelta(0)), issue))
            else:
                self._roll_out(begins, issue, generation == special)
            if is_again:
                self.causes.append(("reissue", min(self.moves[-1][0]), max(self.moves[-1][0]), issue))
            if asked.name in _EARLY and generation + 1 == special:
                begins = max(begins + asked.roll_out, asked.begins_at) + asked.delay
            else:
                begins += asked.period
        self.ends_at = max(max(times) for times, _ in self.moves) + 0.7 * asked.period

    def _roll_out(self, begins: datetime, issue: int, is_special: bool) -> None:
        asked = self.asked
        times = self._times(begins, asked.roll_out)
        if asked.name == "stuck-backend" and is_special:
            stuck = int(np.argmax([time.timestamp() for time in times]))
            last_but_one = max(time for backend, time in enumerate(times) if backend != stuck or len(times) == 1)
            times[stuck] += asked.delay
            self.causes.append(("stuck_backend", last_but_one, times[stuck], None))
        self.moves.append((times, issue))
        if asked.name == "rollback" and is_special:
            back = self._times(max(times) + asked.delay, asked.roll_out / 8)
            again = self._times(max(back) + asked.delay, asked.roll_out)
            self.moves += [(back, self.moves[-2][1]), (again, issue)]
        for number in range(1, asked.addresses if asked.name == "anycast" else 0):
            first, own = max(times[: asked.backends]), min(times[number * asked.backends :][: asked.backends])
            if first < own:
                self.causes.append(("addresses", first, own, None))

    def _times(self, begins: datetime, roll_out: timedelta) -> list[datetime]:
        asked = self.asked
        if asked.name != "anycast":
            return roll_out_times(self.chance, begins, asked.backends * asked.addresses, roll_out, asked.shape)
        return [
            time
            for number in range(asked.addresses)
            for time in roll_out_times(
                self.chance, begins + number * asked.delay, asked.backends, roll_out, asked.shape
            )
        ]

    def switches(self) -> list[list[Switch]]:
        """The switches of each backend; a move is dropped if a later one comes before it on that backend."""
        made = []
        for backend in range(self.asked.backends * self.asked.addresses):
            own: list[Switch] = []
            for times, issue in reversed(self.moves):
                if not own or times[backend] < own[-1].at:
                    own.append(Switch(times[backend], self.key_type, issue))
            made.append(own[::-1])
        return made
