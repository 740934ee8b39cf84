"""Places that are not a store: an error that says what is there and what to do."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from tests.store.tables import tables_of_hour
from toolkit.errors import StoreError
from toolkit.store import Store
from toolkit.tables import Tables


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


def test_a_url_whose_scheme_is_unknown_is_named() -> None:
    with pytest.raises(StoreError, match=r"s4:// is not known\. Write a folder, or s3://"):
        Store("s4://bucket/looks").load()


def test_another_delta_table_is_not_taken_for_ours(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "observations", pa.table({"x": [1]}))
    with pytest.raises(StoreError, match="not one of tls-toolkit's"):
        Store(tmp_path)
