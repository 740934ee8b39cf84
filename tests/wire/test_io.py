"""Bytes in whatever pieces: real flights fed whole, byte by byte, cut anywhere, with bytes left over, and damaged.

Each flight is recorded once from a server that others wrote; the same entropy gives the same hello again, so that it
can be read again as often as one likes.
"""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tests.wire.capture import records, streams
from tests.wire.crafted import drip
from tests.wire.peers import InMemory, PyOpenSSL, context, converse, pyopenssl_context, settings, tlslite
from toolkit.reference import Offer, offers
from toolkit.schema import OUTCOMES, STAGES
from toolkit.wire import FAULTS, Answer, Handshake

ANY = offers()["any"]
RETRIED = replace(offers()["tls13"], key_shares=())
SSL3 = replace(ANY, versions=("SSL 3.0",))


@dataclass(frozen=True)
class Flight:
    """What a server sent, and to which hello."""

    offer: Offer
    entropy: Callable[[], Callable[[int], bytes]]
    pieces: tuple[bytes, ...]

    def handshake(self) -> Handshake:
        made = Handshake(self.offer, server_name="mx.lab.test", entropy=self.entropy())
        made.start()
        return made

    def replay(self, pieces: Iterator[bytes]) -> tuple[Answer, bytes]:
        handshake, replies = self.handshake(), b""
        for piece in pieces:
            replies += handshake.receive(piece)
        handshake.receive_eof()
        return handshake.answer, replies


@cache
def flights() -> dict[str, Flight]:
    made = {}
    for name, offer, peer in (
        ("RSA, TLS 1.0", ANY, InMemory(context("RSA", version=ssl.TLSVersion.TLSv1))),
        ("EC, TLS 1.2", ANY, InMemory(context("EC", version=ssl.TLSVersion.TLSv1_2))),
        ("RSA, TLS 1.3", ANY, InMemory(context("RSA"))),
        ("EC, TLS 1.3", ANY, InMemory(context("EC"))),
        ("RSA, TLS 1.3 retried", RETRIED, InMemory(context("RSA"))),
        ("EC, ML-KEM", ANY, PyOpenSSL(pyopenssl_context("EC"))),
        ("refused", replace(ANY, suites=(0x0005,)), InMemory(context("EC"))),
    ):
        made[name] = _record(offer, peer)
    with tlslite("RSA", settings((3, 0))) as peer:
        made["RSA, SSL 3.0"] = _record(replace(SSL3, suites=(0x0005,)), peer)
    return made


def _record(offer: Offer, peer: Callable[[bytes], bytes]) -> Flight:
    pieces: list[bytes] = []

    def listening(data: bytes) -> bytes:
        pieces.append(peer(data))
        return pieces[-1]

    converse(Handshake(offer, server_name="mx.lab.test", entropy=drip(7)), listening)
    return Flight(offer, lambda: drip(7), tuple(pieces))


NAMES = [
    "RSA, SSL 3.0", "RSA, TLS 1.0", "EC, TLS 1.2", "RSA, TLS 1.3", "EC, TLS 1.3", "RSA, TLS 1.3 retried", "EC, ML-KEM",
    "refused",
]  # fmt: skip


