"""Permitted uses of a certificate: key usage, purposes, policies, and validation (RFC 5280, section 4.2.1)."""

from typing import Final

from toolkit.certificates.der import BITS, INTEGER, OID, SEQUENCE, BrokenError, Der, read_integer, read_oid

MOST_ENTRIES: Final = 1000
"""Most entries of one extension that are read."""

# RFC 5280, section 4.2.1.3, by bit.
_KEY_USAGES: Final = (
    "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign",
    "cRLSign", "encipherOnly", "decipherOnly",
)  # fmt: skip

# RFC 5280, section 4.2.1.12; RFC 6962, section 3.1; and server-gated cryptography (Microsoft, Netscape).
_PURPOSES: Final = {
    "2.5.29.37.0": "anyExtendedKeyUsage",
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
    "1.3.6.1.4.1.11129.2.4.4": "precertificateSigning",
    "1.3.6.1.4.1.311.10.3.3": "msSGC",
    "2.16.840.1.113730.4.1": "nsSGC",
}

# CA/Browser Forum, TLS Baseline Requirements, section 7.1.6.1, and EV Guidelines, section 7.1.6.1.
_VALIDATIONS: Final = {
    "2.23.140.1.1": "EV",
    "2.23.140.1.2.2": "OV",
    "2.23.140.1.2.3": "IV",
    "2.23.140.1.2.1": "DV",
}

_STATUS_REQUEST: Final = 5  # RFC 7633, section 4.2.3.1, and RFC 6066: the feature's TLS extension


def read_key_usage(value: Der) -> tuple[str, ...]:
    """The names of the bits that are set, in the order of the bits."""
    content = value.take(BITS).content()
    if not content or content[0] > 7:
        raise BrokenError("not a BIT STRING")
    bits = content[1:3]
    return tuple(name for at, name in enumerate(_KEY_USAGES) if at // 8 < len(bits) and bits[at // 8] << at % 8 & 0x80)


def read_purposes(value: Der) -> tuple[str, ...]:
    """The purposes of an extendedKeyUsage: by name, else by OID."""
    oids = [read_oid(oid) for oid in entries(value, OID)]
    return tuple(_PURPOSES.get(oid, oid) for oid in oids)


def read_policies(value: Der) -> tuple[str, ...]:
    """The OIDs of the certificate policies."""
    return tuple(read_oid(policy.take(OID)) for policy in entries(value, SEQUENCE))


def find_validation(policies: tuple[str, ...]) -> str | None:
    """`DV`, `OV`, `IV` or `EV`: the strictest validation among the policies; None without any."""
    return next((name for oid, name in _VALIDATIONS.items() if oid in policies), None)


def asks_for_staple(value: Der) -> bool:
    """Whether a TLS feature extension (RFC 7633) names `status_request`."""
    return any(read_integer(feature) == _STATUS_REQUEST for feature in entries(value, INTEGER))


def entries(value: Der, tag: int) -> list[Der]:
    """The elements of a SEQUENCE, which must all have the tag."""
    listed = value.take(SEQUENCE)
    found: list[Der] = []
    while listed.at < listed.end:
        if len(found) == MOST_ENTRIES:
            raise BrokenError(f"more than {MOST_ENTRIES} entries")
        found.append(listed.take(tag))
    return found
