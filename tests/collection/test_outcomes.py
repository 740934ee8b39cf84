"""Each thing that can happen to a look is its outcome at its stage, and the other looks of the round stand."""

import asyncio
import errno
import json
import os
import socket
import struct
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest

import toolkit
from tests.collection.servers import Handler, Loopback, Reader, Writer, closed_port
from toolkit import schema
from toolkit.collection import Limits, observe, runner
from toolkit.errors import UsageError
from toolkit.reference import offers
from toolkit.tables import Tables


def see(url: str, limits: Limits, **more: object) -> pd.Series:
    """The one look at the target."""
    tables = observe(url, limits=limits, progress=False, **more)  # type: ignore[arg-type]  keywords of observe
    (row,) = tables.observations.to_dict("records")
    assert tables.rounds["end_reason"].iloc[1] == "finished"
    return pd.Series(row)


async def says_nothing(reader: Reader, writer: Writer) -> None:
    await reader.read(-1)


async def without_starttls(reader: Reader, writer: Writer) -> None:
    writer.write(b"220 mail.test ESMTP\r\n")
    await reader.readline()
    writer.write(b"250-mail.test\r\n250-SIZE 1000\r\n250 8BITMIME\r\n")
    await reader.readline()
    writer.write(b"502 5.5.1 not implemented\r\n")
    await reader.read(-1)


async def busy(reader: Reader, writer: Writer) -> None:
    writer.write(b"421 mail.test too many connections, try again later\r\n")
    await reader.read(-1)


async def unwilling(reader: Reader, writer: Writer) -> None:
    writer.write(b"554 go away\r\n")
    await reader.read(-1)


async def go_ahead(reader: Reader, writer: Writer) -> None:
    writer.write(b"220 mail.test ESMTP\r\n")
    await reader.readline()
    writer.write(b"250-mail.test\r\n250 STARTTLS\r\n")
    await reader.readline()
    writer.write(b"220 go ahead\r\n")
    # If the hello were not read, closing would reset the connection.
    await reader.read(1 << 16)


async def injecting(reader: Reader, writer: Writer) -> None:
    writer.write(b"220 mail.test ESMTP\r\n")
    await reader.readline()
    writer.write(b"250-mail.test\r\n250 STARTTLS\r\n")
    await reader.readline()
    writer.write(b"220 go ahead\r\n250 and this too\r\n")
    await reader.read(-1)


async def endless_banner(reader: Reader, writer: Writer) -> None:
    while True:
        writer.write(b"220-" + b"x" * 1000 + b"\r\n")
        await writer.drain()


async def endless_line(reader: Reader, writer: Writer) -> None:
    while True:
        writer.write(b"2" * 4096)
        await writer.drain()


async def garbage(reader: Reader, writer: Writer) -> None:
    await reader.read(1)
    writer.write(bytes(range(256)) * 4)
    await reader.read(-1)


async def speaks_http(reader: Reader, writer: Writer) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read(-1)


async def endless_records(reader: Reader, writer: Writer) -> None:
    await reader.read(1)
    # One handshake message (a ServerHello by its type) with a length of 16 MiB, in records of 16 KiB.
    writer.write(b"\x16\x03\x03\x40\x00" + b"\x02\xff\xff\xff" + bytes(0x3FFC))
    while True:
        writer.write(b"\x16\x03\x03\x40\x00" + bytes(0x4000))
        await writer.drain()


