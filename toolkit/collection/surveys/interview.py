"""What all questions to one address share: the count and budget of connections, a control, and how steady it answers.

No socket and no clock here: `ask` makes the handshake when it is this address's `turn`; whoever drives owns both.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

from toolkit.collection.surveys.verdicts import CHOSEN, Item, is_accepted
from toolkit.reference import Offer
from toolkit.wire import Answer

Ask = Callable[[Offer], Awaitable[Answer]]
Turn = Callable[[], AbstractAsyncContextManager[object]]

_UNCONNECTED: Final = ("resolve", "connect")
_BEFORE_HELLO: Final = (*_UNCONNECTED, "upgrade")
_GIVE_UP_AFTER: Final = 4
"""Connections in a row that did not come to a hello; then nothing more is asked."""
_DOUBTS: Final = 3
"""How often a refusal that contradicts other answers is asked for again."""
_HEAVY: Final = 14
"""A chain that holds so many acceptances in each part, as far as can be guessed, is split before one is free."""
_AHEAD: Final = 2
"""So many parts may wait for a connection, that none is idle when another part ends."""


@dataclass(frozen=True, slots=True)
class Manner:
    """`budget`: connections to one address at most. `splits`: how often chains of questions may be split in two.

    A split saves time and costs one refusal more; of a chain that was split only the first choice has a rank.
    """

    budget: int = 500
    splits: int = 0


class Interview:
    """One address, asked by many questions at the same time.

    `turn`: lets a question wait until it may be asked. `idle`: how many more could be asked at the moment.
    """

    def __init__(
        self, ask: Ask, manner: Manner, *, turn: Turn = nullcontext, idle: Callable[[], int] = lambda: 0
    ) -> None:
        self._ask, self._manner, self._turn, self._idle = ask, manner, turn, idle
        self._group: asyncio.TaskGroup | None = None
        self._failures = 0
        self._last_failure: str | None = None
        self.connections = 0
        self.controls = 0
        """Handshakes beyond those that the questions need at least, as far as a connection was made for them."""
        self.splits = 0
        self.promised: set[tuple[int, ...]] = set()
        """Parts of chains that were split, and are about to ask."""
        self.open: list[float] = []
        """Weights of the parts under way."""
        self.refused_suites: set[int] = set()
        """By any version that accepts others."""
        self.control: Offer | None = None
        """The first offer that was accepted."""
        self.control_suite = 0
        """The suite that was chosen from it."""
        self.is_unsteady = False
        """The same question was answered once and not another time, or not in another form: silence proves nothing."""
        self.is_silent = False
        """It refuses without a word."""
        self.is_mixed = False
        """The same offer was accepted once and refused another time: several machines answer, and none for all."""
        self.asked_length: asyncio.Task[None] | None = None
        self.reads_to_end = True
        """Whether long lists of suites are read to their end, as far as `asked_length` has found out."""
        self.longest_read = 0
        """Most suites in a hello that was answered."""
        self.reads_full = False
        """Whether a hello of full length was answered."""
        self.seen: dict[tuple[Item, str], dict[int, Answer]] = {}
        """What the server ever chose, by question and version."""
        self.parameters: dict[tuple[str, int], Answer] = {}
        """Version and size of finite-field parameters that are no group of RFC 7919."""
        self.leaves: dict[str, set[bytes]] = {}
        """DER of the leaves that came, by version."""

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """While the questions are asked; what runs `beside` them ends with it."""
        async with asyncio.TaskGroup() as self._group:
            yield

    def beside(self, asked: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Ask that at the same time."""
        assert self._group is not None
        return self._group.create_task(asked)

    async def put(self, offer: Offer, *, is_control: bool = False) -> Answer:
        """Ask once. Beyond the budget, and where nobody answers, nothing is asked: the outcome is `skipped`."""
        if (why_not := self._obstacle()) is not None:
            return Answer("skipped", "connect", why_not)
        async with self._turn():
            # Others may have failed, or have spent the budget, while this one waited.
            if (why_not := self._obstacle()) is not None:
                return Answer("skipped", "connect", why_not)
            self.connections += 1
            answer = await self._ask(offer)
            if answer.stage in _BEFORE_HELLO:
                self._failures += 1
                self._last_failure = answer.reason or answer.outcome
            else:
                self._failures = 0
        self.controls += is_control and answer.stage not in _UNCONNECTED
        if is_accepted(offer, answer):
            self._remember(offer, answer)
        return answer

    def _obstacle(self) -> str | None:
        if self.connections >= self._manner.budget:
            return f"the budget of {self._manner.budget} connections was spent"
        if self._failures >= _GIVE_UP_AFTER:
            return f"given up: {_GIVE_UP_AFTER} connections in a row did not reach TLS ({self._last_failure})"
        return None

    @property
    def accepted_suites(self) -> frozenset[int]:
        """In any version."""
        return frozenset(code for (kind, _), chosen in self.seen.items() if kind == "suite" for code in chosen)

    @property
    def has_splits(self) -> bool:
        """Whether chains may be split any more; not where each refusal takes four connections to prove."""
        return self.splits < self._manner.splits and not self.is_silent

    def parts(self, weight: float) -> int:
        """In how many parts a chain of this weight goes on.

        Each free connection goes to the part under way that weighs most for every connection that it has (the method
        of D'Hondt), and none to one that would then weigh less than a handshake. Heavy parts may wait for one.
        """
        weights = [weight, *self.open]
        counts = [1] * len(weights)
        idle = self._idle() - len(self.promised) - 1
        for given in range(min(idle + _AHEAD, self._manner.splits - self.splits)):
            heaviest = max(range(len(weights)), key=lambda part: weights[part] / counts[part])
            if weights[heaviest] / (counts[heaviest] + 1) < (1 if given < idle else _HEAVY):
                break
            counts[heaviest] += 1
        return counts[0]

    async def is_answering(self, control: Offer) -> bool:
        """Whether the control is accepted now. Where it is not, silence proves nothing."""
        answer = await self.put(control, is_control=True)
        is_answered = is_accepted(control, answer)
        if not is_answered and answer.outcome != "skipped":
            self.is_unsteady = True
        return is_answered

    async def is_refused_again(self, offer: Offer) -> bool:
        """Whether a refusal that others contradict is the server's; else it was one of several machines."""
        for _ in range(_DOUBTS):
            if self.is_mixed:
                return False
            if is_accepted(offer, await self.put(offer, is_control=True)):
                self.is_mixed = True
        return not self.is_mixed

    def _remember(self, offer: Offer, answer: Answer) -> None:
        assert answer.protocol is not None
        assert answer.suite_code is not None
        protocol = answer.protocol
        if self.control is None:
            self.control, self.control_suite = offer, answer.suite_code
        self.longest_read = max(self.longest_read, len(offer.suites))
        self.reads_full |= offer.length is not None and protocol != "SSL 3.0"
        self.leaves.setdefault(protocol, set()).update(answer.chain[:1])
        for kind, chosen in CHOSEN.items():
            if (item := chosen(answer)) is not None:
                known = self.seen.setdefault((kind, protocol), {})
                if item not in known or answer.is_sound:
                    known[item] = answer
        if answer.exchange_bits is not None and answer.group_code is None:
            self.parameters.setdefault((protocol, answer.exchange_bits), answer)
