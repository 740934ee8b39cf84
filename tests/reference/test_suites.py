"""What the suites say, against the numbers that specifications and other programs give."""

import csv
import importlib
import ssl
import warnings
from pathlib import Path
from types import ModuleType

import pytest

from toolkit import schema
from toolkit.reference import askable, find_suite, groups, signature_schemes, suites


@pytest.mark.parametrize(
    ("name", "key_bits", "strength_bits", "block_bits"),
    [
        ("TLS_RSA_WITH_NULL_SHA", 0, 0, None),
        ("TLS_RSA_EXPORT_WITH_RC4_40_MD5", 40, 40, None),
        ("TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5", 40, 40, 64),
        ("TLS_RSA_EXPORT_WITH_DES40_CBC_SHA", 40, 40, 64),
        ("TLS_KRB5_EXPORT_WITH_DES_CBC_40_SHA", 40, 40, 64),
        ("TLS_RSA_EXPORT1024_WITH_RC4_56_SHA", 56, 56, None),
        ("TLS_RSA_WITH_DES_CBC_SHA", 56, 56, 64),
        ("SSL_RSA_FIPS_WITH_DES_CBC_SHA", 56, 56, 64),
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", 168, 112, 64),
        ("SSL_CK_DES_192_EDE3_CBC_WITH_MD5", 168, 112, 64),
        ("TLS_RSA_WITH_RC4_128_SHA", 128, 128, None),
        ("TLS_RSA_WITH_IDEA_CBC_SHA", 128, 128, 64),
        ("TLS_RSA_WITH_SEED_CBC_SHA", 128, 128, 128),
        ("TLS_RSA_WITH_CAMELLIA_256_CBC_SHA", 256, 256, 128),
        ("TLS_RSA_WITH_ARIA_128_GCM_SHA256", 128, 128, 128),
        ("TLS_SM4_CCM_SM3", 128, 128, 128),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 256, 256, 128),
        ("TLS_CHACHA20_POLY1305_SHA256", 256, 256, None),
        ("TLS_AEGIS_128L_SHA256", 128, 128, None),
        ("TLS_GOSTR341112_256_WITH_MAGMA_CTR_OMAC", 256, 256, 64),
        ("TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM_L", 256, 256, 128),
        ("TLS_SHA256_SHA256", 0, 0, None),
    ],
)
def test_bits(name: str, key_bits: int, strength_bits: int, block_bits: int | None) -> None:
    suite = find_suite(name)
    assert suite is not None
    assert (suite.key_bits, suite.strength_bits, suite.block_bits) == (key_bits, strength_bits, block_bits)


@pytest.mark.parametrize(
    ("code", "versions"),
    [
        (0x0000, ""),
        (0x0003, "SSL 3.0, TLS 1.0"),
        (0x0009, "SSL 3.0, TLS 1.0, TLS 1.1"),
        (0x0005, "SSL 3.0, TLS 1.0, TLS 1.1, TLS 1.2"),
        (0x002F, "TLS 1.0, TLS 1.1, TLS 1.2"),
        (0x003C, "TLS 1.2"),
        (0x009C, "TLS 1.2"),
        (0x00AE, "TLS 1.0, TLS 1.1, TLS 1.2"),
        (0x00C6, "TLS 1.3"),
        (0x1301, "TLS 1.3"),
        (0xC013, "TLS 1.0, TLS 1.1, TLS 1.2"),
        (0xC027, "TLS 1.2"),
        (0xC0B4, "TLS 1.3"),
        (0xC102, "TLS 1.2"),
        (0xC103, "TLS 1.3"),
        (0xCC13, "TLS 1.2"),
        (0xFEFF, "SSL 3.0, TLS 1.0, TLS 1.1, TLS 1.2"),
        (0x010080, "SSL 2.0"),
    ],
)
def test_versions(code: int, versions: str) -> None:
    assert ", ".join(suites()[code].versions) == versions


def test_codes_names_and_vocabularies() -> None:
    everything = list(suites().values())
    assert [suite.code for suite in everything] == sorted(suites())
    for convention in ("name", "gnutls_name"):
        names = [name for suite in everything if (name := getattr(suite, convention)) is not None]
        assert len(names) == len(set(names)), convention
    # OpenSSL gave SSL 2.0 and SSL 3.0 the same names; within TLS they are unique too.
    tls = [suite.openssl_name for suite in everything if suite.openssl_name and suite.code <= 0xFFFF]
    assert len(tls) == len(set(tls))
    for suite in everything:
        assert set(suite.versions) <= set(schema.PROTOCOLS)
        assert list(suite.versions) == sorted(suite.versions, key=schema.PROTOCOLS.index)
        assert suite.strength_bits <= suite.key_bits
        assert suite.is_aead == (suite.mac == "AEAD")
        assert (suite.mode == "CBC") <= (suite.block_bits is not None)
        if suite.is_recommended:  # IANA recommends only what RFC 9325 would
            assert suite.is_aead
            assert suite.has_forward_secrecy


