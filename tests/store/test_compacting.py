"""Compaction changes files and no row, whatever else goes on, and deletes only what a commit removed."""

import json
import os
import shutil
import threading
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from tests.store.tables import BEGIN, SERVICES, look, make_store, tables_of_hour
from toolkit import schema
from toolkit.errors import StoreError
from toolkit.store import Store, compacting, delta, selecting
from toolkit.store.compacting import join_files
from toolkit.store.delta import KeptTable
from toolkit.store.selecting import is_in
from toolkit.tables import Tables

SORT_BY = ("service", "observed_at")

LONG_AGO = 946_684_800
"""1 January 2000, in seconds since 1970."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("made") / "store", hours=4)


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Store:
    return Store(shutil.copytree(made, tmp_path / "store"))


def rows(store: Store) -> int:
    """Rows as they lie in the files, repeats included, which is what other programs read."""
    return int(store.info().set_index("table").loc["observations", "rows"])


def opened(store: Store) -> DeltaTable:
    return DeltaTable(f"{store.path}/observations")


def parquet(store: Store) -> set[str]:
    return {path.name for path in Path(store.path, "observations").glob("*.parquet")}


def test_of_two_compactions_of_one_version_one_does_nothing(store: Store) -> None:
    first, second = opened(store), opened(store)
    join_files(first, sort_by=SORT_BY)
    files = parquet(store)
    join_files(second, sort_by=SORT_BY)
    assert (rows(store), len(store.load().observations)) == (12, 12)
    assert parquet(store) == files


def test_rows_that_were_appended_meanwhile_stay(store: Store) -> None:
    table = opened(store)
    store.append(tables_of_hour(4))
    join_files(table, sort_by=SORT_BY)
    assert (rows(store), len(store.load().observations)) == (15, 15)


def test_rows_that_were_deleted_meanwhile_do_not_come_back(store: Store) -> None:
    table = opened(store)
    DeltaTable(f"{store.path}/observations").delete(f"service = '{SERVICES[0]}'")
    files = parquet(store)
    with pytest.raises(CommitFailedError):
        join_files(table, sort_by=SORT_BY)
    assert rows(store) == 8
    assert parquet(store) == files


def test_compactions_appends_and_loads_at_one_time(store: Store) -> None:
    failed: list[BaseException] = []
    loaded: list[int] = []

    def run(work: object) -> None:
        assert callable(work)
        try:
            work()
        except BaseException as error:  # noqa: BLE001  whatever a thread raises fails the test
            failed.append(error)

    def write(name: str) -> None:
        for hour in range(5):
            Store(store.path).append(tables_of_hour(hour, writer=name))

    jobs = [lambda: [Store(store.path).compact() for _ in range(4)]] * 2
    jobs += [lambda: loaded.extend(len(Store(store.path).load().observations) for _ in range(4))]
    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    threads += [threading.Thread(target=run, args=(lambda name=name: write(name),)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert loaded == sorted(loaded)
    assert (rows(store), len(store.load().observations)) == (42, 42)


def test_a_joined_file_keeps_the_bounds_of_its_parts(store: Store) -> None:
    undated = look(None, observed_until=BEGIN + timedelta(days=9), service="https://z.test:443")
    store.append(Tables.from_frames(observations=schema.frame("observations", [undated])))
    store.compact()
    (joined,) = pa.table(opened(store).get_add_actions(flatten=True)).to_pylist()
    assert joined["num_records"] == 13
    assert (joined["min.observed_at"], joined["max.observed_at"]) == (BEGIN, BEGIN + timedelta(hours=3))
    assert joined["max.observed_until"] == BEGIN + timedelta(days=9)
    assert (joined["min.service"], joined["max.service"]) == ("https://z.test:443", SERVICES[1])
    assert (joined["null_count.observed_at"], joined["null_count.observed_until"]) == (1, 12)
    assert len(store.load(since=BEGIN + timedelta(days=2)).observations) == 1
    assert store.load(since=BEGIN + timedelta(days=10)).observations.empty


def test_a_joined_file_is_sorted_by_service_and_equal_rows_keep_their_order(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One service is then in few row groups, which their statistics show; what is loaded stays the same."""
    monkeypatch.setattr(compacting, "_GROUP_ROWS", 4)
    loaded = store.load()
    store.compact()
    (name,) = opened(store).file_uris()
    file = pq.ParquetFile(name)
    service = file.schema_arrow.get_field_index("service")
    found = [file.metadata.row_group(number).column(service).statistics for number in range(file.num_row_groups)]
    assert len(found) == 3
    assert all(before.max <= after.min for before, after in pairwise(found))
    kept = file.read(["service", "observed_at"]).to_pylist()
    assert kept == sorted(kept, key=lambda row: (row["service"], row["observed_at"]))
    assert file.schema_arrow.field("service").type == pa.string(), "other programs read text"
    for table in schema.TABLES:
        assert getattr(store.load(), table).equals(getattr(loaded, table))


def test_of_a_compacted_file_only_the_row_groups_of_a_service_are_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacting, "_GROUP_ROWS", 2)
    loaded = store.load(services=SERVICES[0])
    store.compact()
    assert store.load(services=SERVICES[0]).observations.equals(loaded.observations)
    table = KeptTable("observations", f"{store.path}/observations", None)
    (file,) = table.dataset(table.open()).get_fragments()
    part = selecting._part(file, is_in("service", {SERVICES[0]}))
    assert part is not None
    assert len(part.row_groups) == pytest.approx(len(loaded.observations) / 2, abs=1)
    assert part.metadata.num_row_groups == 6
    assert selecting._part(file, is_in("service", {"https://z.test:443"})) is None


