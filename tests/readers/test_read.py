"""`toolkit.read`: what lies there decides how it is read, and every refusal says what to do."""

import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

import toolkit
from tests.certificates import der
from tests.conftest import ROOT, not_on_windows
from toolkit.errors import ReadError, ReadWarning, StoreError, UsageError
from toolkit.tables import as_pem


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"nowhere does not exist: check the spelling"):
        toolkit.read(tmp_path / "nowhere")


LATIN_1 = {
    "Zeek": "#separator \\x09\n#path\tssl\n#fields\tts\tid.resp_h\tid.resp_p\tserver_name\n"
    "#types\ttime\taddr\tport\tstring\n1784818803.5\t192.0.2.1\t443\tm\xfcller.test\n",
    "Received": "From: x\nReceived: by a.test (M\xfcller)\n\t(using TLSv1.2 with cipher AES128-SHA (128/128 bits));\n"
    "\tThu, 14 Dec 2023 05:56:22 -0800\n\n",
    "s_client": "CONNECTED(00000003)\nsubject=CN = M\xfcller\nNew, (NONE), Cipher is (NONE)\n",
    "crt.sh": "issuer_ca_id,issuer_name,not_after,name_value\n1,CN=M\xfcller,2024-07-03T03:41:42,a.test\n",
}


@pytest.mark.parametrize("given", LATIN_1.values(), ids=LATIN_1)
def test_bytes_that_are_not_utf_8_are_said(given: str, tmp_path: Path) -> None:
    (tmp_path / "given").write_bytes(given.encode("latin-1"))
    with pytest.warns(ReadWarning, match=r"given, line \d: bytes that are not UTF-8 are read as U\+FFFD"):
        tables = toolkit.read(tmp_path / "given")
    assert len(tables.observations) + len(tables.certificates)


def test_a_misspelt_example_is_suggested() -> None:
    with pytest.raises(ReadError, match=r"is not the name of an example\. Did you mean 'google-mail'\?"):
        toolkit.read("google-mial")


def test_a_web_address_is_not_a_store() -> None:
    with pytest.raises(ReadError, match=r"a web address is not read\. Download the file"):
        toolkit.read("https://looks.example/")


def test_a_folder_without_anything_known(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ReadError, match=r"holds neither observations\.csv, support\.csv, rounds\.csv nor a PEM file"):
        toolkit.read(tmp_path)


def test_an_empty_folder_asked_for_as_pem(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"holds no file named \.cer, \.crt, \.pem"):
        toolkit.read(tmp_path, format="pem")


@pytest.mark.parametrize(("name", "said"), [("notes", r"notes \(text of an unknown form\)"), (None, "it is empty")])
def test_a_folder_without_reports_asked_for_as_reports(tmp_path: Path, name: str | None, said: str) -> None:
    if name:
        (tmp_path / name).write_text("hello")
    with pytest.raises(ReadError, match=rf"holds no file that can be read: {said}\. Name the folder"):
        toolkit.read(tmp_path, format="reports")


def test_an_unknown_format_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"format='!' is not known\. Known: store, csv, pem"):
        toolkit.read(tmp_path, format="!")


@not_on_windows("named pipes and no /dev/zero")
def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pem")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "s.pem"))
    for path, kind in [("pipe.pem", "a named pipe"), ("s.pem", "a socket"), ("/dev/zero", "a device")]:
        with pytest.raises(
            ReadError, match=rf"is {kind}, and only regular files are read\. Save the content to a file"
        ):
            toolkit.read(tmp_path / path)
    (tmp_path / "observations.csv").symlink_to("/dev/zero")
    for format in ("csv", "pem"):  # noqa: A001  as `read` has it
        with pytest.raises(ReadError, match=r"is (a device|a named pipe), and only regular files"):
            toolkit.read(tmp_path, format=format)


