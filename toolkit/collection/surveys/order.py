"""Whose order of preference the choices of a topic follow, the server's or the client's, and from it the ranks."""

import asyncio
from typing import Literal

from toolkit.collection.surveys.forms import Topic
from toolkit.collection.surveys.prober import Prober
from toolkit.collection.surveys.verdicts import judge


class Order:
    """The choices of one topic in the order in which they were made.

    `whose`: `server`, `client`, or None: not found out.
    """

    def __init__(self, prober: Prober) -> None:
        self.choices: list[int] = []
        self.whose: Literal["server", "client"] | None = None
        self._prober = prober
        self._ranked: int | None = None
        self._control: asyncio.Task[None] | None = None

    def add(self, item: int, topic: Topic) -> None:
        """The server chose the item; after the second choice a control finds out whose order it is."""
        self.choices.append(item)
        if len(self.choices) == 2 and (self._ranked is None or self._ranked > 0):
            self._control = self._prober.start(self._find(topic))

    def stop_ranking(self) -> None:
        """From here on choices are made among a part of the items, so their order says nothing."""
        if self._ranked is None:
            self._ranked = len(self.choices)

    async def found(self) -> None:
        """Wait until `whose` is found out, if it can be."""
        if self._control is not None:
            await self._control

    async def ranks(self) -> dict[int, int]:
        """Item → rank, from 1; only a single choice, or choices in the server's order, have one."""
        await self.found()
        if len(self.choices) > 1 and self.whose != "server":
            return {}
        return {item: rank for rank, item in enumerate(self.choices[: self._ranked], 1)}

    async def _find(self, topic: Topic) -> None:
        """Compare the first two choices with the order in which they were offered.

        If the second choice was listed before the first, the order is the server's. Otherwise a control offers the two
        backwards.
        """
        first, second = self.choices[:2]
        if topic.items.index(second) < topic.items.index(first):
            self.whose = "server"
            return
        backwards = tuple(dict.fromkeys(filter(None, (second, first, topic.required))))
        offer = topic.build(backwards)
        answer = await self._prober.send(offer, is_control=True)
        verdict = judge(topic.kind, topic.protocol, backwards, answer)
        self.whose = "server" if verdict.item == first else "client" if verdict.item == second else None
        if verdict.kind == "refused":
            await self._prober.confirm_refusal(offer)
