"""The book's lines for Spark on a store, compared with `load()`: `python -m tests.benchmarks.bench_spark`.

The store has files of the first schema version, repeats, and files that a compaction has replaced. Ends with exit code
1 unless the lines give the observations of `load()`. Needs Java, and `pyspark`, which is not among the requirements:
without them it says so, and measures nothing.
"""

import re
import shutil
import sys
import tempfile
from contextlib import chdir
from importlib.util import find_spec
from time import perf_counter
from typing import Any

from tests.conftest import ROOT
from toolkit import load_example, schema
from toolkit.store import Store

PAGE = ROOT / "notebooks" / "book" / "pages" / "how-to" / "other-engines.md"
COMPARED = [*schema.OBSERVATION_KEY, "outcome", "leaf_sha256"]


def make_store(path: str) -> Store:
    """A store whose files hold more rows than it loads, and files that are not in force any more."""
    shutil.copytree(ROOT / "tests" / "version_1" / "store", path)
    store = Store(path)
    store.append(load_example("google-mail"))
    store.append(load_example("lab-sample"))
    store.compact()
    store.append(load_example("lab-sample"))
    return store


def main() -> int:
    """Print the table; the exit code says whether the observations are equal."""
    if find_spec("pyspark") is None or shutil.which("java") is None:
        print(
            "Not measured: Spark needs `pip install pyspark`, and Java (Debian: apt install openjdk-17-jre-headless)."
        )
        return 0
    (lines,) = re.findall(r"## Spark\n.*?```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    names: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="tls-toolkit-") as folder, chdir(folder):
        expected = make_store("observations").load().observations  # the lines name the store so
        began = perf_counter()
        exec(lines, names)
        took = perf_counter() - began
        observations, rows, spark = names["observations"], names["rows"], names["spark"]
        found = sorted(map(tuple, observations.select(*COMPARED).collect()), key=str)
        has_all_columns = set(observations.columns) >= set(expected.columns)
        counts = {
            "load()": len(expected),
            "Spark, the lines of the book": len(found),
            "Spark, before dropDuplicates": rows.count(),
            "Spark, every file of the folder": spark.read.parquet(f"{folder}/observations/observations").count(),
        }
        spark.stop()
    for read_by, count in counts.items():
        print(f"{read_by:32} {count:7,} rows")
    print(f"the lines took {took:.1f} s, with the start of Spark")
    wanted = expected[COMPARED].astype(object).where(expected[COMPARED].notna(), None)
    is_equal = has_all_columns and found == sorted(wanted.itertuples(index=False, name=None), key=str)
    print("the observations are equal" if is_equal else "THE OBSERVATIONS DIFFER")
    return int(not is_equal)


if __name__ == "__main__":
    sys.exit(main())
