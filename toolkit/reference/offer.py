"""Offers: frozen, versioned ClientHellos. What an answer proves depends on the offer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType

from toolkit.reference.group import groups
from toolkit.reference.rows import FOLDER, Row, read_rows
from toolkit.reference.scheme import signature_schemes
from toolkit.reference.suite import suites

COLUMNS = (
    "name", "alias", "since", "versions", "suites", "groups", "key_shares", "signature_schemes",
    "signature_schemes_cert", "meaning", "source", "date",
)  # fmt: skip
"""Of `offers.csv`; suites, groups and schemes are there by name."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a ClientHello offers, in the client's order; frozen under its `name` from the day `since`.

    `alias` is the short name that means the newest of its kind, None where there is none. `versions` are protocol
    names, oldest first; the rest are code points. `key_shares` are the groups for which TLS 1.3 sends a share; empty,
    the server must answer with a HelloRetryRequest. `signature_schemes_cert` always lists everything, since some
    servers refuse an ECDSA leaf signed by an RSA CA otherwise (RFC 8446 section 4.2.3). `length`: bytes to which the
    message is padded (RFC 7685); None, and where the version has no extensions: as long as it is.

    >>> from toolkit.reference import offers
    >>> offer = offers()["any"]
    >>> offer.name, offer.versions, len(offer.suites)
    ('any-2026', ('TLS 1.0', 'TLS 1.1', 'TLS 1.2', 'TLS 1.3'), 33)
    """

    name: str
    alias: str | None
    since: date
    versions: tuple[str, ...]
    suites: tuple[int, ...]
    groups: tuple[int, ...]
    key_shares: tuple[int, ...]
    signature_schemes: tuple[int, ...]
    signature_schemes_cert: tuple[int, ...]
    meaning: str
    length: int | None = None


@cache
def offers() -> Mapping[str, Offer]:
    """Every offer by its name and by its alias.

    >>> from toolkit.reference import offers
    >>> offers()["any"] is offers()["any-2026"]
    True
    """
    by_suite = {suite.name: code for code, suite in suites().items()}
    by_group = {group.name: code for code, group in groups().items()}
    by_scheme = {scheme.name: code for code, scheme in signature_schemes().items()}
    found: dict[str, Offer] = {}
    for row in read_rows(FOLDER / "offers.csv", COLUMNS):
        offer = Offer(
            name=row.text("name"),
            alias=row.optional_text("alias"),
            since=row.date("since"),
            versions=row.texts("versions"),
            suites=_codes(row, "suites", by_suite),
            groups=_codes(row, "groups", by_group),
            key_shares=_codes(row, "key_shares", by_group),
            signature_schemes=_codes(row, "signature_schemes", by_scheme),
            signature_schemes_cert=_codes(row, "signature_schemes_cert", by_scheme),
            meaning=row.text("meaning"),
        )
        for key in filter(None, (offer.name, offer.alias)):
            if key in found:
                raise row.error("name", f"is not the only one that {key} means")
            found[key] = offer
    return MappingProxyType(found)


def _codes(row: Row, column: str, known: Mapping[str, int]) -> tuple[int, ...]:
    for name in row.texts(column):
        if name not in known:
            raise row.error(column, f"names {name}, which is not in its own file")
    return tuple(known[name] for name in row.texts(column))
