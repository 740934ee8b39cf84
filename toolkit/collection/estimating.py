"""`estimate_round`: what a round would make at least, without asking anything."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from toolkit.collection.limits import POLITE, Limits, check_positive
from toolkit.collection.pacing import find_providers
from toolkit.collection.places import counted_host
from toolkit.collection.planning import RoundPlan, make_plan
from toolkit.collection.recorder import now
from toolkit.collection.resuming import looks_to_resume
from toolkit.columns import Column, dtypes, returns
from toolkit.errors import UsageError
from toolkit.reference import Offer
from toolkit.store import Store, as_store
from toolkit.targets import MailDomain, Target, Targets

ROUND_ESTIMATES: Final = (
    Column("service_count", "integer", "services; each `mx:` counts as one, since no name is resolved"),
    Column("hosts", "integer", "host names and addresses to connect to"),
    Column("looks", "integer", "looks that connect, with one address for each host; at most `max_looks` are made"),
    Column("seconds_min", "number", "least time of the round, with the limits on connections and rates", unit="s"),
    Column("limited_by", "text", "what sets that time: `concurrency`, or the host or provider that takes longest"),
)
"""The columns of `estimate_round`."""

_ROUND_TRIPS: Final = 2
"""Of a look without an upgrade: connecting, and the hello with its answer."""


@returns(ROUND_ESTIMATES)
def estimate_round(
    targets: Targets,
    *,
    offers: str | Sequence[str | Offer] = ("any",),
    samples: int = 1,
    limits: Limits = POLITE,
    round_trip_ms: float = 100.0,
    store: Store | str | os.PathLike[str] | None = None,
    resume: str | None = None,
) -> pd.DataFrame:
    """What `observe` or `collect` would make at least, in one row; nothing is asked, no name is resolved.

    `targets`, `offers`, `samples`, `limits`: as in `observe`, but a round larger than `max_planned` is estimated too.
    All but `service_count` leave out what the block and allow lists skip, as far as that is known without an address.
    `round_trip_ms`: the time for a packet to a server and back. `store`, `resume`: as in `collect`; a look that the
    round has, at any address of the host, is not counted; those of `mx:` are. Raises `UsageError` as `collect` does.

    >>> import toolkit
    >>> limits = toolkit.Limits(provider_rate=0.5)
    >>> estimate = toolkit.estimate_round(["https://192.0.2.1", "https://192.0.2.2"], samples=11, limits=limits)
    >>> estimate[["looks", "seconds_min", "limited_by"]].values.tolist()
    [[22, 42.0, '192.0.2.0/24']]
    """
    check_positive(round_trip_ms=round_trip_ms)
    plan = make_plan(
        targets, offers, samples=samples, addresses=None, limits=replace(limits, max_planned=None), clock=now,
        resolver=None, keep_bytes=False, ehlo=None,
    )  # fmt: skip
    if resume is not None:
        if store is None:
            raise UsageError(f"resume={resume!r}: name the store that has the round: store=….")
        plan = replace(plan, known=looks_to_resume(as_store(store), resume, plan.targets))
    asked = _looks_left(plan)
    looks = asked.total()
    made = min(looks, limits.max_looks or looks)
    seconds_each = _ROUND_TRIPS * round_trip_ms / 1000
    times = {"concurrency": made * seconds_each / limits.concurrency}
    if made == looks:
        hosts, providers = _looks_of(asked)
        for host, count in hosts.items():
            rates = [rate for rate in (limits.address_rate, limits.host_rate) if rate is not None]
            times[host] = max([count * seconds_each / limits.per_host, *((count - 1) / rate for rate in rates)])
        if limits.provider_rate is not None:
            times |= {provider: (count - 1) / limits.provider_rate for provider, count in providers.items()}
    limited_by = max(times, key=times.__getitem__)
    row = {
        "service_count": len(plan.targets),
        "hosts": len({target.name if isinstance(target, MailDomain) else _host(target) for target in asked}),
        "looks": looks,
        "seconds_min": times[limited_by],
        "limited_by": limited_by,
    }
    return pd.DataFrame([row], columns=list(dtypes(ROUND_ESTIMATES))).astype(dtypes(ROUND_ESTIMATES))


def _looks_left(plan: RoundPlan) -> Counter[Target | MailDomain]:
    """The looks that are left to make at each target that may be asked, at one address; those with none left out."""
    offers = {offer.name for offer in plan.offers}
    # A look at one address of a host and one at another are the same here, since no name is resolved.
    distinct = {(*known[:1], *known[2:]) for known in plan.known}
    made = Counter(
        (service, server_name)
        for service, server_name, offer, sample in distinct
        if offer in offers and sample < plan.samples
    )
    left: Counter[Target | MailDomain] = Counter()
    for target in plan.targets:
        if isinstance(target, MailDomain):
            left[target] = len(offers) * plan.samples
        elif _may_ask(target, plan.limits):
            left[target] = len(offers) * plan.samples - made[target.service, target.server_name]
    return +left


def _looks_of(looks: Counter[Target | MailDomain]) -> tuple[Counter[str], Counter[str]]:
    """The looks at each host and at each provider, as far as they are known without resolving names."""
    hosts: Counter[str] = Counter()
    providers: Counter[str] = Counter()
    for target, each in looks.items():
        if isinstance(target, Target):
            hosts[_host(target)] += each
            address = target.host if target.server_name is None else None
            providers.update(dict.fromkeys(find_providers(target, address), each))
    return hosts, providers


def _may_ask(target: Target, limits: Limits) -> bool:
    return limits.why_skipped(target.host) is None


def _host(target: Target) -> str:
    return counted_host(target, target.host)
