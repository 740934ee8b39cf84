"""Keys and signature algorithms: what their object identifiers mean."""

from toolkit.certificates.der import BITS, INTEGER, OID, SEQUENCE, BrokenError, Der, read_integer, read_oid
from toolkit.reference.algorithms import CURVES, DSA, EC, HASHES, KEY_TYPES, RSA, RSA_PSS, SIGNATURE_ALGORITHMS


def read_key(spki: Der, row: dict[str, object]) -> None:
    """Type, size and curve of a SubjectPublicKeyInfo, into the row."""
    algorithm = spki.take(SEQUENCE)
    oid = read_oid(algorithm.take(OID))
    if oid not in KEY_TYPES:
        raise BrokenError(f"unknown algorithm {oid}")
    row["key_type"], row["key_bits"] = KEY_TYPES[oid]
    if oid in {RSA, RSA_PSS}:
        bits = spki.take(BITS)
        modulus = Der(bits.data, bits.at + 1, bits.end).take(SEQUENCE).take(INTEGER)
        row["key_bits"] = read_integer(modulus).bit_length()
    elif oid == DSA and algorithm.peek() == SEQUENCE:
        row["key_bits"] = read_integer(algorithm.take().take(INTEGER)).bit_length()
    elif oid == EC:
        if algorithm.peek() != OID:
            raise BrokenError("its curve is not a named one")
        curve = read_oid(algorithm.take())
        if curve not in CURVES:
            raise BrokenError(f"unknown curve {curve}")
        row["key_curve"], row["key_bits"] = CURVES[curve]


def read_signature_algorithm(whole: bytes) -> str:
    """The name of an AlgorithmIdentifier, its object identifier where it has none here."""
    algorithm = Der(whole).take()
    oid = read_oid(algorithm.take(OID))
    if oid == RSA_PSS:
        return f"RSASSA-PSS-{_pss_hash(algorithm)}"
    if oid in KEY_TYPES:
        return KEY_TYPES[oid][0]
    return SIGNATURE_ALGORITHMS.get(oid, oid)


def _pss_hash(algorithm: Der) -> str:
    """RFC 4055, section 3.1: SHA-1 unless the parameters name another hash."""
    if algorithm.peek() == SEQUENCE:
        parameters = algorithm.take()
        if parameters.peek() == 0xA0:
            oid = read_oid(parameters.take().take(SEQUENCE).take(OID))
            return HASHES.get(oid, oid)
    return "SHA1"
