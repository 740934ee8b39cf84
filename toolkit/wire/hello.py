"""The ClientHello: an offer as bytes (RFC 8446, section 4.1.2; RFC 5246, section 7.4.1.2; RFC 6101, section 5.6.1.2).

Contract: the offer, the server name and the entropy determine every byte. An SSL 3.0 hello has no extensions;
`supported_versions` and key shares are sent only with TLS 1.3, signature algorithms only with TLS 1.2 and 1.3. Session
tickets and pre-shared keys are never offered, because a resumed session shows no certificate.
"""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from toolkit.errors import UsageError
from toolkit.reference import Offer
from toolkit.wire.groups import Share, can_share

CODES: Final = {
    "SSL 2.0": 0x0002,
    "SSL 3.0": 0x0300,
    "TLS 1.0": 0x0301,
    "TLS 1.1": 0x0302,
    "TLS 1.2": 0x0303,
    "TLS 1.3": 0x0304,
}
"""Protocol → its code point (RFC 8446, 4.2.1; RFC 6101, E)."""

PROTOCOLS: Final = {code: protocol for protocol, code in CODES.items()}

CLIENT_HELLO: Final = 1

# Extension types that are sent or read here (IANA TLS ExtensionType Values).
SERVER_NAME: Final = 0  # RFC 6066, 3
STATUS_REQUEST: Final = 5  # RFC 6066, 8
SUPPORTED_GROUPS: Final = 10  # RFC 8446, 4.2.7; RFC 8422, 5.1.1
EC_POINT_FORMATS: Final = 11  # RFC 8422, 5.1.2
SIGNATURE_ALGORITHMS: Final = 13  # RFC 8446, 4.2.3
SIGNED_CERTIFICATE_TIMESTAMP: Final = 18  # RFC 6962, 3.3.1
PADDING: Final = 21  # RFC 7685
EXTENDED_MASTER_SECRET: Final = 23  # RFC 7627, 5.1
SUPPORTED_VERSIONS: Final = 43  # RFC 8446, 4.2.1
COOKIE: Final = 44  # RFC 8446, 4.2.2
SIGNATURE_ALGORITHMS_CERT: Final = 50  # RFC 8446, 4.2.3
KEY_SHARE: Final = 51  # RFC 8446, 4.2.8
RENEGOTIATION_INFO: Final = 0xFF01  # RFC 5746, 3.2

EMPTY_RENEGOTIATION_INFO_SCSV: Final = 0x00FF
"""RFC 5746, 3.3: replaces the extension in hellos to servers without extensions."""

_PADDED_FROM, _PADDED_TO = 256, 512  # RFC 7685, 4: some servers hang on hellos of 256 to 511 bytes.


def client_hello(
    offer: Offer,
    server_name: str | None,
    *,
    random: bytes,
    session_id: bytes,
    shares: Mapping[int, Share],
    cookie: bytes | None = None,
) -> bytes:
    """The handshake message. `shares` are sent in their order; without any, a server has to send a HelloRetryRequest.

    Raises `OverflowError` where a number or a list does not fit into its field.
    """
    versions = [CODES[version] for version in offer.versions]
    fixed = [
        min(max(versions), CODES["TLS 1.2"]).to_bytes(2),
        random,
        _vector(1, session_id),
        _suites(offer),
        b"\x01\x00",  # the null compression only
    ]
    if max(versions) > CODES["SSL 3.0"]:
        extensions = _server_name(server_name) + _extensions(offer)
        if max(versions) >= CODES["TLS 1.3"]:
            extensions += _key_shares(shares)
        if cookie is not None:
            extensions += _extension(COOKIE, _vector(2, cookie))
        length = 4 + sum(map(len, fixed)) + 2 + len(extensions)
        padded_to = offer.length or (_PADDED_TO if _PADDED_FROM <= length < _PADDED_TO else 0)
        if length < padded_to:
            # Not empty: see `_extensions`.
            extensions += _extension(PADDING, bytes(max(padded_to - length - 4, 1)))
        fixed.append(_vector(2, extensions))
    return bytes((CLIENT_HELLO,)) + _vector(3, b"".join(fixed))


