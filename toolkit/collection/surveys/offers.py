"""The offers of a survey: each lists the items asked about, and everything else that the version has.

Each offer has exactly one version. Groups and schemes that are not asked about are listed with the common ones first,
so that a server that follows the client's order chooses what can be checked here. `signature_algorithms_cert` always
lists everything, because a server may otherwise refuse for the signature of the issuer on its certificate.
"""

from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Final

from toolkit.reference import Offer, askable, groups, signature_schemes, suites

_SINCE: Final = date(2026, 11, 24)
_COMMON_GROUPS: Final = (0x001D, 0x0017, 0x0018, 0x0019, 0x001E)  # x25519, the NIST curves, x448
_COMMON_SCHEMES: Final = (
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x0401, 0x0501, 0x0601,
    0x0201, 0x0203,
)  # fmt: skip
_LEAN_SCHEMES: Final = (0x0403, 0x0503, 0x0804, 0x0805, 0x0401, 0x0501, 0x0201, 0x0203)
_READABLE: Final = (0x1301, 0x1302, 0x1303, 0x1304, 0x1305)  # RFC 8446, B.4: records of these can be decrypted here
_POPULAR: Final = (
    0xC02F, 0xC030, 0xC02B, 0xC02C, 0xCCA8, 0xCCA9, 0xC013, 0xC014, 0xC009, 0xC00A, 0x009C, 0x009D, 0x002F, 0x0035,
    0x000A, 0x0005, 0x0004, 0x009E, 0x009F, 0x0033, 0x0039, 0xC027, 0xC028, 0xC011, 0xC012, 0x003C, 0x003D, 0x0016,
    0x0009, 0x0003,
)  # fmt: skip

Codes = tuple[int, ...]

FILLERS: Final = tuple(range(0x0A0A, 0x10000, 0x1010))
"""GREASE values: codes that name no suite, group or scheme, and that servers ignore (RFC 8701, section 2)."""

LENGTH: Final = 1200
"""Bytes of each TLS hello: all have the same length, so none is refused for its length where another is accepted."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a hello. `most_suites`: at most in one hello. `is_lean`: few groups and schemes, below 256 bytes.
    `length`: padded to so many bytes; None: not padded."""

    most_suites: int
    is_lean: bool = False
    length: int | None = None


FULL: Final = Shape(1 << 15, length=LENGTH)
SHORTER: Final = (Shape(120), Shape(30, is_lean=True))
"""For servers and networks that fail on long hellos or more than 128 suites, and on hellos of more than 255 bytes."""


def offer_suites(protocol: str, asked: Codes, shape: Shape = FULL) -> Offer:
    """The hello that asks for these suites."""
    listed = _listed_groups(protocol, shape.is_lean)
    schemes = _listed_schemes(protocol, shape.is_lean)
    shares = _COMMON_GROUPS[:1] if protocol == "TLS 1.3" else ()
    every = schemes if shape.is_lean else _every_scheme()
    return Offer(
        "survey", None, _SINCE, (protocol,), asked, listed, shares, schemes, every, "asks for suites", shape.length
    )


def offer_groups(protocol: str, asked: Codes, accepted_suites: Codes, shape: Shape = FULL) -> Offer:
    """The hello that asks for these groups: without a key share, so that a HelloRetryRequest names the choice."""
    return replace(
        offer_suites(protocol, accepted_suites, shape), groups=asked, key_shares=(), meaning="asks for groups"
    )


def offer_schemes(protocol: str, asked: Codes, accepted_suites: Codes, shape: Shape = FULL) -> Offer:
    """The hello that asks for these signature schemes."""
    return replace(offer_suites(protocol, accepted_suites, shape), signature_schemes=asked, meaning="asks for schemes")


@cache
def asked_suites(protocol: str) -> Codes:
    """In order of code: the oldest and weakest first, so that a server's own order rarely equals it."""
    return askable(protocol)


@cache
def popular_first(protocol: str) -> Codes:
    """The same suites with the common ones first: for hellos that cannot hold all."""
    every = asked_suites(protocol)
    return tuple(dict.fromkeys([code for code in _POPULAR if code in every] + list(every)))


