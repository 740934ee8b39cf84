"""Folders that are not a store, damaged stores, newer stores: an error that names what is wrong and what to do."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from tests.store.tables import tables_of_hour
from toolkit import schema
from toolkit.errors import StoreError
from toolkit.store import Store
from toolkit.store.delta import VERSION_PROPERTY
from toolkit.tables import Tables


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = Store(tmp_path / "store")
    for hour in range(3):
        store.append(tables_of_hour(hour))
    return tmp_path / "store"


def test_a_file_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    with pytest.raises(StoreError, match="is a file, not a store"):
        Store(tmp_path / "f")


def test_a_folder_of_something_else_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_text("x")
    with pytest.raises(StoreError, match=r"not a store: it holds 'report\.csv'"):
        Store(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.csv"]


def test_a_folder_of_csv_is_not_a_store_and_says_how_to_read_it(tmp_path: Path) -> None:
    Tables.from_frames().to_csv(tmp_path / "looks")
    with pytest.raises(StoreError, match=r"is not a store but a folder of CSV: toolkit.read\('.*looks'\) reads it"):
        Store(tmp_path / "looks")


def test_an_empty_or_absent_folder_becomes_a_store(tmp_path: Path) -> None:
    for name in ("absent", "empty"):
        if name == "empty":
            (tmp_path / name).mkdir()
        store = Store(tmp_path / name)
        with pytest.raises(StoreError, match="holds no store yet"):
            store.load()
        with pytest.raises(StoreError, match="holds no store yet"):
            store.sightings()
        store.append(tables_of_hour(0))
        assert len(store.load().observations) == 3


def test_another_delta_table_is_not_taken_for_ours(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "observations", pa.table({"x": [1]}))
    with pytest.raises(StoreError, match="not one of tls-toolkit's"):
        Store(tmp_path)


def test_a_newer_schema_says_what_to_do(folder: Path) -> None:
    newer = schema.VERSION + 1
    DeltaTable(folder / "support" if (folder / "support").exists() else folder / "rounds").alter.set_table_properties(
        {VERSION_PROPERTY: str(newer)}, raise_if_not_exists=False
    )
    with pytest.raises(StoreError, match=f"schema {newer}.*pip install --upgrade"):
        Store(folder)


def _parquet(folder: Path) -> Path:
    return min((folder / "observations").glob("*.parquet"))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def _scramble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4:120] = bytes(116)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [Path.unlink, _cut, _scramble, lambda path: path.write_bytes(b"")])
def test_a_damaged_file_is_named(folder: Path, damage: Callable[[Path], object]) -> None:
    path = _parquet(folder)
    damage(path)
    for ask in (Store(folder).load, Store(folder).sightings):
        with pytest.raises(StoreError, match=path.name) as caught:
            ask()
        assert "backup" in str(caught.value)
        assert "\x1b" not in str(caught.value)


def _remove_log(folder: Path) -> None:
    shutil.rmtree(folder / "observations" / "_delta_log")


def _empty_log(folder: Path) -> None:
    for path in (folder / "observations" / "_delta_log").iterdir():
        path.unlink()


def _garbage_in_log(folder: Path) -> None:
    (folder / "observations" / "_delta_log" / f"{3:020d}.json").write_text('{"add": {"pa')


def _log_with_a_hole(folder: Path) -> None:
    (folder / "observations" / "_delta_log" / f"{1:020d}.json").unlink()


def _garbage_version(folder: Path) -> None:
    path = folder / "observations" / "_delta_log" / f"{0:020d}.json"
    path.write_text(path.read_text().replace(f'"{VERSION_PROPERTY}":"{schema.VERSION}"', f'"{VERSION_PROPERTY}":"one"'))


@pytest.mark.parametrize("damage", [_remove_log, _empty_log, _garbage_in_log, _log_with_a_hole, _garbage_version])
def test_a_damaged_log_is_named(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    with pytest.raises(StoreError, match=r"observations.*backup"):
        Store(folder).load()


def test_the_rest_can_be_read_when_a_damaged_table_is_moved_away(folder: Path) -> None:
    _parquet(folder).unlink()
    (folder / "observations").rename(folder.parent / "away")
    assert len(Store(folder).load().rounds) == 6


def test_a_store_that_lost_certificates_is_reported(folder: Path) -> None:
    shutil.rmtree(folder / "certificates")
    with pytest.raises(StoreError, match=r"certificates is gone.*Restore that folder from a backup"):
        Store(folder)