def test_every_name_finds_its_suite() -> None:
    for suite in suites().values():
        assert find_suite(suite.name) is suite
        if suite.gnutls_name:
            assert find_suite(suite.gnutls_name) is suite
        if suite.openssl_name and suite.code <= 0xFFFF:
            assert find_suite(suite.openssl_name) is suite


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("EDH-RSA-DES-CBC3-SHA", 0x0016),
        ("DHE-RSA-DES-CBC-SHA", 0x0015),
        ("EXP-EDH-DSS-DES-CBC-SHA", 0x0011),
        ("SSL_RSA_WITH_RC4_128_MD5", 0x0004),
        ("SSL_RSA_FIPS_WITH_3DES_EDE_CBC_SHA", 0xFEFF),
        ("RC4-MD5", 0x0004),
        ("DES-CBC3-MD5", 0x0700C0),
        ("ECDHE-ARIA128-GCM-SHA256", 0xC060),
        ("TLS_DHE_PSK_AES_128_CCM_8", 0xC0AA),
    ],
)
def test_older_spellings(name: str, code: int) -> None:
    found = find_suite(name)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize("name", ["", "TLS_FALLBACK_SCSV", "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", "ROT13", "SSL_", "-"])
def test_a_name_that_is_not_a_suite_is_not_found(name: str) -> None:
    assert find_suite(name) is None


def test_askable_leaves_out_only_what_belongs_to_other_versions() -> None:
    of_tls13, of_ssl2 = set(askable("TLS 1.3")), set(askable("SSL 2.0"))
    assert {0x1301, 0x1302, 0x1303, 0x1304, 0x1305} <= of_tls13
    assert all(code > 0xFFFF for code in of_ssl2)
    between = set(askable("TLS 1.2"))
    assert between == set(askable("SSL 3.0")) == set(askable("TLS 1.0")) == set(askable("TLS 1.1"))
    assert between | of_tls13 | of_ssl2 == set(suites()) - {0}
    for suite in suites().values():
        assert all(suite.code in askable(version) for version in suite.versions)


def test_every_name_of_the_recorded_scan_is_known(shared: Path) -> None:
    with (shared / "recorded" / "google_mail" / "support.csv").open(encoding="utf-8", newline="") as file:
        recorded = [row for row in csv.DictReader(file) if row["cipher"]]
    assert len({row["cipher"] for row in recorded}) > 100
    for row in recorded:
        suite = find_suite(row["cipher"])
        assert suite is not None, row["cipher"]
        if row["cipher_bits"]:  # sslyze printed OpenSSL's strength bits
            assert suite.strength_bits == int(row["cipher_bits"]), row["cipher"]


def test_python_gives_the_same_bits() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    known = context.get_ciphers()
    assert len(known) > 100
    for theirs in known:
        suite = suites()[theirs["id"] & 0xFFFF]
        assert suite.openssl_name == theirs["name"]
        ours = (suite.key_bits, suite.strength_bits, suite.is_aead)
        assert ours == (theirs["alg_bits"], theirs["strength_bits"], theirs["aead"]), theirs["name"]


@pytest.fixture(scope="module")
def tlslite() -> ModuleType:
    with warnings.catch_warnings():  # it imports asyncore, which warns
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("tlslite.constants")


def test_tlslite_gives_the_same_names(tlslite: ModuleType) -> None:
    assert len(tlslite.CipherSuite.ietfNames) > 100
    for code, name in tlslite.CipherSuite.ietfNames.items():
        if name.endswith("_SCSV"):
            assert code not in suites()
        elif name.endswith("_draft_00"):  # tlslite-ng's own spelling
            assert suites()[code].name == name.replace("_draft_00", "_SHA256-draft-00")
        else:
            assert suites()[code].name == name.replace("_ANON_", "_anon_")


def test_tlslite_gives_the_same_groups_and_schemes(tlslite: ModuleType) -> None:
    for name, code in vars(tlslite.GroupName).items():
        if isinstance(code, int):
            assert groups()[code].name.lower() == name.lower()
    for name, pair in vars(tlslite.SignatureScheme).items():
        if isinstance(pair, tuple):
            ours = signature_schemes()[pair[0] << 8 | pair[1]].name
            assert ours in (name, name.replace("rsa_pss_sha", "rsa_pss_rsae_sha"))
