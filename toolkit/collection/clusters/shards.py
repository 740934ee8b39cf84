"""Shards: the parts of a round that a cluster makes at the same time, chosen so that no two ask the same address."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from math import ceil
from typing import Final

import numpy as np

from toolkit.collection.limits import Limits
from toolkit.collection.places import Place, counted_host
from toolkit.collection.planning import LookKey, RoundPlan
from toolkit.targets import Target

_SHARDS_PER_THREAD: Final = 4
"""Shards for each thread of a cluster, so that one long shard does not leave the others idle."""


def make_shards(plan: RoundPlan, places: Sequence[Place], *, threads: int, most: int) -> list[RoundPlan]:
    """The plan of each shard, largest first: at most `most` looks, or all looks at one address.

    Among units of one size, services that are neighbours in the alphabet are in one shard, so that few files of the
    store can hold looks of it. All looks at one address are in one shard, so that `per_host` holds. A round that
    settles has all looks at a service in one shard as well, because they depend on each other. The round's `max_looks`
    is spent on the first shards. As many shards as there are threads run at a time, and share the rates of hosts and
    providers, which may have addresses in several of them.
    """
    units = _units(plan, [part for place in places for part in _by_counted_host(place)])
    sized = [(sum(plan.count(place) for place in unit), unit) for unit in units]
    sized = sorted((pair for pair in sized if pair[0]), key=lambda pair: (-pair[0], _first_service(pair[1])))
    most = max(1, min(most, ceil(sum(size for size, _ in sized) / (threads * _SHARDS_PER_THREAD))))
    filled: list[list[Place]] = []
    sizes: list[int] = []
    for size, unit in sized:
        if not sizes or sizes[-1] + size > most:
            filled.append([])
            sizes.append(0)
        filled[-1] += unit
        sizes[-1] += size
    limits = _share_rates(plan.limits, min(threads, len(filled)))
    return _without_known([replace(plan, targets=(), places=shard, limits=limits) for shard in filled])


def _share_rates(limits: Limits, shards: int) -> Limits:
    """The limits of each of the shards that run at a time."""
    host, provider = limits.host_rate, limits.provider_rate
    return replace(limits, host_rate=host and host / shards, provider_rate=provider and provider / shards)


def count_looks(plan: RoundPlan, *, asked: bool = False) -> int:
    """The looks of a shard that are not known; `asked`: without those that are recorded as not asked."""
    return sum(plan.count(place) for place in plan.places or () if not asked or place.outcome is None)


def with_known(shard: RoundPlan, known: Collection[LookKey]) -> RoundPlan:
    """The shard without the looks that are known by now, which have spent a part of its budget."""
    left = replace(shard, known=known)
    if shard.most_looks is None:
        return left
    made = count_looks(shard, asked=True) - count_looks(left, asked=True)
    return replace(left, most_looks=max(0, shard.most_looks - made))


def _without_known(shards: Sequence[RoundPlan]) -> list[RoundPlan]:
    """The shards without the known looks, which workers find in the store, each with its part of the budget."""
    spread = []
    spent = 0
    for shard in shards:
        budget = None
        whole = replace(shard, known=())
        if shard.most_looks is not None:
            looks = count_looks(shard, asked=True)
            budget = min(looks, shard.most_looks - spent)
            spent += budget
            budget += count_looks(whole, asked=True) - looks
        spread.append(replace(whole, most_looks=budget))
    return spread


def _by_counted_host(place: Place) -> Iterator[Place]:
    """The place in parts whose connections are counted together; a tunnel leads to several hosts."""
    hosts: dict[str, list[Target]] = {}
    for target in place.targets:
        # A place without an address is not asked: any host keeps it apart from the others.
        hosts.setdefault(counted_host(target, place.address) or target.host, []).append(target)
    for targets in hosts.values():
        yield replace(place, targets=tuple(targets))


def _units(plan: RoundPlan, places: Sequence[Place]) -> list[list[Place]]:
    """The places in groups that must be in one shard."""
    from scipy.sparse import coo_array  # noqa: PLC0415  neither workers nor one process need it
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415  as above

    numbers: dict[tuple[str, str], int] = {}
    edges: list[tuple[int, int]] = []
    for number, place in enumerate(places):
        host = counted_host(place.targets[0], place.address) or place.targets[0].host
        shared = [("host", host)]
        if plan.settling is not None:
            shared += [("service", target.service) for target in place.targets]
        edges += [(number, numbers.setdefault(one, len(numbers))) for one in shared]
    if not edges:
        return []
    rows, columns = np.array(edges).T
    nodes = len(places) + len(numbers)
    graph = coo_array((np.ones(len(edges), bool), (rows, len(places) + columns)), (nodes, nodes))
    _, labels = connected_components(graph, directed=False)
    units: dict[int, list[Place]] = {}
    for label, place in zip(labels.tolist(), places, strict=False):
        units.setdefault(label, []).append(place)
    return list(units.values())


def _first_service(unit: Sequence[Place]) -> str:
    return min(target.service for place in unit for target in place.targets)
