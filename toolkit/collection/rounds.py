"""`observe` and `collect`: a round of looks, followed from the calling thread."""

import hashlib
import ipaddress
import json
import os
import platform
import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from time import monotonic
from typing import Final

import pandas as pd

from toolkit import schema, text
from toolkit.collection.engine import Engine, Expanded, Key, More, Plan
from toolkit.collection.interrupt import interrupts
from toolkit.collection.limits import POLITE, Limits
from toolkit.collection.names import Resolver
from toolkit.collection.progress import Bar
from toolkit.collection.rows import Rows
from toolkit.collection.settling import Settling
from toolkit.errors import StoreError, UsageError
from toolkit.reference import Offer
from toolkit.reference import offers as known_offers
from toolkit.sampling import check_share
from toolkit.store import Store, as_store
from toolkit.tables import Tables
from toolkit.targets import MailDomain, Target, expand_targets
from toolkit.wire import check_client_name

Targets = str | Target | MailDomain | Sequence[str | Target | MailDomain]

_BATCH_LOOKS: Final = 2_000
_BATCH_SECONDS: Final = 10.0
_BATCH_BYTES: Final = 1 << 25
"""A batch is kept when it has so many looks, is so old, or holds so many bytes: what a killed round loses at most."""


def now() -> datetime:
    """The present, in UTC: the default clock."""
    return datetime.now(UTC)


def observe(
    targets: Targets,
    *,
    offers: Sequence[str | Offer] = ("any",),
    samples: int = 1,
    addresses: int | None = None,
    limits: Limits = POLITE,
    vantage: str | None = None,
    clock: Callable[[], datetime] = now,
    resolver: Resolver | None = None,
    progress: bool = True,
    keep_bytes: bool = False,
    ehlo: str | None = None,
) -> Tables:
    """Look at the targets now: one row for each look, failures included.

    `targets`: service URLs, `host:port`, presets, `mx:domain` (its mail servers), or `Target`s; one or several.
    `offers`: names of frozen hellos (`toolkit.reference.offers`), or `Offer`s. `samples`: looks at each address with
    each offer. `addresses`: how many of a host's addresses are asked; null asks every A and AAAA address.
    `vantage`: from where is looked, as the rows will say; null by default, because a host name in a published table
    tells more than you may wish. `clock`: gives each look its instant. `resolver`: asks for addresses and mail
    servers; null asks the operating system for addresses, and `/etc/resolv.conf`'s servers for mail servers.
    `progress`: draw a bar. `keep_bytes`: keep what was sent and received from the hello on.
    `ehlo`: the host name or address literal by which SMTP's EHLO and LMTP's LHLO introduce this client. Null: the
    address of this machine, and `mail.example.com` where a server refuses that; neither is a name of yours.

    The tables have one row in `rounds` when it begins and one when it ends. Ctrl-C (in a notebook: interrupt) ends
    the round early and returns what was seen; `rounds.end_reason` is then `interrupted`.
    Raises `UsageError` for targets, offers or numbers that make no sense; never for what a server or network does.

    >>> looks = observe("https://127.0.0.1:1", progress=False).observations
    >>> looks[["service", "outcome", "stage", "reason"]].values.tolist()
    [['https://127.0.0.1:1', 'port_closed', 'connect', 'Connection refused']]
    """
    plan = make_plan(
        targets,
        offers,
        samples=samples,
        addresses=addresses,
        limits=limits,
        clock=clock,
        resolver=resolver,
        keep_bytes=keep_bytes,
        ehlo=ehlo,
    )
    kept: list[Tables] = []
    watched = Round(new_name(clock), plan, vantage, kept.append)
    # What was seen is the answer to an interrupt here: nobody else would keep it.
    with suppress(KeyboardInterrupt):
        watched.watch(progress=progress)
    return Tables.concat(kept)


