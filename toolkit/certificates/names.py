"""Names: distinguished names as text (RFC 4514), and the names of a subjectAltName."""

import ipaddress
import re
from typing import Final

from toolkit import text
from toolkit.certificates.der import OID, SEQUENCE, SET, BrokenError, Der, read_oid

MOST_NAMES: Final = 10_000
"""Most entries of one subjectAltName that are read, and most attributes of one subject or issuer."""

_EMAIL, _DNS_NAME, _IP_ADDRESS = 0x81, 0x82, 0x87  # context tags of RFC 5280, section 4.2.1.6

# X.680 string types → the encodings to try. In practice the 8-bit types hold UTF-8 or Latin-1.
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


def read_name(name: Der) -> str:
    """A name as text (RFC 4514, section 2): the last RDN first; a value that is not text as `#` and its DER in hex."""
    rdns: list[str] = []
    count = 0
    while name.at < name.end:
        rdn = name.take(SET)
        parts = []
        while rdn.at < rdn.end:
            count += 1
            if count > MOST_NAMES:
                raise BrokenError(f"more than {MOST_NAMES} attributes")
            attribute = rdn.take(SEQUENCE)
            oid = read_oid(attribute.take(OID))
            parts.append(f"{_ATTRIBUTES.get(oid, oid)}={_attribute_value(attribute)}")
        rdns.append("+".join(parts))
    return text.storable(",".join(reversed(rdns)))


def _attribute_value(attribute: Der) -> str:
    tag, at = attribute.peek(), attribute.at
    content = attribute.take().content()
    for encoding in _ENCODINGS.get(tag or 0, ()):
        try:
            return _escaped(content.decode(encoding))
        except UnicodeDecodeError:
            continue
    return "#" + attribute.data[at : attribute.at].hex()


def _escaped(value: str) -> str:
    """Escape a value (RFC 4514, section 2.4)."""
    escaped = re.sub(r'([\\"+,;<>])', r"\\\1", value).replace("\0", "\\00")
    if escaped.startswith(("#", " ")):
        escaped = "\\" + escaped
    return escaped[:-1] + "\\ " if escaped.endswith(" ") and len(value) > 1 else escaped


class Names:
    """The names of a subjectAltName: `hosts` are DNS names and IP addresses, `addresses` IP addresses alone."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.emails: list[str] = []
        self.addresses: list[str] = []


def read_names(value: Der, names: Names) -> bool:
    """Read the entries of a subjectAltName (RFC 5280, section 4.2.1.6) into `names`, up to the first invalid one."""
    listed = value.take(SEQUENCE)
    count = 0
    while listed.at < listed.end:
        count += 1
        if count > MOST_NAMES:
            raise BrokenError(f"more than {MOST_NAMES} entries; the others are not read")
        tag = listed.peek() or 0
        content = listed.take().content()
        if tag & 0xC0 != 0x80:
            raise BrokenError(f"tag {tag:#04x} instead of a kind of name")
        if tag == _DNS_NAME:
            names.hosts.append(as_text(content))
        elif tag == _EMAIL:
            names.emails.append(as_text(content))
        elif tag == _IP_ADDRESS:
            if len(content) not in {4, 16}:
                raise BrokenError(f"an IP address of {len(content)} bytes")
            names.addresses.append(str(ipaddress.ip_address(content)))
            names.hosts.append(names.addresses[-1])
    return True


def as_text(content: bytes) -> str:
    """An IA5String as text; bytes that are not UTF-8 are escaped."""
    return text.storable(content.decode("utf-8", "backslashreplace"))
