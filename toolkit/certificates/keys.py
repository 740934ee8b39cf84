"""Keys and signature algorithms, from their object identifiers and parameters."""

from toolkit.certificates.der import BITS, INTEGER, OID, SEQUENCE, BrokenError, Der, read_oid
from toolkit.reference.algorithms import (
    CURVES,
    DSA,
    EC,
    HASHES,
    KEY_OCTETS,
    KEY_TYPES,
    RSA,
    RSA_PSS,
    SIGNATURE_ALGORITHMS,
)


def read_key(spki: Der, row: dict[str, object]) -> None:
    """Read type, size and curve of a SubjectPublicKeyInfo into the row.

    Raises `BrokenError` where it is not valid DER. The row may have a size all the same: an RSA modulus without its
    leading zero octet is a negative INTEGER, which OpenSSL and GnuTLS read as unsigned.
    """
    algorithm = spki.take(SEQUENCE)
    oid = read_oid(algorithm.take(OID))
    if oid not in KEY_TYPES:
        raise BrokenError(f"unknown algorithm {oid}")
    row["key_type"], row["key_bits"] = KEY_TYPES[oid]
    if oid in {RSA, RSA_PSS}:
        key = Der(_public_key(spki)).take(SEQUENCE)
        modulus = key.take(INTEGER).content()
        row["key_bits"] = _size(modulus, "modulus")
        exponent = key.take(INTEGER).content()
        _size(exponent, "exponent")
        _check_encoding(modulus, "modulus")
        _check_encoding(exponent, "exponent")
    elif oid == DSA and algorithm.peek() == SEQUENCE:
        prime = algorithm.take().take(INTEGER).content()
        row["key_bits"] = _size(prime, "prime p")
        _check_encoding(prime, "prime p")
    elif oid == EC:
        if algorithm.peek() != OID:
            raise BrokenError("its curve is not a named curve")
        curve = read_oid(algorithm.take())
        if curve not in CURVES:
            raise BrokenError(f"unknown curve {curve}")
        row["key_curve"], row["key_bits"] = CURVES[curve]
        _check_point(_public_key(spki), (CURVES[curve][1] + 7) // 8)
    elif oid in KEY_OCTETS:
        if algorithm.at < algorithm.end:
            raise BrokenError(f"{row['key_type']} has parameters, which it must not have")
        if (octets := len(_public_key(spki))) != KEY_OCTETS[oid]:
            raise BrokenError(f"{octets:,} octets are not a key of {row['key_type']}, which has {KEY_OCTETS[oid]:,}")


def _public_key(spki: Der) -> bytes:
    """The content of the BIT STRING, after the octet that counts the unused bits."""
    return spki.take(BITS).content()[1:]


def _size(magnitude: bytes, what: str) -> int:
    """Bits of a number whose content octets are read as unsigned; it must not be zero."""
    bits = int.from_bytes(magnitude).bit_length()
    if not bits:
        raise BrokenError(f"its {what} is zero")
    return bits


def _check_encoding(magnitude: bytes, what: str) -> None:
    """Check a positive INTEGER: as few octets as possible, the first bit 0 (ITU-T X.690, section 8.3.2)."""
    if magnitude[0] & 0x80:
        raise BrokenError(f"its {what} is a negative INTEGER, read as unsigned")
    if len(magnitude) > 1 and magnitude[0] == 0 and not magnitude[1] & 0x80:
        raise BrokenError(f"its {what} has more leading zeros than DER allows")


def _check_point(point: bytes, field: int) -> None:
    """Check the length of a point: both coordinates after 04, 06 or 07, one after 02 or 03 (SEC 1, section 2.3.3)."""
    sizes = {0x02: field, 0x03: field, 0x04: 2 * field, 0x06: 2 * field, 0x07: 2 * field}
    if not point or len(point) - 1 != sizes.get(point[0]):
        raise BrokenError(
            f"{len(point)} octets that begin with {point[:1].hex() or 'nothing'} are not a point of its curve"
        )


def read_signature_algorithm(whole: bytes) -> str:
    """The name of an AlgorithmIdentifier; its object identifier where no name is known."""
    algorithm = Der(whole).take()
    oid = read_oid(algorithm.take(OID))
    if oid == RSA_PSS:
        return f"RSASSA-PSS-{_pss_hash(algorithm)}"
    if oid in KEY_TYPES:
        return KEY_TYPES[oid][0]
    return SIGNATURE_ALGORITHMS.get(oid, oid)


def _pss_hash(algorithm: Der) -> str:
    """The hash of RSASSA-PSS: SHA-1 unless the parameters name another one (RFC 4055, section 3.1)."""
    if algorithm.peek() == SEQUENCE:
        parameters = algorithm.take()
        if parameters.peek() == 0xA0:
            oid = read_oid(parameters.take().take(SEQUENCE).take(OID))
            return HASHES.get(oid, oid)
    return "SHA1"
