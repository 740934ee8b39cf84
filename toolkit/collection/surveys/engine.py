"""Who is asked when in a survey: each address has its own course, at most so many connections, and a pace."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from toolkit.collection.engine import Engine, More, Plan
from toolkit.collection.observation import Look, Question
from toolkit.collection.surveys.course import Course, Part
from toolkit.collection.surveys.interview import Interview, Manner
from toolkit.reference import Offer
from toolkit.targets import Target
from toolkit.wire import Answer

_LONGEST_PAUSE: Final = 60.0
_REPORT_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """How one host is treated.

    `concurrency`: connections at a time. `rate`: connections begun in a second, null: no limit. `pause_seconds`: how
    long nothing is asked after it answered 421 or 4xx or reset a connection; doubled each time, up to a minute.
    """

    concurrency: int
    rate: float | None
    pause_seconds: float


@dataclass(slots=True)
class Surveyed:
    """One service at one address, and what was found out.

    `address` is empty where the name has none; `ended_at` is null while it is asked.
    """

    target: Target
    address: str
    course: Course
    ended_at: datetime | None = None


class SurveyEngine(Engine):
    """Carries out a survey in a thread; `reports()` gives the handshakes, `surveyed` what was found out by now."""

    def __init__(self, plan: Plan, *, parts: tuple[Part, ...], manner: Manner, pace: Pace) -> None:
        self.surveyed: list[Surveyed] = []
        self._parts, self._manner, self._pace = parts, manner, pace
        self._hosts: dict[str, _Host] = {}
        self._everywhere = asyncio.Semaphore(plan.limits.concurrency)
        self._unreported: list[More | Look] = []
        super().__init__(plan)

    async def _carry_out(self) -> None:
        try:
            await super()._carry_out()
        finally:
            self._report()

    def _report(self) -> None:
        for report in self._unreported:
            self._queue.put(report)
        self._unreported.clear()

    def _note(self, report: More | Look) -> None:
        """Report it soon: each report wakes the calling thread, and two threads at work slow each other down."""
        if not self._unreported:
            self._loop.call_later(_REPORT_SECONDS, self._report)
        self._unreported.append(report)

    def _queue_up(self, targets: list[Target], address: str, group: asyncio.TaskGroup) -> None:
        for target in targets:
            # A tunnel or a lab has one address for many hosts.
            host = self._hosts.setdefault(target.host if target.connect_to else address, _Host(self._pace))
            group.create_task(self._survey(target, address, host))

    def _fail(self, targets: list[Target], address: str, outcome: str, reason: str) -> None:
        super()._fail(targets, address, outcome, reason)
        for target in targets:
            course = Course(Interview(_nobody, self._manner), self._parts)
            course.leave(f"{outcome}: {reason}")
            self.surveyed.append(Surveyed(target, address, course, self._plan.clock()))

    async def _survey(self, target: Target, address: str, host: "_Host") -> None:
        plan, asked = self._plan, 0

        async def ask(offer: Offer) -> Answer:
            nonlocal asked
            question = Question(target, address, offer, asked)
            asked += 1
            self._note(More(1))
            await host.pace()
            async with self._everywhere:
                made = await self._look(question)
            host.heed(made.answer)
            self._note(made)
            return made.answer

        course = Course(Interview(ask, self._manner, turn=lambda: host, idle=lambda: host.idle), self._parts)
        surveyed = Surveyed(target, address, course)
        self.surveyed.append(surveyed)
        await course.run()
        surveyed.ended_at = plan.clock()


async def _nobody(_: Offer) -> Answer:
    return Answer("skipped", "connect", "there is nobody to ask")


class _Host:
    """Lets so many connections through at a time, so many in a second, and none in a pause."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._slots = asyncio.Semaphore(pace.concurrency)
        self._asking = 0
        self._next_at = 0.0
        self._pause = pace.pause_seconds

    @property
    def idle(self) -> int:
        """How many more connections could be made at the moment."""
        return self._pace.concurrency - self._asking

    async def __aenter__(self) -> None:
        self._asking += 1
        try:
            await self._slots.acquire()
        except asyncio.CancelledError:
            self._asking -= 1
            raise

    async def __aexit__(self, *_: object) -> None:
        self._asking -= 1
        self._slots.release()

    async def pace(self) -> None:
        """Wait until the next connection may be begun."""
        now = asyncio.get_running_loop().time()
        starts_at = max(now, self._next_at)
        if self._pace.rate is not None:
            self._next_at = starts_at + 1 / self._pace.rate
        if starts_at > now:
            await asyncio.sleep(starts_at - now)

    def heed(self, answer: Answer) -> None:
        """Pause where the server asks for it, or resets."""
        if answer.outcome in ("deferred", "reset"):
            self._next_at = max(self._next_at, asyncio.get_running_loop().time() + self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        else:
            self._pause = self._pace.pause_seconds
