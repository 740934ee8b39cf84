"""What a lab serves when, told from its schedule as frames, before anything is served."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, pairwise
from typing import Final

import pandas as pd
from pandas.api.types import pandas_dtype

from toolkit import schema
from toolkit.columns import DTYPES
from toolkit.lab.authority import authorities, issue_all
from toolkit.lab.schedule import Schedule, Service

_INSTANT: Final = DTYPES["instant"]

_SERVING: Final = {
    "service": "string", "server_name": "string", "address": "string", "machine": "Int64", "key_type": "string",
    "leaf_sha256": "string", "chain": "string", "served_from": _INSTANT, "served_until": _INSTANT,
}  # fmt: skip
_ROTATIONS: Final = {
    "service": "string", "server_name": "string", "key_type": "string", "predecessor_sha256": "string",
    "successor_sha256": "string", "started_at": _INSTANT, "half_at": _INSTANT, "done_at": _INSTANT,
    "machines": "Int64", "is_rollback": "boolean",
}  # fmt: skip
_CAUSES: Final = {
    "service": "string", "server_name": "string", "key_type": "string", "cause": "string", "leaf_sha256": "string",
    "begins_at": _INSTANT, "ends_at": _INSTANT,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The truth of a lab, as frames.

    `serving`, one row per stretch in which a machine serves a certificate in one chain: `service`, `server_name` (that
    clients ask for), `address` (string), `machine` (Int64, from 0 within its service), `key_type`, `leaf_sha256`,
    `chain` (string: `toolkit.lab.CHAINS`), `served_from` (instant), `served_until` (instant, exclusive; null: to the
    end of the schedule and on).

    `rotations`, one row per change of the certificate of a line (service, server_name, key_type): `service`,
    `server_name`, `key_type`, `predecessor_sha256`, `successor_sha256` (string), `started_at` (instant: the first
    machine serves the successor, S), `half_at` (instant: first that half of the line's machines serve it; null:
    never), `done_at` (instant: the last machine leaves the predecessor, D; null: not within the schedule),
    `machines` (Int64: how many the line has), `is_rollback` (boolean: the successor had been served and left before).
    A certificate that is `unrelated` (see `causes`) has no part in them.

    `certificates`: leaf and CA certificates with the columns of the table of that name (data/README.md).

    `causes`, one row per reason why a window shows several leaves or chains: `service`, `server_name`, `key_type`
    (string; null: it concerns all), `cause` (string: rotation, rollback, key_types, stuck_machine, addresses,
    default_certificate, other_chain, reissue, unrelated), `leaf_sha256` (string: the certificate that it is about, the
    second of a re-issue; null: none in particular), `begins_at`, `ends_at` (instant; null: to the end).

    >>> from toolkit.lab import scenario, tell_truth
    >>> truth = tell_truth(scenario("slow-rollout", services=1, generations=2).schedule(seed=7), seed=7)
    >>> len(truth.serving), len(truth.rotations), truth.causes["cause"].tolist()
    (20, 1, ['rotation'])
    """

    serving: pd.DataFrame
    rotations: pd.DataFrame
    certificates: pd.DataFrame
    causes: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A machine serves an issue of a line from `begins` to `ends` (None: on and on).

    `certificate` is the first issue of the same certificate: others differ in their chain.
    """

    machine: int
    issue: int
    certificate: int
    begins: datetime
    ends: datetime | None


def tell_truth(schedule: Schedule, seed: int = 0) -> Truth:
    """The truth of a schedule; the certificates are issued for it, byte for byte those that a `Lab` serves.

    >>> from toolkit.lab import scenario, tell_truth
    >>> truth = tell_truth(scenario("slow-rollout", services=1, generations=2).schedule(seed=7), seed=7)
    >>> print(truth.rotations[["service", "key_type", "machines", "is_rollback"]].to_string(index=False))
                  service key_type  machines  is_rollback
    smtp://mx.lab.test:25      RSA        10      False
    """
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
        lines = _lines(schedule, service, server_name, certificates)
        for key_type, stretches in lines.items():
            line = named | {"key_type": key_type}
            serving += [
                line
                | {
                    "address": service.machines[stretch.machine].address,
                    "machine": stretch.machine,
                    "leaf_sha256": hashes[stretch.issue],
                    "chain": schedule.issues[stretch.issue].chain,
                    "served_from": stretch.begins,
                    "served_until": stretch.ends,
                }
                for stretch in stretches
            ]
            for rotation in _rotations([s for s in stretches if s.certificate not in strangers], hashes):
                rotations.append(line | rotation)
                if rotation["done_at"] is None or rotation["done_at"] != rotation["started_at"]:
                    cause = "rollback" if rotation["is_rollback"] else "rotation"
                    span = {"begins_at": rotation["started_at"], "ends_at": rotation["done_at"]}
                    causes.append(line | {"cause": cause} | span)
        names = [{name for s in own for name in schedule.issues[s.issue].names} for own in lines.values()]
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
        framed(serving, _SERVING),
        framed(rotations, _ROTATIONS),
        schema.frame("certificates", rows),
        framed(causes, _CAUSES),
    )


def _lines(
    schedule: Schedule, service: Service, server_name: str, certificates: list[int]
) -> dict[str, list[_Stretch]]:
    """Key type → the stretches of a service's machines, clipped to the schedule's begin, machine by machine."""
    lines: dict[str, list[_Stretch]] = {}
    for place, machine in enumerate(service.machines):
        switches = machine.switches_for(server_name)
        for key_type in sorted({switch.key_type for switch in switches}):
            own = [switch for switch in switches if switch.key_type == key_type]
            ends = [switch.at for switch in own[1:]]
            for switch, end in zip(own, [*ends, None], strict=True):
                if switch.issue is not None and (end is None or end > schedule.begins_at):
                    begins = max(switch.at, schedule.begins_at)
                    stretch = _Stretch(place, switch.issue, certificates[switch.issue], begins, end)
                    lines.setdefault(key_type, []).append(stretch)
    return lines


def _rotations(stretches: list[_Stretch], hashes: list[str]) -> Iterator[dict[str, object]]:
    """The changes of a line, from the spells in which a certificate was served by any machine, in order."""
    machines = len({stretch.machine for stretch in stretches})
    spells = sorted(_spells(stretches), key=lambda spell: (spell[1], spell[0]))
    served = {spells[0][0]} if spells else set()
    for (old, _, done), (new, started, ended) in pairwise(spells):
        if old == new:
            continue
        yield {
            "predecessor_sha256": hashes[old],
            "successor_sha256": hashes[new],
            "started_at": started,
            "half_at": _half(stretches, new, started, ended, machines),
            "done_at": done,
            "machines": machines,
            "is_rollback": new in served,
        }
        served.add(new)


def _spells(stretches: list[_Stretch]) -> Iterator[tuple[int, datetime, datetime | None]]:
    """(issue, from, until) for each uninterrupted time in which at least one machine serves the issue."""
    for issue in sorted({stretch.certificate for stretch in stretches}):
        begins: datetime | None = None
        ends: datetime | None = None
        for stretch in sorted((s for s in stretches if s.certificate == issue), key=lambda stretch: stretch.begins):
            if begins is not None and (ends is None or stretch.begins <= ends):
                ends = None if ends is None or stretch.ends is None else max(ends, stretch.ends)
                continue
            if begins is not None:
                yield issue, begins, ends
            begins, ends = stretch.begins, stretch.ends
        if begins is not None:
            yield issue, begins, ends


def _half(
    stretches: list[_Stretch], issue: int, started: datetime, ended: datetime | None, machines: int
) -> datetime | None:
    """First instant of a spell at which half of the machines or more serve the issue."""
    own = [
        s for s in stretches if s.certificate == issue and s.begins >= started and (ended is None or s.begins < ended)
    ]
    changes = sorted([(s.begins, 1) for s in own] + [(s.ends, -1) for s in own if s.ends is not None])
    count = 0
    for place, (at, change) in enumerate(changes):
        count += change
        is_last_at_instant = place + 1 == len(changes) or changes[place + 1][0] != at
        if is_last_at_instant and count * 2 >= machines:
            return at
    return None


def framed(rows: list[dict[str, object]], dtypes: dict[str, str]) -> pd.DataFrame:
    """The rows as a frame with these columns and dtypes; keys that a row lacks are null."""
    frame = pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in dtypes})
    for name, dtype in dtypes.items():
        values = pd.to_datetime(frame[name], utc=True) if dtype == _INSTANT else frame[name]
        frame[name] = values.astype(pandas_dtype(dtype))
    return frame
