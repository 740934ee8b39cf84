"""Certificates that a source only describes: a row without DER, and what identifies it."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from toolkit import schema
from toolkit.errors import SchemaError, UsageError
from toolkit.text import type_name

_BETWEEN_DIGITS: Final = re.compile(r"[:\s]")
_HEX: Final = re.compile(r"[0-9a-f]+")
_NOTHING: Final[dict[str, object]] = dict.fromkeys(column.name for column in schema.TABLES["certificates"])
_DESCRIBING: Final = _NOTHING.keys() - {"der"}
_SHA256: Final = 64
_SHA1: Final = 40


def describe_certificate(facts: Mapping[str, object], *, sha1: str | None = None) -> dict[str, object]:
    """A row of `certificates` from what a source says about a certificate; what it does not say is null.

    `facts`: columns of `certificates` but `der`. `cert_sha256` is kept where the source printed it. Otherwise the row
    is identified, in this order, by the SHA-1 of the DER (`sha1`, hex: `<sha1>.sha1`), by issuer and serial number
    (`<digest>.serial`), or by a digest of everything that is said (`<digest>.facts`). Two descriptions with the same
    issuer and serial are one certificate; two by facts are one where all facts are equal.
    Raises `SchemaError` for an unknown column and for facts without a value.

    >>> from toolkit.certificates import describe_certificate
    >>> described = describe_certificate({"issuer": "CN=Example CA", "serial": "5", "subject": "CN=a.example"})
    >>> described["cert_sha256"].partition(".")[2], described["der"] is None
    ('serial', True)
    """
    if not isinstance(facts, Mapping):
        raise UsageError(f"describe_certificate takes a dict of columns of `certificates`, not {type_name(facts)}.")
    said = {name: value for name, value in facts.items() if value is not None}
    if strange := sorted(said.keys() - _DESCRIBING):
        raise SchemaError(
            f"{strange[0]!r} does not describe a certificate; toolkit.schema.dictionary() lists the columns."
        )
    if not said and sha1 is None:
        raise SchemaError("nothing is said about the certificate: give at least one fact.")
    return _NOTHING | said | {"cert_sha256": _identify(said, sha1)}


def _identify(said: Mapping[str, object], sha1: str | None) -> str:
    printed = _digits(said.get("cert_sha256"), _SHA256)
    if printed is not None:
        return printed
    if (short := _digits(sha1, _SHA1)) is not None:
        return f"{short}.sha1"
    if "issuer" in said and "serial" in said:
        return f"{_digest([said['issuer'], said['serial']])}.serial"
    facts = {name: value for name, value in said.items() if name not in {"cert_sha256", "tool"}}
    return f"{_digest(facts)}.facts"


def _digits(fingerprint: object, length: int) -> str | None:
    """A fingerprint as lower-case hex without separators; None where it is not one of that length."""
    if not isinstance(fingerprint, str):
        return None
    plain = _BETWEEN_DIGITS.sub("", fingerprint).lower()
    return plain if len(plain) == length and _HEX.fullmatch(plain) else None


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=_as_text)
    return hashlib.sha256(text.encode()).hexdigest()


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
