"""The suites against the tables that OpenSSL, GnuTLS and NSS print themselves (installed from Debian)."""

import json
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from toolkit.reference import Suite, find_suite, suites

pytestmark = pytest.mark.interop
Need = Callable[[str], str]


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


_OPENSSL_LINE = re.compile(
    r"\s*0x(?P<high>..),0x(?P<low>..) - (?P<iana>\S+)\s+- (?P<name>\S+)\s+(?P<since>\S+)\s+Kx=(?P<kx>\S+)\s+"
    r"Au=(?P<au>\S+)\s+Enc=(?P<cipher>[^( ]+)(\((?P<bits>\d+)\))?\s+Mac=(?P<mac>\S+)"
)
_OPENSSL_EXCHANGES = {
    "RSA": "RSA", "DH": "DHE", "ECDH": "ECDHE", "PSK": "PSK", "DHEPSK": "DHE_PSK", "ECDHEPSK": "ECDHE_PSK",
    "RSAPSK": "RSA_PSK", "SRP": "SRP", "any": "any",
}  # fmt: skip
_OPENSSL_CIPHERS = {
    ("AES", "CBC"): "AES", ("AES", "GCM"): "AESGCM", ("AES", "CCM"): "AESCCM", ("AES", "CCM_8"): "AESCCM8",
    ("ARIA", "GCM"): "ARIAGCM", ("Camellia", "CBC"): "Camellia", ("ChaCha20", "Poly1305"): "CHACHA20/POLY1305",
    ("NULL", "none"): "None", ("3DES", "CBC"): "3DES", ("RC4", "stream"): "RC4", ("SEED", "CBC"): "SEED",
    ("IDEA", "CBC"): "IDEA",
}  # fmt: skip
_OPENSSL_VERSIONS = {"SSLv3": "SSL 3.0", "TLSv1": "TLS 1.0", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}


def _first_versions_agree(suite: Suite, printed: str) -> bool:
    # OpenSSL takes what RFC 3268 and later documents defined for TLS 1.0 under SSL 3.0 too.
    return suite.versions[0] == printed or (suite.versions[0], printed) == ("TLS 1.0", "SSL 3.0")


def test_openssl(need: Need) -> None:
    table = _run(need("openssl"), "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL@SECLEVEL=0")
    lines = [_OPENSSL_LINE.match(line) for line in table.splitlines()]
    assert len(lines) > 100
    for line in lines:
        assert line is not None
        suite = suites()[int(line["high"] + line["low"], 16)]
        assert (suite.name, suite.openssl_name) == (line["iana"], line["name"])
        assert find_suite(line["name"]) is suite
        assert suite.key_exchange == _OPENSSL_EXCHANGES[line["kx"]], suite
        assert suite.authentication.replace("anon", "None") == line["au"], suite
        assert _OPENSSL_CIPHERS[suite.cipher, suite.mode] == line["cipher"], suite
        assert suite.key_bits == int(line["bits"] or 0), suite
        assert suite.mac == line["mac"], suite
        assert _first_versions_agree(suite, _OPENSSL_VERSIONS[line["since"]]), suite


def test_gnutls(need: Need) -> None:
    listed = re.findall(r"^(TLS_\S+)\s+0x(..), 0x(..)\s+TLS(\d\.\d)$", _run(need("gnutls-cli"), "--list"), re.MULTILINE)
    assert len(listed) > 100
    for name, high, low, since in listed:
        suite = suites()[int(high + low, 16)]
        assert suite.gnutls_name == name
        assert find_suite(name) is suite
        # GnuTLS has no SSL 3.0, and takes the PSK suites of RFC 5487, 5489 and 6367 from TLS 1.2 on only.
        ours = suite.versions[0].replace("SSL 3.0", "TLS 1.0")
        is_psk = suite.key_exchange.endswith("PSK") and suite.mac in ("SHA256", "SHA384")
        assert ours == f"TLS {since}" or (is_psk and (ours, since) == ("TLS 1.0", "1.2")), suite
    codes = {int(high + low, 16) for _, high, low, _ in listed}
    assert {code for code, suite in suites().items() if suite.gnutls_name} == codes


# SSL_GetCipherSuiteInfo of sslt.h, asked in another process: its libssl is not to meet Python's.
_ASK_NSS = """
import ctypes, json
class Info(ctypes.Structure):
    _fields_ = [
        ("length", ctypes.c_uint16), ("code", ctypes.c_uint16), ("name", ctypes.c_char_p),
        ("auth", ctypes.c_char_p), ("auth_type", ctypes.c_int), ("kea", ctypes.c_char_p), ("kea_type", ctypes.c_int),
        ("cipher", ctypes.c_char_p), ("cipher_type", ctypes.c_int), ("key_bits", ctypes.c_uint16),
        ("key_space", ctypes.c_uint16), ("effective_bits", ctypes.c_uint16), ("mac", ctypes.c_char_p),
        ("mac_type", ctypes.c_int), ("mac_bits", ctypes.c_uint16), ("flags", ctypes.c_uint),
        ("auth_kind", ctypes.c_int), ("hash_kind", ctypes.c_int),
    ]
library = ctypes.CDLL("libssl3.so")
count = ctypes.c_uint16.in_dll(library, "SSL_NumImplementedCiphers").value
rows = []
for code in (ctypes.c_uint16 * count).in_dll(library, "SSL_ImplementedCiphers"):
    info = Info()
    assert library.SSL_GetCipherSuiteInfo(ctypes.c_uint16(code), ctypes.byref(info), ctypes.sizeof(info)) == 0
    values = {name: getattr(info, name) for name, _ in Info._fields_}
    rows.append({name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()})
print(json.dumps(rows))
"""
_NSS_CIPHERS = {
    "AES": ("AES", "CBC"), "AES-GCM": ("AES", "GCM"), "CHACHA20POLY1305": ("ChaCha20", "Poly1305"),
    "CAMELLIA": ("Camellia", "CBC"), "3DES": ("3DES", "CBC"), "DES": ("DES", "CBC"), "RC4": ("RC4", "stream"),
    "SEED": ("SEED", "CBC"), "NULL": ("NULL", "none"),
}  # fmt: skip


def test_nss(need: Need) -> None:
    need("selfserv")  # of libnss3-tools, which brings the library
    table = json.loads(_run(sys.executable, "-c", _ASK_NSS))
    assert len(table) > 50
    for row in table:
        suite = suites()[row["code"]]
        assert suite.name == row["name"]
        if suite.versions != ("TLS 1.3",):
            assert (suite.key_exchange, suite.authentication) == (
                row["kea"],
                {"DSA": "DSS"}.get(row["auth"], row["auth"]),
            )
        assert (suite.cipher, suite.mode) == _NSS_CIPHERS[row["cipher"]]
        assert suite.mac == row["mac"]
        assert suite.strength_bits == row["effective_bits"]
        # NSS counts the parity bits of DES keys (FIPS 46-3): 64 for DES, 192 for 3DES.
        with_parity = suite.key_bits * 8 // 7 if suite.cipher in ("DES", "3DES") else suite.key_bits
        assert with_parity == row["key_bits"]
