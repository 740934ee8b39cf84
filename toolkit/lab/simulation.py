"""Simulated observations: drawn directly from a schedule, without a server."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit import __version__, schema
from toolkit.arguments import require_type
from toolkit.epoch import microseconds
from toolkit.errors import LabUsageError
from toolkit.lab.authority import authorities, issue_all
from toolkit.lab.balancer import (
    AT_OBSERVER,
    CLOSED,
    DEFERRED,
    REFUSED,
    RESET,
    SERVED,
    Numbers,
    balance,
    draw,
)
from toolkit.lab.scenarios import Scenario, scenario as scenario_named
from toolkit.lab.schedule import Schedule, Switch
from toolkit.reference import Offer, offers as known_offers, signature_schemes, suites
from toolkit.schemes import UPGRADES
from toolkit.tables import Tables
from toolkit.text import not_known, type_name

_ROUND_LOST, _LOOK_LOST, _ROUND_MOVED = range(AT_OBSERVER, AT_OBSERVER + 3)


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """When and how often to observe.

    `rounds` are the instants of the rounds (see `SamplingPlan.every`), each shifted by a uniform ±`jitter`. In each
    round, every address of every service is observed `samples` times with each of the `offers`
    (`toolkit.reference.offers`) and server names, `spacing` apart. `look_loss` and `round_loss` are the shares of
    observations and rounds that the observer loses: they leave no row. Raises `LabUsageError` for a plan without
    observations, an unknown offer, and an instant without a time zone.

    >>> from datetime import UTC, datetime
    >>> from toolkit.lab import SamplingPlan
    >>> plan = SamplingPlan((datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)), samples=3)
    >>> len(plan.rounds), plan.offers
    (2, ('any',))
    """

    rounds: tuple[datetime, ...]
    samples: int = 1
    offers: tuple[str, ...] = ("any",)
    spacing: timedelta = timedelta(0)
    jitter: timedelta = timedelta(0)
    look_loss: float = 0.0
    round_loss: float = 0.0

    def __post_init__(self) -> None:
        if not self.rounds or self.samples < 1 or not self.offers:
            raise LabUsageError("A plan needs at least one round, one sample and one offer.")
        if unknown := [name for name in self.offers if name not in known_offers()]:
            raise LabUsageError(not_known("offer ", unknown[0], known_offers()))
        if any(instant.tzinfo is None for instant in self.rounds):
            raise LabUsageError("The rounds of a plan need a time zone, such as datetime(…, tzinfo=timezone.utc).")

    @classmethod
    def every(cls, gap: timedelta, begins_at: datetime, ends_at: datetime, samples: int = 1) -> "SamplingPlan":
        """A round every `gap` from `begins_at` to `ends_at`, both included.

        >>> from datetime import UTC, datetime, timedelta
        >>> from toolkit.lab import SamplingPlan
        >>> begins_at = datetime(2026, 1, 1, tzinfo=UTC)
        >>> len(SamplingPlan.every(timedelta(hours=6), begins_at, begins_at + timedelta(days=1)).rounds)
        5
        """
        require_type("SamplingPlan.every", gap, timedelta, such_as="timedelta(days=1)")
        for instant in (begins_at, ends_at):
            require_type("SamplingPlan.every", instant, datetime, such_as="datetime(2026, 1, 1, tzinfo=UTC)")
        if gap <= timedelta(0):
            raise LabUsageError(f"gap={gap}: must be longer than 0.")
        return cls(tuple(begins_at + n * gap for n in range((ends_at - begins_at) // gap + 1)), samples)


@dataclass(frozen=True, slots=True, eq=False)
class DrawnLooks:
    """Observations of one address of one service, as arrays of equal length in the order of their connections.

    `at` (int64 [µs since 1970]), `round`, `sample`, `offer` (int64, number in the plan), `server_name` (int64, number
    in the service's `asked`), `backend` (int64; -1: the connection reached none), `issue` (int64, number in the
    schedule; -1: no certificate), `ending` (int8: 0 served, 1 refused, 2 reset, 3 closed, 4 deferred).

    >>> from datetime import timedelta
    >>> from toolkit.lab import SamplingPlan, draw_looks, scenario
    >>> schedule = scenario("slow-rollout", services=1).schedule(seed=7)
    >>> begins_at, ends_at = schedule.begins_at, schedule.begins_at + timedelta(days=2)
    >>> plan = SamplingPlan.every(timedelta(days=1), begins_at, ends_at, samples=2)
    >>> looks = draw_looks(schedule, 7, plan)[0]
    >>> looks.round.tolist(), looks.issue.tolist()
    ([0, 0, 1, 1, 2, 2], [0, 0, 0, 0, 0, 0])
    """

    service: int
    address: str
    at: Numbers
    round: Numbers
    sample: Numbers
    offer: Numbers
    server_name: Numbers
    backend: Numbers
    issue: Numbers
    ending: NDArray[np.int8]


def draw_looks(schedule: Schedule, seed: int, plan: SamplingPlan) -> list[DrawnLooks]:
    """The observations of the plan at every service and address, with the backends that a `Lab` of that seed picks.

    A round goes through the samples, for each through the offers, for each through the server names, as a collector
    does.

    >>> from datetime import timedelta
    >>> from toolkit.lab import SamplingPlan, draw_looks, scenario
    >>> schedule = scenario("slow-rollout", services=1).schedule(seed=7)
    >>> begins_at, ends_at = schedule.begins_at, schedule.begins_at + timedelta(days=2)
    >>> plan = SamplingPlan.every(timedelta(days=1), begins_at, ends_at, samples=2)
    >>> [len(looks.at) for looks in draw_looks(schedule, 7, plan)]
    [6]
    """
    require_type("draw_looks", schedule, Schedule)
    require_type("draw_looks", plan, SamplingPlan)
    return [
        _looks_at(schedule, seed, plan, number, address)
        for number, service in enumerate(schedule.services)
        for address in service.addresses
    ]


def simulate(scenario: str | Scenario | Schedule, seed: int, plan: SamplingPlan) -> Tables:
    """Tables as `collect` would have written them, with `source="simulated"` and without servers or sockets.

    Certificates are the bytes that a `Lab` of the same scenario and seed serves. Only the certificate is simulated:
    protocol, suite and duration are null, and every backend is assumed to support the versions that are offered. Of two
    key types a backend serves the one whose signature schemes the offer lists first, as OpenSSL does.

    >>> from datetime import timedelta
    >>> from toolkit.lab import SamplingPlan, scenario, simulate
    >>> rollout = scenario("slow-rollout", services=1, backends=4)
    >>> begins_at, ends_at = rollout.begins_at, rollout.begins_at + timedelta(days=30)
    >>> plan = SamplingPlan.every(timedelta(days=1), begins_at, ends_at, samples=2)
    >>> simulate(rollout, 7, plan)
    Tables
      observations  62 rows of 1 service, 0 failed; 2026-01-01 to 2026-01-31; simulated data
      certificates  2 rows
      support       0 rows
      rounds        0 rows
    """
    require_type("simulate", plan, SamplingPlan)
    schedule = as_schedule(scenario, seed)
    issued = issue_all(schedule, seed)
    looks = draw_looks(schedule, seed, plan)
    seen = sorted({int(number) for drawn in looks for number in np.unique(drawn.issue) if number >= 0})
    chains = {der for number in seen for der in issued[number].chain[1:]}
    rows = list({issued[number].sha256: issued[number].row for number in seen}.values())
    rows += [authority.row for authority in authorities().values() if authority.der in chains]
    return Tables.from_frames(
        pd.concat([_observed(schedule, seed, plan, drawn) for drawn in looks], ignore_index=True),
        schema.frame("certificates", rows),
    )


def as_schedule(scenario: str | Scenario | Schedule, seed: int) -> Schedule:
    """The schedule of a scenario under the seed; the scenario is a name, a `Scenario` or already a `Schedule`."""
    if not isinstance(seed, int):
        raise LabUsageError(f"seed={seed!r:.60}: must be a whole number, such as seed=2026.")
    if isinstance(scenario, Schedule):
        return scenario
    named = scenario_named(scenario) if isinstance(scenario, str) else scenario
    if not isinstance(named, Scenario):
        raise LabUsageError(
            f"A lab follows a scenario, its name or a Schedule, not {type_name(named)}: write Lab('year')."
        )
    return named.schedule(seed)


def _looks_at(schedule: Schedule, seed: int, plan: SamplingPlan, number: int, address: str) -> DrawnLooks:
    service = schedule.services[number]
    names = len(service.asked)
    per_round = len(plan.offers) * plan.samples * names
    rounds = np.repeat(np.arange(len(plan.rounds)), per_round)
    within = np.tile(np.arange(per_round), len(plan.rounds))
    starts = np.array([microseconds(instant) for instant in plan.rounds], dtype=np.int64)
    moved = (draw(seed, _ROUND_MOVED, np.arange(len(starts))) * 2 - 1) * (plan.jitter / timedelta(microseconds=1))
    at = (starts + moved.astype(np.int64))[rounds] + within * (plan.spacing // timedelta(microseconds=1))
    place = (number, service.addresses.index(address))
    kept = (draw(seed, _ROUND_LOST, rounds) >= plan.round_loss) & (
        draw(seed, _LOOK_LOST, *place, rounds, within) >= plan.look_loss
    )
    rounds, within, at = rounds[kept], within[kept], at[kept]
    backend, ending = balance(schedule, seed, number, address, connection=np.arange(len(at)), at=at)
    sample, offer, name = np.unravel_index(within, (plan.samples, len(plan.offers), names))
    issue = np.full(len(at), -1, dtype=np.int64)
    for place_of in np.unique(backend[backend >= 0]):
        for (offered, offer_name), (asked, server_name) in product(enumerate(plan.offers), enumerate(service.asked)):
            looks = np.flatnonzero((backend == place_of) & (offer == offered) & (name == asked))
            switches = service.backends[place_of].switches_for(server_name)
            issue[looks] = _served(switches, _admitted(known_offers()[offer_name]), at[looks])
    ending[(backend >= 0) & (issue < 0)] = REFUSED
    return DrawnLooks(number, address, at, rounds, sample, offer, name, backend, issue, ending)


def _served(switches: tuple[Switch, ...], admitted: list[str], at: Numbers) -> Numbers:
    """The issue that a backend with these switches serves at each instant for these key types; -1: no certificate."""
    served = np.full(len(at), -1, dtype=np.int64)
    for key_type in admitted:
        own = [switch for switch in switches if switch.key_type == key_type]
        issues = np.array([-1] + [-1 if switch.issue is None else switch.issue for switch in own])
        times = np.array([microseconds(switch.at) for switch in own], dtype=np.int64)
        shown = issues[np.searchsorted(times, at, side="right")]
        served = np.where(served < 0, shown, served)
    return served


def _admitted(offer: Offer) -> list[str]:
    """The key types that a client with this offer accepts, the preferred one first."""
    if offer.signature_schemes:
        return list(dict.fromkeys(signature_schemes()[code].key_type for code in offer.signature_schemes))
    # Before TLS 1.2 the suite alone decides (RFC 4346, section 7.4.2).
    names = {"RSA": "RSA", "ECDSA": "EC"}
    algorithms = (suites()[code].authentication for code in offer.suites)
    return list(dict.fromkeys(names[name] for name in algorithms if name in names))


# Ending → outcome, stage, reason, as a collector writes them.
_OUTCOMES: Final = {
    SERVED: ("ok", "finished", None),
    REFUSED: ("refused", "hello", "alert handshake_failure"),
    RESET: ("reset", "upgrade", None),
    CLOSED: ("closed", "upgrade", None),
    DEFERRED: ("deferred", "upgrade", "421"),
}


def _observed(schedule: Schedule, seed: int, plan: SamplingPlan, drawn: DrawnLooks) -> pd.DataFrame:
    service = schedule.services[drawn.service]
    issued = issue_all(schedule, seed)
    leaves = np.array([certificate.sha256 for certificate in issued] + [None], dtype=object)
    chains = np.empty(len(issued) + 1, dtype=object)
    chains[:-1] = [tuple(certificate.chain_sha256) for certificate in issued]
    at = pd.Series(drawn.at.astype("datetime64[us]")).dt.tz_localize("UTC")
    endings = [_OUTCOMES[ending] for ending in range(len(_OUTCOMES))]
    if service.scheme not in UPGRADES:
        endings = [(outcome, "hello" if stage == "upgrade" else stage, reason) for outcome, stage, reason in endings]
    columns = {
        name: np.array([ending[place] for ending in endings], dtype=object)[drawn.ending]
        for place, name in enumerate(("outcome", "stage", "reason"))
    }
    return pd.DataFrame(
        columns
        | {
            "observed_at": at,
            "date_basis": "observed",
            "round": np.array([f"simulated {seed} {n:06d}" for n in range(len(plan.rounds))], dtype=object)[
                drawn.round
            ],
            "sample": drawn.sample,
            "vantage": "simulated",
            "source": "simulated",
            "tool": f"tls-toolkit {__version__}",
            "service": service.service,
            "host": service.host,
            "port": service.number,
            "address": drawn.address,
            "server_name": np.array(service.asked, dtype=object)[drawn.server_name],
            "offer": np.array([known_offers()[name].name for name in plan.offers], dtype=object)[drawn.offer],
            "leaf_sha256": leaves[drawn.issue],
            "chain_sha256": chains[drawn.issue],
        }
    )
