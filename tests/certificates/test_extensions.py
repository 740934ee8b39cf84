"""What extensions say: as OpenSSL writes and prints them, as `cryptography` reads them, and when they are broken."""

import base64
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID as Access
from hypothesis import given, strategies as st

from tests.certificates import der
from tests.conftest import ROOT
from toolkit.certificates import parse_certificate
from toolkit.certificates.usage import MOST_ENTRIES
from toolkit.readers.pem import read_certificates

CONFIG = """
[req]
distinguished_name = dn
prompt = no
[dn]
CN = many.test
[all]
keyUsage = critical, digitalSignature, keyAgreement, decipherOnly
extendedKeyUsage = serverAuth, clientAuth, 1.2.3.4
certificatePolicies = 2.23.140.1.2.1, 1.3.6.1.4.1.44947.1.1.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
authorityInfoAccess = OCSP;URI:http://ocsp.test/, caIssuers;URI:http://ca.test/ca.der, OCSP;URI:http://two.test/
crlDistributionPoints = URI:http://crl.test/1.crl, URI:ldap://crl.test/cn=x
tlsfeature = status_request, 17
subjectAltName = DNS:a.test, email:who@a.test, IP:192.0.2.1, IP:2001:db8::1, URI:https://a.test/
1.2.3.4.5 = critical, ASN1:NULL
1.2.3.4.6 = ASN1:NULL
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, need: Callable[[str], str]) -> bytes:
    """A certificate with every extension that a row speaks of, by OpenSSL."""
    folder = tmp_path_factory.mktemp("openssl")
    (folder / "c.cnf").write_text(CONFIG)
    command = (
        f"{need('openssl')} req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout k.pem "
        "-config c.cnf -extensions all -days 30 -outform DER -out c.der"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True, timeout=60)
    return (folder / "c.der").read_bytes()


def test_what_openssl_wrote_is_read(many: bytes) -> None:
    row = parse_certificate(many)
    assert row["parse_error"] is None
    assert row["key_usage"] == ("digitalSignature", "keyAgreement", "decipherOnly")
    assert row["extended_key_usage"] == ("serverAuth", "clientAuth", "1.2.3.4")
    assert row["policies"] == ("2.23.140.1.2.1", "1.3.6.1.4.1.44947.1.1.1")
    assert row["validation"] == "DV"
    assert row["ocsp_urls"] == ("http://ocsp.test/", "http://two.test/")
    assert row["issuer_urls"] == ("http://ca.test/ca.der",)
    assert row["crl_urls"] == ("http://crl.test/1.crl", "ldap://crl.test/cn=x")
    assert row["is_must_staple"] is True
    assert row["names"] == ("a.test", "192.0.2.1", "2001:db8::1")
    assert (row["email_names"], row["ip_names"]) == (("who@a.test",), ("192.0.2.1", "2001:db8::1"))
    assert row["unknown_critical_extensions"] == ("1.2.3.4.5",)


@pytest.mark.parametrize("path", sorted(ROOT.glob("data/*/certificates/*.pem"))[::7], ids=lambda path: path.stem[:8])
def test_real_certificates_are_read_as_openssl_prints_them(path: Path, need: Callable[[str], str]) -> None:
    (made,) = read_certificates(path)
    row = parse_certificate(made)
    done = subprocess.run(
        [need("openssl"), "x509", "-inform", "der", "-noout", "-ocsp_uri", "-text"],
        input=made, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    text = done.stdout.decode("utf-8", "replace")
    assert list(row["ocsp_urls"] or ()) == re.findall(r"OCSP - URI:(\S+)", text)  # type: ignore[call-overload]
    assert list(row["issuer_urls"] or ()) == re.findall(r"CA Issuers - URI:(\S+)", text)  # type: ignore[call-overload]
    assert list(row["policies"] or ()) == [  # type: ignore[call-overload]
        "2.5.29.32.0" if policy == "X509v3 Any Policy" else policy for policy in re.findall(r"Policy: (.+)", text)
    ]
    logs = [digits.replace(":", "").replace(" ", "").lower() for digits in _printed_logs(text)]
    assert [base64.b64decode(str(sct).split()[0]).hex() for sct in row["scts"] or ()] == logs  # type: ignore[attr-defined]


def _printed_logs(text: str) -> list[str]:
    return [re.sub(r"\s", "", digits) for digits in re.findall(r"Log ID    : ([0-9A-F:\s]+?)\n\s+Timestamp", text)]


@pytest.mark.parametrize("path", sorted(ROOT.glob("data/*/certificates/*.pem"))[::3], ids=lambda path: path.stem[:8])
def test_real_certificates_are_read_as_cryptography_reads_them(path: Path) -> None:
    (made,) = read_certificates(path)
    row, other = parse_certificate(made), x509.load_der_x509_certificate(made).extensions
    values = {type(extension.value): extension.value for extension in other}

    ids = values.get(x509.AuthorityKeyIdentifier), values.get(x509.SubjectKeyIdentifier)
    assert row["authority_key_id"] == (ids[0] and ids[0].key_identifier.hex())
    assert row["subject_key_id"] == (ids[1] and ids[1].digest.hex())
    usage = values.get(x509.KeyUsage)
    names = {
        "digitalSignature": "digital_signature",
        "keyCertSign": "key_cert_sign",
        "keyEncipherment": "key_encipherment",
    }
    for ours, theirs in names.items():
        assert (ours in (row["key_usage"] or ())) == (usage is not None and getattr(usage, theirs))  # type: ignore[operator]
    purposes = values.get(x509.ExtendedKeyUsage)
    assert ("serverAuth" in (row["extended_key_usage"] or ())) == (  # type: ignore[operator]
        purposes is not None and x509.ExtendedKeyUsageOID.SERVER_AUTH in purposes
    )
    points = values.get(x509.CRLDistributionPoints)
    urls = () if points is None else tuple(name.value for point in points for name in point.full_name or ())
    assert (row["crl_urls"] or ()) == urls
    access = values.get(x509.AuthorityInformationAccess)
    ocsp = () if access is None else tuple(a.access_location.value for a in access if a.access_method == Access.OCSP)
    assert (row["ocsp_urls"] or ()) == ocsp
    stamps = values.get(x509.PrecertificateSignedCertificateTimestamps)
    at = [] if stamps is None else [f"{one.timestamp.isoformat(timespec='milliseconds')}Z" for one in stamps]
    assert [str(one).split()[1] for one in row["scts"] or ()] == at  # type: ignore[attr-defined]
    assert row["is_must_staple"] is False
    assert row["unknown_critical_extensions"] == ()


OIDS = ["2.5.29.15", "2.5.29.37", "2.5.29.32", "2.5.29.35", "2.5.29.14", "2.5.29.31", "1.3.6.1.5.5.7.1.1",
        "1.3.6.1.5.5.7.1.24", "2.5.29.17", "1.3.6.1.4.1.11129.2.4.2"]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(OIDS), st.binary(max_size=60)), max_size=6))
def test_hostile_values_cost_their_own_columns_only(extensions: list[tuple[str, bytes]]) -> None:
    row = parse_certificate(der.certificate(extensions=tuple(der.extension(*one) for one in extensions)))
    assert (row["subject"], row["key_bits"]) == ("CN=subject.test", 2048)
    assert isinstance(row["unknown_critical_extensions"], tuple)


@pytest.mark.parametrize("oid", ["2.5.29.37", "2.5.29.32", "2.5.29.31", "1.3.6.1.5.5.7.1.1"])
def test_more_entries_than_are_read_are_said(oid: str) -> None:
    entry = {
        "2.5.29.37": der.oid("1.2.3"),
        "2.5.29.32": der.sequence(der.oid("1.2.3")),
        "2.5.29.31": der.sequence(der.tlv(0xA0, der.tlv(0xA0, der.tlv(0x86, b"u")))),
        "1.3.6.1.5.5.7.1.1": der.sequence(der.oid("1.2.3"), der.tlv(0x86, b"u")),
    }[oid]
    made = der.certificate(extensions=(der.extension(oid, der.sequence(*[entry] * (MOST_ENTRIES + 1))),))
    assert f"more than {MOST_ENTRIES}" in str(parse_certificate(made)["parse_error"])


@pytest.mark.parametrize(
    ("policies", "validation"),
    [
        (["2.23.140.1.2.2"], "OV"),
        (["2.23.140.1.2.3"], "IV"),
        (["2.23.140.1.2.2", "2.23.140.1.1"], "EV"),
        (["1.2.3"], None),
    ],
)
def test_validation_follows_from_the_policies(policies: list[str], validation: str | None) -> None:
    value = der.sequence(*(der.sequence(der.oid(one)) for one in policies))
    assert (
        parse_certificate(der.certificate(extensions=(der.extension("2.5.29.32", value),)))["validation"] == validation
    )