@cache
def asked_groups(protocol: str, *, is_finite_field: bool = False) -> Codes:
    """The groups asked about, newest code point first. In TLS 1.3 all are asked about at once.

    The code points of explicit curves are left out, because they name no group.
    """
    found = [
        group.code
        for group in groups().values()
        if protocol in group.versions
        and group.code < 0xFF00
        and (protocol == "TLS 1.3" or (group.kind == "FFDHE") == is_finite_field)
    ]
    return tuple(reversed(found))


@cache
def asked_schemes(protocol: str) -> Codes:
    """The signature schemes asked about, in order of code."""
    return tuple(scheme.code for scheme in signature_schemes().values() if protocol in scheme.versions)


@cache
def schemes_by_key(protocol: str) -> dict[str, Codes]:
    """The same, by the authentication of the suite that needs them; in TLS 1.3 by key type, since its suites have none.

    Ed25519 and Ed448 are asked about separately, although they sign for ECDSA suites (RFC 8422, section 5.10).
    """
    found: dict[str, Codes] = {}
    for code in asked_schemes(protocol):
        kind = _KINDS.get(signature_schemes()[code].key_type, "other")
        kind = "other" if protocol == "TLS 1.3" and kind not in ("RSA", "ECDSA") else kind
        found[kind] = (*found.get(kind, ()), code)
    return found


_KINDS: Final = {
    "RSA": "RSA",
    "EC": "ECDSA",
    "DSA": "DSS",
    "Ed25519": "EdDSA",
    "Ed448": "EdDSA",
    "GOST-256": "GOST",
    "GOST-512": "GOST",
}


def signs(code: int, kind: str) -> bool:
    """Whether a key of that type signs the handshake with the suite; GOST does not, but its schemes are listed too."""
    suite = suites()[code]
    if suite.authentication == "any":
        return True
    authentication = {"EdDSA": "ECDSA"}.get(kind, kind)
    return suite.authentication == authentication and suite.key_exchange in ("DHE", "ECDHE", "VKO")


@cache
def common_suites(protocol: str) -> frozenset[int]:
    """Suites that servers with everything switched on usually accept, also beyond what specifications allow."""
    return frozenset(code for code in asked_suites(protocol) if _is_common(code, protocol))


def _is_common(code: int, protocol: str) -> bool:
    suite = suites()[code]
    if protocol in ("TLS 1.3", "SSL 2.0"):
        return code in _READABLE
    is_new = suite.versions[0] == "TLS 1.2"
    return (
        suite.authentication in ("RSA", "ECDSA", "anon")
        and suite.key_exchange.removesuffix("_EXPORT") in ("RSA", "DHE", "ECDHE")
        and suite.cipher in ("AES", "3DES", "RC4", "DES", "NULL", "ChaCha20", "Camellia")
        and (protocol == "TLS 1.2" or not is_new)
    )


def readable(codes: Codes) -> Codes:
    """The TLS 1.3 suites among them whose records can be decrypted here; all of them where none can be."""
    return tuple(code for code in codes if code in _READABLE) or codes


@cache
def _listed_groups(protocol: str, is_lean: bool) -> Codes:
    if is_lean:
        return _COMMON_GROUPS[:4]
    # Finite fields only in TLS 1.3: before, a server that has no group of the list must not choose DHE (RFC 7919, 4).
    every = asked_groups(protocol)
    return tuple(dict.fromkeys([code for code in _COMMON_GROUPS if code in every] + sorted(every)))


@cache
def _listed_schemes(protocol: str, is_lean: bool) -> Codes:
    every = asked_schemes(protocol)
    common = [code for code in (_LEAN_SCHEMES if is_lean else _COMMON_SCHEMES) if code in every]
    return tuple(common if is_lean else dict.fromkeys([*common, *every]))


@cache
def _every_scheme() -> Codes:
    return tuple(dict.fromkeys([*_COMMON_SCHEMES, *signature_schemes()]))
