"""`Tables.to_csv` that is killed, fails or is repeated: the folder reads as one whole export, or is refused."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import toolkit
from tests.certificates import der
from toolkit import Tables, schema
from toolkit.certificates import parse_certificate
from toolkit.errors import OutputError, ReadError, UsageError

KILLABLE = [
    (Path, "mkdir"), (Path, "write_text"), (Path, "rename"), (Path, "replace"), (Path, "unlink"),
    (shutil, "rmtree"), (pd.DataFrame, "to_csv"),
]  # fmt: skip
"""What changes the disk during an export."""


class KilledError(BaseException):
    """Stands for a signal that no process survives."""


def made(*serials: int, is_held: bool = True) -> Tables:
    """A look for each serial number, at a certificate with it."""
    certificates = [parse_certificate(der.certificate(serial=der.integer(serial))) for serial in serials]
    looks = [
        {
            "date_basis": "undated", "round": f"round of {len(serials)}", "sample": number, "source": "test",
            "outcome": "ok", "leaf_sha256": row["cert_sha256"], "chain_sha256": (row["cert_sha256"],),
        }
        for number, row in enumerate(certificates)
    ]  # fmt: skip
    certificates.sort(key=lambda row: str(row["cert_sha256"]))
    return Tables.from_frames(
        schema.frame("observations", looks), schema.frame("certificates", certificates if is_held else [])
    )


def is_equal(one: Tables, other: Tables) -> bool:
    try:
        for table in schema.TABLES:
            assert_frame_equal(getattr(one, table), getattr(other, table))
    except AssertionError:
        return False
    return True


def kill_at(patch: pytest.MonkeyPatch, last: int) -> Callable[[], int]:
    """Let the process be killed instead of the `last`-th change of the disk; the changes asked for are counted."""
    count = 0

    def killing(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == last:
                raise KilledError
            return change(*args, **kwargs) if count < last else None  # a dead process does not tidy up

        return changed

    for owner, name in KILLABLE:
        patch.setattr(owner, name, killing(getattr(owner, name)))
    return lambda: count


@pytest.mark.parametrize("before", [None, made(1, 2)], ids=["a new folder", "over another export"])
def test_an_export_killed_at_any_point_is_whole_or_refused(before: Tables | None, tmp_path: Path) -> None:
    after = made(2, 3, 4)
    refused = set()
    for last in range(1, 100):
        folder = tmp_path / str(last)
        if before is not None:
            before.to_csv(folder)
        with pytest.MonkeyPatch.context() as patch:
            count = kill_at(patch, last)
            try:
                after.to_csv(folder)
            except KilledError:
                is_killed = True
            else:
                is_killed = False
                assert count() == last - 1
        try:
            read = toolkit.read(folder)
        except ReadError as error:
            refused.add(str(error))
        else:
            assert is_equal(read, after) or (before is not None and is_equal(read, before)), last
        after.to_csv(folder)
        assert is_equal(toolkit.read(folder), after)
        assert sorted(path.name for path in folder.iterdir()) == [
            "certificates", "observations.csv", "rounds.csv", "support.csv",
        ]  # fmt: skip
        if not is_killed:
            break
    assert not is_killed, "the last run was never cut off"
    assert any("cut off" in reason for reason in refused), "it was killed while it replaced files"


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = made(1, 2)
    before.to_csv(tmp_path)
    files = sorted(tmp_path.rglob("*"))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OutputError, match="No space left"):
        made(3).to_csv(tmp_path)
    assert sorted(tmp_path.rglob("*")) == files
    assert is_equal(toolkit.read(tmp_path), before)


def test_an_export_replaces_an_earlier_one_and_leaves_other_files(tmp_path: Path) -> None:
    (tmp_path / "certificates").mkdir()
    others = [tmp_path / "notes.txt", tmp_path / "certificates" / "README"]
    for other in others:
        other.write_text("of the user")
    made(1, 2, is_held=False).to_csv(tmp_path)
    made(1, 2, 3).to_csv(tmp_path)
    made(3).to_csv(tmp_path)
    assert is_equal(toolkit.read(tmp_path), made(3))
    assert [other.read_text() for other in others] == ["of the user"] * 2


def test_a_store_is_not_exported_into(tmp_path: Path) -> None:
    toolkit.Store(tmp_path).append(made(1))
    with pytest.raises(UsageError, match="is a store: name another folder"):
        made(1).to_csv(tmp_path)


def test_certificates_that_the_tables_do_not_hold_are_listed_and_not_missed(tmp_path: Path) -> None:
    tables = made(1, 2, is_held=False)
    tables.to_csv(tmp_path)
    assert is_equal(toolkit.read(tmp_path), tables)
    listed = (tmp_path / "certificates-not-held.txt").read_text().splitlines()
    assert listed == sorted(tables.observations["leaf_sha256"])


@pytest.mark.parametrize("column", ["leaf_sha256", "chain_sha256"])
def test_a_certificate_that_observations_name_and_that_is_not_there_is_named(column: str, tmp_path: Path) -> None:
    tables = made(1, 2)
    (other,) = {"leaf_sha256", "chain_sha256"} - {column}
    Tables.from_frames(tables.observations.drop(columns=other), tables.certificates).to_csv(tmp_path)
    path = min((tmp_path / "certificates").iterdir())
    path.unlink()
    with pytest.raises(ReadError, match=rf"not whole: .* 1 certificate that certificates/ lacks, such as {path.name}"):
        toolkit.read(tmp_path)


def test_a_copy_of_the_tables_without_their_certificates_is_refused(tmp_path: Path) -> None:
    made(1, 2).to_csv(tmp_path)
    shutil.rmtree(tmp_path / "certificates")
    (tmp_path / "support.csv").unlink()
    with pytest.raises(ReadError, match=r"2 certificates that certificates/ lacks.*certificates-not-held\.txt"):
        toolkit.read(tmp_path)
