"""Elimination: offer everything in question, remove what the server chose, offer the rest, until it refuses.

Such a series of hellos proves one acceptance with each handshake, and its last handshake refuses all that remains. So n
accepted items take n + 1 handshakes, and three more where the refusal is silent. A hang or an answer that was not
offered ends a series early; what remains is then `untested`.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from toolkit.collection.surveys.forms import (
    LISTED,
    OTHERS,
    HelloForm,
    Topic,
    add_control,
    add_known,
    put_in_form,
)
from toolkit.collection.surveys.offers import FILLERS, Codes
from toolkit.collection.surveys.order import Order
from toolkit.collection.surveys.prober import Prober
from toolkit.collection.surveys.splitting import Likelihoods
from toolkit.collection.surveys.verdicts import Verdict, judge, name_of, soundness
from toolkit.reference import Offer, suites
from toolkit.wire import Answer

LONG: Final = 128
"""Some servers read no more suites of a hello than this."""

MIXED: Final = "the same offer was accepted at another time, so several backends answer, and they differ"

UNSTEADY: Final = "silence did not depend on the question: the same was answered at another time or in another form"


@dataclass(slots=True)
class Result:
    """The answer to one question, as a row of `support` has it. `is_silence`: refused by silence, without an alert."""

    state: str
    reason: str | None = None
    is_sound: bool | None = None
    rank: int | None = None
    is_silence: bool = False


NOT_REACHED: Final = Result("untested", "the survey ended before it was asked")


@dataclass(frozen=True, slots=True)
class SeriesEnd:
    """How a series ended: the items that remained, what the last answer proves of them, and its offer."""

    items: Codes
    verdict: Verdict
    offer: Offer


@dataclass(frozen=True, slots=True)
class _Asked:
    """The answer to an offer in that form, and what it proves."""

    form: HelloForm
    verdict: Verdict
    answer: Answer


class Elimination:
    """Asks about one topic until nothing is open.

    `results`: every item, once `run` has ended (and `resume`, where `is_waiting`).
    `order`: the choices of the server in the order in which it made them, and whose order of preference that is.
    `ends`: how each series ended.
    """

    def __init__(self, topic: Topic, prober: Prober) -> None:
        self.topic, self.prober = topic, prober
        self.results: dict[int, Result] = {}
        self.order = Order(prober)
        self.ends: list[SeriesEnd] = []
        self._is_asked = False
        self._silences: list[tuple[Codes, Codes, _Asked]] = []

    @property
    def accepted(self) -> Codes:
        """The accepted items, in the order in which they were offered."""
        return tuple(item for item in self.topic.items if self.result(item).state == "accepted")

    def result(self, item: int) -> Result:
        """What is known of the item now."""
        return self.results.get(item, NOT_REACHED)

    @property
    def fewest_connections(self) -> int:
        """The fewest handshakes that prove these results: one for each acceptance, and one refusal of the rest."""
        if not self._is_asked:
            return 0
        if self.topic.protocol == "SSL 2.0":
            return 1
        return len(self.accepted) + (len(self.accepted) < len(self.topic.items))

    @property
    def state(self) -> str:
        """Of all items together: `accepted` if one is, `refused` if all are, else `untested`."""
        states = {self.result(item).state for item in self.topic.items}
        return "accepted" if "accepted" in states else "untested" if "untested" in states else "refused"

    @property
    def is_waiting(self) -> bool:
        """A hello got no answer before a control was known: call `resume` when one is."""
        return bool(self._silences)

    @property
    def is_answered(self) -> bool:
        """Every item has a result."""
        return len(self.results) == len(self.topic.items)

    @property
    def rests_on_silence(self) -> bool:
        """Something was refused without an alert."""
        return any(result.is_silence for result in self.results.values())

    def set_all(self, state: str, reason: str, *, is_silence: bool = False) -> None:
        """Give every item the same result, without asking."""
        self.results = dict.fromkeys(self.topic.items, Result(state, reason, is_silence=is_silence))

    async def run(self) -> None:
        """Ask about every item."""
        self._is_asked = True
        await self._eliminate(self.topic.items, self.topic.items)
        await self._reconcile()

    async def retry(self, pieces: Sequence[Codes], build: Callable[[Codes], Offer], most: int | None = None) -> None:
        """Ask again, piece by piece: in lists of `most` places; None: in a list as long as before."""
        self.topic = replace(self.topic, build=build)
        self.ends, self._silences = [], []
        self.order.stop_ranking()
        for piece in pieces:
            fillers = () if most is None else (FILLERS * most)[: most - len(piece)]
            await self._eliminate(piece, self.topic.items if most is None else (*piece, *fillers))
        await self._reconcile()

    async def resume(self) -> None:
        """Ask again about what got no answer, now that another topic may have found a control."""
        silences, self._silences = self._silences, []
        for remaining, places, asked in silences:
            await self._eliminate(remaining, places, asked)
        await self._reconcile()

    async def _eliminate(self, remaining: Codes, places: Codes, asked: _Asked | None = None) -> None:
        """Run a series on the remaining items of `places`. `asked`: its first hello, which got no answer before."""
        splits = self.prober.splits
        splits.waiting.discard(remaining)
        weight = self._weigh(remaining)
        form = asked.form if asked else LISTED
        while remaining:
            asked = await self._ask_until_clear(remaining, places, form, weight, asked)
            verdict, answer = asked.verdict, asked.answer
            if asked.form is not form:
                form = asked.form
                self.order.stop_ranking()
            if verdict.kind == "listed":
                self._take_list(remaining, answer)
                return
            if verdict.kind != "accepted":
                await self._end_or_go_on_by_kind(remaining, places, asked)
                return
            assert verdict.item is not None
            self._accept(verdict.item, answer)
            place = remaining.index(verdict.item)
            remaining = remaining[:place] + remaining[place + 1 :]
            if remaining and verdict.item == self.topic.required:
                offer = put_in_form(self.topic, places, remaining, form)
                await self._end_without_required(remaining, offer, name_of(self.topic.kind, verdict.item))
                return
            asked, weight = None, self._weigh(remaining)
            if (count := splits.parts(weight)) > 1:
                self.order.stop_ranking()
                parts = self._likelihoods(remaining).divide(count)
                splits.add(parts)
                await _each(partial(self._eliminate, places=places), parts)
                return

    async def _end_or_go_on_by_kind(self, remaining: Codes, places: Codes, asked: _Asked) -> None:
        """End the series; where the server may have failed with its own choice, first ask by kind of key exchange."""
        verdict = asked.verdict
        is_doubtful = bool(self.order.choices) and _may_be_own_failure(verdict, asked.answer)
        if is_doubtful and len(kinds := self._kinds(remaining)) > 1:
            # Each kind of key exchange needs its own refusal as a proof.
            self.prober.controls += len(kinds)
            self.order.stop_ranking()
            await _each(partial(self._eliminate, places=places), kinds)
            return
        if verdict.kind == "silent":
            self.prober.is_silent = True
            self._silences.append((remaining, places, asked))
        self._end(SeriesEnd(remaining, verdict, put_in_form(self.topic, places, remaining, asked.form)))

    async def _ask_until_clear(
        self, remaining: Codes, places: Codes, form: HelloForm, weight: float, silence: _Asked | None
    ) -> _Asked:
        """Ask, and ask again in other forms where the answer proves nothing yet."""
        prober = self.prober
        prober.splits.running.append(weight)
        try:
            asked = silence or await self._ask(remaining, places, form)
            if asked.verdict.kind == "unproven" and asked.verdict.is_passing:
                first, asked = asked.verdict, await self._ask(remaining, places, OTHERS[form][0], is_control=True)
                if asked.verdict.kind != "unproven":
                    prober.is_unsteady = True
                elif asked.verdict == first:
                    asked = replace(asked, verdict=Verdict("unproven", f"twice {first.reason}"))
            if asked.verdict.kind == "silent" and prober.control is not None:
                return await self._confirm_silence(remaining, places, asked)
        finally:
            prober.splits.running.remove(weight)
        return asked

    async def _ask(self, remaining: Codes, places: Codes, form: HelloForm, *, is_control: bool = False) -> _Asked:
        offer = put_in_form(self.topic, places, remaining, form)
        answer = await self.prober.send(offer, is_control=is_control)
        verdict = judge(self.topic.kind, self.topic.protocol, remaining, answer)
        is_begun = answer.suite_code is not None and answer.protocol == self.topic.protocol
        if is_begun and verdict.kind in ("refused", "silent") and not self._is_ever_chosen:
            words = f"{verdict.reason} after the server had chosen a suite, as in every handshake that got this far"
            verdict = Verdict("unproven", words)
        return _Asked(form, verdict, answer)

    @property
    def _is_ever_chosen(self) -> bool:
        """Whether any handshake of this version reached the point where such an item is chosen."""
        return (self.topic.kind, self.topic.protocol) in self.prober.chosen

    async def _confirm_silence(self, remaining: Codes, places: Codes, silence: _Asked) -> _Asked:
        """Whether silence is a refusal: a control in another form is accepted, and two more forms get no answer."""
        prober, forms, words = self.prober, OTHERS[silence.form], silence.verdict.reason
        if not await prober.accepts(self._control(remaining, places, forms[0])):
            return replace(silence, verdict=Verdict("unproven", f"{words}; a control offer after it failed"))
        for form in forms:
            asked = await self._ask(remaining, places, form, is_control=True)
            if asked.verdict.kind != "silent" or asked.answer.outcome != silence.answer.outcome:
                if asked.answer.outcome != "skipped":
                    prober.is_unsteady = True
                if asked.verdict.kind == "silent":
                    asked = replace(asked, verdict=Verdict("unproven", f"{words}; then {asked.verdict.reason}"))
                return asked
        words = f"three times {words}, in three forms of hello; control offers were accepted between and after them"
        return replace(silence, verdict=Verdict("refused", words, is_silence=True))

    def _control(self, remaining: Codes, places: Codes, form: HelloForm) -> Offer:
        """The same hello with one item more, which was accepted before: the only difference."""
        topic, control = self.topic, self.prober.control
        if self.order.choices:
            return add_known(topic, places, remaining, form, self.order.choices[0])
        assert control is not None
        return add_control(topic, places, remaining, form, control=control, known=self.prober.control_suite)

    def _end(self, end: SeriesEnd) -> None:
        """Give the remaining items the result that the last answer proves."""
        self.ends.append(end)
        prober, verdict, remaining = self.prober, end.verdict, end.items
        is_long = self.topic.kind == "suite" and len(end.offer.suites) > LONG
        if is_long and verdict.kind == "refused" and self.order.choices and prober.length_check is None:
            prober.length_check = prober.start(self._check_length(end.offer))
        state = "refused" if verdict.kind == "refused" else "untested"
        if self.topic.kind == "suite" and self.order.choices and state == "refused":
            prober.refused_suites.update(remaining)
        result = Result(state, verdict.reason, is_silence=verdict.is_silence)
        self.results.update(dict.fromkeys(remaining, result))

    async def _end_without_required(self, remaining: Codes, offer: Offer, required: str) -> None:
        """End after the required item was chosen. What was listed before it was not chosen.

        That is a refusal if the order of preference is the client's; else it is not known.
        """
        await self.order.found()
        if self.order.whose == "client":
            words = f"{required} was chosen, which was offered after these, by the client's order"
            verdict = Verdict("refused", words)
        else:
            words = f"{required} was chosen, which the certificate needs; the server may prefer it"
            verdict = Verdict("unproven", words)
        self._end(SeriesEnd(remaining, verdict, offer))

    def _accept(self, item: int, answer: Answer) -> None:
        self.results[item] = Result("accepted", _remarks(answer), soundness(answer))
        self.order.add(item, self.topic)

    async def _check_length(self, refused: Offer) -> None:
        """Whether the server reads long lists to their end: an accepted suite, put last, must be found."""
        known, protocol, prober = self.order.choices[0], self.topic.protocol, self.prober
        offer = replace(refused, suites=(*refused.suites, known))
        answer = await prober.send(offer, is_control=True)
        verdict = judge("suite", protocol, (known,), answer)
        if verdict.kind == "silent":
            prober.reads_to_end = await prober.accepts(offer)
        elif verdict.kind == "refused" or (verdict.kind == "unproven" and answer.outcome == "ok"):
            prober.reads_to_end = not await prober.confirm_refusal(offer)

    def _take_list(self, offered: Codes, answer: Answer) -> None:
        """SSL 2.0: one answer lists all, and the client would choose (draft-hickman-netscape-ssl-00)."""
        for item in offered:
            if item in answer.suites:
                self.results[item] = Result("accepted", _remarks(answer), soundness(answer))
            else:
                self.results[item] = Result("refused", "not among those that the server lists")

    async def _reconcile(self) -> None:
        """Where another handshake shows an item accepted that was refused here, the refusal proves nothing."""
        chosen = self.prober.chosen.get((self.topic.kind, self.topic.protocol), {})
        for end in list(self.ends):
            items, verdict = end.items, end.verdict
            contradicting = [item for item in items if item in chosen and self.results[item].state != "accepted"]
            for item in contradicting:
                self.order.stop_ranking()
                self._accept(item, chosen[item])
            if contradicting and verdict.kind == "refused":
                await self.prober.confirm_refusal(end.offer)
                name = name_of(self.topic.kind, contradicting[0])
                for item in items:
                    if self.results[item].state == "refused":
                        words = f"{verdict.reason}, but the offer held {name}, which another handshake chose"
                        self.results[item] = Result("untested", words)

    def forget_silence(self) -> None:
        """The address does not answer steadily: refusals that rest on silence become untested."""
        for item, result in self.results.items():
            if result.is_silence:
                self.results[item] = Result("untested", f"{result.reason}; but {UNSTEADY}")

    def forget_refusals(self) -> None:
        """Several backends answer: what one refused, another may accept, so refusals become untested."""
        for item, result in self.results.items():
            if result.state == "refused":
                self.results[item] = Result("untested", f"{result.reason}; but {MIXED}")

    async def rank(self) -> None:
        """Give the choices their ranks, where the order of preference is the server's."""
        for item, rank in (await self.order.ranks()).items():
            self.results[item].rank = rank

    def _kinds(self, items: Codes) -> list[Codes]:
        return kinds_of(items) if self.topic.kind == "suite" else [items]

    def _weigh(self, items: Codes) -> float:
        """The number of items that are probably accepted; 0 where the series cannot be split.

        Series that are refused silently are not split, because each refusal takes four connections to prove.
        """
        if self.topic.kind != "suite" or not self.prober.splits.are_left or self.prober.is_silent:
            return 0.0
        return self._likelihoods(items).weight()

    def _likelihoods(self, items: Codes) -> Likelihoods:
        accepted, refused = self.prober.accepted_suites, self.prober.refused_suites
        return Likelihoods(self.topic.protocol, items, accepted=accepted, refused=refused)


