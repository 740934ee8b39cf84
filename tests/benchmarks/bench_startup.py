"""How long the command line and the package take to start, in one run: `python tests/benchmarks/bench_startup.py`.

Each row is the wall time of a process of its own, from start to end: the median of several, the lowest in brackets. The
bare interpreter and `import pandas` are measured in the same rounds; the ratio is to the bare interpreter. Ends with
exit code 1 where a median is over its limit.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 15
BARE = "bare interpreter"

# Process → its arguments, and its limit in seconds. `import toolkit` imports a public name when it is first used, so
# the first use is measured as well.
PROCESSES: dict[str, tuple[list[str], float | None]] = {
    BARE: (["-c", "pass"], None),
    "import pandas": (["-c", "import pandas"], None),
    "import toolkit": (["-c", "import toolkit"], 0.35),
    "import toolkit; toolkit.read": (["-c", "import toolkit; toolkit.read"], None),
    "tls-toolkit --version": (["-m", "toolkit", "--version"], 0.25),
    "tls-toolkit --help": (["-m", "toolkit", "--help"], 0.25),
    "tls-toolkit check --help": (["-m", "toolkit", "check", "--help"], None),
    "tls-toolkit observe --help": (["-m", "toolkit", "observe", "--help"], None),
}


def seconds(arguments: list[str]) -> float:
    """Wall time of one process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> int:
    """Print the table; the exit code says whether a limit was missed."""
    spent: dict[str, list[float]] = {name: [] for name in PROCESSES}
    for arguments, _ in PROCESSES.values():
        seconds(arguments)  # writes byte code, fills the file cache
    for _ in range(ROUNDS):
        for name, (arguments, _) in PROCESSES.items():
            spent[name].append(seconds(arguments))
    medians = {name: statistics.median(times) for name, times in spent.items()}
    missed = {name for name, (_, limit) in PROCESSES.items() if limit is not None and medians[name] > limit}
    print(f"{f'start to end, median of {ROUNDS} (lowest)':32} {'ms':>12} {'ratio':>7} {'limit ms':>9}")
    for name, (_, limit) in PROCESSES.items():
        shown = f"{medians[name] * 1e3:.0f} ({min(spent[name]) * 1e3:.0f})"
        limited = "" if limit is None else f"{limit * 1e3:.0f}{' missed' if name in missed else ''}"
        print(f"{name:32} {shown:>12} {medians[name] / medians[BARE]:7.1f} {limited:>9}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
