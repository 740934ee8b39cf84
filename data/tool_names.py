"""Rules that derive OpenSSL's and GnuTLS's name of a suite from the registry's; null if a tool does not have it.

OpenSSL: `openssl ciphers -V -stdname` of 3.0, and for suites that 3.0 no longer has, ciphers(1) of 0.9.7 to 1.0.2
(EXPORT1024, export, Kerberos, IDEA, RC4, single DES, fixed DH). GnuTLS: `gnutls-cli --list` of 3.7. Tests compare
the rules with what the installed tools print.
"""

import re

_OPENSSL_EXCHANGES = {
    "RSA": "", "DH_DSS": "DH-DSS-", "DH_RSA": "DH-RSA-", "DHE_DSS": "DHE-DSS-", "DHE_RSA": "DHE-RSA-",
    "DH_anon": "ADH-", "ECDH_ECDSA": "ECDH-ECDSA-", "ECDH_RSA": "ECDH-RSA-", "ECDHE_ECDSA": "ECDHE-ECDSA-",
    "ECDHE_RSA": "ECDHE-RSA-", "ECDH_anon": "AECDH-", "PSK": "PSK-", "DHE_PSK": "DHE-PSK-", "PSK_DHE": "DHE-PSK-",
    "ECDHE_PSK": "ECDHE-PSK-", "RSA_PSK": "RSA-PSK-", "KRB5": "KRB5-", "SRP_SHA": "SRP-", "SRP_SHA_RSA": "SRP-RSA-",
    "SRP_SHA_DSS": "SRP-DSS-",
}  # fmt: skip
_OPENSSL_CIPHERS = {
    "NULL": "NULL", "RC4_40": "RC4", "RC4_56": "RC4", "RC4_128": "RC4", "RC2_CBC_40": "RC2-CBC",
    "RC2_CBC_56": "RC2-CBC", "DES40_CBC": "DES-CBC", "DES_CBC_40": "DES-CBC", "DES_CBC": "DES-CBC",
    "3DES_EDE_CBC": "DES-CBC3",
    "IDEA_CBC": "IDEA-CBC", "SEED_CBC": "SEED", "CHACHA20_POLY1305": "CHACHA20-POLY1305",
}  # fmt: skip
_OPENSSL_OTHER = {  # names that follow no rule: SSL 2.0, and GOST of draft-chudov-cryptopro-cptls
    0x010080: "RC4-MD5", 0x020080: "EXP-RC4-MD5", 0x030080: "RC2-CBC-MD5", 0x040080: "EXP-RC2-CBC-MD5",
    0x050080: "IDEA-CBC-MD5", 0x060040: "DES-CBC-MD5", 0x0700C0: "DES-CBC3-MD5", 0x080080: "RC4-64-MD5",
    0x0080: "GOST94-GOST89-GOST89", 0x0081: "GOST2001-GOST89-GOST89", 0x0082: "GOST94-NULL-GOST94",
    0x0083: "GOST2001-NULL-GOST94",
}  # fmt: skip
_SUITE = re.compile(r"TLS_(?P<exchange>\w+?)(?P<export>_EXPORT(1024)?)?_WITH_(?P<rest>\w+)\Z")
_SIZED = re.compile(r"(?P<name>AES|ARIA|CAMELLIA)_(?P<bits>128|256)_(?P<mode>CBC|GCM|CCM_8|CCM)(_(?P<hash>\w+))?\Z")


