"""The pace of a survey: connections per second, pauses, and the result after an interrupt."""

import asyncio
import os
import signal
import ssl
import threading
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace

import pytest

import toolkit
from tests.collection.servers import Loopback
from tests.collection.surveys.serving import serving
from tests.conftest import not_on_windows
from toolkit.collection.recorder import now
from toolkit.errors import InterruptWarning
from toolkit.targets import Target, parse_target


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with serving("ECDHE+AESGCM", ssl.TLSVersion.TLSv1_2) as port:
        yield parse_target("https://mail.example", connect_to=f"127.0.0.1:{port}")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that the survey asked for; none is waited for.

    Only the survey's own name of asyncio is replaced: event loops that other tests left running sleep as well.
    """
    asked: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        if seconds:
            asked.append(seconds)
        await sleep(0)

    replaced = SimpleNamespace(**vars(asyncio) | {"sleep": noted})
    monkeypatch.setattr("toolkit.collection.surveys.runner.asyncio", replaced)
    return asked


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with Loopback() as servers:
        yield servers


def test_a_rate_spreads_the_connections(target: Target, waits: list[float]) -> None:
    tables = toolkit.survey(target, parts=("suites",), rate=0.01, progress=False)
    connections = int(tables.rounds["connections"].iloc[-1])
    # Each is due 100 s after the one before it, whatever happened meanwhile; the first does not wait.
    assert len(waits) == connections - 1
    assert waits == pytest.approx([100 * n for n in range(1, connections)], abs=60)


def test_no_rate_waits_for_nothing(target: Target, waits: list[float]) -> None:
    toolkit.survey(target, parts=("suites",), rate=None, progress=False)
    assert waits == []


def test_a_host_that_says_come_back_later_is_left_alone(loopback: Loopback, waits: list[float]) -> None:
    async def busy(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"421 busy, come back later\r\n")

    tables = toolkit.survey(
        f"smtp://127.0.0.1:{loopback.serve(busy)}", concurrency=1, rate=None, pause_seconds=50, progress=False
    )
    assert set(tables.observations["outcome"]) == {"deferred"}
    assert set(tables.support["state"]) == {"untested"}
    # Doubled each time, up to a minute after the last answer; after four failures nothing more is asked.
    assert waits[0] == pytest.approx(50, abs=20)
    assert len(waits) == len(tables.observations) - 1 <= 10


@not_on_windows("signal that a process sends to itself or another")
def test_an_interrupt_returns_what_was_found_out(target: Target) -> None:
    """The clock is read at each look: at the eighth reading an interrupt is sent."""
    read = 0

    def clock() -> datetime:
        nonlocal read
        read += 1
        if read == 8:
            os.kill(os.getpid(), signal.SIGINT)
            # The main thread takes the signal when it gets a turn; its handler first puts Python's own back.
            for _ in range(1000):
                if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                    break
                os.sched_yield()
                threading.Event().wait(0.01)
        return now()

    with pytest.warns(InterruptWarning, match=r"^Interrupted after [1-9]\d* looks; ") as warned:
        tables = toolkit.survey(target, rate=None, clock=clock, concurrency=1, progress=False)
    assert tables.rounds["end_reason"].iloc[-1] == "interrupted"
    assert "untested" in set(tables.support["state"])
    assert 0 < len(tables.observations) < 20
    assert f" {len(tables.observations)} looks; " in str(warned[0].message)
    assert len(tables.support) > 1400
