"""Sends the offers of a survey to one address, within a budget, and remembers what the address has accepted.

No socket and no clock: `ask` makes the handshake, `turn` waits until one may be made. The caller owns both.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

from toolkit.collection.surveys.splitting import Splits
from toolkit.collection.surveys.verdicts import CHOSEN, ItemKind, is_accepted
from toolkit.reference import Offer
from toolkit.wire import Answer

Ask = Callable[[Offer], Awaitable[Answer]]
Turn = Callable[[], AbstractAsyncContextManager[object]]

_UNCONNECTED: Final = ("resolve", "connect")
_BEFORE_HELLO: Final = (*_UNCONNECTED, "upgrade")
_MOST_FAILURES: Final = 4
"""After this many attempts in a row that did not reach the ClientHello, nothing more is asked."""
_CONFIRMATIONS: Final = 3
"""How often a refusal that contradicts another answer is asked again."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How an address is surveyed.

    `budget`: connections at most. `splits`: how often a series of hellos may be split into two that run at the same
    time. A split saves time and costs one refusal more; only the first choice of a split series has a rank.
    """

    budget: int = 500
    splits: int = 0


class Prober:
    """One address, asked about several topics at the same time.

    `turn`: waits until the next handshake may be made. `idle`: how many more connections could be open now.
    """

    def __init__(
        self, ask: Ask, effort: Effort, *, turn: Turn = nullcontext, idle: Callable[[], int] = lambda: 0
    ) -> None:
        self._ask, self._turn, self._budget = ask, turn, effort.budget
        self._group: asyncio.TaskGroup | None = None
        self._failures = 0
        self._last_failure: str | None = None
        self.splits = Splits(effort.splits, idle)
        self.connections = 0
        self.controls = 0
        """Handshakes beyond the fewest that the questions need, counted where a connection was made."""
        self.refused_suites: set[int] = set()
        """Suites refused by a version that accepts others."""
        self.control: Offer | None = None
        """The first offer that was accepted."""
        self.control_suite = 0
        """The suite chosen from `control`."""
        self.is_unsteady = False
        """The same question was answered once and met with silence another time, so silence proves nothing."""
        self.is_silent = False
        """The address refuses by closing or resetting, without an alert."""
        self.is_mixed = False
        """The same offer was accepted once and refused another time: several backends answer, and they differ."""
        self.length_check: asyncio.Task[None] | None = None
        self.reads_to_end = True
        """Whether long lists of suites are read to their end, as far as `length_check` has found out."""
        self.longest_answered = 0
        """Most suites in a hello that was accepted."""
        self.answers_full_length = False
        """Whether a hello padded to full length was accepted."""
        self.chosen: dict[tuple[ItemKind, str], dict[int, Answer]] = {}
        """Everything that the address has chosen, by kind and version."""
        self.own_parameters: dict[tuple[str, int], Answer] = {}
        """Finite-field parameters that are not a group of RFC 7919, by version and size in bits."""
        self.leaves: dict[str, set[bytes]] = {}
        """DER of the leaf certificates shown, by version."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The context in which topics are asked; it ends when everything given to `start` has ended."""
        async with asyncio.TaskGroup() as self._group:
            yield

    def start(self, asked: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run the coroutine at the same time as everything else."""
        assert self._group is not None
        return self._group.create_task(asked)

    async def send(self, offer: Offer, *, is_control: bool = False) -> Answer:
        """Make one handshake. Where the budget is spent, or the address no longer answers, the outcome is `skipped`."""
        if (obstacle := self._obstacle()) is not None:
            return Answer("skipped", "connect", obstacle)
        async with self._turn():
            # While this one waited, others may have failed or spent the budget.
            if (obstacle := self._obstacle()) is not None:
                return Answer("skipped", "connect", obstacle)
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
        if self.connections >= self._budget:
            return f"the budget of {self._budget} connections was spent"
        if self._failures >= _MOST_FAILURES:
            return f"given up: {_MOST_FAILURES} attempts in a row did not reach TLS ({self._last_failure})"
        return None

    @property
    def accepted_suites(self) -> frozenset[int]:
        """Suites accepted in any version."""
        return frozenset(code for (kind, _), chosen in self.chosen.items() if kind == "suite" for code in chosen)

    async def accepts(self, control: Offer) -> bool:
        """Whether the control is accepted now; if it is not, silence proves nothing."""
        answer = await self.send(control, is_control=True)
        is_answered = is_accepted(control, answer)
        if not is_answered and answer.outcome != "skipped":
            self.is_unsteady = True
        return is_answered

    async def confirm_refusal(self, offer: Offer) -> bool:
        """Whether the address keeps refusing an offer whose refusal contradicts another answer.

        If it accepts the offer now, several backends answer (`is_mixed`).
        """
        for _ in range(_CONFIRMATIONS):
            if self.is_mixed:
                return False
            if is_accepted(offer, await self.send(offer, is_control=True)):
                self.is_mixed = True
        return not self.is_mixed

    def _remember(self, offer: Offer, answer: Answer) -> None:
        assert answer.protocol is not None
        assert answer.suite_code is not None
        protocol = answer.protocol
        if self.control is None:
            self.control, self.control_suite = offer, answer.suite_code
        self.longest_answered = max(self.longest_answered, len(offer.suites))
        self.answers_full_length |= offer.length is not None and protocol != "SSL 3.0"
        self.leaves.setdefault(protocol, set()).update(answer.chain[:1])
        for kind, chosen_by in CHOSEN.items():
            if (item := chosen_by(answer)) is not None:
                known = self.chosen.setdefault((kind, protocol), {})
                if item not in known or answer.is_sound:
                    known[item] = answer
        if answer.exchange_bits is not None and answer.group_code is None:
            self.own_parameters.setdefault((protocol, answer.exchange_bits), answer)
