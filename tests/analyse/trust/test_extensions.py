"""Each known extension, critical or not, in each certificate of a chain: the verdicts compared with OpenSSL's.

The list of extensions that may be critical is OpenSSL's (`X509_supported_extension` in crypto/x509/v3_purp.c).
"""

from typing import Any

import pandas as pd
import pytest
from cryptography import x509

from tests.analyse.trust.minted import (
    HOST,
    TODAY,
    Minted,
    key,
    mint_ca,
    mint_leaf,
    name,
    served,
    write_curve_out,
)
from tests.conftest import need
from toolkit.analyse.trust.verify import verify_chains
from toolkit.comparing import compare_verifiers

PLACES = ("leaf", "intermediate 1", "root")
URI = b"\x86\x0dhttp://a.test"

MAY_BE_CRITICAL = {
    "certificatePolicies": ("2.5.29.32", "3006300406022a03"),
    "policyMappings": ("2.5.29.33", "300a300806022a0306022a04"),
    "policyConstraints": ("2.5.29.36", "3003800105"),
    "inhibitAnyPolicy": ("2.5.29.54", "020105"),
    "cRLDistributionPoints": ("2.5.29.31", "30153013a011a00f" + URI.hex()),
    "ocsp-nocheck": ("1.3.6.1.5.5.7.48.1.5", "0500"),
    "netscape-cert-type, server": ("2.16.840.1.113730.1.1", "03020640"),
}
"""Extension → its OID and a value in hex."""

MAY_NOT_BE_CRITICAL = {
    "issuerAltName": ("2.5.29.18", "3009820763612e74657374"),
    "freshestCRL": ("2.5.29.46", "30153013a011a00f" + URI.hex()),
    "authorityInfoAccess": ("1.3.6.1.5.5.7.1.1", "301b301906082b06010505073002" + URI.hex()),
    "subjectInfoAccess": ("1.3.6.1.5.5.7.1.11", "301b301906082b06010505073002" + URI.hex()),
    "TLS feature": ("1.3.6.1.5.5.7.1.24", "3003020105"),
    "qcStatements": ("1.3.6.1.5.5.7.1.3", "300a3008060604008e460101"),
    "SCT list": ("1.3.6.1.4.1.11129.2.4.2", "04020000"),
    "netscape comment": ("2.16.840.1.113730.1.13", "16026869"),
    "privateKeyUsagePeriod": ("2.5.29.16", "3011800f32303230303130313030303030305a"),
    "subjectDirectoryAttributes": ("2.5.29.9", "300b300906022a0331030c0161"),
    "Microsoft certificate template": ("1.3.6.1.4.1.311.21.7", "300406022a03"),
    "noRevAvail": ("2.5.29.56", "0500"),
    "issuingDistributionPoint": ("2.5.29.28", "30038101ff"),
    "cRLNumber": ("2.5.29.20", "020101"),
    "delegated credentials": ("1.3.6.1.4.1.44363.44", "0500"),
    "an unknown one": ("1.3.6.1.4.1.55555.1", "0500"),
}

ADDRESSES = ("1.3.6.1.5.5.7.1.7", "300e300c040200013006030400c00002")
INHERITED = ("1.3.6.1.5.5.7.1.7", "30083006040200010500")
NUMBERS = ("1.3.6.1.5.5.7.1.8", "3007a0053003020105")
PROXY = ("1.3.6.1.5.5.7.1.14", "300c300a06082b06010505071501")
NETSCAPE_CLIENT = ("2.16.840.1.113730.1.1", "03020780")
NETSCAPE_CA = ("2.16.840.1.113730.1.1", "03020204")


def ask(chain: list[Minted], root: Minted) -> "pd.Series[Any]":
    need("openssl")
    given = served([minted.der for minted in chain])
    mine = verify_chains(given, roots=[root.der], as_of=TODAY).iloc[0]
    return pd.concat([mine, compare_verifiers(given, roots=[root.der], as_of=TODAY).iloc[0].filter(like="openssl")])


def ask_with(place: str, extension: x509.ExtensionType, *, is_critical: bool, **changes: Any) -> "pd.Series[Any]":
    """A right chain of three in which one certificate has the extension (and the changes)."""

    def at(mine: str) -> dict[str, Any]:
        return {"extra": [(extension, is_critical)], **changes} if mine == place else {}

    root = mint_ca("Root", **at("root"))
    middle = mint_ca("Middle", root, **at("intermediate 1"))
    return ask([mint_leaf(middle, **at("leaf")), middle], root)


def raw(oid: str, value: str) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), bytes.fromhex(value))


def check(row: "pd.Series[Any]", verdict: str, place: str | None = None) -> None:
    assert row["verdict"] == verdict, row["reason"]
    if verdict != "unknown":
        assert row["openssl_verdict"] == verdict, row["openssl_reason"]
    assert (None if pd.isna(row["broken_certificate"]) else row["broken_certificate"]) == place


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("label", MAY_BE_CRITICAL)
def test_what_clients_process_may_be_critical(label: str, place: str) -> None:
    check(ask_with(place, raw(*MAY_BE_CRITICAL[label]), is_critical=True), "trusted")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("label", MAY_NOT_BE_CRITICAL)
