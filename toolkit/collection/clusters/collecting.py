"""What a worker of a cluster does with a shard: the ordinary loop, whose looks go into the store from here."""

import threading
from contextlib import suppress
from dataclasses import replace
from typing import Final

from toolkit import schema
from toolkit.collection.clusters.runner import ClusterRunner, ShardLink
from toolkit.collection.clusters.shards import with_known
from toolkit.collection.planning import RoundPlan
from toolkit.collection.recorder import RoundRecorder
from toolkit.collection.resuming import looks_made
from toolkit.collection.runner import Runner
from toolkit.errors import StoreError
from toolkit.store import Store
from toolkit.store.counting import count_round
from toolkit.tables import Tables


def collect_shard(shard: RoundPlan, link: ShardLink, *, path: str, round_: str, vantage: str | None) -> None:
    """Make the looks of a shard that the store does not have, and keep them.

    Raises `StoreError` where the store does not have the round: then this machine has another folder at that path.
    """
    store = open_store(path, round_)
    services = services_of(shard)
    shard = with_known(shard, looks_made(store, round_, services))
    if shard.settling is not None:
        shard.settling.add_stored(store, services)

    def keep(tables: Tables) -> None:
        # The rows of the round are written by the process that started it.
        store.append(replace(tables, rounds=schema.empty("rounds")))
        if len(tables.observations):
            link.count_kept(len(tables.observations))

    recorder = RoundRecorder(round_, shard, vantage, Runner(shard), keep, requests=link.stopping)
    with suppress(KeyboardInterrupt):
        recorder.run(progress=False)


class _Opened(threading.local):
    """The store that a thread of a worker has open: the next shard of the round goes into it too."""

    store: Store | None = None
    round_ = ""


_OPENED: Final = _Opened()


def open_store(path: str, round_: str) -> Store:
    """The store that the round has begun in, opened with the credentials of this process."""
    if _OPENED.store is not None and (_OPENED.store.path, _OPENED.round_) == (path, round_):
        return _OPENED.store
    store = Store(path)
    if not store.has_round(round_):
        raise StoreError(
            f"{path} does not have the round {round_} as this worker sees it. Use a folder that every machine has at "
            "that path, or a URL such as s3://bucket/looks."
        )
    _OPENED.store, _OPENED.round_ = store, round_
    return store


def services_of(shard: RoundPlan) -> set[str]:
    """The services of a shard."""
    return {target.service for place in shard.places or () for target in place.targets}


class ClusterRecorder(RoundRecorder):
    """Records a round whose looks are kept by the workers of a cluster: its counts are those of the store."""

    def __init__(self, name: str, plan: RoundPlan, vantage: str | None, runner: ClusterRunner, store: Store) -> None:
        super().__init__(name, plan, vantage, runner, store.append)
        self._store = store
        self._before = count_round(store, name)

    def _counts(self) -> dict[str, object]:
        return super()._counts() | count_round(self._store, self._name).since(self._before)
