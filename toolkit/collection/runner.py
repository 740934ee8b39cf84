"""Runs the looks of a round on an event loop in a thread, and reports what happens as it happens."""

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final, Self

from toolkit.collection.names import (
    RESOLVED_AT_A_TIME,
    NotResolvedError,
    find_addresses,
    find_each,
    find_mail_servers,
)
from toolkit.collection.observation import Look, LookRequest, look
from toolkit.collection.pacing import Pacing
from toolkit.collection.places import (
    MailServers,
    Place,
    counted_host,
    expand_mail_domains,
    find_places,
    group_by_host,
    skipped_place,
)
from toolkit.collection.planning import RoundPlan, key_of
from toolkit.collection.reports import LooksAdded, Report, TargetsKnown
from toolkit.collection.settling import Settling
from toolkit.targets import MailDomain, Target
from toolkit.wire import Answer

if sys.platform == "win32":
    from asyncio import new_event_loop
else:
    import resource

    from uvloop import new_event_loop


_MOST_READY: Final = 256
"""Looks that wait for a connection at a time: targets are resolved no faster than looks are made."""

_MOST_UNREAD: Final = 4_000
"""Reports that wait at a time for the thread that keeps them; while there are more, no look is made."""

_UNREAD_SECONDS: Final = 0.05


