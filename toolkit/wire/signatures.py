"""Verifies handshake signatures with the key of the leaf certificate.

Contract: `verify` returns true or false, or raises `UnverifiableError`. Time is bounded: keys larger than OpenSSL
accepts are not tried.
"""

import hashlib
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from toolkit.wire.cursor import MalformedError
from toolkit.wire.der import subject_public_key_info

# RFC 5246, 7.4.1.4.1: the high byte is the hash, the low byte the type of the key.
_HASHES: Final[dict[int, hashes.HashAlgorithm]] = {
    1: hashes.MD5(),
    2: hashes.SHA1(),
    3: hashes.SHA224(),
    4: hashes.SHA256(),
    5: hashes.SHA384(),
    6: hashes.SHA512(),
}
_RSA, _DSA, _ECDSA = 1, 2, 3


def _pss(algorithm: hashes.HashAlgorithm) -> tuple[hashes.HashAlgorithm, padding.PSS]:
    return algorithm, padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)


# RFC 8446, 4.2.3: rsa_pss_rsae_* and rsa_pss_pss_*, the salt as long as the digest.
_PSS: Final = {
    0x0804: _pss(hashes.SHA256()),
    0x0805: _pss(hashes.SHA384()),
    0x0806: _pss(hashes.SHA512()),
    0x0809: _pss(hashes.SHA256()),
    0x080A: _pss(hashes.SHA384()),
    0x080B: _pss(hashes.SHA512()),
}

_PureKey = (
    ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)

# RFC 8446, 4.2.3 (Ed25519, Ed448); draft-ietf-tls-mldsa (ML-DSA).
_PURE: Final[dict[int, type[_PureKey]]] = {
    0x0807: ed25519.Ed25519PublicKey,
    0x0808: ed448.Ed448PublicKey,
    0x0904: mldsa.MLDSA44PublicKey,
    0x0905: mldsa.MLDSA65PublicKey,
    0x0906: mldsa.MLDSA87PublicKey,
}

# RFC 8734: ecdsa_brainpoolP256r1tls13_sha256 and those of the larger curves.
_BRAINPOOL: Final = {0x081A: hashes.SHA256(), 0x081B: hashes.SHA384(), 0x081C: hashes.SHA512()}

# RFC 8446, 4.2.3 and RFC 8734: the curve to which TLS 1.3 binds a scheme.
_CURVES: Final = {
    0x0403: "secp256r1",
    0x0503: "secp384r1",
    0x0603: "secp521r1",
    0x081A: "brainpoolP256r1",
    0x081B: "brainpoolP384r1",
    0x081C: "brainpoolP512r1",
}

# RFC 5246, 7.4.2; RFC 8422, 5.3 and 5.10: what the leaf's key must be.
_NEEDED: Final[dict[str, tuple[type, ...]]] = {
    "RSA": (rsa.RSAPublicKey,),
    "DSS": (dsa.DSAPublicKey,),
    "ECDSA": (ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey, ed448.Ed448PublicKey),
    "ECDH": (ec.EllipticCurvePublicKey,),
}
_FIXED: Final = {"DH", "DH_EXPORT", "ECDH"}
"""Key exchanges with the key in the certificate; the second part of such a suite's name is the key of its issuer."""

# PKCS #3 and RFC 3279, 2.3.3, as DER. Such a key cannot sign, and `cryptography` warns when it loads one.
_FINITE_FIELD_KEYS: Final = (bytes.fromhex("06092a864886f70d010301"), bytes.fromhex("06072a8648ce3e0201"))

_PKCS1: Final = padding.PKCS1v15()

# The bounds of OpenSSL's rsa.h: larger moduli, or long exponents with large moduli, are a denial of service.
_MODULUS_LIMIT, _SMALL_MODULUS, _EXPONENT_LIMIT = 16384, 3072, 64


class UnverifiableError(ValueError):
    """The key or the scheme cannot be checked here. Never leaves this package."""


# Bytes. The largest RSA key that is tried, and one of ML-DSA-87, take less than half of this.
_KEY_LIMIT: Final = 8192