def test_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(ReadError, match="a is a symbolic link that leads to no file"):
        toolkit.read(tmp_path / "a")
    (tmp_path / "c.pem").symlink_to("gone.pem")
    with pytest.raises(ReadError, match=r"c\.pem cannot be read: No such file"):
        toolkit.read(tmp_path)


@pytest.mark.parametrize("name", ["given.pem", "observations.csv"])
def test_a_file_that_is_too_large_is_refused_before_it_is_read(name: str, tmp_path: Path) -> None:
    with (tmp_path / name).open("wb") as file:
        file.write(b"x,y\n")
        file.truncate(2 << 30)
    with pytest.raises(ReadError, match=r"has 2,147,483,648 bytes; a file of this kind is read up to [0-9,]+ bytes"):
        toolkit.read(tmp_path)


def test_one_csv_of_a_folder_names_the_folder() -> None:
    with pytest.raises(ReadError, match=r"one file of several: name its folder, .*google-mail\."):
        toolkit.read(ROOT / "data" / "google-mail" / "observations.csv")


def test_a_folder_where_a_file_is_due_and_the_other_way_round(tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    path.write_text(as_pem(der.certificate()))
    with pytest.raises(ReadError, match="is not a folder: name the one"):
        toolkit.read(path, format="csv")
    path.unlink()
    (tmp_path / "y.pem").mkdir()
    with pytest.raises(ReadError, match=r"y\.pem cannot be read: Is a directory"):
        toolkit.read(tmp_path)


def test_the_path_may_be_text_and_the_name_of_a_pem_file_is_free(tmp_path: Path) -> None:
    (tmp_path / "chain").write_text(as_pem(der.certificate()))
    assert len(toolkit.read(str(tmp_path / "chain")).certificates) == 1


@pytest.mark.parametrize("path", ["", " "])
def test_an_empty_source_is_not_the_current_folder(path: str) -> None:
    with pytest.raises(UsageError, match="The path is empty: name a store"):
        toolkit.read(path)


@pytest.mark.parametrize(("path", "said"), [(["a", "b"], r"list\. Read them one by one"), (5, "int"), (b"a", "bytes")])
def test_what_is_not_a_path_is_refused(path: Any, said: str) -> None:
    with pytest.raises(UsageError, match=rf"takes one path \(str or Path\), not {said}"):
        toolkit.read(path)


def test_folders_that_hold_something_are_named_however_deep(tmp_path: Path) -> None:
    for name in ("accounts/x/y/z", "archive", "live/a.test", "live/b.test", "stores/kept/observations"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("a", "b"):
        (tmp_path / "live" / f"{name}.test" / "cert.pem").write_text(as_pem(der.certificate()))
    with pytest.raises(ReadError, match=r"name one of its folders, such as live/a\.test, live/b\.test, stores/kept\.$"):
        toolkit.read(tmp_path)
    shutil.rmtree(tmp_path / "live")
    shutil.rmtree(tmp_path / "stores")
    with pytest.raises(ReadError, match=r"name the folder that does\.$"):
        toolkit.read(tmp_path)


@pytest.mark.parametrize("format", [None, "store"])
def test_a_store_is_read_like_any_source(format: str | None, tmp_path: Path) -> None:  # noqa: A002  as `read` has it
    recorded = toolkit.read(ROOT / "data" / "google-mail")
    toolkit.Store(tmp_path / "kept").append(recorded)
    kept = toolkit.read(tmp_path / "kept", format=format)
    assert len(kept.observations) == 65
    assert set(kept.certificates["cert_sha256"]) == set(recorded.certificates["cert_sha256"])


def test_a_store_that_lost_its_logs_is_still_known_for_one(tmp_path: Path) -> None:
    toolkit.Store(tmp_path).append(toolkit.read(ROOT / "data" / "google-mail"))
    for log in tmp_path.glob("*/_delta_log"):
        shutil.rmtree(log)
    with pytest.raises(StoreError, match="its log"):
        toolkit.read(tmp_path)
