"""Faults other than a kill, for the table of `bench_kill`: what a collection keeps if something runs out or goes away.

Each fault is applied several times, each time to a collection into a store of its own, at a random moment. Afterwards
the round is resumed without the fault. In the end each look of the plan has exactly one row.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from tests.collection.servers import Loopback, Reader, Writer
from tests.conftest import ROOT
from toolkit import schema
from toolkit.collection import Limits, collect
from toolkit.collection.clusters.clients import open_cluster
from toolkit.store import Store

SAMPLES = 300
HOSTS = 60
QUICK = Limits(connect_seconds=2, resolve_seconds=0.5, total_seconds=4)

LIMITED = """
import os, resource, sys
from toolkit.collection import collect, recorder
from toolkit.errors import ToolkitError
from toolkit.store import Store

folder, url, samples, limit, last, room = sys.argv[1:]

def used():
    if limit == "RLIMIT_NOFILE":
        return len(os.listdir("/proc/self/fd")) - 1
    if limit == "RLIMIT_AS":
        return int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return 0

class Limited(Store):
    appends = 0

    def append(self, tables):
        Limited.appends += 1
        if Limited.appends == int(last):
            kind = getattr(resource, limit)
            resource.setrlimit(kind, (used() + int(room), resource.getrlimit(kind)[1]))
        super().append(tables)
        for name in tables.rounds["round"]:
            os.write(1, f"round {name}\\n".encode())
        os.write(1, b"kept\\n" * len(tables.observations))

recorder._BATCH_LOOKS = 20
try:
    collect(url, Limited(folder), samples=int(samples), progress=False)
except (ToolkitError, MemoryError) as error:
    os.write(2, f"{type(error).__name__}: {error}".encode())
    sys.exit(3)