def load_key(certificate: bytes) -> PublicKeyTypes:
    """The certificate's public key; raises `UnverifiableError`."""
    try:
        encoded = subject_public_key_info(certificate)
    except MalformedError as error:
        raise UnverifiableError(f"the leaf's key cannot be read ({error})") from error
    if len(encoded) > _KEY_LIMIT:
        raise UnverifiableError(f"the leaf's key of {len(encoded)} bytes is too large to be checked")
    return _load_encoded_key(encoded)


@lru_cache(maxsize=4096)
def _load_encoded_key(encoded: bytes) -> PublicKeyTypes:
    """Cached, because a server shows the same key again and again; the keys held are of `_KEY_LIMIT` bytes at most."""
    try:
        if any(name in encoded[:32] for name in _FINITE_FIELD_KEYS):
            raise ValueError("a Diffie-Hellman key, which cannot sign")
        key = load_der_public_key(encoded)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:
        raise UnverifiableError(f"the leaf's key cannot be read ({error})") from error
    if isinstance(key, rsa.RSAPublicKey):
        is_long = key.key_size > _SMALL_MODULUS and key.public_numbers().e.bit_length() > _EXPONENT_LIMIT
        if key.key_size > _MODULUS_LIMIT or is_long:
            raise UnverifiableError(f"the leaf's RSA key of {key.key_size} bits is too large to be checked")
    return key


def fits_suite(key: PublicKeyTypes, exchange: str, authentication: str) -> bool:
    """Whether a suite before TLS 1.3 can be used with the key; true where the suite demands no type of key."""
    needed = _NEEDED.get(exchange if exchange in _FIXED else authentication)
    return needed is None or isinstance(key, needed)


def fits_scheme(key: PublicKeyTypes, scheme: int) -> bool:
    """Whether TLS 1.3 allows the scheme with the curve of the key."""
    curve = _CURVES.get(scheme)
    return curve is None or not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name == curve


def verify(key: PublicKeyTypes, scheme: int | None, signature: bytes, signed: bytes) -> bool:
    """Whether the key signed these bytes; raises `UnverifiableError` for a scheme that cannot be checked here.

    Without a scheme (before TLS 1.2) the key decides: RSA signs MD5 and SHA-1 concatenated, without the
    DigestInfo of PKCS #1 (RFC 4346, 4.7 and 7.4.3; RFC 6101, 5.6.3), DSA and EC sign SHA-1 (RFC 8422, 5.4).
    """
    try:
        if scheme is None:
            return _verify_by_key(key, signature, signed)
        return _verify_by_scheme(key, scheme, signature, signed)
    except InvalidSignature:
        return False
    except UnverifiableError:
        raise
    except (ValueError, UnsupportedAlgorithm, InternalError) as error:
        raise UnverifiableError(f"the handshake signature cannot be checked ({error})") from error


def _verify_by_key(key: PublicKeyTypes, signature: bytes, signed: bytes) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        both = (hashlib.new(name, signed, usedforsecurity=False).digest() for name in ("md5", "sha1"))
        return key.recover_data_from_signature(signature, _PKCS1, None) == b"".join(both)
    return _verify_by_scheme(key, 0x0202 if isinstance(key, dsa.DSAPublicKey) else 0x0203, signature, signed)


def _verify_by_scheme(key: PublicKeyTypes, scheme: int, signature: bytes, signed: bytes) -> bool:
    if scheme in _PSS:
        algorithm, pss = _PSS[scheme]
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        if (key.key_size + 6) // 8 < 2 * algorithm.digest_size + 2:  # RFC 8017, 9.1.2: the key is too short
            return False
        key.verify(signature, signed, pss, algorithm)
        return True
    if scheme in _PURE:
        if not isinstance(key, _PURE[scheme]):
            return False
        key.verify(signature, signed)
        return True
    digest = _BRAINPOOL.get(scheme) or _HASHES.get(scheme >> 8)
    kind = _ECDSA if scheme in _BRAINPOOL else scheme & 0xFF
    if digest is None or kind not in {_RSA, _DSA, _ECDSA}:
        raise UnverifiableError(f"the signature scheme 0x{scheme:04x} is unknown")
    if isinstance(key, rsa.RSAPublicKey) and kind == _RSA:
        key.verify(signature, signed, _PKCS1, digest)
    elif isinstance(key, dsa.DSAPublicKey) and kind == _DSA:
        key.verify(signature, signed, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey) and kind == _ECDSA:
        key.verify(signature, signed, ec.ECDSA(digest))
    else:
        return False
    return True