def single(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


@pytest.mark.parametrize("name", NAMES)
def test_whole_and_byte_by_byte_are_the_same(name: str) -> None:
    flight = flights()[name]
    whole, replies = flight.replay(iter(flight.pieces))
    data = b"".join(flight.pieces)
    assert flight.replay(single(data)) == (whole, replies)
    assert whole.outcome == ("refused" if name == "refused" else "ok")
    assert whole.is_retried == ("retried" in name)
    # A leftover after the end changes nothing, whether it comes in the same piece or in another one.
    assert flight.replay(iter((data + b"HTTP/1.1 200 OK\r\n",))) == (whole, replies)
    assert flight.replay(iter((data, b"\x16\x03\x03"))) == (whole, replies)


@given(st.sampled_from(NAMES), st.data())
def test_cut_anywhere(name: str, data: st.DataObject) -> None:
    flight = flights()[name]
    stream = b"".join(flight.pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = (stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True))
    assert flight.replay(pieces) == flight.replay(iter(flight.pieces))


@pytest.mark.parametrize("name", NAMES)
def test_cut_short_is_closed_where_it_was_cut(name: str) -> None:
    flight = flights()[name]
    stream = b"".join(flight.pieces)
    whole, _ = flight.replay(iter(flight.pieces))
    stages = []
    for end in range(0, len(stream), 7):
        answer, _ = flight.replay(iter((stream[:end],)))
        if answer.outcome == whole.outcome:
            break
        assert answer.outcome == "closed"
        assert answer.reason
        assert answer.protocol in {None, whole.protocol}
        assert answer.chain in {(), whole.chain}
        stages.append(STAGES.index(answer.stage))
    assert stages == sorted(stages)


@pytest.mark.parametrize("name", NAMES[:4])
def test_records_of_any_size_hold_the_same_messages(name: str) -> None:
    """RFC 8446, 5.1: messages may be cut into records and put together in one, except across a change of keys."""
    flight = flights()[name]
    stream = b"".join(flight.pieces)
    if "1.3" in name:
        cut = _recut(records(stream)[:1], stream[1:3], 1) + stream[5 + int.from_bytes(stream[3:5]) :]
    else:
        cut = _recut(records(stream), stream[1:3], 1)
        assert flight.replay(iter((_recut(records(stream), stream[1:3], 1 << 14),))) == flight.replay(iter((stream,)))
    assert len(cut) > len(stream)
    assert flight.replay(iter((cut,))) == flight.replay(iter((stream,)))


def _recut(found: list[tuple[int, bytes]], version: bytes, size: int) -> bytes:
    content = b"".join(part for _, part in found)
    pieces = (content[at : at + size] for at in range(0, len(content), size))
    return b"".join(b"\x16" + version + len(piece).to_bytes(2) + piece for piece in pieces)


def closed_vocabulary(answer: Answer) -> None:
    assert answer.outcome in OUTCOMES
    assert answer.stage in STAGES
    assert set(answer.faults) <= set(FAULTS)
    assert answer.reason is None or 0 < len(answer.reason) <= 400
    assert (answer.outcome == "ok") <= (answer.stage == "finished")
    if answer.outcome == "ok" and answer.is_key_proven is False:
        assert "signature_wrong" in answer.faults


@given(st.sampled_from(NAMES), st.data())
def test_damage_never_escapes(name: str, data: st.DataObject) -> None:
    flight = flights()[name]
    stream = bytearray(b"".join(flight.pieces))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(stream) - 1))
        kind = data.draw(st.sampled_from(["set", "delete", "insert", "repeat"]))
        if kind == "set":
            stream[at] = data.draw(st.integers(0, 255))
        elif kind == "delete":
            del stream[at : at + data.draw(st.integers(1, 40))]
        elif kind == "insert":
            stream[at:at] = data.draw(st.binary(min_size=1, max_size=40))
        else:
            stream[at:at] = stream[at : at + 200]
        if not stream:
            break
    whole, replies = flight.replay(iter((bytes(stream),)))
    closed_vocabulary(whole)
    again, said = flight.replay(single(bytes(stream)))
    assert said == replies
    if whole.outcome != "not_tls":  # its reason quotes what there was at the time
        assert again == whole


@given(st.binary(max_size=3000))
def test_noise_never_escapes(noise: bytes) -> None:
    flight = flights()["RSA, TLS 1.3"]
    for prefix in (b"", b"\x16\x03\x03", b"\x16\x03\x03\x01\x00\x02", b"\x80"):
        answer, _ = flight.replay(iter((prefix + noise,)))
        closed_vocabulary(answer)
        assert answer.outcome in {"malformed", "not_tls", "closed", "refused", "too_large"}


def test_nothing_in_a_signed_flight_can_be_changed_unnoticed(shared: Path) -> None:
    """Google's flight of 2014: a change in what is signed makes the signature wrong, or the flight broken."""
    client, server = streams(shared / "recorded" / "captures" / "smtp-starttls.pcap")
    random = records(client)[0][1][6:38]
    flight = Flight(offers()["tls12"], lambda: lambda size: random[:size], (server,))
    assert flight.replay(iter((server,)))[0].is_key_proven
    exchange = server.index(b"\x16\x03\x03\x01\x4d\x0c")
    for at in (*range(11, 43), *range(exchange + 9, exchange + 338, 3)):
        changed = bytearray(server)
        changed[at] ^= 1
        answer, _ = flight.replay(iter((bytes(changed),)))
        assert not answer.is_key_proven
        is_unknown = answer.is_unchecked  # the code of the scheme was changed
        assert answer.outcome == "malformed" or "signature_wrong" in answer.faults or is_unknown
