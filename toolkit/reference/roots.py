"""Root certificates with dates: whom a client trusted, and when.

Google's bundle on two days and its roots lie in `bundles/*.csv` (made by `data/make_roots.py`); today's public roots
come from the installed `certifi`, which is Mozilla's list; anything else from a PEM file of the user's.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Final

import certifi

from toolkit.errors import ReadError, UsageError
from toolkit.reference.rows import FOLDER, read_rows

CERTIFICATE_COLUMNS: Final = ("cert_sha256", "subject", "not_before", "not_after", "der")
BUNDLE_COLUMNS: Final = ("bundle", "date", "cert_sha256", "source")

LARGEST: Final = 1 << 26
"""Bytes of a user's bundle; the public ones stay below one MiB."""

_BLOCK = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----(.*?)-----END (?:X509 )?CERTIFICATE-----", re.S)


@cache
def bundles() -> Mapping[str, tuple[bytes, ...]]:
    """The recorded bundles by name, each a tuple of certificates in DER.

    >>> {name: len(roots) for name, roots in bundles().items()}
    {'google-2017-09-08': 60, 'google-2018-12-03': 40, 'google-trust-services': 5}
    """
    ders = {}
    for row in read_rows(FOLDER / "bundles" / "certificates.csv", CERTIFICATE_COLUMNS):
        ders[row.text("cert_sha256")] = base64.b64decode(row.text("der"), validate=True)
    found: dict[str, list[bytes]] = {}
    for row in read_rows(FOLDER / "bundles" / "members.csv", BUNDLE_COLUMNS):
        found.setdefault(row.text("bundle"), []).append(ders[row.text("cert_sha256")])
    return MappingProxyType({name: tuple(roots) for name, roots in found.items()})


def load_roots(bundle: str | Path) -> tuple[bytes, ...]:
    """The roots of a bundle, in DER: `certifi` (today's), one of `bundles()`, or a PEM file.

    Raises `UsageError` where there is neither such a bundle nor such a file; `ReadError`, naming file and place,
    where the file holds no certificate or a damaged one.

    >>> len(load_roots("certifi")) > 100
    True
    """
    if bundle == "certifi":
        return split_pem(Path(certifi.where()).read_bytes(), f"certifi {version('certifi')}")
    if bundle in bundles():
        return bundles()[str(bundle)]
    path = Path(bundle)
    if not path.is_file():
        known = ", ".join(["certifi", *bundles()])
        raise UsageError(f"{str(bundle)!r} is neither a root bundle ({known}) nor a PEM file.")
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error}.") from error
    if len(data) > LARGEST:
        raise ReadError(f"{path} has more than {LARGEST} bytes: it is not a root bundle.")
    return split_pem(data, str(path))


def split_pem(data: bytes, name: str) -> tuple[bytes, ...]:
    """The certificates of a PEM file in DER, text around them skipped (RFC 7468); `name` is used in messages.

    Raises `ReadError` for a block that is not base64 or not one DER SEQUENCE, for a block without an end, and where
    there is none.
    """
    found = []
    for number, block in enumerate(_BLOCK.findall(data), start=1):
        try:
            der = base64.b64decode(b"".join(block.split()), validate=True)
        except binascii.Error as error:
            raise ReadError(f"{name}: certificate {number} is not base64 ({error}). Remove or replace it.") from error
        if not _is_whole(der):
            raise ReadError(f"{name}: certificate {number} is cut short or not DER. Remove or replace it.")
        found.append(der)
    if data.count(b"-----BEGIN ") != data.count(b"-----END "):
        raise ReadError(f"{name}: a block has no end after certificate {len(found)}; the file is cut short.")
    if not found:
        raise ReadError(f"{name} holds no certificate in PEM.")
    return tuple(found)


def _is_whole(der: bytes) -> bool:
    """Whether the outermost SEQUENCE ends where the bytes do (ITU-T X.690, section 8.1)."""
    if len(der) < 2 or der[0] != 0x30:
        return False
    size = der[1] & 0x7F if der[1] & 0x80 else 0
    length = int.from_bytes(der[2 : 2 + size]) if size else der[1]
    return len(der) == 2 + size + length


@cache
def root_names() -> frozenset[str]:
    """The subjects (RFC 4514) of every root of the recorded bundles."""
    rows = read_rows(FOLDER / "bundles" / "certificates.csv", CERTIFICATE_COLUMNS)
    return frozenset(row.text("subject") for row in rows)
