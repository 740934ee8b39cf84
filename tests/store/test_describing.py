"""What a store says of itself, and of the settings of its rounds."""

import re
from pathlib import Path

import pytest

import toolkit
from tests.store.tables import tables_of_hour
from toolkit.store import Store
from toolkit.store.counting import read_settings


def test_a_store_says_what_it_holds_from_logs_and_rounds(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert repr(store).splitlines()[1:] == ["  empty  nothing was appended yet"]
    store.append(toolkit.load_example("google-mail"))
    toolkit.collect("tls://127.0.0.1:1", store, progress=False)
    lines = repr(store).splitlines()
    assert lines[0] == f"Store({str(tmp_path / 'store')!r})"
    assert re.fullmatch(r"  observations  66 rows in 2 files, [\d.]+ kB; 2007-07-23 to 20\d\d-\d\d-\d\d", lines[1])
    assert lines[-1].endswith("1 round, 0 unfinished; 1 of 1 looks failed")
    shown = store._repr_html_()
    assert shown.count("<tr>") == 4
    assert "1 of 1 looks failed" in shown


def test_a_store_whose_rounds_lie_in_many_files_does_not_open_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    store.append(tables_of_hour(0))
    assert "1 round, 1 unfinished" in repr(store)
    monkeypatch.setattr("toolkit.store.describing._FEW_FILES", 1)
    monkeypatch.setattr("toolkit.store.delta.KeptTable.read", pytest.fail)
    assert "rounds        2 rows in 2 files" in repr(store)


def test_a_damaged_store_is_shown_as_such(tmp_path: Path) -> None:
    store = Store(tmp_path / "<b>")
    store.append(tables_of_hour(0))
    for entry in (tmp_path / "<b>" / "observations" / "_delta_log").iterdir():
        entry.write_text("{")
    assert "cannot be read" in repr(store)
    assert "<b>" not in store._repr_html_()


@pytest.mark.parametrize("kept", [None, "", "[]", "no JSON", "[" * 200_000, "9" * 10_000])
def test_settings_that_are_not_an_object_are_empty(kept: object) -> None:
    assert read_settings(kept) == {}