def test_row_groups_outside_the_range_of_many_services_are_not_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrow itself does not compare statistics with hundreds of values."""
    monkeypatch.setattr(compacting, "_GROUP_ROWS", 5)
    store.compact()
    table = KeptTable("observations", f"{store.path}/observations", None)
    services = {SERVICES[2], *(f"imaps://c.test:{port}" for port in range(1000, 1500))}
    (file,) = table.dataset(table.open()).get_fragments()
    part = selecting._part(file, is_in("service", services))
    assert part is not None
    assert (len(part.row_groups), part.metadata.num_row_groups) == (1, 3)


def test_a_column_of_equal_values_in_the_row_groups_is_not_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compacting, "_GROUP_ROWS", 2)
    looks = store.load().observations
    marked = looks[looks["service"] == SERVICES[0]].assign(round="marked", vantage="here")
    store.append(Tables.from_frames(observations=marked))
    store.compact()
    table = KeptTable("observations", f"{store.path}/observations", None)
    (file,) = table.dataset(table.open()).get_fragments()
    columns = ["service", "vantage", "tool", "chain_sha256", "sample", "source"]
    everywhere = {"tool": None, "sample": 0, "source": "lab"}
    for service, same in (
        (SERVICES[0], everywhere),
        (SERVICES[2], everywhere | {"service": SERVICES[2], "vantage": None}),
    ):
        part = selecting._part(file, is_in("service", {service}))
        assert part is not None
        assert selecting._same([part], columns) == same
        kept = table.read(columns, is_in("service", {service}))
        assert kept.column_names == columns
        assert kept["vantage"].null_count == sum(looks["service"] == service)
        assert kept["tool"].null_count == len(kept)
        assert set(kept["sample"].to_pylist()) == {0}
        assert set(kept["source"].to_pylist()) == {"lab"}


def test_statistics_that_are_not_utf8_and_a_column_that_a_file_lacks(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"service": [SERVICES[0], "\u00e9"], "port": [1, 2]}), path, write_page_index=False)
    whole = path.read_bytes()
    assert whole.count(b"\xc3\xa9") > 1
    path.write_bytes(whole.replace(b"\xc3\xa9", b"\xff\xa9"))
    (file,) = ds.dataset(path).get_fragments()
    assert selecting._part(file, is_in("service", {SERVICES[2]})) is not None, "nothing is known of this row group"
    pq.write_table(pa.table({"port": [1, 2]}), path)
    (file,) = ds.dataset(path).get_fragments()
    assert selecting._part(file, is_in("service", {SERVICES[2]})) is None


def test_a_file_with_many_rows_is_not_joined(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compacting, "_ENOUGH_ROWS", 7)
    store.compact()
    assert sorted(pa.table(opened(store).get_add_actions())["num_records"].to_pylist()) == [6, 6]


def test_a_file_that_no_commit_names_stays_however_old_it_looks(store: Store) -> None:
    being_written = Path(store.path, "observations", "part-00000-of-another-process.parquet")
    being_written.write_bytes(b"PAR1")
    os.utime(being_written, (LONG_AGO, LONG_AGO))
    store.compact()
    assert being_written.exists()
    store.compact(exclusive=True)
    assert not being_written.exists()
    assert len(store.load().observations) == 12


def test_entries_of_the_log_stay_however_old_they_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta, "_REOPEN_AFTER", 4)  # commits between two checkpoints
    store = Store(tmp_path / "store")
    log = Path(store.path, "observations", "_delta_log")

    def append(hours: range) -> None:
        for hour in hours:
            store.append(Tables.from_frames(observations=tables_of_hour(hour).observations))

    append(range(6))
    for path in log.iterdir():
        os.utime(path, (LONG_AGO, LONG_AGO))
    append(range(6, 12))
    store.compact()
    assert len(list(log.glob("*.checkpoint.parquet"))) > 1
    assert (log / f"{0:020d}.json").exists()
    store.compact(exclusive=True)
    assert not (log / f"{0:020d}.json").exists()
    assert len(store.load().observations) == 12 * 3


def test_files_that_a_compaction_replaced_stay_until_another(store: Store) -> None:
    before = parquet(store)
    store.compact()
    assert before < parquet(store)


def test_who_reads_a_version_whose_files_go_reads_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    open_now = KeptTable.open
    others = [Store(store.path)]

    def open_then_compact(self: KeptTable) -> DeltaTable:
        table = open_now(self)
        if self.name == "observations" and others:
            others.pop().compact(exclusive=True)
        return table

    monkeypatch.setattr(KeptTable, "open", open_then_compact)
    assert len(store.load().observations) == 12
    assert not others


def test_what_does_not_hold_what_the_log_says_is_not_joined(store: Store) -> None:
    log = Path(store.path, "observations", "_delta_log", f"{1:020d}.json")
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "add" in action:
            action["add"]["stats"] = action["add"]["stats"].replace('"numRecords":3', '"numRecords":4')
    log.write_text("\n".join(map(json.dumps, actions)))
    files = parquet(store)
    with pytest.raises(StoreError, match="do not hold the rows that the log says"):
        store.compact()
    assert parquet(store) == files
