"""How long `Store.sightings()` and `find_rotations` on them take, at 1, 3 and 10 million looks, and how much memory.

Asked three times, each in a process of its own: a virtual machine that has given memory back to its host gets it again
page by page, so that the first of them may take half as long again. That one is printed with the median.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import bench_store
from toolkit.store import Store

MILLIONS = (1, 3, 10)
TIMES = 3
SECONDS, GIGABYTES = 5.0, 4.0
"""Limits for the greatest size, on two cores that do nothing else."""


def speed() -> list[str]:
    """Print the table; what missed its limit."""
    print(f"\nFrom the store: sightings, then rotations; {bench_store.SERVICES:,} services, 8 certificates each")
    print(f"{'million looks':>14}{'first':>8}{'median':>8} s{'s per million':>15}{'rotations':>11}{'GB':>7}")
    missed = []
    with tempfile.TemporaryDirectory(prefix="tls-toolkit-") as folder:
        for size in MILLIONS:
            path = Path(folder) / str(size)
            bench_store.fill(Store(path), size * 1_000_000)
            took = [_asked(path) for _ in range(TIMES)]
            seconds = statistics.median(one["seconds"] for one in took)
            memory = max(one["gigabytes"] for one in took)
            rows = took[0]["rows"]
            print(f"{size:14}{took[0]['seconds']:8.2f}{seconds:8.2f}  {seconds / size:15.2f}{rows:11,.0f}{memory:7.2f}")
            if any(one["rows"] != bench_store.SERVICES * (bench_store.CERTIFICATES - 1) for one in took):
                missed.append(f"{rows:,.0f} rotations of {size} million looks")
            if size == MILLIONS[-1] and (seconds > SECONDS or memory > GIGABYTES):
                missed.append(f"{size} million looks took {seconds:.2f} s and {memory:.2f} GB")
    return missed


def _asked(path: Path) -> dict[str, float]:
    """In a process of its own, so that its memory is its own."""
    command = [sys.executable, bench_store.__file__, "--ask", str(path), "sightings and rotations"]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(result.stdout))
