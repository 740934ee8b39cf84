"""Skipped certificates: issued between two that a line showed, and never seen on it."""

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import instants, stretches
from toolkit.analyse.rotation.issued import issued_certificates, name_key
from toolkit.analyse.slots import LINE
from toolkit.tables import Tables


def find_skipped(tables: Tables, line: pd.DataFrame, old: pd.DataFrame, new: pd.DataFrame) -> pd.Series:
    """For each pair a tuple of certificates: same names and key type as either, begun in between, not on the line.

    Issued means: in `certificates`, be it from another service, from a pre-certificate, or from a log.
    """
    skipped = pd.Series([()] * len(line), dtype=object)
    candidates = _begun_between(issued_certificates(tables), line, old, new)
    hashes = candidates["cert_sha256"]
    of_pair = [part["leaf_sha256"].to_numpy(object)[candidates["pair"]] for part in (old, new)]
    candidates = candidates[(hashes != of_pair[0]) & (hashes != of_pair[1])].drop_duplicates()
    if candidates.empty:
        return skipped
    columns = [*LINE[:-1], "leaf_sha256"]
    seen = tables.observations[columns].dropna(subset="leaf_sha256").drop_duplicates()
    of_line = line.iloc[candidates["pair"]][LINE[:-1]].assign(leaf_sha256=candidates["cert_sha256"].array)
    is_seen = of_line.astype("string").merge(seen.assign(is_seen=True), how="left", on=columns)["is_seen"].notna()
    per_pair = candidates[~is_seen.to_numpy()].groupby("pair")["cert_sha256"].agg(tuple)
    skipped.loc[per_pair.index] = per_pair
    return skipped


def _begun_between(issued: pd.DataFrame, line: pd.DataFrame, old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Columns `pair` and `cert_sha256`: names and key type of either, begun from the old's begin to the new's."""
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
        group = groups.get_indexer(name_key(side.assign(key_type=line["key_type"].array)))
        lo = np.searchsorted(keys, group * width + earliest)
        hi = np.where(is_known & (group >= 0), np.searchsorted(keys, group * width + latest), lo)
        positions, pair = stretches(lo, hi)
        found.append(pd.DataFrame({"pair": pair, "cert_sha256": issued["cert_sha256"].to_numpy(object)[positions]}))
    return pd.concat(found, ignore_index=True)
