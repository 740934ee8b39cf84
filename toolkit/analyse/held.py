"""Certificates that are held and not observed, such as a folder of PEM files, as rows that can be judged."""

from typing import Final

import pandas as pd

from toolkit import schema
from toolkit.analyse.host_names import common_names
from toolkit.analyse.issuances import find_issuances
from toolkit.tables import Tables, is_held_alone

SOURCE: Final = "certificates"
"""The `source` of the rows: what is said rests on the certificates alone."""


def find_leaves(certificates: pd.DataFrame) -> pd.DataFrame:
    """The rows that are judged by themselves, each issuance once: all but intermediates and roots that issued another.

    A server's certificate may be marked as a CA's by mistake. It is kept where it issued no other and is self-signed or
    names hosts.
    """
    issuances = find_issuances(certificates)
    is_issued = (certificates["subject"] != certificates["issuer"]).fillna(value=False)
    has_issued = certificates["subject"].isin(certificates.loc[is_issued, "issuer"].dropna())
    has_names = certificates["names"].str.len().fillna(0) > 0
    is_ca = certificates["is_ca"].fillna(value=False).astype(bool)
    is_above = is_ca & (has_issued | (is_issued & ~has_names))
    is_first = certificates["cert_sha256"].isin(issuances)
    return certificates[is_first & ~is_above]


def with_held(tables: Tables) -> Tables:
    """The tables; where they have certificates and no observation, with an undated row for each leaf.

    The host of the row is a name of the certificate: its common name where that is among its names, else the first of
    them. The chain is null, because the certificate was not served.
    """
    if not is_held_alone(tables):
        return tables
    leaves = find_leaves(tables.certificates)
    hosts = [_host(names, subject) for names, subject in zip(leaves["names"], leaves["subject"], strict=True)]
    rows = pd.DataFrame(
        {
            "leaf_sha256": leaves["cert_sha256"].array,
            "host": pd.Series(hosts, dtype="string"),
            "sample": range(len(leaves)),
        }
    ).assign(date_basis="undated", round=SOURCE, source=SOURCE, outcome="ok")
    return Tables.from_frames(schema.conform("observations", rows), tables.certificates, tables.support, tables.rounds)


def _host(names: tuple[str, ...] | None, subject: object) -> str | None:
    common = common_names(subject)[:1] if isinstance(subject, str) else []
    if not names:
        return common[0] if common else None
    return common[0] if common and common[0] in names else names[0]
