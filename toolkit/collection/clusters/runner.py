"""A round on a Dask cluster: names are looked up on the workers, then each worker asks a shard of the addresses.

Rule 1: Dask places the shards and repeats those whose worker ended. What the store has of a shard is not asked again.
Rule 2: an address is in one shard, so it is asked by one worker at a time.
Rule 3: workers keep what they see in the store. Names, counts and reasons go through the scheduler; rows and
credentials do not.
"""

import asyncio
import secrets
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from queue import Empty, SimpleQueue
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from toolkit import text
from toolkit.collection.clusters.clients import RETRIES
from toolkit.collection.clusters.shards import count_looks, make_shards
from toolkit.collection.names import NotResolvedError, find_addresses, find_each, find_mail_servers
from toolkit.collection.places import Place, expand_mail_domains, find_places, group_by_host, skipped_place
from toolkit.collection.planning import RoundPlan
from toolkit.collection.reports import LooksAdded, LooksKept, PartFailed, Report, RoundRunner, TargetsKnown
from toolkit.errors import ClusterError, StoreFullError, ToolkitError
from toolkit.targets import MailDomain
from toolkit.workers import require_workers

if TYPE_CHECKING:
    from distributed import Client, Future

_STOP_SECONDS: Final = 20
"""How long to wait for the shards of a round that is to end: one of a worker that hangs does not."""

_NAMES: Final = 500
"""Names that one task looks up."""

Name = TypeVar("Name")
Found = TypeVar("Found")
Work = Callable[[RoundPlan, "ShardLink"], int | None]
"""Makes a shard on a worker; what it returns becomes one of `ClusterRunner.results`."""


class ClusterRunner(RoundRunner):
    """Makes a plan on the workers of a cluster. `most`: looks of a shard; `work` makes one.

    `results`: what each shard that was made returned. `places`: what the round is to ask, without an address until the
    names are looked up, and what it is not to ask.
    """

    def __init__(self, plan: RoundPlan, client: "Client", name: str, *, work: Work, most: int) -> None:
        self._plan, self._client, self._name, self._work, self._most = plan, client, name, work, most
        # A resumed round has the same name, and no task or stop of an earlier run.
        self._link = ShardLink(f"tls-toolkit {name} {secrets.token_hex(4)}")
        self._queue: SimpleQueue[Future[Any] | LooksKept] = SimpleQueue()
        self._is_cancelled = threading.Event()
        self.results: list[int | None] = []
        self.places: list[Place] = []

    def __enter__(self) -> Self:
        require_workers(self._client)
        self._client.subscribe_topic(self._link.topic, lambda event: self._queue.put(LooksKept(event[1])))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # A shard that still runs, on a worker that was thought dead or after an error here, ends.
        self._stop_shards()
        if self._client.status == "running":
            self._client.unsubscribe_topic(self._link.topic)

    def start_looking(self) -> None:
        """Nothing to do: the reports continue when the next one is read."""

    def cancel(self) -> None:
        """End the shards that are running, within about a second, and make no more. One that hangs is left alone."""
        self._is_cancelled.set()

    def reports(self) -> Iterator[Report | None]:
        """What happens in the order of `RoundRunner`, with `LooksKept` and `PartFailed` instead of looks."""
        plan = self._plan
        domains = [target for target in plan.targets if isinstance(target, MailDomain)]
        seconds, resolver = plan.limits.resolve_seconds, plan.resolver
        servers = yield from self._look_up(domains, partial(find_mail_servers, seconds=seconds, resolver=resolver))
        if self._is_cancelled.is_set():
            return
        targets, places, services = expand_mail_domains(plan.targets, servers, plan.resting)
        yield TargetsKnown(targets, services)
        hosts = dict(group_by_host(targets))
        skipped = {host: skipped_place(host, together, plan.limits) for host, together in hosts.items()}
        self.places = [*places, *(skipped[host] or Place(together, "") for host, together in hosts.items())]
        asked = [host for host, place in skipped.items() if place is None]
        found = yield from self._look_up(asked, partial(find_addresses, seconds=seconds, resolver=resolver))
        if self._is_cancelled.is_set():
            return
        for host, together in hosts.items():
            place = skipped[host]
            if place is None:
                places += find_places(host, together, found[host], limits=plan.limits, most=plan.addresses)
            else:
                places.append(place)
        self.places = places
        threads = sum(self._client.nthreads().values())
        shards = make_shards(plan, places, threads=max(1, threads), most=self._most)
        yield LooksAdded(sum(map(count_looks, shards)), len(targets))
        yield from self._make(shards)

    def _look_up(
        self, names: Sequence[Name], find: Callable[[Name], Awaitable[Found]]
    ) -> Generator[None, None, dict[Name, Found | NotResolvedError]]:
        """What the workers find for each name; None is yielded after each second without an answer."""
        parts = [names[begin : begin + _NAMES] for begin in range(0, len(names), _NAMES)]
        futures = [self._client.submit(_look_up, part, find, pure=False, retries=RETRIES) for part in parts]
        found: dict[Name, Found | NotResolvedError] = {}
        for report in self._follow(futures):
            if self._is_cancelled.is_set():
                break
            if report is None or isinstance(report, LooksKept):
                yield None
            elif report.status == "finished":
                found |= report.result()
            else:
                raise ClusterError(f"Names could not be looked up on the cluster: {_explain(report).rstrip('.')}.")
        return found

    def _make(self, shards: Sequence[RoundPlan]) -> Iterator[Report | None]:
        """Have each shard made; one that failed each time is reported with its reason."""
        names = [f"{self._link.topic}, shard {number}" for number in range(1, len(shards) + 1)]
        described = dict(zip(names, map(_describe, shards), strict=True))
        futures = [
            self._client.submit(_make_shard, self._work, shard, self._link, key=name, retries=RETRIES)
            for name, shard in zip(names, shards, strict=True)
        ]
        end = inf
        for report in self._follow(futures):
            if self._is_cancelled.is_set():
                end = min(end, monotonic() + _STOP_SECONDS)
                if monotonic() >= end:
                    return
                self._stop_shards()
            if report is None or isinstance(report, LooksKept):
                yield report
            elif report.status != "finished":
                still = "" if report.status == "error" else ", and what its workers were making may still be kept"
                yield PartFailed(described[str(report.key)], f"{_explain(report)}{still}")
            elif isinstance(result := report.result(), StoreFullError):
                yield PartFailed(described[str(report.key)], text.plain(str(result)))
            else:
                self.results.append(result)

    def _stop_shards(self) -> None:
        """Ask every worker there is to stop; one that is started later is asked when this is called again.

        The request is sent from the client's own thread: a worker that hangs would hold this one up.
        """
        loop = self._client.loop
        if loop is not None and self._client.status == "running":
            loop.add_callback(self._client.run, _stop, self._link.topic, on_error="ignore")

    def _follow(self, futures: "Sequence[Future[Any]]") -> "Iterator[Future[Any] | LooksKept | None]":
        """Each future when it is done, what workers keep meanwhile, and None after each second without either."""
        for future in futures:
            future.add_done_callback(self._queue.put)
        left = len(futures)
        lost: list[Future[Any]] = []
        while left:
            try:
                report = self._queue.get(timeout=1)
            except Empty:
                yield None
                for future in lost:
                    self._queue.put(future)
                lost = []
                continue
            if isinstance(report, LooksKept):
                yield report
            elif report.status == "lost":
                # Its worker ended with the result, so the scheduler has it made again; no callback says when it is.
                lost.append(report)
            else:
                left -= 1
                yield report


