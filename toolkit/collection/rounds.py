"""`observe` and `collect`: a round of looks, returned or kept in a store."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final, TypedDict

import pandas as pd

from toolkit import schema, text
from toolkit.arguments import require_boolean
from toolkit.collection.clusters.collecting import ClusterRecorder, collect_shard
from toolkit.collection.clusters.runner import ClusterRunner
from toolkit.collection.interrupt import RoundInterrupt, warns_of_interrupt
from toolkit.collection.limits import POLITE, Limits
from toolkit.collection.names import Resolver
from toolkit.collection.planning import RoundPlan, make_plan
from toolkit.collection.recorder import RoundRecorder, new_round_name, now
from toolkit.collection.resting import find_resting
from toolkit.collection.resuming import how_to_resume, looks_to_resume
from toolkit.collection.runner import Runner
from toolkit.collection.settling import Settling
from toolkit.errors import StoreError
from toolkit.reference import Offer
from toolkit.sampling import check_share
from toolkit.store import Store, as_store
from toolkit.tables import Tables
from toolkit.targets import Target, Targets
from toolkit.workers import require_client

if TYPE_CHECKING:
    from distributed import Client

_SHARD_LOOKS: Final = 5_000
"""Most looks of a shard of a cluster, unless one address has more."""


class CollectOptions(TypedDict, total=False):
    """The options of `collect` that `watch` passes on."""

    offers: str | Sequence[str | Offer]
    samples: int
    addresses: int | None
    limits: Limits
    vantage: str | None
    resolver: Resolver | None
    keep_bytes: bool
    ehlo: str | None
    contact: str | None
    settle: bool
    min_share: float
    back_off: bool
    client: "Client | None"


def observe(
    targets: Targets,
    *,
    offers: str | Sequence[str | Offer] = ("any",),
    samples: int = 1,
    addresses: int | None = None,
    limits: Limits = POLITE,
    vantage: str | None = None,
    clock: Callable[[], datetime] = now,
    resolver: Resolver | None = None,
    progress: bool = True,
    keep_bytes: bool = False,
    ehlo: str | None = None,
    contact: str | None = None,
) -> Tables:
    """Observe the targets now: `observations` has one row for each look, failed ones included.

    - `targets`: service URLs, `host:port`, presets, `mx:domain` (its mail servers), or `Target`s: one, or any iterable
      of them, such as a list, a generator or a Series. Or a frame with a column `target`, or `host` with `scheme` or
      `port`.
    - `offers`: the name of a frozen ClientHello (`toolkit.reference.offers`), or several names or `Offer`s in a list.
    - `samples`: looks at each address with each offer.
    - `addresses`: how many of a host's addresses are observed; None: all A and AAAA addresses.
    - `limits`: time, bytes and connections allowed (`Limits`).
    - `vantage`: where this machine is, for the column `vantage`. It is None by default, because a host name in a
      published table may disclose more than you want.
    - `clock`: returns the instant of each look.
    - `resolver`: resolves addresses and mail servers; None: the operating system resolves addresses, and the servers
      in `/etc/resolv.conf` resolve mail servers.
    - `progress`: draw a progress bar on standard error.
    - `keep_bytes`: keep the bytes sent and received from the ClientHello on.
    - `ehlo`: the host name or address literal that SMTP's EHLO and LMTP's LHLO give. None: this machine's address,
      then `mail.example.com` where a server refuses the address; neither discloses a name of yours.
    - `contact`: how an operator can reach you, such as an e-mail address or a URL: one line of at most 200 printable
      ASCII characters. It is kept in `rounds.settings`, and IMAP's ID says it where the server lists ID. No other
      dialogue before TLS has a place for it; SMTP has the name of `ehlo`. None: nothing is said.

    `rounds` has one row for the start of the round and one for its end. Ctrl-C (in a notebook: interrupt) ends the
    round early and returns what was seen, with an `InterruptWarning`; `rounds.end_reason` is then `interrupted`.
    Raises `UsageError` for targets, offers or numbers that make no sense; never for what a server or network does.

    >>> from toolkit import observe
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
        contact=contact,
    )
    kept: list[Tables] = []
    recorder = RoundRecorder(new_round_name(clock), plan, vantage, Runner(plan), kept.append)
    # An interrupt returns what was seen, because the caller has no other way to get it.
    with warns_of_interrupt(lambda: recorder.row):
        recorder.run(progress=progress)
    return Tables.concat(kept)


