"""Certificates that builders refuse to make: DER assembled part by part (X.690, RFC 5280)."""


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    encoded = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        encoded += bytes(reversed(groups))
    return tlv(0x06, bytes(encoded))


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def name(value: bytes, *, tag: int = 0x0C, attribute: str = "2.5.4.3") -> bytes:
    return sequence(tlv(0x31, sequence(oid(attribute), tlv(tag, value))))


def utc(value: bytes) -> bytes:
    return tlv(0x17, value)


def generalized(value: bytes) -> bytes:
    return tlv(0x18, value)


def extension(dotted: str, value: bytes) -> bytes:
    return sequence(oid(dotted), tlv(0x04, value))


def names(*entries: bytes) -> bytes:
    return extension("2.5.29.17", sequence(*entries))


def rsa_key(modulus: bytes, exponent: bytes = b"\x01\x00\x01") -> bytes:
    algorithm = sequence(oid("1.2.840.113549.1.1.1"), tlv(0x05))
    return sequence(algorithm, tlv(0x03, b"\0" + sequence(tlv(0x02, modulus), tlv(0x02, exponent))))


RSA_KEY = rsa_key(b"\0\x80" + bytes(254) + b"\x01")
SHA256_RSA = sequence(oid("1.2.840.113549.1.1.11"), tlv(0x05))


def certificate(
    *,
    serial: bytes = integer(5),
    algorithm: bytes = SHA256_RSA,
    issuer: bytes = name(b"Issuer"),
    not_before: bytes = utc(b"260101000000Z"),
    not_after: bytes = utc(b"270101000000Z"),
    subject: bytes = name(b"subject.test"),
    spki: bytes = RSA_KEY,
    extensions: tuple[bytes, ...] = (),
    outer: bytes | None = None,
) -> bytes:
    tbs = [tlv(0xA0, integer(2)), serial, algorithm, issuer, sequence(not_before, not_after), subject, spki]
    if extensions:
        tbs.append(tlv(0xA3, sequence(*extensions)))
    return sequence(sequence(*tbs), outer or algorithm, tlv(0x03, b"\0signature"))
