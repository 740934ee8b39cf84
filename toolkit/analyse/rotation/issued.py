"""Issued certificates: leaf certificates that exist, observed or not, each once; which of them a slot never showed."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import concatenated_ranges, instants
from toolkit.analyse.issuances import find_issuances
from toolkit.analyse.rotation.pairs import Pairs
from toolkit.analyse.slots import SLOT
from toolkit.instants import DAY
from toolkit.tables import Tables


@dataclass(frozen=True, slots=True, eq=False)
class IssuedLeaves:
    """The certificates that were issued.

    `certificates`: the rows that are leaves with a validity, each issuance once (`toolkit.analyse.issuances`), without
    the bytes. `issuances`: for each hash in the tables the hash that represents its issuance.
    """

    certificates: pd.DataFrame
    issuances: pd.Series


def find_issued(certificates: pd.DataFrame, leaves: pd.Series) -> IssuedLeaves:
    """The certificates, observed or not, each issuance once; `leaves` are the hashes that observations show as leaf.

    CA certificates are left out unless an observation shows them as a leaf. The key type is null where the source does
    not say it. A pre-certificate whose final certificate is not among the rows represents it.
    """
    rows = certificates.drop(columns="der")
    # As objects: a search among strings of Arrow converts each value of the set on its own.
    sha256 = rows["cert_sha256"].astype(object)
    shown = sha256.isin(list(leaves.dropna().unique()))
    is_leaf = ~rows["is_ca"].fillna(value=False).astype(bool) | shown
    rows = rows[is_leaf & rows[["not_before", "not_after"]].notna().all(axis=1)]
    rows = rows[sha256[rows.index].isin(find_issuances(rows))]
    is_pre = rows["is_precertificate"].fillna(value=False).astype(bool)
    ordered = rows.assign(is_pre=is_pre).sort_values(["is_pre", "cert_sha256"])
    return IssuedLeaves(ordered.drop(columns="is_pre").reset_index(drop=True), find_issuances(certificates))


def name_key(rows: pd.DataFrame) -> pd.Series:
    """Key type and names (without a SAN: the subject) as one text, to compare what certificates are issued for."""
    names = [
        "\n".join(sorted(names)) if names else subject if isinstance(subject, str) else ""
        for names, subject in zip(rows["names"], rows["subject"], strict=True)
    ]
    return rows["key_type"].astype(object).reset_index(drop=True) + "\n" + pd.Series(names, dtype=object)


def generations(rows: pd.DataFrame, group: pd.Series) -> pd.Series:
    """The generation of each row within its group, from 0; rows are sorted by group and `not_before`.

    A certificate that starts within min(1 day, 10 % of the lifetime) of the one before it is of the same generation.
    This threshold is a convention.
    """
    lifetime = (rows["not_after"] - rows["not_before"]).groupby(group).shift()
    since = rows["not_before"].groupby(group).diff()
    begins = (since > DAY) | (10 * since > lifetime) | since.isna()
    return begins.astype("int64").groupby(group).cumsum() - 1


def find_unseen(tables: Tables, issued: IssuedLeaves, pairs: Pairs) -> pd.Series:
    """For each pair a tuple of the certificates issued between the two that the slot never showed.

    They have the names and the key type of either, and start from the old one's start to the new one's. Certificates
    of other services, from pre-certificates and from logs count as well.
    """
    unseen = pd.Series([()] * len(pairs.new), dtype=object)
    candidates = _started_between(issued.certificates.dropna(subset="key_type"), pairs)
    hashes = candidates["cert_sha256"]
    of_pair = [part["leaf_sha256"].to_numpy(object)[candidates["pair"]] for part in (pairs.old, pairs.new)]
    candidates = candidates[(hashes != of_pair[0]) & (hashes != of_pair[1])].drop_duplicates()
    if candidates.empty:
        return unseen
    columns = [*SLOT[:-1], "leaf_sha256"]
    seen = tables.observations[columns].dropna(subset="leaf_sha256").drop_duplicates()
    of_slot = pairs.new.iloc[candidates["pair"]][SLOT[:-1]].assign(leaf_sha256=candidates["cert_sha256"].array)
    is_seen = of_slot.astype("string").merge(seen.assign(is_seen=True), how="left", on=columns)["is_seen"].notna()
    per_pair = candidates[~is_seen.to_numpy()].groupby("pair")["cert_sha256"].agg(tuple)
    unseen.loc[per_pair.index] = per_pair
    return unseen


def _started_between(issued: pd.DataFrame, pairs: Pairs) -> pd.DataFrame:
    """Columns `pair` and `cert_sha256`: certificates for the names of either that start between the two."""
    old, new = pairs.old, pairs.new
    issued = issued.assign(group=name_key(issued)).sort_values(["group", "not_before", "cert_sha256"])
    groups, begins = pd.Index(issued["group"].unique()), instants(issued["not_before"])
    distinct = np.unique(begins)
    width = len(distinct) + 1
    keys = groups.get_indexer(issued["group"]) * width + np.searchsorted(distinct, begins)
    earliest = np.searchsorted(distinct, instants(old["not_before"]), "left")
    latest = np.searchsorted(distinct, instants(new["not_before"]), "right")
    is_known = (old["not_before"].notna().to_numpy() & new["not_before"].notna().to_numpy()) & (earliest <= latest)
    found = []
    for side in (old, new):
        group = groups.get_indexer(name_key(side))
        lo = np.searchsorted(keys, group * width + earliest)
        hi = np.where(is_known & (group >= 0), np.searchsorted(keys, group * width + latest), lo)
        positions, pair = concatenated_ranges(lo, hi)
        found.append(pd.DataFrame({"pair": pair, "cert_sha256": issued["cert_sha256"].to_numpy(object)[positions]}))
    return pd.concat(found, ignore_index=True)
