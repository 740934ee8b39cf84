"""What no honest server of TLS 1.3, or of SSL 2.0, sends: each case has its outcome, its stage and its words."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.wire.crafted import (
    TLS13,
    Server13,
    certificate_13,
    drip,
    extension,
    message,
    read,
    record,
    retry,
    server_hello,
    session_id,
    vector,
)
from tests.wire.peers import credentials
from toolkit.reference import Offer, offers
from toolkit.wire import Handshake, records
from toolkit.wire.messages import RETRY_RANDOM

ANY = offers()["any"]
LEAF = credentials("RSA").der


def hello13(offer: Offer = ANY) -> bytes:
    handshake = Handshake(offer, server_name=None, entropy=drip(1))
    return handshake.start()


EXTENSIONS = message(8, b"\x00\x00")
VERIFY = message(15, b"\x08\x04" + vector(2, bytes(256)))
CHAIN = certificate_13(LEAF)


def after_hello(*messages: bytes, finish: bool = False) -> bytes:
    server = Server13(hello13())
    said = record(server.hello) + server.say(*messages)
    return said + server.say(server.finished()) if finish else said


@pytest.mark.parametrize(
    ("sent", "outcome", "stage", "reason"),
    [
        (after_hello(EXTENSIONS, CHAIN, VERIFY, finish=True), "ok", "finished", "does not verify"),
        (after_hello(EXTENSIONS, CHAIN, VERIFY, message(20, bytes(32))), "malformed", "finished", "the transcript"),
        (after_hello(EXTENSIONS, CHAIN, VERIFY, message(20)), "malformed", "finished", "the transcript"),
        (after_hello(CHAIN), "malformed", "certificate", "Certificate after ServerHello"),
        (after_hello(EXTENSIONS, VERIFY), "malformed", "certificate", "CertificateVerify after EncryptedExtensions"),
        (after_hello(EXTENSIONS, message(13, b"\x00\x00\x00"), CHAIN, VERIFY, finish=True), "ok", "finished", "verify"),
        (after_hello(EXTENSIONS, CHAIN, message(13)), "malformed", "finished", "CertificateRequest after Certificate"),
        (after_hello(EXTENSIONS, message(20, bytes(32))), "malformed", "certificate", "Finished after Encrypted"),
        (after_hello(EXTENSIONS, message(25, bytes(9))), "malformed", "certificate", "CompressedCertificate after"),
        (after_hello(message(8, b"\x00")), "malformed", "certificate", "EncryptedExtensions message is cut short"),
        (after_hello(EXTENSIONS, certificate_13(LEAF, context=b"x")), "malformed", "certificate", "was not made"),
        (after_hello(EXTENSIONS, certificate_13()), "malformed", "certificate", "holds no certificate"),
        (after_hello(message(0)), "malformed", "certificate", "HelloRequest after ServerHello"),
        (record(Server13(hello13()).hello + b"\x08"), "malformed", "hello", "bytes after the ServerHello"),
        (after_hello() + record(EXTENSIONS), "malformed", "certificate", "with 0 bytes of content"),
        (record(Server13(hello13()).hello) + record(EXTENSIONS), "malformed", "certificate", "cleartext handshake"),
        (record(Server13(hello13()).hello) + record(b"\x01", 20) * 3, "closed", "certificate", "the connection ended"),
        (record(Server13(hello13()).hello) + record(b"\x02", 20), "malformed", "certificate", "a record of type 20"),
        (record(Server13(hello13()).hello) + record(bytes(40), 23), "malformed", "certificate", "cannot be decrypted"),
        (record(Server13(hello13()).hello) + record(bytes(3), 23), "malformed", "certificate", "cannot be decrypted"),
        (record(Server13(hello13()).hello) + record(b"\x02\x50", 21), "refused", "certificate", "internal_error"),
        (record(server_hello(0x1301, TLS13, session_id=session_id(hello13()))), "malformed", "hello", "cut short"),
        (record(server_hello(0x1301, TLS13, extension(51, b"\x00\x17\x00\x01\x04"), session_id=session_id(hello13()))),
         "malformed", "hello", "a key share of group 0x0017, of which none was sent"),
        (record(server_hello(0x1301, TLS13, extension(51, b"\x00\x1d\x00\x01\x04"), session_id=session_id(hello13()))),
         "malformed", "hello", "not a usable point"),
        (record(server_hello(0x1301, TLS13, extension(51, b"\x00\x1d\x00\x20" + bytes(32)),
                             session_id=session_id(hello13()))), "malformed", "hello", "not a usable point"),
    ],
)  # fmt: skip
def test_tls_13(sent: bytes, outcome: str, stage: str, reason: str) -> None:
    answer = read(sent)
    assert (answer.outcome, answer.stage, answer.protocol) == (outcome, stage, "TLS 1.3")
    assert reason in (answer.reason or "")
    assert read(*(sent[at : at + 1] for at in range(len(sent)))) == answer


@pytest.mark.parametrize(
    ("content", "kind", "outcome", "reason"),
    [
        (b"\x02\x28", 21, "refused", "handshake_failure (40)"),
        (b"\x01\x28", 21, "refused", "handshake_failure (40)"),  # RFC 8446, 6: the level says nothing
        (b"\x01\x5a", 21, "refused", "user_canceled (90), then the connection ended"),
        (b"\x01", 20, "malformed", "an encrypted ChangeCipherSpec"),
        (b"data", 23, "malformed", "a record of type 23"),
        (b"", 22, "malformed", "with 0 bytes of content"),
        (b"", 0, "malformed", "without content type"),
    ],
)
def test_encrypted_records(content: bytes, kind: int, outcome: str, reason: str) -> None:
    server = Server13(hello13())
    answer = read(record(server.hello) + server.keys.server.encrypt(kind, content))
    assert (answer.outcome, answer.stage) == (outcome, "certificate")
    assert reason in (answer.reason or "")


def test_padding_is_taken_off() -> None:
    """RFC 8446, 5.4: zeros after the content type."""
    server = Server13(hello13())
    server.transcript.update(EXTENSIONS)
    padded = server.keys.server.encrypt(0, EXTENSIONS + b"\x16" + bytes(100))
    said = padded + server.say(CHAIN, VERIFY)
    assert read(record(server.hello) + said + server.say(server.finished())).outcome == "ok"


def test_a_session_id_of_its_own_is_a_fault() -> None:
    server = Server13(hello13(), echoed=bytes(32))
    said = server.say(EXTENSIONS, CHAIN, VERIFY)
    answer = read(record(server.hello) + said + server.say(server.finished()))
    assert answer.faults == ("session_id_not_echoed", "signature_wrong")


NO_SHARE = replace(offers()["tls13"], key_shares=())


@pytest.mark.parametrize(
    ("offer", "listed", "outcome", "group", "reason"),
    [
        (NO_SHARE, (extension(51, b"\x00\x1d"),), "closed", 0x001D, "the connection ended"),
        (NO_SHARE, (extension(44, b"\x00\x02ab"),), "closed", None, "the connection ended"),
        (NO_SHARE, (), "malformed", None, "that changes nothing"),
        (NO_SHARE, (extension(51, b"\x00"),), "malformed", None, "is not a group"),
        (NO_SHARE, (extension(51, b"\x01\x00"),), "malformed", 0x0100, "a group that was not offered"),
        (ANY, (extension(51, b"\x00\x1d"),), "malformed", 0x001D, "a share that was sent"),
        (NO_SHARE, (extension(44, b"\x00\x09a"),), "malformed", None, "the cookie is cut short"),
        (
            replace(NO_SHARE, groups=(0x0029,)),
            (extension(51, b"\x00\x29"),),
            "cannot_offer",
            0x0029,
            "asks for a key share of group 0x0029",
        ),
    ],
)
def test_hello_retry_request(
    offer: Offer, listed: tuple[bytes, ...], outcome: str, group: int | None, reason: str
) -> None:
    answer = read(retry(hello13(offer), *listed), offer=offer)
    assert (answer.outcome, answer.is_retried, answer.group_code) == (outcome, True, group)
    assert (answer.stage, answer.protocol, answer.suite_code) == ("hello", "TLS 1.3", 0x1301)
    assert reason in (answer.reason or "")


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (lambda hello: retry(hello, extension(51, b"\x00\x17")), "a second HelloRetryRequest"),
        (lambda hello: record(server_hello(0x1302, TLS13, session_id=session_id(hello))), "another suite than"),
        (lambda hello: record(server_hello(0xC02F)), "TLS 1.2 after a HelloRetryRequest"),
    ],
)
def test_after_a_hello_retry_request(second: Callable[[bytes], bytes], reason: str) -> None:
    hello = hello13(NO_SHARE)
    answer = read(retry(hello, extension(51, b"\x00\x1d")), second(hello), offer=NO_SHARE)
    assert (answer.outcome, answer.is_retried) == ("malformed", True)
    assert reason in (answer.reason or "")


def test_the_cookie_comes_back() -> None:
    """RFC 8446, 4.2.2."""
    handshake = Handshake(NO_SHARE, server_name=None, entropy=drip(1))
    hello = handshake.start()
    again = handshake.receive(retry(hello, extension(44, b"\x00\x03abc"), extension(51, b"\x00\x1d")))
    assert extension(44, b"\x00\x03abc") in again
    assert again.startswith(b"\x14\x03\x03\x00\x01\x01\x16\x03\x03")
    assert hello[11:43] in again  # the same random


def test_a_cookie_that_no_hello_has_room_for() -> None:
    """It fits into the HelloRetryRequest, but a hello with it would exceed 65,535 bytes."""
    hello = hello13(NO_SHARE)
    asked = extension(44, vector(2, bytes(65_500)))
    said = server_hello(0x1301, TLS13, asked, server_random=RETRY_RANDOM, session_id=session_id(hello))
    answer = read(records.record(22, 0x0303, said), offer=NO_SHARE)
    assert (answer.outcome, answer.stage, answer.is_retried) == ("malformed", "hello", True)
    assert "cookie of 65500 bytes" in (answer.reason or "")
    asked = extension(44, vector(2, bytes(60_000)))
    said = server_hello(0x1301, TLS13, asked, server_random=RETRY_RANDOM, session_id=session_id(hello))
    assert read(records.record(22, 0x0303, said), offer=NO_SHARE).outcome == "closed"


def test_a_chain_of_thousands_is_cut_in_tls_13() -> None:
    hello = hello13(ANY)
    server = Server13(hello)
    chain = (credentials("RSA").der, *(bytes((2, number >> 8, number & 0xFF)) for number in range(1_000)))
    said = server.say(message(8, bytes(2)), certificate_13(*chain))
    answer = read(record(server.hello) + said)
    assert (answer.outcome, answer.stage, answer.chain) == ("too_large", "certificate", chain[:1_000])
    assert "a chain of 1001 certificates, of which the first 1000 are kept" in (answer.reason or "")


def test_a_suite_that_cannot_be_decrypted_is_known_all_the_same() -> None:
    offer = replace(ANY, suites=(0x00C6,))
    share = extension(51, b"\x00\x1d" + vector(2, b"\x09" * 32))
    answer = read(record(server_hello(0x00C6, TLS13, share, session_id=session_id(hello13(offer)))), offer=offer)
    assert (answer.outcome, answer.stage, answer.suite_code, answer.group_code) == (
        "cannot_offer", "certificate", 0x00C6, 0x001D,
    )  # fmt: skip

    handshake = Handshake(replace(offer, key_shares=()), server_name=None, entropy=drip(1))
    hello = handshake.start()
    closure = handshake.receive(retry(hello, extension(51, b"\x00\x1d"), suite=0x00C6))
    assert (handshake.answer.outcome, handshake.answer.is_retried) == ("cannot_offer", True)
    assert closure == record(b"\x01\x5a", 21) + record(b"\x01\x00", 21)


@pytest.mark.parametrize(
    ("suite", "fault"),
    [(0xC02F, "suite_of_another_version"), (0xEEEE, "suite_not_offered"), (0x00C6, "suite_not_offered")],
)
def test_a_suite_that_tls_13_cannot_have_is_malformed(suite: int, fault: str) -> None:
    share = extension(51, b"\x00\x1d" + vector(2, b"\x09" * 32))
    answer = read(record(server_hello(suite, TLS13, share, session_id=session_id(hello13()))))
    assert (answer.outcome, answer.suite_code, answer.faults) == ("malformed", suite, (fault,))
    assert "cannot be decrypted here" in (answer.reason or "")


# SSL 2.0.

OLD = replace(offers()["tls10"], versions=("SSL 2.0",), suites=(0x010080, 0x0700C0))


def old(message: bytes) -> bytes:
    return (0x8000 | len(message)).to_bytes(2) + message


def old_hello(certificate: bytes, kinds: bytes, version: bytes = b"\x00\x02") -> bytes:
    sizes = len(certificate).to_bytes(2) + len(kinds).to_bytes(2) + b"\x00\x10"
    return old(b"\x04\x00\x01" + version + sizes + certificate + kinds + bytes(16))


@pytest.mark.parametrize(
    ("sent", "outcome", "reason"),
    [
        (old_hello(LEAF, bytes.fromhex("010080 0700c0")), "ok", None),
        (old_hello(LEAF, b""), "ok", None),
        (old(b"\x00\x00\x01"), "refused", "no cipher in common"),
        (record(b"\x02\x46", 21, 0x0300), "refused", "protocol_version"),
        (old_hello(LEAF, b"\x01"), "malformed", "broken cipher kinds"),
        (old_hello(LEAF, b"", b"\x03\x00"), "malformed", "version 0x0300"),
        (old(b"\x04"), "malformed", "cut short"),
        (old(b""), "malformed", "cut short"),
        (old(b"\x02"), "malformed", "of type 2"),
        (old_hello(LEAF, b"")[:-1], "closed", "the connection ended"),
        (b"220 ready\r\n", "not_tls", "220 ready"),
    ],
)
def test_ssl_2(sent: bytes, outcome: str, reason: str | None) -> None:
    answer = read(sent, offer=OLD)
    assert answer.outcome == outcome
    assert reason is None or reason in (answer.reason or "")
    if outcome == "ok":
        assert (answer.protocol, answer.chain, answer.suite_code) == ("SSL 2.0", (LEAF,), None)
        assert answer.suites in {(0x010080, 0x0700C0), ()}
    if outcome != "not_tls":
        assert read(*(sent[at : at + 1] for at in range(len(sent))), offer=OLD) == answer
