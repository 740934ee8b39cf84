"""Damaged stores, newer stores: an error that names what is wrong and what to do."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

import toolkit
from tests.store.tables import tables_of_hour
from toolkit import schema
from toolkit.errors import StoreError
from toolkit.store import Store
from toolkit.store.delta import VERSION_PROPERTY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = Store(tmp_path / "store")
    for hour in range(3):
        store.append(tables_of_hour(hour))
    return tmp_path / "store"


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


@pytest.mark.parametrize("column", ["service", "chain_sha256"])
def test_a_file_with_text_that_is_not_utf8_is_named(folder: Path, column: str) -> None:
    """Arrow reads such text, and raises an error of its own where the text is used."""
    path = _parquet(folder)
    rows = pq.read_table(path)
    place, kind = rows.column_names.index(column), rows.schema.field(column).type
    texts = pa.array([b"\xff\xfe"] * len(rows)).view(pa.string())
    bad = pa.ListArray.from_arrays(range(len(rows) + 1), texts) if pa.types.is_list(kind) else texts
    pq.write_table(rows.set_column(place, column, bad), path)
    store = Store(folder)
    calls: list[Callable[[], object]] = [
        store.load,
        lambda: store.to_dask("observations").compute(scheduler="synchronous"),
        lambda: toolkit.ask(store, toolkit.verify_chains, as_of="2026-01-01T00:00Z", roots="certifi"),
    ]
    for call in calls:
        with pytest.raises(StoreError, match=f"{path.name} cannot be read \\({column}: .*UTF8"):
            call()


def test_a_whole_file_with_an_encoding_that_is_not_read_is_not_called_damaged(folder: Path) -> None:
    path = _parquet(folder)
    encodings = {"service": "DELTA_LENGTH_BYTE_ARRAY"}
    pq.write_table(pq.read_table(path), path, use_dictionary=False, column_encoding=encodings)
    with pytest.raises(StoreError, match=f"{path.name}.*version 1 of Parquet") as caught:
        Store(folder).load()
    assert "backup" not in str(caught.value)


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
