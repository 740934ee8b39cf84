"""The survey of one address: versions and suites first, then groups and signature schemes of what was accepted.

The topics of one step are asked at the same time. Controls run between the steps: topics that got no answer are asked
again when something is known to be accepted, long hellos are checked, and the order of preference is found out.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from functools import partial
from typing import Final, Literal

from toolkit.collection.last_resort import read_certificate
from toolkit.collection.surveys.elimination import LONG, Elimination, kinds_of
from toolkit.collection.surveys.forms import Topic
from toolkit.collection.surveys.offers import (
    FULL,
    SHORTER,
    Codes,
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
from toolkit.collection.surveys.prober import Prober
from toolkit.collection.surveys.verdicts import judge
from toolkit.errors import UsageError
from toolkit.reference import Offer, groups, suites
from toolkit.schema import PROTOCOLS
from toolkit.text import not_known

Part = Literal["suites", "groups", "signature_schemes"]

PARTS: Final[tuple[Part, ...]] = ("suites", "groups", "signature_schemes")
"""What a survey asks about. The suites of every version come first, because the rest is asked with accepted suites."""

_CLASSIC: Final = ("TLS 1.2", "TLS 1.1", "TLS 1.0")


class AddressSurvey:
    """Surveys one address and holds the results.

    `suites`: the elimination of each version's suites. `further`: those of groups and signature schemes.
    `remarks`: by version, what applies to all its results.
    """

    def __init__(self, prober: Prober, parts: tuple[Part, ...] = PARTS) -> None:
        self.prober = prober
        self.suites: dict[str, Elimination] = {}
        self.further: list[Elimination] = []
        self.remarks: dict[str, str] = {}
        self._parts = parts
        self._not_begun = count_topics(parts)
        self._shapes: dict[str, Shape] = {}

    @property
    def eliminations(self) -> list[Elimination]:
        """Those that have begun."""
        return [*self.suites.values(), *self.further]

    @property
    def answered_topics(self) -> int:
        """The number of topics that are answered, such as the suites of one version."""
        return sum(elimination.is_answered for elimination in self.eliminations)

    @property
    def topics(self) -> int:
        """The number of topics. Until the suites are known, every topic about groups and schemes counts."""
        return self._not_begun + len(self.eliminations)

    @property
    def fewest_connections(self) -> int:
        """The fewest handshakes that prove the results, and the controls."""
        return sum(elimination.fewest_connections for elimination in self.eliminations) + self.prober.controls

    async def run(self) -> None:
        """Ask everything."""
        async with self.prober.running():
            await self._run()

    def skip(self, reason: str) -> None:
        """Ask nothing: every result is `untested`, for that reason."""
        self.suites = self._suite_topics()
        self.further = self._further_topics()
        for elimination in self.eliminations:
            elimination.set_all("untested", reason)

    async def _run(self) -> None:
        prober = self.prober
        self.suites = self._suite_topics()
        asked = list(self.suites.values())
        await self._ask(asked)
        await _together(self._try_again(elimination) for elimination in asked)
        if prober.control is not None:
            await _together(elimination.resume() for elimination in asked if elimination.is_waiting)
        await self._ask_in_pieces()
        for elimination in asked:
            await elimination.rank()
        self.further = self._further_topics()
        await self._ask([elimination for elimination in self.further if not elimination.results])
        for elimination in self.further:
            await elimination.rank()
        if prober.is_mixed:
            for elimination in self.eliminations:
                elimination.forget_refusals()
        if prober.control is not None and any(elimination.rests_on_silence for elimination in self.eliminations):
            await prober.accepts(prober.control)
        if prober.is_unsteady:
            for elimination in self.eliminations:
                elimination.forget_silence()

    def _suite_topics(self) -> dict[str, Elimination]:
        self._not_begun = count_topics(self._parts) - count_topics(("suites",))
        return {
            protocol: Elimination(
                Topic("suite", protocol, asked_suites(protocol), partial(offer_suites, protocol)), self.prober
            )
            for protocol in PROTOCOLS
        }

    async def _ask(self, eliminations: list[Elimination]) -> None:
        # The newest version first: it has most items and takes longest.
        await _together(elimination.run() for elimination in reversed(eliminations))
        if self.prober.control is not None:
            await _together(elimination.resume() for elimination in eliminations)

    async def _try_again(self, elimination: Elimination) -> None:
        """Where nothing was accepted, ask in another way: in shorter hellos, or by kind of key exchange.

        A version that the refusal itself names is not asked again. Shorter hellos are tried where no hello as long was
        accepted; kinds of key exchange where the version ended without a proper refusal.
        """
        protocol, verdicts = elimination.topic.protocol, [end.verdict for end in elimination.ends]
        is_named = any("protocol_version" in v.reason or "answered with" in v.reason for v in verdicts)
        if elimination.state == "accepted" or is_named or protocol == "SSL 2.0":
            return
        items, prober = popular_first(protocol), self.prober
        if not prober.answers_full_length or prober.longest_answered < min(LONG + 1, len(items)):
            for shape in SHORTER:
                first = items[: shape.most_suites]
                if await self._is_accepted(protocol, first, shape):
                    self._shapes[protocol] = shape
                    most = shape.most_suites
                    self.remarks[protocol] = (
                        f"only shorter hellos are answered: asked in pieces of at most {most} suites"
                    )
                    await elimination.retry(_pieces(items, most), partial(offer_suites, protocol, shape=shape), most)
                    return
        elif not all(verdict.kind == "refused" and not verdict.is_silence for verdict in verdicts):
            kinds = kinds_of(items)
            if len(kinds) > 1 and await self._is_accepted(protocol, kinds[0], FULL):
                prober.controls += len(kinds)
                self.remarks[protocol] = "the server fails with suites that it chooses: asked by kind of key exchange"
                await elimination.retry(kinds, elimination.topic.build)

    async def _is_accepted(self, protocol: str, asked: Codes, shape: Shape) -> bool:
        answer = await self.prober.send(offer_suites(protocol, asked, shape), is_control=True)
        return judge("suite", protocol, asked, answer).kind == "accepted"

    async def _ask_in_pieces(self) -> None:
        """Where long lists are not read to their end, ask again in pieces about what one of them refused."""
        if self.prober.length_check is not None:
            await self.prober.length_check
        if self.prober.reads_to_end or self.prober.is_mixed:
            return
        shape = SHORTER[0]
        for protocol, elimination in self.suites.items():
            for end in list(elimination.ends):
                if end.verdict.kind == "refused" and len(end.offer.suites) > LONG:
                    self.remarks[protocol] = "the server does not read long lists to their end: asked again in pieces"
                    most = shape.most_suites
                    pieces = _pieces(end.items, most)
                    await elimination.retry(pieces, partial(offer_suites, protocol, shape=shape), most)

    def _further_topics(self) -> list[Elimination]:
        """Groups and schemes, for the versions that have them and are not refused."""
        eliminations: list[Elimination] = []
        self._not_begun = 0
        newest, classic = self.suites["TLS 1.3"], self._accepted_classic()
        if "groups" in self._parts:
            if newest.state != "refused":
                eliminations.append(self._groups("TLS 1.3", asked_groups("TLS 1.3"), readable(newest.accepted)))
            if classic is not None:
                protocol = classic.topic.protocol
                for exchange, is_finite_field in (("ECDHE", False), ("DHE", True)):
                    if accepted := _with(classic.accepted, exchange):
                        items = asked_groups(protocol, is_finite_field=is_finite_field)
                        eliminations.append(self._groups(protocol, items, accepted))
        if "signature_schemes" in self._parts:
            for protocol in ("TLS 1.3", "TLS 1.2"):
                if self.suites[protocol].state != "refused":
                    eliminations += self._schemes(protocol)
        return eliminations

    def _accepted_classic(self) -> Elimination | None:
        """The newest version before TLS 1.3 that accepts an ephemeral key exchange."""
        for protocol in _CLASSIC:
            accepted = self.suites[protocol].accepted
            if _with(accepted, "ECDHE") or _with(accepted, "DHE"):
                return self.suites[protocol]
        return None

    def _groups(self, protocol: str, items: Codes, accepted: Codes) -> Elimination:
        required = None
        if all(suites()[code].authentication == "ECDSA" for code in accepted):
            required = self._curve(protocol)
        if required in items:
            items = (*(item for item in items if item != required), required)
        shape = self._shapes.get(protocol, FULL)
        topic = Topic("group", protocol, items, lambda asked: offer_groups(protocol, asked, accepted, shape), required)
        elimination = Elimination(topic, self.prober)
        if not accepted:
            elimination.set_all("untested", f"{protocol} itself is untested")
        return elimination

    def _curve(self, protocol: str) -> int | None:
        """The group of the curve of the EC certificate that the server showed."""
        curves = {read_certificate(leaf)[0]["key_curve"] for leaf in self.prober.leaves.get(protocol, ())}
        return next((group.code for group in groups().values() if group.name in curves), None)

    def _schemes(self, protocol: str) -> list[Elimination]:
        """One topic for each type of key.

        A server that chooses a suite or a certificate first may fail for the schemes of another key type, although it
        accepts them when asked for that type alone.
        """
        signing, shape = self.suites[protocol], self._shapes.get(protocol, FULL)
        eliminations = []
        for authentication, items in schemes_by_key(protocol).items():
            relevant = [code for code in signing.topic.items if signs(code, authentication)]
            accepted = tuple(code for code in signing.accepted if code in relevant)
            topic = Topic("signature_scheme", protocol, items, partial(_build_schemes, protocol, accepted, shape))
            elimination = Elimination(topic, self.prober)
            if not accepted:
                states = {signing.result(code).state for code in relevant}
                if "untested" in states or not states:
                    elimination.set_all("untested", "no suite that it could sign is known to be accepted")
                else:
                    is_silence = any(signing.result(code).is_silence for code in relevant)
                    words = "every suite that it could sign was refused"
                    elimination.set_all("refused", words, is_silence=is_silence)
            eliminations.append(elimination)
        return eliminations


def count_topics(parts: tuple[Part, ...]) -> int:
    """The most topics that a survey of one address has."""
    counted = {"suites": len(PROTOCOLS), "groups": 3}
    counted["signature_schemes"] = sum(len(schemes_by_key(protocol)) for protocol in ("TLS 1.2", "TLS 1.3"))
    return sum(counted[part] for part in parts)


def chosen_parts(parts: Part | Sequence[Part]) -> tuple[Part, ...]:
    """The parts in the order in which they are asked, always with `suites`; `UsageError` for an unknown part."""
    if not isinstance(parts, Iterable):
        raise UsageError(f"parts={parts!r:.60}: give one or a list of {', '.join(map(repr, PARTS))}.")
    asked = [parts] if isinstance(parts, str) else list(parts)
    for part in asked:
        if part not in PARTS:
            raise UsageError(not_known("part ", part, PARTS))
    return tuple(part for part in PARTS if part == "suites" or part in asked)


def _build_schemes(protocol: str, accepted: Codes, shape: Shape, asked: Codes) -> Offer:
    return offer_schemes(protocol, asked, readable(accepted) if protocol == "TLS 1.3" else accepted, shape)


def _pieces(items: Codes, most: int) -> list[Codes]:
    return [items[at : at + most] for at in range(0, len(items), most)]


def _with(codes: Codes, exchange: str) -> Codes:
    """The suites with that key exchange; where there are any, only those with which the certificate needs no group.

    Before TLS 1.3 an EC certificate's curve must be among the groups that are offered (RFC 8422, 5.1).
    """
    found = tuple(code for code in codes if suites()[code].key_exchange == exchange)
    free = tuple(code for code in found if suites()[code].authentication in ("RSA", "anon", "PSK"))
    return free or found


async def _together(asked: Iterable[Coroutine[object, object, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for coroutine in asked:
            group.create_task(coroutine)
