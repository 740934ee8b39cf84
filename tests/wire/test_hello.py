"""The hello says what the offer says: read back by tlslite-ng's parser, which is not ours."""

import warnings
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from tests.wire.crafted import drip
from toolkit.errors import UsageError
from toolkit.reference import Offer, groups, offers, suites
from toolkit.wire import Handshake

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports asyncore
    from tlslite.messages import ClientHello
    from tlslite.utils.codec import Parser

NAMES = sorted({offer.name for offer in offers().values()})
SSL3 = replace(offers()["tls10"], versions=("SSL 3.0",))
CODES = {"SSL 3.0": (3, 0), "TLS 1.0": (3, 1), "TLS 1.1": (3, 2), "TLS 1.2": (3, 3), "TLS 1.3": (3, 4)}


def start(offer: Offer, server_name: str | None = "mx.lab.test", seed: int = 1) -> bytes:
    return Handshake(offer, server_name=server_name, entropy=drip(seed)).start()


def parse(sent: bytes) -> ClientHello:
    assert sent[0] == 22
    assert int.from_bytes(sent[3:5]) == len(sent) - 5
    parser = Parser(bytearray(sent[5:]))
    assert parser.get(1) == 1
    return ClientHello().parse(parser)


def kinds(hello: ClientHello) -> list[int]:
    return [extension.extType for extension in hello.extensions or []]


@pytest.mark.parametrize("name", NAMES)
def test_every_offer_is_read_back_as_it_was_meant(name: str) -> None:
    offer = offers()[name]
    hello = parse(start(offer))
    assert hello.client_version == min(CODES[offer.versions[-1]], (3, 3))
    assert list(hello.cipher_suites) == list(offer.suites)
    assert list(hello.compression_methods) == [0]
    assert hello.server_name == b"mx.lab.test"
    assert list(hello.getExtension(10).groups) == list(offer.groups)
    if CODES[offer.versions[-1]] >= (3, 3):
        algorithms = [first << 8 | second for first, second in hello.getExtension(13).sigalgs]
        assert algorithms == list(offer.signature_schemes)
        certificates = [first << 8 | second for first, second in hello.getExtension(50).sigalgs]
        assert certificates == list(offer.signature_schemes_cert)
    if "TLS 1.3" in offer.versions:
        assert hello.getExtension(43).versions == [CODES[version] for version in reversed(offer.versions)]
        shares = {share.group: len(share.key_exchange) for share in hello.getExtension(51).client_shares}
        assert shares == {4588: 1184 + 32, 29: 32}
        assert len(hello.session_id) == 32
    else:
        assert not hello.session_id


@pytest.mark.parametrize("name", NAMES)
def test_what_never_goes_out(name: str) -> None:
    found = kinds(parse(start(offers()[name])))
    assert not {35, 41, 42, 45, 27} & set(found)  # ticket, PSK, early data, PSK modes, compressed certificates
    assert len(found) == len(set(found))
    if offers()[name].versions[-1] in {"TLS 1.0", "TLS 1.1"}:
        assert not {13, 43, 50, 51} & set(found)
    if offers()[name].versions[-1] == "TLS 1.2":
        assert not {43, 51} & set(found)


def test_ssl_3_has_no_extensions_but_the_signalling_suite() -> None:
    sent = start(SSL3)
    hello = parse(sent)
    assert sent[1:3] == b"\x03\x00"
    assert hello.client_version == (3, 0)
    assert hello.extensions is None
    assert list(hello.cipher_suites) == [*SSL3.suites, 0x00FF]


def test_renegotiation_is_signalled_once() -> None:
    for offer in (SSL3, *(offers()[name] for name in NAMES)):
        hello = parse(start(offer))
        signals = (0x00FF in hello.cipher_suites) + (0xFF01 in kinds(hello))
        assert signals == (offer.versions != ("TLS 1.3",))


@given(st.integers(1, 120), st.integers(0, 200))
def test_no_hello_has_the_length_on_which_old_servers_hang(count: int, name_length: int) -> None:
    """RFC 7685: 256 to 511 bytes."""
    offer = replace(offers()["tls12"], suites=tuple(suites())[1 : count + 1])
    label = "a" * 50
    name = ".".join([label] * 5)[:name_length].rstrip(".") or None
    sent = start(offer, name)
    assert not 256 <= len(sent) - 5 < 512
    assert kinds(parse(sent)).count(21) == (len(sent) - 5 >= 512 and 21 in kinds(parse(sent)))


def test_key_shares_follow_the_offer() -> None:
    offer = offers()["tls13"]
    assert parse(start(replace(offer, key_shares=()))).getExtension(51).client_shares == []
    only = parse(start(replace(offer, groups=(29, 23))))
    assert [share.group for share in only.getExtension(51).client_shares] == [29]
    both = {share.group: bytes(share.key_exchange) for share in parse(start(offer)).getExtension(51).client_shares}
    assert both[4588].endswith(both[29])  # RFC 9954, 3.2


def test_the_same_entropy_gives_the_same_hello() -> None:
    offer = replace(
        offers()["any"], key_shares=(4588, 29, 23, 24, 25, 30, 256, 4587, 4589, 513), groups=tuple(groups())
    )
    assert start(offer, seed=3) == start(offer, seed=3)
    assert start(offer, seed=3) != start(offer, seed=4)


def test_a_hello_longer_than_a_record_is_cut() -> None:
    offer = replace(offers()["tls12"], suites=tuple(range(0x2000, 0x5000)))
    sent = start(offer)
    assert sent[:5] == b"\x16\x03\x01\x40\x00"
    assert int.from_bytes(sent[6:9]) == len(sent) - 4 - 2 * 5


@pytest.mark.parametrize("name", ["192.0.2.1", "::1", "", "mx.lab.test.", "müller.test", "a" * 256])
def test_what_cannot_be_a_server_name(name: str) -> None:
    with pytest.raises(UsageError, match="server name"):
        Handshake(offers()["any"], server_name=name)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"versions": ()}, "no such version: none given"),
        ({"versions": ("TLS 2.0",)}, "no such version: TLS 2.0"),
        ({"versions": ("SSL 2.0", "SSL 3.0")}, "alone"),
        ({"suites": ()}, "no suite"),
        ({"suites": (0x0A, 0x0700C0)}, "0x0700c0 is of SSL 2.0"),
        ({"groups": (0x6399,), "key_shares": (0x6399,)}, "0x6399"),
        ({"groups": (0x1001D,)}, "does not fit into its field"),
        ({"suites": (-1,)}, "does not fit into its field"),
        ({"suites": tuple(range(0x8000))}, "does not fit into its field"),
        ({"versions": ("SSL 2.0",), "suites": tuple(range(0x3000))}, "does not fit into its field"),
    ],
)
def test_an_offer_that_cannot_be_made_is_an_outcome(changes: dict[str, tuple[str | int, ...]], reason: str) -> None:
    handshake = Handshake(replace(offers()["any"], **changes), server_name=None)
    assert handshake.start() == b""
    assert handshake.is_done
    assert handshake.answer.outcome == "cannot_offer"
    assert reason in (handshake.answer.reason or "")
    assert handshake.receive(b"\x15\x03\x01\x00\x02\x02\x28") == b""


def test_ssl_2_hello_byte_by_byte() -> None:
    offer = replace(offers()["tls10"], versions=("SSL 2.0",), suites=(0x010080, 0x0700C0))
    sent = start(offer)
    assert sent[:11] == bytes.fromhex("801f 01 0002 0006 0000 0010")
    assert sent[11:17] == bytes.fromhex("010080 0700c0")
    assert sent[17:] == drip(1)(16)
