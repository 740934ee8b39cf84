"""Looks are added until a roll-out is settled, no longer; repeated attempts keep the 95 % confidence."""

import asyncio
import contextlib
import json
import random
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.collection.servers import Loopback
from toolkit.cli import main
from toolkit.cli.codes import NOTHING_REACHED
from toolkit.collection import Limits, collect
from toolkit.collection.observation import Look, LookRequest
from toolkit.collection.settling import Settling
from toolkit.errors import UsageError
from toolkit.reference import offers
from toolkit.store import Store
from toolkit.targets import parse_target
from toolkit.wire import Answer

REQUEST = LookRequest(parse_target("https://host.test"), "192.0.2.1", offers()["any"], 0)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def look(leaf: bytes | None) -> Look:
    """A look that showed these bytes as its leaf; leaves that do not parse are ordered as they are first seen."""
    answer = Answer("timeout", "hello") if leaf is None else Answer("ok", "finished", chain=(leaf,))
    return Look(REQUEST, NOW, answer)


def after(rounds: list[list[bytes | None]], min_share: float = 0.05) -> Settling:
    """What is known after these rounds, in the last of them."""
    settling = Settling(str(len(rounds)), min_share)
    for number, leaves in enumerate(rounds, 1):
        settling._round = str(number)
        for leaf in leaves:
            settling.add(look(leaf))
    return settling


@pytest.mark.parametrize(
    ("rounds", "more"),
    [
        ([[b"A"]], False),
        ([[b"A"] * 5, [b"A"]], False),
        ([[b"A"], [b"B"]], True),
        ([[b"A"], [b"B"] * 71], True),
        ([[b"A"], [b"B"] * 72], False),
        # This round shows the old one: it cannot settle anything.
        ([[b"A"], [b"B"] * 20 + [b"A"]], False),
        ([[b"A"], [b"A", b"B"]], False),
        # The round before did: the second attempt takes 94.
        ([[b"A"], [b"B", b"A"], [b"B"] * 93], True),
        ([[b"A"], [b"B", b"A"], [b"B"] * 94], False),
        # The old one before the new one in the same round is not an attempt.
        ([[b"A", b"B"], [b"B"] * 72], False),
        ([[b"A", b"B"], [b"B"] * 71], True),
        # Settled in an earlier round, then contradicted by a later one.
        ([[b"A"], [b"B"] * 72, [b"B"]], False),
        ([[b"A"], [b"B"] * 72, [b"B", b"A"], [b"B"]], True),
        ([[b"A"], [b"B"] * 72, [b"C"]], True),
        ([[None] * 9], False),
    ],
)
def test_when_one_look_more_may_settle_it(rounds: list[list[bytes | None]], more: bool) -> None:
    assert after(rounds).wants_more(REQUEST) is more


def test_looks_that_fail_come_to_an_end() -> None:
    settling = after([[b"A"], [b"B"]])
    looks = 2
    while settling.wants_more(REQUEST):
        settling.add(look(None))
        looks += 1
    assert looks == 2 * 72


def test_repeated_attempts_keep_the_confidence() -> None:
    """With 5 % of the machines stuck, "settled" is wrong; at most 5 % of long series of rounds may end in it."""
    draw = random.Random(7)
    series, rounds, wrong = 300, 12, 0
    for _ in range(series):
        settling = after([[b"A"], [b"B"]])
        for number in range(2, rounds):
            # As a new round has it, with what was kept of the others.
            settling._round = str(number)
            settling._looks_of.clear()
            is_clean, looks = True, 0
            while is_clean and (looks == 0 or settling.wants_more(REQUEST)):
                is_clean = draw.random() > 0.05
                settling.add(look(b"B" if is_clean else b"A"))
                looks += 1
            if is_clean:
                wrong += 1
                break
    assert wrong / series <= 0.05 + 3 * (0.05 * 0.95 / series) ** 0.5


def self_signed(name: str, not_before: datetime) -> bytes:
    """Key and certificate in one PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_before + timedelta(days=90))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


class Rolling:
    """A TLS server that shows the certificates in turn as `turns` says, the last one from then on."""

    def __init__(self, folder: Path) -> None:
        self.turns = "A"
        self.contexts = {}
        for days, name in enumerate("AB"):
            path = folder / f"{name}.pem"
            path.write_bytes(self_signed(name, NOW + timedelta(days=days)))
            self.contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.contexts[name].load_cert_chain(path)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name, rest = self.turns[0], self.turns[1:]
        self.turns = rest or name
        # Closure alerts end the handshake.
        with contextlib.suppress(ssl.SSLError):
            await writer.start_tls(self.contexts[name])


def test_a_round_goes_on_until_it_is_settled(loopback: Loopback, tmp_path: Path) -> None:
    server = Rolling(tmp_path)
    url = f"https://127.0.0.1:{loopback.serve(server)}"
    store = Store(tmp_path / "store")

    def looks_of_round(turns: str) -> int:
        server.turns = turns
        end = collect(url, store, offers=("ecdsa",), samples=2, settle=True, limits=Limits(per_host=1), progress=False)
        assert json.loads(end["settings"])["settle"] is True
        assert end["looks"] == end["looks_ok"] == len(store.looks_of(end["round"]))
        return int(end["looks"])

    assert looks_of_round("A") == 2
    # The first try is spoilt at its twelfth look, the second takes 94, and then nothing is left to settle.
    assert looks_of_round("B" * 11 + "A") == 12
    assert looks_of_round("B") == 94
    assert looks_of_round("B") == 2
    looks = store.load().observations
    assert not looks.duplicated(["round", "sample"]).any()


def test_the_command_settles_where_it_is_asked_to(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    command = ["collect", "tls://127.0.0.1:1", "--store", store.path]
    for options in ([], ["--settle"]):
        assert main([*command, *options]) == NOTHING_REACHED
    ends = store.load().rounds.query("phase == 'end'").sort_values("written_at")
    assert [json.loads(settings)["settle"] for settings in ends["settings"]] == [False, True]


def test_what_makes_no_sense(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    for settle in (True, False):
        with pytest.raises(UsageError, match="min_share=0"):
            collect("https://127.0.0.1:1", store, settle=settle, min_share=0, progress=False)


def test_a_target_of_a_domain_is_remembered_too(loopback: Loopback, tmp_path: Path, brief: Limits) -> None:
    resolver = loopback.answer_dns({("mail.test", "MX"): "SERVFAIL"})
    store = Store(tmp_path / "s")
    for _ in range(2):
        end = collect("mx:mail.test", store, settle=True, resolver=resolver, limits=brief, progress=False)
    assert end["looks"] == 1