def collect(
    targets: Targets,
    store: Store | str | os.PathLike[str],
    *,
    offers: Sequence[str | Offer] = ("any",),
    samples: int = 1,
    addresses: int | None = None,
    limits: Limits = POLITE,
    vantage: str | None = None,
    clock: Callable[[], datetime] = now,
    resolver: Resolver | None = None,
    progress: bool = True,
    keep_bytes: bool = False,
    ehlo: str | None = None,
    resume: str | None = None,
    settle: bool = False,
    min_share: float = 0.05,
) -> pd.Series:
    """Look at the targets as `observe` does, keep every look in the store, and return the round's end row.

    `store`: a `Store`, or the path or URL of one; it is made where there is none.

    The start row is kept before the first look is made, so what hinders keeping is an error before that. Looks are
    kept in batches as they are made; a process that is killed loses at most the last batch (2,000 looks or 10 seconds),
    and its round has no end row. Ctrl-C ends the round early: what was seen is kept, the end row says `interrupted`,
    and `KeyboardInterrupt` is raised again, with the number of looks kept and how to resume.

    `resume`: the identifier of a round in the store that did not finish, even before its first look; looks that it
    has already are not made again. Its second end row counts what was done since.

    `settle`: where the store or this round shows that a certificate is being replaced, make looks beyond `samples`
    until this round shows the old certificate, or bounds its share below `min_share` with 95 % confidence. That takes
    72 looks at 0.05, and more in each later attempt (`toolkit.collection.settling`). A slot that is settled gets no
    further looks. The looks must be independent; a load balancer with source affinity breaks that.

    The row has the columns of `rounds` (data dictionary: `data/README.md`). Raises `UsageError` as `observe` does and
    for an unknown round and what is no store, `StoreError` where the store cannot be written: where that happens in
    the middle of a round, what was kept before stays, and the message says how many looks were made but not kept.

    >>> import toolkit
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     ended = toolkit.collect("tls://127.0.0.1:1", folder, samples=2, progress=False)
    ...     looks = toolkit.Store(folder).load().observations
    >>> ended["end_reason"], looks["outcome"].tolist()
    ('finished', ['port_closed', 'port_closed'])
    """
    store = as_store(store)
    known: set[Key] = set()
    if resume is not None:
        looks = store.looks_of(resume).drop(columns="round").astype(object)
        known = set(looks.where(looks.notna(), None).itertuples(index=False, name=None))
        if not known and not store.has_round(resume):
            raise UsageError(
                f"resume={resume!r} (--resume): {store.path} has no such round. Leave it out to begin anew."
            )
    plan = make_plan(
        targets,
        offers,
        samples=samples,
        addresses=addresses,
        limits=limits,
        clock=clock,
        resolver=resolver,
        keep_bytes=keep_bytes,
        ehlo=ehlo,
        known=known,
    )
    name = resume or new_name(clock)
    if settle:
        plan = replace(plan, settling=_settling(name, min_share, store, plan))
    watched = Round(name, plan, vantage, store.append)
    try:
        watched.watch(progress=progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_farewell(watched, name, store)) from None
    return schema.frame("rounds", [watched.row]).iloc[0]


