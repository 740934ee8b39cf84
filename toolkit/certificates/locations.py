"""Key identifiers, and the URLs of issuer, OCSP and revocation lists (RFC 5280, sections 4.2.1 and 4.2.2)."""

from typing import Final

from toolkit.certificates.der import OCTETS, OID, SEQUENCE, BrokenError, Der, read_oid
from toolkit.certificates.names import as_text
from toolkit.certificates.usage import MOST_ENTRIES, entries

OCSP: Final = "1.3.6.1.5.5.7.48.1"
ISSUERS: Final = "1.3.6.1.5.5.7.48.2"

# Context tags: sections 4.2.1.1 (keyIdentifier), 4.2.1.6 (uniformResourceIdentifier), 4.2.1.13 (fullName).
_KEY_ID: Final = 0x80
_URI: Final = 0x86
_NAME: Final = 0xA0


def read_authority_key_id(value: Der) -> str | None:
    """The key identifier in hex; None where issuer and serial number take its place."""
    identifier = value.take(SEQUENCE)
    return identifier.take().content().hex() if identifier.peek() == _KEY_ID else None


def read_subject_key_id(value: Der) -> str:
    """The key identifier in hex."""
    return value.take(OCTETS).content().hex()


def read_access(value: Der) -> dict[str, tuple[str, ...]]:
    """The URLs of an authorityInfoAccess, by the OID of their method."""
    found: dict[str, list[str]] = {OCSP: [], ISSUERS: []}
    for description in entries(value, SEQUENCE):
        method = read_oid(description.take(OID))
        if method in found and description.peek() == _URI:
            found[method].append(as_text(description.take().content()))
    return {method: tuple(urls) for method, urls in found.items()}


def read_crl_urls(value: Der) -> tuple[str, ...]:
    """The URLs of the distribution points."""
    urls: list[str] = []
    for point in entries(value, SEQUENCE):
        if point.peek() != _NAME:
            continue
        name = point.take()
        if name.peek() != _NAME:
            continue
        full = name.take()
        while full.at < full.end:
            is_url = full.peek() == _URI
            content = full.take().content()
            if is_url:
                if len(urls) == MOST_ENTRIES:
                    raise BrokenError(f"more than {MOST_ENTRIES} URLs")
                urls.append(as_text(content))
    return tuple(urls)
