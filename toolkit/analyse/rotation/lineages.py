"""Lineages: the successive certificates of one deployment and key type, and what links each to the one before."""

from typing import Final

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from toolkit import columns
from toolkit.analyse.rotation.issued import generations, issued_certificates, name_key
from toolkit.analyse.rotation.pairs import kind_of_succession
from toolkit.analyse.sightings import find_sightings
from toolkit.analyse.slots import SLOT
from toolkit.tables import Tables, require_tables

DTYPES: Final = {
    **dict.fromkeys(["lineage", "cert_sha256", "key_type", "subject", "issuer"], "string"),
    **dict.fromkeys(["names", "services"], "object"),
    **dict.fromkeys(["not_before", "not_after", "first_seen_at", "last_seen_at"], columns.DTYPES["instant"]),
    "generation": "Int64",
    **dict.fromkeys(["predecessor_sha256", "evidence", "succession"], "string"),
    **dict.fromkeys(["is_ambiguous", "is_precertificate"], "boolean"),
    "migrated_from": "string",
}
"""Columns of `find_lineages`, in order, and their dtypes."""


def find_lineages(tables: Tables) -> pd.DataFrame:
    """Which certificate succeeds which: one row per certificate, linked to its predecessor.

    Certificates that one line (service, server_name, key type) served are one lineage, whatever else changed:
    names, issuer, key. Services that share a certificate share its lineage. Certificates seen on one host under
    different ports, or under none, join by equal names. Certificates that nobody was seen serving join those of equal
    names and key type, or of the same key. A pre-certificate (RFC 6962, poison extension) stands for its final
    certificate where that is not known: same serial, key and validity. Certificates that did not parse have no row.

    | column | dtype | meaning | null means |
    |---|---|---|---|
    | `lineage` | string | key type and hash of its first certificate | never null |
    | `cert_sha256` | string | the certificate | never null |
    | `key_type`, `subject`, `issuer` | string | of the certificate | never null |
    | `names` | object | tuple of its names | no SAN |
    | `services` | object | tuple of the services seen serving it, sorted; empty: none | never null |
    | `not_before`, `not_after` | instant | validity | never null |
    | `first_seen_at`, `last_seen_at` | instant | over all services | never seen, or never dated |
    | `generation` | Int64 | from 0; the same where begun within min(1 day, 10 % of lifetime) | never null |
    | `predecessor_sha256` | string | the best linked, then latest certificate of the generation before | first one |
    | `evidence` | string | what links the two: `served`, `names`, `key`, joined by `, ` | first, or none of these |
    | `succession` | string | `renewal` or `reissue_or_parallel` (over half of the predecessor's life left) | first |
    | `is_ambiguous` | boolean | this generation or the one before has several certificates | never null |
    | `is_precertificate` | boolean | only its pre-certificate is known | not recorded |
    | `migrated_from` | string | lineage of another key type that the same service left for this one | none |

    `served`: one line showed both; `names`: equal names; `key`: the same key. No evidence of its own: the two are
    linked through others of the lineage. A service *left* a lineage for another key type's where it showed the new
    one alone for longer than both together; two key types side by side are no migration.

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
    issued = issued_certificates(tables).assign(name_key=lambda rows: name_key(rows).array)
    seen = find_sightings(tables)
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
    rows["evidence"] = old["evidence"]
    rows["succession"] = kind_of_succession(rows.take(place).set_axis(rows.index), rows).where(has_old)
    before = size.take(place).set_axis(rows.index).where(has_old, 1)
    rows["is_ambiguous"] = (size > 1) | (before > 1)
    rows["migrated_from"] = rows["lineage"].map(_migrations(rows, seen))
    return rows.reindex(columns=list(DTYPES)).astype(DTYPES)


def _components(issued: pd.DataFrame, seen: pd.DataFrame) -> np.typing.NDArray[np.int32]:
    """The number of the lineage that each certificate belongs to."""
    number = pd.Series(range(len(issued)), issued["cert_sha256"])
    shown = seen[seen["leaf_sha256"].isin(number.index)]
    with_names = shown.merge(issued[["cert_sha256", "name_key"]], left_on="leaf_sha256", right_on="cert_sha256")
    served = shown.dropna(subset="service")
    unseen = issued[~issued["cert_sha256"].isin(shown["leaf_sha256"])]
    # A certificate that nobody was seen serving joins one of its names; those served do not join for that.
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
    """Each certificate of a group linked to the group's first one."""
    certificates = certificates.loc[group.index]
    first = certificates.groupby([group[name] for name in group], dropna=False).transform("first")
    return pd.DataFrame({"one": first.array, "other": certificates.array})


def _predecessors(rows: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """For each row `place`, the row of its predecessor, and the `evidence` that links the two."""
    key = ["component", "generation"]
    of = rows[[*key, "cert_sha256", "name_key", "spki_sha256"]].reset_index(names="place")
    # With many certificates in a generation the last of them stands for it, beside those of the same names or key.
    latest = of.groupby(key, as_index=False).last()
    candidates = [latest, *(of.groupby([*key, same], as_index=False).last() for same in ("name_key", "spki_sha256"))]
    before = pd.concat(candidates).drop_duplicates("place").assign(generation=lambda part: part["generation"] + 1)
    exact = [of.merge(before, on=key, suffixes=("", "_old"))]
    lines = seen[[*SLOT, "leaf_sha256"]].assign(line=seen.groupby(SLOT, dropna=False).ngroup())
    lines = lines[lines["service"].notna()][["line", "leaf_sha256"]].drop_duplicates()
    shown = of.merge(lines, left_on="cert_sha256", right_on="leaf_sha256")[[*of.columns, "line"]]
    shown_last = shown.groupby([*key, "line"], as_index=False).last()
    shown_before = shown_last.assign(generation=shown_last["generation"] + 1)
    together = shown.merge(shown_before, on=[*key, "line"], suffixes=("", "_old")).drop(columns="line")
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
    told = pd.DataFrame({"place": best["place_old"], "evidence": pd.Series(text, best.index, "string")})
    return told.reindex(rows.index)


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
