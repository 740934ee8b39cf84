"""Parse: DER → a row of `certificates`, whatever the bytes are.

Rule 1: nothing raises. What cannot be read is null, `parse_error` says what, and everything else is still read.
Rule 2: cost is linear in the input, which is bounded; there is no recursion.
Rule 3: nothing is judged here. A negative serial number or a year 9999 is a fact like any other.

The structure is RFC 5280, section 4.1, read by hand. `cryptography` refuses a whole certificate for one odd field,
more of them with each release, and warns about others through a filter that is global to all threads.
"""

import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from toolkit import schema, text

LIMIT: Final = 1 << 20
"""Bytes of DER. A larger certificate is kept and hashed, not parsed; public ones stay below 64 KiB."""

MOST_NAMES: Final = 10_000
"""Entries read of one subjectAltName, and attributes of one subject or issuer."""

# ITU-T X.690, section 8: universal tags, and the context tags of RFC 5280.
_BOOLEAN, _INTEGER, _BITS, _OCTETS, _OID = 0x01, 0x02, 0x03, 0x04, 0x06
_SEQUENCE, _SET, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0x31, 0x17, 0x18
_VERSION, _ISSUER_ID, _SUBJECT_ID, _EXTENSIONS = 0xA0, 0x81, 0x82, 0xA3
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87

# X.680 string types → how their bytes are text. In practice the 8-bit types hold UTF-8 or Latin-1.
_ENCODINGS: Final[dict[int, tuple[str, ...]]] = {
    0x0C: ("utf-8",),
    0x12: ("utf-8", "latin-1"),
    0x13: ("utf-8", "latin-1"),
    0x14: ("utf-8", "latin-1"),
    0x16: ("utf-8", "latin-1"),
    0x1A: ("utf-8", "latin-1"),
    0x1C: ("utf-32-be",),
    0x1E: ("utf-16-be",),
}

# RFC 4514, section 3.
_ATTRIBUTES: Final = {
    "2.5.4.3": "CN",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}

_RSA, _RSA_PSS, _EC, _DSA = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.10045.2.1", "1.2.840.10040.4.1"

# RFC 3279 (RSA, DSA, DH, EC), 4055 (PSS), 8410 (Edwards and Montgomery), 9881 (ML-DSA), 9909 (SLH-DSA), 9215 (GOST).
# The size is that of the public key in octets × 8; ML-DSA and SLH-DSA are named by parameter set and have none.
_KEY_TYPES: Final[dict[str, tuple[str, int | None]]] = {
    _RSA: ("RSA", None),
    _RSA_PSS: ("RSA", None),
    _EC: ("EC", None),
    _DSA: ("DSA", None),
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
    "1.2.643.2.2.19": ("GOST-2001", 512),
    "1.2.643.7.1.1.1.1": ("GOST-256", 512),
    "1.2.643.7.1.1.1.2": ("GOST-512", 1024),
}

# SEC 2, RFC 5639 (Brainpool), GB/T 32918 (SM2): named as in the IANA TLS groups, with the bits of the field.
_CURVES: Final = {
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
}

_HASHES: Final = {
    "1.3.14.3.2.26": "SHA1",
    "2.16.840.1.101.3.4.2.1": "SHA256",
    "2.16.840.1.101.3.4.2.2": "SHA384",
    "2.16.840.1.101.3.4.2.3": "SHA512",
    "2.16.840.1.101.3.4.2.4": "SHA224",
}

# RFC 3279, 4055, 5758: the names that these give. sha1WithRSA is OIW's older identifier for the same.
_SIGNATURE_ALGORITHMS: Final = {
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
}

_SUBJECT_ALT_NAME, _BASIC_CONSTRAINTS, _POISON = "2.5.29.17", "2.5.29.19", "1.3.6.1.4.1.11129.2.4.3"
_SCTS: Final = "1.3.6.1.4.1.11129.2.4.2"

# RFC 5280, section 4.1.2.5, and the wider forms of X.680 that old certificates hold.
_TIME = re.compile(rb"(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?(?:\.\d+)?(?:Z|([+-])(\d{2})(\d{2}))\Z")