async def drips(reader: Reader, writer: Writer) -> None:
    """A record of the largest size, a byte at a time without end: each byte arrives well within any limit."""
    await reader.read(1)
    writer.write(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    loop = asyncio.get_running_loop()

    def drip() -> None:
        if not writer.is_closing():
            writer.write(b"\x00")
            loop.call_later(0.01, drip)

    drip()
    await reader.read(-1)


async def refuses(reader: Reader, writer: Writer) -> None:
    await reader.read(1)
    writer.write(b"\x15\x03\x03\x00\x02\x02\x28")
    await reader.read(-1)


async def closes(reader: Reader, writer: Writer) -> None:
    await reader.read(1 << 16)


async def resets(reader: Reader, writer: Writer) -> None:
    await reader.read(1024)
    writer.write(b"\x16\x03\x03\x00\x7a")
    await writer.drain()
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def resets_before_hello(reader: Reader, writer: Writer) -> None:
    writer.write(b"220 mail.test ESMTP\r\n")
    await resets(reader, writer)


@pytest.mark.parametrize(
    ("scheme", "handler", "ending"),
    [
        ("https", says_nothing, "timeout at hello"),
        ("smtp", says_nothing, "timeout at upgrade"),
        ("imap", says_nothing, "timeout at upgrade"),
        ("pop3", says_nothing, "timeout at upgrade"),
        ("smtp", without_starttls, "no_starttls at upgrade"),
        ("smtp", busy, "deferred at upgrade"),
        ("smtp", unwilling, "rejected at upgrade"),
        ("smtp", injecting, "injected at upgrade"),
        ("smtp", go_ahead, "closed at hello"),
        ("smtp", endless_banner, "too_large at upgrade"),
        ("smtp", endless_line, "too_large at upgrade"),
        ("https", garbage, "not_tls at hello"),
        ("https", speaks_http, "not_tls at hello"),
        ("https", drips, "timeout at hello"),
        ("https", refuses, "refused at hello"),
        ("https", closes, "closed at hello"),
        ("https", resets, "reset at hello"),
        ("smtp", resets_before_hello, "reset at upgrade"),
    ],
)
def test_what_a_server_does_is_an_outcome(
    loopback: Loopback, brief: Limits, scheme: str, handler: Handler, ending: str
) -> None:
    port = loopback.serve(handler)
    look = see(f"{scheme}://127.0.0.1:{port}", brief)
    assert f"{look['outcome']} at {look['stage']}" == ending
    assert look["address"] == "127.0.0.1"
    assert look["connect_ms"] > 0
    assert pd.isna(look["answer_ms"])
    assert pd.isna(look["leaf_sha256"])
    assert loopback.connections == 1


def test_an_endless_certificate_is_too_large(loopback: Loopback, brief: Limits) -> None:
    port = loopback.serve(endless_records)
    look = see(f"https://127.0.0.1:{port}", brief)
    assert look["outcome"] in {"too_large", "malformed"}


def test_the_whole_look_has_a_limit_of_its_own(loopback: Loopback) -> None:
    port = loopback.serve(drips)
    look = see(f"https://127.0.0.1:{port}", Limits(total_seconds=0.3))
    assert look["outcome"] == "timeout"
    assert "the whole look was not complete within 0.3 s" in look["reason"]


def test_a_closed_port(brief: Limits) -> None:
    look = see(f"https://127.0.0.1:{closed_port()}", brief)
    assert (look["outcome"], look["stage"], look["reason"]) == ("port_closed", "connect", "Connection refused")
    assert pd.isna(look["connect_ms"])


def test_ipv6_is_asked_and_named_in_brackets(loopback: Loopback, brief: Limits) -> None:
    try:
        port = loopback.serve(busy, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    look = see(f"smtp://[::1]:{port}", brief)
    assert (look["service"], look["address"], look["outcome"]) == (f"smtp://[::1]:{port}", "::1", "deferred")
    assert pd.isna(look["server_name"])


def _loop_class() -> type[asyncio.AbstractEventLoop]:
    """The class of event loop that makes the looks: uvloop's where there is one."""
    with closing(runner.new_event_loop()) as loop:
        return type(loop)


def test_what_the_machine_says_of_a_connection(monkeypatch: pytest.MonkeyPatch, brief: Limits) -> None:
    cases = {
        errno.ENETUNREACH: "unreachable",
        errno.EHOSTUNREACH: "unreachable",
        errno.EACCES: "unreachable",
        errno.ETIMEDOUT: "timeout",
        errno.ECONNRESET: "reset",
        errno.EMFILE: "skipped",
        errno.ENFILE: "skipped",
        errno.ENOBUFS: "skipped",
    }
    for number, outcome in cases.items():

        async def fail(*_: object, number: int = number, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(_loop_class(), "create_connection", fail)
        look = see("https://127.0.0.1:443", brief)
        assert (look["outcome"], look["stage"]) == (outcome, "connect")
        assert os.strerror(number) in look["reason"]


def test_connecting_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(_loop_class(), "create_connection", wait)
    look = see("https://127.0.0.1:443", Limits(connect_seconds=0.1))
    assert (look["outcome"], look["stage"]) == ("timeout", "connect")
    assert look["reason"] == "not connected within 0.1 s"


def test_an_offer_that_cannot_be_made_opens_no_connection(loopback: Loopback, brief: Limits) -> None:
    port = loopback.serve(says_nothing)
    impossible = replace(offers()["any"], name="impossible", key_shares=(0x9999,), groups=(0x9999,))
    look = see(f"https://127.0.0.1:{port}", brief, offers=(impossible,))
    assert (look["outcome"], look["offer"]) == ("cannot_offer", "impossible")
    assert loopback.connections == 0


def test_one_failing_server_takes_nothing_from_the_others(loopback: Loopback, brief: Limits) -> None:
    handlers = (says_nothing, busy, resets, garbage, endless_records, go_ahead)
    urls = [f"{'smtp' if h in (busy, go_ahead) else 'https'}://127.0.0.1:{loopback.serve(h)}" for h in handlers]
    tables = observe(urls, samples=3, limits=brief, progress=False)
    assert len(tables.observations) == 3 * len(handlers)
    assert set(tables.observations.groupby("service").size()) == {3}
    assert set(tables.observations["outcome"]) <= set(schema.OUTCOMES)
    assert sorted(tables.observations["sample"].unique()) == [0, 1, 2]


async def refuses_literals(reader: Reader, writer: Writer) -> None:
    """As servers do that want a host name of EHLO; then it has no TLS."""
    writer.write(b"220 mail.test ESMTP\r\n")
    while line := await reader.readline():
        if line.startswith(b"EHLO ["):
            writer.write(b"550 Access denied - Invalid HELO name\r\n")
        elif line.startswith(b"EHLO"):
            writer.write(b"250 hello " + line[5:])
        else:
            writer.write(b"502 no TLS for you\r\n")


@pytest.mark.parametrize(
    ("ehlo", "outcome", "reason"),
    [
        (None, "no_starttls", "EHLO did not list STARTTLS; 502 no TLS for you"),
        ("client.test", "no_starttls", "EHLO did not list STARTTLS; 502 no TLS for you"),
        ("[192.0.2.1]", "rejected", "550 Access denied - Invalid HELO name"),
    ],
)
def test_the_name_behind_ehlo(loopback: Loopback, brief: Limits, ehlo: str, outcome: str, reason: str) -> None:
    look = see(f"smtp://127.0.0.1:{loopback.serve(refuses_literals)}", brief, ehlo=ehlo)
    assert (look["outcome"], look["reason"]) == (outcome, reason)
    assert loopback.connections == 1


@pytest.mark.parametrize("call", [observe, partial(toolkit.survey, parts="suites", rate=None, pause_seconds=0.001)])
def test_a_contact_is_said_and_kept_with_the_round(
    loopback: Loopback, brief: Limits, call: Callable[..., Tables]
) -> None:
    said: list[bytes] = []

    async def listens(reader: Reader, writer: Writer) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1 ID STARTTLS] ready\r\n")
        while line := await reader.readline():
            said.append(line)
            writer.write(line.split()[0] + b" NO\r\n")

    where = f"imap://127.0.0.1:{loopback.serve(listens)}"
    tables = call(where, limits=brief, contact="https://scan.test", progress=False)
    assert b'i1 ID ("name" "tls-toolkit" "support-url" "https://scan.test")\r\n' in said
    settings = [json.loads(each) for each in tables.rounds["settings"]]
    assert [(each["contact"], each["ehlo"]) for each in settings] == [("https://scan.test", None)] * 2


def test_a_name_that_cannot_stand_behind_ehlo_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(UsageError, match="cannot be given by EHLO"):
        observe("https://127.0.0.1:1", ehlo="two words", progress=False)
