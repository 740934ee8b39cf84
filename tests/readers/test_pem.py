"""PEM: text around it is passed over, and what is cut or damaged is named with its line."""

import base64
import errno
import os
import subprocess
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

import toolkit
from tests.certificates import der
from tests.conftest import ROOT
from toolkit.certificates import LIMIT
from toolkit.errors import ReadError, ReadWarning
from toolkit.pem import split_blocks
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
        "\ufeff" + BOTH,
        as_pem(FIRST) + "\ufeff" + as_pem(SECOND),
        "".join(f"\t  {line}\n" for line in BOTH.splitlines()),
        BOTH.replace("-----\nMII", "-----\nProc-Type: 4,CLEAR\nX: y\n  z\n\nMII"),
        BOTH.replace("\n", "").replace("----------", "-----\n-----"),
        as_pem(FIRST) + "-----BEGIN PRIVATE KEY-----\nAAAA\n" + as_pem(SECOND),
    ],
    ids=[
        "plain", "CRLF", "no last line end", "text around", "a key between", "old label", "blanks", "BOM",
        "BOM between", "indented", "headers", "one line each", "a key cut short",
    ],
)  # fmt: skip
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


def test_a_block_that_is_not_a_certificate_is_a_row_with_the_error(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    "content",
    [
        FIRST,
        FIRST + b"\r\n",
        base64.b64encode(FIRST),
        base64.encodebytes(FIRST),
        as_pem(FIRST).encode("utf-16"),
        as_pem(FIRST).replace("\n", "\r").encode(),
        as_pem(FIRST + b"\x30\x06\x30\x04\x06\x02\x55\x1d").replace("CERTIFICATE", "TRUSTED CERTIFICATE").encode(),
    ],
    ids=["DER", "DER and a line end", "base64", "base64 in lines", "UTF-16", "old Mac", "OpenSSL's trust settings"],
)
def test_a_certificate_is_read_however_it_is_kept(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "given"
    path.write_bytes(content)
    assert toolkit.read(path).certificates["der"].tolist() == [FIRST]


def test_certificates_in_der_one_after_the_other_are_all_read(tmp_path: Path) -> None:
    path = tmp_path / "given.der"
    path.write_bytes(FIRST + SECOND)
    assert read_certificates(path) == [FIRST, SECOND]
    path.write_bytes(FIRST + SECOND[:-1])
    with pytest.raises(ReadError, match=r"certificate 2 \(DER\) is cut short"):
        read_certificates(path)
    path.write_bytes(FIRST + b"more")
    with pytest.warns(ReadWarning, match=r"of given\.der data after the certificate was not kept\.$"):
        assert len(toolkit.read(path).certificates) == 1


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER], ids=["PEM", "DER"])
def test_a_pkcs7_bundle_is_read(encoding: Encoding, tmp_path: Path) -> None:
    made = signed_certificate()
    path = tmp_path / "given.p7b"
    path.write_bytes(pkcs7.serialize_certificates([made], encoding))
    assert read_certificates(path) == [made.public_bytes(Encoding.DER)]
    whole = pkcs7.serialize_certificates([made], Encoding.DER)
    cut = whole[:200]
    path.write_bytes(cut if encoding is Encoding.DER else as_pem(cut).replace("CERTIFICATE", "PKCS7").encode())
    with pytest.raises(ReadError, match=r"the PKCS#7 bundle cannot be read \(.*openssl pkcs7"):
        read_certificates(path)


def signed_certificate() -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 5, begins, begins + timedelta(90))
    return builder.sign(key, SHA256())


KEY = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n"


def test_a_folder_of_certbot_is_read_and_its_key_is_skipped_and_named_once(tmp_path: Path) -> None:
    live, archive = tmp_path / "live", tmp_path / "archive"
    live.mkdir()
    archive.mkdir()
    files = {"cert": as_pem(FIRST), "chain": as_pem(SECOND), "fullchain": BOTH, "privkey": KEY}
    for name, content in files.items():
        (archive / f"{name}1.pem").write_text(content)
        (live / f"{name}.pem").symlink_to(f"../archive/{name}1.pem")
    (live / "README").write_text("This directory contains your keys and certificates.")
    with pytest.warns(ReadWarning) as warned:
        tables = toolkit.read(live)
    assert tables.certificates["der"].tolist() == [FIRST, SECOND]
    skipped = ("privkey.pem (a private key)", "README (text of an unknown form)")
    assert [str(one.message) for one in warned] == [f"{live}: skipped, and not kept: {one}." for one in skipped]
    assert {one.filename for one in warned} == {__file__}


def test_a_key_in_the_file_of_the_certificate_is_skipped_and_named(tmp_path: Path) -> None:
    path = tmp_path / "haproxy.pem"
    path.write_text(KEY + as_pem(FIRST))
    with pytest.warns(ReadWarning, match=r": of haproxy\.pem the private key was not kept\.$"):
        assert toolkit.read(path).certificates["der"].tolist() == [FIRST]


def test_a_key_that_may_not_be_read_does_not_hide_the_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cert.pem").write_text(as_pem(FIRST))
    (tmp_path / "privkey.pem").write_text(KEY)
    opened = os.open

    def refuse(path: Path, *flags: int) -> int:
        if path.name == "privkey.pem":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *flags)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.warns(ReadWarning, match=r"privkey\.pem \(no permission to read it\)"):
        assert len(toolkit.read(tmp_path).certificates) == 1


