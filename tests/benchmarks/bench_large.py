"""100 million looks in a store: one service, one week, an append, and every rotation on a local cluster.

    python -m tests.benchmarks.bench_large [MILLIONS …]

100,000 services are looked at in as many rounds as it takes, over five years, and show a new certificate every year.
The files are those that `store compact` makes (2 million looks each, sorted by service), written by pyarrow and
committed to the table's log; the appends are the ordinary ones. Each question is asked by a process of its own. Ends
with exit code 1 where the largest store misses a limit.
"""

import hashlib
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from tests.conftest import ROOT
from toolkit import ask, find_rotations, schema
from toolkit.collection.clusters.clients import open_cluster
from toolkit.store import Store, compacting
from toolkit.tables import Tables

SERVICES, YEARS = 100_000, 5
BEGIN = datetime(2021, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=365 * YEARS)
BYTES_EACH = 40
"""Space on disk for a look, more than it takes."""

LIMITS = {"one service": (0.5, None), "one week": (2.0, None), "rotations": (60.0, 6.0)}
"""Seconds, and gigabytes of all processes."""


def host(number: int) -> str:
    return f"mx{number:06}.example.org"


class Simulation:
    """The looks of every service in each of `rounds` rounds."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.random = np.random.default_rng(1)
        self.hosts = pa.array([host(number) for number in range(SERVICES)])
        self.services = pa.array([f"smtp://{host(number)}:25" for number in range(SERVICES)])
        self.addresses = pa.array([f"10.{n // 65536}.{n // 256 % 256}.{n % 256}" for n in range(SERVICES)])
        leaves = range(SERVICES * YEARS)
        self.leaves = [hashlib.sha256(str(number).encode()).hexdigest() for number in leaves]
        self.leaf_names = pa.array(self.leaves)
        self.names = [f"{self.at(number):%Y%m%dT%H%M%SZ}-{number:08x}" for number in range(rounds)]

    def at(self, round_: int) -> datetime:
        return BEGIN + SPAN * (round_ / self.rounds)

    def certificates(self) -> Tables:
        """One for each service and year, valid for a year and a tenth."""
        numbers = np.arange(SERVICES * YEARS)
        begin = np.array([np.datetime64((BEGIN + SPAN * (year / YEARS)).replace(tzinfo=None), "us")
                          for year in range(YEARS)])[numbers % YEARS]  # fmt: skip
        facts = pd.DataFrame(
            {
                "cert_sha256": self.leaves,
                "key_type": "RSA",
                "subject": [f"CN={host(int(number) // YEARS)}" for number in numbers],
                "not_before": pd.DatetimeIndex(begin, tz="UTC"),
                "not_after": pd.DatetimeIndex(begin + np.timedelta64(401, "D"), tz="UTC"),
                "der": [str(number).encode() for number in numbers],
            }
        )
        return Tables.from_frames(certificates=facts.sort_values("cert_sha256", ignore_index=True))

    def looks(self, first: int, last: int) -> pa.Table:
        """The looks of the rounds from `first` to before `last`, sorted by service."""
        each = last - first
        service = np.repeat(np.arange(SERVICES, dtype=np.int32), each)
        round_ = np.tile(np.arange(first, last, dtype=np.int32), SERVICES)
        done = round_ * (YEARS / self.rounds)
        # In the last twentieth of a year the successor is seen in half of the looks.
        is_early = (done % 1 > 0.95) & (self.random.random(len(service)) < 0.5)
        leaf = service * YEARS + np.minimum(done.astype(np.int32) + is_early, YEARS - 1)
        began = np.array([np.datetime64(self.at(number).replace(tzinfo=None), "us") for number in range(first, last)])
        at = np.tile(began, SERVICES) + self.random.integers(0, 3_600_000_000, len(service)).astype("timedelta64[us]")
        same: dict[str, object] = {
            "date_basis": "observed", "source": "simulated", "offer": "any-2026", "outcome": "ok", "stage": "finished",
            "protocol": "TLS 1.3", "suite": "TLS_AES_128_GCM_SHA256", "suite_code": 0x1301, "sample": 0, "port": 25,
        }  # fmt: skip
        columns = {
            "observed_at": pa.array(at, pa.timestamp("us", "UTC")),
            "round": encoded(round_ - first, pa.array(self.names[first:last])),
            "service": encoded(service, self.services),
            "host": encoded(service, self.hosts),
            "server_name": encoded(service, self.hosts),
            "address": encoded(service, self.addresses),
            "leaf_sha256": encoded(leaf.astype(np.int32), self.leaf_names),
            "answer_ms": pa.array(self.random.gamma(4, 10, len(service)).round(1)),
        }
        for field in schema.arrow_schema("observations"):
            if field.name in same and pa.types.is_string(field.type):
                columns[field.name] = encoded(np.zeros(len(service), np.int32), pa.array([same[field.name]]))
            elif field.name in same:
                columns[field.name] = pa.array(np.full(len(service), same[field.name]), field.type)
            elif field.name not in columns:
                columns[field.name] = pa.nulls(len(service), field.type)
        return pa.table({field.name: columns[field.name] for field in schema.arrow_schema("observations")})


def encoded(codes: np.ndarray, values: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes), values)


def fill(store: Store, looks: int) -> None:
    """Keep so many looks: whole rounds, in files such as a compaction makes."""
    simulation = Simulation(looks // SERVICES)
    store.prepare()
    certificates = simulation.certificates().certificates
    for half in (certificates[::2], certificates[1::2]):
        store.append(Tables.from_frames(certificates=half))
    store.compact()
    folder = Path(store.path, "observations")
    each = compacting._ENOUGH_ROWS // SERVICES
    actions: list[AddAction | RemoveAction] = []
    for first in range(0, simulation.rounds, each):
        rows = simulation.looks(first, min(first + each, simulation.rounds))
        path = folder / f"part-{first:06}.zstd.parquet"
        plain = schema.arrow_schema("observations")
        with pq.ParquetWriter(path, plain, compression="zstd") as writer:
            for begin in range(0, len(rows), compacting._GROUP_ROWS):
                writer.write_table(rows.slice(begin, compacting._GROUP_ROWS).cast(plain))
        actions.append(AddAction(path.name, path.stat().st_size, {}, 0, True, bounds_of(rows)))
    table = DeltaTable(str(folder))
    table.create_write_transaction(actions, "append", table.schema())


def bounds_of(rows: pa.Table) -> str:
    """The statistics of a file, as a writer of the store makes them."""
    dated = rows["observed_at"].to_numpy()
    rounds, services = rows["round"].combine_chunks().dictionary, rows["service"].combine_chunks().dictionary
    ends = [
        {
            "observed_at": str(getattr(dated, end)())[:23] + "Z",
            "round": rounds[place].as_py(),
            "service": services[place].as_py(),
        }
        for end, place in (("min", 0), ("max", -1))
    ]
    nulls = {"observed_at": 0, "round": 0, "service": 0, "observed_from": len(rows), "observed_until": len(rows)}
    return json.dumps({"numRecords": len(rows), "minValues": ends[0], "maxValues": ends[1], "nullCount": nulls})


def put(path: str, question: str) -> dict[str, float]:
    """Answer the question in this process, and its workers; what that took."""
    store, memory = Store(path), Memory()
    middle = BEGIN + SPAN / 2
    if question == "rotations":
        with open_cluster(None, 2) as client, memory:
            began = perf_counter()
            rows = len(ask(store, find_rotations, client=client))
            took = perf_counter() - began
    else:
        limits = {"services": f"smtp://{host(SERVICES // 3)}:25"}
        if question == "one week":
            limits = {"since": middle.isoformat(), "until": (middle + timedelta(days=7)).isoformat()}
        began = perf_counter()
        rows = len(store.load(**limits).observations)
        took = perf_counter() - began
        memory.most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": took, "rows": rows, "gigabytes": memory.most / 1e9}


class Memory:
    """Within the context, the most memory that this process and those below it have held together, in bytes."""

    def __init__(self) -> None:
        self.most = 0
        self._over = threading.Event()

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        import psutil  # noqa: PLC0415  comes with distributed

        own = psutil.Process()
        while not self._over.wait(0.5):
            self.most = max(self.most, sum(one.memory_info().rss for one in (own, *own.children(recursive=True))))


def append_ms(store: Store) -> float:
    """The median time of an append of a collector's batch, 2,000 looks."""
    looks = Simulation(50).looks(0, 1).slice(0, 2_000).to_pandas()
    took = []
    for number in range(15):
        tables = Tables.from_frames(observations=looks.assign(round=f"appended-{number}").convert_dtypes())
        began = perf_counter()
        store.append(tables)
        took.append((perf_counter() - began) * 1000)
    return statistics.median(took)


