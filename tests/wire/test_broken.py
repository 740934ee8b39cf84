"""What no honest server sends: each case has its outcome, its stage and its words."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.wire.crafted import (
    DONE,
    RANDOM,
    TLS13,
    certificate,
    drip,
    extension,
    leaf_with,
    message,
    named_curve,
    read,
    record,
    server_hello,
    vector,
)
from tests.wire.peers import credentials
from toolkit.reference import Offer, offers
from toolkit.wire import Answer, Handshake

ANY = offers()["any"]
TLS12 = offers()["tls12"]
LEAF = credentials("RSA").der
GCM = 0xC02F  # TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
AES = 0x002F  # TLS_RSA_WITH_AES_128_CBC_SHA
ANON = 0xC018  # TLS_ECDH_anon_WITH_AES_128_CBC_SHA
HELLO = server_hello(GCM)
FLIGHT = HELLO + certificate(LEAF) + named_curve(29, b"\x01" * 256) + DONE
ASKED = message(13, b"\x01\x01" + vector(2, b"\x04\x01") + vector(2, b""))
STATUS = message(22, b"\x01" + vector(3, b"response"))


@pytest.mark.parametrize(
    ("sent", "outcome", "stage", "reason"),
    [
        (b"", "closed", "hello", "after 0 bytes"),
        (b"\x16", "closed", "hello", "in the middle of a record"),
        (b"HTTP/1.1 400 Bad Request\r\n", "not_tls", "hello", "HTTP/1.1 400 Bad Request"),
        (b"554 5.7.1 go away\r\n", "not_tls", "hello", "554 5.7.1"),
        (b"\x16\x02\x00", "not_tls", "hello", "the answer begins with"),
        (b"\x80\x03\x00\x00\x01", "not_tls", "hello", "the answer begins with"),
        (record(b"\x02\x28", 21), "refused", "hello", "handshake_failure (40)"),
        (record(b"\x02\x46", 21), "refused", "hello", "protocol_version (70)"),
        (record(b"\x02\xc8", 21), "refused", "hello", "unassigned (200)"),
        (record(b"\x01\x00", 21), "refused", "hello", "close_notify (0)"),
        (record(b"\x01\x70", 21), "refused", "hello", "unrecognized_name (112), then the connection ended"),
        (record(b"\x01\x70\x02\x28", 21), "refused", "hello", "handshake_failure (40)"),
        (record(b"\x02", 21), "malformed", "hello", "an alert of 1 bytes"),
        (record(b"", 22), "malformed", "hello", "an empty record of type 22"),
        (b"\x16\x03\x03\x40\x01", "malformed", "hello", "a record of 16385 bytes"),
        (b"\x17\x03\x03\x41\x01", "malformed", "hello", "a record of 16641 bytes"),
        (record(b"\x01", 20), "malformed", "hello", "a record of type 20"),
        (record(b"data", 23), "malformed", "hello", "a record of type 23"),
        (record(HELLO) + b"\x18\x03\x03\x00\x01\x00", "malformed", "certificate", "a record of type 24"),
        (record(HELLO) + b"\x16\x04\x03\x00\x01\x00", "malformed", "certificate", "a record of version 4.3"),
        (record(message(11)), "malformed", "hello", "Certificate where the ServerHello was due"),
        (record(message(77)), "malformed", "hello", "handshake message 77"),
        (record(message(2)), "malformed", "hello", "the ServerHello is cut short"),
        (record(message(2, HELLO[4:] + b"\x00")), "malformed", "hello", "the ServerHello is cut short"),
        (record(message(2, HELLO[4:] + b"\x00\x00\x00")), "malformed", "hello", "1 bytes too many"),
        (record(server_hello(GCM, session_id=bytes(33))), "malformed", "hello", "a session id of 33 bytes"),
        (record(server_hello(GCM, extension(5, b""), extension(5, b""))), "malformed", "hello", "extension 5 twice"),
        (record(server_hello(GCM, version=0x0304)), "malformed", "hello", "version 0x0304"),
        (record(server_hello(GCM, version=0x0002)), "malformed", "hello", "version 0x0002"),
        (record(server_hello(GCM, extension(43, b"\x03\x03"))), "malformed", "hello", "version 0303 by extension"),
        (record(server_hello(GCM, extension(43, b"\x7f\x1c"))), "malformed", "hello", "version 7f1c by extension"),
        (record(server_hello(0x1301, TLS13)), "malformed", "hello", "TLS 1.3, which was not offered"),
        (b"\x16\x03\x03\x00\x04\x02\xff\xff\xff", "too_large", "hello", "ServerHello of 16777219 bytes"),
        (record(HELLO) + record(b"\x0b\xff\xff\xff"), "too_large", "certificate", "Certificate of 16777219 bytes"),
        (record(HELLO + DONE), "malformed", "certificate", "ServerHelloDone where the Certificate was due"),
        (record(HELLO + named_curve(29)), "malformed", "certificate", "ServerKeyExchange where the Certificate was"),
        (record(HELLO + HELLO), "malformed", "certificate", "ServerHello after ServerHello"),
        (record(HELLO + message(20, bytes(12))), "malformed", "certificate", "Finished after ServerHello"),
        (record(HELLO + message(4)), "malformed", "certificate", "NewSessionTicket after ServerHello"),
        (record(HELLO) + record(b"\x01", 20), "malformed", "certificate", "a record of type 20"),
        (record(HELLO + certificate()), "malformed", "certificate", "holds no certificate"),
        (record(HELLO + certificate(b"")), "malformed", "certificate", "an empty certificate"),
        (record(HELLO + message(11, b"\x00\x00\x05\x00\x00\x09")), "malformed", "certificate", "cut short"),
        (record(HELLO + certificate(LEAF) + certificate(LEAF)), "malformed", "finished", "Certificate after Certif"),
        (record(HELLO + certificate(LEAF) + DONE), "malformed", "finished", "where the ServerKeyExchange was due"),
        (record(HELLO + certificate(LEAF) + message(22, b"\x02")), "malformed", "finished", "of type 2"),
        (record(HELLO + certificate(LEAF) + message(12, b"\x01")), "malformed", "finished", "parameters of type 1"),
        (record(HELLO + certificate(LEAF) + message(12, b"\x03\x00\x1d\x00")), "malformed", "finished", "empty point"),
        (record(HELLO + certificate(LEAF) + named_curve(29)[:-1] + b"\x09"), "malformed", "finished", "cut short"),
        (record(FLIGHT[:-4] + STATUS), "malformed", "finished", "CertificateStatus after ServerKeyExchange"),
        (record(FLIGHT[:-4] + message(14, b"x")), "malformed", "finished", "ServerHelloDone has content"),
        (record(FLIGHT[:-4]) + record(b"\x02\x50", 21), "refused", "finished", "internal_error (80)"),
        (record(FLIGHT[:200]) + record(b"\x02\x50", 21), "refused", "certificate", "internal_error (80)"),
        (record(server_hello(AES) + certificate(LEAF) + named_curve(29)), "malformed", "finished", "does not have"),
    ],
)  # fmt: skip
def test_outcome(sent: bytes, outcome: str, stage: str, reason: str) -> None:
    answer = read(sent, offer=TLS12)
    assert (answer.outcome, answer.stage) == (outcome, stage)
    assert reason in (answer.reason or "")
    assert not answer.is_sound
    if outcome != "not_tls":
        assert read(*(sent[at : at + 1] for at in range(len(sent))), offer=TLS12) == answer


@pytest.mark.parametrize(
    ("sent", "offer", "faults"),
    [
        (FLIGHT, TLS12, ("signature_wrong",)),
        (FLIGHT, replace(TLS12, suites=(AES,)), ("suite_not_offered", "signature_wrong")),
        (FLIGHT, replace(TLS12, groups=(23,)), ("group_not_offered", "signature_wrong")),
        (FLIGHT, replace(TLS12, groups=()), ("group_not_offered", "signature_wrong")),
        (FLIGHT, replace(TLS12, signature_schemes=(0x0403,)), ("scheme_not_offered", "signature_wrong")),
        (FLIGHT, replace(TLS12, signature_schemes=()), ("signature_wrong",)),
        (FLIGHT, offers()["tls10"], ("version_not_offered", "suite_not_offered", "signature_wrong")),
        (server_hello(GCM, compression=1) + FLIGHT[len(HELLO) :], TLS12, ("compression_chosen", "signature_wrong")),
        (
            server_hello(GCM, server_random=RANDOM[:24] + b"DOWNGRD\x01") + FLIGHT[len(HELLO) :],
            ANY,
            ("downgrade_marked", "signature_wrong"),
        ),
        (
            server_hello(GCM, server_random=RANDOM[:24] + b"DOWNGRD\x01") + FLIGHT[len(HELLO) :],
            TLS12,
            ("signature_wrong",),
        ),
        (
            server_hello(AES, version=0x0302, server_random=RANDOM[:24] + b"DOWNGRD\x00") + certificate(LEAF) + DONE,
            ANY,
            ("downgrade_marked",),
        ),
        (server_hello(AES, version=0x0302) + certificate(LEAF) + DONE, ANY, ()),
        (server_hello(0x009C, version=0x0302) + certificate(LEAF) + DONE, ANY, ("suite_of_another_version",)),
        (server_hello(0x1301) + certificate(LEAF) + DONE, ANY, ("suite_of_another_version",)),
        (server_hello(AES, version=0x0300) + certificate(LEAF) + DONE, ANY, ("version_not_offered",)),
        (
            server_hello(ANON) + message(12, b"\x03\x00\x1d" + vector(1, b"\x09" + bytes(31))) + ASKED + DONE,
            replace(TLS12, suites=(ANON,)),
            ("certificate_out_of_place",),
        ),
        (server_hello(ANON) + certificate(LEAF) + message(12, b"\x03\x00\x1d" + vector(1, b"\x09" + bytes(31))) + DONE,
         replace(TLS12, suites=(ANON,)), ("certificate_out_of_place",)),
        (server_hello(AES) + certificate(LEAF) + ASKED + DONE, TLS12, ()),
        (server_hello(AES) + certificate(credentials("EC").der) + DONE, TLS12, ("key_unfit",)),
        (server_hello(GCM) + certificate(credentials("EC").der) + FLIGHT[len(HELLO + certificate(LEAF)) :], TLS12,
         ("key_unfit", "signature_wrong")),
        (server_hello(0xC02B) + FLIGHT[len(HELLO) :], TLS12, ("key_unfit", "signature_wrong")),
        (server_hello(0xC004) + certificate(credentials("EC").der) + DONE, replace(TLS12, suites=(0xC004,)), ()),
        (server_hello(0xC004) + certificate(LEAF) + DONE, replace(TLS12, suites=(0xC004,)), ("key_unfit",)),
        (server_hello(ANON) + named_curve(29, scheme=None)[:-2] + DONE, replace(TLS12, suites=(ANON,)), None),
    ],
)  # fmt: skip
def test_wrong_but_readable_is_read_on(sent: bytes, offer: Offer, faults: tuple[str, ...] | None) -> None:
    if faults is None:  # the anonymous key exchange ends with the point
        sent = server_hello(ANON) + message(12, b"\x03\x00\x1d" + vector(1, b"\x09" + bytes(31))) + DONE
    answer = read(record(sent), offer=offer)
    assert (answer.outcome, answer.stage, answer.faults) == ("ok", "finished", faults or ())
    assert answer.is_sound == (not faults)
    assert (answer.reason is None) == (not faults)
    assert answer.is_key_proven is (False if "signature_wrong" in (faults or ()) else None)


def test_an_unknown_suite_is_a_fact_with_a_fault() -> None:
    answer = read(record(server_hello(0xEEEE) + certificate(LEAF) + message(12, b"who knows") + DONE))
    assert (answer.outcome, answer.suite_code, answer.faults) == ("ok", 0xEEEE, ("suite_not_offered",))
    assert answer.chain == (LEAF,)
    assert answer.is_key_proven is None


def finite_field_leaf() -> bytes:
    """A certificate whose key is named as one for Diffie-Hellman: where RSA's name stands, theirs (PKCS #3) fits."""
    rsa_name, dh_name = bytes.fromhex("06092a864886f70d010101"), bytes.fromhex("06092a864886f70d010301")
    assert LEAF.count(rsa_name) == 1
    return LEAF.replace(rsa_name, dh_name)