def collect(
    targets: Targets,
    store: Store | str | os.PathLike[str],
    *,
    offers: str | Sequence[str | Offer] = ("any",),
    samples: int = 1,
    addresses: int | None = None,
    limits: Limits = POLITE,
    vantage: str | None = None,
    clock: Callable[[], datetime] = now,
    resolver: Resolver | None = None,
    progress: bool = True,
    keep_bytes: bool = False,
    ehlo: str | None = None,
    contact: str | None = None,
    resume: str | None = None,
    settle: bool = False,
    min_share: float = 0.05,
    back_off: bool = False,
    client: "Client | None" = None,
) -> pd.Series:
    """Observe the targets as `observe` does, keep every look in the store, and return the round's end row.

    `store`: a `Store`, or the path or URL of one; a missing store is created. The other arguments are those of
    `observe`, and:

    - `resume`: the identifier of a round in the store that did not finish. Looks that it has already are not made
      again. Its new end row counts the looks made since. The targets must be those of the round, or some of them; of
      `mx:`, the servers that it has now are observed.
    - `settle`: where the store or this round shows that a certificate is being replaced, make looks beyond `samples`
      until this round shows the old certificate, or bounds its share below `min_share` with 95 % confidence. That takes
      72 looks at 0.05, and more in each later attempt (`toolkit.collection.settling`). A slot that is settled gets no
      further looks. The looks must be independent; a load balancer with source affinity breaks that.
    - `back_off`: ask a service that the last 5 rounds of the store or more did not reach (its name did not resolve, its
      port was closed, or it did not answer in time) in every 2nd round, later in every 4th, 8th and 16th
      (`toolkit.collection.resting`). In the other rounds it has a row with the outcome `skipped` and this reason.
    - `client`: a `distributed.Client`. The looks are made on its workers, which keep them in the store themselves, so
      they need its location and credentials in their own environment. All looks at one address are made by one worker
      at a time; `concurrency` is for each thread of a worker. Looks whose worker ends are made again, unless they are
      kept. A part of the round that fails three times, or once for a full disk, is described in `end_reason`; `resume`
      makes it again. None: this process makes the looks.

    The start row is kept before the first look, so a store that cannot be written is an error before anything is
    observed. Looks are kept in batches as they are made: a process that is killed loses at most the last batch (2,000
    looks or 10 seconds), and its round has no end row. Ctrl-C ends the round early: what was seen is kept, the end row
    says `interrupted`, and `KeyboardInterrupt` is raised again, with the number of looks kept and how to resume.

    The row has the columns of `rounds` (data dictionary: `data/README.md`). Raises `UsageError` as `observe` does, for
    an unknown round, that of a survey, targets that it did not have and something that is not a store, and with a
    client for a store opened with `storage_options`; `StoreError` where the store cannot be written. If that happens
    during a round, what was kept before stays, and the message says how many looks are not kept. Raises `ClusterError`
    where the cluster has no workers or cannot look up names.

    >>> import toolkit
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     ended = toolkit.collect("tls://127.0.0.1:1", folder, samples=2, progress=False)
    ...     looks = toolkit.Store(folder).load().observations
    >>> ended["end_reason"], looks["outcome"].tolist()
    ('finished', ['port_closed', 'port_closed'])
    """
    require_boolean("settle", settle)
    require_boolean("back_off", back_off)
    require_client(client)
    check_share(min_share)
    store = as_store(store)
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
        contact=contact,
    )
    if resume is not None:
        plan = replace(plan, known=looks_to_resume(store, resume, plan.targets))
    name = resume or new_round_name(clock)
    if back_off:
        plan = replace(plan, resting=find_resting(store))
    if settle:
        plan = replace(plan, settling=_make_settling(name, min_share, store, plan))
    recorder = (
        RoundRecorder(name, plan, vantage, Runner(plan), store.append)
        if client is None
        else _on_cluster(client, store, name, plan, vantage)
    )
    try:
        recorder.run(progress=progress)
    except KeyboardInterrupt:
        raise _interrupted(recorder, name, store, resume) from None
    except StoreError as error:
        raise type(error)(f"{error} {recorder.what_is_kept()}") from error
    return schema.frame("rounds", [recorder.row]).iloc[0]


def _on_cluster(client: "Client", store: Store, name: str, plan: RoundPlan, vantage: str | None) -> RoundRecorder:
    """The recorder of a round that the workers of a cluster make."""
    store.require_no_options()
    work = partial(collect_shard, path=store.path, round_=name, vantage=vantage)
    return ClusterRecorder(name, plan, vantage, ClusterRunner(plan, client, name, work=work, most=_SHARD_LOOKS), store)


def _interrupted(recorder: RoundRecorder, name: str, store: Store, resume: str | None) -> RoundInterrupt:
    """The interrupt that says what is kept in the store, and how to resume."""
    if not recorder.row:
        words = f"Interrupted before the round began: nothing of it is kept in {store.path}."
        return RoundInterrupt(words, round_=resume, looks=0)
    looks = int(str(recorder.row.get("looks", 0)))
    rest = f"To make the rest, collect again with {how_to_resume(name)}."
    words = f"Interrupted: {text.counted(looks, 'look')} kept in {store.path}. {rest}"
    return RoundInterrupt(words, round_=name, looks=looks)


def _make_settling(name: str, min_share: float, store: Store, plan: RoundPlan) -> Settling:
    settling = Settling(name, min_share)
    # The mail servers of a domain are not known yet: then the store is read for all services.
    services = [target.service for target in plan.targets if isinstance(target, Target)]
    if store.exists():
        settling.add_stored(store, services if len(services) == len(plan.targets) else None)
    return settling
