"""Certificates in the textual encoding of RFC 7468, with any text around them: `read_pem`, `parse_pem`."""

import base64
import binascii
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from toolkit import schema
from toolkit.certificates import LIMIT, parse_certificate
from toolkit.errors import ReadError
from toolkit.tables import Tables

PEM_SUFFIXES: Final = frozenset({".pem", ".crt", ".cer"})
"""Files of a folder that are read as PEM."""

_LABELS: Final = (b"CERTIFICATE", b"X509 CERTIFICATE")  # RFC 7468, sections 5.1 and 5.3
_BEGINS: Final = {b"-----BEGIN " + label + b"-----" for label in _LABELS}
_ENDS: Final = {b"-----END " + label + b"-----" for label in _LABELS}
_LONGEST: Final = 2 * LIMIT
"""Characters of one certificate, and of one line: base64 needs 4 for 3 bytes, and line ends."""


def read_pem(path: Path) -> Tables:
    """The certificates of a PEM file, or of each file of a folder that is named `.pem`, `.crt` or `.cer`.

    Only `certificates` has rows. Raises `ReadError` naming file and line where a certificate is cut short, and
    where a file holds none.
    """
    files = sorted(f for f in path.iterdir() if f.suffix.lower() in PEM_SUFFIXES) if path.is_dir() else [path]
    if not files:
        raise ReadError(f"{path} holds no file named {', '.join(sorted(PEM_SUFFIXES))}: name the folder that does.")
    rows = [parse_certificate(der) for file in files for der in read_certificates(file)]
    return Tables.from_frames(certificates=schema.frame("certificates", rows))


def read_certificates(path: Path) -> list[bytes]:
    """The DER of each certificate in a PEM file, in order. Raises `ReadError` like `read_pem`."""
    with path.open("rb") as file:
        ders = list(parse_pem(iter(lambda: file.readline(_LONGEST), b""), name=str(path)))
    if not ders:
        raise ReadError(f"{path} holds no certificate: PEM has a line -----BEGIN CERTIFICATE-----.")
    return ders


def has_pem(path: Path) -> bool:
    """Does a line of the file begin a certificate?"""
    with path.open("rb") as file:
        return any(line.strip() in _BEGINS for line in iter(lambda: file.readline(_LONGEST), b""))


def parse_pem(lines: Iterable[bytes], *, name: str) -> Iterator[bytes]:
    """The DER of each certificate in the lines; other text and other blocks are passed over.

    Raises `ReadError`, with `name` and the line, for one that does not end, or whose base64 is broken.
    """
    begun = 0
    body: list[bytes] = []
    number = size = 0
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not begun:
            if line in _BEGINS:
                begun, size, body = number, 0, []
        elif line in _ENDS:
            yield _decoded(b"".join(body), name, begun)
            begun = 0
        elif line.startswith(b"-----"):
            break
        else:
            size += len(line)
            if size > _LONGEST:
                raise ReadError(f"{name}, line {begun}: a certificate of more than {LIMIT} bytes. Take it out.")
            body.append(line)
    if begun:
        raise ReadError(
            f"{name}, line {number}: the certificate that begins in line {begun} is cut short, there is no line "
            "-----END CERTIFICATE-----. Fetch the file again, or delete from that line on."
        )


def _decoded(body: bytes, name: str, line: int) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ReadError(
            f"{name}, line {line}: the certificate's base64 is damaged ({error}). Fetch the file again."
        ) from error
