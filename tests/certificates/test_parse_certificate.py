"""Every column, and odd bytes of every kind, assembled by hand."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa
from cryptography.x509.oid import NameOID

from tests.certificates import der
from tests.conftest import ROOT
from toolkit import schema
from toolkit.certificates import LIMIT, MOST_NAMES, parse_certificate
from toolkit.tables import Tables

NULLABLE = [column.name for column in schema.TABLES["certificates"] if column.null]
DNS, ADDRESS = 0x82, 0x87


def as_table(row: dict[str, object]) -> dict[str, object]:
    """The row as it comes back from the table: proof that it fits the schema."""
    tables = Tables.from_frames(certificates=schema.frame("certificates", [row]))
    return {str(name): value for name, value in tables.certificates.iloc[0].items()}


def test_a_plain_certificate_fills_every_column() -> None:
    made = der.certificate(extensions=(der.names(der.tlv(DNS, b"a.test"), der.tlv(ADDRESS, bytes([192, 0, 2, 1]))),))
    assert parse_certificate(made) == {
        "cert_sha256": hashlib.sha256(made).hexdigest(),
        "subject": "CN=subject.test",
        "issuer": "CN=Issuer",
        "names": ("a.test", "192.0.2.1"),
        "serial": "5",
        "not_before": datetime(2026, 1, 1, tzinfo=UTC),
        "not_after": datetime(2027, 1, 1, tzinfo=UTC),
        "key_type": "RSA",
        "key_bits": 2048,
        "key_curve": None,
        "spki_sha256": hashlib.sha256(der.RSA_KEY).hexdigest(),
        "signature_algorithm": "sha256WithRSAEncryption",
        "is_ca": False,
        "is_precertificate": False,
        "sct_at": None,
        "parse_error": None,
        "key_usage": None,
        "extended_key_usage": None,
        "policies": None,
        "validation": None,
        "authority_key_id": None,
        "subject_key_id": None,
        "ocsp_urls": None,
        "issuer_urls": None,
        "crl_urls": None,
        "scts": None,
        "is_must_staple": False,
        "email_names": (),
        "ip_names": ("192.0.2.1",),
        "unknown_critical_extensions": (),
        "tool": None,
        "der": made,
    }


@pytest.mark.parametrize(
    "junk",
    [b"", b"\x30", b"\x30\x80", b"hello", b"\x30\x03\x02\x01\x05", b"\x00" * 1000, b"\x30\x84\xff\xff\xff\xff"],
    ids=repr,
)
def test_bytes_that_are_not_a_certificate_are_a_row_with_their_hash(junk: bytes) -> None:
    row = parse_certificate(junk)
    assert str(row["parse_error"]).startswith("certificate: ")
    assert {row[name] for name in NULLABLE if name not in {"parse_error", "der"}} == {None}
    assert (row["cert_sha256"], row["der"]) == (hashlib.sha256(junk).hexdigest(), junk)
    as_table(row)


def test_bytes_after_the_certificate_are_reported_and_hashed_and_the_certificate_is_read() -> None:
    row = parse_certificate(der.certificate() + b"tail")
    assert row["parse_error"] == "certificate: 4 bytes after its end"
    assert row["subject"] == "CN=subject.test"
    assert row["cert_sha256"] == hashlib.sha256(der.certificate() + b"tail").hexdigest()


@pytest.mark.parametrize(
    ("serial", "shown"),
    [
        (der.integer(0), "0"),
        (der.integer(-1), "-1"),
        (der.integer(-0xABCDEF), "-abcdef"),
        (der.integer(1 << 300), "1" + "0" * 75),
        (der.tlv(2, b"\0\0\7"), "7"),
    ],
)
def test_serials_are_hex_with_their_sign(serial: bytes, shown: str) -> None:
    row = parse_certificate(der.certificate(serial=serial))
    assert (row["serial"], row["parse_error"]) == (shown, None)


@pytest.mark.parametrize(
    ("encoded", "instant"),
    [
        (der.utc(b"491231235959Z"), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der.utc(b"500101000000Z"), datetime(1950, 1, 1, tzinfo=UTC)),
        (der.utc(b"2601010000Z"), datetime(2026, 1, 1, tzinfo=UTC)),
        (der.utc(b"260101000000+0130"), datetime(2025, 12, 31, 22, 30, tzinfo=UTC)),
        (der.generalized(b"99991231235959Z"), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der.generalized(b"00010101000000Z"), datetime(1, 1, 1, tzinfo=UTC)),
        (der.generalized(b"20260101000000.25Z"), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_are_read_to_the_second_and_survive_the_table(encoded: bytes, instant: datetime) -> None:
    row = parse_certificate(der.certificate(not_after=encoded))
    assert (row["not_after"], row["parse_error"]) == (instant, None)
    assert as_table(row)["not_after"] == instant


@pytest.mark.parametrize(
    "encoded",
    [
        der.utc(b"20260101000000Z"),
        der.utc(b"260230000000Z"),
        der.utc(b"260101000000"),
        der.generalized(b"260101000000Z"),
        der.generalized(b"00000101000000Z"),
        der.generalized(b"00010101000000+0100"),
        der.generalized(b"99991231235959-0100"),
        der.utc(b"\xff" * 5000),
        der.tlv(0x04, b"260101000000Z"),
    ],
)
def test_an_invalid_time_leaves_only_its_column_null(encoded: bytes) -> None:
    row = parse_certificate(der.certificate(not_after=encoded))
    assert row["not_after"] is None
    assert str(row["parse_error"]).startswith("not_after: ")
    assert len(str(row["parse_error"])) < 300
    assert (row["not_before"], row["key_bits"]) == (datetime(2026, 1, 1, tzinfo=UTC), 2048)


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (der.sequence(), ""),
        (der.name(b""), "CN="),
        (der.name(b"a, b+c"), r"CN=a\, b\+c"),
        (der.name(b" x "), r"CN=\ x\ "),
        (der.name(b" "), "CN=\\ "),
        (der.name(b"#1"), r"CN=\#1"),
        (der.name(b'"\\;<>'), r"CN=\"\\\;\<\>"),
        (der.name(b"a\0b"), r"CN=a\00b"),
        (der.name(b"a\nb\x1b[2J$"), "CN=a\nb\x1b[2J$"),
        (der.name(b"\xff\xfe"), "CN=#0c02fffe"),
        (der.name(b"M\xfcller", tag=0x14), "CN=Müller"),
        (der.name("Müller".encode(), tag=0x13), "CN=Müller"),
        (der.name("名".encode("utf-16-be"), tag=0x1E), "CN=名"),
        (der.name(b"\xd8\x00", tag=0x1E), "CN=#1e02d800"),
        (der.name(b"x", attribute="1.2.840.113549.1.9.1"), "1.2.840.113549.1.9.1=x"),
        (der.name(b"\x05\x00", tag=0x30), "CN=#30020500"),
        (der.sequence(der.name(b"a")[2:], der.name(b"b")[2:]), "CN=b,CN=a"),
    ],
)
def test_names_follow_rfc_4514(subject: bytes, shown: str) -> None:
    row = parse_certificate(der.certificate(subject=subject))
    assert (row["subject"], row["parse_error"]) == (shown, None)


def test_an_invalid_subject_leaves_only_its_column_null() -> None:
    row = parse_certificate(der.certificate(subject=der.sequence(b"\x31\x7f")))
    assert (row["subject"], row["parse_error"], row["issuer"]) == (None, "subject: cut short", "CN=Issuer")


@pytest.mark.parametrize(
    ("value", "names", "problem"),
    [
        (der.sequence(), (), None),
        (der.sequence(der.tlv(0x81, b"a@b.test")), (), None),
        (der.sequence(der.tlv(DNS, b"a\0.test"), der.tlv(DNS, b"\xff")), ("a\0.test", "\\xff"), None),
        (der.sequence(der.tlv(ADDRESS, bytes(15) + b"\1")), ("::1",), None),
        (der.sequence(der.tlv(DNS, b"a.test"), der.tlv(ADDRESS, b"123")), ("a.test",), "an IP address of 3 bytes"),
        (der.sequence(der.tlv(DNS, b"a.test"), b"\x82\x7f"), ("a.test",), "cut short"),
        (der.sequence(der.tlv(0x0C, b"a.test")), None, "tag 0x0c instead of a kind of name"),
        (b"", None, "cut short"),
        (b"\x05\x00", None, "tag 0x05 instead of 0x30"),
    ],
)
def test_names_are_read_as_far_as_they_can_be(value: bytes, names: tuple[str, ...] | None, problem: str | None) -> None:
    row = parse_certificate(der.certificate(extensions=(der.extension("2.5.29.17", value),)))
    assert row["names"] == names
    assert row["parse_error"] == (problem and f"subjectAltName: {problem}")
    assert row["is_ca"] is False


@pytest.mark.parametrize(
    ("value", "is_ca", "problem"),
    [
        (der.sequence(), False, None),
        (der.sequence(der.tlv(1, b"\xff")), True, None),
        (der.sequence(der.tlv(1, b"\x01")), True, None),
        (der.sequence(der.tlv(1, b"\x00")), False, None),
        (b"\xff", None, "basicConstraints: cut short"),
    ],
)
def test_basic_constraints(value: bytes, is_ca: bool | None, problem: str | None) -> None:
    row = parse_certificate(der.certificate(extensions=(der.extension("2.5.29.19", value),)))
    assert (row["is_ca"], row["parse_error"]) == (is_ca, problem)


def test_a_precertificate_is_recognised_by_its_poison_extension() -> None:
    poison = der.extension("1.3.6.1.4.1.11129.2.4.3", b"\x05\x00")
    assert parse_certificate(der.certificate(extensions=(poison,)))["is_precertificate"] is True


def _timestamps(*scts: bytes) -> bytes:
    listed = b"".join(len(sct).to_bytes(2, "big") + sct for sct in scts)
    content = len(listed).to_bytes(2, "big") + listed
    return der.certificate(extensions=(der.extension("1.3.6.1.4.1.11129.2.4.2", der.tlv(4, content)),))


def _sct(milliseconds: int, version: int = 0) -> bytes:
    return bytes([version]) + bytes(32) + milliseconds.to_bytes(8, "big") + bytes(10)


def test_the_latest_signed_certificate_timestamp_is_kept() -> None:
    first, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 1, 5000, tzinfo=UTC)
    millis = [round(at.timestamp() * 1000) for at in (first, second)]
    both = parse_certificate(_timestamps(_sct(millis[1]), _sct(millis[0]), _sct(millis[1] + 9, version=1)))
    assert (both["sct_at"], both["parse_error"]) == (second, None)
    assert parse_certificate(_timestamps())["sct_at"] is None


@pytest.mark.parametrize(("scts", "problem"), [([b"\x00" * 9], "cut short"), ([_sct(2**63)], "one is after year 9999")])
def test_broken_signed_certificate_timestamps(scts: list[bytes], problem: str) -> None:
    row = parse_certificate(_timestamps(*scts))
    assert (row["sct_at"], row["parse_error"]) == (None, f"signed certificate timestamps: {problem}")
    as_table(row)


def test_signed_certificate_timestamps_are_those_that_cryptography_reads() -> None:
    files = sorted((ROOT / "data" / "web-series" / "certificates").glob("*.pem"))
    compared = 0
    for file in files:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        try:
            inside = certificate.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps)
        except x509.ExtensionNotFound:
            continue
        expected = max(sct.timestamp.replace(tzinfo=UTC) for sct in inside.value)
        assert parse_certificate(certificate.public_bytes(serialization.Encoding.DER))["sct_at"] == expected
        compared += 1
    assert compared > 100


def test_of_repeated_extensions_the_first_is_read_and_the_repeat_is_reported() -> None:
    twice = (der.names(der.tlv(DNS, b"a.test")), der.names(der.tlv(DNS, b"b.test")))
    row = parse_certificate(der.certificate(extensions=twice))
    assert (row["names"], row["parse_error"]) == (("a.test",), "extensions: 2.5.29.17 occurs twice")


def test_an_outer_algorithm_that_differs_is_reported() -> None:
    other = der.sequence(der.oid("1.2.840.113549.1.1.5"), der.tlv(5))
    row = parse_certificate(der.certificate(outer=other))
    assert row["signature_algorithm"] == "sha256WithRSAEncryption"
    assert row["parse_error"] == "signature: its algorithm differs from the signed one"


@pytest.mark.parametrize(
    ("spki", "problem"),
    [
        (der.sequence(der.sequence(der.oid("1.2.3.4")), der.tlv(3, b"\0")), "key: unknown algorithm 1.2.3.4"),
        (
            der.sequence(der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.3")), der.tlv(3, b"\0")),
            "key: unknown curve 1.2.3",
        ),
        (
            der.sequence(der.sequence(der.oid("1.2.840.10045.2.1"), der.sequence()), der.tlv(3, b"\0")),
            "key: its curve is not a named curve",
        ),
        (der.sequence(der.sequence(der.oid("1.2.840.113549.1.1.1")), der.tlv(3, b"")), "key: cut short"),
        (der.sequence(), "key: cut short"),
    ],
)
def test_an_unknown_key_keeps_its_hash(spki: bytes, problem: str) -> None:
    row = parse_certificate(der.certificate(spki=spki))
    assert row["parse_error"] == problem
    assert row["key_bits"] is None
    assert row["spki_sha256"] == hashlib.sha256(spki).hexdigest()


def dsa_key(prime: bytes) -> bytes:
    parameters = der.sequence(der.tlv(2, prime), der.integer(5), der.integer(5))
    return der.sequence(der.sequence(der.oid("1.2.840.10040.4.1"), parameters), der.tlv(3, b"\0" + der.integer(5)))


def ec_key(point: bytes, curve: str = "1.2.840.10045.3.1.7") -> bytes:
    return der.sequence(der.sequence(der.oid("1.2.840.10045.2.1"), der.oid(curve)), der.tlv(3, b"\0" + point))


MODULUS = b"\xc0" + bytes(254) + b"\x01"
NEGATIVE = "is a negative INTEGER, read as unsigned"
PADDED = "has more leading zeros than DER allows"
NO_POINT = "are not a point of its curve"


@pytest.mark.parametrize(
    ("spki", "bits", "problem"),
    [
        (der.rsa_key(b"\0" + MODULUS), 2048, None),
        (der.rsa_key(MODULUS), 2048, f"key: its modulus {NEGATIVE}"),
        (der.rsa_key(b"\xff" * 128), 1024, f"key: its modulus {NEGATIVE}"),
        (der.rsa_key(b"\0\0" + MODULUS), 2048, f"key: its modulus {PADDED}"),
        (der.rsa_key(b"\x7f" + bytes(254) + b"\x01"), 2047, None),
        (der.rsa_key(b"\0\x7f" + bytes(254) + b"\x01"), 2047, f"key: its modulus {PADDED}"),
        (der.rsa_key(b"\0"), None, "key: its modulus is zero"),
        (der.rsa_key(b""), None, "key: its modulus is zero"),
        (der.rsa_key(b"\0" + MODULUS, b"\x80\x01"), 2048, f"key: its exponent {NEGATIVE}"),
        (der.rsa_key(b"\0" + MODULUS, b"\0\x03"), 2048, f"key: its exponent {PADDED}"),
        (der.rsa_key(b"\0" + MODULUS, b"\0"), 2048, "key: its exponent is zero"),
        (dsa_key(b"\0" + MODULUS), 2048, None),
        (dsa_key(MODULUS), 2048, f"key: its prime p {NEGATIVE}"),
        (ec_key(b"\x04" + bytes(64)), 256, None),
        (ec_key(b"\x02" + bytes(32)), 256, None),
        (ec_key(b"\x07" + bytes(64)), 256, None),
        (ec_key(b"\x03" + bytes(66), "1.3.132.0.35"), 521, None),
        (ec_key(b"\x04" + bytes(63)), 256, f"key: 64 octets that begin with 04 {NO_POINT}"),
        (ec_key(b"\0"), 256, f"key: 1 octets that begin with 00 {NO_POINT}"),
        (ec_key(b""), 256, f"key: 0 octets that begin with nothing {NO_POINT}"),
    ],
)
def test_a_key_that_is_not_der_has_its_size(spki: bytes, bits: int | None, problem: str | None) -> None:
    row = parse_certificate(der.certificate(spki=spki))
    assert (row["key_bits"], row["parse_error"]) == (bits, problem)


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [
        (b"", "RSASSA-PSS-SHA1"),
        (der.sequence(), "RSASSA-PSS-SHA1"),
        (
            der.sequence(der.tlv(0xA0, der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.tlv(5)))),
            "RSASSA-PSS-SHA256",
        ),
        (der.sequence(der.tlv(0xA0, der.sequence(der.oid("1.2.3")))), "RSASSA-PSS-1.2.3"),
    ],
)
def test_pss_is_named_with_its_hash(parameters: bytes, shown: str) -> None:
    algorithm = der.sequence(der.oid("1.2.840.113549.1.1.10"), parameters)
    assert parse_certificate(der.certificate(algorithm=algorithm))["signature_algorithm"] == shown


def test_an_unknown_signature_algorithm_is_its_oid() -> None:
    algorithm = der.sequence(der.oid("1.2.643.2.2.3"))
    assert parse_certificate(der.certificate(algorithm=algorithm))["signature_algorithm"] == "1.2.643.2.2.3"


@pytest.mark.parametrize(
    ("key", "key_type", "key_bits", "key_curve", "signature"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "EC", 256, "secp256r1", "ecdsa-with-SHA256"),
        (ec.generate_private_key(ec.SECP521R1()), "EC", 521, "secp521r1", "ecdsa-with-SHA256"),
        (ec.generate_private_key(ec.BrainpoolP384R1()), "EC", 384, "brainpoolP384r1", "ecdsa-with-SHA256"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519", 256, None, "Ed25519"),
        (ed448.Ed448PrivateKey.generate(), "Ed448", 456, None, "Ed448"),
        (mldsa.MLDSA44PrivateKey.generate(), "ML-DSA-44", None, None, "ML-DSA-44"),
        (mldsa.MLDSA87PrivateKey.generate(), "ML-DSA-87", None, None, "ML-DSA-87"),
    ],
    ids=["P-256", "P-521", "Brainpool", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-87"],
)
def test_key_types_as_another_library_makes_them(
    key: ec.EllipticCurvePrivateKey, key_type: str, key_bits: int | None, key_curve: str | None, signature: str
) -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "key.test")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    algorithm = hashes.SHA256() if key_type == "EC" else None
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 7, begin, begin + timedelta(days=1))
        .sign(key, algorithm)
        .public_bytes(serialization.Encoding.DER)
    )
    row = parse_certificate(made)
    assert (row["key_type"], row["key_bits"], row["key_curve"]) == (key_type, key_bits, key_curve)
    assert (row["signature_algorithm"], row["parse_error"]) == (signature, None)
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert row["spki_sha256"] == hashlib.sha256(spki).hexdigest()


def test_too_many_names_are_cut_and_reported() -> None:
    many = tuple(der.tlv(DNS, b"a%d.test" % number) for number in range(MOST_NAMES + 5))
    row = parse_certificate(der.certificate(extensions=(der.names(*many),)))
    assert isinstance(row["names"], tuple)
    assert len(row["names"]) == MOST_NAMES
    assert row["parse_error"] == f"subjectAltName: more than {MOST_NAMES} entries; the others are not read"


@pytest.mark.parametrize("size", [LIMIT, 16 << 20])
def test_a_huge_certificate_is_hashed_and_not_parsed(size: int) -> None:
    row = parse_certificate(der.certificate(subject=der.name(b"x" * size)))
    assert "more than" in str(row["parse_error"])
    assert row["subject"] is None


@pytest.mark.parametrize(
    "filling",
    [b"\x30\x80" * 400_000, b"\x82\x00" * 400_000, b"\x31\x00" * 400_000, b"\x30\x00" * 400_000],
    ids=["nested", "names", "RDNs", "extensions"],
)
def test_cost_does_not_grow_beyond_the_size(filling: bytes) -> None:
    """Depth costs nothing, and many small parts end at a limit or at the first broken one."""
    filled = der.certificate(
        subject=der.sequence(filling), extensions=(filling,) if filling[0] == 0x30 else (der.names(filling),)
    )
    row = parse_certificate(filled[: 1 << 20] if len(filled) <= 1 << 20 else filled)
    assert row["parse_error"]
    assert len(str(row["parse_error"])) < 1000
