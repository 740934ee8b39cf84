"""Several processes, and processes that are killed: nothing that was said to be kept is lost, nothing is torn."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.store.tables import tables_of_hour
from toolkit.store import Store
from toolkit.tables import Tables


@contextmanager
def writer(folder: Path, name: str, rounds: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.store.writer", str(folder), name, str(rounds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def whole(tables: Tables) -> None:
    """Every certificate that is named is there, and so is every round."""
    named = set(tables.observations["chain_sha256"].dropna().explode())
    assert named <= set(tables.certificates["cert_sha256"])
    assert set(tables.observations["round"]) <= set(tables.rounds["round"])


def test_four_processes_append_to_a_store_that_none_of_them_made(tmp_path: Path) -> None:
    rounds = 12
    with (
        writer(tmp_path / "s", "a", rounds) as a,
        writer(tmp_path / "s", "b", rounds) as b,
        writer(tmp_path / "s", "c", rounds) as c,
        writer(tmp_path / "s", "d", rounds) as d,
    ):
        for process in (a, b, c, d):
            process.communicate(timeout=100)
            assert process.returncode == 0
    tables = Store(tmp_path / "s").load()
    whole(tables)
    assert len(tables.observations) == 4 * rounds * 3
    assert len(tables.rounds) == 4 * rounds * 2
    assert len(tables.certificates) == 4 * rounds // 4


@pytest.mark.parametrize("appends", [0, 1, 5])
def test_what_was_kept_before_a_kill_stays_and_nothing_is_torn(tmp_path: Path, appends: int) -> None:
    with writer(tmp_path / "s", "a", 1000) as process:
        assert process.stdout is not None
        for _ in range(appends):
            process.stdout.readline()
        process.kill()
    store = Store(tmp_path / "s")
    if appends:
        tables = store.load()
        whole(tables)
        assert {f"a-{hour}" for hour in range(appends)} <= set(tables.observations["round"])
        assert set(tables.observations.groupby("round").size()) == {3}
    for hour in range(3):
        store.append(tables_of_hour(hour, writer="b"))
    store.compact()
    whole(store.load())
    assert {"b-0", "b-1", "b-2"} <= set(store.load().observations["round"])
