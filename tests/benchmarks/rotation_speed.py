"""How long `Store.sightings()` and `find_rotations` take on millions of looks, and how much memory.

5,000 services, 8 certificates each, one look per service and round; each measurement is a process of its own.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from toolkit import schema
from toolkit.analyse import find_rotations
from toolkit.store import Store
from toolkit.tables import Tables

SERVICES, CERTIFICATES = 5000, 8
BEGIN, DAY = pd.Timestamp("2025-01-01T00:00Z"), pd.Timedelta(days=1)
SIZES = (1_000_000, 3_000_000, 10_000_000)
SECONDS, GIGABYTES = 5.0, 4.0
"""Limits for the greatest size, on two cores."""

_AT_ONCE = 100


def speed() -> list[str]:
    """Print the table; what missed its limit."""
    print(f"\nSpeed from the store: {SERVICES:,} services, {CERTIFICATES} certificates each")
    print(f"{'looks':>12}{'sightings [s]':>15}{'rotations [s]':>15}{'both [s]':>10}{'peak [GB]':>11}{'rotations':>11}")
    missed, before = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for rows in SIZES:
            make_store(Path(folder) / str(rows), rows)
            took = _measured(Path(folder) / str(rows))
            both = took["sightings"] + took["rotations"]
            print(
                f"{rows:12,}{took['sightings']:15.2f}{took['rotations']:15.2f}{both:10.2f}"
                f"{took['peak']:11.2f}{took['found']:11,.0f}"
            )
            if took["found"] != SERVICES * (CERTIFICATES - 1):
                missed.append(f"{took['found']} rotations of {rows:,} looks")
            before = both
    if before > SECONDS or took["peak"] > GIGABYTES:
        missed.append(f"{SIZES[-1]:,} looks took {before:.2f} s and {took['peak']:.2f} GB")
    return missed


def make_store(folder: Path, rows: int) -> None:
    """A store of that many looks; each certificate is rolled out within a tenth of its time."""
    store = Store(folder)
    rng = np.random.default_rng(1)
    number = np.arange(SERVICES)
    hosts = pd.Series([f"mx{one}.bench.test" for one in number], dtype="string")
    leaves = pd.Series([f"{one:064x}" for one in range(SERVICES * CERTIFICATES)], dtype="string")
    begins = BEGIN + DAY * np.tile(np.arange(CERTIFICATES) * 45.0, SERVICES)
    facts = {"names": [(host,) for host in hosts.repeat(CERTIFICATES)], "der": [b""] * len(leaves)}
    known = pd.DataFrame({"cert_sha256": leaves, "not_before": begins, "not_after": begins + 90 * DAY, **facts})
    known = known.assign(subject="CN=bench", issuer="CN=bench", key_type="RSA", spki_sha256=leaves)
    store.append(Tables.from_frames(certificates=known))
    rounds = rows // SERVICES
    for first in range(0, rounds, _AT_ONCE):
        one = np.repeat(np.arange(first, min(first + _AT_ONCE, rounds)), SERVICES)
        service = np.tile(number, len(one) // SERVICES)
        age = one / rounds * CERTIFICATES
        shown = np.floor(age + rng.random(len(one)) * 0.1).astype(int).clip(max=CERTIFICATES - 1)
        host = hosts.take(service).reset_index(drop=True)
        looks = pd.DataFrame({"host": host, "server_name": host, "service": "smtp://" + host + ":25"})
        looks["observed_at"] = BEGIN + pd.to_timedelta(one / rounds * 360, unit="D").as_unit("us")
        looks["leaf_sha256"] = leaves.take(service * CERTIFICATES + shown).array
        looks["round"] = pd.Series(one).astype("string")
        same = {"date_basis": "observed", "sample": 0, "source": "simulated", "port": 25, "address": "127.0.0.1"}
        looks = looks.assign(**same, offer="any", outcome="ok", stage="finished")
        empty = {name: schema.empty(name) for name in ("certificates", "support", "rounds")}
        store.append(Tables(observations=schema.conform("observations", looks), **empty))


def _measured(folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.rotation_speed", str(folder)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(told.stdout))


def measure(folder: str) -> dict[str, float]:
    """Seconds of either step, and this process's greatest memory in GB."""
    begin = time.perf_counter()
    sightings = Store(folder).sightings()
    between = time.perf_counter()
    found = find_rotations(sightings)
    end = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {"sightings": between - begin, "rotations": end - between, "peak": peak, "found": len(found)}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
