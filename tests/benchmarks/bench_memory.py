"""Memory of the readers on large files: `python -m tests.benchmarks.bench_memory [GIGABYTES]` (default 1).

Each file is made of one compressed part, repeated: gzip allows it, and nothing large is written. It is read in a
process of its own, whose peak of memory is printed, less what `import toolkit` takes. `read_into` is to stay below
500 MB whatever the size of the file, and so is `read` where the looks are few. Where every line is a look, the frame
that `read` returns grows with them: then a twentieth of the size is read, and the bytes for each look are printed.
Exits with 1 if a limit is missed.
"""

import gzip
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.bench_readers import mail_log, tlsx, zeek

LIMIT = 500
"""Megabytes (10^6 bytes) above what `import toolkit` takes."""

PER_LOOK = 2_000
"""Bytes at the peak, for each look: the frame has 40 columns, and is copied once while it is made."""

_PEAK = """
import resource, sys, warnings
import toolkit
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
warnings.simplefilter("ignore")
looks = {looks}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(peak - before, looks)
"""

READ = "len(toolkit.read(sys.argv[1], format=sys.argv[2]).observations)"
READ_INTO = "toolkit.read_into(sys.argv[1], sys.argv[3], format=sys.argv[2], progress=False)['observations']"

ROWS = 20_000
"""Lines of a part."""


def main() -> int:
    """Print a line per file, and return the number of limits that were missed."""
    gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    quiet = [f"Nov 28 10:00:00 mx postfix/qmgr[{number}]: {number:010X}: removed\n" for number in range(ROWS)]
    other = [f"198.51.100.1 - - [28/Nov/2026] GET /{number} 200 {'x' * 80}\n" for number in range(ROWS)]
    mail, logs, lines = list(mail_log(ROWS)), list(_rows()), list(tlsx(ROWS))
    dense = [line for line in mail if "TLS connection" in line]
    cases: list[tuple[str, str, list[str], list[str], str, float]] = [
        ("mail log without TLS", "mail-log", list(mail_log(8)), quiet, READ, gigabytes),
        ("JSON lines, then text", "tlsx", lines[:5], other, READ, gigabytes),
        ("mail log, one line in four is a look", "mail-log", [], mail, READ, gigabytes / 20),
        ("Zeek ssl.log, TSV", "zeek", _header(), logs, READ, gigabytes / 20),
        ("tlsx, JSON lines", "tlsx", [], lines, READ, gigabytes / 20),
        ("mail log, each line a look, into a store", "mail-log", [], dense, READ_INTO, gigabytes),
        ("Zeek ssl.log, TSV, into a store", "zeek", _header(), logs, READ_INTO, gigabytes),
        ("tlsx, JSON lines, into a store", "tlsx", [], lines, READ_INTO, gigabytes),
    ]
    print(f"{'':42}{'GB':>6}{'looks':>14}{'s':>7}{'peak, MB':>10}{'bytes a look':>14}")
    missed = 0
    for words, name, first, part, call, size in cases:
        began = time.monotonic()
        peak, looks = measure(name, first, part, call, size)
        each = peak / looks
        is_bounded = looks < 1_000 or call == READ_INTO
        seconds = time.monotonic() - began
        line = f"{words:42}{size:6.2f}{looks:14,}{seconds:7.0f}{peak / 1e6:10,.0f}"
        print(line + ("" if is_bounded else f"{each:14,.0f}"), flush=True)
        missed += peak > LIMIT * 1e6 if is_bounded else each > PER_LOOK
    return missed


def measure(name: str, first: list[str], part: list[str], call: str, gigabytes: float) -> tuple[int, int]:
    """Peak of memory [bytes] and number of looks of a file of `first` and then `part`, until it has that size."""
    data = "".join(part).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.gz")
        with path.open("wb") as file:
            file.write(gzip.compress("".join(first).encode()))
            packed = gzip.compress(data)
            for _ in range(max(1, int(gigabytes * 1e9 / len(data)))):
                file.write(packed)
        command: list[str | Path] = [sys.executable, "-c", _PEAK.format(looks=call), path, name, Path(folder, "store")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, looks = map(int, done.stdout.split())
    return peak, max(looks, 1)


def _header() -> list[str]:
    return list(itertools.islice(zeek(0), 3))


def _rows() -> Iterator[str]:
    return itertools.islice(zeek(ROWS), 3, None)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