@pytest.mark.parametrize(
    ("leaf", "scheme", "reason"),
    [
        (b"\x30\x03\x02\x01\x01", 0x0401, "the leaf's key cannot be read"),
        (b"nonsense", 0x0401, "the leaf's key cannot be read"),
        (LEAF, 0xEEEE, "0xeeee is unknown"),
        (LEAF, 0x0840, "0x0840 is unknown"),
        (finite_field_leaf(), 0x0401, "a Diffie-Hellman key, which cannot sign"),
    ],
)
def test_what_cannot_be_checked_is_unknown_with_its_reason(leaf: bytes, scheme: int, reason: str) -> None:
    offer = replace(TLS12, signature_schemes=(0x0401, 0xEEEE, 0x0840))
    answer = read(record(HELLO + certificate(leaf) + named_curve(29, b"\x01" * 256, scheme) + DONE), offer=offer)
    assert (answer.outcome, answer.is_key_proven, answer.is_unchecked, answer.faults) == ("ok", None, True, ())
    assert reason in (answer.reason or "")


def test_warnings_before_the_flight_are_let_pass() -> None:
    answer = read(record(b"\x01\x70", 21) + record(message(0)) + record(server_hello(AES) + certificate(LEAF) + DONE))
    assert (answer.outcome, answer.alert) == ("ok", 112)


