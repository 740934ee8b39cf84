"""PEM: text around it is passed over, and what is cut or damaged is named with its line."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import toolkit
from tests.certificates import der
from tests.conftest import ROOT
from toolkit.certificates import LIMIT
from toolkit.errors import ReadError
from toolkit.readers.pem import parse_pem, read_certificates
from toolkit.tables import as_pem

FIRST, SECOND = der.certificate(), der.certificate(serial=der.integer(6))
BOTH = as_pem(FIRST) + as_pem(SECOND)


def parse(text: str) -> list[bytes]:
    return list(parse_pem(iter(text.encode().splitlines(keepends=True)), name="x.pem"))


@pytest.mark.parametrize(
    "text",
    [
        BOTH,
        BOTH.replace("\n", "\r\n"),
        BOTH.rstrip("\n"),
        "subject: CN=-----BEGIN CERTIFICATE-----\n" + as_pem(FIRST) + "\n0 s:CN=x\n" + as_pem(SECOND) + "tail",
        as_pem(FIRST) + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + as_pem(SECOND),
        BOTH.replace("CERTIFICATE", "X509 CERTIFICATE"),
        BOTH.replace("MII", " MII \n\n"),
    ],
    ids=["plain", "CRLF", "no last line end", "text around", "a key between", "old label", "blanks"],
)
def test_certificates_are_found_in_their_order(text: str) -> None:
    assert parse(text) == [FIRST, SECOND]


def test_one_line_of_base64_is_as_good_as_many() -> None:
    head, *body, tail = as_pem(FIRST).splitlines()
    assert parse("\n".join([head, "".join(body), tail])) == [FIRST]


@pytest.mark.parametrize("lines", range(1, len(as_pem(FIRST).splitlines())))
def test_a_certificate_cut_short_is_named_with_its_line(lines: int, tmp_path: Path) -> None:
    path = tmp_path / "cut.pem"
    path.write_text(as_pem(SECOND) + "\n".join(as_pem(FIRST).splitlines()[:lines]))
    begun = len(as_pem(SECOND).splitlines()) + 1
    with pytest.raises(ReadError, match=rf"cut\.pem, line {begun + lines - 1}: .* line {begun} is cut short.*again"):
        toolkit.read(path)


def test_a_certificate_in_which_another_begins_is_cut_short() -> None:
    with pytest.raises(ReadError, match=r"x\.pem, line 5: the certificate that begins in line 1 is cut short"):
        parse("\n".join(as_pem(FIRST).splitlines()[:4]) + "\n" + as_pem(SECOND))


@pytest.mark.parametrize("body", ["MIIB!", "MIIBC", "ÿ"], ids=repr)
def test_damaged_base64_is_named_with_its_line(body: str) -> None:
    with pytest.raises(ReadError, match=r"x\.pem, line 3: .*base64 is damaged"):
        parse(f"text\n\n-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")


def test_what_is_no_certificate_inside_is_a_row_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "odd.pem"
    path.write_text(as_pem(b"hello"))
    assert toolkit.read(path).certificates["parse_error"].tolist() == ["certificate: cut short"]


@pytest.mark.parametrize("many_lines", [True, False], ids=["in many lines", "in one line"])
def test_an_endless_certificate_is_refused_in_bounded_memory(many_lines: bool, tmp_path: Path) -> None:
    path = tmp_path / "endless.pem"
    body = ("A" * 76 + "\n") * (5 * LIMIT // 76) if many_lines else "A" * (5 * LIMIT)
    path.write_text("-----BEGIN CERTIFICATE-----\n" + body)
    with pytest.raises(ReadError, match=rf"line 1: a certificate of more than {LIMIT} bytes"):
        read_certificates(path)


def test_a_file_without_a_certificate_is_an_error_that_says_what_pem_is(tmp_path: Path) -> None:
    path = tmp_path / "none.pem"
    path.write_text("nothing\n")
    with pytest.raises(ReadError, match=r"none\.pem holds no certificate: .*BEGIN CERTIFICATE"):
        toolkit.read(path, format="pem")


def test_a_folder_gives_each_certificate_once_and_only_certificates(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text(BOTH)
    (tmp_path / "b.CRT").write_text(as_pem(SECOND))
    (tmp_path / "notes.txt").write_text("not looked at")
    tables = toolkit.read(tmp_path)
    assert tables.certificates["der"].tolist() == [FIRST, SECOND]
    assert tables.observations.empty
    assert tables.support.empty
    assert tables.rounds.empty


def test_one_broken_file_in_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text(BOTH)
    (tmp_path / "b.pem").write_text(as_pem(SECOND)[:200])
    with pytest.raises(ReadError, match=r"b\.pem, line"):
        toolkit.read(tmp_path)


@pytest.mark.interop
def test_what_openssl_writes_is_read_back(need: Callable[[str], str], tmp_path: Path) -> None:
    path = next((ROOT / "data" / "google-mail" / "certificates").glob("*.pem"))
    done = subprocess.run(
        [need("openssl"), "x509", "-in", path, "-text"], capture_output=True, timeout=60, check=True, text=True
    )
    (tmp_path / "printed.pem").write_text(done.stdout)
    assert read_certificates(tmp_path / "printed.pem") == read_certificates(path)
    assert as_pem(read_certificates(path)[0]) in done.stdout
