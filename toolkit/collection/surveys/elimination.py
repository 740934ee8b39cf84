"""Elimination: offer all that is asked about, strike what the server chose, offer the rest, until it refuses.

Each handshake proves one acceptance or refuses all that is left, so n acceptances take n + 1 handshakes, and three more
where the refusal is silent. What stops a chain early (a hang, an answer that was not offered) leaves the rest
`untested`.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal

from toolkit.collection.surveys.forms import (
    LISTED,
    OTHERS,
    Codes,
    Form,
    Question,
    add_control,
    add_known,
    put_in_form,
)
from toolkit.collection.surveys.interview import Interview
from toolkit.collection.surveys.offers import FILLERS, common_suites, popular_first
from toolkit.collection.surveys.verdicts import Verdict, judge, name_of, soundness
from toolkit.reference import Offer, suites
from toolkit.wire import Answer

LONG: Final = 128
"""Suites; some servers do not read more of a hello."""

MIXED: Final = "the same offer was accepted another time, so several machines answer, and differ"

UNSTEADY: Final = "silence did not follow the question: the same was answered at another time or in another form"


@dataclass(slots=True)
class Finding:
    """What is known of one item, as a row of `support` has it. `is_silence`: refused by silence, not by word."""

    state: str
    reason: str | None = None
    is_sound: bool | None = None
    rank: int | None = None
    is_silence: bool = False


NOT_REACHED: Final = Finding("untested", "the survey ended before it was asked")


@dataclass(frozen=True, slots=True)
class Closing:
    """How a chain ended: what was left, what the last answer proved of it, and the offer that was answered."""

    items: Codes
    verdict: Verdict
    offer: Offer


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an offer in that form was answered, and what the answer proves."""

    form: Form
    verdict: Verdict
    answer: Answer