def parse_certificate(der: bytes) -> dict[str, object]:
    """The certificate as a row of `certificates` (columns and nulls: data/README.md).

    Never raises for what the bytes are: what could not be read is null, and `parse_error` names it. Bytes after
    the certificate are named too; `cert_sha256` is over everything that was given, `spki_sha256` over the
    SubjectPublicKeyInfo as it is encoded. Subject and issuer follow RFC 4514; attributes without a short name
    there keep their OID, with the value as text. `is_ca` is false where there is no basicConstraints.

    >>> parse_certificate(b"hello")["parse_error"]
    'certificate: cut short'
    """
    row: dict[str, object] = dict.fromkeys(column.name for column in schema.TABLES["certificates"])
    row |= {"cert_sha256": hashlib.sha256(der).hexdigest(), "der": der}
    problems: list[str] = []
    if len(der) > LIMIT:
        problems.append(f"certificate: {len(der)} bytes, more than the {LIMIT} that are parsed")
    else:
        _attempt("certificate", problems, lambda: _read_certificate(_Der(der), row, problems))
    row["parse_error"] = text.storable("; ".join(problems)) or None
    return row


_Read = TypeVar("_Read")


class _BrokenError(ValueError):
    """The bytes are not what their place calls for."""


class _Der:
    """A stretch of DER (X.690), read from front to back."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data, self.at, self.end = data, at, len(data) if end is None else end

    def take(self, *tags: int) -> "_Der":
        """The content of the next element, which must have one of the tags (none: any)."""
        start, end = self._next()
        if tags and self.data[self.at] not in tags:
            raise _BrokenError(f"tag {self.data[self.at]:#04x} where {tags[0]:#04x} was due")
        self.at = end
        return _Der(self.data, start, end)

    def take_whole(self, *tags: int) -> bytes:
        """The next element with its tag and length."""
        at = self.at
        self.take(*tags)
        return self.data[at : self.at]

    def peek(self) -> int | None:
        """The next tag; none at the end."""
        return self.data[self.at] if self.at < self.end else None

    def content(self) -> bytes:
        """What is left."""
        return self.data[self.at : self.end]

    def _next(self) -> tuple[int, int]:
        at = self.at + 2
        if at > self.end:
            raise _BrokenError("cut short")
        if self.data[self.at] & 0x1F == 0x1F:
            raise _BrokenError(f"tag {self.data[self.at]:#04x} of several bytes")
        length = self.data[at - 1]
        if length >= 0x80:
            size = length & 0x7F
            if not 0 < size <= 4:
                raise _BrokenError("indefinite or overlong length")
            length = int.from_bytes(self.data[at : at + size])
            at += size
        if at + length > self.end:
            raise _BrokenError("cut short")
        return at, at + length


def _attempt(name: str, problems: list[str], read: Callable[[], _Read]) -> _Read | None:
    try:
        return read()
    except _BrokenError as error:
        problems.append(f"{name}: {error}")
        return None


def _read_certificate(der: _Der, row: dict[str, object], problems: list[str]) -> None:
    outer = der.take(_SEQUENCE)
    if der.at < der.end:
        problems.append(f"certificate: {der.end - der.at} bytes after its end")
    tbs = outer.take(_SEQUENCE)
    if tbs.peek() == _VERSION:
        tbs.take()
    serial, algorithm, issuer = tbs.take(_INTEGER), tbs.take_whole(_SEQUENCE), tbs.take(_SEQUENCE)
    validity, subject, spki = tbs.take(_SEQUENCE), tbs.take(_SEQUENCE), tbs.take_whole(_SEQUENCE)
    row["serial"] = _attempt("serial", problems, lambda: format(_integer(serial), "x"))
    row["issuer"] = _attempt("issuer", problems, lambda: _name(issuer))
    row["subject"] = _attempt("subject", problems, lambda: _name(subject))
    row["not_before"] = _attempt("not_before", problems, lambda: _time(validity))
    row["not_after"] = _attempt("not_after", problems, lambda: _time(validity))
    row["spki_sha256"] = hashlib.sha256(spki).hexdigest()
    _attempt("key", problems, lambda: _read_key(_Der(spki).take(), row))
    row["signature_algorithm"] = _attempt("signature_algorithm", problems, lambda: _signature_algorithm(algorithm))
    _attempt("extensions", problems, lambda: _read_extensions(tbs, row, problems))
    _attempt("signature", problems, lambda: _check_signature(outer, algorithm))


def _check_signature(outer: _Der, algorithm: bytes) -> None:
    """RFC 5280, section 4.1.1.2: the algorithm beside the signature is the one inside."""
    if outer.take_whole(_SEQUENCE) != algorithm:
        raise _BrokenError("its algorithm differs from the one that is signed")
    outer.take(_BITS)
    if outer.at < outer.end:
        raise _BrokenError("bytes after it")


def _integer(der: _Der) -> int:
    if der.at == der.end:
        raise _BrokenError("an INTEGER without content")
    return int.from_bytes(der.content(), signed=True)


def _oid(der: _Der) -> str:
    content = der.content()
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise _BrokenError("not an object identifier")
    arcs, arc = [], 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def _time(der: _Der) -> datetime:
    tag = der.peek()
    content = der.take(_UTC_TIME, _GENERALIZED_TIME).content()
    match = _TIME.match(content)
    if match is None or len(match[1]) != (2 if tag == _UTC_TIME else 4):
        raise _BrokenError(f"{content[:40]!r} is not a time")
    year, month, day, hour, minute, second = (int(match[index] or 0) for index in range(1, 7))
    if tag == _UTC_TIME:
        year += 1900 if year >= 50 else 2000
    try:
        instant = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        if match[7]:
            offset = timedelta(hours=int(match[8]), minutes=int(match[9]))
            instant += -offset if match[7] == b"+" else offset
    except (ValueError, OverflowError) as error:
        raise _BrokenError(f"{content[:40]!r} is not a time ({error})") from error
    return instant


def _name(name: _Der) -> str:
    """RFC 4514, section 2: the last RDN first; a value that is not text as `#` and the hex of its DER."""
    rdns: list[str] = []
    count = 0
    while name.at < name.end:
        rdn = name.take(_SET)
        parts = []
        while rdn.at < rdn.end:
            count += 1
            if count > MOST_NAMES:
                raise _BrokenError(f"more than {MOST_NAMES} attributes")
            attribute = rdn.take(_SEQUENCE)
            oid = _oid(attribute.take(_OID))
            parts.append(f"{_ATTRIBUTES.get(oid, oid)}={_attribute_value(attribute)}")
        rdns.append("+".join(parts))
    return text.storable(",".join(reversed(rdns)))


def _attribute_value(attribute: _Der) -> str:
    tag, at = attribute.peek(), attribute.at
    content = attribute.take().content()
    for encoding in _ENCODINGS.get(tag or 0, ()):
        try:
            return _escaped(content.decode(encoding))
        except UnicodeDecodeError:
            continue
    return "#" + attribute.data[at : attribute.at].hex()


def _escaped(value: str) -> str:
    """RFC 4514, section 2.4."""
    escaped = re.sub(r'([\\"+,;<>])', r"\\\1", value).replace("\0", "\\00")
    if escaped.startswith(("#", " ")):
        escaped = "\\" + escaped
    return escaped[:-1] + "\\ " if escaped.endswith(" ") and len(value) > 1 else escaped


def _read_key(spki: _Der, row: dict[str, object]) -> None:
    algorithm = spki.take(_SEQUENCE)
    oid = _oid(algorithm.take(_OID))
    if oid not in _KEY_TYPES:
        raise _BrokenError(f"unknown algorithm {oid}")
    row["key_type"], row["key_bits"] = _KEY_TYPES[oid]
    if oid in {_RSA, _RSA_PSS}:
        bits = spki.take(_BITS)
        modulus = _Der(bits.data, bits.at + 1, bits.end).take(_SEQUENCE).take(_INTEGER)
        row["key_bits"] = _integer(modulus).bit_length()
    elif oid == _DSA and algorithm.peek() == _SEQUENCE:
        row["key_bits"] = _integer(algorithm.take().take(_INTEGER)).bit_length()
    elif oid == _EC:
        if algorithm.peek() != _OID:
            raise _BrokenError("its curve is not a named one")
        curve = _oid(algorithm.take())
        if curve not in _CURVES:
            raise _BrokenError(f"unknown curve {curve}")
        row["key_curve"], row["key_bits"] = _CURVES[curve]


def _signature_algorithm(whole: bytes) -> str:
    algorithm = _Der(whole).take()
    oid = _oid(algorithm.take(_OID))
    if oid == _RSA_PSS:
        return f"RSASSA-PSS-{_pss_hash(algorithm)}"
    if oid in _KEY_TYPES:
        return _KEY_TYPES[oid][0]
    return _SIGNATURE_ALGORITHMS.get(oid, oid)


def _pss_hash(algorithm: _Der) -> str:
    """RFC 4055, section 3.1: SHA-1 unless the parameters name another hash."""
    if algorithm.peek() == _SEQUENCE:
        parameters = algorithm.take()
        if parameters.peek() == 0xA0:
            oid = _oid(parameters.take().take(_SEQUENCE).take(_OID))
            return _HASHES.get(oid, oid)
    return "SHA1"


def _read_extensions(tbs: _Der, row: dict[str, object], problems: list[str]) -> None:
    for tag in (_ISSUER_ID, _SUBJECT_ID):
        if tbs.peek() == tag:
            tbs.take()
    found: dict[str, _Der] = {}
    if tbs.peek() == _EXTENSIONS:
        repeated = set()
        for oid, value in _extensions(tbs.take().take(_SEQUENCE)):
            if found.setdefault(oid, value) is not value:
                repeated.add(oid)
        problems.extend(f"extensions: {oid} occurs twice" for oid in sorted(repeated)[:3])
    if tbs.at < tbs.end:
        raise _BrokenError("something else is in their place")
    row["is_precertificate"] = _POISON in found
    row["is_ca"] = False
    if (constraints := found.get(_BASIC_CONSTRAINTS)) is not None:
        row["is_ca"] = _attempt("basicConstraints", problems, lambda: _is_ca(constraints))
    if (alternatives := found.get(_SUBJECT_ALT_NAME)) is not None:
        names: list[str] = []
        is_read = _attempt("subjectAltName", problems, lambda: _read_names(alternatives, names))
        row["names"] = tuple(names) if names or is_read else None
    if (timestamps := found.get(_SCTS)) is not None:
        row["sct_at"] = _attempt("signed certificate timestamps", problems, lambda: _latest_sct(timestamps))


def _extensions(listed: _Der) -> Iterator[tuple[str, _Der]]:
    while listed.at < listed.end:
        extension = listed.take(_SEQUENCE)
        oid = _oid(extension.take(_OID))
        if extension.peek() == _BOOLEAN:
            extension.take()
        yield oid, extension.take(_OCTETS)


def _latest_sct(value: _Der) -> datetime | None:
    """RFC 6962, section 3.3: a list of lists of bytes, each with its length in two bytes.

    A timestamp of version 1 has the version, 32 bytes that name the log, and milliseconds since 1970 in eight.
    """
    listed = value.take(_OCTETS).content()
    latest = -1
    at = 2
    if int.from_bytes(listed[:2], "big") != len(listed) - 2:
        raise _BrokenError("their length is wrong")
    while at < len(listed):
        begin, at = at + 2, at + 2 + int.from_bytes(listed[at : at + 2], "big")
        if at > len(listed) or at - begin < 41:
            raise _BrokenError("cut short")
        if listed[begin] == 0:
            latest = max(latest, int.from_bytes(listed[begin + 33 : begin + 41], "big"))
    if latest >= 253_402_300_800_000:
        raise _BrokenError("one lies after year 9999")
    return None if latest < 0 else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=latest)


def _is_ca(value: _Der) -> bool:
    constraints = value.take(_SEQUENCE)
    return constraints.peek() == _BOOLEAN and any(constraints.take().content())


def _read_names(value: _Der, names: list[str]) -> bool:
    """DNS names and IP addresses (RFC 5280, section 4.2.1.6) into `names`, as far as they can be read."""
    listed = value.take(_SEQUENCE)
    count = 0
    while listed.at < listed.end:
        count += 1
        if count > MOST_NAMES:
            raise _BrokenError(f"more than {MOST_NAMES} entries, the rest was not read")
        tag = listed.peek() or 0
        content = listed.take().content()
        if tag & 0xC0 != 0x80:
            raise _BrokenError(f"tag {tag:#04x} where a kind of name was due")
        if tag == _DNS_NAME:
            names.append(text.storable(content.decode("utf-8", "backslashreplace")))
        elif tag == _IP_ADDRESS:
            if len(content) not in {4, 16}:
                raise _BrokenError(f"an IP address of {len(content)} bytes")
            names.append(str(ipaddress.ip_address(content)))
    return True
