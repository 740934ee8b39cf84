"""Root bundles: Google's as published, today's from certifi, a user's file, and files that are damaged."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.conftest import ROOT
from toolkit.errors import ReadError, UsageError
from toolkit.reference.roots import bundles, load_roots, split_pem

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
        (lambda pem: pem[:-40], "cut short"),
        (lambda pem: pem.replace(b"MII", b"M!I", 1), "certificate 1 is not base64"),
        (lambda pem: pem.replace(b"-----\n", b"-----\nAAAA", 1), "certificate 1 is cut short or not DER"),
        (lambda _: b"hello", "holds no certificate"),
        (lambda _: b"", "holds no certificate"),
    ],
)
def test_a_damaged_file_is_an_error_that_says_where(tmp_path: Path, damage: object, message: str) -> None:
    path = tmp_path / "mine.pem"
    path.write_bytes(damage(_pem(*bundles()["google-trust-services"][:2])))  # type: ignore[operator]  # a lambda above
    with pytest.raises(ReadError, match=message):
        load_roots(path)


def test_no_such_bundle() -> None:
    with pytest.raises(UsageError, match="google-2017-09-08"):
        load_roots("google-1999")


def test_text_around_certificates_is_skipped() -> None:
    der = bundles()["google-trust-services"][0]
    assert split_pem(b"subject=x\n" + _pem(der) + b"\ntrailing", "x") == (der,)
