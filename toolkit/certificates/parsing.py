"""Parse a certificate (RFC 5280, section 4.1) into a row, field by field."""

import hashlib
from typing import Final

from toolkit import schema, text
from toolkit.certificates.der import (
    BITS,
    INTEGER,
    SEQUENCE,
    BrokenError,
    Der,
    attempt,
    check_der,
    read_integer,
    read_time,
)
from toolkit.certificates.extensions import read_extensions
from toolkit.certificates.keys import read_key, read_signature_algorithm
from toolkit.certificates.names import read_name

LIMIT: Final = 1 << 20
"""Most bytes of DER that are parsed. A larger certificate is kept and hashed; public ones stay below 64 KiB."""

_VERSION = 0xA0  # context tag of RFC 5280, section 4.1


def parse_certificate(der: bytes) -> dict[str, object]:
    """The certificate as a row of `certificates` (columns and nulls: data/README.md).

    No bytes raise an error: a field that could not be read is null, and `parse_error` names it, as it does bytes after
    the certificate. `cert_sha256` is over all bytes given, `spki_sha256` over the SubjectPublicKeyInfo as encoded.
    Subject and issuer follow RFC 4514; attributes without a short name there keep their OID, with the value as text.
    `is_ca` is false where there is no basicConstraints. Raises `UsageError` for anything but bytes.

    >>> from toolkit.certificates import parse_certificate
    >>> parse_certificate(b"hello")["parse_error"]
    'certificate: cut short'

    >>> import toolkit
    >>> facts = toolkit.certificates.parse_certificate(toolkit.load_example("google-mail").certificates["der"][0])
    >>> facts["subject"], facts["key_type"], facts["key_bits"]
    ('CN=smtp.gmail.com', 'EC', 256)
    """
    check_der(der, "parse_certificate")
    row: dict[str, object] = dict.fromkeys(column.name for column in schema.TABLES["certificates"])
    row |= {"cert_sha256": hashlib.sha256(der).hexdigest(), "der": der}
    problems: list[str] = []
    if len(der) > LIMIT:
        problems.append(f"certificate: {len(der)} bytes, more than the {LIMIT} that are parsed")
    else:
        attempt("certificate", problems, lambda: _read_certificate(Der(der), row, problems))
    row["parse_error"] = text.storable("; ".join(problems)) or None
    return row


def _read_certificate(der: Der, row: dict[str, object], problems: list[str]) -> None:
    outer = der.take(SEQUENCE)
    if der.at < der.end:
        problems.append(f"certificate: {der.end - der.at} bytes after its end")
    tbs = outer.take(SEQUENCE)
    if tbs.peek() == _VERSION:
        tbs.take()
    serial, algorithm, issuer = tbs.take(INTEGER), tbs.take_whole(SEQUENCE), tbs.take(SEQUENCE)
    validity, subject, spki = tbs.take(SEQUENCE), tbs.take(SEQUENCE), tbs.take_whole(SEQUENCE)
    row["serial"] = attempt("serial", problems, lambda: format(read_integer(serial), "x"))
    row["issuer"] = attempt("issuer", problems, lambda: read_name(issuer))
    row["subject"] = attempt("subject", problems, lambda: read_name(subject))
    row["not_before"] = attempt("not_before", problems, lambda: read_time(validity))
    row["not_after"] = attempt("not_after", problems, lambda: read_time(validity))
    row["spki_sha256"] = hashlib.sha256(spki).hexdigest()
    attempt("key", problems, lambda: read_key(Der(spki).take(), row))
    row["signature_algorithm"] = attempt("signature_algorithm", problems, lambda: read_signature_algorithm(algorithm))
    attempt("extensions", problems, lambda: read_extensions(tbs, row, problems))
    attempt("signature", problems, lambda: _check_signature(outer, algorithm))


def _check_signature(outer: Der, algorithm: bytes) -> None:
    """Check that the outer algorithm equals the signed one (RFC 5280, section 4.1.1.2)."""
    if outer.take_whole(SEQUENCE) != algorithm:
        raise BrokenError("its algorithm differs from the signed one")
    outer.take(BITS)
    if outer.at < outer.end:
        raise BrokenError("bytes after it")
