"""The key schedule is that of RFC 8448, of OpenSSL's key log, and of nothing that only looks like a handshake."""

import hashlib
import hmac
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given, strategies as st

import toolkit
from tests.wire.crafted import drip, extension, message, record, server_hello
from tests.wire.peers import InMemory, context, converse
from toolkit.columns import dtypes
from toolkit.dissection import KEY_SCHEDULE
from toolkit.errors import UsageError
from toolkit.reference import offers, published_handshake
from toolkit.wire import Handshake
from toolkit.wire.messages import RETRY_RANDOM

TRACE = published_handshake()
SENT, ANSWER, SHARED = TRACE["sent"], TRACE["answer"], TRACE["shared_secret"]
KEYS = toolkit.derive_keys(SENT, ANSWER, shared_secret=SHARED)
VALUES = KEYS.set_index("name")["value"]

X25519 = 29
TLS_13 = extension(43, b"\3\4")
LOGGED = {
    "client_handshake_traffic_secret": "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "server_handshake_traffic_secret": "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "server_application_traffic_secret": "SERVER_TRAFFIC_SECRET_0",
}
"""Name of a secret → its label in a key log (RFC 9850). A server logs the fourth after the client's Finished."""


def test_each_value_is_the_published_one() -> None:
    assert dict(VALUES.items()) == {name: TRACE[name].hex() for name in VALUES.index}
    assert len(KEYS) == 19
    assert {name: str(dtype) for name, dtype in KEYS.dtypes.items()} == dtypes(KEY_SCHEDULE)
    assert (KEYS["value"].str.len() == 2 * KEYS["length"]).all()


def test_the_shared_secret_follows_from_either_private_key() -> None:
    for own, other in (("client", "server"), ("server", "client")):
        private = X25519PrivateKey.from_private_bytes(TRACE[f"{own}_private_key"])
        assert private.exchange(X25519PublicKey.from_public_bytes(TRACE[f"{other}_public_key"])) == SHARED


def test_the_flight_is_readable_and_its_finished_is_the_mac_of_the_transcript() -> None:
    plain = toolkit.decrypt_answer(ANSWER, KEYS)
    fields = toolkit.dissect(plain)
    messages = fields["name"].str.partition(".")[0].drop_duplicates().tolist()
    assert messages == [
        "record", "ServerHello", "EncryptedExtensions", "Certificate", "CertificateVerify", "Finished",
    ]  # fmt: skip
    assert not fields["name"].str.contains("encrypted$|unread").any()
    finished = fields.loc[fields["name"] == "Finished.body", "value"].item()
    transcript = SENT[5:] + plain[5:95] + plain[100:-36]
    digest = hashlib.sha256(transcript).digest()
    assert finished == hmac.digest(TRACE["server_finished_key"], digest, "sha256").hex()
    assert finished == TRACE["server_finished"].hex()


def test_application_keys_are_null_without_the_whole_flight() -> None:
    keys = toolkit.derive_keys(SENT, ANSWER[:95], shared_secret=SHARED)
    unknown = keys.loc[keys["value"].isna(), "name"]
    assert set(unknown) == {name for name in keys["name"] if "application" in name}
    assert toolkit.decrypt_answer(ANSWER[:200], keys) == ANSWER[:200]


def test_later_records_stay_and_change_cipher_spec_goes() -> None:
    compatible, later = bytes.fromhex("140303000101"), bytes.fromhex("1703030003") + b"abc"
    longer = ANSWER[:95] + compatible + ANSWER[95:] + later
    assert toolkit.decrypt_answer(longer, KEYS) == toolkit.decrypt_answer(ANSWER, KEYS) + later


@pytest.mark.parametrize(
    ("sent", "answer", "why"),
    [
        (b"", ANSWER, "whole ClientHello"),
        (SENT[:50], ANSWER, "whole ClientHello"),
        (ANSWER, ANSWER, "begin with a ClientHello, not with a ServerHello"),
        (b"HTTP/1.1 400", ANSWER, "records of a handshake"),
        (SENT, b"", "whole ServerHello"),
        (SENT, bytes.fromhex("15030300020228"), "whole ServerHello"),
        (SENT, record(message(2, b"\x03\x03")), "no readable ServerHello"),
        (SENT, record(server_hello(0xC02F)), "not TLS 1.3"),
        (SENT, record(server_hello(0x1301, TLS_13, server_random=RETRY_RANDOM)), "HelloRetryRequest"),
        (SENT, record(server_hello(0x1301, TLS_13, extension(41, b"\0\0"))), "pre-shared key"),
        (SENT, record(server_hello(0x1307, TLS_13)), "suite 0x1307"),
        (SENT, ANSWER[:100] + bytes(len(ANSWER) - 100), "cannot be decrypted"),
        (SENT, ANSWER[:95] + b"\xff" * 30, "cannot be decrypted"),
    ],
)
def test_other_bytes_are_refused_with_a_reason(sent: bytes, answer: bytes, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        toolkit.derive_keys(sent, answer, shared_secret=SHARED)


def test_another_secret_or_other_keys_are_refused() -> None:
    with pytest.raises(UsageError, match="shared secret"):
        toolkit.derive_keys(SENT, ANSWER, shared_secret=bytes(32))
    with pytest.raises(UsageError, match="missing here"):
        toolkit.decrypt_answer(ANSWER, KEYS.head(3))
    other = KEYS.assign(value=["00" * length for length in KEYS["length"]])
    with pytest.raises(UsageError, match="cannot be decrypted"):
        toolkit.decrypt_answer(ANSWER, other)
    with pytest.raises(UsageError, match="do not fit"):
        toolkit.decrypt_answer(ANSWER, KEYS.assign(value="00"))
    with pytest.raises(UsageError, match="takes bytes for answer, not None"):
        toolkit.derive_keys(SENT, None, shared_secret=SHARED)  # type: ignore[arg-type]


@given(st.integers(0, len(ANSWER) - 1), st.integers(1, 255))
def test_a_changed_byte_gives_keys_or_a_clear_error(place: int, change: int) -> None:
    changed = bytearray(ANSWER)
    changed[place] ^= change
    try:
        keys = toolkit.derive_keys(SENT, bytes(changed), shared_secret=SHARED)
    except UsageError:
        return
    assert len(keys) == 19


@pytest.mark.parametrize("suite", [0x1301, 0x1302, 0x1303])
def test_the_secrets_are_those_that_openssl_logs(suite: int, tmp_path: Path) -> None:
    drawn: list[bytes] = []

    def entropy(size: int) -> bytes:
        drawn.append(drip(suite)(size))
        return drawn[-1]

    offer = replace(offers()["any"], suites=(suite,), groups=(X25519,), key_shares=(X25519,))
    made = context("RSA")
    made.keylog_filename = str(tmp_path / "keys.log")
    sent, answer = converse(Handshake(offer, server_name="mx.lab.test", entropy=entropy), InMemory(made))
    share = toolkit.dissect(answer).set_index("name")["value"]["ServerHello.extensions.key_share.key_exchange"]
    public = X25519PublicKey.from_public_bytes(bytes.fromhex(share))
    shared = X25519PrivateKey.from_private_bytes(drawn[2]).exchange(public)
    found = toolkit.derive_keys(sent, answer, shared_secret=shared).set_index("name")["value"]
    logged = {line.split()[0]: line.split()[2] for line in Path(made.keylog_filename).read_text().splitlines()}
    for name, label in LOGGED.items():
        assert found[name] == logged[label]
