"""An error of this program is a fact of the observation that it struck, and the round goes on."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

import toolkit
from tests.collection.servers import Loopback, closed_port
from tests.collection.surveys.serving import serving
from tests.collection.test_outcomes import busy, refuses
from toolkit.collection import Limits, last_resort, observe
from toolkit.wire import Handshake, Upgrade

WORDS = "an error in tls-toolkit, please report it: ZeroDivisionError in test_last_resort.py:"


class Panic(BaseException):
    """As PyO3's PanicException, which is not an Exception either."""


def fail(*_: object) -> bytes:
    raise ZeroDivisionError("a fault of ours")


def panic(*_: object) -> bytes:
    raise Panic("a fault of a library")


@pytest.mark.parametrize(
    ("struck", "other"),
    [
        ((Handshake, "start"), "cannot_offer"),
        ((Handshake, "receive"), "port_closed"),
        ((Upgrade, "start"), "port_closed"),
        ((Upgrade, "receive"), "port_closed"),
    ],
)
def test_an_error_in_wire_is_the_outcome_of_its_observation(
    loopback: Loopback, brief: Limits, monkeypatch: pytest.MonkeyPatch, struck: tuple[type, str], other: str
) -> None:
    monkeypatch.setattr(*struck, fail)
    scheme, stage, handler = ("smtp", "upgrade", busy) if struck[0] is Upgrade else ("https", "hello", refuses)
    urls = [f"{scheme}://127.0.0.1:{loopback.serve(handler)}", f"smtp://127.0.0.1:{closed_port()}"]
    tables = observe(urls, samples=2, limits=brief, progress=False)
    looks = tables.observations
    mine = looks[looks["service"] == urls[0]]
    assert list(mine["outcome"] + " at " + mine["stage"]) == [f"cannot_offer at {stage}"] * 2
    assert mine["reason"].str.startswith(WORDS).all()
    assert mine["reason"].str.endswith(": a fault of ours").all()
    assert list(looks.loc[looks["service"] == urls[1], "outcome"]) == [other] * 2
    assert tables.rounds["end_reason"].iloc[1] == "finished"


def test_a_panic_of_a_library_is_contained_too(
    loopback: Loopback, brief: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handshake, "receive", panic)
    look = observe(f"https://127.0.0.1:{loopback.serve(refuses)}", limits=brief, progress=False).observations.iloc[0]
    assert look["outcome"] == "cannot_offer"
    assert "please report it: Panic" in look["reason"]


def test_what_was_seen_before_the_error_is_kept(
    loopback: Loopback, brief: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unlisted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        await reader.readline()
        writer.write(b"250 mail.test\r\n")
        await reader.readline()
        writer.write(b"220 go ahead\r\n")
        await reader.read(1)
        writer.write(b"\x15\x03\x03\x00\x02\x02\x28")
        await reader.read(-1)

    monkeypatch.setattr(Handshake, "receive", fail)
    look = observe(f"smtp://127.0.0.1:{loopback.serve(unlisted)}", limits=brief, progress=False).observations.iloc[0]
    assert (look["outcome"], look["stage"]) == ("cannot_offer", "hello")
    assert look["reason"].startswith(WORDS)
    assert look["reason"].endswith("; EHLO did not list STARTTLS")
    assert look["connect_ms"] > 0


def test_an_interrupt_is_not_contained() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        last_resort.contain(interrupt, lambda _: None)


@pytest.fixture
def server() -> Iterator[int]:
    with serving("ALL", ssl.TLSVersion.TLSv1_2) as port:
        yield port


def test_an_error_in_certificates_is_said_in_every_row(
    server: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(last_resort, "parse_certificate", fail)
    store = toolkit.Store(tmp_path / "store")
    end = toolkit.collect(f"https://127.0.0.1:{server}", store, samples=3, progress=False)
    assert (end["looks"], end["looks_ok"], end["end_reason"]) == (3, 3, "finished")
    kept = store.load()
    assert kept.observations["reason"].str.startswith(WORDS).all()
    (row,) = kept.certificates.to_dict("records")
    assert row["parse_error"].startswith(WORDS)
    assert row["cert_sha256"] == kept.observations["leaf_sha256"].iloc[0]
    assert row["der"][:1] == b"\x30"


@pytest.mark.parametrize("where", ["wire", "certificates"])
def test_a_survey_goes_on_too(server: int, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    if where == "wire":
        monkeypatch.setattr(Handshake, "receive", fail)
    else:
        monkeypatch.setattr(last_resort, "parse_certificate", fail)
    found = toolkit.survey(f"https://127.0.0.1:{server}", parts=("suites",), rate=None, progress=False)
    versions = found.support[found.support["suite"].isna() & found.support["key_type"].isna()]
    states = dict(zip(versions["protocol"], versions["state"], strict=True))
    assert states["TLS 1.3"] == ("untested" if where == "wire" else "accepted")
    assert found.rounds["end_reason"].iloc[1] == "finished"
