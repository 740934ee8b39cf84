"""`Store.to_dask`: the rows of `load()` by file, without repeats wherever they are."""

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dask
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import toolkit
from tests.conftest import ROOT
from tests.store.tables import BEGIN, certificate, look, tables_of_hour
from toolkit import schema
from toolkit.errors import StoreError, UsageError
from toolkit.store import Store, partitions
from toolkit.store.delta import VERSION_PROPERTY, KeptTable
from toolkit.tables import Tables


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with dask.config.set(scheduler="synchronous"):
        yield


def same_as_loaded(store: Store) -> None:
    loaded = store.load()
    for name in schema.TABLES:
        frame, expected = store.to_dask(name), getattr(loaded, name)
        by = list(schema.KEYS[name])
        assert frame.dtypes.to_dict() == expected.dtypes.to_dict()
        assert_frame_equal(
            frame.compute().sort_values(by, ignore_index=True), expected.sort_values(by, ignore_index=True)
        )


def test_the_rows_of_many_files_are_those_of_load(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for hour in range(6):
        store.append(tables_of_hour(hour))
    assert store.to_dask("observations").npartitions == 6
    same_as_loaded(store)


def test_rows_that_repeat_those_of_another_file_are_dropped(tmp_path: Path) -> None:
    store, tables = Store(tmp_path / "store"), toolkit.load_example("lab-sample")
    for service in tables.observations["service"].unique():
        store.append(tables.within(services=service))
    Store(store.path).append(tables)
    assert store.info().set_index("table")["rows"]["observations"] == 2 * len(tables.observations)
    same_as_loaded(store)
    assert len(store.to_dask("observations")) == len(tables.observations)
    store.compact()
    same_as_loaded(store)
    Store(store.path).append(tables)
    same_as_loaded(store)


def test_of_repeats_the_one_that_load_keeps_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for hours, outcome in ((2, "reset"), (1, "closed"), (None, "deferred"), (3, "timeout")):
        at = None if hours is None else BEGIN + pd.Timedelta(hours=hours)
        rows = schema.frame("observations", [look(at, outcome=outcome)])
        described = {"subject": "CN=x"} if hours is None else {}
        held = [certificate("leaf", der=None if hours == 2 else b"leaf", **described)]
        store.append(Tables(rows, schema.frame("certificates", held), schema.empty("support"), schema.empty("rounds")))
        store._certificates.clear()
    assert store.to_dask("observations").compute()["outcome"].tolist() == ["closed"]
    assert store.to_dask("certificates").compute()["der"].tolist() == [b"leaf"]
    same_as_loaded(store)


def test_only_files_that_can_share_a_key_are_read_for_their_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    for hour in (0, 1, 2, 1):
        store.append(tables_of_hour(hour))
    groups = []
    original = partitions._first_of_keys

    def count(table: KeptTable, files: list, dataset: object) -> dict:
        groups.append((table.name, len(files)))
        return original(table, files, dataset)

    monkeypatch.setattr(partitions, "_first_of_keys", count)
    store.to_dask("observations")
    assert groups == [("observations", 2)]


def test_a_file_of_another_program_without_statistics_is_compared_with_every_other(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for hour in range(3):
        store.append(tables_of_hour(hour))
    log = sorted(Path(store.path, "observations", "_delta_log").glob("*.json"))[-1]
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        action.get("add", {}).pop("stats", None)
    log.write_text("\n".join(map(json.dumps, actions)))
    store.append(tables_of_hour(2))
    same_as_loaded(store)


def test_columns_that_an_older_schema_lacked_are_null_or_parsed_as_load_does(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests" / "version_1" / "store", tmp_path / "store")
    store = Store(tmp_path / "store")
    same_as_loaded(store)
    assert store.to_dask("observations")["tool"].compute().isna().all()
    assert store.to_dask("certificates")["key_usage"].compute().notna().all()
    store.append(toolkit.load_example("lab-sample"))
    same_as_loaded(store)


def test_columns_can_be_chosen_and_a_missing_table_is_empty(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.append(tables_of_hour(0))
    store.append(tables_of_hour(0))
    chosen = store.to_dask("observations")[["outcome"]]
    assert chosen.optimize().compute()["outcome"].value_counts().to_dict() == {"ok": 2, "timeout": 1}
    assert_frame_equal(store.to_dask("support").compute(), schema.empty("support"))


def test_a_frame_outlives_a_compaction_and_says_so_when_its_files_are_gone(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for hour in range(3):
        store.append(tables_of_hour(hour))
    before = store.to_dask("observations")
    store.compact()
    assert len(before) == 9
    store.compact(exclusive=True)
    with pytest.raises(StoreError, match="call to_dask again"):
        before.compute()


def test_a_newer_schema_and_a_wrong_table_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.append(tables_of_hour(0))
    with pytest.raises(UsageError, match="Known: observations, certificates"):
        store.to_dask("looks")  # type: ignore[arg-type]
    newer = {VERSION_PROPERTY: str(schema.VERSION + 1)}
    store._tables["observations"].open().alter.set_table_properties(newer, raise_if_not_exists=False)
    with pytest.raises(StoreError, match="Upgrade"):
        store.to_dask("observations")


def test_credentials_are_never_put_into_a_graph(tmp_path: Path) -> None:
    plain = Store(tmp_path / "store")
    plain.append(tables_of_hour(0))
    secret = "not-to-be-seen"
    store = Store(plain.path, storage_options={"AWS_SECRET_ACCESS_KEY": secret})
    with pytest.raises(UsageError, match="environment variables") as caught:
        store.to_dask("observations")
    assert secret not in str(caught.value)
    assert secret.encode() not in pickle.dumps(dict(plain.to_dask("observations").__dask_graph__()))


def test_dask_is_imported_only_where_it_is_used() -> None:
    lines = "import sys, toolkit; toolkit.Store, toolkit.ask, toolkit.collect; sys.exit('dask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", lines], check=False).returncode == 0
