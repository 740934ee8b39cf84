"""The same certificates as OpenSSL and `cryptography` read them."""

import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509

from tests.certificates import der
from tests.conftest import SHARED
from toolkit.certificates import parse_certificate
from toolkit.readers.pem import read_certificates

RECORDED = sorted(SHARED.glob("recorded/**/*.pem")) + sorted(SHARED.glob("reference/roots/*.pem"))


ISO = ("-dateopt", "iso_8601")


def recorded() -> Iterator[bytes]:
    for path in RECORDED:
        yield from read_certificates(path)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # a root's serial is 0
@pytest.mark.filterwarnings("ignore:Attribute's length")  # and another's organization is longer than X.520 has it
@pytest.mark.usefixtures("shared")
def test_recorded_certificates_are_read_as_cryptography_reads_them() -> None:
    compared, refused = 0, 0
    for made in recorded():
        row = parse_certificate(made)
        other = x509.load_der_x509_certificate(made)
        assert row["subject"] == other.subject.rfc4514_string()
        assert row["issuer"] == other.issuer.rfc4514_string()
        assert row["serial"] == format(other.serial_number, "x")
        assert (row["not_before"], row["not_after"]) == (other.not_valid_before_utc, other.not_valid_after_utc)
        try:
            key, names, is_ca = other.public_key(), _names(other), _is_ca(other)
        except ValueError:  # old roots with a key or an extension that it does not read
            refused += 1
            continue
        assert (row["names"], row["is_ca"], row["parse_error"]) == (names, is_ca, None)
        assert row["key_bits"] == key.key_size  # type: ignore[union-attr]  # RSA and EC only
        compared += 1
    assert compared > 200
    assert refused < 20


def _names(certificate: x509.Certificate) -> tuple[str, ...] | None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return tuple(str(name.value) for name in found if isinstance(name, x509.DNSName | x509.IPAddress))


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def openssl(program: str, made: bytes, *options: str) -> str:
    done = subprocess.run(
        [program, "x509", "-inform", "der", "-noout", *options], input=made, capture_output=True, timeout=60, check=True
    )
    return done.stdout.decode()


def check_against_openssl(program: str, made: bytes) -> None:
    row = parse_certificate(made)
    lines = openssl(program, made, "-serial", "-startdate", "-enddate", "-fingerprint", "-sha256", *ISO).splitlines()
    printed = dict(line.split("=", 1) for line in lines)
    assert int(str(row["serial"]), 16) == int(printed["serial"], 16)
    assert row["not_before"] == datetime.fromisoformat(printed["notBefore"])
    assert row["not_after"] == datetime.fromisoformat(printed["notAfter"])
    assert row["cert_sha256"] == printed["sha256 Fingerprint"].replace(":", "").lower()
    text = openssl(program, made, "-text")
    assert f"Signature Algorithm: {row['signature_algorithm']}" in text
    assert f"Public-Key: ({row['key_bits']} bit)" in text
    assert ("CA:TRUE" in text) == row["is_ca"]
    for name in row["names"] or ():  # type: ignore[attr-defined]  # a tuple, or null
        assert f"DNS:{name}" in text or f"IP Address:{name}" in text


@pytest.mark.interop
@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("path", sorted(SHARED.glob("recorded/google_mail/*/*.pem")), ids=lambda path: path.stem)
def test_recorded_certificates_are_read_as_openssl_reads_them(path: Path, need: Callable[[str], str]) -> None:
    for made in read_certificates(path):
        check_against_openssl(need("openssl"), made)


@pytest.mark.interop
@pytest.mark.parametrize(
    "made",
    [
        der.certificate(serial=der.integer(-0xABCDEF)),
        der.certificate(serial=der.integer(0)),
        der.certificate(not_after=der.generalized(b"99991231235959Z")),
        der.certificate(not_before=der.generalized(b"10000101000000Z")),
        der.certificate(not_before=der.utc(b"500101000000Z")),
        der.certificate(extensions=(der.names(der.tlv(0x82, b"a.test"), der.tlv(0x87, bytes([192, 0, 2, 1]))),)),
        der.certificate(extensions=(der.extension("2.5.29.19", der.sequence(der.tlv(1, b"\xff"))),)),
        der.certificate(spki=der.rsa_key(b"\xc0" + bytes(254) + b"\x01")),
        der.certificate(spki=der.rsa_key(b"\0\0\0\xc0" + bytes(254) + b"\x01", b"\0\0\x03")),
        der.certificate(spki=der.rsa_key(b"\0\xc0" + bytes(254) + b"\x01", b"\x81")),
    ],
    ids=[
        "negative",
        "zero",
        "year 9999",
        "year 1000",
        "1950",
        "names",
        "CA",
        "negative modulus",
        "padded modulus",
        "negative exponent",
    ],
)
def test_odd_certificates_are_read_as_openssl_reads_them(made: bytes, need: Callable[[str], str]) -> None:
    check_against_openssl(need("openssl"), made)
