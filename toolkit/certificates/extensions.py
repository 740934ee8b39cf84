"""Extensions (RFC 5280, section 4.2): those that a row has columns for."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

from toolkit.certificates.der import BOOLEAN, OCTETS, OID, SEQUENCE, BrokenError, Der, attempt, read_oid
from toolkit.certificates.locations import (
    ISSUERS,
    OCSP,
    read_access,
    read_authority_key_id,
    read_crl_urls,
    read_subject_key_id,
)
from toolkit.certificates.names import Names, read_names
from toolkit.certificates.timestamps import read_timestamps
from toolkit.certificates.usage import asks_for_staple, find_validation, read_key_usage, read_policies, read_purposes

_ISSUER_ID, _SUBJECT_ID, _EXTENSIONS = 0x81, 0x82, 0xA3  # context tags of RFC 5280, section 4.1

_SUBJECT_ALT_NAME, _BASIC_CONSTRAINTS, _POISON = "2.5.29.17", "2.5.29.19", "1.3.6.1.4.1.11129.2.4.3"
_SCTS: Final = "1.3.6.1.4.1.11129.2.4.2"
_POLICIES: Final = "2.5.29.32"
_ACCESS: Final = "1.3.6.1.5.5.7.1.1"
_FEATURES: Final = "1.3.6.1.5.5.7.1.24"

_Row = dict[str, object]

# Extension → its name in `parse_error`, its column, and the function that reads its value.
_COLUMNS: Final[dict[str, tuple[str, str, Callable[[Der], object]]]] = {
    "2.5.29.15": ("keyUsage", "key_usage", read_key_usage),
    "2.5.29.37": ("extKeyUsage", "extended_key_usage", read_purposes),
    "2.5.29.35": ("authorityKeyIdentifier", "authority_key_id", read_authority_key_id),
    "2.5.29.14": ("subjectKeyIdentifier", "subject_key_id", read_subject_key_id),
    "2.5.29.31": ("cRLDistributionPoints", "crl_urls", read_crl_urls),
    _FEATURES: ("TLS features", "is_must_staple", asks_for_staple),
}

# RFC 5280: issuerAltName, nameConstraints, policyMappings, policyConstraints, freshestCRL, inhibitAnyPolicy,
# subjectDirectoryAttributes, subjectInfoAccess.
_OTHERS: Final = {
    "2.5.29.18", "2.5.29.30", "2.5.29.33", "2.5.29.36", "2.5.29.46", "2.5.29.54", "2.5.29.9", "1.3.6.1.5.5.7.1.11",
}  # fmt: skip

_KNOWN: Final = {*_COLUMNS, *_OTHERS, _SUBJECT_ALT_NAME, _BASIC_CONSTRAINTS, _POISON, _SCTS, _POLICIES, _ACCESS}


class _Extension(NamedTuple):
    value: Der
    is_critical: bool


def read_extensions(tbs: Der, row: _Row, problems: list[str]) -> None:
    """Read the extensions, which are the rest of the signed part after the key, into the row."""
    for tag in (_ISSUER_ID, _SUBJECT_ID):
        if tbs.peek() == tag:
            tbs.take()
    found: dict[str, _Extension] = {}
    if tbs.peek() == _EXTENSIONS:
        repeated = set()
        for oid, extension in _extensions(tbs.take().take(SEQUENCE)):
            if found.setdefault(oid, extension) is not extension:
                repeated.add(oid)
        problems.extend(f"extensions: {oid} occurs twice" for oid in sorted(repeated)[:3])
    if tbs.at < tbs.end:
        raise BrokenError("unexpected bytes in their place")
    row |= {"is_precertificate": _POISON in found, "is_ca": False, "is_must_staple": False}
    row["unknown_critical_extensions"] = tuple(
        oid for oid, one in found.items() if one.is_critical and oid not in _KNOWN
    )
    for oid, (name, column, read) in _COLUMNS.items():
        if oid in found:
            row[column] = attempt(name, problems, partial(read, found[oid].value))
    values = {oid: extension.value for oid, extension in found.items()}
    _read_constraints(values, row, problems)
    _read_names(values, row, problems)
    _read_policies(values, row, problems)
    _read_access(values, row, problems)
    _read_timestamps(values, row, problems)


def _extensions(listed: Der) -> Iterator[tuple[str, _Extension]]:
    while listed.at < listed.end:
        extension = listed.take(SEQUENCE)
        oid = read_oid(extension.take(OID))
        is_critical = extension.peek() == BOOLEAN and any(extension.take().content())
        yield oid, _Extension(extension.take(OCTETS), is_critical)


def _read_constraints(values: dict[str, Der], row: _Row, problems: list[str]) -> None:
    if (value := values.get(_BASIC_CONSTRAINTS)) is not None:
        row["is_ca"] = attempt("basicConstraints", problems, partial(_is_ca, value))


def _is_ca(value: Der) -> bool:
    constraints = value.take(SEQUENCE)
    return constraints.peek() == BOOLEAN and any(constraints.take().content())


def _read_names(values: dict[str, Der], row: _Row, problems: list[str]) -> None:
    if (value := values.get(_SUBJECT_ALT_NAME)) is None:
        return
    names = Names()
    is_read = attempt("subjectAltName", problems, partial(read_names, value, names))
    for column, read in (("names", names.hosts), ("email_names", names.emails), ("ip_names", names.addresses)):
        row[column] = tuple(read) if read or is_read else None


def _read_policies(values: dict[str, Der], row: _Row, problems: list[str]) -> None:
    if (value := values.get(_POLICIES)) is not None:
        policies = attempt("certificatePolicies", problems, partial(read_policies, value))
        row |= {"policies": policies, "validation": find_validation(policies or ())}


def _read_access(values: dict[str, Der], row: _Row, problems: list[str]) -> None:
    if (value := values.get(_ACCESS)) is not None:
        urls = attempt("authorityInfoAccess", problems, partial(read_access, value)) or {}
        row |= {"ocsp_urls": urls.get(OCSP), "issuer_urls": urls.get(ISSUERS)}


def _read_timestamps(values: dict[str, Der], row: _Row, problems: list[str]) -> None:
    if (value := values.get(_SCTS)) is not None:
        stamps = attempt("signed certificate timestamps", problems, partial(read_timestamps, value))
        if stamps is not None:
            row["scts"] = tuple(map(str, stamps))
            row["sct_at"] = max((stamp.at for stamp in stamps), default=None)