def main(millions: list[int]) -> bool:
    """Print the table; whether the largest store is within the limits."""
    appends: list[float] = []
    is_within = True
    with tempfile.TemporaryDirectory(prefix="tls-toolkit-") as folder:
        for size in millions:
            if shutil.disk_usage(folder).free < size * 1_000_000 * BYTES_EACH:
                sys.exit(f"{folder} has not enough space for {size} million looks.")
            store = Store(Path(folder, str(size)))
            began = perf_counter()
            fill(store, size * 1_000_000)
            info = store.info().set_index("table").loc["observations"]
            print(f"\n{size} million looks: {info['files']} files, {info['size_bytes'] / 1e6:,.0f} MB, "
                  f"made in {perf_counter() - began:.0f} s", flush=True)  # fmt: skip
            for question, (seconds, gigabytes) in LIMITS.items():
                words = ["-m", "tests.benchmarks.bench_large", "--ask", store.path, question]
                done = subprocess.run([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
                took = json.loads(done.stdout)
                print(f"  {question:12} {took['seconds']:7.2f} s {took['rows']:9,.0f} rows {took['gigabytes']:6.2f} GB "
                      f"(limit {seconds:g} s{f', {gigabytes:g} GB' if gigabytes else ''})", flush=True)  # fmt: skip
                if size == millions[-1]:
                    is_within &= took["seconds"] < seconds and took["gigabytes"] < (gigabytes or np.inf)
            appends.append(append_ms(store))
            print(f"  {'append':12} {appends[-1]:7.0f} ms for 2,000 looks", flush=True)
            shutil.rmtree(store.path)
    # A third: what two medians of one machine differ by.
    return is_within and appends[-1] < appends[0] * 1.33


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        print(json.dumps(put(*sys.argv[2:])))
    else:
        sys.exit(0 if main([int(size) for size in sys.argv[1:]] or [1, 10]) else 1)
