"""The engine: who is asked when. An event loop in a thread of its own, which reports what happens as it happens."""

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Final

from toolkit.collection.limits import Limits
from toolkit.collection.names import NotResolvedError, Resolver, find_addresses, find_mail_servers
from toolkit.collection.observation import Look, Question, look
from toolkit.collection.settling import Settling
from toolkit.reference import Offer
from toolkit.targets import MailDomain, Target, parse_target
from toolkit.wire import Answer

if sys.platform == "win32":
    from asyncio import new_event_loop
else:
    import resource

    from uvloop import new_event_loop

_RESOLVED_AT_A_TIME: Final = 32

Key = tuple[str, str | None, str | None, str, int]
"""service, address, server name, offer, sample: what tells the looks of one round apart."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be asked. `known` holds the keys of looks that were made already and are left out.

    `settling`, where given, asks for looks beyond `samples`.
    """

    targets: Sequence[Target | MailDomain]
    offers: Sequence[Offer]
    samples: int
    addresses: int | None
    limits: Limits
    clock: Callable[[], datetime]
    resolver: Resolver | None = None
    keep_bytes: bool = False
    ehlo: str | None = None
    known: Collection[Key] = ()
    settling: Settling | None = None


@dataclass(frozen=True, slots=True)
class Expanded:
    """Comes once, early: the mail servers of every domain are known, so the services are (their addresses are not)."""

    targets: list[Target]
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class More:
    """So many looks more are to be made, and of so many targets more is known where they are."""

    looks: int
    targets: int = 0


Report = Expanded | More | Look


class Engine:
    """Carries out a plan in a thread. `reports()` says what happens as it happens; `cancel()` ends it early."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._queue: SimpleQueue[Report | BaseException | None] = SimpleQueue()
        self._ready: deque[_Lane] = deque()
        self._lanes: dict[str, _Lane] = {}
        self._workers = 0
        self._most_workers = min(plan.limits.concurrency, _most_connections())
        self._asked = 0
        self._may_ask = asyncio.Event()
        self._loop = new_event_loop()
        self._task = self._loop.create_task(self._carry_out())
        threading.Thread(target=self._run, name="tls-toolkit looks", daemon=True).start()

    def reports(self) -> Iterator[Report | None]:
        """What happens until everything is done or cancelled, and null once a second where nothing does.

        Raises what went wrong in the engine itself, after everything that happened before.
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

    def go_on(self) -> None:
        """Begin to look: nothing is asked but names until this is called, once `Expanded` has come."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._may_ask.set)

    def cancel(self) -> None:
        """Give up the looks under way and make no more; `reports()` then ends after what was seen by now."""
        # Once everything is done the loop is closed, and there is nothing to cancel.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._task.cancel)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass  # Asked for by `cancel`.
        except BaseExceptionGroup as group:
            self._queue.put(group.exceptions[0])
        finally:
            # Connections that were given up close in the next turn of the loop.
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()
            self._queue.put(None)

    async def _carry_out(self) -> None:
        targets = await self._expand()
        await self._may_ask.wait()
        hosts: dict[str, list[Target]] = {}
        for target in targets:
            hosts.setdefault(target.connect_to[0] if target.connect_to else target.host, []).append(target)
        waiting = iter(hosts.items())
        async with asyncio.TaskGroup() as group:
            for _ in range(min(_RESOLVED_AT_A_TIME, len(hosts))):
                group.create_task(self._resolve(waiting, group))

    async def _expand(self) -> list[Target]:
        """The targets, each domain's mail servers written out.

        A domain without any, and a mail server that cannot be asked, are reported as failed looks.
        """
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
        expanded: dict[Target, None] = {}
        refused: dict[Target, str] = {}
        services: dict[str, None] = {}
        for target in plan.targets:
            for one, reason in ({target: None} if isinstance(target, Target) else found[target]).items():
                services[one.service] = None
                if reason is None:
                    expanded[one] = None
                else:
                    refused.setdefault(one, reason)
        self._queue.put(Expanded(list(expanded), tuple(services)))
        for target, reason in refused.items():
            self._fail([target], "", "not_resolved", reason)
        return list(expanded)

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
                    self._queue_up(targets, address, group)
            self._queue.put(More(0, len(targets)))

    def _queue_up(self, targets: list[Target], address: str, group: asyncio.TaskGroup) -> None:
        """Line the looks at the address up, and see to it that somebody makes them."""
        plan, looks = self._plan, 0
        for sample in range(plan.samples):
            for offer in plan.offers:
                for target in targets:
                    question = Question(target, address, offer, sample)
                    if _key(question) in plan.known:
                        continue
                    looks += 1
                    # A tunnel or a lab has one address for many hosts.
                    lane = self._lanes.setdefault(target.host if target.connect_to else address, _Lane())
                    lane.waiting.append(question)
                    if lane.at_work < plan.limits.per_host:
                        lane.at_work += 1
                        self._ready.append(lane)
                        if self._workers < self._most_workers:
                            self._workers += 1
                            group.create_task(self._work())
        self._queue.put(More(looks))

    async def _work(self) -> None:
        """Make looks while a lane is ready. A lane is ready as often as looks at its host may be made at a time."""
        plan = self._plan
        while self._ready:
            lane = self._ready.popleft()
            if lane.waiting:
                question = lane.waiting.popleft()
                if plan.limits.max_looks is not None and self._asked >= plan.limits.max_looks:
                    spent = f"the budget of {plan.limits.max_looks} looks was spent"
                    self._queue.put(Look(question, plan.clock(), Answer("skipped", "connect", spent)))
                else:
                    self._asked += 1
                    made = await self._look(question)
                    self._queue.put(made)
                    if plan.settling is not None:
                        self._go_on(made, plan.settling, lane)
                self._ready.append(lane)
            else:
                lane.at_work -= 1
        self._workers -= 1

    async def _look(self, question: Question) -> Look:
        plan = self._plan
        return await look(question, limits=plan.limits, clock=plan.clock, keep_bytes=plan.keep_bytes, ehlo=plan.ehlo)

    def _go_on(self, made: Look, settling: Settling, lane: "_Lane") -> None:
        """After the last planned sample line up another one, where it may settle something."""
        settling.see(made)
        question = made.question
        if question.sample >= self._plan.samples - 1 and settling.wants_more(question):
            question = replace(question, sample=question.sample + 1)
            while _key(question) in self._plan.known:
                question = replace(question, sample=question.sample + 1)
            lane.waiting.append(question)
            self._queue.put(More(1))

    def _fail(self, targets: list[Target], address: str, outcome: str, reason: str) -> None:
        """Report one look for each target and offer that could not be made."""
        plan = self._plan
        questions = [Question(target, address, offer, 0) for target in targets for offer in plan.offers]
        for question in questions:
            if _key(question) not in plan.known:
                self._queue.put(More(1))
                self._queue.put(Look(question, plan.clock(), Answer(outcome, "resolve", reason)))


def _most_connections() -> int:
    """A quarter of the files that this process may have open: whoever takes them all cannot even keep what he saw.

    A connection that is being closed counts beside the one that takes its place.
    """
    if sys.platform == "win32":
        return sys.maxsize
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(1, soft // 4)


@dataclass(slots=True)
class _Lane:
    """The looks that wait for one host, and how many at it are made or about to be made."""

    waiting: deque[Question] = field(default_factory=deque)
    at_work: int = 0


def _key(question: Question) -> Key:
    target = question.target
    return (target.service, question.address or None, target.server_name, question.offer.name, question.sample)
