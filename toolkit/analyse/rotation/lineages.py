"""Lineages: the successive certificates of one deployment and key type, and what links each to its predecessor.

Method: certificates are the nodes of a graph; shared slots, names and keys are its edges; a lineage is a connected
component.
"""

from typing import Final

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from toolkit.analyse.rotation.issued import find_issued, generations, name_key
from toolkit.analyse.rotation.pairs import kind_of_succession
from toolkit.analyse.sightings import find_sightings
from toolkit.analyse.slots import SLOT
from toolkit.columns import Column, dtypes, returns
from toolkit.tables import Tables, require_tables

LINEAGES: Final = (
    Column("lineage", "text", "key type and hash of its first certificate"),
    Column("cert_sha256", "text", "SHA-256 of the certificate"),
    Column("key_type", "text", "of the certificate"),
    Column("subject", "text", "of the certificate"),
    Column("issuer", "text", "of the certificate"),
    Column("names", "texts", "names of the certificate", "no SAN"),
    Column("services", "texts", "services that showed it, sorted; may be empty"),
    Column("not_before", "instant", "start of its validity"),
    Column("not_after", "instant", "end of its validity"),
    Column("first_seen_at", "instant", "first dated look that showed it, over all services", "no dated look showed it"),
    Column("last_seen_at", "instant", "last dated look that showed it, over all services", "no dated look showed it"),
    Column("generation", "integer", "from 0; equal for certificates that start within min(1 day, 10 % of lifetime)"),
    Column("predecessor_sha256", "text", "of the generation before, the certificate with the most links to this one, "
           "then the latest", "the first generation"),
    Column("linked_by", "text", "links to the predecessor, joined by `, `: `served` (a slot showed both), `names` "
           "(equal names), `key` (equal keys)", "the first generation, or linked only through other certificates"),
    Column("succession", "text", "`renewal`; `reissue_or_parallel`: over half of the predecessor's validity was left",
           "the first generation"),
    Column("is_ambiguous", "boolean", "this generation or the previous one has several certificates"),
    Column("is_precertificate", "boolean", "only its pre-certificate is known", "not recorded"),
    Column("migrated_from", "text", "lineage of another key type that a service left for this one", "none"),
)  # fmt: skip
"""The columns of `find_lineages`."""


@returns(LINEAGES)
def find_lineages(tables: Tables) -> pd.DataFrame:
    """Which certificate succeeds which: one row per certificate, linked to its predecessor.

    What makes certificates one lineage:

    - One slot (service, server name, key type) showed them. Names, issuer and key may differ.
    - Services that share a certificate share its lineage.
    - They have equal names and were seen on one host under different ports, or without a port.
    - A certificate that was never seen joins those of equal names and key type, or of the same key.

    A pre-certificate (RFC 6962, poison extension) represents its final certificate if that is not known: same serial,
    key and validity. Certificates that did not parse have no row. A service *left* a lineage for one of another key
    type if it showed the new one alone for longer than both together; two key types side by side are not a migration.

    >>> import toolkit
    >>> tables = toolkit.load_example("web-series").within(services="https://akamai.com:443")
    >>> lineages = toolkit.find_lineages(tables)
    >>> print(toolkit.chart.tabulate(lineages, columns=["key_type", "not_before", "generation", "succession"]))
    key_type not_before generation succession
          EC 2023-04-25          0          –
          EC 2024-02-26          1    renewal
          EC 2024-09-03          2    renewal
          EC 2025-07-05          3    renewal
    """
    require_tables(tables, "find_lineages")
    return lineages_of(find_sightings(tables), tables.certificates)


def lineages_of(seen: pd.DataFrame, certificates: pd.DataFrame) -> pd.DataFrame:
    """The lineages of the certificates, from all sightings (`find_sightings`)."""
    issued = (
        find_issued(certificates, seen["leaf_sha256"])
        .certificates.dropna(subset="key_type", ignore_index=True)
        .assign(name_key=lambda rows: name_key(rows).array)
    )
    issued = issued.assign(component=_components(issued, seen))
    rows = issued.sort_values(["component", "not_before", "cert_sha256"], ignore_index=True)
    first = rows.groupby("component")["cert_sha256"].transform("first")
    rows["lineage"] = rows["key_type"] + " " + first
    rows["generation"] = generations(rows, rows["component"])
    spans = seen.groupby("leaf_sha256").agg(
        first_seen_at=("first_seen_at", "min"), last_seen_at=("last_seen_at", "max")
    )
    rows = rows.join(spans.reindex(rows["cert_sha256"]).reset_index(drop=True))
    services = _services(seen)
    rows["services"] = [services.get(one, ()) for one in rows["cert_sha256"]]
    size = rows.groupby(["component", "generation"])["component"].transform("size")
    old = _predecessors(rows, seen)
    has_old = old["place"].notna()
    place = old["place"].fillna(0).astype("int64").to_numpy()
    rows["predecessor_sha256"] = rows["cert_sha256"].take(place).set_axis(rows.index).where(has_old)
    rows["linked_by"] = old["linked_by"]
    rows["succession"] = kind_of_succession(rows.take(place).set_axis(rows.index), rows).where(has_old)
    before = size.take(place).set_axis(rows.index).where(has_old, 1)
    rows["is_ambiguous"] = (size > 1) | (before > 1)
    rows["migrated_from"] = rows["lineage"].map(_migrations(rows, seen))
    return rows.reindex(columns=list(dtypes(LINEAGES))).astype(dtypes(LINEAGES))