def kinds_of(codes: Codes) -> list[Codes]:
    """The suites by kind of key exchange: some servers fail with one kind and not with another."""
    kinds: dict[str, Codes] = {}
    for code in codes:
        exchange = suites()[code].key_exchange
        kind = next((name for name in ("ECDHE", "DHE") if exchange.startswith(name)), "other")
        kinds[kind] = (*kinds.get(kind, ()), code)
    return list(kinds.values())


def _may_be_own_failure(verdict: Verdict, answer: Answer) -> bool:
    """Whether the server may have chosen an item and failed with it, instead of refusing all.

    Dovecot without DH parameters chooses DHE where it prefers it, and then closes without an alert.
    """
    return verdict.is_silence or (verdict.kind == "unproven" and answer.outcome in ("refused", "malformed"))


async def _each(eliminate: Callable[[Codes], Coroutine[object, object, None]], parts: Sequence[Codes]) -> None:
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(eliminate(part))


def _remarks(answer: Answer) -> str | None:
    """What the row of an accepted item says in addition."""
    remarks = [] if answer.outcome == "ok" else [f"then {answer.outcome}"]
    if answer.exchange_bits is not None:
        remarks.append(f"{answer.exchange_bits}-bit parameters")
    if answer.reason is not None:
        remarks.append(answer.reason)
    return "; ".join(remarks) or None
