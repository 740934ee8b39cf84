"""Rules that derive the columns of toolkit/reference/groups.csv from the name of a group."""

import re

_ALL = ("TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3")
_OLD = _ALL[:3]
_NEW = _ALL[3:]
_ELLIPTIC = re.compile(r"(sect|secp|brainpoolP|GC)(?P<bits>\d+)(?P<rest>\w+)\Z")
# NIST SP 800-56A rev. 3, appendix D, table 26: the most that each safe-prime group is approved for.
_FFDHE = {2048: 112, 3072: 128, 4096: 152, 6144: 176, 8192: 200}
# SP 800-186, table 1, for the curves whose size alone would say less; field sizes from RFC 7748.
_MONTGOMERY = {"x25519": (255, 128), "x448": (448, 224)}
# FIPS 203, section 8: security categories 1, 3 and 5, those of AES-128, AES-192 and AES-256.
_KEM_STRENGTH = {"512": 128, "768": 192, "1024": 256}
_HYBRID_FIRST = ("SecP256r1", "SecP384r1", "X25519")
# Those of RFC 8422 that RFC 8446 section 4.2.7 kept; every other curve of RFC 4492 ends with TLS 1.2.
_KEPT = ("secp256r1", "secp384r1", "secp521r1")


def parse_group(description: str) -> dict[str, object]:
    """Columns of a group from its description in the registry; `ValueError` for an unknown kind of name."""
    name = description.removesuffix(" (OBSOLETE)")
    if name in _MONTGOMERY:
        bits, strength = _MONTGOMERY[name]
        return _columns(name, "ECDHE", bits, strength, _ALL)
    if name.startswith("ffdhe"):  # RFC 7919: for TLS 1.2 and before as well as for TLS 1.3
        bits = int(name.removeprefix("ffdhe"))
        return _columns(name, "FFDHE", bits, _FFDHE[bits], _ALL)
    if (kem := re.search(r"(MLKEM|Kyber)(512|768|1024)", name)) is not None:
        kind = "hybrid" if name.startswith(_HYBRID_FIRST) else "KEM"
        return _columns(name, kind, None, _KEM_STRENGTH[kem[2]], _NEW)
    if name == "curveSM2":  # RFC 8998
        return _columns(name, "ECDHE", 256, 128, _NEW)
    if name.startswith("arbitrary_explicit_"):  # RFC 4492 section 5.1.1: the curve comes with the exchange
        return _columns(name, "ECDHE", None, None, _OLD)
    if (curve := _ELLIPTIC.match(name)) is None:
        raise ValueError(f"{name!r} is not a group that these rules know; add it to group_rules.py with its source.")
    bits = int(curve["bits"])
    return _columns(name, "ECDHE", bits, _elliptic_strength(bits), _elliptic_versions(name))


def _elliptic_strength(bits: int) -> int:
    # NIST SP 800-57 part 1 rev. 5, table 2.
    for least, strength in ((512, 256), (384, 192), (256, 128), (224, 112)):
        if bits >= least:
            return strength
    return 80


def _elliptic_versions(name: str) -> tuple[str, ...]:
    if name.endswith("tls13"):
        return _NEW  # RFC 8734
    if name.startswith("GC"):
        return ("TLS 1.2", "TLS 1.3")  # RFC 9189, RFC 9367
    return _ALL if name in _KEPT else _OLD


def _columns(
    name: str, kind: str, bits: int | None, strength: int | None, versions: tuple[str, ...]
) -> dict[str, object]:
    return {
        "name": name,
        "kind": kind,
        "bits": bits,
        "strength_bits": strength,
        "is_post_quantum": kind in ("KEM", "hybrid"),
        "versions": versions,
    }