"""

LIMITS = {
    "disk full": ("RLIMIT_FSIZE", 100, 12_000),
    "descriptors": ("RLIMIT_NOFILE", -3, 3),
    "memory": ("RLIMIT_AS", 0, 500_000),
}
"""The limit that is set, and the least and the most that is left to use. A size of files stands for that of a disk."""


@dataclass(slots=True)
class Losses:
    """A line of the table: how often the fault was there, and what it cost."""

    name: str
    kills: int = 0
    kept: int = 0
    lost: int = 0
    doubled: int = 0
    torn: int = 0
    failures: list[str] = field(default_factory=list)

    def fail(self, why: str) -> None:
        """Something that must not happen, apart from lost and doubled rows."""
        self.torn += 1
        self.failures.append(why)

    def compare(self, store: Store, said: int, planned: int) -> None:
        """Count what the store has of a round of `planned` looks; `said` of them were kept before the fault."""
        keys = list(schema.OBSERVATION_KEY)
        raw = DeltaTable(f"{store.path}/observations").to_pyarrow_table(columns=keys).to_pandas()
        tables = store.load()
        named = set(tables.observations["chain_sha256"].dropna().explode())
        self.kept += said
        self.lost += max(0, planned - len(tables.observations))
        self.doubled += int(raw.duplicated().sum())
        if len(tables.observations) > planned:
            self.fail(f"{len(tables.observations)} rows of {planned} looks")
        if named - set(tables.certificates["cert_sha256"]):
            self.fail("certificates that are named and missing")
        if sorted(tables.rounds["phase"])[-1:] != ["start"]:
            self.fail("a round without its start row")


async def refuse(reader: Reader, writer: Writer) -> None:
    """Answer each hello with an alert."""
    await reader.read(5)
    writer.write(b"\x15\x03\x03\x00\x02\x02\x28")
    await reader.read(-1)


def find_losses(folder: Path, times: int, dice: random.Random) -> Iterator[Losses]:
    """The lines of all faults, each applied so many times."""
    for name, limit in LIMITS.items():
        yield _limit(name, limit, folder / name, times, dice)
    for name, fault in FAULTS.items():
        losses = Losses(name)
        for number in range(times):
            fault(losses, Store(folder / f"{name} {number}"), dice)
        yield losses


def _limit(name: str, limit: tuple[str, int, int], folder: Path, times: int, dice: random.Random) -> Losses:
    losses = Losses(name)
    for number in range(times):
        store = Store(folder / str(number))
        with Loopback() as loopback:
            url = f"tls://127.0.0.1:{loopback.serve(refuse)}"
            words = [limit[0], str(dice.randint(2, 6)), str(dice.randint(*limit[1:]))]
            command = [sys.executable, "-c", LIMITED, store.path, url, str(SAMPLES), *words]
            run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            losses.kills += run.returncode != 0
            if run.returncode not in (0, 3, -signal.SIGABRT):
                losses.fail(f"{words}: {run.stderr}")
            lines = Counter(run.stdout.splitlines())
            round_ = next(line.removeprefix("round ") for line in lines if line.startswith("round "))
            there = len(store.load().observations)
            if there < lines["kept"]:
                losses.fail(f"{words}: {lines['kept']} looks were kept, {there} are there")
            collect(url, store, samples=SAMPLES, resume=round_, progress=False)
            losses.compare(store, lines["kept"], SAMPLES)
    return losses


def _network(losses: Losses, store: Store, dice: random.Random) -> None:
    """The servers go away within a round: the rest of the looks are rows that say so."""
    last = dice.randint(20, SAMPLES - 20)
    loopback = Loopback()

    async def answer(reader: Reader, writer: Writer) -> None:
        if loopback.connections == last:
            loopback._servers[0].close()
        await refuse(reader, writer)

    with loopback:
        url = f"tls://127.0.0.1:{loopback.serve(answer)}"
        collect(url, store, samples=SAMPLES, limits=QUICK, progress=False)
    looks = store.load().observations
    losses.kills += 1
    losses.compare(store, SAMPLES, SAMPLES)
    answered = (looks["outcome"] == "refused").sum()
    # A connection that the server had accepted when it went away gets no answer.
    gone = looks["outcome"].isin(["port_closed", "reset", "closed", "timeout"]).sum()
    if answered < last - 3 or answered + gone != SAMPLES:
        losses.fail(f"gone after {last}: {looks['outcome'].value_counts().to_dict()}")


def _names(losses: Losses, store: Store, dice: random.Random) -> None:
    """The DNS server goes away within a round: names are not resolved, which is not an answer about the service."""
    queries, last = iter(range(1 << 20)), dice.randint(10, 2 * HOSTS - 10)
    names = [f"host{number}.test" for number in range(HOSTS)]
    with Loopback() as loopback:

        class Records(dict[tuple[str, str], list[str] | str]):
            def get(self, *key: Any) -> Any:
                if next(queries) == last:
                    loopback._transports[0].close()
                return super().get(*key)

        resolver = loopback.answer_dns(Records({(name, "A"): ["127.0.0.1"] for name in names}))
        port = loopback.serve(refuse)
        targets = [f"tls://{name}:{port}" for name in names]
        collect(targets, store, limits=QUICK, resolver=resolver, progress=False)
    looks = store.load().observations
    losses.kills += 1
    losses.compare(store, HOSTS, HOSTS)
    counts = looks["outcome"].value_counts().to_dict()
    if set(counts) != {"refused", "not_resolved"}:
        losses.fail(f"gone after {last} queries: {counts}")


class Stepping:
    """A clock that steps back by an hour at a random moment, and once more each hundred readings."""

    def __init__(self, dice: random.Random) -> None:
        self._left, self._at = dice.randint(1, 100), datetime(2026, 3, 29, 3, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._left -= 1
        self._at += timedelta(milliseconds=250)
        if self._left == 0:
            self._left, self._at = 100, self._at - timedelta(hours=1)
        return self._at


def _clock(losses: Losses, store: Store, dice: random.Random) -> None:
    """The clock steps back within a round, and between it and the rest of the round."""
    clock = Stepping(dice)
    with Loopback() as loopback:
        url = f"tls://127.0.0.1:{loopback.serve(refuse)}"
        limits = Limits(max_looks=SAMPLES)
        end = collect(url, store, samples=SAMPLES // 2, limits=limits, clock=clock, progress=False)
        collect(url, store, samples=SAMPLES, limits=limits, clock=clock, resume=end["round"], progress=False)
    losses.kills += 3
    losses.compare(store, SAMPLES, SAMPLES)


def _worker(losses: Losses, store: Store, dice: random.Random) -> None:
    """Workers of a cluster are killed within a round."""
    moments = {dice.randint(10, 2 * SAMPLES) for _ in range(2)}
    loopback = Loopback()
    lock = threading.Lock()
    with open_cluster(None, 2) as client, loopback:
        assert client is not None

        def kill_one() -> None:
            with lock, contextlib.suppress(OSError):  # the other one was killed while this one asked
                os.kill(dice.choice(list(client.run(os.getpid).values())), signal.SIGKILL)
                losses.kills += 1

        threads: list[threading.Thread] = []

        async def answer(reader: Reader, writer: Writer) -> None:
            if loopback.connections in moments:
                moments.discard(loopback.connections)
                threads.append(threading.Thread(target=kill_one))
                threads[-1].start()
            await refuse(reader, writer)

        port = loopback.serve(answer, "0.0.0.0")
        targets = [f"tls://127.0.1.{number}:{port}" for number in range(1, HOSTS + 1)]
        end = collect(targets, store, samples=20, client=client, progress=False)
        for thread in threads:
            thread.join()
    losses.compare(store, HOSTS * 20, HOSTS * 20)
    if end["end_reason"] != "finished":
        losses.fail(str(end["end_reason"]))


FAULTS: dict[str, Callable[[Losses, Store, random.Random], None]] = {
    "network": _network,
    "names": _names,
    "clock": _clock,
    "worker": _worker,
}
