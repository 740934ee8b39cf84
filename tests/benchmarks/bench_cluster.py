"""A round on a cluster of four workers, one of which is killed in the middle: the rows of one process.

    python -m tests.benchmarks.bench_cluster [SERVICES]

The services are on loopback, each at an address of its own, and answer each hello with an alert. Ends with exit code 1
unless the rows are those of one process.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import pandas as pd

from tests.collection.servers import Loopback, Reader, Writer
from toolkit.collection import Limits, collect
from toolkit.collection.clusters.clients import open_cluster
from toolkit.schema import OBSERVATION_KEY
from toolkit.store import Store

SERVICES, SAMPLES, WORKERS = 1_000, 4, 4
CHANGING = ["observed_at", "round", "connect_ms", "answer_ms"]
LIMITS = Limits(concurrency=32)


def rows(store: Store) -> pd.DataFrame:
    """The looks of the store without what differs from look to look, in the order of their keys."""
    looks = store.load().observations.sort_values(list(OBSERVATION_KEY[1:]), ignore_index=True)
    return looks.drop(columns=CHANGING)


def main() -> int:
    """Print the table; the exit code says whether the rows are equal."""
    services = int(sys.argv[1]) if sys.argv[1:] else SERVICES
    victims: list[int] = []

    async def refuse(reader: Reader, writer: Writer) -> None:
        if victims and loopback.connections >= services * SAMPLES // 2:
            os.kill(victims.pop(), signal.SIGKILL)
        await reader.read(5)
        writer.write(b"\x15\x03\x03\x00\x02\x02\x28")
        await reader.read(-1)

    expected = None
    is_equal = True
    print(f"{services} services, {SAMPLES} looks each")
    print(f"{'made by':40} {'seconds':>8} {'looks':>7} {'connections':>12} {'end':>9}  rows equal")
    with tempfile.TemporaryDirectory(prefix="tls-toolkit-") as folder, Loopback() as loopback:
        port = loopback.serve(refuse, "0.0.0.0")
        targets = [f"tls://127.0.{number // 250}.{number % 250 + 1}:{port}" for number in range(services)]
        for number, (made_by, workers, kills) in enumerate(
            (
                ("one process", None, 0),
                (f"{WORKERS} workers", WORKERS, 0),
                (f"{WORKERS} workers, one killed in the middle", WORKERS, 1),
            )
        ):
            store = Store(Path(folder, str(number)))
            with open_cluster(None, workers) as client:
                victims += list(client.run(os.getpid).values())[:kills] if client else []
                loopback.connections = 0
                began = perf_counter()
                end = collect(targets, store, samples=SAMPLES, limits=LIMITS, client=client, progress=False)
                took = perf_counter() - began
            found = rows(store)
            expected = found if expected is None else expected
            same = found.equals(expected) and not victims and end["looks"] == len(found) == services * SAMPLES
            is_equal &= same
            print(
                f"{made_by:40} {took:8.1f} {end['looks']:7} {loopback.connections:12} {end['end_reason']:>9}  "
                f"{'yes' if same else 'NO'}"
            )
    return int(not is_equal)


if __name__ == "__main__":
    sys.exit(main())