class Runner:
    """Runs a plan in a thread: `with Runner(plan) as runner`, then read `runner.reports()` to the end.

    Entering the context starts the thread; leaving it cancels what is left.
    """

    def __init__(self, plan: RoundPlan) -> None:
        self._plan = plan
        self._queue: SimpleQueue[Report | BaseException | None] = SimpleQueue()
        self._ready: deque[tuple[_HostQueue, LookRequest]] = deque()
        self._hosts: dict[str, _HostQueue] = {}
        self._has_room = asyncio.Event()
        self._pacing = Pacing(plan.limits)
        self._workers = 0
        self._most_workers = min(plan.limits.concurrency, _most_connections())
        self._looks = 0
        self._may_look = asyncio.Event()

    def __enter__(self) -> Self:
        self._loop = new_event_loop()
        self._task = self._loop.create_task(self._run())
        threading.Thread(target=self._run_loop, name="tls-toolkit looks", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.cancel()

    def reports(self) -> Iterator[Report | None]:
        """Every report until the plan is done or cancelled; None after each second without a report.

        An error of the runner itself is raised at its place, after the reports before it.
        """
        while True:
            try:
                report = self._queue.get(timeout=1)
            except Empty:
                yield None
                continue
            if report is None:
                return
            if isinstance(report, BaseException):
                raise report
            yield report

    def start_looking(self) -> None:
        """Resolve host names and make looks; until this is called, only mail servers are looked up."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._may_look.set)

    def cancel(self) -> None:
        """Abort the looks that are running and make no more; `reports()` then ends."""
        # When everything is done the loop is closed, and there is nothing to cancel.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        # First the pacing: a turn that a rate allows later would be a task of a group that has ended.
        self._pacing.close()
        self._task.cancel()

    def _run_loop(self) -> None:
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass  # requested by `cancel`
        except BaseExceptionGroup as group:
            self._queue.put(group.exceptions[0])
        except Exception as error:  # noqa: BLE001  raised again where the reports are read
            self._queue.put(error)
        finally:
            # Aborted connections close in the next iteration of the loop.
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()
            self._queue.put(None)

    async def _run(self) -> None:
        plan = self._plan
        targets: list[Target] = []
        places, services = plan.places, tuple[str, ...]()
        if places is None:
            targets, places, services = expand_mail_domains(plan.targets, await self._find_mail_servers(), plan.resting)
        self._queue.put(TargetsKnown(targets, services))
        await self._may_look.wait()
        hosts = group_by_host(targets)
        try:
            async with asyncio.TaskGroup() as self._group:
                for place in places:
                    await self._take(place)
                await asyncio.gather(*(self._resolve(hosts) for _ in range(RESOLVED_AT_A_TIME)))
                while self._hosts:
                    self._has_room.clear()
                    await self._has_room.wait()
        finally:
            self._pacing.close()

    async def _find_mail_servers(self) -> Mapping[MailDomain, MailServers | NotResolvedError]:
        plan = self._plan
        domains = [target for target in plan.targets if isinstance(target, MailDomain)]
        find = partial(find_mail_servers, seconds=plan.limits.resolve_seconds, resolver=plan.resolver)
        return await find_each(domains, find)

    async def _resolve(self, hosts: Iterator[tuple[str, tuple[Target, ...]]]) -> None:
        """Take one host after the other, as fast as looks are made, so that few looks wait at a time."""
        plan, limits = self._plan, self._plan.limits
        for host, targets in hosts:
            if (skipped := skipped_place(host, targets, limits)) is not None:
                await self._take(skipped)
            else:
                found: list[str] | NotResolvedError
                try:
                    found = await find_addresses(host, seconds=limits.resolve_seconds, resolver=plan.resolver)
                except NotResolvedError as error:
                    found = error
                for place in find_places(host, targets, found, limits=limits, most=plan.addresses):
                    await self._take(place)
            self._queue.put(LooksAdded(0, len(targets)))

    async def _take(self, place: Place) -> None:
        """Ask the place, or report a failed look for each of its targets and offers, made without a connection."""
        if place.outcome is None:
            await self._ask(place)
            return
        for request in self._plan.requests(place):
            await self._wait_for_reader()
            self._queue.put(LooksAdded(1))
            self._queue.put(Look(request, self._plan.clock(), Answer(place.outcome, "resolve", place.reason)))

    async def _ask(self, place: Place) -> None:
        """Queue the looks at the place; waits while as many others are ready as can be made soon."""
        self._queue.put(LooksAdded(self._plan.count(place)))
        for request in self._plan.requests(place):
            await self._wait_for_reader()
            while len(self._ready) >= _MOST_READY:
                self._has_room.clear()
                await self._has_room.wait()
            name = counted_host(request.target, place.address)
            host = self._hosts.setdefault(name, _HostQueue(name))
            host.waiting.append(request)
            if host.active < self._plan.limits.per_host:
                host.active += 1
                self._take_turn(host)

    def _take_turn(self, host: "_HostQueue") -> None:
        """Make the next look at the host ready when it may begin, or end this one of its turns where none waits."""
        if host.waiting:
            first = host.waiting[0]
            if not self._is_spent() and not self._pacing.may_begin(
                first.target, first.address, partial(self._take_turn, host)
            ):
                return
            self._ready.append((host, host.waiting.popleft()))
            if self._workers < self._most_workers:
                self._workers += 1
                self._group.create_task(self._work())
            return
        host.active -= 1
        if not host.active:
            del self._hosts[host.name]
            self._has_room.set()

    async def _work(self) -> None:
        """Make looks while some are ready."""
        plan = self._plan
        while self._ready:
            host, request = self._ready.popleft()
            self._has_room.set()
            await self._wait_for_reader()
            if self._is_spent():
                spent = f"the budget of {plan.limits.max_looks} looks was spent"
                self._queue.put(Look(request, plan.clock(), Answer("skipped", "connect", spent)))
            else:
                self._looks += 1
                made = await self._look(request)
                self._queue.put(made)
                if plan.settling is not None:
                    self._extend(made, plan.settling, host)
            self._take_turn(host)
        self._workers -= 1

    def _is_spent(self) -> bool:
        """Whether the budget is spent: the looks that are left are rows, and open no connection."""
        return self._plan.most_looks is not None and self._looks >= self._plan.most_looks

    async def _wait_for_reader(self) -> None:
        """Wait while `reports()` is not read: what was seen and is not kept yet takes memory."""
        while self._queue.qsize() >= _MOST_UNREAD:
            await asyncio.sleep(_UNREAD_SECONDS)

    async def _look(self, request: LookRequest) -> Look:
        plan = self._plan
        return await look(
            request,
            limits=plan.limits,
            clock=plan.clock,
            keep_bytes=plan.keep_bytes,
            ehlo=plan.ehlo,
            contact=plan.contact,
        )

    def _extend(self, made: Look, settling: Settling, host: "_HostQueue") -> None:
        """After the last planned sample, queue another one where it may settle a roll-out."""
        settling.add(made)
        request = made.request
        if request.sample >= self._plan.samples - 1 and settling.wants_more(request):
            request = replace(request, sample=request.sample + 1)
            while key_of(request) in self._plan.known:
                request = replace(request, sample=request.sample + 1)
            host.waiting.append(request)
            self._queue.put(LooksAdded(1))


def _most_connections() -> int:
    """A quarter of the file descriptors of this process: the store needs some to keep what was seen.

    A connection that is closing still holds one while the next connection opens.
    """
    if sys.platform == "win32":
        return sys.maxsize
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(1, soft // 4)


@dataclass(slots=True)
class _HostQueue:
    """The looks that wait for one host; `active` counts the turns taken of its `per_host`."""

    name: str
    waiting: deque[LookRequest] = field(default_factory=deque)
    active: int = 0