def test_a_folder_mixes_forms_by_content(tmp_path: Path) -> None:
    (tmp_path / "a.cer").write_bytes(SECOND)
    (tmp_path / "b.der").write_text(as_pem(FIRST))
    (tmp_path / "c.crt").write_text("")
    (tmp_path / "d.pem").write_text("-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n")
    with pytest.warns(ReadWarning, match=r"c\.crt \(empty\), d\.pem \(parameters of a key exchange\)"):
        assert toolkit.read(tmp_path).certificates["der"].tolist() == [SECOND, FIRST]


def test_a_folder_without_any_certificate_says_what_its_files_hold(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number:02}.pem").write_text(KEY)
    with pytest.raises(
        ReadError,
        match=r"none of its 12 files holds a certificate .*: 00\.pem \(a private key\), .*2 more",
    ):
        toolkit.read(tmp_path)


def test_a_certificate_without_its_beginning_is_named(tmp_path: Path) -> None:
    path = tmp_path / "given.pem"
    path.write_text("\n".join(as_pem(FIRST).splitlines()[2:]) + "\n" + as_pem(SECOND))
    with pytest.raises(ReadError, match=r"given\.pem, line \d+: a certificate ends here without a line"):
        toolkit.read(path)


def test_blank_lines_and_headers_do_not_add_up_in_memory() -> None:
    def lines() -> Iterator[bytes]:
        yield b"-----BEGIN CERTIFICATE-----\n"
        yield from (b"A: b\n", b"\n") * 20_000

    tracemalloc.start()
    (block,) = split_blocks(lines())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "cut short" in block.error
    assert peak < 1 << 19


@pytest.mark.parametrize("line", ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE"])
def test_markers_alone_cost_what_they_are_long(line: str) -> None:
    """The parser asks for each line once: what it does in between does not depend on the lines before."""
    asked = 0

    def lines() -> Iterator[bytes]:
        nonlocal asked
        for _ in range(2000):
            asked += 1
            yield line.encode()

    counts = [asked for _ in split_blocks(lines())]
    assert asked == 2000
    assert counts == sorted(counts)
    assert len(counts) in {0, 2000}


def test_a_folder_gives_each_certificate_once_and_only_certificates(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text(BOTH)
    (tmp_path / "b.CRT").write_text(as_pem(SECOND))
    (tmp_path / "more").mkdir()
    (tmp_path / "notes").write_bytes(FIRST)
    with pytest.warns(ReadWarning, match=r"kept: more \(a folder\), notes \(.*certificate.*\)\.$"):
        tables = toolkit.read(tmp_path)
    assert tables.certificates["der"].tolist() == [FIRST, SECOND]
    assert tables.observations.empty
    assert tables.support.empty
    assert tables.rounds.empty


def test_broken_files_of_a_folder_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text(BOTH)
    (tmp_path / "b.pem").write_text(as_pem(SECOND)[:200])
    (tmp_path / "i.p7b").write_text(as_pem(FIRST).replace("CERTIFICATE", "PKCS7"))
    (tmp_path / "gone.pem").symlink_to("nowhere")
    (tmp_path / "folder.crt").mkdir()
    with pytest.warns(ReadWarning) as warned:
        tables = toolkit.read(tmp_path)
    assert tables.certificates["der"].tolist() == [FIRST, SECOND]
    messages = sorted(str(one.message) for one in warned)
    named = [
        "b.pem, line",
        "folder.crt cannot be read: Is a dir",
        "gone.pem cannot be read: No",
        "i.p7b, line 1: the PKCS#7",
    ]
    assert [one.startswith(f"left out: {tmp_path}/{words}") for one, words in zip(messages, named, strict=True)] == [
        True
    ] * 4
    assert {one.filename for one in warned} == {__file__}


def test_a_folder_in_which_every_file_is_broken_is_refused_and_each_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text(as_pem(FIRST)[:200])
    (tmp_path / "b.pem").write_text(as_pem(SECOND)[:200])
    (tmp_path / "c.pem").write_text(KEY)
    with pytest.raises(
        ReadError, match=r"none of its 3 files .*a\.pem, line 4: .*b\.pem, line 4: .*c\.pem \(a private"
    ):
        toolkit.read(tmp_path)
    (tmp_path / "b.pem").unlink()
    (tmp_path / "c.pem").unlink()
    with pytest.raises(ReadError, match=r"a\.pem, line 4: .* is cut short"):
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


def test_a_name_that_looks_like_pem_in_base64_does_not_make_the_file_a_manifest(tmp_path: Path) -> None:
    """Of three names with one more letter each, one is aligned so that its base64 begins as that of PEM does."""
    for letters in (b"", b"x", b"xx"):
        odd = der.certificate(subject=der.name(letters + b"-----BEGIN CERTIFICATE-----"))
        (tmp_path / "x.pem").write_text(as_pem(odd))
        assert read_certificates(tmp_path / "x.pem") == [odd]


def test_a_folder_names_how_many_certificates_no_observation_shows(tmp_path: Path) -> None:
    tables = toolkit.load_example("lab-sample")
    tables.to_json(tmp_path / "looks.json")
    (tmp_path / "seen.pem").write_text(as_pem(tables.certificates["der"].iloc[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        toolkit.read(tmp_path)
    (tmp_path / "unseen.pem").write_text(as_pem(FIRST))
    with pytest.warns(ReadWarning, match="1 certificate of its files, without an observation. To judge certificates"):
        toolkit.read(tmp_path)
