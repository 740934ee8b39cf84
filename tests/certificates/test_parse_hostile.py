"""Damaged certificates, and difficult certificates made by others: no bytes raise an error."""

import base64
import hashlib
import re
import warnings
from datetime import datetime
from functools import cache
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography import x509
from hypothesis import given, strategies as st

from tests.certificates import der
from toolkit import schema
from toolkit.certificates import parse_certificate
from toolkit.readers.pem import read_certificates
from toolkit.tables import Tables

ROOT = Path(__file__).resolve().parents[2]
REAL = [
    read_certificates(path)[0]
    for folder in ("google-mail", "web-series")
    for path in sorted(ROOT.glob(f"data/{folder}/certificates/*.pem"))[::8]
] + [
    der.certificate(extensions=(der.names(der.tlv(0x82, b"a.test"), der.tlv(0x87, bytes(4))),)),
    der.certificate(serial=der.integer(-5), not_after=der.generalized(b"99991231235959Z")),
]
COLUMNS = schema.TABLES["certificates"]


KINDS = {"text": str, "texts": tuple, "instant": datetime, "integer": int, "boolean": bool, "bytes": bytes}


def check_row(given_bytes: bytes) -> None:
    row = parse_certificate(given_bytes)
    assert (row["der"], row["cert_sha256"]) == (given_bytes, hashlib.sha256(given_bytes).hexdigest())
    assert list(row) == [column.name for column in COLUMNS]
    for column in COLUMNS:
        value = row[column.name]
        assert value is None if value is None and column.null else type(value) is KINDS[column.kind], column.name
        for text in value if isinstance(value, tuple) else (value,):
            assert not isinstance(text, str) or text.encode("utf-8") is not None  # no lone surrogates


@given(st.binary(max_size=300))
def test_any_bytes_are_a_row(given_bytes: bytes) -> None:
    check_row(given_bytes)


@given(
    st.sampled_from(REAL),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, 1 << 16),
)
def test_a_damaged_certificate_is_a_row(made: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(made)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    check_row(bytes(damaged))
    check_row(bytes(damaged[: cut % len(damaged)]))


@given(st.sampled_from(REAL), st.integers(0, 1 << 16), st.binary(min_size=1, max_size=40))
def test_a_certificate_with_bytes_put_in_is_a_row(made: bytes, at: int, more: bytes) -> None:
    at %= len(made)
    check_row(made[:at] + more + made[at:])


@given(
    subject=st.binary(max_size=60),
    tag=st.sampled_from([0x0C, 0x12, 0x13, 0x14, 0x16, 0x1A, 0x1C, 0x1E, 0x03, 0x30]),
    names=st.lists(st.tuples(st.integers(0x80, 0x88), st.binary(max_size=20)), max_size=4),
    serial=st.integers(-(1 << 170), 1 << 170),
    time=st.one_of(st.binary(max_size=20), st.from_regex(rb"\A[0-9]{10,14}Z\Z")),
)
def test_hostile_parts_in_a_valid_frame_are_a_row(
    subject: bytes, tag: int, names: list[tuple[int, bytes]], serial: int, time: bytes
) -> None:
    made = der.certificate(
        serial=der.integer(serial),
        subject=der.name(subject, tag=tag),
        not_after=der.utc(time) if len(time) < 14 else der.generalized(time),
        extensions=(der.names(*(der.tlv(kind, value) for kind, value in names)),),
    )
    check_row(made)
    row = parse_certificate(made)
    assert int(str(row["serial"]), 16) == serial
    assert row["subject"] is not None


@cache
def vectors() -> list[tuple[str, bytes]]:
    """Every certificate of PyPI's cryptography-vectors: PKITS (NIST), and those that broke some library once."""
    root = Path(cryptography_vectors.__file__).parent / "x509"
    found = []
    for path in sorted(root.rglob("*")):
        if path.suffix not in {".pem", ".crt", ".cer", ".der"}:
            continue
        content = path.read_bytes()
        if content.startswith(b"\x30"):
            found.append((str(path.relative_to(root)), content))
        for body in re.findall(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", content, re.DOTALL):
            found.append((str(path.relative_to(root)), base64.b64decode(body)))  # noqa: PERF401
    return found


def test_every_vector_is_parsed_or_says_why_not() -> None:
    found = vectors()
    assert len(found) > 500
    for _, made in found:
        check_row(made)
    rows = schema.frame("certificates", [parse_certificate(made) for _, made in found])
    assert len(Tables.from_frames(certificates=rows).certificates) == len({made for _, made in found})
    pkits = [parse_certificate(made) for path, made in found if path.startswith("PKITS_data/certs/")]
    assert len(pkits) > 400
    assert [row["parse_error"] for row in pkits if row["parse_error"]] == []


DIFFERENCES = {
    "scottishpower-bitstring-dn.pem": "a BIT STRING in a name: RFC 4514 writes its whole DER in hex, the library not",
    "unique_identifier.pem": "the same",
}
"""Vectors whose names `cryptography` writes differently, and why."""


def test_vectors_are_read_as_cryptography_reads_them() -> None:
    compared = 0
    for path, made in vectors():
        row = parse_certificate(made)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                other = x509.load_der_x509_certificate(made)
                subject, issuer, serial = other.subject, other.issuer, other.serial_number
            except (ValueError, x509.InvalidVersion):
                continue  # refused as a whole; ours may still be read in part
        compared += 1
        if path not in DIFFERENCES:
            assert (row["subject"], row["issuer"]) == (subject.rfc4514_string(), issuer.rfc4514_string()), path
        assert row["serial"] == format(serial, "x"), path
        assert (row["not_before"], row["not_after"]) == (other.not_valid_before_utc, other.not_valid_after_utc), path
    assert compared > 500


@pytest.mark.parametrize("path", sorted(DIFFERENCES))
def test_the_differences_are_still_there(path: str) -> None:
    (made,) = (made for name, made in vectors() if name == path)
    assert "=#0309" in str(parse_certificate(made)["subject"])