def _components(issued: pd.DataFrame, seen: pd.DataFrame) -> np.typing.NDArray[np.int32]:
    """The number of the lineage that each certificate belongs to."""
    number = pd.Series(range(len(issued)), issued["cert_sha256"])
    shown = seen[seen["leaf_sha256"].isin(number.index)]
    with_names = shown.merge(issued[["cert_sha256", "name_key"]], left_on="leaf_sha256", right_on="cert_sha256")
    served = shown.dropna(subset="service")
    unseen = issued[~issued["cert_sha256"].isin(shown["leaf_sha256"])]
    # A certificate that was never seen joins one of its names or key; those seen do not join each other for that.
    by_name = pd.concat([unseen, issued[~issued.index.isin(unseen.index)].drop_duplicates("name_key")])
    by_key = pd.concat([unseen, issued[~issued.index.isin(unseen.index)].drop_duplicates("spki_sha256")])
    links = [
        _chain(served[SLOT], served["leaf_sha256"]),
        _chain(with_names[["host", "name_key"]], with_names["leaf_sha256"]),
        _chain(by_name[["name_key"]], by_name["cert_sha256"]),
        _chain(by_key[by_key["spki_sha256"].notna()][["key_type", "spki_sha256"]], by_key["cert_sha256"]),
    ]
    ends = pd.concat(links)
    a, b = (number.reindex(ends[side]).to_numpy(np.int64) for side in ("one", "other"))
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(len(issued), len(issued)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int32)


def _services(seen: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    shown = seen[["leaf_sha256", "service"]].dropna().drop_duplicates().sort_values("service")
    services: dict[str, list[str]] = {}
    for leaf, service in zip(shown["leaf_sha256"], shown["service"], strict=True):
        services.setdefault(leaf, []).append(service)
    return {leaf: tuple(several) for leaf, several in services.items()}


def _chain(group: pd.DataFrame, certificates: pd.Series) -> pd.DataFrame:
    """Each certificate of a group, linked to the first one of the group."""
    certificates = certificates.loc[group.index]
    first = certificates.groupby([group[name] for name in group], dropna=False).transform("first")
    return pd.DataFrame({"one": first.array, "other": certificates.array})


def _predecessors(rows: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """For each row `place`, the row of its predecessor, and `linked_by`, what links the two."""
    key = ["component", "generation"]
    of = rows[[*key, "cert_sha256", "name_key", "spki_sha256"]].reset_index(names="place")
    # The last certificate of a generation represents it, along with the last of the same names, and of the same key.
    latest = of.groupby(key, as_index=False).last()
    candidates = [latest, *(of.groupby([*key, same], as_index=False).last() for same in ("name_key", "spki_sha256"))]
    before = pd.concat(candidates).drop_duplicates("place").assign(generation=lambda part: part["generation"] + 1)
    exact = [of.merge(before, on=key, suffixes=("", "_old"))]
    slots = seen[[*SLOT, "leaf_sha256"]].assign(slot=seen.groupby(SLOT, dropna=False).ngroup())
    slots = slots[slots["service"].notna()][["slot", "leaf_sha256"]].drop_duplicates()
    shown = of.merge(slots, left_on="cert_sha256", right_on="leaf_sha256")[[*of.columns, "slot"]]
    shown_last = shown.groupby([*key, "slot"], as_index=False).last()
    shown_before = shown_last.assign(generation=shown_last["generation"] + 1)
    together = shown.merge(shown_before, on=[*key, "slot"], suffixes=("", "_old")).drop(columns="slot")
    pairs = pd.concat([together.assign(served=True), *(one.assign(served=False) for one in exact)])
    pairs = pairs.sort_values("served", ascending=False, kind="stable").drop_duplicates(["place", "place_old"])
    links = {
        "served": pairs["served"],
        "names": pairs["name_key"] == pairs["name_key_old"],
        "key": (pairs["spki_sha256"] == pairs["spki_sha256_old"]).fillna(value=False),
    }
    pairs = pairs.assign(**{name: link.astype(bool) for name, link in links.items()})
    best = pairs.sort_values([*links, "place_old"], ascending=False).drop_duplicates("place").set_index("place")
    text = [", ".join(name for name in links if row[name]) or pd.NA for row in best[list(links)].to_dict("records")]
    found = pd.DataFrame({"place": best["place_old"], "linked_by": pd.Series(text, best.index, "string")})
    return found.reindex(rows.index)


def _migrations(rows: pd.DataFrame, seen: pd.DataFrame) -> "pd.Series[str]":
    """Lineage → the lineage of another key type that a service left for it."""
    of = seen.dropna(subset=["service", "first_seen_at"]).merge(
        rows[["cert_sha256", "lineage"]], left_on="leaf_sha256", right_on="cert_sha256"
    )
    where = ["service", "server_name"]
    spans = of.groupby([*where, "key_type", "lineage"], dropna=False, as_index=False).agg(
        first=("first_seen_at", "min"), last=("last_seen_at", "max")
    )
    both = spans.merge(spans, on=where, suffixes=("_old", ""))
    both = both[(both["key_type"] != both["key_type_old"]) & (both["first_old"] < both["first"])]
    alone, together = both["last"] - both["last_old"], both["last_old"] - both["first"]
    left = both[(alone > together) & (alone > pd.Timedelta(0))]
    return left.sort_values("last_old").drop_duplicates("lineage", keep="last").set_index("lineage")["lineage_old"]
