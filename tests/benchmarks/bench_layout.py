"""Which files a question opens, in four layouts of one table of observations: by time, by service, both, Z-order.

    python -m tests.benchmarks.bench_layout

2,000 services in 1,000 rounds over five years, in about 50 files of 10 row groups each: the proportions of 100 million
looks at 100,000 services as `store compact` keeps them. Times are of the processor, medians of five loads.
"""

import json
import statistics
import tempfile
from datetime import timedelta
from pathlib import Path
from time import process_time
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from tests.benchmarks import bench_large
from toolkit import schema
from toolkit.store import Store
from toolkit.store.selecting import limits

SERVICES, ROUNDS, FILES, GROUPS, TIMES = 2_000, 1_000, 50, 10, 5
GRID = 7
"""Ranges of services, and of time, in the layout that is divided by both."""

BOUNDED = ("observed_at", "round", "service")


def layouts() -> dict[str, list[pa.Table]]:
    """The same looks in files: name of the layout → the rows of its files, each sorted by service and instant."""
    bench_large.SERVICES = SERVICES
    looks = bench_large.Simulation(ROUNDS).looks(0, ROUNDS)
    service = np.repeat(np.arange(SERVICES), ROUNDS)
    round_ = np.tile(np.arange(ROUNDS), SERVICES)
    files = {
        "by time": round_ * FILES // ROUNDS,
        "by service": service * FILES // SERVICES,
        f"{GRID} × {GRID} of both": round_ * GRID // ROUNDS * GRID + service * GRID // SERVICES,
    }
    return {
        name: [looks.filter(pa.array(number == file)) for file in range(number.max() + 1)]
        for name, number in files.items()
    }


def keep(store: Store, files: list[pa.Table]) -> DeltaTable:
    """Write each table as one file."""
    store.prepare()
    folder = Path(store.path, "observations")
    plain = schema.arrow_schema("observations")
    actions: list[AddAction | RemoveAction] = []
    for rows in files:
        path = folder / f"part-{uuid4()}.zstd.parquet"
        pq.write_table(rows.cast(plain), path, compression="zstd", row_group_size=len(rows) // GROUPS + 1)
        ends = {name: pc.min_max(rows[name].cast(plain.field(name).type)).as_py() for name in BOUNDED}
        bounds = {
            f"{end}Values": {name: _as_kept(value[end]) for name, value in ends.items()} for end in ("min", "max")
        }
        statistics_ = {"numRecords": len(rows), **bounds, "nullCount": dict.fromkeys(BOUNDED, 0)}
        actions.append(AddAction(path.name, path.stat().st_size, {}, 0, True, json.dumps(statistics_)))
    table = DeltaTable(str(folder))
    table.create_write_transaction(actions, "append", table.schema())
    table.update_incremental()
    return table


def _as_kept(value: object) -> object:
    return value if isinstance(value, str) else f"{value:%Y-%m-%dT%H:%M:%S.%f}"[:23] + "Z"


def measure(store: Store) -> list[str]:
    """For one service and for one week: files opened, and the time of a load."""
    table = store._tables["observations"]
    middle = pd.Timestamp(bench_large.BEGIN + bench_large.SPAN / 2)
    week = (middle, middle + timedelta(days=7))
    service = f"smtp://{bench_large.host(SERVICES // 3)}:25"
    cells = []
    for since, until, services in ((None, None, {service}), (*week, None)):
        files = limits("observations", since, until, services).files
        opened = len(list(table.dataset(table.open(), files=files).get_fragments()))
        took = []
        for _ in range(TIMES):
            began = process_time()
            rows = len(store.load(since=since, until=until, services=services).observations)
            took.append(process_time() - began)
        cells.append(f"{rows:8,} {opened:6} {statistics.median(took) * 1000:7.0f}")
    return cells


def main() -> None:
    print(f"{'':18} {'':5}  {'one service':^23}   {'one week':^23}")
    print(f"{'layout':18} {'files':>5}  {'rows':>8} {'files':>6} {'ms':>7}   {'rows':>8} {'files':>6} {'ms':>7}")
    for name, files in layouts().items():
        with tempfile.TemporaryDirectory(prefix="tls-toolkit-") as folder:
            store = Store(folder)
            table = keep(store, files)
            _print_line(name, store)
            if name == "by time":
                # delta-rs ends a file long before it has this size: with half of it, there are 197 files.
                table.optimize.z_order(["service", "observed_at"], target_size=2 * store_bytes(store) // FILES)
                _print_line("Z-order", store)


def store_bytes(store: Store) -> int:
    return int(store.info().set_index("table")["size_bytes"]["observations"])


def _print_line(name: str, store: Store) -> None:
    files = store.info().set_index("table")["files"]["observations"]
    print(f"{name:18} {files:5}  " + "   ".join(measure(store)), flush=True)


if __name__ == "__main__":
    main()
