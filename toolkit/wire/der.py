"""Tag-length-value of ASN.1 (X.690, section 8), as far as certificates' keys and LDAP need it."""

from toolkit.wire.cursor import MalformedError


def element(data: bytes, at: int, end: int, what: str) -> tuple[int, int, int]:
    """Tag, start and end of the content of the element at `at`; raises `MalformedError`.

    Definite lengths of up to four bytes only, as DER and LDAP (RFC 4511, 5.1) have them.
    """
    if at + 2 > end:
        raise MalformedError(f"{what} is cut short")
    tag, length = data[at], data[at + 1]
    at += 2
    if length >= 0x80:
        size = length & 0x7F
        if not 0 < size <= 4:
            raise MalformedError(f"{what} has a length of an unknown form")
        length = int.from_bytes(data[at : at + size])
        at += size
    if at + length > end:
        raise MalformedError(f"{what} is cut short")
    return tag, at, at + length


def subject_public_key_info(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a certificate as it is encoded (RFC 5280, 4.1); raises `MalformedError`.

    Nothing else is parsed, so an odd date or extension does not prevent the check of a signature.
    """
    what = "the certificate"
    _, at, end = element(certificate, 0, len(certificate), what)
    _, at, end = element(certificate, at, end, what)
    if certificate[at : at + 1] == b"\xa0":  # version, absent in version 1
        at = element(certificate, at, end, what)[2]
    for _ in ("serialNumber", "signature", "issuer", "validity", "subject"):
        at = element(certificate, at, end, what)[2]
    return certificate[at : element(certificate, at, end, what)[2]]
