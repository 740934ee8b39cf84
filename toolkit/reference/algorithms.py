"""Keys, curves, hashes and signatures of certificates: object identifier → the name that this package gives it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_DRAFT: Final = "draft-ietf-lamps-pq-composite-sigs"

_COMPOSITES: Final = (
    "MLDSA44-RSA2048-PSS-SHA256", "MLDSA44-RSA2048-PKCS15-SHA256", "MLDSA44-Ed25519-SHA512",
    "MLDSA44-ECDSA-P256-SHA256", "MLDSA65-RSA3072-PSS-SHA512", "MLDSA65-RSA3072-PKCS15-SHA512",
    "MLDSA65-RSA4096-PSS-SHA512", "MLDSA65-RSA4096-PKCS15-SHA512", "MLDSA65-ECDSA-P256-SHA512",
    "MLDSA65-ECDSA-P384-SHA512", "MLDSA65-ECDSA-brainpoolP256r1-SHA512", "MLDSA65-Ed25519-SHA512",
    "MLDSA87-ECDSA-P384-SHA512", "MLDSA87-ECDSA-brainpoolP384r1-SHA512", "MLDSA87-Ed448-SHAKE256",
    "MLDSA87-RSA3072-PSS-SHA512", "MLDSA87-RSA4096-PSS-SHA512", "MLDSA87-ECDSA-P521-SHA512",
)  # fmt: skip
_COMPOSITES_02: Final = (
    *_COMPOSITES[:4], "MLDSA44-ECDSA-brainpoolP256r1-SHA256", *_COMPOSITES[4:6], _COMPOSITES[8], *_COMPOSITES[10:14],
    "MLDSA87-Ed448-SHA512",
)  # fmt: skip
_HASHED_03: Final = (*_COMPOSITES[:8], *_COMPOSITES[9:14], "MLDSA87-Ed448-SHA512")
_PURE_03: Final = {
    21: _COMPOSITES[0], 22: _COMPOSITES[1], 23: "MLDSA44-Ed25519", 24: _COMPOSITES[3], 26: _COMPOSITES[4],
    27: _COMPOSITES[5], 28: _COMPOSITES[9], 29: _COMPOSITES[10], 30: "MLDSA65-Ed25519", 31: _COMPOSITES[12],
    32: _COMPOSITES[13], 33: "MLDSA87-Ed448", 34: _COMPOSITES[6], 35: _COMPOSITES[7],
}  # fmt: skip


def _composites(arc: str, names: Mapping[int, str], draft: str) -> dict[str, tuple[str, None]]:
    """Composites of ML-DSA and a traditional algorithm in an arc of identifiers, named with their draft."""
    return {f"{arc}.{last}": (f"{name} ({_DRAFT}-{draft})", None) for last, name in names.items()}


RSA, RSA_PSS, EC, DSA = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.10045.2.1", "1.2.840.10040.4.1"

# RFC 3279 (RSA, DSA, DH, EC), 4055 (PSS), 8410 (Edwards and Montgomery), 9881 (ML-DSA), 9909 (SLH-DSA), 9215 (GOST).
# The size is that of the public key in octets × 8; ML-DSA and SLH-DSA are named by parameter set and have none.
KEY_TYPES: Final[Mapping[str, tuple[str, int | None]]] = MappingProxyType({
    RSA: ("RSA", None),
    RSA_PSS: ("RSA", None),
    EC: ("EC", None),
    DSA: ("DSA", None),
    "1.2.840.10046.2.1": ("DH", None),
    "1.3.101.110": ("X25519", 256),
    "1.3.101.111": ("X448", 448),
    "1.3.101.112": ("Ed25519", 256),
    "1.3.101.113": ("Ed448", 456),
    "2.16.840.1.101.3.4.3.17": ("ML-DSA-44", None),
    "2.16.840.1.101.3.4.3.18": ("ML-DSA-65", None),
    "2.16.840.1.101.3.4.3.19": ("ML-DSA-87", None),
    "2.16.840.1.101.3.4.3.20": ("SLH-DSA-SHA2-128s", None),
    "2.16.840.1.101.3.4.3.21": ("SLH-DSA-SHA2-128f", None),
    "2.16.840.1.101.3.4.3.22": ("SLH-DSA-SHA2-192s", None),
    "2.16.840.1.101.3.4.3.23": ("SLH-DSA-SHA2-192f", None),
    "2.16.840.1.101.3.4.3.24": ("SLH-DSA-SHA2-256s", None),
    "2.16.840.1.101.3.4.3.25": ("SLH-DSA-SHA2-256f", None),
    "2.16.840.1.101.3.4.3.26": ("SLH-DSA-SHAKE-128s", None),
    "2.16.840.1.101.3.4.3.27": ("SLH-DSA-SHAKE-128f", None),
    "2.16.840.1.101.3.4.3.28": ("SLH-DSA-SHAKE-192s", None),
    "2.16.840.1.101.3.4.3.29": ("SLH-DSA-SHAKE-192f", None),
    "2.16.840.1.101.3.4.3.30": ("SLH-DSA-SHAKE-256s", None),
    "2.16.840.1.101.3.4.3.31": ("SLH-DSA-SHAKE-256f", None),
    "2.16.840.1.101.3.4.3.32": ("HashML-DSA-44-with-SHA512", None),
    "2.16.840.1.101.3.4.3.33": ("HashML-DSA-65-with-SHA512", None),
    "2.16.840.1.101.3.4.3.34": ("HashML-DSA-87-with-SHA512", None),
    "2.16.840.1.101.3.4.3.35": ("HashSLH-DSA-SHA2-128s-with-SHA256", None),
    "2.16.840.1.101.3.4.3.36": ("HashSLH-DSA-SHA2-128f-with-SHA256", None),
    "2.16.840.1.101.3.4.3.37": ("HashSLH-DSA-SHA2-192s-with-SHA512", None),
    "2.16.840.1.101.3.4.3.38": ("HashSLH-DSA-SHA2-192f-with-SHA512", None),
    "2.16.840.1.101.3.4.3.39": ("HashSLH-DSA-SHA2-256s-with-SHA512", None),
    "2.16.840.1.101.3.4.3.40": ("HashSLH-DSA-SHA2-256f-with-SHA512", None),
    "2.16.840.1.101.3.4.3.41": ("HashSLH-DSA-SHAKE-128s-with-SHAKE128", None),
    "2.16.840.1.101.3.4.3.42": ("HashSLH-DSA-SHAKE-128f-with-SHAKE128", None),
    "2.16.840.1.101.3.4.3.43": ("HashSLH-DSA-SHAKE-192s-with-SHAKE256", None),
    "2.16.840.1.101.3.4.3.44": ("HashSLH-DSA-SHAKE-192f-with-SHAKE256", None),
    "2.16.840.1.101.3.4.3.45": ("HashSLH-DSA-SHAKE-256s-with-SHAKE256", None),
    "2.16.840.1.101.3.4.3.46": ("HashSLH-DSA-SHAKE-256f-with-SHAKE256", None),
    # Composites have had an arc of PKIX since -19 at the latest, and Entrust's arcs for prototypes before. Of the last
    # two, the draft is one that implementations with these identifiers cite.
    **_composites("1.3.6.1.5.5.7.6", dict(enumerate(_COMPOSITES, 37)), "19"),
    **_composites("2.16.840.1.114027.80.8.1", dict(enumerate(_COMPOSITES_02, 1)), "02"),
    **_composites("2.16.840.1.114027.80.8.1", _PURE_03, "03"),
    **_composites("2.16.840.1.114027.80.8.1", {n: f"Hash{name}" for n, name in enumerate(_HASHED_03, 40)}, "03"),
    **_composites("2.16.840.1.114027.80.9.1", dict(enumerate(_COMPOSITES)), "06"),
    **_composites("2.16.840.1.114027.80.9.1", dict(enumerate(_COMPOSITES, 20)), "13"),
    "1.2.643.2.2.19": ("GOST-2001", 512),
    "1.2.643.7.1.1.1.1": ("GOST-256", 512),
    "1.2.643.7.1.1.1.2": ("GOST-512", 1024),
})  # fmt: skip
"""Key algorithm → its name and, where the algorithm fixes it, its size in bits."""

_SIGS: Final = "2.16.840.1.101.3.4.3"  # of NIST

KEY_OCTETS: Final[Mapping[str, int]] = MappingProxyType({
    "1.3.101.110": 32, "1.3.101.111": 56, "1.3.101.112": 32, "1.3.101.113": 57,
    **{f"{_SIGS}.{n}": octets for n, octets in zip((17, 18, 19, 32, 33, 34), (1312, 1952, 2592) * 2, strict=True)},
    **{f"{_SIGS}.{n}": (32, 48, 64)[(n - first) % 6 // 2] for first in (20, 35) for n in range(first, first + 12)},
})  # fmt: skip
"""Key algorithm without parameters → octets of its public key (RFC 8410, FIPS 204 and 205, table 2 of each)."""

# SEC 2, RFC 5639 (Brainpool), GB/T 32918 (SM2): named as in the IANA TLS groups, with the bits of the field.
CURVES: Final[Mapping[str, tuple[str, int]]] = MappingProxyType({
    "1.2.840.10045.3.1.1": ("secp192r1", 192),
    "1.3.132.0.33": ("secp224r1", 224),
    "1.2.840.10045.3.1.7": ("secp256r1", 256),
    "1.3.132.0.34": ("secp384r1", 384),
    "1.3.132.0.35": ("secp521r1", 521),
    "1.3.132.0.10": ("secp256k1", 256),
    "1.3.36.3.3.2.8.1.1.7": ("brainpoolP256r1", 256),
    "1.3.36.3.3.2.8.1.1.11": ("brainpoolP384r1", 384),
    "1.3.36.3.3.2.8.1.1.13": ("brainpoolP512r1", 512),
    "1.2.156.10197.1.301": ("curveSM2", 256),
})  # fmt: skip
"""Named curve → its name and size in bits."""

HASHES: Final[Mapping[str, str]] = MappingProxyType({
    "1.3.14.3.2.26": "SHA1",
    "2.16.840.1.101.3.4.2.1": "SHA256",
    "2.16.840.1.101.3.4.2.2": "SHA384",
    "2.16.840.1.101.3.4.2.3": "SHA512",
    "2.16.840.1.101.3.4.2.4": "SHA224",
})  # fmt: skip
"""Hash → its name."""

# RFC 3279, 4055, 5758: the names that these give. sha1WithRSA is OIW's older identifier for the same.
SIGNATURE_ALGORITHMS: Final[Mapping[str, str]] = MappingProxyType({
    "1.3.6.1.4.1.44363.47.0": "mtcProof (draft-davidben-tls-merkle-tree-certs-08)",  # a proof, not a signature
    "1.2.840.113549.1.1.2": "md2WithRSAEncryption",
    "1.2.840.113549.1.1.3": "md4WithRSAEncryption",
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.3.14.3.2.29": "sha1WithRSA",
    "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.3.1": "ecdsa-with-SHA224",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.2.840.10040.4.3": "dsa-with-sha1",
    "2.16.840.1.101.3.4.3.1": "dsa-with-sha224",
    "2.16.840.1.101.3.4.3.2": "dsa-with-sha256",
    "2.16.840.1.101.3.4.3.3": "dsa-with-sha384",
    "2.16.840.1.101.3.4.3.4": "dsa-with-sha512",
})  # fmt: skip
"""Signature algorithm → its name; in addition, a key type may name one (Ed25519), and RSASSA-PSS its hash."""
