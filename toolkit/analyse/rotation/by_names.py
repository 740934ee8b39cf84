"""Rotations without looks: certificates grouped by host name and key type, ordered by the start of validity."""

import numpy as np
import pandas as pd

from toolkit.analyse.host_names import comparable, names_for
from toolkit.analyse.rotation.issued import IssuedLeaves, generations
from toolkit.analyse.rotation.pairs import INSTANT, Pairs, pairs_of
from toolkit.analyse.slots import joined_sources
from toolkit.tables import Tables


def pair_by_names(tables: Tables, issued: IssuedLeaves) -> Pairs:
    """Successive certificates of a host name and key type.

    A certificate belongs to the hosts that observations (dated or not, on any port) show it for. A certificate that
    was never observed belongs to the observed hosts that its names match (`toolkit.analyse.host_names`). If they match
    none, it belongs to each of its names; names with the same certificates form one group. So a change of its other
    names does not split the certificates of a host.

    Certificates that start together are one generation (`issued.generations`). Each certificate of a generation is
    paired with the latest of the generation before, and each of that with the earliest of this one. If either
    generation has several certificates, all pairs between the two are `is_ambiguous`.

    A source may describe certificates without their key type. Where the certificates of a host have at most one known
    type, they form one group, whose `key_type` is null; where they have several, those of unknown type form a group of
    their own.
    """
    members = _members(tables, issued)
    rows = members.merge(issued.certificates, on="cert_sha256")
    rows["key_type"] = _comparable_types(rows)
    rows = rows.sort_values(["host", "key_type", "not_before", "cert_sha256"], ignore_index=True)
    group = rows.groupby(["host", "key_type"], sort=False, dropna=False).ngroup()
    neighbours = _neighbouring_generations(rows.assign(group=group, generation=generations(rows, group)))
    unasked, unseen = pd.Series(pd.NA, rows.index, "string"), pd.Series(pd.NaT, rows.index, INSTANT)
    rows = rows.rename(columns={"cert_sha256": "leaf_sha256"}).assign(
        **dict.fromkeys(["service", "server_name"], unasked),
        **dict.fromkeys(["first_seen_at", "last_seen_at", "previous_look_at", "next_look_at"], unseen),
    )
    pairs = pairs_of(rows, neighbours["old"].to_numpy(), neighbours["new"].to_numpy())
    pairs.old["source"] = pairs.new["source"] = _sources(tables, pairs)
    pairs.known["is_rollback"], pairs.known["is_ambiguous"] = False, neighbours["is_ambiguous"]
    pairs.known["unseen_sha256"] = pd.Series([()] * len(neighbours), dtype=object)
    return pairs


def _comparable_types(rows: pd.DataFrame) -> pd.Series:
    """The key type that groups each row: null in a host with one known type where that of some rows is not known."""
    types = rows.groupby("host")["key_type"]
    is_partly_known = types.transform("count") < types.transform("size")
    return rows["key_type"].mask(is_partly_known & (types.transform("nunique") <= 1))


def _members(tables: Tables, issued: IssuedLeaves) -> pd.DataFrame:
    """Which certificate belongs to which host: columns `host` and `cert_sha256`."""
    seen = tables.observations[["host", "leaf_sha256"]].dropna().drop_duplicates()
    seen = seen.rename(columns={"leaf_sha256": "cert_sha256"}).astype(object)
    # A tool may describe a certificate that another source holds.
    seen["cert_sha256"] = seen["cert_sha256"].map(issued.issuances).fillna(seen["cert_sha256"])
    seen = seen.drop_duplicates()
    unseen = issued.certificates[~issued.certificates["cert_sha256"].isin(seen["cert_sha256"])]
    named = pd.DataFrame(
        [
            (name, cert)
            for cert, names, subject in zip(unseen["cert_sha256"], unseen["names"], unseen["subject"], strict=True)
            for name in (names or (subject,))
        ],
        columns=["name", "cert_sha256"],
    )
    named["pattern"] = named["name"].map(comparable, na_action="ignore")
    hosts = [(host, pattern) for host in seen["host"].unique() for pattern in names_for(host)]
    patterns = pd.DataFrame(hosts, columns=["host", "pattern"], dtype=object)
    covering = named.merge(patterns, on="pattern")[["host", "cert_sha256"]].drop_duplicates()
    rest = named[~named["cert_sha256"].isin(covering["cert_sha256"])].drop_duplicates(["name", "cert_sha256"])
    return pd.concat([seen, covering, _same_names_together(rest)], ignore_index=True)


def _same_names_together(named: pd.DataFrame) -> pd.DataFrame:
    """Names with the same certificates as one host, the names joined by `, `."""
    hosts: dict[tuple[str, ...], list[str]] = {}
    for name, certificates in named.sort_values("cert_sha256").groupby("name")["cert_sha256"]:
        hosts.setdefault(tuple(certificates), []).append(str(name))
    rows = [(", ".join(names), certificate) for certificates, names in hosts.items() for certificate in certificates]
    return pd.DataFrame(rows, columns=["host", "cert_sha256"], dtype=object)


def _neighbouring_generations(rows: pd.DataFrame) -> pd.DataFrame:
    """Positions `old` and `new` of paired rows, and whether either generation has several certificates."""
    key = rows[["group", "generation"]]
    position = pd.Series(np.arange(len(rows)))
    spans = position.groupby([key["group"], key["generation"]]).agg(["min", "max"]).reset_index()
    before = spans.assign(generation=spans["generation"] + 1)
    joined = spans.merge(before, on=["group", "generation"], suffixes=("", "_old"))
    each = rows.reset_index().merge(joined, on=["group", "generation"])
    latest = pd.DataFrame({"old": each["max_old"], "new": each["index"]})
    olds = rows.reset_index().assign(generation=rows["generation"] + 1).merge(joined, on=["group", "generation"])
    earliest = pd.DataFrame({"old": olds["index"], "new": olds["min"]})
    pairs = pd.concat([latest, earliest]).drop_duplicates().sort_values(["new", "old"], ignore_index=True)
    size = key.groupby(["group", "generation"])["group"].transform("size")
    several = (size > 1).to_numpy()
    return pairs.assign(is_ambiguous=several[pairs["old"]] | several[pairs["new"]])


def _sources(tables: Tables, pairs: Pairs) -> pd.Series:
    """For each pair the sources of the observations that show either certificate; null if no observation does."""
    observed = tables.observations[["leaf_sha256", "source"]].dropna(subset="leaf_sha256").drop_duplicates()
    either = pd.concat([side[["leaf_sha256"]].assign(pair=side.index) for side in (pairs.old, pairs.new)])
    named = either.merge(observed, on="leaf_sha256")
    return joined_sources(named[["pair"]], named["source"]).reindex(pairs.old.index).astype("string")