class Round:
    """Follows the engine: draws progress, and hands batches to `keep` with the round's rows around them."""

    _title, _unit = "Looking", "look"

    def __init__(self, name: str, plan: Plan, vantage: str | None, keep: Callable[[Tables], None]) -> None:
        self.row: dict[str, object] = {}
        self._name, self._plan, self._vantage, self._keep = name, plan, vantage, keep
        self._rows = Rows(round_=name, vantage=vantage)
        self._kept_at = monotonic()
        self._described: dict[str, object] | None = None
        self._targets = self._unresolved = len(plan.targets)
        self._foreseen = self._looks = self._looks_ok = self._connections = 0

    def watch(self, *, progress: bool) -> None:
        """Make the round. However it ends, what was seen is kept, and an end row where a start row is.

        Raises `KeyboardInterrupt` at the end of a round that was interrupted, `StoreError` where keeping failed.
        """
        try:
            self._watch(progress=progress)
        except StoreError as error:
            raise type(error)(f"{error} {self._what_is_kept()}") from error

    def _watch(self, *, progress: bool) -> None:
        end_reason = "interrupted"
        engine = self._start()
        try:
            with (
                interrupts(engine.cancel) as interrupted,
                Bar(desc=self._title, unit=self._unit, total=self._progress()[1], disable=not progress) as bar,
            ):
                self._follow(engine, bar)
                if not interrupted.is_set():
                    end_reason = "finished"
        finally:
            engine.cancel()
            self._finish(end_reason)
        if interrupted.is_set():
            raise KeyboardInterrupt

    def _draw(self, bar: Bar) -> None:
        bar.show(*self._progress())

    def _progress(self) -> tuple[int, int]:
        """What is done, and of how much: looks. A target whose addresses are not known yet counts as one address."""
        return self._looks, self._foreseen + self._unresolved * len(self._plan.offers) * self._plan.samples

    def _start(self) -> Engine:
        """Begin to ask."""
        return Engine(self._plan)

    def _settings(self) -> dict[str, object]:
        """What was asked for, as `rounds.settings` keeps it."""
        plan = self._plan
        return {
            "offers": [offer.name for offer in plan.offers],
            "samples": plan.samples,
            "settle": plan.settling is not None,
            "min_share": None if plan.settling is None else plan.settling.min_share,
            "addresses": plan.addresses,
            "limits": asdict(plan.limits) | {"blocked": _count_and_digest(plan.limits.blocked)},
        }

    def _done(self) -> dict[str, object]:
        """What the end row says beside the start row."""
        return {"looks": self._looks, "looks_ok": self._looks_ok, "connections": self._connections}

    def _planned(self, expanded: Expanded) -> int | None:
        return _planned(self._plan, expanded)

    def _follow(self, engine: Engine, bar: Bar) -> None:
        for report in engine.reports():
            if isinstance(report, Expanded):
                self._begin(report)
                engine.go_on()
            elif isinstance(report, More):
                self._foreseen += report.looks
                self._unresolved -= report.targets
            elif report is None:
                bar.refresh()
            else:
                self._rows.add(report)
                self._looks += 1
                self._looks_ok += report.answer.outcome == "ok"
                self._connections += report.is_connected
                self._draw(bar)
            is_full = len(self._rows) >= _BATCH_LOOKS or self._rows.size >= _BATCH_BYTES
            is_due = is_full or (len(self._rows) > 0 and monotonic() - self._kept_at > _BATCH_SECONDS)
            # A domain whose mail servers are not found is a row before the start row is kept: it waits for that.
            if is_due and self._described is not None:
                self._keep_batch()

    def _begin(self, expanded: Expanded) -> None:
        self._targets = self._unresolved = len(expanded.targets)
        self._described = {
            "round": self._name,
            "source": ", ".join(sorted({target.source for target in expanded.targets})) or "live",
            "vantage": self._vantage,
            "services": expanded.services,
            "settings": json.dumps(self._settings()),
            "versions": json.dumps(_versions()),
            "looks_planned": self._planned(expanded),
        }
        try:
            self._keep_batch({"phase": "start"})
        except StoreError:
            # A round whose start is not kept gets no end either.
            self._described = None
            raise

    def _what_is_kept(self) -> str:
        """What a failure of the store in this round cost."""
        if self._described is None:
            return "The round was not begun, nothing was observed."
        unkept = len(self._rows)
        if not unkept:
            return (
                f"All looks of round {self._name} are kept ({self._looks}); {_how_to_resume(self._name)} continues it."
            )
        return (
            f"Of the {text.counted(self._looks, 'look')} of round {self._name}, {unkept} were made but are not kept; "
            f"{_how_to_resume(self._name)} makes them again."
        )

    def _finish(self, end_reason: str) -> None:
        if self._described is not None:
            self._keep_batch(self._done() | {"phase": "end", "end_reason": end_reason})

    def _keep_batch(self, phase: dict[str, object] | None = None) -> None:
        """Hand over what was added, with a row of the round; it is forgotten only when it is kept."""
        if phase is not None and self._described is not None:
            self.row = self._described | {"written_at": self._plan.clock()} | phase
        self._keep(self._rows.tables([self.row] if phase else None))
        self._rows.clear()
        self._kept_at = monotonic()