def openssl_name(name: str, code: int) -> str | None:
    """OpenSSL's name of the suite, null where no version that printed its table had it."""
    if code in _OPENSSL_OTHER:
        return _OPENSSL_OTHER[code]
    if 0x1301 <= code <= 0x1305:
        return name
    if (parts := _SUITE.match(name)) is None or parts["exchange"] not in _OPENSSL_EXCHANGES:
        return None
    exchange, rest = parts["exchange"], parts["rest"]
    prefix = _OPENSSL_EXCHANGES[exchange]
    if (sized := _SIZED.match(rest)) is not None:
        tail = _openssl_sized(exchange, sized, code)
        return None if tail is None else _openssl_aria(prefix, tail)
    cipher, _, mac = rest.rpartition("_")
    if cipher not in _OPENSSL_CIPHERS:
        return None
    if cipher == "CHACHA20_POLY1305":
        return prefix + _OPENSSL_CIPHERS[cipher]
    if cipher == "3DES_EDE_CBC" and exchange in (
        "PSK",
        "DHE_PSK",
        "ECDHE_PSK",
        "RSA_PSK",
        "SRP_SHA",
        "SRP_SHA_RSA",
        "SRP_SHA_DSS",
    ):
        return f"{prefix}3DES-EDE-CBC-{mac}"
    export = {None: "", "_EXPORT": "EXP-", "_EXPORT1024": "EXP1024-"}[parts["export"]]
    if cipher in ("DES_CBC", "DES40_CBC") and export != "EXP1024-":  # renamed to DHE- in 1.1.0, when these were gone
        prefix = prefix.replace("DHE-", "EDH-")
    return f"{export}{prefix}{_OPENSSL_CIPHERS[cipher]}-{mac}"


def _openssl_sized(exchange: str, sized: re.Match[str], code: int) -> str | None:
    family, bits, mode, hashed = sized["name"], sized["bits"], sized["mode"], sized["hash"]
    is_fixed, is_psk = exchange.startswith(("DH_R", "DH_D", "ECDH_R", "ECDH_E")), exchange.endswith(("PSK", "PSK_DHE"))
    if family == "ARIA" and (mode == "CBC" or is_fixed or exchange == "DH_anon"):
        return None
    if family == "CAMELLIA" and (mode == "GCM" or (is_fixed and hashed != "SHA")):
        return None
    if exchange == "ECDHE_PSK" and mode != "CBC":
        return None
    if mode in ("CCM", "CCM_8"):
        return f"{family}{bits}-{mode.replace('_', '')}"
    if mode == "GCM":
        return f"{family}{bits}-GCM-{hashed}"
    if exchange.startswith("SRP"):
        return f"{family}-{bits}-CBC-{hashed}"
    return f"{family}{bits}-CBC-{hashed}" if is_psk and family == "AES" else f"{family}{bits}-{hashed}"


def _openssl_aria(prefix: str, tail: str) -> str:
    return "ECDHE-" + tail if prefix == "ECDHE-RSA-" and tail.startswith("ARIA") else prefix + tail


_GNUTLS_EXCHANGES = {*_OPENSSL_EXCHANGES} - {"DH_DSS", "DH_RSA", "ECDH_ECDSA", "ECDH_RSA", "KRB5"}
_GNUTLS_CIPHERS = re.compile(r"(NULL|RC4_128|3DES_EDE_CBC|(AES|CAMELLIA)_(128|256)_\w+|CHACHA20_POLY1305)_|AES_\d+_CCM")


def gnutls_name(name: str, code: int) -> str | None:
    """GnuTLS's name of the suite, null where it does not have it."""
    if 0x1301 <= code <= 0x1305:
        return name
    if code == 0xC102:
        return "TLS_GOSTR341112_256_28147_CNT_IMIT"
    parts = _SUITE.match(name)
    if parts is None or parts["export"] or parts["exchange"] not in _GNUTLS_EXCHANGES:
        return None
    if not _GNUTLS_CIPHERS.match(parts["rest"]) or code >> 8 == 0xD0:  # RFC 8442 is not implemented
        return None
    exchange = {"PSK_DHE": "DHE_PSK", "DH_anon": "DH_ANON", "ECDH_anon": "ECDH_ANON"}.get(
        parts["exchange"], parts["exchange"]
    )
    rest = parts["rest"].replace("RC4_", "ARCFOUR_").removesuffix("_SHA256" if "CHACHA20" in parts["rest"] else "")
    return f"TLS_{exchange}_{rest}1" if rest.endswith("_SHA") else f"TLS_{exchange}_{rest}"
