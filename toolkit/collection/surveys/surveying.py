"""`survey`: what each server accepts, proven handshake by handshake."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import date, datetime
from typing import Final

from toolkit import schema
from toolkit.collection.engine import Engine, Expanded, Plan
from toolkit.collection.limits import POLITE, Limits
from toolkit.collection.names import Resolver
from toolkit.collection.progress import Bar
from toolkit.collection.rounds import Round, Targets, make_plan, new_name, now
from toolkit.collection.surveys.course import PARTS, Part, check_positive, chosen_parts, count_questions
from toolkit.collection.surveys.engine import Pace, SurveyEngine
from toolkit.collection.surveys.interview import Manner
from toolkit.collection.surveys.rows import support_rows
from toolkit.errors import UsageError
from toolkit.reference import Offer
from toolkit.tables import Tables

_OFFER: Final = Offer("survey", None, date(2026, 11, 24), (), (), (), (), (), (), "the question of the moment")
"""Stands for all hellos of a survey where none was sent: its name is what such a row needs."""


def survey(
    targets: Targets,
    *,
    parts: Sequence[Part] = PARTS,
    concurrency: int = 2,
    rate: float | None = 20.0,
    budget: int = 500,
    splits: int = 0,
    pause_seconds: float = 2.0,
    addresses: int | None = None,
    limits: Limits = POLITE,
    vantage: str | None = None,
    clock: Callable[[], datetime] = now,
    resolver: Resolver | None = None,
    progress: bool = True,
    keep_bytes: bool = False,
    ehlo: str | None = None,
) -> Tables:
    """Find out what each target accepts: versions, suites, groups, signature schemes, certificates, preferences.

    Each handshake offers one version and everything in question that is still open; it proves one acceptance or
    refuses the rest, so a question takes as many handshakes as there are acceptances, and one. Of a service with
    several machines behind one address, the answers are those of the machines that happened to answer. Where the same
    offer was accepted once and refused another time, nothing is `refused`, and `reason` says why; machines whose
    answers never meet in one question cannot be told from one machine.

    `targets`: as in `observe`. `parts`: what is asked beside the versions, of `suites` (always), `groups`,
    `signature_schemes` (which also tell the kinds of certificate). `addresses`, `vantage`, `clock`, `resolver`,
    `progress`, `keep_bytes`, `ehlo`: as in `observe`; so are `limits`, except that `per_host` and `max_looks` say
    nothing here: `concurrency` and `budget` do.
    `concurrency`: connections at a time to one address. `rate`: connections begun in a second at one address, null:
    no limit. `pause_seconds`: how long nothing is asked after a 421, a 4xx or a reset; doubled each time, up to a
    minute. `budget`: connections to one address at most; what it does not reach is `untested`.
    `splits`: how often the longest chains of questions may be split in two where connections are free. That saves
    round trips; each split costs one refusal more, and beyond the first choice the rank is then not known (null).

    The tables hold, per address, rows of `support`: one for each version, one for each version and suite, group,
    signature scheme and key type asked about; so for a target that could not be asked (a name without address, a
    blocked one), all `untested`. `state` is `accepted` (the server chose it), `refused` (an alert that says so, an
    answer with a lower version, or the same silence to three forms of the question with controls accepted between
    and after them), else `untested`; `reason` says what it rests on. Silence that follows the length of the hello,
    its order, the number of its suites, or the number of connections is no refusal. `is_sound` says whether the
    whole first flight was right, since a server may choose what it cannot do (null: it could not be read or checked
    to its end). `rank` is null where the order of preference is the client's or not known; schemes are ranked among
    those of one kind of key. Each handshake is a row of `observations` with the offer `survey`, and `rounds` has at
    its end `connections` beside `connections_bound`, the fewest that the questions and their controls allow.

    Raises `UsageError` for what makes no sense; never for what a server or network does. Ctrl-C ends the survey
    early and returns what was found out; the rest is `untested`.

    >>> import toolkit
    >>> found = toolkit.survey("tls://127.0.0.1:1", progress=False)
    >>> found.observations["outcome"].unique().tolist(), found.support["state"].unique().tolist()
    (['port_closed'], ['untested'])
    """
    asked = chosen_parts(parts)
    check_positive(concurrency=concurrency, budget=budget, rate=rate)
    for name, number in (("splits", splits), ("pause_seconds", pause_seconds)):
        if number < 0:
            raise UsageError(f"{name}={number}: must not be negative.")
    plan = make_plan(
        targets,
        (_OFFER,),
        samples=1,
        addresses=addresses,
        limits=limits,
        clock=clock,
        resolver=resolver,
        keep_bytes=keep_bytes,
        ehlo=ehlo,
    )
    manner, pace = Manner(budget, splits), Pace(concurrency, rate, pause_seconds)
    watched = SurveyRound(new_name(clock), plan, vantage, parts=asked, manner=manner, pace=pace)
    # What was found out is the answer to an interrupt here: nobody else would keep it.
    with suppress(KeyboardInterrupt):
        watched.watch(progress=progress)
    return watched.found


class SurveyRound(Round):
    """Follows the engine of a survey; `found` is everything, once, when the round has ended."""

    _title, _unit = "Surveying", "question"

    def __init__(
        self,
        name: str,
        plan: Plan,
        vantage: str | None,
        *,
        parts: tuple[Part, ...],
        manner: Manner,
        pace: Pace,
    ) -> None:
        super().__init__(name, plan, vantage, keep=lambda _: None)
        self.found = Tables.from_frames()
        self._phases: list[dict[str, object]] = []
        self._parts, self._manner, self._pace = parts, manner, pace
        self._engine: SurveyEngine | None = None

    def _progress(self) -> tuple[int, int]:
        """Questions answered, and all: the suites of a version at an address are one, and take many connections."""
        surveyed = list(self._engine.surveyed) if self._engine else []
        unknown = max(self._targets - len({each.target for each in surveyed}), 0)
        asked = sum(each.course.asked for each in surveyed) + unknown * count_questions(self._parts)
        return sum(each.course.answered for each in surveyed), asked

    def _draw(self, bar: Bar) -> None:
        bar.show(*self._progress(), connections=self._connections)

    def _start(self) -> Engine:
        self._engine = SurveyEngine(self._plan, parts=self._parts, manner=self._manner, pace=self._pace)
        return self._engine

    def _settings(self) -> dict[str, object]:
        return super()._settings() | {"parts": self._parts} | asdict(self._manner) | asdict(self._pace)

    def _planned(self, expanded: Expanded) -> int | None:
        """Null: how many handshakes it takes is what a survey finds out."""
        return None

    def _done(self) -> dict[str, object]:
        surveyed = self._engine.surveyed if self._engine else []
        return super()._done() | {"connections_bound": sum(each.course.bound for each in surveyed)}

    def _keep_batch(self, phase: dict[str, object] | None = None) -> None:
        """Nothing is handed over before the end: what a survey found out is told by all of it."""
        if phase is None or self._described is None:
            return
        self._phases.append(self._described | {"written_at": self._plan.clock()} | phase)
        if phase["phase"] == "end":
            rows = []
            for each in self._engine.surveyed if self._engine else []:
                rows += support_rows(each, round_=self._name, observed_at=each.ended_at or self._plan.clock())
            # Nothing is asked, looked at or shown twice here, so repeats need not be searched for.
            self.found = Tables(support=schema.frame("support", rows), **self._rows.frames(self._phases))
