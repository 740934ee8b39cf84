"""What keeping and asking costs: appends, loads, and the sightings of 1, 3 and 10 million looks, in one run.

5,000 services show 8 certificates each, one after the other, the old and the new side by side for a twentieth of the
time. Each question is asked by a process of its own, so that its memory is its own; imports are not counted.

    python tests/benchmarks/bench_store.py [MILLIONS …]
"""

import hashlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from toolkit.analyse import find_rotations  # noqa: E402
from toolkit.store import Store  # noqa: E402
from toolkit.tables import Tables  # noqa: E402

SERVICES, CERTIFICATES, BATCH = 5_000, 8, 200_000
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=400)
QUESTIONS = (
    "sightings", "sightings and rotations", "load a hundredth of the time", "load 50 services", "load everything",
)  # fmt: skip


def fill(store: Store, looks: int) -> None:
    """Keep so many looks, in batches as a collector would, in the order of time."""
    numbers = range(SERVICES * CERTIFICATES)
    leaves = np.array([hashlib.sha256(str(number).encode()).hexdigest() for number in numbers])
    facts = pd.DataFrame(
        {
            "cert_sha256": leaves,
            "key_type": "RSA",
            "subject": [f"CN=mx{number // CERTIFICATES}.example.org" for number in numbers],
            "not_before": [BEGIN + SPAN * ((number % CERTIFICATES) / CERTIFICATES) for number in numbers],
            "not_after": [BEGIN + SPAN * ((number % CERTIFICATES + 2) / CERTIFICATES) for number in numbers],
            "der": [str(number).encode() for number in numbers],
        }
    )
    store.append(Tables.from_frames(certificates=facts))
    random = np.random.default_rng(1)
    for begin in range(0, looks, BATCH):
        some = np.arange(begin, min(begin + BATCH, looks))
        store.append(Tables.from_frames(observations=batch(some, looks, leaves, random)))


def batch(number: np.ndarray, looks: int, leaves: np.ndarray, random: np.random.Generator) -> pd.DataFrame:
    """The looks of these numbers among `looks` in all, as a collector hands them over: not quite in order."""
    number = random.permutation(number)
    service, done = number % SERVICES, number / looks * CERTIFICATES
    is_early = (done % 1 > 0.95) & (random.random(len(number)) < 0.5)
    leaf = leaves[service * CERTIFICATES + np.minimum((done + is_early * 0.05).astype(int), CERTIFICATES - 1)]
    passed = pd.to_timedelta(number * (SPAN / looks / timedelta(microseconds=1)), unit="us").as_unit("us")
    host = joined("mx", service, ".example.org")
    same: dict[str, str | int] = {
        "date_basis": "observed", "source": "simulated", "offer": "any-2026", "outcome": "ok", "stage": "finished",
        "protocol": "TLS 1.3", "suite": "TLS_AES_128_GCM_SHA256", "suite_code": 0x1301, "sample": 0, "port": 25,
    }  # fmt: skip
    return pd.DataFrame(
        {
            "observed_at": pd.Timestamp(BEGIN) + passed,
            "round": joined("round-", number // SERVICES, ""),
            "service": joined("smtp://", host, ":25"),
            "host": host,
            "server_name": host,
            "address": joined(joined("192.0.", service // 250, "."), service % 250, ""),
            "leaf_sha256": leaf,
            "answer_ms": random.gamma(4, 10, len(number)).round(2),
        }
    ).assign(**same)


def joined(before: str | np.ndarray, middle: np.ndarray, after: str) -> np.ndarray:
    return np.char.add(np.char.add(before, middle.astype(str)), after)


def ask(path: str, question: str) -> dict[str, float]:
    """Answer the question in this process, and say what it took."""
    store = Store(path)
    services = [f"smtp://mx{number}.example.org:25" for number in range(0, SERVICES, 100)]
    middle = BEGIN + SPAN / 2
    answers: tuple[Callable[[], pd.DataFrame], ...] = (
        store.sightings,
        lambda: find_rotations(store.sightings()),
        lambda: store.load(since=middle, until=middle + SPAN / 100).observations,
        lambda: store.load(services=services).observations,
        lambda: store.load().observations,
    )
    began = perf_counter()
    rows = len(answers[QUESTIONS.index(question)]())
    return {
        "seconds": perf_counter() - began,
        "rows": rows,
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def measure_appends(folder: Path) -> None:
    """The time of an append of 100 looks, and of 60 appends by each of four processes."""
    store = Store(folder / "appends")
    leaves = np.array([f"{number:064x}" for number in range(SERVICES * CERTIFICATES)])
    took = []
    for number in range(100):
        looks = batch(np.arange(100) + number * 100, 10_000, leaves, np.random.default_rng(1))
        tables = Tables.from_frames(observations=looks)
        began = perf_counter()
        store.append(tables)
        took.append((perf_counter() - began) * 1000)
    print(f"append of 100 looks: median {statistics.median(took):.0f} ms, the first {took[0]:.0f} ms (makes the table)")
    command = [sys.executable, "-m", "tests.store.writer", str(folder / "shared")]
    began = perf_counter()
    writers = [subprocess.Popen([*command, name, "60"], cwd=ROOT, stdout=subprocess.DEVNULL) for name in "abcd"]
    assert not any(writer.wait(600) for writer in writers)
    kept = Store(folder / "shared").load()
    assert len(kept.observations) == 4 * 60 * 3
    print(f"4 processes × 60 rounds (4 or 5 commits each): {perf_counter() - began:.1f} s, nothing lost")


def main(millions: list[float]) -> None:
    with tempfile.TemporaryDirectory(prefix="tls-toolkit-") as temporary:
        folder = Path(temporary)
        measure_appends(folder)
        print(f"\n{'million looks':>13}  {'question':30} {'seconds':>8} {'rows':>10} {'GB':>6}")
        for size in millions:
            path = folder / f"{size}"
            fill(Store(path), int(size * 1e6))
            bytes_kept = int(Store(path).info()["size_bytes"].sum())
            for question in QUESTIONS:
                done = subprocess.run(
                    [sys.executable, __file__, "--ask", str(path), question], capture_output=True, text=True, check=True
                )
                took = json.loads(done.stdout)
                print(f"{size:13g}  {question:30} {took['seconds']:8.2f} {took['rows']:10.0f} {took['gigabytes']:6.2f}")
            print(f"{'':13}  on disk: {bytes_kept / 1e6:.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        print(json.dumps(ask(*sys.argv[2:])))
    else:
        main([float(size) for size in sys.argv[1:]] or [1, 3, 10])
