"""Rules that derive the columns of toolkit/reference/signature_schemes.csv from the name of a signature scheme."""

import re

_BOTH = ("TLS 1.2", "TLS 1.3")
_OLD = _BOTH[:1]
_NEW = _BOTH[1:]
_HASHES = {"md5": "MD5", "sha1": "SHA1", "sha224": "SHA224", "sha256": "SHA256", "sha384": "SHA384",
           "sha512": "SHA512", "sm3": "SM3"}  # fmt: skip
_OWN_HASH = {"ed25519": ("Ed25519", _BOTH), "ed448": ("Ed448", _BOTH), "iso_ibs1": ("IBS", _NEW),
             "iso_ibs2": ("IBS", _NEW), "iso_chinese_ibs": ("IBS", _NEW)}  # fmt: skip
# Before TLS 1.3 a scheme is a pair of hash and signature and binds no curve (RFC 8446 section 4.2.3).
_PATTERNS = (
    (re.compile(r"rsa_pkcs1_(\w+)_legacy\Z"), "RSA", "PKCS1", _NEW),  # RFC 9963: client certificates
    (re.compile(r"rsa_pkcs1_(\w+)\Z"), "RSA", "PKCS1", _OLD),
    (re.compile(r"rsa_pss_(?:rsae|pss)_(\w+)\Z"), "RSA", "PSS", _BOTH),
    (re.compile(r"ecdsa_secp\d+r1_(\w+)\Z"), "EC", None, _BOTH),
    (re.compile(r"ecdsa_brainpoolP\d+r1tls13_(\w+)\Z"), "EC", None, _NEW),
    (re.compile(r"ecdsa_(\w+)\Z"), "EC", None, _OLD),
    (re.compile(r"dsa_(\w+)\Z"), "DSA", None, _OLD),
    (re.compile(r"eccsi_(\w+)\Z"), "ECCSI", None, _NEW),
    (re.compile(r"sm2sig_(\w+)\Z"), "SM2", None, _NEW),
)


def parse_scheme(name: str) -> dict[str, object]:
    """Columns of a scheme from its name; `ValueError` for an unknown kind of name."""
    if name in _OWN_HASH:
        key_type, versions = _OWN_HASH[name]
        return _columns(key_type, None, None, versions)
    if name.startswith("mldsa"):
        return _columns("ML-DSA-" + name.removeprefix("mldsa"), None, None, _NEW)
    if (gost := re.match(r"gostr34102012_(256|512)([abcd]?)\Z", name)) is not None:
        return _columns(f"GOST-{gost[1]}", f"Streebog{gost[1]}", None, _NEW if gost[2] else _OLD)
    for pattern, key_type, padding, versions in _PATTERNS:
        if (parts := pattern.match(name)) is not None and parts[1] in _HASHES:
            return _columns(key_type, _HASHES[parts[1]], padding, versions)
    raise ValueError(f"{name!r} is not a scheme that these rules know; add it to scheme_rules.py with its source.")


def _columns(key_type: str, hashed: str | None, padding: str | None, versions: tuple[str, ...]) -> dict[str, object]:
    return {"key_type": key_type, "hash": hashed, "padding": padding, "versions": versions}
