"""A server made of lists, with the faults of real ones: what it accepts is known, so what is found can be checked."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from toolkit.collection.surveys.address import PARTS, AddressSurvey, Part
from toolkit.collection.surveys.prober import Effort, Prober
from toolkit.reference import Offer, signature_schemes, suites
from toolkit.schema import PROTOCOLS
from toolkit.wire import Answer, Handshake

HANDSHAKE_FAILURE, PROTOCOL_VERSION = 40, 70


def refusal(alert: int) -> Answer:
    return Answer("refused", reason=f"alert {alert}", alert=alert)


SILENCE: Mapping[str, Callable[[], Answer]] = {
    "closed": lambda: Answer("closed", reason="the connection ended after 0 bytes"),
    "reset": lambda: Answer("reset", reason="the connection was reset after 0 bytes"),
    "timeout": lambda: Answer("timeout", reason="the answer to the hello was not complete within 15 s"),
}


@dataclass
class Model:
    """`suites`: by version, in the server's order. `no`: how it refuses. `reads`: suites that it reads of a hello.

    `most_suites`, `most_bytes`: beyond which it answers as `choked` says. `noise`: of that share of handshakes, a
    random fault comes instead of the answer.
    """

    suites: Mapping[str, tuple[int, ...]]
    groups: tuple[int, ...] = (0x001D, 0x0017)
    schemes: tuple[int, ...] = (0x0804, 0x0401, 0x0403)
    is_own_order: bool = True
    no: Callable[[], Answer] = lambda: refusal(HANDSHAKE_FAILURE)
    no_version: Callable[[], Answer] = lambda: refusal(PROTOCOL_VERSION)
    choked: Callable[[], Answer] = SILENCE["closed"]
    most_suites: int = 1 << 15
    most_bytes: int = 1 << 15
    reads: int = 1 << 15
    noise: float = 0.0
    dice: random.Random = field(default_factory=lambda: random.Random(0))
    offers: list[Offer] = field(default_factory=list)

    async def ask(self, offer: Offer) -> Answer:
        self.offers.append(offer)
        await asyncio.sleep(0)  # so that series take turns, as they do on a network
        if self.dice.random() < self.noise:
            return SILENCE[self.dice.choice(["closed", "reset", "timeout"])]()
        return self.answer(offer)

    def answer(self, offer: Offer) -> Answer:
        protocol = next((each for each in reversed(offer.versions) if each in self.suites), offer.versions[-1])
        is_long = self.most_bytes < 1 << 15 and hello_bytes(offer) > self.most_bytes
        if is_long or len(offer.suites) > self.most_suites:
            return self.choked()
        if protocol not in self.suites:
            return self.no_version()
        listed = offer.suites[: self.reads]
        chosen = self._choose(self.suites[protocol], listed)
        if protocol == "SSL 2.0":
            return Answer("ok", "finished", protocol=protocol, suites=tuple(set(listed) & set(self.suites[protocol])))
        if chosen is None:
            return self.no()
        answer = Answer("ok", "finished", protocol=protocol, suite_code=chosen)
        if protocol != "SSL 3.0" and suites()[chosen].key_exchange in ("ECDHE", "any"):
            answer.group_code = self._choose(self.groups, offer.groups)
            if answer.group_code is None:
                return self.no()
        if protocol in ("TLS 1.2", "TLS 1.3") and suites()[chosen].key_exchange in ("ECDHE", "any"):
            key_types = {"RSA": {"RSA"}, "ECDSA": {"EC"}}.get(suites()[chosen].authentication, {"RSA", "EC"})
            fitting = [code for code in self.schemes if signature_schemes()[code].key_type in key_types]
            answer.signature_scheme_code = self._choose(tuple(fitting), offer.signature_schemes)
            if answer.signature_scheme_code is None:
                return self.no()
        return answer

    def _choose(self, own: tuple[int, ...], offered: tuple[int, ...]) -> int | None:
        first, second = (own, offered) if self.is_own_order else (offered, own)
        return next((code for code in first if code in second), None)


@dataclass
class Fleet:
    """Several machines behind one address; which of them answers is random."""

    machines: tuple[Model, ...]
    dice: random.Random

    async def ask(self, offer: Offer) -> Answer:
        return await self.dice.choice(self.machines).ask(offer)


def hello_bytes(offer: Offer) -> int:
    return len(Handshake(offer, server_name="mail.example").start())


def surveyed(
    model: Model | Fleet, *, budget: int = 2000, splits: int = 0, concurrency: int = 2, parts: tuple[Part, ...] = PARTS
) -> AddressSurvey:
    """The survey of a survey of the model, run to its end."""

    async def run() -> AddressSurvey:
        slots, asking = asyncio.Semaphore(concurrency), 0

        async def ask(offer: Offer) -> Answer:
            nonlocal asking
            asking += 1
            try:
                async with slots:
                    return await model.ask(offer)
            finally:
                asking -= 1

        survey = AddressSurvey(Prober(ask, Effort(budget, splits), idle=lambda: concurrency - asking), parts)
        await survey.run()
        return survey

    return asyncio.run(run())


def accepted(survey: AddressSurvey) -> dict[str, tuple[int, ...]]:
    """The suites found, by version."""
    return {protocol: found.accepted for protocol, found in survey.suites.items() if found.accepted}


def states(survey: AddressSurvey, protocol: str) -> set[str]:
    return {result.state for result in survey.suites[protocol].results.values()}


def by_code(model: Model) -> dict[str, tuple[int, ...]]:
    """What should be found."""
    return {protocol: tuple(sorted(model.suites[protocol])) for protocol in PROTOCOLS if protocol in model.suites}
