"""Observe a small lab for eight months and keep the result: `python data/make_lab_sample.py` → data/lab-sample/.

The notebooks read it by default, so that each shows what it teaches. Everything is labelled `lab`. The
certificates, the switch times and which backend answers follow from `SEED`; rounds are named by their day, and how
long an answer took is left out. To stay small, the sample leaves out the handshakes of a survey, and its questions
about suites and groups that no survey found accepted. What may differ between two computers is what their OpenSSL
negotiates.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

import toolkit
from toolkit.collection import Limits
from toolkit.lab import Backend, Lab, Schedule, Service, Switch
from toolkit.lab.issuance import Draft, roll_out_times
from toolkit.lab.schedule import DAY
from toolkit.tables import Tables

FOLDER: Final = Path(__file__).resolve().parent / "lab-sample"
SEED: Final = 2025
BEGINS_AT: Final = datetime(2025, 6, 1, tzinfo=UTC)
DAYS: Final = 240
STEP: Final = 3
"""Days between two rounds."""

ERAS: Final = (0, 81, 162)
"""Days on which services change their software: `legacy` loses SSL 3.0 and RC4, then 3DES; two hosts get ML-KEM."""

SURVEYS: Final = (9, 90, 171, 234)
"""Days of the surveys."""

SURVEYED: Final = ("legacy.lab.test", "www.lab.test", "imap.lab.test")


_IN_ORDER: Final = Limits(per_host=1)
"""One connection at a time, so that each connection gets the same backend in every run."""

# Family → key type, names, days of life, days on which a roll-out begins.
_FAMILIES: Final = {
    "mail": ("RSA", ("mx.lab.test", "relay.lab.test", "submit.lab.test"), 90, (-20, 42, 105, 168, 229)),
    "mx": ("EC", ("mx.lab.test",), 90, (-35, 28, 92, 155, 217)),
    "box": ("RSA", ("imap.lab.test", "pop.lab.test"), 120, (-15, 60, 118, 199)),
    "www": ("EC", ("www.lab.test", "lab.test"), 90, (-30, 30, 90, 150, 210)),
    "legacy": ("RSA", ("legacy.lab.test",), 198, (-180, 25)),
}

# Service → its backends, the families that it serves, samples per round, offers, implementation and settings by era.
_SSL, _PY = ("ssl", "current"), ("pyopenssl", "current")
_SERVICES: Final = (
    ("smtp", "mx.lab.test", 25, 4, ("mail", "mx"), 3, ("any", "rsa"), (_SSL, _SSL, _SSL)),
    ("smtp", "relay.lab.test", 587, 3, ("mail",), 3, ("any",), (_SSL, _SSL, _SSL)),
    ("smtps", "submit.lab.test", 465, 3, ("mail",), 2, ("any",), (_SSL, _SSL, _SSL)),
    ("imaps", "imap.lab.test", 993, 3, ("box",), 3, ("any",), (_SSL, _PY, _PY)),
    ("pop3s", "pop.lab.test", 995, 3, ("box",), 2, ("any",), (_SSL, _SSL, _SSL)),
    ("https", "www.lab.test", 443, 2, ("www",), 2, ("any",), (_SSL, _SSL, _PY)),
    ("smtp", "legacy.lab.test", 25, 1, ("legacy",), 1, ("any",),
     (("tlslite", "legacy"), ("tlslite", "without-rc4"), ("tlslite", "aes-only"))),
)  # fmt: skip

_RATES: Final = {"relay.lab.test": {"drop_rate": 0.02, "defer_rate": 0.03}, "imap.lab.test": {"drop_rate": 0.02}}
_STICKY: Final = "pop.lab.test"


def draw_schedule(era: int) -> Schedule:
    """The schedule of an era: the certificates are the same in all eras, the software differs."""
    chance = np.random.default_rng(SEED)
    draft = Draft()
    issues = {name: _issue_family(draft, name) for name in _FAMILIES}
    services = []
    for scheme, host, port, count, families, _, _, software in _SERVICES:
        switches: list[list[Switch]] = [[] for _ in range(count)]
        for family in families:
            key_type, _, _, begins = _FAMILIES[family]
            for number, (issue, day) in enumerate(zip(issues[family], begins, strict=True)):
                at = BEGINS_AT + (day + float(chance.uniform(0, 1))) * DAY
                times = roll_out_times(chance, at, count, float(chance.uniform(7, 13)) * DAY)
                if host == "submit.lab.test" and number == 2:
                    times[0] = max(times) + 16 * DAY  # one backend is updated 16 days later
                for own, time in zip(switches, times, strict=True):
                    own.append(Switch(max(time, BEGINS_AT), key_type, issue))
                if host == "imap.lab.test" and number == 2:
                    back, again = max(times) + 15 * DAY, max(times) + 35 * DAY
                    for own in switches:
                        own += [Switch(back, key_type, issue - 1), Switch(again, key_type, issue)]
        if host == "relay.lab.test":
            switches[1] = _without_chain(draft, switches[1], BEGINS_AT + 70 * DAY, BEGINS_AT + 95 * DAY)
        implementation, settings = software[era]
        backends = tuple(
            Backend(tuple(sorted(own, key=lambda switch: switch.at)), implementation=implementation, settings=settings)
            for own in switches
        )
        affinity = DAY if host == _STICKY else None
        services.append(Service(scheme, host, backends, port, affinity=affinity, **_RATES.get(host, {})))
    return Schedule("sample", BEGINS_AT, BEGINS_AT + DAYS * DAY, tuple(draft.issues), tuple(services))


def _issue_family(draft: Draft, name: str) -> list[int]:
    key_type, names, life, begins = _FAMILIES[name]
    return [draft.issue(names, key_type, BEGINS_AT + (day - 2) * DAY, life * DAY) for day in begins]


def _without_chain(draft: Draft, own: list[Switch], begins: datetime, ends: datetime) -> list[Switch]:
    """The switches of a backend that serves no intermediate from `begins` to `ends`."""
    before = [switch for switch in own if switch.at <= begins][-1]
    assert before.issue is not None
    assert not [switch for switch in own if begins < switch.at <= ends]
    bare = replace(before, at=begins, issue=draft.in_chain(before.issue, "bare"))
    return sorted([*own, bare, replace(before, at=ends)], key=lambda switch: switch.at)


def make() -> Tables:
    """The observations of all rounds and the surveys, as `Tables`."""
    return _settled(Tables.concat(list(_watched())))


def _watched() -> Iterator[Tables]:
    for era, first in enumerate(ERAS):
        last = ERAS[era + 1] if era + 1 < len(ERAS) else DAYS
        with Lab(draw_schedule(era), seed=SEED) as lab:
            for day in range(first, last, STEP):
                lab.clock.turn(BEGINS_AT + day * DAY)
                for target in lab.targets:
                    _, _, _, _, _, samples, offers, _ = _SERVICES[[row[1] for row in _SERVICES].index(target.host)]
                    yield toolkit.observe(
                        target, offers=offers, samples=samples, limits=_IN_ORDER, clock=lab.clock, progress=False
                    )
                if day in SURVEYS:
                    asked = [target for target in lab.targets if target.host in SURVEYED]
                    yield toolkit.survey(
                        asked, parts=("suites", "groups"), concurrency=1, rate=None, clock=lab.clock, progress=False
                    )  # type: ignore[misc]  # without dry_run it returns tables


def _settled(tables: Tables) -> Tables:
    """The tables, made small and without what differs from run to run (names of rounds, durations, order of rows)."""
    looks = tables.observations[tables.observations["offer"] != "survey"]
    looks = looks.assign(round=_by_day(looks), connect_ms=pd.NA, answer_ms=pd.NA, vantage=pd.NA)
    asked = tables.support
    accepted = asked[asked["state"] == "accepted"]
    is_kept = asked["suite"].isin(accepted["suite"].dropna()) | asked["group"].isin(accepted["group"].dropna())
    support = asked[is_kept].assign(round=_by_day(asked[is_kept]))
    return Tables.from_frames(
        observations=looks.sort_values(["observed_at", "service", "offer", "sample"], kind="stable"),
        certificates=tables.certificates.sort_values("cert_sha256"),
        support=support.sort_values(
            ["observed_at", "service", "protocol", "suite", "group"], na_position="first", kind="stable"
        ),
    )


def _by_day(rows: pd.DataFrame) -> pd.Series:
    return "lab-sample-" + rows["observed_at"].dt.strftime("%Y-%m-%d").astype("string")


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    make().to_csv(FOLDER)
