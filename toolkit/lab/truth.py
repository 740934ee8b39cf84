"""The truth of a lab as frames: what it serves and when, computed from its schedule alone."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, pairwise
from typing import Final

import pandas as pd
from pandas.api.types import pandas_dtype

from toolkit import schema
from toolkit.arguments import require_type
from toolkit.columns import DTYPES, Column, described, dtypes
from toolkit.lab.authority import authorities, issue_all
from toolkit.lab.schedule import Schedule, Service

_SLOT: Final = (
    Column("service", "text", "`scheme://host:port`"),
    Column("server_name", "text", "host name that clients ask for"),
)

SERVING: Final = (
    *_SLOT,
    Column("address", "text", "loopback address of the backend"),
    Column("backend", "integer", "number of the backend within its service, from 0"),
    Column("key_type", "text", "RSA or EC"),
    Column("leaf_sha256", "text", "certificate that it serves"),
    Column("chain", "text", "with which chain: a key of `toolkit.lab.CHAINS`"),
    Column("served_from_at", "instant", "first instant"),
    Column("served_until_at", "instant", "end, exclusive", "served to the end of the schedule"),
)
"""Columns of `Truth.serving`: one row per period in which a backend serves a certificate with one chain."""

ROTATIONS: Final = (
    *_SLOT,
    Column("key_type", "text", "RSA or EC"),
    Column("predecessor_sha256", "text", "certificate that is replaced"),
    Column("successor_sha256", "text", "certificate that replaces it"),
    Column("started_at", "instant", "the first backend serves the successor"),
    Column("midpoint_at", "instant", "half of the slot's backends serve the successor", "they never do"),
    Column("done_at", "instant", "the last backend stops serving the predecessor", "not within the schedule"),
    Column("backend_count", "integer", "backends of the slot"),
    Column("is_rollback", "boolean", "the slot served the successor before, and had left it"),
)
"""Columns of `Truth.rotations`: one row per change of the certificate of a slot (service, server name, key type)."""

CAUSE_NAMES: Final = (
    "rotation", "rollback", "key_types", "stuck_backend", "addresses", "default_certificate", "other_chain", "reissue",
    "unrelated",
)  # fmt: skip
"""Why a service may show several certificates."""

CAUSES: Final = (
    *_SLOT,
    Column("key_type", "text", "RSA or EC", "the cause concerns every key type"),
    Column("cause", "text", f"one of {', '.join(CAUSE_NAMES)}"),
    Column(
        "leaf_sha256", "text", "certificate that the cause is about (of a re-issue the second)", "none in particular"
    ),
    Column("begins_at", "instant", "first instant"),
    Column("ends_at", "instant", "end", "to the end of the schedule"),
)
"""Columns of `Truth.causes`: one row per reason why several certificates or chains are served at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What a lab serves, as four frames: `serving`, `rotations`, `certificates` and `causes`.

    `certificates` holds leaves and CA certificates with the columns of the table of that name. Certificates whose
    cause is `unrelated` have no part in `rotations`. The columns of the other frames follow.

    >>> from toolkit.lab import scenario, tell_truth
    >>> truth = tell_truth(scenario("slow-rollout", services=1, generations=2).schedule(seed=7), seed=7)
    >>> len(truth.serving), len(truth.rotations), truth.causes["cause"].tolist()
    (20, 1, ['rotation'])
    """

    serving: pd.DataFrame
    rotations: pd.DataFrame
    certificates: pd.DataFrame
    causes: pd.DataFrame


Truth.__doc__ = "\n\n".join(
    [inspect.cleandoc(Truth.__doc__ or "")]
    + [f"`{name}`:\n\n{described(columns)}" for name, columns in
       (("serving", SERVING), ("rotations", ROTATIONS), ("causes", CAUSES))]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _ServingPeriod:
    """A backend serves an issue of a slot from `begins` to `ends` (None: without an end).

    `certificate` is the first issue of the same certificate: others differ in their chain.
    """

    backend: int
    issue: int
    certificate: int
    begins: datetime
    ends: datetime | None


def tell_truth(schedule: Schedule, seed: int = 0) -> Truth:
    """The truth of a schedule; the certificates are issued for it, byte for byte those that a `Lab` serves.

    >>> from toolkit.lab import scenario, tell_truth
    >>> truth = tell_truth(scenario("slow-rollout", services=1, generations=2).schedule(seed=7), seed=7)
    >>> print(truth.rotations[["service", "key_type", "backend_count", "is_rollback"]].to_string(index=False))
                  service key_type  backend_count  is_rollback
    smtp://mx.lab.test:25      RSA             10        False
    """
    require_type("tell_truth", schedule, Schedule)
    issued = issue_all(schedule, seed)
    hashes = [certificate.sha256 for certificate in issued]
    serving: list[dict[str, object]] = []
    rotations: list[dict[str, object]] = []
    causes: list[dict[str, object]] = []
    certificates = [hashes.index(one) for one in hashes]
    strangers = {cause.issue for cause in schedule.causes if cause.cause == "unrelated"}
    for number, server_name in ((n, name) for n, service in enumerate(schedule.services) for name in service.asked):
        service = schedule.services[number]
        named = {"service": service.service, "server_name": server_name}
        slots = _slots(schedule, service, server_name, certificates)
        for key_type, periods in slots.items():
            slot = named | {"key_type": key_type}
            serving += [
                slot
                | {
                    "address": service.backends[period.backend].address,
                    "backend": period.backend,
                    "leaf_sha256": hashes[period.issue],
                    "chain": schedule.issues[period.issue].chain,
                    "served_from_at": period.begins,
                    "served_until_at": period.ends,
                }
                for period in periods
            ]
            for rotation in _rotations([s for s in periods if s.certificate not in strangers], hashes):
                rotations.append(slot | rotation)
                if rotation["done_at"] is None or rotation["done_at"] != rotation["started_at"]:
                    cause = "rollback" if rotation["is_rollback"] else "rotation"
                    span = {"begins_at": rotation["started_at"], "ends_at": rotation["done_at"]}
                    causes.append(slot | {"cause": cause} | span)
        names = [{name for s in own for name in schedule.issues[s.issue].names} for own in slots.values()]
        if any(one & other for one, other in combinations(names, 2)):
            causes.append(named | {"cause": "key_types", "begins_at": schedule.begins_at})
        causes += [
            named
            | {"key_type": cause.key_type, "cause": cause.cause}
            | {"leaf_sha256": None if cause.issue is None else hashes[cause.issue]}
            | {"begins_at": cause.begins_at, "ends_at": cause.ends_at}
            for cause in schedule.causes
            if cause.service == number and (cause.server_name or service.asked[0]) == server_name
        ]
    rows = list({one.sha256: one.row for one in (*issued, *authorities().values())}.values())
    return Truth(
        framed(serving, SERVING),
        framed(rotations, ROTATIONS),
        schema.frame("certificates", rows),
        framed(causes, CAUSES),
    )


def _slots(
    schedule: Schedule, service: Service, server_name: str, certificates: list[int]
) -> dict[str, list[_ServingPeriod]]:
    """Key type → the periods of a service's backends, clipped to the schedule's begin, backend by backend."""
    slots: dict[str, list[_ServingPeriod]] = {}
    for place, backend in enumerate(service.backends):
        switches = backend.switches_for(server_name)
        for key_type in sorted({switch.key_type for switch in switches}):
            own = [switch for switch in switches if switch.key_type == key_type]
            ends = [switch.at for switch in own[1:]]
            for switch, end in zip(own, [*ends, None], strict=True):
                if switch.issue is not None and (end is None or end > schedule.begins_at):
                    begins = max(switch.at, schedule.begins_at)
                    period = _ServingPeriod(place, switch.issue, certificates[switch.issue], begins, end)
                    slots.setdefault(key_type, []).append(period)
    return slots


def _rotations(periods: list[_ServingPeriod], hashes: list[str]) -> Iterator[dict[str, object]]:
    """The changes of a slot, from the spells in which a certificate was served by any backend, in order."""
    backends = len({period.backend for period in periods})
    spells = sorted(_spells(periods), key=lambda spell: (spell[1], spell[0]))
    served = {spells[0][0]} if spells else set()
    for (old, _, done), (new, started, ended) in pairwise(spells):
        if old == new:
            continue
        yield {
            "predecessor_sha256": hashes[old],
            "successor_sha256": hashes[new],
            "started_at": started,
            "midpoint_at": _midpoint(periods, new, started, ended, backends),
            "done_at": done,
            "backend_count": backends,
            "is_rollback": new in served,
        }
        served.add(new)


def _spells(periods: list[_ServingPeriod]) -> Iterator[tuple[int, datetime, datetime | None]]:
    """(issue, from, until) for each uninterrupted time in which at least one backend serves the issue."""
    for issue in sorted({period.certificate for period in periods}):
        begins: datetime | None = None
        ends: datetime | None = None
        for period in sorted((s for s in periods if s.certificate == issue), key=lambda period: period.begins):
            if begins is not None and (ends is None or period.begins <= ends):
                ends = None if ends is None or period.ends is None else max(ends, period.ends)
                continue
            if begins is not None:
                yield issue, begins, ends
            begins, ends = period.begins, period.ends
        if begins is not None:
            yield issue, begins, ends


def _midpoint(
    periods: list[_ServingPeriod], issue: int, started: datetime, ended: datetime | None, backends: int
) -> datetime | None:
    """First instant of a spell at which half of the backends or more serve the issue."""
    own = [s for s in periods if s.certificate == issue and s.begins >= started and (ended is None or s.begins < ended)]
    changes = sorted([(s.begins, 1) for s in own] + [(s.ends, -1) for s in own if s.ends is not None])
    count = 0
    for place, (at, change) in enumerate(changes):
        count += change
        is_last_at_instant = place + 1 == len(changes) or changes[place + 1][0] != at
        if is_last_at_instant and count * 2 >= backends:
            return at
    return None


def framed(rows: list[dict[str, object]], columns: Iterable[Column]) -> pd.DataFrame:
    """The rows as a frame with these columns; keys that a row lacks are null."""
    frame = pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in dtypes(columns)})
    for name, dtype in dtypes(columns).items():
        values = pd.to_datetime(frame[name], utc=True) if dtype == DTYPES["instant"] else frame[name]
        frame[name] = values.astype(pandas_dtype(dtype))
    return frame
