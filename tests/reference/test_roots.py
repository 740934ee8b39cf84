"""Root bundles: Google's as published, today's from certifi, a user's file, and files that are damaged."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.conftest import ROOT, not_on_windows
from toolkit.errors import ReadError, ReadWarning, UsageError
from toolkit.reference.roots import bundles, load_roots, split_pem
from toolkit.tables import as_pem

# Public roots with serial number 0 exist; the library warns that it will refuse them one day.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


@pytest.mark.parametrize(
    ("bundle", "file"),
    [("google-2017-09-08", "pki.goog_roots_2017-09-08.pem"), ("google-2018-12-03", "pki.goog_roots_2018-12-03.pem")],
)
def test_googles_bundles_are_byte_for_byte_as_published(shared: Path, bundle: str, file: str) -> None:
    published = x509.load_pem_x509_certificates((shared / "reference/roots" / file).read_bytes())
    assert list(load_roots(bundle)) == [certificate.public_bytes(Encoding.DER) for certificate in published]


def test_the_tables_are_what_the_script_makes(shared: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "data/make_roots.py"), str(shared / "reference/roots"), str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    for name in ("certificates.csv", "members.csv"):
        assert (tmp_path / name).read_bytes() == (ROOT / "toolkit/reference/bundles" / name).read_bytes()


def test_the_stores_are_what_the_script_makes(shared: Path, tmp_path: Path) -> None:
    trust = shared / "recorded/others/trust"
    subprocess.run([sys.executable, str(ROOT / "data/make_trust_stores.py"), str(trust), str(tmp_path)], check=True)
    for name in ("roots.csv", "history.csv", "records.csv"):
        assert (tmp_path / name).read_bytes() == (ROOT / "toolkit/reference/stores" / name).read_bytes()


def test_roots_of_a_store_are_those_at_the_end_of_its_record() -> None:
    assert len(load_roots("mozilla")) > 100
    assert len(load_roots("chrome")) == 104


def test_todays_roots_are_certifis() -> None:
    roots = load_roots("certifi")
    assert len(roots) == len(set(roots)) > 100
    for der in roots:
        certificate = x509.load_der_x509_certificate(der)
        assert certificate.subject == certificate.issuer


def _pem(*ders: bytes) -> bytes:
    return b"# a comment\n".join(
        x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in ders
    )  # fmt: skip


def test_a_file_of_the_users(tmp_path: Path) -> None:
    wanted = bundles()["google-trust-services"]
    path = tmp_path / "mine.pem"
    path.write_bytes(_pem(*wanted))
    assert load_roots(path) == wanted


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda pem: pem[:-40], r"certificate 1 \(line \d+\): .* cut short"),
        (lambda pem: pem.replace(b"MII", b"M!I", 1), r"certificate 1 \(line 1\): .*base64 is damaged"),
        (
            lambda pem: pem.replace(b"-----\n", b"-----\nAAAA", 1),
            r"certificate 1 \(line 1\): it is cut short or not DER",
        ),
        (lambda _: as_pem(b"\x30\x03\x02\x01\x01").encode(), r"certificate 1 \(line 1\): it cannot be read \("),
        (lambda pem: pem.replace(b"-----BEGIN CERTIFICATE-----", b"", 1), r".*ends here without a line"),
    ],
)
def test_a_root_that_cannot_be_read_is_skipped_and_named(
    tmp_path: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    first, second = bundles()["google-trust-services"][:2]
    path = tmp_path / "mine.pem"
    damaged = damage(_pem(first))
    path.write_bytes(damaged)
    with pytest.raises(ReadError, match=f"holds no certificate that can be read: {message}"):
        load_roots(path)
    path.write_bytes(_pem(second) + damaged)
    message = message.replace("certificate 1", "certificate 2").replace("line 1", r"line \d+")
    with pytest.warns(
        ReadWarning, match=rf"mine\.pem: 1 of 2 certificates cannot be read and are skipped: .*{message}"
    ):
        assert load_roots(path) == (second,)


@pytest.mark.parametrize("content", [b"", b"hello", b"0", b"0\x80"])
def test_a_file_without_a_root_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.pem"
    path.write_bytes(content)
    with pytest.raises(ReadError, match="holds no certificate: the file must be PEM"):
        load_roots(path)


def test_a_key_among_roots_and_repeats_do_not_count(tmp_path: Path) -> None:
    root = bundles()["google-trust-services"][0]
    path = tmp_path / "mine.pem"
    path.write_bytes(_pem(root, root) + b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert load_roots(path) == (root,)
    path.write_bytes(root)
    assert load_roots(path) == (root,), "DER"


@pytest.mark.parametrize(
    ("settings", "is_root"),
    [
        (b"\x30\x00", True),
        (b"\x30\x04\x0c\x02my", True),
        (b"\x30\x06\x30\x04\x06\x02\x55\x1d", False),
        (b"\x30\x06\xa0\x04\x06\x02\x55\x1d", False),
    ],
    ids=["none", "an alias", "trusted for", "rejected for"],
)
def test_a_root_with_trust_settings_of_openssl_is_skipped(tmp_path: Path, settings: bytes, is_root: bool) -> None:
    first, second = bundles()["google-trust-services"][:2]
    path = tmp_path / "mine.pem"
    path.write_text(as_pem(first) + as_pem(second + settings).replace("CERTIFICATE", "TRUSTED CERTIFICATE"))
    if is_root:
        assert load_roots(path) == (first, second)
        return
    with pytest.warns(ReadWarning, match="it has trust settings of OpenSSL, which are not evaluated"):
        assert load_roots(path) == (first,)


@not_on_windows("named pipes and no /dev/zero")
def test_roots_come_from_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReadError, match="is a named pipe"):
        load_roots(tmp_path / "pipe")
    with pytest.raises(ReadError, match="is a device"):
        load_roots("/dev/zero")
    with pytest.raises(UsageError, match="is a folder: name a file in it"):
        load_roots(tmp_path)


def test_no_such_bundle() -> None:
    with pytest.raises(UsageError, match="google-2017-09-08"):
        load_roots("google-1999")


def test_text_around_certificates_is_skipped() -> None:
    der = bundles()["google-trust-services"][0]
    assert split_pem(b"subject=x\n" + _pem(der) + b"\ntrailing", "x") == (der,)
