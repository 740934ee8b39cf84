"""Handshakes that others made: a real one, in pieces of any size, damaged, and from the middle."""

import random
from pathlib import Path

import pytest

from tests.wire.recorded import read_conversation
from toolkit.wire.overheard import Overheard, is_client_hello, is_server_hello


@pytest.fixture(scope="module")
def conversation(shared: Path) -> list[tuple[bool, bytes]]:
    return read_conversation(shared)


def overhear(pieces: list[tuple[bool, bytes]]) -> Overheard:
    overheard = Overheard()
    for is_client, piece in pieces:
        (overheard.from_client if is_client else overheard.from_server)(piece)
    return overheard


def test_a_real_session_is_proven(conversation: list[tuple[bool, bytes]]) -> None:
    answer = overhear(conversation).answer
    assert (answer.outcome, answer.protocol, answer.is_key_proven, len(answer.chain)) == ("ok", "TLS 1.2", True, 3)


@pytest.mark.parametrize("size", [7, 100, 1000])
def test_the_size_of_the_pieces_does_not_matter(conversation: list[tuple[bool, bytes]], size: int) -> None:
    begins = next(place for place, (_, piece) in enumerate(conversation) if is_client_hello(piece))
    pieces = conversation[:begins]
    for is_client, payload in conversation[begins:]:
        pieces += [(is_client, payload[at : at + size]) for at in range(0, len(payload), size)]
    assert overhear(pieces).answer.chain == overhear(conversation).answer.chain


def test_without_the_hello_of_the_client_nothing_is_proven(conversation: list[tuple[bool, bytes]]) -> None:
    begins = next(place for place, (_, piece) in enumerate(conversation) if is_server_hello(piece))
    answer = overhear(conversation[begins:]).answer
    assert (answer.outcome, answer.protocol, len(answer.chain)) == ("ok", "TLS 1.2", 3)
    assert answer.is_key_proven is None
    assert (answer.faults, answer.reason) == ((), "the hello of the client is not known")


def test_no_bytes_raise(conversation: list[tuple[bool, bytes]]) -> None:
    generator = random.Random(7)
    outcomes = set()
    for _ in range(1500):
        pieces = []
        for is_client, payload in conversation:
            damaged = bytearray(payload)
            for _ in range(generator.choice([0, 0, 1, 3])):
                damaged[generator.randrange(len(damaged))] = generator.randrange(256)
            pieces.append((is_client ^ (generator.random() < 0.02), bytes(damaged)))
        if generator.random() < 0.3:
            generator.shuffle(pieces)
        overheard = overhear(pieces)
        overheard.end("closed")
        outcomes.add(overheard.answer.outcome)
    assert {"ok", "malformed", "closed"} <= outcomes


def test_memory_is_bounded_by_what_can_be_a_handshake() -> None:
    overheard = Overheard()
    for _ in range(2000):
        overheard.from_client(bytes(1000))
    assert overheard.is_done, "so much clear text is not followed by TLS"
    overheard = Overheard()
    overheard.from_server(b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + bytes(16380))
    assert overheard.answer.outcome == "too_large"
