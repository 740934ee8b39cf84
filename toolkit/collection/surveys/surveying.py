"""`survey`: what each server accepts, proven handshake by handshake."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import date, datetime
from typing import Final, Literal, overload

import pandas as pd

from toolkit import schema
from toolkit.collection.engine import Engine, Expanded, Plan
from toolkit.collection.limits import POLITE, Limits
from toolkit.collection.names import Resolver
from toolkit.collection.progress import Bar
from toolkit.collection.rounds import Round, Targets, make_plan, new_name, now
from toolkit.collection.surveys.course import PARTS, Part, count_questions
from toolkit.collection.surveys.engine import Pace, SurveyEngine
from toolkit.collection.surveys.interview import Manner
from toolkit.collection.surveys.offers import asked_groups, asked_schemes, asked_suites
from toolkit.collection.surveys.rows import support_rows
from toolkit.errors import UsageError
from toolkit.reference import Offer
from toolkit.tables import Tables
from toolkit.targets import expand_targets

_OFFER: Final = Offer("survey", None, date(2026, 11, 24), (), (), (), (), (), (), "the question of the moment")
"""Stands for all hellos of a survey where none was sent: its name is what such a row needs."""

_MODERN: Final = {"suites": 18, "groups": 18, "signature_schemes": 24}
_WIDE: Final = {"suites": 170, "groups": 25, "signature_schemes": 25}
"""Handshakes that were needed: nginx with both kinds of certificate as it is configured today; JSSE with everything."""

_CONTROLS: Final = 4
"""Handshakes beside those of a question: the order of preference, and three where silence is to be a refusal."""


@overload
def survey(
    targets: Targets,
    *,
    parts: Sequence[Part] = ...,
    concurrency: int = ...,
    rate: float | None = ...,
    budget: int = ...,
    splits: int = ...,
    pause_seconds: float = ...,
    addresses: int | None = ...,
    limits: Limits = ...,
    vantage: str | None = ...,
    clock: Callable[[], datetime] = ...,
    resolver: Resolver | None = ...,
    progress: bool = ...,
    keep_bytes: bool = ...,
    ehlo: str | None = ...,
    dry_run: Literal[False] = ...,
) -> Tables: ...


@overload
def survey(
    targets: Targets,
    *,
    parts: Sequence[Part] = ...,
    concurrency: int = ...,
    rate: float | None = ...,
    budget: int = ...,
    splits: int = ...,
    pause_seconds: float = ...,
    addresses: int | None = ...,
    limits: Limits = ...,
    vantage: str | None = ...,
    clock: Callable[[], datetime] = ...,
    resolver: Resolver | None = ...,
    progress: bool = ...,
    keep_bytes: bool = ...,
    ehlo: str | None = ...,
    dry_run: Literal[True],
) -> pd.DataFrame: ...


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
    dry_run: bool = False,
) -> Tables | pd.DataFrame:
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

    `dry_run=True` asks nothing and returns what it would cost, a frame with one row per service: `service` (string),
    `connections_min`, `connections_typical`, `connections_wide`, `connections_max` (Int64, per address: nothing
    accepted, a server of today, one with everything switched on, everything there is, all within the budget) and
    `seconds_typical`, `seconds_wide` (Float64 [s], at the given rate; null without one).

    Raises `UsageError` for what makes no sense; never for what a server or network does. Ctrl-C ends the survey
    early and returns what was found out; the rest is `untested`.

    >>> survey("smtp://mail.example:25", dry_run=True)["connections_min"].tolist()
    [6]

    >>> import toolkit
    >>> found = toolkit.survey("tls://127.0.0.1:1", progress=False)
    >>> found.observations["outcome"].unique().tolist(), found.support["state"].unique().tolist()
    (['port_closed'], ['untested'])
    """
    for name, number in (("concurrency", concurrency), ("budget", budget), ("rate", rate)):
        if number is not None and not number > 0:
            raise UsageError(f"{name}={number}: must be greater than 0.")
    for name, number in (("splits", splits), ("pause_seconds", pause_seconds)):
        if number < 0:
            raise UsageError(f"{name}={number}: must not be negative.")
    unknown = [part for part in parts if part not in PARTS]
    if unknown or isinstance(parts, str):
        raise UsageError(f"parts={parts!r}: write some of {PARTS}.")
    asked: tuple[Part, ...] = tuple(part for part in PARTS if part == "suites" or part in parts)
    if dry_run:
        return _estimate(targets, asked, budget, rate)
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


def _estimate(targets: Targets, parts: tuple[Part, ...], budget: int, rate: float | None) -> pd.DataFrame:
    questions = [asked_suites(protocol) for protocol in schema.PROTOCOLS[1:]]
    if "groups" in parts:
        questions += [asked_groups("TLS 1.3"), asked_groups("TLS 1.2"), asked_groups("TLS 1.2", is_finite_field=True)]
    if "signature_schemes" in parts:
        questions += [asked_schemes("TLS 1.3"), asked_schemes("TLS 1.2")]
    counts = {
        "connections_min": len(schema.PROTOCOLS),
        "connections_typical": sum(_MODERN[part] for part in parts),
        "connections_wide": sum(_WIDE[part] for part in parts),
        "connections_max": 1 + sum(len(question) + 1 for question in questions) + _CONTROLS * (1 + len(questions)),
    }
    rows = []
    for target in expand_targets(targets):
        row: dict[str, object] = {"service": target.service}
        row |= {name: min(count, budget) for name, count in counts.items()}
        for kind in ("typical", "wide"):
            row[f"seconds_{kind}"] = None if rate is None else min(counts[f"connections_{kind}"], budget) / rate
        rows.append(row)
    dtypes = {"service": "string"} | dict.fromkeys(counts, "Int64")
    return pd.DataFrame(rows).astype(dtypes | {"seconds_typical": "Float64", "seconds_wide": "Float64"})
