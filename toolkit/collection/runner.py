"""Runs the looks of a round on an event loop in a thread, and reports what happens as it happens."""

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final, Self

from toolkit.collection.names import NotResolvedError, find_addresses, find_mail_servers
from toolkit.collection.observation import Look, LookRequest, look
from toolkit.collection.planning import LookKey, RoundPlan
from toolkit.collection.settling import Settling
from toolkit.targets import MailDomain, Target, parse_target
from toolkit.wire import Answer

if sys.platform == "win32":
    from asyncio import new_event_loop
else:
    import resource

    from uvloop import new_event_loop

_RESOLVED_AT_A_TIME: Final = 32


@dataclass(frozen=True, slots=True)
class TargetsKnown:
    """Reported once, before the first look: every `mx:` domain has been replaced by its mail servers.

    Host names are not resolved yet. `services` has the services that cannot be asked as well.
    """

    targets: list[Target]
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LooksAdded:
    """`looks` more looks will be made; of `targets` more targets the addresses are known."""

    looks: int
    targets: int = 0


Report = TargetsKnown | LooksAdded | Look


class Runner:
    """Runs a plan in a thread: `with Runner(plan) as runner`, then read `runner.reports()` to the end.

    Entering the context starts the thread; leaving it cancels what is left.
    """

    def __init__(self, plan: RoundPlan) -> None:
        self._plan = plan
        self._queue: SimpleQueue[Report | BaseException | None] = SimpleQueue()
        self._ready: deque[_HostQueue] = deque()
        self._hosts: dict[str, _HostQueue] = {}
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
        """Every report until the plan is done or cancelled; null after each second without a report.

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
            self._loop.call_soon_threadsafe(self._task.cancel)

    def _run_loop(self) -> None:
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass  # requested by `cancel`
        except BaseExceptionGroup as group:
            self._queue.put(group.exceptions[0])
        finally:
            # Aborted connections close in the next iteration of the loop.
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()
            self._queue.put(None)

    async def _run(self) -> None:
        targets = await self._expand()
        await self._may_look.wait()
        hosts: dict[str, list[Target]] = {}
        for target in targets:
            hosts.setdefault(target.connect_to[0] if target.connect_to else target.host, []).append(target)
        waiting = iter(hosts.items())
        async with asyncio.TaskGroup() as group:
            for _ in range(min(_RESOLVED_AT_A_TIME, len(hosts))):
                group.create_task(self._resolve(waiting, group))

    async def _expand(self) -> list[Target]:
        """The targets, with each domain replaced by its mail servers.

        A domain without mail servers, and a mail server that cannot be asked, are reported as failed looks.
        """
        found = await self._find_mail_servers()
        expanded: dict[Target, None] = {}
        failed: dict[Target, str] = {}
        services: dict[str, None] = {}
        for listed in self._plan.targets:
            for target, reason in ({listed: None} if isinstance(listed, Target) else found[listed]).items():
                services[target.service] = None
                if reason is None:
                    expanded[target] = None
                else:
                    failed.setdefault(target, reason)
        self._queue.put(TargetsKnown(list(expanded), tuple(services)))
        for target, reason in failed.items():
            self._fail([target], "", "not_resolved", reason)
        return list(expanded)

    async def _find_mail_servers(self) -> dict[MailDomain, dict[Target, str | None]]:
        """The mail servers of each domain, each with the reason why it cannot be asked (null: it can)."""
        plan = self._plan
        waiting = iter([target for target in plan.targets if isinstance(target, MailDomain)])
        found: dict[MailDomain, dict[Target, str | None]] = {}

        async def find() -> None:
            for domain in waiting:
                try:
                    found[domain] = await find_mail_servers(
                        domain, seconds=plan.limits.resolve_seconds, resolver=plan.resolver
                    )
                except NotResolvedError as error:
                    found[domain] = {parse_target(domain.service): str(error)}

        async with asyncio.TaskGroup() as group:
            for _ in range(_RESOLVED_AT_A_TIME):
                group.create_task(find())
        return found

    async def _resolve(self, hosts: Iterator[tuple[str, list[Target]]], group: asyncio.TaskGroup) -> None:
        plan, limits = self._plan, self._plan.limits
        for host, targets in hosts:
            addresses: list[str] = []
            if limits.blocks(host):
                self._fail(targets, "", "skipped", f"{host} is on the block list")
            else:
                try:
                    addresses = await find_addresses(host, seconds=limits.resolve_seconds, resolver=plan.resolver)
                except NotResolvedError as error:
                    self._fail(targets, "", "not_resolved", str(error))
            for address in addresses[: plan.addresses]:
                if limits.blocks(address):
                    self._fail(targets, address, "skipped", f"{address} is on the block list")
                else:
                    self._add_looks(targets, address, group)
            self._queue.put(LooksAdded(0, len(targets)))

    def _add_looks(self, targets: list[Target], address: str, group: asyncio.TaskGroup) -> None:
        """Queue the looks at the address, and start as many workers as they and the limits allow."""
        plan, looks = self._plan, 0
        for sample in range(plan.samples):
            for offer in plan.offers:
                for target in targets:
                    request = LookRequest(target, address, offer, sample)
                    if _key(request) in plan.known:
                        continue
                    looks += 1
                    # A tunnel or a lab has one address for many hosts.
                    host = self._hosts.setdefault(target.host if target.connect_to else address, _HostQueue())
                    host.waiting.append(request)
                    if host.active < plan.limits.per_host:
                        host.active += 1
                        self._ready.append(host)
                        if self._workers < self._most_workers:
                            self._workers += 1
                            group.create_task(self._work())
        self._queue.put(LooksAdded(looks))

    async def _work(self) -> None:
        """Make looks while a host is ready. A host is in `_ready` once for each look that may run at the same time."""
        plan = self._plan
        while self._ready:
            host = self._ready.popleft()
            if host.waiting:
                request = host.waiting.popleft()
                if plan.limits.max_looks is not None and self._looks >= plan.limits.max_looks:
                    spent = f"the budget of {plan.limits.max_looks} looks was spent"
                    self._queue.put(Look(request, plan.clock(), Answer("skipped", "connect", spent)))
                else:
                    self._looks += 1
                    made = await self._look(request)
                    self._queue.put(made)
                    if plan.settling is not None:
                        self._extend(made, plan.settling, host)
                self._ready.append(host)
            else:
                host.active -= 1
        self._workers -= 1

    async def _look(self, request: LookRequest) -> Look:
        plan = self._plan
        return await look(request, limits=plan.limits, clock=plan.clock, keep_bytes=plan.keep_bytes, ehlo=plan.ehlo)

    def _extend(self, made: Look, settling: Settling, host: "_HostQueue") -> None:
        """After the last planned sample, queue another one where it may settle a roll-out."""
        settling.add(made)
        request = made.request
        if request.sample >= self._plan.samples - 1 and settling.wants_more(request):
            request = replace(request, sample=request.sample + 1)
            while _key(request) in self._plan.known:
                request = replace(request, sample=request.sample + 1)
            host.waiting.append(request)
            self._queue.put(LooksAdded(1))

    def _fail(self, targets: list[Target], address: str, outcome: str, reason: str) -> None:
        """Report one failed look for each target and offer, made without a connection."""
        plan = self._plan
        requests = [LookRequest(target, address, offer, 0) for target in targets for offer in plan.offers]
        for request in requests:
            if _key(request) not in plan.known:
                self._queue.put(LooksAdded(1))
                self._queue.put(Look(request, plan.clock(), Answer(outcome, "resolve", reason)))


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

    waiting: deque[LookRequest] = field(default_factory=deque)
    active: int = 0


def _key(request: LookRequest) -> LookKey:
    target = request.target
    return (target.service, request.address or None, target.server_name, request.offer.name, request.sample)