def test_staple_and_timestamps() -> None:
    hello = server_hello(AES, extension(18, b"\x00\x02\x00\x00"))
    answer = read(record(hello + certificate(LEAF) + STATUS + DONE))
    assert (answer.outcome, answer.has_ocsp_staple, answer.has_sct) == ("ok", True, True)
    half = read(record(hello + certificate(LEAF)))
    assert (half.outcome, half.has_ocsp_staple, half.has_sct) == ("closed", None, True)


def test_the_limit_counts_bytes_however_they_come() -> None:
    flood = record(message(0)) * 200 + record(server_hello(AES) + certificate(LEAF) + DONE)
    for pieces in ((flood,), [flood[at : at + 1] for at in range(len(flood))]):
        answer = read(*pieces, limit=500)
        assert (answer.outcome, answer.stage) == ("too_large", "hello")
        assert answer.reason == "more than 500 bytes before the flight was complete"
    assert read(flood, limit=len(flood)).outcome == "ok"


def test_an_endless_certificate_is_too_large() -> None:
    endless = record(HELLO) + record(b"\x0b" + (1 << 17).to_bytes(3) + bytes(1000)) + record(bytes(1 << 14)) * 9
    assert read(endless, limit=1 << 17).outcome == "too_large"


@pytest.mark.parametrize(("length", "outcome"), [(1_000, "closed"), (1_001, "too_large")])
def test_a_chain_of_thousands_is_cut(length: int, outcome: str) -> None:
    chain = (LEAF, *(bytes((2, number >> 8, number & 0xFF)) for number in range(length - 1)))
    answer = read(record(HELLO + certificate(*chain)))
    assert (answer.outcome, answer.chain) == (outcome, chain[:1_000])
    assert ("a chain of 1001 certificates" in (answer.reason or "")) is (outcome == "too_large")


