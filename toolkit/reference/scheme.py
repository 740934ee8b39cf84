"""Signature schemes (IANA "TLS SignatureScheme"), with the pairs of TLS 1.2 that the registry only reserves."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from toolkit.reference.rows import FOLDER, read_rows

COLUMNS = ("code", "name", "key_type", "hash", "padding", "versions", "source", "date")
"""Of `signature_schemes.csv`; `date` is that of the registry or other source."""


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    """One signature scheme.

    `key_type` is that of the certificate (`RSA`, `EC`, `DSA`, `Ed25519`, `ML-DSA-44`, …). `hash` is None where the
    scheme has one of its own; `padding` (`PKCS1`, `PSS`) is None where the key is not RSA. `versions` are those in
    which a handshake may be signed with it, oldest first: PKCS #1 signs TLS 1.2 handshakes only (RFC 8446 section
    4.2.3), although TLS 1.3 still takes it in certificates.

    >>> from toolkit.reference import signature_schemes
    >>> scheme = signature_schemes()[0x0403]
    >>> scheme.name, scheme.key_type, scheme.hash, scheme.versions
    ('ecdsa_secp256r1_sha256', 'EC', 'SHA256', ('TLS 1.2', 'TLS 1.3'))
    """

    code: int
    name: str
    key_type: str
    hash: str | None
    padding: str | None
    versions: tuple[str, ...]
    source: str


@cache
def signature_schemes() -> Mapping[int, SignatureScheme]:
    """Every signature scheme by its code, in order of code.

    >>> from toolkit.reference import signature_schemes
    >>> signature_schemes()[0x0804].name, signature_schemes()[0x0804].padding
    ('rsa_pss_rsae_sha256', 'PSS')
    """
    found: dict[int, SignatureScheme] = {}
    for row in read_rows(FOLDER / "signature_schemes.csv", COLUMNS):
        scheme = SignatureScheme(
            code=row.integer("code"),
            name=row.text("name"),
            key_type=row.text("key_type"),
            hash=row.optional_text("hash"),
            padding=row.optional_text("padding"),
            versions=row.texts("versions"),
            source=row.text("source"),
        )
        if scheme.code in found:
            raise row.error("code", "is there twice")
        found[scheme.code] = scheme
    return MappingProxyType(found)
