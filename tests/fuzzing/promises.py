"""What `wire`, `certificates` and `readers` promise for any bytes: a function for each entry, which fails where it is
broken.
"""

import hashlib
import random
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path

from tests.collection.zoo.thirteen import Server
from toolkit import readers, schema
from toolkit.certificates import parse_certificate
from toolkit.errors import ReadError, ReadWarning
from toolkit.reference import Offer, offers
from toolkit.tables import Tables
from toolkit.wire import Answer, Handshake, Upgrade
from toolkit.wire.answer import FAULTS
from toolkit.wire.dialogues import DIALOGUES

SCHEMES = sorted(DIALOGUES)
FORMATS = (None, *sorted(set(readers.FORMATS) - {"csv", "reports"}))
"""Null: the format is recognised. `csv` and `reports` are folders."""
KINDS = {"text": str, "texts": tuple, "instant": datetime, "integer": int, "boolean": bool, "bytes": bytes}


@cache
def known_offers() -> tuple[Offer, ...]:
    names = ("any", "tls13", "tls12", "tls10")
    return (*(offers()[name] for name in names), replace(offers()["tls10"], versions=("SSL 2.0",), suites=(0x010080,)))


def handshake(data: bytes) -> None:
    """The first byte chooses the offer, the rest is what the server sends: whole, and in pieces."""
    if not data:
        return
    offer = known_offers()[data[0] % len(known_offers())]
    sent = data[1:]
    whole = Handshake(offer, server_name=None, entropy=random.Random(1).randbytes)
    whole.start()
    whole.receive(sent)
    whole.receive_eof()
    check(whole.answer)
    cut = Handshake(offer, server_name=None, entropy=random.Random(1).randbytes)
    cut.start()
    for at in range(0, len(sent), 7):
        cut.receive(sent[at : at + 7])
    cut.receive_eof()
    check(cut.answer)
    if whole.answer.outcome != "not_tls":  # its reason quotes what there was at the time
        assert cut.answer == whole.answer


def encrypted(data: bytes) -> None:
    """What a server of TLS 1.3 sends after its ServerHello, in records that are encrypted as they should be."""
    client = Handshake(offers()["tls13"], server_name=None, entropy=random.Random(1).randbytes)
    server = Server(client.start())
    client.receive(server.hello)
    for at in range(0, len(data), 16_000):
        client.receive(server.encrypt(data[at : at + 16_000] + b"\x16"))
    client.receive_eof()
    check(client.answer)


def upgrade(data: bytes) -> None:
    """The first byte chooses the protocol, the rest is what the server sends."""
    if not data:
        return
    scheme = SCHEMES[data[0] % len(SCHEMES)]
    ends = []
    for step in (len(data), 1):
        dialogue = Upgrade(scheme, host="mx.test", client_name="[::1]", second_name="mail.example.com", limit=4096)
        dialogue.start()
        for at in range(1, len(data), step):
            dialogue.receive(data[at : at + step])
        dialogue.receive_eof()
        assert dialogue.outcome in schema.OUTCOMES
        assert dialogue.reason is None or 0 < len(dialogue.reason) <= 400
        ends.append(dialogue.outcome)
    # In pieces, what follows the go-ahead has not arrived yet.
    assert ends[0] == ends[1] or ends == ["injected", "ok"]


def certificate(data: bytes) -> None:
    """The bytes are a row of the table's types, whatever they are."""
    row = parse_certificate(data)
    assert (row["der"], row["cert_sha256"]) == (data, hashlib.sha256(data).hexdigest())
    assert list(row) == [column.name for column in schema.TABLES["certificates"]]
    for column in schema.TABLES["certificates"]:
        value = row[column.name]
        assert type(value) is KINDS[column.kind] or (value is None and column.null), column.name
        for text in value if isinstance(value, tuple) else (value,):
            assert not isinstance(text, str) or text.encode("utf-8") is not None  # no lone surrogates


def reading(data: bytes) -> None:
    """The first byte chooses the format, the rest is a file: tables of the schema, or a `ReadError`."""
    if not data:
        return
    with tempfile.TemporaryDirectory(prefix="tls-toolkit-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", ReadWarning)
        path = Path(folder, "given")
        path.write_bytes(data[1:])
        try:
            tables, refusal = readers.read(path, format=FORMATS[data[0] % len(FORMATS)]), None
        except ReadError as error:
            tables, refusal = Tables.from_frames(), str(error)
    assert refusal is None or (str(path) in refusal and refusal.isprintable() and len(refusal) < 1200)
    for name in schema.TABLES:
        schema.check(name, getattr(tables, name))


def check(answer: Answer) -> None:
    assert answer.outcome in schema.OUTCOMES
    assert answer.stage in schema.STAGES
    assert set(answer.faults) <= set(FAULTS)
    assert answer.reason is None or 0 < len(answer.reason) <= 400
    assert answer.outcome != "ok" or answer.stage == "finished"


PROMISES: dict[str, Callable[[bytes], None]] = {
    "handshake": handshake,
    "encrypted": encrypted,
    "upgrade": upgrade,
    "certificate": certificate,
    "reading": reading,
}


def read_corpus(name: str) -> list[bytes]:
    """The inputs kept for the entry: a line of hex for each."""
    lines = Path(__file__).with_name("corpus").joinpath(f"{name}.hex").read_text(encoding="ascii").split()
    return [bytes.fromhex(line) for line in lines]
