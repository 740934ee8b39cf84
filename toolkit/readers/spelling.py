"""How tools spell versions, suites, groups, names and instants, and what is meant."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final

from toolkit import text
from toolkit.reference import find_suite, groups, suites
from toolkit.reference.codes import name_of_code

_VERSION: Final = re.compile(r"(ssl|tls)[ _-]?v?(\d)(?:[._]?(\d))?\Z")

# RFC 8446, section 4.2.1, and RFC 6101: what goes over the wire.
_CODES: Final = {
    0x0002: "SSL 2.0", 0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3",
}  # fmt: skip

# OpenSSL, SEC 2 and NIST (SP 800-186) have names of their own for three curves (RFC 8422, appendix A).
_CURVES: Final = {
    "p256": "secp256r1", "prime256v1": "secp256r1", "p384": "secp384r1", "p521": "secp521r1", "prime192v1": "secp192r1",
    "25519": "x25519", "curve25519": "x25519", "curve448": "x448", "ecdhx25519": "x25519", "ecdhx448": "x448",
}  # fmt: skip

_CODED_GROUP: Final = re.compile(r"0x([0-9a-fA-F]{1,4})|unknown-([0-9]{1,5})")
_OPENSSL_TIME: Final = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}) (\d{1,2}:\d{2}:\d{2}) (\d{4}) GMT\Z")

_NANOSECONDS: Final = re.compile(r"(\.\d{6})\d+")
_BETWEEN_DIGITS: Final = re.compile(r"[:\s]")
_BETWEEN_PARTS: Final = re.compile(r"(?<!\\), (?=[A-Za-z0-9.]+=)")
_HEX: Final = re.compile(r"[0-9a-f]+")

# RFC 4514, section 3, with the long names of OpenSSL.
_ATTRIBUTES: Final = {
    "commonName": "CN", "localityName": "L", "stateOrProvinceName": "ST", "organizationName": "O",
    "organizationalUnitName": "OU", "countryName": "C", "streetAddress": "STREET", "domainComponent": "DC",
    "userId": "UID",
}  # fmt: skip


HOST_NAME: Final = re.compile(r"(?=.*[a-z])[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+", re.IGNORECASE)
"""A host name of two labels or more, which is not an IPv4 address."""


def protocol_of(spelling: object) -> str | None:
    """`TLSv1.2`, `tls1_2`, `TLS_1_2`, `tls12`, `SSLv3` or a code as `TLS 1.2`, …; None for anything else.

    >>> protocol_of("TLSv1"), protocol_of("ssl_3_0"), protocol_of(769), protocol_of("TLS 4")
    ('TLS 1.0', 'SSL 3.0', 'TLS 1.0', None)
    """
    if isinstance(spelling, int):
        return _CODES.get(spelling)
    return _protocol(spelling) if isinstance(spelling, str) else None


@lru_cache(maxsize=1024)
def _protocol(spelling: str) -> str | None:
    match = _VERSION.match(spelling.strip().lower())
    if match is None:
        return None
    name = f"{match[1].upper()} {match[2]}.{match[3] or '0'}"
    return name if name in _CODES.values() else None


def suite_of(spelling: object, code: object = None) -> tuple[str | None, int | None]:
    """Name and code of a suite: by its code, else by any name that a tool gives it; the spelling itself if unknown.

    >>> suite_of("AES128-SHA"), suite_of(None, 0x0A0A), suite_of(None, "0x0A0A")
    (('TLS_RSA_WITH_AES_128_CBC_SHA', 47), ('0x0a0a', 2570), (None, None))
    """
    code = _as_code(code)
    if code is not None and code in suites():
        return suites()[code].name, code
    if not isinstance(spelling, str) or not spelling:
        return name_of_code(suites(), code), code
    found = find_suite(spelling) or find_suite(spelling.replace("TLS_AKE_WITH_", "TLS_", 1))
    return (text.storable(spelling), code) if found is None else (found.name, found.code)


def group_of(spelling: object, code: object = None) -> str | None:
    """The IANA name of a group: by its code, else by any name that a tool gives it; the code where it has no name.

    A spelling may also be the code: `0x4588`, or Zeek's `unknown-17800`. None where neither says which group it is.

    >>> group_of("prime256v1"), group_of("X25519_ML_KEM_768"), group_of("P-521"), group_of("Curve 9")
    ('secp256r1', 'X25519MLKEM768', 'secp521r1', None)
    >>> group_of(None, 29), group_of("Curve 9", 0x4588), group_of("0x4588"), group_of("unknown-17800")
    ('x25519', '0x4588', '0x4588', '0x4588')
    """
    named = _group(spelling) if isinstance(spelling, str) else None
    number = _as_code(code)
    is_code = number is not None and 0 < number < 1 << 16  # 0 is reserved: some tools print it for no group
    return name_of_code(groups(), number) if is_code and (number in groups() or named is None) else named


@lru_cache(maxsize=1024)
def _group(spelling: str) -> str | None:
    if coded := _CODED_GROUP.fullmatch(spelling):
        return group_of(None, int(coded[1], 16) if coded[1] else int(coded[2]))
    folded = re.sub(r"[^a-z0-9]", "", spelling.partition("(")[0].lower())
    return _groups().get(_CURVES.get(folded, folded))


def _as_code(code: object) -> int | None:
    """The code, where it is a whole number of at most three bytes (SSL 2.0's suites have three); else None."""
    return code if isinstance(code, int) and not isinstance(code, bool) and 0 <= code < 1 << 24 else None


def instant_of(spelling: object, *, zone: str = "") -> datetime | None:
    """An instant in ISO 8601, with `zone` appended where it has none, or as OpenSSL prints it; None for anything else.

    >>> instant_of("Dec 15 00:00:00 2026 GMT").isoformat()
    '2026-12-15T00:00:00+00:00'
    """
    return _read_instant(spelling.strip(), zone) if isinstance(spelling, str) else None


@lru_cache(maxsize=4096)
def _read_instant(spelling: str, zone: str) -> datetime | None:
    if match := _OPENSSL_TIME.match(spelling):
        printed = " ".join([*match.groups(), "+0000"])
        return _attempt(lambda: datetime.strptime(printed, "%b %d %H:%M:%S %Y %z"))
    # Nanoseconds are more than the tables keep.
    plain = _NANOSECONDS.sub(r"\1", spelling)
    read = _attempt(lambda: datetime.fromisoformat(plain))
    if read is not None and read.tzinfo is None:
        read = _attempt(lambda: datetime.fromisoformat(plain + zone)) if zone else None
    return None if read is None or read.tzinfo is None else _attempt(lambda: read.astimezone(UTC))


def instant_of_seconds(seconds: object) -> datetime | None:
    """An instant from seconds since 1970; None for anything else."""
    try:
        return datetime.fromtimestamp(float(seconds), UTC)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def serial_of(decimal: object) -> str | None:
    """A serial number in decimal digits as lower-case hex; None for anything else."""
    try:
        return format(int(str(decimal)), "x")
    except ValueError:
        return None


def serial_of_hex(digits: object) -> str | None:
    """A serial number in hex, with or without colons, as lower-case hex without leading zeros; None otherwise."""
    plain = _BETWEEN_DIGITS.sub("", digits).lower() if isinstance(digits, str) else ""
    return plain.lstrip("0") or "0" if _HEX.fullmatch(plain) else None


def name_of_rfc4514(printed: object) -> str | None:
    """A name that Go or Java printed: as RFC 4514 writes it, but with a blank after each comma that separates."""
    return printed.replace(", ", ",") if isinstance(printed, str) and printed else None


def name_from_the_root(printed: object) -> str | None:
    """A name that is printed from its most general part on, in the order of RFC 4514.

    >>> name_from_the_root("C=US, O=A\\\\, Inc., CN=b")
    'CN=b,O=A\\\\, Inc.,C=US'
    """
    return ",".join(reversed(_BETWEEN_PARTS.split(printed))) if isinstance(printed, str) and printed else None


def attribute_of(long_name: str) -> str:
    """The short name of an attribute type (RFC 4514), the long one where it has none."""
    return _ATTRIBUTES.get(long_name, long_name)


def _attempt(read: Callable[[], datetime]) -> datetime | None:
    try:
        return read()
    except (ValueError, OverflowError):
        return None


@cache
def _groups() -> Mapping[str, str]:
    names = {re.sub(r"[^a-z0-9]", "", group.name.lower()): group.name for group in groups().values()}
    return MappingProxyType(names)
