"""Runs surveys: each address has its own survey, a number of connections at a time, and a pace."""

import asyncio
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from toolkit.collection.observation import Look, LookRequest
from toolkit.collection.places import Place, counted_host
from toolkit.collection.planning import RoundPlan
from toolkit.collection.reports import LooksAdded
from toolkit.collection.runner import Runner
from toolkit.collection.surveys.address import AddressSurvey, Part
from toolkit.collection.surveys.elimination import NOT_REACHED
from toolkit.collection.surveys.prober import Effort, Prober
from toolkit.reference import Offer
from toolkit.targets import Target
from toolkit.wire import Answer

_LONGEST_PAUSE: Final = 60.0
_REPORT_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of connections to one host.

    `concurrency`: connections at a time. `rate`: connections started per second; None: no limit. `pause_seconds`: the
    pause after a 421, a 4xx or a reset; doubled each time, up to a minute.
    """

    concurrency: int
    rate: float | None
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class SurveyTerms:
    """How each address of a survey is asked."""

    parts: tuple[Part, ...]
    effort: Effort
    pace: Pace

    def settings(self) -> dict[str, object]:
        """The terms, as `rounds.settings` keeps them."""
        return {"parts": self.parts} | asdict(self.effort) | asdict(self.pace)


@dataclass(slots=True)
class Surveyed:
    """One service at one address, and its survey.

    `address` is empty where the name has none; `ended_at` is None while the survey runs.
    """

    target: Target
    address: str
    survey: AddressSurvey
    ended_at: datetime | None = None


class SurveyRunner(Runner):
    """Runs surveys in a thread; `reports()` gives the handshakes, `surveyed` has the surveys so far."""

    def __init__(self, plan: RoundPlan, terms: SurveyTerms) -> None:
        super().__init__(plan)
        self.surveyed: list[Surveyed] = []
        self.terms = terms
        self._paced: dict[str, _PacedHost] = {}
        self._everywhere = asyncio.Semaphore(plan.limits.concurrency)
        self._unreported: list[LooksAdded | Look] = []

    async def _run(self) -> None:
        try:
            await super()._run()
        finally:
            self._report()

    def _report(self) -> None:
        for report in self._unreported:
            self._queue.put(report)
        self._unreported.clear()

    def _report_soon(self, report: LooksAdded | Look) -> None:
        """Report in batches: each report wakes the calling thread, and two busy threads slow each other down."""
        if not self._unreported:
            self._loop.call_later(_REPORT_SECONDS, self._report)
        self._unreported.append(report)

    async def _take(self, place: Place) -> None:
        await super()._take(place)
        if place.outcome is not None:
            for target in place.targets:
                self.surveyed.append(skip_survey(target, place, self.terms, self._plan.clock()))

    async def _ask(self, place: Place) -> None:
        for target in place.targets:
            host = self._paced.setdefault(counted_host(target, place.address), _PacedHost(self.terms.pace))
            self._group.create_task(self._survey(target, place.address, host))

    async def _survey(self, target: Target, address: str, host: "_PacedHost") -> None:
        plan, asked = self._plan, 0

        async def ask(offer: Offer) -> Answer:
            nonlocal asked
            request = LookRequest(target, address, offer, asked)
            asked += 1
            self._report_soon(LooksAdded(1))
            await host.pace()
            await self._pacing.begin(target, address)
            async with self._everywhere:
                made = await self._look(request)
            host.adapt(made.answer)
            self._report_soon(made)
            return made.answer

        prober = Prober(ask, self.terms.effort, turn=lambda: host, idle=lambda: host.idle)
        surveyed = Surveyed(target, address, AddressSurvey(prober, self.terms.parts))
        self.surveyed.append(surveyed)
        await surveyed.survey.run()
        surveyed.ended_at = plan.clock()


def skip_survey(target: Target, place: Place, terms: SurveyTerms, ended_at: datetime) -> Surveyed:
    """The survey of a target that is not asked at the place: because of its `outcome`, or because the round ended."""
    survey = AddressSurvey(Prober(_ask_nobody, terms.effort), terms.parts)
    survey.skip(f"{place.outcome}: {place.reason}" if place.outcome else str(NOT_REACHED.reason))
    return Surveyed(target, place.address, survey, ended_at)


async def _ask_nobody(_: Offer) -> Answer:
    return Answer("skipped", "connect", "the address is not known or not to be asked")


class _PacedHost:
    """Limits the connections at a time and per second to one host, and pauses where the host asks for it."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._free = asyncio.Semaphore(pace.concurrency)
        self._asking = 0
        self._next_at = 0.0
        self._pause = pace.pause_seconds

    @property
    def idle(self) -> int:
        """The number of connections that could be opened now."""
        return self._pace.concurrency - self._asking

    async def __aenter__(self) -> None:
        self._asking += 1
        try:
            await self._free.acquire()
        except asyncio.CancelledError:
            self._asking -= 1
            raise

    async def __aexit__(self, *_: object) -> None:
        self._asking -= 1
        self._free.release()

    async def pace(self) -> None:
        """Wait until the next connection may start."""
        now = asyncio.get_running_loop().time()
        starts_at = max(now, self._next_at)
        if self._pace.rate is not None:
            self._next_at = starts_at + 1 / self._pace.rate
        if starts_at > now:
            await asyncio.sleep(starts_at - now)

    def adapt(self, answer: Answer) -> None:
        """Pause where the server asks for it or resets the connection; else end the pauses."""
        if answer.outcome in ("deferred", "reset"):
            self._next_at = max(self._next_at, asyncio.get_running_loop().time() + self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        else:
            self._pause = self._pace.pause_seconds