def test_an_rsa_key_with_no_room_for_the_digest_did_not_sign() -> None:
    """RFC 8017, 9.1.2: rsa_pss_rsae_sha512 takes 130 bytes, and this key has 64."""
    leaf = leaf_with(rsa.RSAPublicNumbers(65537, (1 << 511) + 187).public_key())
    flight = HELLO + certificate(leaf) + named_curve(29, b"\x01" * 64, scheme=0x0806) + DONE
    answer = read(record(flight))
    assert (answer.outcome, answer.stage, answer.is_key_proven) == ("ok", "finished", False)
    assert "signature_wrong" in answer.faults


def test_the_driver_can_end_it() -> None:
    for end, outcome in (("receive_reset", "reset"), ("receive_eof", "closed")):
        handshake = Handshake(ANY, server_name=None)
        handshake.start()
        getattr(handshake, end)()
        assert handshake.answer.outcome == outcome
        handshake.abandon("timeout", "too late")
        assert handshake.answer.outcome == outcome
    handshake = Handshake(ANY, server_name=None)
    handshake.start()
    handshake.abandon("timeout", "10 s without an answer")
    assert handshake.answer == Answer(outcome="timeout", reason="10 s without an answer")
    assert handshake.receive(record(HELLO)) == b""


def test_hostile_words_are_bounded() -> None:
    assert len(read(b"x" * 100_000).reason or "") <= 400


