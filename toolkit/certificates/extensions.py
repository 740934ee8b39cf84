"""Extensions (RFC 5280, section 4.2): those that a row has columns for."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from toolkit.certificates.der import BOOLEAN, OCTETS, OID, SEQUENCE, BrokenError, Der, attempt, read_oid
from toolkit.certificates.names import read_names

_ISSUER_ID, _SUBJECT_ID, _EXTENSIONS = 0x81, 0x82, 0xA3  # context tags of RFC 5280, section 4.1

_SUBJECT_ALT_NAME, _BASIC_CONSTRAINTS, _POISON = "2.5.29.17", "2.5.29.19", "1.3.6.1.4.1.11129.2.4.3"
_SCTS: Final = "1.3.6.1.4.1.11129.2.4.2"


def read_extensions(tbs: Der, row: dict[str, object], problems: list[str]) -> None:
    """Read the extensions, which are the rest of the signed part after the key, into the row."""
    for tag in (_ISSUER_ID, _SUBJECT_ID):
        if tbs.peek() == tag:
            tbs.take()
    found: dict[str, Der] = {}
    if tbs.peek() == _EXTENSIONS:
        repeated = set()
        for oid, value in _extensions(tbs.take().take(SEQUENCE)):
            if found.setdefault(oid, value) is not value:
                repeated.add(oid)
        problems.extend(f"extensions: {oid} occurs twice" for oid in sorted(repeated)[:3])
    if tbs.at < tbs.end:
        raise BrokenError("unexpected bytes in their place")
    row["is_precertificate"] = _POISON in found
    row["is_ca"] = False
    if (constraints := found.get(_BASIC_CONSTRAINTS)) is not None:
        row["is_ca"] = attempt("basicConstraints", problems, lambda: _is_ca(constraints))
    if (alternatives := found.get(_SUBJECT_ALT_NAME)) is not None:
        names: list[str] = []
        is_read = attempt("subjectAltName", problems, lambda: read_names(alternatives, names))
        row["names"] = tuple(names) if names or is_read else None
    if (timestamps := found.get(_SCTS)) is not None:
        row["sct_at"] = attempt("signed certificate timestamps", problems, lambda: _latest_sct(timestamps))


def _extensions(listed: Der) -> Iterator[tuple[str, Der]]:
    while listed.at < listed.end:
        extension = listed.take(SEQUENCE)
        oid = read_oid(extension.take(OID))
        if extension.peek() == BOOLEAN:
            extension.take()
        yield oid, extension.take(OCTETS)


def _latest_sct(value: Der) -> datetime | None:
    """The latest signed certificate timestamp (RFC 6962, section 3.3).

    The extension is a list of timestamps, list and timestamps each preceded by their length in two bytes. A timestamp
    of version 1 starts with the version (1 byte), the log (32 bytes) and the milliseconds since 1970 (8 bytes).
    """
    listed = value.take(OCTETS).content()
    latest = -1
    at = 2
    if int.from_bytes(listed[:2], "big") != len(listed) - 2:
        raise BrokenError("their length is wrong")
    while at < len(listed):
        begin, at = at + 2, at + 2 + int.from_bytes(listed[at : at + 2], "big")
        if at > len(listed) or at - begin < 41:
            raise BrokenError("cut short")
        if listed[begin] == 0:
            latest = max(latest, int.from_bytes(listed[begin + 33 : begin + 41], "big"))
    if latest >= 253_402_300_800_000:
        raise BrokenError("one is after year 9999")
    return None if latest < 0 else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=latest)


def _is_ca(value: Der) -> bool:
    constraints = value.take(SEQUENCE)
    return constraints.peek() == BOOLEAN and any(constraints.take().content())
