"""`make bench`: what a check of many services costs, and how counting findings compares with counting row by row.

The services are copies of the lab sample's seven under other names: 95 observations and 326 answers of surveys per
seven services, of the last two weeks. Seconds are of the processor. The naive count is that of the tests.

    python -m tests.benchmarks.bench_check [SERVICES …]
"""

import sys
from dataclasses import replace
from time import process_time

import numpy as np
import pandas as pd

import toolkit
from tests.analyse.policy.naive import summarise_naively
from toolkit.analyse import judge, summarise_findings
from toolkit.lab import Lab
from toolkit.tables import Tables

SIZES = (100, 1_000, 10_000)
NAIVE_ROWS = 50_000
"""The naive count is measured up to so many findings."""

GOAL_SECONDS = 10.0
"""Of a check of 10,000 services."""

NOW = "2026-01-24T00:00Z"


def copy_services(tables: Tables, services: int) -> Tables:
    """So many services: copies of those of the tables under other names."""
    copies = -(-services // tables.observations["service"].nunique())
    return replace(tables, observations=_copied(tables.observations, copies), support=_copied(tables.support, copies))


def _copied(rows: pd.DataFrame, copies: int) -> pd.DataFrame:
    """The rows so many times, in contiguous columns as a store loads them, each time under other names."""
    repeated = rows.take(np.tile(np.arange(len(rows)), copies)).reset_index(drop=True)
    number = pd.Series(np.repeat(np.arange(copies), len(rows))).astype("string")
    for name in ("service", "host", "server_name"):
        if name in repeated:
            before, domain, after = (part for _, part in repeated[name].str.partition(".lab.test").items())
            repeated[name] = before + "-" + number + domain + after
    return repeated


def main() -> None:
    """Print a line per number of services."""
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    sample = toolkit.load_example("lab-sample").within(since="2026-01-10T00:00:00Z")
    roots = Lab().roots
    toolkit.check(sample, now=NOW, roots=roots, policy="baseline")  # imports, and reads the reference
    print(
        f"{'services':>10}{'looks':>10}{'rows':>10}{'check':>10}{'findings':>10}{'count':>10}{'naive':>10}{'ratio':>8}"
    )
    for size in sizes:
        tables = copy_services(sample, size)
        begin = process_time()
        checks = toolkit.check(tables, now=NOW, roots=roots, policy="baseline")
        checked = process_time() - begin
        findings = judge(tables, "baseline")
        begin = process_time()
        summarise_findings(findings, by="found")
        counted = process_time() - begin
        naive = float("nan")
        if len(findings) <= NAIVE_ROWS:
            begin = process_time()
            summarise_naively(findings, "found")
            naive = process_time() - begin
        print(
            f"{size:10,}{len(tables.observations):10,}{len(checks):10,}{checked:8.2f} s{len(findings):10,}"
            f"{counted:8.3f} s{naive:8.3f} s{naive / counted:8.1f}"
        )
        if size == SIZES[-1] and checked > GOAL_SECONDS:
            print(f"MISSED: a check of {size:,} services takes {checked:.1f} s, the goal is {GOAL_SECONDS:.0f} s.")
            sys.exit(1)


if __name__ == "__main__":
    main()