def make_plan(
    targets: Targets,
    offers: Sequence[str | Offer],
    *,
    samples: int,
    addresses: int | None,
    limits: Limits,
    clock: Callable[[], datetime],
    resolver: Resolver | None,
    keep_bytes: bool,
    ehlo: str | None,
    known: Collection[Key] = (),
) -> Plan:
    """The plan of a round; raises `UsageError` for what makes no sense."""
    if isinstance(offers, str):
        raise UsageError(f"offers={offers!r}: write a tuple, offers=({offers!r},).")
    for name, number in (("samples", samples), ("addresses", addresses)):
        if number is not None and number < 1:
            raise UsageError(f"{name}={number}: must be at least 1.")
    if ehlo is not None:
        check_client_name(ehlo)
    named = {offer.name: offer for offer in map(_offer, offers)}
    if not named:
        raise UsageError("No offer given: name at least one, such as offers=('any',).")
    return Plan(
        expand_targets(targets),
        list(named.values()),
        samples=samples,
        addresses=addresses,
        limits=limits,
        clock=clock,
        resolver=resolver,
        keep_bytes=keep_bytes,
        ehlo=ehlo,
        known=known,
    )


def _farewell(watched: Round, name: str, store: Store) -> str:
    """What an interrupt leaves in the store, and how to go on."""
    if not watched.row:
        return f"Interrupted before the round began: nothing of it is kept in {store.path}."
    kept = text.counted(int(str(watched.row.get("looks", 0))), "look")
    return f"Interrupted: {kept} kept in {store.path}. To make the rest, collect again with {_how_to_resume(name)}."


def _how_to_resume(name: str) -> str:
    """In Python, and in a shell."""
    return f"resume={name!r} (--resume {name})"


def _settling(name: str, min_share: float, store: Store, plan: Plan) -> Settling:
    check_share(min_share)
    settling = Settling(name, min_share)
    # The mail servers of a domain are not known yet: then everything is remembered.
    services = [target.service for target in plan.targets if isinstance(target, Target)]
    if store.exists():
        settling.remember(store, services if len(services) == len(plan.targets) else None)
    return settling


def _offer(offer: str | Offer) -> Offer:
    if isinstance(offer, Offer):
        return offer
    if offer not in known_offers():
        raise UsageError(f"{offer!r} is not an offer. Known: {', '.join(known_offers())}.")
    return known_offers()[offer]


def _planned(plan: Plan, expanded: Expanded) -> int | None:
    """The looks foreseen; null where a name must be resolved first."""
    for target in expanded.targets:
        try:
            ipaddress.ip_address(target.connect_to[0] if target.connect_to else target.host)
        except ValueError:
            return None
    return len(expanded.targets) * len(plan.offers) * plan.samples


def _count_and_digest(entries: Collection[str]) -> dict[str, object]:
    """What the rows say of a list whose entries they do not keep: enough to see whether two rounds had the same one."""
    joined = "\n".join(sorted(set(entries)))
    return {"count": len(set(entries)), "sha256": hashlib.sha256(joined.encode()).hexdigest() if entries else None}


def new_name(clock: Callable[[], datetime]) -> str:
    """An identifier that sorts by time and that no other process makes."""
    return f"{clock():%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


@cache
def _versions() -> dict[str, str]:
    return {
        "tls-toolkit": version("tls-toolkit"),
        "python": platform.python_version(),
        "cryptography": version("cryptography"),
    }
