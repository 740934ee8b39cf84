"""What is lost when processes are killed: `python -m tests.benchmarks.bench_kill [KILLS]`, 20 unless it is given.

Four writers append to one store, a reader loads it, two processes compact it, and one collects from a server on
loopback. At random moments one of them, chosen at random, gets SIGKILL and is started again; a killed collection is
resumed. In the end the store is compared with what each process said was kept before it was killed.

- lost: observations that were kept and are not there any more.
- doubled: rows of one key, in the files as they are, before loading drops repeats.
- torn: appends that are there in part, certificates and rounds that are named and missing, and processes that failed.

Then come the faults of `tests.benchmarks.faults`, each KILLS / 10 times: a full disk, no more descriptors or memory,
the servers gone, the DNS server gone, the clock stepping back, workers of a cluster killed. Of these, "kills" counts
how often the fault ended the process or changed a row, and "lost" includes looks that are missing after a resume.

Ends with exit code 1 unless all three are 0.
"""

import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from deltalake import DeltaTable

from tests.benchmarks.faults import Losses, find_losses, refuse
from tests.collection.servers import Loopback
from tests.conftest import ROOT
from tests.store.tables import tables_of_hour
from toolkit import schema
from toolkit.store import Store

KILLS = 20
SAMPLES = 2000
LOOKS_OF_AN_APPEND = 3
"""As `tests.store.tables.tables_of_hour` makes them."""

READ = """
import sys
from toolkit.store import Store
while True:
    tables = Store(sys.argv[1]).load()
    named = set(tables.observations["chain_sha256"].dropna().explode())
    assert named <= set(tables.certificates["cert_sha256"])
    print(len(tables.observations), flush=True)
"""

COMPACT = """
import sys
from toolkit.store import Store
while True:
    Store(sys.argv[1]).compact()
    print("compacted", flush=True)
"""

COLLECT = """
import sys
from toolkit.collection import Limits, collect, recorder
from toolkit.store import Store

class Telling(Store):
    def append(self, tables):
        super().append(tables)
        for name in tables.rounds["round"]:
            print("round", name, flush=True)
        print("".join(f"sample {sample}\\n" for sample in tables.observations["sample"]), end="", flush=True)

recorder._BATCH_LOOKS = 20
folder, url, samples, *resume = sys.argv[1:]
collect(url, Telling(folder), samples=int(samples), resume=resume[0] if resume else None, progress=False)
"""


class Worker:
    """A process that is started again after each kill, and what it said was kept."""

    def __init__(self, kind: str, number: int, store: Path, url: str) -> None:
        self.kind = kind
        self._number, self._store, self._url = number, store, url
        self._starts = 0
        self._round: str | None = None
        self.kept: Counter[str] = Counter()
        self.failures: list[str] = []
        self.start()

    def _command(self) -> list[str]:
        store = str(self._store)
        if self.kind == "write":
            return ["-m", "tests.store.writer", store, self._name, "1000000"]
        if self.kind == "collect":
            return ["-c", COLLECT, store, self._url, str(SAMPLES), *([self._round] if self._round else [])]
        return ["-c", READ if self.kind == "read" else COMPACT, store]

    def start(self) -> None:
        """Start it; a killed collection goes on."""
        self._starts += 1
        self._name = f"{self.kind}-{self._number}-{self._starts}"
        self._output = self._store.with_name(f"{self._name}.output")
        self._errors = self._store.with_name(f"{self._name}.errors")
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            command = [sys.executable, *self._command()]
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=errors)

    def has_begun(self) -> bool:
        """Whether it has said something: before that it imports."""
        return self._output.stat().st_size > 0 or self._process.poll() is not None

    def kill(self) -> bool:
        """Kill it and count what it said; false: it had ended by itself."""
        is_running = self._process.poll() is None
        self._process.kill()
        self._take()
        return is_running

    def finish(self) -> None:
        """Let a collection come to its end."""
        self._process.wait(600)
        self._take()

    def _take(self) -> None:
        code = self._process.wait()
        if code > 0:
            self.failures.append(self._errors.read_text())
        for line in self._output.read_text().split("\n")[:-1]:  # a line that is cut was not said
            if self.kind == "write":
                self.kept[f"{self._name}-{line}"] += LOOKS_OF_AN_APPEND
            elif line.startswith("round "):
                self._round = line.removeprefix("round ")
            elif line.startswith("sample "):
                assert self._round is not None
                self.kept[self._round] += 1
        if code == 0:
            self._round = None


