"""Issued certificates: leaves that exist, seen serving or not, each once, and the names that they are for."""

from typing import Final

import pandas as pd

from toolkit.instants import DAY
from toolkit.tables import Tables

_SAME: Final = ["serial", "spki_sha256", "not_before", "not_after"]
"""A pre-certificate and its final certificate agree in these (RFC 6962 section 3.1: serial and validity are kept)."""


def issued_certificates(tables: Tables) -> pd.DataFrame:
    """The rows of `certificates` that are leaves with a key type and a validity, pre-certificates merged.

    CA certificates are left out unless some observation shows them as a leaf. A pre-certificate is dropped where its
    final certificate is known, and where it repeats another one; one whose final is unknown stands for it.
    """
    rows = tables.certificates.drop(columns="der")
    shown = rows["cert_sha256"].isin(tables.observations["leaf_sha256"].dropna().unique())
    is_leaf = ~rows["is_ca"].fillna(value=False).astype(bool) | shown
    rows = rows[is_leaf & rows[["key_type", "not_before", "not_after"]].notna().all(axis=1)]
    is_pre = rows["is_precertificate"].fillna(value=False).astype(bool)
    ordered = rows.assign(is_pre=is_pre).sort_values(["is_pre", "cert_sha256"])
    repeats = ordered.duplicated(_SAME) & ordered["is_pre"] & ordered[["serial", "spki_sha256"]].notna().all(axis=1)
    return ordered[~repeats].drop(columns="is_pre").reset_index(drop=True)


def name_key(rows: pd.DataFrame) -> pd.Series:
    """Key type and names (the subject without a SAN) as one text: equal where certificates are for the same."""
    names = [
        "\n".join(sorted(names)) if names else subject if isinstance(subject, str) else ""
        for names, subject in zip(rows["names"], rows["subject"], strict=True)
    ]
    return rows["key_type"].astype(object).reset_index(drop=True) + "\n" + pd.Series(names, dtype=object)


def generations(rows: pd.DataFrame, group: pd.Series) -> pd.Series:
    """The generation of each row within its group, from 0; rows are sorted by group and `not_before`.

    Begun within min(1 day, 10 % of lifetime) of the one before it: one generation. A convention.
    """
    lifetime = (rows["not_after"] - rows["not_before"]).groupby(group).shift()
    since = rows["not_before"].groupby(group).diff()
    begins = (since > DAY) | (10 * since > lifetime) | since.isna()
    return begins.astype("int64").groupby(group).cumsum() - 1
