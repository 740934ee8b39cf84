"""The course of a survey at one address: versions and suites first, then groups and schemes for what was accepted.

Questions of one step run at the same time. Between the steps stand the controls: offers met with silence are asked
again once something is known to be accepted, long hellos are checked, and whose order of preference was seen.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from functools import partial
from typing import Final, Literal

from toolkit.collection.last_resort import read_certificate
from toolkit.collection.surveys.elimination import LONG, Elimination, kinds_of
from toolkit.collection.surveys.forms import Codes, Question
from toolkit.collection.surveys.interview import Interview
from toolkit.collection.surveys.offers import (
    FULL,
    SHORTER,
    Shape,
    asked_groups,
    asked_suites,
    offer_groups,
    offer_schemes,
    offer_suites,
    popular_first,
    readable,
    schemes_by_key,
    signs,
)
from toolkit.collection.surveys.verdicts import judge
from toolkit.errors import UsageError
from toolkit.reference import Offer, groups, suites
from toolkit.schema import PROTOCOLS

Part = Literal["suites", "groups", "signature_schemes"]

PARTS: Final[tuple[Part, ...]] = ("suites", "groups", "signature_schemes")
"""What a survey asks about. Suites of every version come first: the rest is asked with what they found."""

_CLASSIC: Final = ("TLS 1.2", "TLS 1.1", "TLS 1.0")


class Course:
    """What is asked of one address, and what was found out.

    `suites`: the question about the suites of each version. `others`: those about groups and signature schemes.
    `remarks`: by version, what a reader should know beside the single answers.
    """

    def __init__(self, interview: Interview, parts: tuple[Part, ...] = PARTS) -> None:
        self.interview = interview
        self.suites: dict[str, Elimination] = {}
        self.others: list[Elimination] = []
        self.remarks: dict[str, str] = {}
        self._parts = parts
        self._unopened = count_questions(parts)
        self._shapes: dict[str, Shape] = {}

    @property
    def questions(self) -> list[Elimination]:
        """All of them."""
        return [*self.suites.values(), *self.others]

    @property
    def answered(self) -> int:
        """How many questions are answered by now. A question is one about all suites of a version, and the like."""
        return sum(question.is_answered for question in self.questions)

    @property
    def asked(self) -> int:
        """Of how many. What will be asked about groups and schemes is known after the suites; until then, of all."""
        return self._unopened + len(self.questions)

    @property
    def bound(self) -> int:
        """The fewest handshakes that the questions allow, and the controls."""
        return sum(question.fewest for question in self.questions) + self.interview.controls

    async def run(self) -> None:
        """Ask everything."""
        async with self.interview.under_way():
            await self._run()

    def leave(self, reason: str) -> None:
        """Ask nothing: everything is untested, for that reason."""
        self.suites = self._first_questions()
        self.others = self._further_questions()
        for elimination in self.questions:
            elimination.say_of_all("untested", reason)

    async def _run(self) -> None:
        self.suites = self._first_questions()
        asked = list(self.suites.values())
        await self._ask(asked)
        await _together(self._try_again(elimination) for elimination in asked)
        if self.interview.control is not None:
            await _together(elimination.resume() for elimination in asked if elimination.is_waiting)
        await self._read_shorter()
        for elimination in asked:
            await elimination.find_order()
        self.others = self._further_questions()
        await self._ask([question for question in self.others if not question.findings])
        for elimination in self.others:
            await elimination.find_order()
        if self.interview.is_mixed:
            for elimination in self.questions:
                elimination.forget_refusals()
        if self.interview.control is not None and any(elimination.rests_on_silence for elimination in self.questions):
            await self.interview.is_answering(self.interview.control)
        if self.interview.is_unsteady:
            for elimination in self.questions:
                elimination.forget_silence()

    def _first_questions(self) -> dict[str, Elimination]:
        questions = {}
        self._unopened = count_questions(self._parts) - count_questions(("suites",))
        for protocol in PROTOCOLS:
            question = Question("suite", protocol, asked_suites(protocol), partial(offer_suites, protocol))
            questions[protocol] = Elimination(question, self.interview)
        return questions

    async def _ask(self, eliminations: list[Elimination]) -> None:
        # The newest first: it holds most, and waits longest.
        await _together(elimination.run() for elimination in reversed(eliminations))
        if self.interview.control is not None:
            await _together(elimination.resume() for elimination in eliminations)

    async def _try_again(self, elimination: Elimination) -> None:
        """Where nothing was accepted, find out whether it was for the length of the hello, or for one kind of suite.

        Of a version that is named in the refusal, nothing else is asked. Lengths are tried where no hello as long was
        ever answered; and where a version ended without a word of refusal, suites without finite fields alone.
        """
        protocol, verdicts = elimination.question.protocol, [closing.verdict for closing in elimination.closings]
        is_named = any("protocol_version" in v.reason or "answered with" in v.reason for v in verdicts)
        if elimination.state == "accepted" or is_named or protocol == "SSL 2.0":
            return
        items, interview = popular_first(protocol), self.interview
        if not interview.reads_full or interview.longest_read < min(LONG + 1, len(items)):
            for shape in SHORTER:
                first = items[: shape.most_suites]
                if await self._is_taken(protocol, first, shape):
                    self._shapes[protocol] = shape
                    most = shape.most_suites
                    self.remarks[protocol] = (
                        f"only shorter hellos are answered: asked in pieces of at most {most} suites"
                    )
                    await elimination.retry(_pieces(items, most), partial(offer_suites, protocol, shape=shape), most)
                    return
        elif not all(verdict.kind == "refused" and not verdict.is_silence for verdict in verdicts):
            kinds = kinds_of(items)
            if len(kinds) > 1 and await self._is_taken(protocol, kinds[0], FULL):
                interview.controls += len(kinds)
                self.remarks[protocol] = "the server fails with suites that it chooses: asked by kind of key exchange"
                await elimination.retry(kinds, elimination.question.build)

    async def _is_taken(self, protocol: str, asked: Codes, shape: Shape) -> bool:
        answer = await self.interview.put(offer_suites(protocol, asked, shape), is_control=True)
        return judge("suite", protocol, asked, answer).kind == "accepted"

    async def _read_shorter(self) -> None:
        """Where the ends of long lists are not read, what was refused with one is asked again in pieces."""
        if self.interview.asked_length is not None:
            await self.interview.asked_length
        if self.interview.reads_to_end or self.interview.is_mixed:
            return
        shape = SHORTER[0]
        for protocol, elimination in self.suites.items():
            for closing in list(elimination.closings):
                if closing.verdict.kind == "refused" and len(closing.offer.suites) > LONG:
                    self.remarks[protocol] = "the server does not read long lists to their end: asked again in pieces"
                    most = shape.most_suites
                    pieces = _pieces(closing.items, most)
                    await elimination.retry(pieces, partial(offer_suites, protocol, shape=shape), most)

    def _further_questions(self) -> list[Elimination]:
        """Groups and schemes, for the versions that have them and are not refused."""
        questions: list[Elimination] = []
        self._unopened = 0
        newest, classic = self.suites["TLS 1.3"], self._accepted_classic()
        if "groups" in self._parts:
            if newest.state != "refused":
                questions.append(self._groups("TLS 1.3", asked_groups("TLS 1.3"), readable(newest.accepted)))
            if classic is not None:
                protocol = classic.question.protocol
                for exchange, is_finite_field in (("ECDHE", False), ("DHE", True)):
                    if accepted := _with(classic.accepted, exchange):
                        items = asked_groups(protocol, is_finite_field=is_finite_field)
                        questions.append(self._groups(protocol, items, accepted))
        if "signature_schemes" in self._parts:
            for protocol in ("TLS 1.3", "TLS 1.2"):
                if self.suites[protocol].state != "refused":
                    questions += self._schemes(protocol)
        return questions

    def _accepted_classic(self) -> Elimination | None:
        """The newest version before TLS 1.3 that accepts an ephemeral exchange."""
        for protocol in _CLASSIC:
            accepted = self.suites[protocol].accepted
            if _with(accepted, "ECDHE") or _with(accepted, "DHE"):
                return self.suites[protocol]
        return None

    def _groups(self, protocol: str, items: Codes, accepted: Codes) -> Elimination:
        kept = None
        if all(suites()[code].authentication == "ECDSA" for code in accepted):
            kept = self._curve(protocol)
        if kept in items:
            items = (*(item for item in items if item != kept), kept)
        shape = self._shapes.get(protocol, FULL)
        question = Question(
            "group", protocol, items, lambda asked: offer_groups(protocol, asked, accepted, shape), kept
        )
        return self._open(question, accepted)

    def _curve(self, protocol: str) -> int | None:
        """Of the EC certificate that the server showed."""
        curves = {read_certificate(leaf)[0]["key_curve"] for leaf in self.interview.leaves.get(protocol, ())}
        return next((group.code for group in groups().values() if group.name in curves), None)

    def _schemes(self, protocol: str) -> list[Elimination]:
        """One question for each kind of key: a server that settles on a suite or a certificate first may fail
        for the schemes of another kind, which it would take if it were asked for that kind alone."""
        signing, shape = self.suites[protocol], self._shapes.get(protocol, FULL)
        questions = []
        for authentication, items in schemes_by_key(protocol).items():
            relevant = [code for code in signing.question.items if signs(code, authentication)]
            accepted = tuple(code for code in signing.accepted if code in relevant)
            question = Question("signature_scheme", protocol, items, partial(_build_schemes, protocol, accepted, shape))
            elimination = Elimination(question, self.interview)
            if not accepted:
                states = {signing.finding(code).state for code in relevant}
                if "untested" in states or not states:
                    elimination.say_of_all("untested", "no suite that it could sign is known to be accepted")
                else:
                    is_silence = any(signing.finding(code).is_silence for code in relevant)
                    words = "every suite that it could sign was refused"
                    elimination.say_of_all("refused", words, is_silence=is_silence)
            questions.append(elimination)
        return questions

    def _open(self, question: Question, accepted: Codes) -> Elimination:
        elimination = Elimination(question, self.interview)
        if not accepted:
            elimination.say_of_all("untested", f"{question.protocol} itself is untested")
        return elimination


def count_questions(parts: tuple[Part, ...]) -> int:
    """How many questions a survey of one address asks at most."""
    counted = {"suites": len(PROTOCOLS), "groups": 3}
    counted["signature_schemes"] = sum(len(schemes_by_key(protocol)) for protocol in ("TLS 1.2", "TLS 1.3"))
    return sum(counted[part] for part in parts)


def chosen_parts(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts in the order in which they are asked, `suites` always among them; `UsageError` for an unknown part."""
    if isinstance(parts, str) or any(part not in PARTS for part in parts):
        raise UsageError(f"parts={parts!r}: give a list of some of {', '.join(map(repr, PARTS))}.")
    return tuple(part for part in PARTS if part == "suites" or part in parts)


def check_positive(**numbers: float | None) -> None:
    """`UsageError` for a number that is not above 0; null stands for no limit."""
    for name, number in numbers.items():
        if number is not None and not number > 0:
            raise UsageError(f"{name}={number}: must be greater than 0.")


def _build_schemes(protocol: str, accepted: Codes, shape: Shape, asked: Codes) -> Offer:
    return offer_schemes(protocol, asked, readable(accepted) if protocol == "TLS 1.3" else accepted, shape)


def _pieces(items: Codes, most: int) -> list[Codes]:
    return [items[at : at + most] for at in range(0, len(items), most)]


def _with(codes: Codes, exchange: str) -> Codes:
    """The suites of that exchange; where there are any, only those whose certificate has no say in the group.

    Before TLS 1.3 an EC certificate's curve must be among the groups that are offered (RFC 8422, 5.1).
    """
    found = tuple(code for code in codes if suites()[code].key_exchange == exchange)
    free = tuple(code for code in found if suites()[code].authentication in ("RSA", "anon", "PSK"))
    return free or found


async def _together(asked: Iterable[Coroutine[object, object, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for coroutine in asked:
            group.create_task(coroutine)
