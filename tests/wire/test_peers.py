"""The engine against implementations that others wrote; what it says is compared with what they say."""

import hashlib
import ssl
from dataclasses import replace

import pytest

from tests.wire.peers import (
    InMemory,
    PyOpenSSL,
    context,
    converse,
    credentials,
    pyopenssl_context,
    settings,
    tlslite,
)
from toolkit.reference import Offer, groups, offers, signature_schemes, suites
from toolkit.wire import Answer, Handshake

ANY = offers()["any"]
VERSIONS = {
    "TLS 1.0": ssl.TLSVersion.TLSv1,
    "TLS 1.1": ssl.TLSVersion.TLSv1_1,
    "TLS 1.2": ssl.TLSVersion.TLSv1_2,
    "TLS 1.3": ssl.TLSVersion.TLSv1_3,
}


def ask(peer: InMemory | PyOpenSSL, offer: Offer = ANY) -> Answer:
    handshake = Handshake(offer, server_name="mx.lab.test")
    converse(handshake, peer)
    return handshake.answer


def sound(answer: Answer) -> Answer:
    assert (answer.outcome, answer.stage, answer.reason, answer.is_sound) == ("ok", "finished", None, True)
    return answer


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["RSA", "EC", "P-384", "Ed25519", "Ed448"])
def test_openssl_for_every_key_and_version(kind: str, version: str) -> None:
    peer = InMemory(context(kind, version=VERSIONS[version]))
    answer = ask(peer)
    if kind.startswith("Ed") and version in {"TLS 1.0", "TLS 1.1"}:  # RFC 8422, 5.10: from TLS 1.2 on
        assert (answer.outcome, answer.alert, answer.stage) == ("refused", 40, "hello")
        return
    sound(answer)
    assert answer.protocol == version
    assert answer.chain == (credentials(kind).der,)
    assert answer.is_key_proven
    assert (answer.has_ocsp_staple, answer.has_sct, answer.is_retried) == (False, False, False)
    scheme = signature_schemes().get(answer.signature_scheme_code or 0)
    if version in {"TLS 1.0", "TLS 1.1"}:
        assert scheme is None
    else:
        assert scheme is not None
        assert scheme.key_type == {"P-384": "EC"}.get(kind, kind)
    # The server read the closure alert, protected with the handshake keys in TLS 1.3.
    assert isinstance(peer.error, ssl.SSLZeroReturnError)


@pytest.mark.parametrize("version", ["TLS 1.0", "TLS 1.1", "TLS 1.2"])
@pytest.mark.parametrize(
    ("ciphers", "proven", "has_group"),
    [("AES128-SHA", None, False), ("ECDHE-RSA-AES128-SHA", True, True), ("AECDH-AES128-SHA", None, True)],
)
def test_static_ephemeral_and_anonymous(version: str, ciphers: str, proven: bool | None, has_group: bool) -> None:
    offer = replace(ANY, suites=(0x002F, 0xC013, 0xC018))
    answer = sound(ask(InMemory(context("RSA", version=VERSIONS[version], ciphers=ciphers)), offer))
    assert answer.is_key_proven is proven
    assert (answer.group_code is not None) == has_group
    assert suites()[answer.suite_code or 0].openssl_name == ciphers
    assert bool(answer.chain) == (ciphers != "AECDH-AES128-SHA")


@pytest.mark.parametrize("code", [0x1301, 0x1302, 0x1303])
def test_tls_13_suites(code: int) -> None:
    answer = sound(ask(InMemory(context("RSA")), replace(offers()["tls13"], suites=(code,))))
    assert answer.suite_code == code


@pytest.mark.parametrize("code", [0x001D, 0x001E, 0x0017, 0x0018, 0x0019, 0x0100, 0x0101, 0x0102])
@pytest.mark.parametrize("is_shared", [True, False])
def test_tls_13_groups_with_a_share_and_with_a_retry(code: int, is_shared: bool) -> None:
    offer = replace(offers()["tls13"], groups=(code,), key_shares=(code,) if is_shared else ())
    answer = sound(ask(InMemory(context("EC")), offer))
    assert (answer.group_code, answer.is_retried) == (code, not is_shared)