def main() -> int:
    """Print the table; the exit code says whether something was lost, doubled or torn."""
    kills = int(sys.argv[1]) if sys.argv[1:] else KILLS
    dice = random.Random()
    killed: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, Loopback() as loopback:
        store = Path(folder, "store")
        url = f"tls://127.0.0.1:{loopback.serve(refuse)}"
        Store(store).append(tables_of_hour(0, writer="first"))
        kinds = ["write"] * 4 + ["read"] + ["compact"] * 2 + ["collect"]
        workers = [Worker(kind, number, store, url) for number, kind in enumerate(kinds)]
        while killed.total() < kills:
            worker = dice.choice(workers)
            while not worker.has_begun():
                time.sleep(0.05)
            time.sleep(dice.uniform(0, 0.5))
            killed[worker.kind] += worker.kill()
            worker.start()
        for worker in workers:
            if worker.kind == "collect":
                worker.finish()
            else:
                worker.kill()
        is_bad = _report(workers, killed, store)
        for losses in find_losses(Path(folder, "faults"), max(1, kills // 10), dice):
            is_bad |= _print_line(losses)
        return int(is_bad)


def _report(workers: list[Worker], killed: Counter[str], store: Path) -> bool:
    raw = DeltaTable(str(store / "observations")).to_pyarrow_table(columns=list(schema.OBSERVATION_KEY)).to_pandas()
    doubled = raw[raw.duplicated()].groupby("round").size()
    tables = Store(store).load()
    there = tables.observations.groupby("round").size()
    named = set(tables.observations["chain_sha256"].dropna().explode())
    missing = len(named - set(tables.certificates["cert_sha256"]))
    missing += len(set(tables.observations["round"]) - set(tables.rounds["round"]))
    is_bad = False
    print(f"{'process':11} {'kills':>6} {'kept':>8} {'lost':>6} {'doubled':>8} {'torn':>6}")
    for kind in ("write", "collect", "compact", "read"):
        mine = [worker for worker in workers if worker.kind == kind]
        kept = sum((worker.kept for worker in mine), Counter[str]())
        losses = Losses(kind, kills=killed[kind], kept=kept.total())
        losses.lost = sum(max(0, count - int(there.get(name, 0))) for name, count in kept.items())
        rounds = [name for name in there.index if str(name).startswith("write-") == (kind == "write")]
        if kind in ("write", "collect"):
            losses.doubled = sum(int(doubled.get(name, 0)) for name in rounds)
        losses.failures = [failure for worker in mine for failure in worker.failures]
        losses.torn = len(losses.failures)
        if kind == "write":
            losses.torn += missing + sum(int(there[name]) != LOOKS_OF_AN_APPEND for name in rounds)
        if kind == "collect":
            losses.torn += sum(int(there[name]) > SAMPLES for name in rounds)
        is_bad |= _print_line(losses)
    return is_bad


def _print_line(losses: Losses) -> bool:
    """Print the line, and what failed; whether anything is lost, doubled or torn."""
    print(
        f"{losses.name:11} {losses.kills:6} {losses.kept:8} {losses.lost:6} {losses.doubled:8} {losses.torn:6}",
        flush=True,
    )
    for failure in losses.failures:
        print(failure, file=sys.stderr)
    return bool(losses.lost or losses.doubled or losses.torn)


if __name__ == "__main__":
    sys.exit(main())