def test_what_clients_do_not_process_may_not_be_critical(label: str, place: str) -> None:
    extension = raw(*MAY_NOT_BE_CRITICAL[label])
    row = ask_with(place, extension, is_critical=True)
    check(row, "untrusted", place)
    assert "critical extension" in row["reason"]
    assert not row["is_key_usage_right"]
    if place == "leaf":
        check(ask_with(place, extension, is_critical=False), "trusted")


@pytest.mark.parametrize("place", PLACES)
def test_key_identifiers_may_not_be_critical(place: str) -> None:
    own = {"leaf": HOST, "intermediate 1": "Middle", "root": "Root"}[place]
    above = {"leaf": "Middle", "intermediate 1": "Root", "root": "Root"}[place]
    public, issuing = (key(name(one).rfc4514_string(), "EC").public_key() for one in (own, above))
    of_subject = x509.SubjectKeyIdentifier.from_public_key(public)
    of_issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing)
    for is_critical, verdict, broken in ((True, "untrusted", place), (False, "trusted", None)):
        check(ask_with(place, of_subject, is_critical=is_critical, has_key_id=False), verdict, broken)
        check(ask_with(place, of_issuer, is_critical=is_critical, issuer_id=None), verdict, broken)


@pytest.mark.parametrize("is_critical", [True, False])
def test_a_netscape_type_binds_the_leaf_alone(is_critical: bool) -> None:
    for one in (NETSCAPE_CLIENT, NETSCAPE_CA):
        check(ask_with("leaf", raw(*one), is_critical=is_critical), "untrusted", "leaf")
        for place in ("intermediate 1", "root"):
            check(ask_with(place, raw(*one), is_critical=is_critical), "trusted")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("is_critical", [True, False])
def test_a_proxy_certificate_is_never_trusted(place: str, is_critical: bool) -> None:
    check(ask_with(place, raw(*PROXY), is_critical=is_critical), "untrusted", place)


@pytest.mark.parametrize("is_critical", [True, False])
def test_address_and_number_resources_are_not_compared(is_critical: bool) -> None:
    """OpenSSL compares those of a leaf with those of each issuer (RFC 3779, sections 2.3 and 3.3)."""
    for one in (ADDRESSES, NUMBERS, INHERITED):
        row = ask_with("leaf", raw(*one), is_critical=is_critical)
        check(row, "unknown")
        assert "RFC 3779" in row["reason"]
        for place in ("intermediate 1", "root"):
            check(ask_with(place, raw(*one), is_critical=is_critical), "trusted")


def test_name_constraints_with_a_minimum_are_not_compared() -> None:
    """RFC 5280, section 4.2.1.10, lets a client refuse them; OpenSSL does."""
    plain, bounded = raw("2.5.29.30", "300aa0083006820474657374"), raw("2.5.29.30", "300da00b3009820474657374800101")
    check(ask_with("intermediate 1", plain, is_critical=True), "trusted")
    row = ask_with("intermediate 1", bounded, is_critical=True)
    check(row, "unknown")
    assert row["openssl_verdict"] == "untrusted"


def test_a_curve_is_named() -> None:
    root = mint_ca("Root")
    middle = mint_ca("Middle", root)
    leaf = mint_leaf(middle)
    check(ask([write_curve_out(leaf, middle.key), middle], root), "untrusted", "leaf")
    check(ask([leaf, write_curve_out(middle, root.key)], root), "untrusted", "intermediate 1")
    row = ask([leaf, middle], write_curve_out(root, root.key))
    check(row, "untrusted", "root")
    assert "explicit curve parameters" in row["reason"]
    alone = mint_leaf(None, basic=None, key_usage=None)
    alone = write_curve_out(alone, alone.key)
    row = ask([alone], alone)
    assert (row["verdict"], row["openssl_verdict"]) == ("trusted", "trusted"), "it is its own root"


@pytest.mark.parametrize(
    "issuer_id",
    [
        x509.AuthorityKeyIdentifier(b"another key", None, None),
        x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(name("Root"))], 4711),
        x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(name("Another Root"))], 4711),
    ],
)
def test_a_root_that_names_another_issuer_does_not_end_a_path(issuer_id: x509.AuthorityKeyIdentifier) -> None:
    root = mint_ca("Root", extra=[(issuer_id, False)])
    middle = mint_ca("Middle", root)
    row = ask([mint_leaf(middle), middle], root)
    assert (row["verdict"], row["openssl_verdict"]) == ("unknown", "untrusted")
    assert not row["is_path_found"]


def test_a_key_identifier_may_name_the_issuer_and_number() -> None:
    root = mint_ca("Root")
    middle = mint_ca("Middle", root)
    number = middle.certificate.serial_number
    for issuer, verdict in (("Root", "trusted"), ("Middle", "unknown")):
        names = [x509.DirectoryName(name(issuer))]
        row = ask([mint_leaf(middle, issuer_id=x509.AuthorityKeyIdentifier(None, names, number)), middle], root)
        assert row["verdict"] == verdict
        assert (row["openssl_verdict"] == "trusted") == (verdict == "trusted")