# Exchanges that no server of ours offers: their forms, signed with the leaf's key where they are signed.


def signed(params: bytes) -> bytes:
    """What the server signs for our hello of `drip(1)`, under TLS 1.2."""
    key = serialization.load_pem_private_key(credentials("RSA").key_pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(drip(1)(32) + RANDOM + params, padding.PKCS1v15(), hashes.SHA256())
    return message(12, params + b"\x04\x01" + vector(2, signature))


EXPORT = vector(2, b"\x80" + bytes(63)) + vector(2, b"\x01\x00\x01")
FIELD = vector(2, b"\x80" + bytes(95)) + vector(2, b"\x02") + vector(2, b"\x09")
POINT = b"\x03\x00\x1d" + vector(1, b"\x09" + bytes(31))
SRP = vector(2, b"N") + vector(2, b"g") + vector(1, b"s") + vector(2, b"B")


@pytest.mark.parametrize(
    ("suite", "chain", "exchange", "expected"),
    [
        (0x0003, (LEAF,), signed(EXPORT), (True, 512, None)),  # RSA_EXPORT with a temporary key
        (0x0003, (LEAF,), b"", (None, None, None)),  # and without: the leaf's key is short enough itself
        (0x0033, (LEAF,), signed(FIELD), (True, 768, None)),  # DHE_RSA
        (0x0034, (), message(12, FIELD), (None, 768, None)),  # DH_anon
        (0x008C, (), b"", (None, None, None)),  # PSK
        (0x008C, (), message(12, vector(2, b"hint")), (None, None, None)),
        (0x0094, (LEAF,), message(12, vector(2, b"hint")), (None, None, None)),  # RSA_PSK
        (0x0090, (), message(12, vector(2, b"") + FIELD), (None, 768, None)),  # DHE_PSK
        (0xC035, (), message(12, vector(2, b"") + POINT), (None, None, 29)),  # ECDHE_PSK
        (0xC01D, (), message(12, SRP), (None, None, None)),  # SRP_SHA
        (0xC01E, (LEAF,), signed(SRP), (True, None, None)),  # SRP_SHA_RSA
    ],
)
def test_exchanges(
    suite: int, chain: tuple[bytes, ...], exchange: bytes, expected: tuple[bool | None, int | None, int | None]
) -> None:
    """Expected: whether the key is proven, bits of the exchange, its group."""
    flight = server_hello(suite) + (certificate(*chain) if chain else b"") + exchange + DONE
    answer = read(record(flight), offer=replace(TLS12, suites=(suite,)))
    assert answer.is_sound, answer
    assert answer.chain == chain
    assert (answer.is_key_proven, answer.exchange_bits, answer.group_code) == expected


@pytest.mark.parametrize("suite", [0x0033, 0x0034, 0x0090, 0xC035, 0xC01D, 0x0003, 0x008C])
def test_exchanges_cut_short_or_too_long_are_malformed(suite: int) -> None:
    params = {0x0003: EXPORT, 0x008C: vector(2, b"h"), 0xC01D: SRP, 0xC035: bytes(2) + POINT, 0x0090: bytes(2) + FIELD}
    body = params.get(suite, FIELD)
    has_leaf = suite in {0x0033, 0x0003}
    for wrong in (body[:-1], body + b"\x00", b""):
        flight = server_hello(suite) + (certificate(LEAF) if has_leaf else b"") + message(12, wrong) + DONE
        answer = read(record(flight), offer=replace(TLS12, suites=(suite,)))
        assert (answer.outcome, answer.stage) == ("malformed", "finished")
    empty = bytes(2) + (bytes(2) if suite == 0x0090 else b"") + bytes(4)
    if suite in {0x0033, 0x0034, 0x0090}:
        flight = server_hello(suite) + (certificate(LEAF) if has_leaf else b"") + message(12, empty) + DONE
        assert "empty Diffie-Hellman" in (read(record(flight), offer=replace(TLS12, suites=(suite,))).reason or "")