def obstacle(offer: Offer) -> str | None:
    """Why the offer cannot be made; None: it can be made."""
    unknown = [version for version in offer.versions if version not in CODES]
    if unknown or not offer.versions:
        return f"no such version: {', '.join(unknown) or 'none given'}"
    if "SSL 2.0" in offer.versions and len(offer.versions) > 1:
        return "SSL 2.0 can only be offered alone"
    if not offer.suites:
        return "no suite to offer"
    if "SSL 2.0" not in offer.versions and max(offer.suites) > 0xFFFF:
        return f"suite 0x{max(offer.suites):06x} is of SSL 2.0"
    missing = [group for group in offer.key_shares if group in offer.groups and not can_share(group)]
    if missing and "TLS 1.3" in offer.versions:
        return f"a key share of group 0x{missing[0]:04x} cannot be made here"
    return None


@lru_cache(maxsize=1024)
def check_server_name(server_name: str) -> None:
    """Raises `UsageError` for what RFC 6066, section 3 does not allow in SNI: addresses, a trailing dot, not ASCII."""
    try:
        ipaddress.ip_address(server_name)
    except ValueError:
        if server_name and server_name.isascii() and len(server_name) < 256 and not server_name.endswith("."):
            return
    raise UsageError(f"{server_name!r} cannot be a server name: write an ASCII host name without a trailing dot.")


def is_listed(offer: Offer, extension: int) -> bool:
    """Whether the hello of this offer carries `SUPPORTED_GROUPS` or `SIGNATURE_ALGORITHMS`."""
    highest = max(CODES[version] for version in offer.versions)
    if extension == SUPPORTED_GROUPS:
        return bool(offer.groups) and highest > CODES["SSL 3.0"]
    return bool(offer.signature_schemes) and highest >= CODES["TLS 1.2"]


@lru_cache(maxsize=256)
def _suites(offer: Offer) -> bytes:
    is_marked = "SSL 3.0" in offer.versions
    return _codes([*offer.suites, EMPTY_RENEGOTIATION_INFO_SCSV] if is_marked else offer.suites)


@lru_cache(maxsize=256)
def _extensions(offer: Offer) -> bytes:
    """The extensions that depend on the offer alone."""
    versions = [CODES[version] for version in offer.versions]
    is_old, is_new = min(versions) < CODES["TLS 1.3"], max(versions) >= CODES["TLS 1.3"]
    # Empty ones first: old servers (WebSphere) refuse a hello that ends in an empty extension.
    listed = _extension(SIGNED_CERTIFICATE_TIMESTAMP, b"")
    if is_old:
        listed += _extension(EXTENDED_MASTER_SECRET, b"")
        if "SSL 3.0" not in offer.versions:
            listed += _extension(RENEGOTIATION_INFO, b"\x00")
    if is_listed(offer, SUPPORTED_GROUPS):
        listed += _extension(SUPPORTED_GROUPS, _codes(offer.groups))
        if is_old:
            listed += _extension(EC_POINT_FORMATS, b"\x01\x00")  # uncompressed only
    listed += _extension(STATUS_REQUEST, b"\x01\x00\x00\x00\x00")  # OCSP, any responder, no extensions
    if is_listed(offer, SIGNATURE_ALGORITHMS):
        listed += _extension(SIGNATURE_ALGORITHMS, _codes(offer.signature_schemes))
        if offer.signature_schemes_cert:
            listed += _extension(SIGNATURE_ALGORITHMS_CERT, _codes(offer.signature_schemes_cert))
    if is_new:
        newest_first = b"".join(code.to_bytes(2) for code in sorted(versions, reverse=True))
        listed += _extension(SUPPORTED_VERSIONS, _vector(1, newest_first))
    return listed


@lru_cache(maxsize=1024)
def _server_name(server_name: str | None) -> bytes:
    if server_name is None:
        return b""
    return _extension(SERVER_NAME, _vector(2, b"\x00" + _vector(2, server_name.encode("ascii"))))


def _key_shares(shares: Mapping[int, Share]) -> bytes:
    entries = b"".join(group.to_bytes(2) + _vector(2, share.public) for group, share in shares.items())
    return _extension(KEY_SHARE, _vector(2, entries))


def _extension(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2) + _vector(2, content)


def _codes(codes: list[int] | tuple[int, ...]) -> bytes:
    return _vector(2, b"".join(code.to_bytes(2) for code in codes))


def _vector(size: int, content: bytes) -> bytes:
    return len(content).to_bytes(size) + content