@dataclass(frozen=True, slots=True)
class ShardLink:
    """What a shard on a worker exchanges with the process that started the round: counts, and when to stop."""

    topic: str

    def count_kept(self, looks: int) -> None:
        """Report from a worker that so many looks are kept."""
        from distributed import get_worker  # noqa: PLC0415  an extra

        get_worker().log_event(self.topic, looks)

    @contextmanager
    def stopping(self, end_soon: Callable[[], None]) -> Iterator[threading.Event]:
        """Within the context on a worker, `end_soon` is called when the round is to stop; the event is then set."""
        stop, is_over = _STOPS[self.topic], threading.Event()

        def wait() -> None:
            while not is_over.is_set():
                if stop.wait(timeout=1):
                    end_soon()
                    return

        threading.Thread(target=wait, name="tls-toolkit stop", daemon=True).start()
        try:
            yield stop
        finally:
            is_over.set()


_STOPS: Final[defaultdict[str, threading.Event]] = defaultdict(threading.Event)
"""On a worker, for the topic of each round: set when the round is to stop."""

_FULL: Final[dict[str, StoreFullError]] = {}
"""On a worker, for the topic of each round: that its store has no space left."""


async def _stop(topic: str) -> None:
    """Let the shards of a round end soon, also those that begin later; runs on each worker."""
    _STOPS[topic].set()


def _make_shard(work: Work, shard: RoundPlan, link: ShardLink) -> int | StoreFullError | None:
    """What `work` returns; runs on a worker.

    That the disk is full is returned, because another try would not help. Shards that begin here later are not made.
    """
    if link.topic not in _FULL:
        try:
            return work(shard, link)
        except StoreFullError as error:
            _FULL[link.topic] = StoreFullError(str(error))  # without what the traceback holds
    return _FULL[link.topic]


def _look_up(names: Sequence[Name], find: Callable[[Name], Awaitable[Found]]) -> dict[Name, Found | NotResolvedError]:
    """What is found for each name; runs on a worker."""
    return asyncio.run(find_each(names, find))


def _describe(shard: RoundPlan) -> str:
    """The looks and the first address of a shard."""
    places = shard.places or ()
    first = places[0].address or places[0].targets[0].host
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"{text.counted(count_looks(shard), 'look')} at {first}{more}"


def _explain(future: "Future[Any]") -> str:
    """Why a task failed each time."""
    from distributed import KilledWorker  # noqa: PLC0415  an extra

    if future.status != "error":
        return "the connection to the cluster was lost"
    error = future.exception()
    if isinstance(error, KilledWorker):
        return f"its worker ended {error.allowed_failures + 1} times"
    kind = "" if isinstance(error, ToolkitError) else f"{type(error).__name__}: "
    return text.plain(f"{kind}{error}")
