"""Paths and servers that let hellos through or not for their form, and not for what they ask.

Whatever such a path does, nothing that the server accepts is `refused`. Where it drops some lengths, counts or orders
only, everything that is accepted is found all the same.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest

from tests.collection.surveys.model import SILENCE, Model, hello_bytes, refusal, surveyed
from toolkit.collection.surveys.address import AddressSurvey
from toolkit.collection.surveys.offers import FILLERS
from toolkit.reference import Offer, suites
from toolkit.wire import Answer

Drops = Callable[[Offer, int, int], bool]
"""Whether a hello is dropped: the offer, the length of the message in bytes, its number."""

LISTS = {
    "SSL 3.0": (0x0035, 0x000A, 0x0005),
    "TLS 1.0": (0x0035, 0x002F, 0x000A),
    "TLS 1.2": (0xC030, 0xC02F, 0xC014, 0xC013, 0x009C, 0x002F, 0x0005, 0x0004, 0x009E, 0x0033),
    "TLS 1.3": (0x1302, 0x1303, 0x1301),
}
TODAY = {protocol: LISTS[protocol] for protocol in ("TLS 1.2", "TLS 1.3")}
REFUSALS: dict[str, Callable[[], Answer]] = {"alert": lambda: refusal(40), "closed": SILENCE["closed"]}


@dataclass
class Path:
    """Before a server; what it drops is answered as `how` says. `dropped` counts that."""

    model: Model
    drops: Drops
    how: Callable[[], Answer] = SILENCE["closed"]
    asked: int = 0
    dropped: int = 0

    async def ask(self, offer: Offer) -> Answer:
        await asyncio.sleep(0)
        self.asked += 1
        if self.drops(offer, hello_bytes(offer) - 5, self.asked):
            self.dropped += 1
            return self.how()
        return await self.model.ask(offer)


def findings(survey: AddressSurvey) -> dict[tuple[str, str, int], str]:
    return {
        (each.topic.kind, each.topic.protocol, item): each.result(item).state
        for each in survey.eliminations
        for item in each.topic.items
    }


def accepted(model: Model) -> set[tuple[str, str, int]]:
    return {question for question, state in findings(surveyed(model)).items() if state == "accepted"}


def is_aead(code: int) -> bool:
    return code in suites() and ("GCM" in suites()[code].name or "POLY1305" in suites()[code].name)


FOUND_ALL_THE_SAME: dict[str, Drops] = {
    "length mod 256 of 10 or 14": lambda offer, length, number: length % 256 in {10, 14},
    "length mod 256 of all TLS hellos": lambda offer, length, number: length % 256 == 1200 % 256,
    "length mod 256 of a SSL 3.0 hello": lambda offer, length, number: length % 256 == 751 % 256,
    "256 to 511 bytes": lambda offer, length, number: 256 <= length <= 511,
    "512 to 1023 bytes": lambda offer, length, number: 512 <= length <= 1023,
    "less than 300 bytes": lambda offer, length, number: length < 300,
    "more than 1000 bytes": lambda offer, length, number: length > 1000,
    "128 suites or more": lambda offer, length, number: len(offer.suites) >= 128,
    "353 suites": lambda offer, length, number: len(offer.suites) == 353,
    "3 suites": lambda offer, length, number: len(offer.suites) == 3,
    "in order of code": lambda offer, length, number: list(offer.suites) == sorted(offer.suites),
    "a filler first": lambda offer, length, number: offer.suites[0] in FILLERS,
    "a filler last": lambda offer, length, number: offer.suites[-1] in FILLERS,
}  # fmt: skip

NEVER_REFUSED: dict[str, Drops] = {
    "even length": lambda offer, length, number: length % 2 == 0,
    "odd length": lambda offer, length, number: length % 2 == 1,
    "more than 600 bytes": lambda offer, length, number: length > 600,
    "more than 255 bytes": lambda offer, length, number: length > 255,
    "an even number of suites": lambda offer, length, number: len(offer.suites) % 2 == 0,
    "less than 10 suites": lambda offer, length, number: len(offer.suites) < 10,
    "no modern suite first": lambda offer, length, number: "TLS 1.2" in offer.versions and not is_aead(offer.suites[0]),
    "no modern suite last": lambda offer, length, number: "TLS 1.2" in offer.versions and not is_aead(offer.suites[-1]),
    "RC4 in the list": lambda offer, length, number: 0x0005 in offer.suites,
    "the first suite of the list": lambda offer, length, number: 0x0001 in offer.suites,
    "a key share": lambda offer, length, number: bool(offer.key_shares),
    "many groups": lambda offer, length, number: len(offer.groups) > 10,
    "padding": lambda offer, length, number: offer.length is not None and offer.versions[-1] > "TLS",
    "signature algorithms": lambda offer, length, number: offer.versions[-1] in {"TLS 1.2", "TLS 1.3"},
    "each second": lambda offer, length, number: number % 2 == 0,
    "two of three": lambda offer, length, number: number % 3 < 2,
    "three of five": lambda offer, length, number: number % 5 < 3,
    "three of twenty": lambda offer, length, number: number % 20 < 3,
    "four of twenty": lambda offer, length, number: number % 20 < 4,
    "six of thirteen": lambda offer, length, number: number % 13 < 6,
}  # fmt: skip


@pytest.mark.parametrize(("lists", "refuses"), [(LISTS, "alert"), (TODAY, "closed")], ids=["old", "today"])
@pytest.mark.parametrize("name", [*FOUND_ALL_THE_SAME, *NEVER_REFUSED])
def test_nothing_that_is_accepted_is_refused(name: str, lists: dict[str, tuple[int, ...]], refuses: str) -> None:
    model = Model(lists, no=REFUSALS[refuses], no_version=REFUSALS[refuses])
    path = Path(model, (FOUND_ALL_THE_SAME | NEVER_REFUSED)[name])
    found = findings(surveyed(path, concurrency=1))
    wrong = {question: found[question] for question in accepted(Model(lists)) if found.get(question) == "refused"}
    assert not wrong


@pytest.mark.parametrize("name", FOUND_ALL_THE_SAME)
def test_what_is_dropped_for_its_form_is_found_in_another(name: str) -> None:
    path = Path(Model(LISTS), FOUND_ALL_THE_SAME[name])
    survey = surveyed(path)
    assert {key for key, state in findings(survey).items() if state == "accepted"} >= {
        key for key in accepted(Model(LISTS)) if key[0] == "suite"
    }


@pytest.mark.parametrize("how", ["closed", "reset", "timeout"])
def test_lengths_are_varied_however_a_hello_is_dropped(how: str) -> None:
    path = Path(Model(TODAY), lambda offer, length, number: length % 256 == 1200 % 256, SILENCE[how])
    found = findings(surveyed(path))
    assert path.dropped > 0
    assert {found[key] for key in accepted(Model(TODAY))} <= {"accepted", "untested"}
    assert "accepted" in found.values()


@pytest.mark.parametrize("refuses", REFUSALS)
@pytest.mark.parametrize("limit", range(0, 60, 6))
def test_a_host_that_goes_silent_after_so_many_connections_refuses_nothing_by_that(limit: int, refuses: str) -> None:
    model = Model(LISTS, no=REFUSALS[refuses], no_version=REFUSALS[refuses])
    found = findings(surveyed(Path(model, lambda offer, length, number: number > limit)))
    assert not {key for key in accepted(Model(LISTS)) if found.get(key) == "refused"}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_loss_at_random_leaves_untested(share: float, seed: int) -> None:
    """Always the same kind of silence, which is harder to tell from a refusal than a mixture."""
    dice = random.Random(seed)
    path = Path(Model(LISTS), lambda offer, length, number: dice.random() < share)
    found = findings(surveyed(path))
    assert not {key for key in accepted(Model(LISTS)) if found.get(key) == "refused"}


@pytest.mark.parametrize("most", [1, 2])
def test_more_connections_at_a_time_than_are_allowed_refuse_nothing(most: int) -> None:
    """A path that closes what comes while it is busy."""

    class Busy(Path):
        busy = 0

        async def ask(self, offer: Offer) -> Answer:
            if self.busy >= most:
                self.dropped += 1
                return self.how()
            self.busy += 1
            try:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                return await super().ask(offer)
            finally:
                self.busy -= 1

    path = Busy(Model(LISTS), lambda offer, length, number: False)
    found = findings(surveyed(path, concurrency=4))
    assert path.dropped > 0
    assert not {key for key in accepted(Model(LISTS)) if found.get(key) == "refused"}


@pytest.mark.parametrize("limit", [500, 700, 1100])
def test_an_alert_for_the_length_of_a_tls_hello_is_not_a_refusal(limit: int) -> None:
    path = Path(Model(TODAY), lambda offer, length, number: length > limit, lambda: refusal(40))
    found = findings(surveyed(path))
    assert path.dropped > 0
    assert not {key for key in accepted(Model(TODAY)) if found.get(key) == "refused"}


def test_every_hello_of_a_chain_has_one_length_and_differs_in_one_code() -> None:
    model = Model(LISTS)
    surveyed(model, parts=("suites",), concurrency=1)
    for protocol in LISTS:
        chain = [offer for offer in model.offers if offer.versions == (protocol,) and len(offer.suites) > 2]
        chain = chain[: len(LISTS[protocol]) + 1]
        assert len({hello_bytes(offer) for offer in chain}) == 1
        for first, second in pairwise(chain):
            assert sum(left != right for left, right in zip(first.suites, second.suites, strict=True)) == 1
    tls = [offer for offer in model.offers if offer.versions[-1] > "TLS"]
    assert {hello_bytes(offer) for offer in tls} == {1205}


def test_a_control_has_the_length_of_what_it_controls() -> None:
    model = Model(LISTS, no=SILENCE["closed"], no_version=SILENCE["closed"])
    surveyed(model, parts=("suites",), concurrency=1)
    lengths = [hello_bytes(offer) - 5 for offer in model.offers]
    by_version = {offer.versions: length for offer, length in zip(model.offers, lengths, strict=True) if length == 1303}
    assert ("SSL 3.0",) in by_version
    assert any(len(versions) == 2 for versions in by_version)
