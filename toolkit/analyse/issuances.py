"""Issuances: rows of `certificates` that are one certificate, distinguished by what their sources say about them."""

from typing import Final

import pandas as pd

_SAME: Final = ["serial", "spki_sha256", "not_before", "not_after"]
"""A pre-certificate and its final certificate have these in common (RFC 6962, section 3.1)."""

_NUMBERED: Final = ["issuer", "serial"]
"""RFC 5280, section 4.1.2.2: a CA gives each certificate another serial number."""

_FACTS: Final = ["issuer", "not_before", "not_after", "names"]


def find_issuances(certificates: pd.DataFrame) -> pd.Series:
    """For each `cert_sha256` (the index) the representative row of its issuance: itself, where it is the only one.

    One issuance are a pre-certificate and its certificate; a certificate and its description by another source, by
    issuer and serial number; and descriptions without a serial number that agree in issuer, validity and names.
    The row that holds most stands for the others: one with a key before one without, one with a serial number before
    one without, a certificate before its pre-certificate.
    """
    rows = certificates[["cert_sha256", *dict.fromkeys([*_SAME, *_FACTS])]].assign(
        is_pre=certificates["is_precertificate"].fillna(value=False).astype(bool),
        has_no_key=certificates["spki_sha256"].isna(),
        has_no_serial=certificates["serial"].isna(),
    )
    rows = rows.sort_values(["has_no_key", "has_no_serial", "is_pre", "cert_sha256"])
    first = rows["cert_sha256"].astype(object)
    is_whole_pre = rows["is_pre"] & rows[["serial", "spki_sha256"]].notna().all(axis=1)
    if is_whole_pre.any():
        first = first.where(~is_whole_pre, _first_of(rows, _SAME))
    if rows["has_no_key"].any():
        names = ["\n".join(sorted(set(names))) if names else None for names in rows["names"]]
        rows = rows.assign(names=pd.Series(names, rows.index, dtype="string"))
        is_numbered = rows["has_no_key"] & rows[_NUMBERED].notna().all(axis=1)
        first = first.where(~is_numbered, _first_of(rows, _NUMBERED))
        is_dated = rows["has_no_serial"] & rows[["not_before", "not_after", "names"]].notna().all(axis=1)
        first = first.where(~is_dated, _first_of(rows, _FACTS))
    found = first.set_axis(pd.Index(rows["cert_sha256"].astype(object)))
    return found.map(found)


def _first_of(rows: pd.DataFrame, columns: list[str]) -> pd.Series:
    """The first `cert_sha256` among the rows that are equal in the columns."""
    return rows.groupby(columns, dropna=False, sort=False)["cert_sha256"].transform("first").astype(object)