class Elimination:
    """One question, asked to its end.

    `findings` has every item once `run` (and, where `is_waiting`, `resume`) has ended. `choices` are the accepted
    items in the order in which the server chose them. `order` says whose order of preference that is.
    """

    def __init__(self, question: Question, interview: Interview) -> None:
        self.question, self.interview = question, interview
        self.findings: dict[int, Finding] = {}
        self.choices: list[int] = []
        self.order: Literal["server", "client"] | None = None
        self.closings: list[Closing] = []
        self._in_order: int | None = None
        self._asked_order: asyncio.Task[None] | None = None
        self._is_asked = False
        self._silences: list[tuple[Codes, Codes, _Asked]] = []

    @property
    def accepted(self) -> Codes:
        """What the server took, in the order in which it was offered."""
        return tuple(item for item in self.question.items if self.finding(item).state == "accepted")

    def finding(self, item: int) -> Finding:
        """What is known of the item by now."""
        return self.findings.get(item, NOT_REACHED)

    @property
    def fewest(self) -> int:
        """The fewest handshakes: one for each acceptance, and a refusal where anything is left."""
        if not self._is_asked:
            return 0
        if self.question.protocol == "SSL 2.0":
            return 1
        return len(self.accepted) + (len(self.accepted) < len(self.question.items))

    @property
    def state(self) -> str:
        """Of all items together: accepted where any is, refused where all are."""
        states = {self.finding(item).state for item in self.question.items}
        return "accepted" if "accepted" in states else "untested" if "untested" in states else "refused"

    @property
    def is_waiting(self) -> bool:
        """Silence was met before any control was known: `resume` when one is."""
        return bool(self._silences)

    @property
    def is_answered(self) -> bool:
        """Whether something is known of each item."""
        return len(self.findings) == len(self.question.items)

    @property
    def rests_on_silence(self) -> bool:
        """Whether anything was refused without a word."""
        return any(finding.is_silence for finding in self.findings.values())

    def say_of_all(self, state: str, reason: str, *, is_silence: bool = False) -> None:
        """Say the same of everything, without asking."""
        self.findings = dict.fromkeys(self.question.items, Finding(state, reason, is_silence=is_silence))

    async def run(self) -> None:
        """Ask about everything."""
        self._is_asked = True
        await self._narrow(self.question.items, self.question.items)
        await self._heed_others()

    async def retry(self, pieces: Sequence[Codes], build: Callable[[Codes], Offer], most: int | None = None) -> None:
        """Ask about these again, piece by piece: in lists of `most` places, null: in the same long list."""
        self.question = replace(self.question, build=build)
        self.closings, self._silences = [], []
        self._fork()
        for piece in pieces:
            fillers = () if most is None else (FILLERS * most)[: most - len(piece)]
            await self._narrow(piece, self.question.items if most is None else (*piece, *fillers))
        await self._heed_others()

    async def resume(self) -> None:
        """Ask about what was met with silence, now that others may have found a control."""
        silences, self._silences = self._silences, []
        for remaining, places, asked in silences:
            await self._narrow(remaining, places, asked)
        await self._heed_others()

    async def _narrow(self, remaining: Codes, places: Codes, asked: _Asked | None = None) -> None:
        """Ask about what remains of the places. `asked`: the silence that met the first question."""
        self.interview.promised.discard(remaining)
        weight = self._weigh(remaining)
        form = asked.form if asked else LISTED
        while remaining:
            asked = await self._settle(remaining, places, form, weight, asked)
            verdict, answer = asked.verdict, asked.answer
            if asked.form is not form:
                form = asked.form
                self._fork()
            if verdict.kind == "listed":
                self._take_list(remaining, answer)
                return
            if verdict.kind != "accepted":
                if self.choices and _may_be_own_failure(verdict, answer) and len(kinds := self._kinds(remaining)) > 1:
                    # Each kind of exchange needs a refusal of its own, which is the price of a proof.
                    self.interview.controls += len(kinds)
                    self._fork()
                    await _each(partial(self._narrow, places=places), kinds)
                    return
                if verdict.kind == "silent":
                    self.interview.is_silent = True
                    self._silences.append((remaining, places, asked))
                self._close(Closing(remaining, verdict, put_in_form(self.question, places, remaining, form)))
                return
            assert verdict.item is not None
            self._accept(verdict.item, answer)
            place = remaining.index(verdict.item)
            remaining = remaining[:place] + remaining[place + 1 :]
            if remaining and verdict.item == self.question.kept:
                offer = put_in_form(self.question, places, remaining, form)
                await self._close_without_kept(remaining, offer, name_of(self.question.kind, verdict.item))
                return
            asked, weight = None, self._weigh(remaining)
            if (count := self.interview.parts(weight)) > 1:
                self._fork()
                parts = self._divide(remaining, count)
                self.interview.splits += count - 1
                self.interview.promised.update(parts)
                await _each(partial(self._narrow, places=places), parts)
                return

    async def _settle(
        self, remaining: Codes, places: Codes, form: Form, weight: float, silence: _Asked | None
    ) -> _Asked:
        """Ask, and ask again, in other forms, where the answer proves nothing yet."""
        interview = self.interview
        interview.open.append(weight)
        try:
            asked = silence or await self._put(remaining, places, form)
            if asked.verdict.kind == "unproven" and asked.verdict.is_passing:
                first, asked = asked.verdict, await self._put(remaining, places, OTHERS[form][0], is_control=True)
                if asked.verdict.kind != "unproven":
                    interview.is_unsteady = True
                elif asked.verdict == first:
                    asked = replace(asked, verdict=Verdict("unproven", f"twice {first.reason}"))
            if asked.verdict.kind == "silent" and interview.control is not None:
                return await self._confirm(remaining, places, asked)
        finally:
            interview.open.remove(weight)
        return asked

    async def _put(self, remaining: Codes, places: Codes, form: Form, *, is_control: bool = False) -> _Asked:
        offer = put_in_form(self.question, places, remaining, form)
        answer = await self.interview.put(offer, is_control=is_control)
        return _Asked(form, judge(self.question.kind, self.question.protocol, remaining, answer), answer)

    async def _confirm(self, remaining: Codes, places: Codes, silence: _Asked) -> _Asked:
        """Whether silence is a refusal: the same in two more forms, after a control that has the first of them."""
        interview, forms, words = self.interview, OTHERS[silence.form], silence.verdict.reason
        if not await interview.is_answering(self._control(remaining, places, forms[0])):
            return replace(silence, verdict=Verdict("unproven", f"{words}; and a control offer failed after that"))
        for form in forms:
            asked = await self._put(remaining, places, form, is_control=True)
            if asked.verdict.kind != "silent" or asked.answer.outcome != silence.answer.outcome:
                if asked.answer.outcome != "skipped":
                    interview.is_unsteady = True
                if asked.verdict.kind == "silent":
                    asked = replace(asked, verdict=Verdict("unproven", f"{words}; then {asked.verdict.reason}"))
                return asked
        words = f"three times {words}, in three forms of hello; control offers were accepted between and after them"
        return replace(silence, verdict=Verdict("refused", words, is_silence=True))

    def _control(self, remaining: Codes, places: Codes, form: Form) -> Offer:
        """The question in that form, and with it something that was accepted: that alone is to make the difference."""
        question, control = self.question, self.interview.control
        if self.choices:
            return add_known(question, places, remaining, form, self.choices[0])
        assert control is not None
        return add_control(question, places, remaining, form, control=control, known=self.interview.control_suite)

    def _close(self, closing: Closing) -> None:
        """Say of all that is left what the last answer proves."""
        self.closings.append(closing)
        interview, verdict, remaining = self.interview, closing.verdict, closing.items
        is_long = self.question.kind == "suite" and len(closing.offer.suites) > LONG
        if is_long and verdict.kind == "refused" and self.choices and interview.asked_length is None:
            interview.asked_length = interview.beside(self._ask_length(closing.offer))
        state = "refused" if verdict.kind == "refused" else "untested"
        if self.question.kind == "suite" and self.choices and state == "refused":
            interview.refused_suites.update(remaining)
        closed = Finding(state, verdict.reason, is_silence=verdict.is_silence)
        self.findings.update(dict.fromkeys(remaining, closed))

    async def _close_without_kept(self, remaining: Codes, offer: Offer, kept: str) -> None:
        """What stood before it in the offer was passed over: refused if the order is the client's, else not known."""
        if self._asked_order is not None:
            await self._asked_order
        if self.order == "client":
            verdict = Verdict("refused", f"{kept} was chosen, which was offered after these, by the client's order")
        else:
            verdict = Verdict("unproven", f"{kept} was chosen, which the certificate needs; it may be preferred")
        self._close(Closing(remaining, verdict, offer))

    def _accept(self, item: int, answer: Answer) -> None:
        self.findings[item] = Finding("accepted", _remarks(answer), soundness(answer))
        self.choices.append(item)
        if len(self.choices) == 2 and (self._in_order is None or self._in_order > 0):
            self._asked_order = self.interview.beside(self._ask_order())

    async def _ask_length(self, refused: Offer) -> None:
        """Whether the server reads long lists to their end: what it accepts, put last, must still be found."""
        known, protocol, interview = self.choices[0], self.question.protocol, self.interview
        offer = replace(refused, suites=(*refused.suites, known))
        answer = await interview.put(offer, is_control=True)
        verdict = judge("suite", protocol, (known,), answer)
        if verdict.kind == "silent":
            interview.reads_to_end = await interview.is_answering(offer)
        elif verdict.kind == "refused" or (verdict.kind == "unproven" and answer.outcome == "ok"):
            interview.reads_to_end = not await interview.is_refused_again(offer)

    def _take_list(self, offered: Codes, answer: Answer) -> None:
        """SSL 2.0: one answer says all, and the client would choose (draft-hickman-netscape-ssl-00)."""
        for item in offered:
            if item in answer.suites:
                self.findings[item] = Finding("accepted", _remarks(answer), soundness(answer))
            else:
                self.findings[item] = Finding("refused", "not among those that the server lists")

    async def _heed_others(self) -> None:
        """A refusal of what another handshake shows to be accepted is no refusal of the rest either."""
        seen = self.interview.seen.get((self.question.kind, self.question.protocol), {})
        for closing in list(self.closings):
            items, verdict = closing.items, closing.verdict
            contradicting = [item for item in items if item in seen and self.findings[item].state != "accepted"]
            for item in contradicting:
                self._fork()
                self._accept(item, seen[item])
            if contradicting and verdict.kind == "refused":
                await self.interview.is_refused_again(closing.offer)
                name = name_of(self.question.kind, contradicting[0])
                for item in items:
                    if self.findings[item].state == "refused":
                        words = f"{verdict.reason}, but to an offer that held {name}, which another handshake chose"
                        self.findings[item] = Finding("untested", words)

    def forget_silence(self) -> None:
        """The address turned out not to answer steadily: what rests on silence is untested."""
        for item, finding in self.findings.items():
            if finding.is_silence:
                self.findings[item] = Finding("untested", f"{finding.reason}; but {UNSTEADY}")

    def forget_refusals(self) -> None:
        """Several machines answer: what one of them refused, another may accept."""
        for item, finding in self.findings.items():
            if finding.state == "refused":
                self.findings[item] = Finding("untested", f"{finding.reason}; but {MIXED}")

    async def find_order(self) -> None:
        """Whose order of preference the choices follow, and from it the ranks."""
        choices = self.choices[: self._in_order]
        if self._asked_order is not None:
            await self._asked_order
        if len(self.choices) == 1:
            self.findings[self.choices[0]].rank = 1 if choices else None
        if self.order == "server":
            for rank, item in enumerate(choices, 1):
                self.findings[item].rank = rank

    async def _ask_order(self) -> None:
        """The first choice was made although the second was offered too, or before it: that shows whose order it is.

        Where the first also stood first in the offer, the same two backwards tell, for a control.
        """
        first, second = self.choices[:2]
        items = self.question.items
        if items.index(second) < items.index(first):
            self.order = "server"
            return
        backwards = tuple(dict.fromkeys(filter(None, (second, first, self.question.kept))))
        offer = self.question.build(backwards)
        answer = await self.interview.put(offer, is_control=True)
        verdict = judge(self.question.kind, self.question.protocol, backwards, answer)
        self.order = "server" if verdict.item == first else "client" if verdict.item == second else None
        if verdict.kind == "refused":
            await self.interview.is_refused_again(offer)

    def _fork(self) -> None:
        """From here on choices are made among a part of what is open: their order says nothing."""
        if self._in_order is None:
            self._in_order = len(self.choices)

    def _divide(self, items: Codes, count: int) -> list[Codes]:
        """Parts that may hold about as many acceptances each, in the order in which they are offered."""
        popular = popular_first(self.question.protocol)
        likely = [item for codes, _ in self._likely(items) for item in popular if item in codes]
        part = {item: n % count for n, item in enumerate(dict.fromkeys([*likely, *items]))}
        return [tuple(item for item in items if part[item] == n) for n in range(count)]

    def _kinds(self, items: Codes) -> list[Codes]:
        return kinds_of(items) if self.question.kind == "suite" else [items]

    def _weigh(self, items: Codes) -> float:
        """How many of them the server may accept: a guess, good enough to divide work by."""
        if self.question.kind != "suite" or not self.interview.has_splits:
            return 0.0
        return sum(weight * len(codes) for codes, weight in self._likely(items))

    def _likely(self, items: Codes) -> list[tuple[frozenset[int], float]]:
        """The items by how likely each is accepted: as other versions tell, else by what is common."""
        asked = frozenset(items)
        accepted = asked & self.interview.accepted_suites
        refused = (asked & self.interview.refused_suites) - accepted
        rest = (asked & common_suites(self.question.protocol)) - accepted - refused
        return [(accepted, 0.9), (rest, 0.7), (refused, 0.02)]


