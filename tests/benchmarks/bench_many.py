"""Many services in one round: seconds, connections, and the memory of the process that observes them.

    python -m tests.benchmarks.bench_many [SERVICES …]

The services are addresses of loopback, all answered by one nginx. Each round is made by a process of its own, into a
store of its own, so that its memory is its own. Ends with exit code 1 where a service is not answered, where a round
takes `MOST_MEGABYTES`, or where memory grows by more than `MOST_BYTES_EACH` with each service. The growth is judged
where the largest round has at least `LEAST_APART` services more than the smallest: with fewer, the difference is mostly
that of two start-ups.
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from tests.benchmarks.bench_collect import ROOT, serve
from tests.interop import daemons
from toolkit.collection import Limits, collect
from toolkit.store import Store

SERVICES = (1_000, 10_000, 100_000)
MOST_MEGABYTES = 600
MOST_BYTES_EACH = 1_000
LEAST_APART = 50_000
LIMITS = Limits(concurrency=100)


def services(count: int, port: int) -> Iterator[str]:
    """So many services at different addresses of 127.0.0.0/8."""
    for number in range(count):
        yield f"tls://127.{1 + number // 60_000}.{number // 240 % 250}.{1 + number % 240}:{port}"


def megabytes() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def observe_all(count: int, port: int, path: str) -> dict[str, float]:
    """Make the round in this process; what it took."""
    before, began = megabytes(), perf_counter()
    end = collect(services(count, port), path, limits=LIMITS, progress=False)
    return {
        "seconds": perf_counter() - began,
        "before": before,
        "megabytes": megabytes(),
        "connections": int(end["connections"]),
        "answered": int(end["looks_ok"]),
    }


def main(counts: list[int]) -> bool:
    """Print the table; whether it is within the limits."""
    heads = (("services", 9), ("seconds", 8), ("a second", 9), ("connections", 12), ("answered", 9), ("MB before", 10))
    print(" ".join(f"{head:>{width}}" for head, width in heads), "   MB")
    took: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="tls-toolkit-") as kept, daemons.state_folder() as folder:
        daemons.make_certificates(folder)
        command, port = serve(folder, "ec")
        with daemons.guarded(command, [*command, "-s", "stop"], folder / "start.log"):
            for count in counts:
                path = Path(kept, str(count))
                round_ = [
                    sys.executable,
                    "-m",
                    "tests.benchmarks.bench_many",
                    "--round",
                    str(count),
                    str(port),
                    str(path),
                ]
                done = subprocess.run(round_, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
                one = took[count] = json.loads(done.stdout)
                print(
                    f"{count:9,} {one['seconds']:8.1f} {count / one['seconds']:9.0f} {one['connections']:12,} "
                    f"{one['answered']:9,} {one['before']:10.0f} {one['megabytes']:5.0f}",
                    flush=True,
                )
                if Store(path).info().set_index("table")["rows"]["observations"] != count:
                    sys.exit(f"{path} does not hold a row for each service.")
    held = {count: one["megabytes"] for count, one in took.items()}
    is_small = grows_little(held) and max(held.values()) < MOST_MEGABYTES
    return is_small and all(one["answered"] == one["connections"] == count for count, one in took.items())


def grows_little(megabytes: dict[int, float]) -> bool:
    """Print by how much memory grows with each service; whether that is within the limit, or cannot be judged."""
    least, most = min(megabytes), max(megabytes)
    if most - least < LEAST_APART:
        print(f"memory for each service: not judged, the rounds differ by fewer than {LEAST_APART:,} services")
        return True
    growth = (megabytes[most] - megabytes[least]) * 1e6 / (most - least)
    print(f"memory: {growth:,.0f} bytes more for each service (limit {MOST_BYTES_EACH:,})")
    return growth < MOST_BYTES_EACH


if __name__ == "__main__":
    if sys.argv[1:2] == ["--round"]:
        print(json.dumps(observe_all(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
    else:
        sys.exit(0 if main([int(count) for count in sys.argv[1:]] or list(SERVICES)) else 1)