@pytest.mark.parametrize("code", [0x11EB, 0x11EC, 0x11ED, 0x0201, 0x0202, 0x001D])
@pytest.mark.parametrize("is_shared", [True, False])
def test_post_quantum_groups(code: int, is_shared: bool) -> None:
    """The OpenSSL inside `cryptography` serves what the system's may not know."""
    peer = PyOpenSSL(pyopenssl_context("EC", groups()[code].name))
    offer = replace(offers()["tls13"], groups=(code,), key_shares=(code,) if is_shared else ())
    answer = sound(ask(peer, offer))
    assert (answer.group_code, answer.is_retried) == (code, not is_shared)
    assert (peer.group or "").lower() == groups()[code].name.lower()


def test_any_prefers_what_the_server_prefers() -> None:
    peer = PyOpenSSL(pyopenssl_context("RSA"))
    assert groups()[sound(ask(peer)).group_code or 0].name == peer.group == "X25519MLKEM768"


@pytest.mark.parametrize(
    ("version", "protocol", "codes"),
    [
        ((3, 0), "SSL 3.0", (0x0005, 0x000A, 0x0004, 0x002F)),
        ((3, 1), "TLS 1.0", (0x0005, 0x000A, 0xC013)),
        ((3, 2), "TLS 1.1", (0x0005, 0x000A, 0xC013)),
        ((3, 3), "TLS 1.2", (0x0005, 0x000A, 0xC013, 0xC02F, 0x009E)),
        ((3, 4), "TLS 1.3", (0x1301, 0x1302, 0x1303, 0x1304, 0x1305)),
    ],
)
def test_tlslite_suite_by_suite(version: tuple[int, int], protocol: str, codes: tuple[int, ...]) -> None:
    for code in codes:
        with tlslite("RSA", settings(version)) as peer:
            handshake = Handshake(replace(ANY, versions=(protocol,), suites=(code,)), server_name="mx.lab.test")
            converse(handshake, peer)
        answer = sound(handshake.answer)
        assert (answer.protocol, answer.suite_code) == (protocol, code)
        assert answer.chain == (credentials("RSA").der,)
        is_static = protocol != "TLS 1.3" and suites()[code].key_exchange == "RSA"
        assert answer.is_key_proven is (None if is_static else True)


def test_finite_fields_are_measured_and_named() -> None:
    offer = replace(ANY, versions=("TLS 1.2",), suites=(0x009E,))
    # Without a listed group, tlslite-ng takes a prime of RFC 3526, which has no code point.
    for listed, code, bits in (((0x0101,), 0x0101, 3072), ((0x0017,), None, 2048)):
        with tlslite("RSA", settings((3, 3))) as peer:
            handshake = Handshake(replace(offer, groups=listed), server_name=None)
            converse(handshake, peer)
        answer = sound(handshake.answer)
        assert (answer.group_code, answer.exchange_bits, answer.is_key_proven) == (code, bits, True)


@pytest.mark.parametrize(("version", "scheme"), [("SSL 3.0", None), ("TLS 1.0", None), ("TLS 1.2", 0x0402)])
def test_dsa(version: str, scheme: int | None) -> None:
    with tlslite("DSA", settings((3, 0), (3, 1), (3, 2), (3, 3))) as peer:
        schemes = (0x0402, 0x0202)
        offer = replace(ANY, versions=(version,), suites=(0x0032,), signature_schemes=schemes)
        handshake = Handshake(offer, server_name=None)
        converse(handshake, peer)
    answer = sound(handshake.answer)
    assert (answer.protocol, answer.is_key_proven, answer.signature_scheme_code) == (version, True, scheme)


def test_tls_13_closure_alerts_follow_a_retry() -> None:
    peer = InMemory(context("RSA"))
    handshake = Handshake(replace(offers()["tls13"], key_shares=()), server_name=None)
    sent, _ = converse(handshake, peer)
    assert sent.count(b"\x14\x03\x03\x00\x01\x01") == 1  # RFC 8446, D.4: one ChangeCipherSpec
    assert isinstance(peer.error, ssl.SSLZeroReturnError)


def test_the_leaf_comes_as_served() -> None:
    answer = sound(ask(InMemory(context("RSA", "EC"))))
    leaf = hashlib.sha256(answer.chain[0]).hexdigest()
    assert leaf == hashlib.sha256(credentials("EC").der).hexdigest()
    answer = sound(ask(InMemory(context("RSA", "EC")), offers()["rsa"]))
    assert answer.chain == (credentials("RSA").der,)