def kinds_of(codes: Codes) -> list[Codes]:
    """The suites by kind of key exchange, as far as servers fail with one and not with another."""
    kinds: dict[str, Codes] = {}
    for code in codes:
        exchange = suites()[code].key_exchange
        kind = next((name for name in ("ECDHE", "DHE") if exchange.startswith(name)), "other")
        kinds[kind] = (*kinds.get(kind, ()), code)
    return list(kinds.values())


def _may_be_own_failure(verdict: Verdict, answer: Answer) -> bool:
    """Whether the server may have chosen something and then failed with it, and not refused everything.

    Dovecot without DH parameters chooses DHE where it prefers it, and then closes without a word.
    """
    return verdict.is_silence or (verdict.kind == "unproven" and answer.outcome in ("refused", "malformed"))


async def _each(narrow: Callable[[Codes], Coroutine[object, object, None]], parts: Sequence[Codes]) -> None:
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(narrow(part))


def _remarks(answer: Answer) -> str | None:
    """What a reader should know of an accepted offer."""
    remarks = [] if answer.outcome == "ok" else [f"then {answer.outcome}"]
    if answer.exchange_bits is not None:
        remarks.append(f"{answer.exchange_bits}-bit parameters")
    if answer.reason is not None:
        remarks.append(answer.reason)
    return "; ".join(remarks) or None
