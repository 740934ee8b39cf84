"""Where a store may lie: it works there, or is refused before anything is made."""

import os
import stat
from pathlib import Path

import pytest

from tests.store.tables import tables_of_hour
from toolkit.collection import collect
from toolkit.errors import StoreError, UsageError
from toolkit.store import Store, as_store, delta

REFUSED = [
    "mail [prod]", "[", "]", "a^b", "a|b", "a\\b", "a%20b", "a%2Fb", "a%5bb", "100%25", "a\nb", "a\tb", "a\x7fb",
    "a\x1bb", "\udcff",
]  # fmt: skip
KEPT = [
    "100%", "a%zz", "a#b", "a?b", "a b", "a*b", "{a,b}", "ü 日本", "e\u0301", "dot.", " space ", "~", "a:b", "a=b",
    "a'b\"", "a&b;c", "$HOME", "<a>", "-a", ".a", "x" * 250,
]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_folder_that_could_not_be_opened_again_is_refused_before_a_look(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be the folder of a store.*Name a folder"):
        collect("https://127.0.0.1:1", tmp_path / name / "s", progress=False)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", KEPT)
def test_a_folder_of_any_other_name_keeps_and_loads(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / name / "s")
    for hour in range(2):
        store.append(tables_of_hour(hour))
    store.compact()
    assert len(Store(tmp_path / name / "s").load(since="2026-01-01T01:00:00Z").observations) == 3
    assert (tmp_path / name / "s" / "observations" / "_delta_log").is_dir()


def test_a_link_to_a_folder_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a[b]").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a[b]")
    with pytest.raises(UsageError, match=r"cannot be the folder of a store"):
        Store(tmp_path / "link")


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    Store(tmp_path / "link").append(tables_of_hour(0))
    assert len(Store(tmp_path / "there").load().observations) == 3


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store("looks/")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.append(tables_of_hour(0))
    assert (tmp_path / "looks" / "observations").is_dir()


def test_the_home_folder_and_file_urls_are_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Store("~/looks").path == str(tmp_path / "looks")
    assert Store((tmp_path / "a b").as_uri()).path == str(tmp_path / "a b")
    for wrong in ("file:looks", "file://elsewhere/looks", "file:///a%5Bb"):
        with pytest.raises(UsageError):
            Store(wrong)


@pytest.mark.parametrize("name", ["x" * 300, "/".join(["x" * 200] * 20), "a\0b"])
def test_a_path_that_no_folder_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the folder of a store"):
        Store(tmp_path / name)


@pytest.mark.parametrize("wrong", [None, 5, b"looks", ["looks"], "", " ", "s3://", "s3:///looks"])
def test_a_value_that_is_not_a_path_is_refused_with_advice(wrong: object) -> None:
    with pytest.raises(UsageError, match=r"s3://bucket/looks"):
        as_store(wrong)  # type: ignore[arg-type]  what is tested


def test_a_store_stands_for_itself_and_a_path_for_its_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    assert as_store(store) is store
    assert as_store(str(tmp_path / "s")).path == store.path


def test_a_folder_below_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    with pytest.raises(StoreError, match=r"A part of that path is a file"):
        Store(tmp_path / "f" / "s").append(tables_of_hour(0))


def test_nothing_that_is_kept_names_the_path(tmp_path: Path) -> None:
    store = Store(tmp_path / "secret place")
    for hour in range(2):
        store.append(tables_of_hour(hour))
    store.compact()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 6
    assert not [path for path in files if b"secret" in path.read_bytes() or b"pytest-" in path.read_bytes()]
    assert not list(tmp_path.rglob("_creating*"))


def test_files_have_the_rights_that_the_umask_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta, "_REOPEN_AFTER", 3)  # commits between two checkpoints
    before = os.umask(0o077)
    try:
        store = Store(tmp_path / "s")
        for hour in range(4):
            store.append(tables_of_hour(hour))
        store.compact()
        store.load().to_csv(tmp_path / "csv")
    finally:
        os.umask(before)
    assert list((tmp_path / "s").rglob("*.checkpoint.parquet"))
    made = [path for folder in ("s", "csv") for path in [tmp_path / folder, *(tmp_path / folder).rglob("*")]]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in made} == {0}


def test_the_message_about_a_home_folder_ends_once() -> None:
    with pytest.raises(UsageError, match=r"'~no-such-user' cannot be the folder of a store: [^.]*\. Name another\.$"):
        Store("~no-such-user")


def test_a_name_that_is_not_utf_8_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no byte that is not UTF-8"):
        Store(tmp_path / os.fsdecode(b"caf\xe9"))
