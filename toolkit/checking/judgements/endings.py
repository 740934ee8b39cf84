"""Expiry of intermediates and roots: a leaf is no longer trusted once a certificate of its path has expired."""

from collections.abc import Hashable
from typing import Any, Final, Literal

import pandas as pd

from toolkit import schema
from toolkit.analyse import verify_chains
from toolkit.analyse.expiry.summary import find_thresholds
from toolkit.certificates import parse_certificate
from toolkit.checking.in_service import SERVED
from toolkit.instants import DAY, SECOND
from toolkit.reference.roots import Intermediates, Roots, load_intermediates
from toolkit.reference.stores import trust_stores
from toolkit.tables import Tables

_FACTS: Final = ["cert_sha256", "subject", "issuer", "not_after"]
_NEAR: Final = ("1/12", "7 d")
"""The tightest thresholds."""

_Facts = dict[Hashable, Any]


def judge_issuers(
    shown: pd.DataFrame,
    trust: pd.DataFrame,
    tables: Tables,
    *,
    roots: tuple[bytes, ...],
    of_store: Roots,
    now: pd.Timestamp,
    thresholds: Literal["lifetime", "days"],
    intermediates: Intermediates,
) -> pd.DataFrame:
    """A row, with columns of `check`, for each leaf whose issuers expire before it and have passed a threshold.

    `shown` are rows of `summarise_expiry`, `trust` those of `verify_chains` with `of_store`, a trust store or the
    `roots`, and the same `intermediates`. The issuers are the other certificates of the leaf's path to a root; without
    a path, the served certificates, linked by the names of issuer and subject. The time left is compared with the
    lifetime of the leaf, which has to be renewed under another issuer by then. A leaf that has another path which lasts
    longer has no row. The end of a root does not count for a store whose clients do not check it. An intermediate that
    was not recorded as served is `unknown`: the server may send a renewed one.
    """
    facts = _facts(tables, trust, (*roots, *load_intermediates(intermediates)))
    above = trust.drop_duplicates(SERVED, keep="last")[[*SERVED, "store", "chain_sha256", "path_sha256"]]
    rows = shown[shown["state"].isin(["valid", "expiring", "replacing"])].merge(above, on=SERVED)
    first = [_first_to_end(row, facts) for row in rows.to_dict("records")]
    rows = rows.assign(
        issuer_name=pd.Series([found and found[0] for found in first], rows.index, dtype="string"),
        issuer_sha256=pd.Series([found and found[1] for found in first], rows.index, dtype="string"),
        ends=pd.Series([found and found[2] for found in first], rows.index, dtype=shown["not_after"].dtype),
    )
    rows = rows[(rows["ends"] < rows["not_after"]).fillna(False)]
    left = rows["ends"] + SECOND - now
    rows = rows.assign(above_left=left / DAY)
    share = left / (rows["not_after"] + SECOND - rows["not_before"])
    rows = rows.assign(above_threshold=find_thresholds(share, rows["above_left"], thresholds))
    rows = rows[rows["above_threshold"].notna()]
    rows = _without_other_paths(rows, tables, of_store, intermediates)
    is_over = rows["above_left"] <= 0
    was_shown = (rows["ends"] + SECOND <= rows["last_seen_at"]).fillna(False)
    verdict = pd.Series("expiring", rows.index, dtype="string")
    verdict[is_over] = "unknown"
    verdict[is_over & was_shown] = "expired"
    reason = pd.Series(pd.NA, rows.index, dtype="string")
    reason[verdict == "unknown"] = "its issuer expired, and it was not observed afterwards"
    is_unseen = pd.Series([_is_unseen(row) for row in rows.to_dict("records")], rows.index, dtype="bool")
    verdict[is_unseen] = "unknown"
    reason[is_unseen] = "its issuer was not recorded as served, and a renewed one may be served"
    return pd.DataFrame(
        {
            "check": "expiry",
            **{name: rows[name] for name in [*SERVED, "source"]},
            "about": rows["issuer_name"],
            "verdict": verdict,
            "severity": expiry_severity(verdict, rows["above_threshold"]),
            "found": [_in_words(row) for row in rows.to_dict("records")],
            "ends_at": rows["ends"],
            "evidence_count": rows["looks"],
            "first_at": rows["first_seen_at"],
            "last_at": rows["last_seen_at"],
            "reason": reason,
        }
    )


def expiry_severity(verdict: pd.Series, threshold: pd.Series) -> pd.Series:
    """`high` where an expiring certificate has passed the tightest threshold; null elsewhere."""
    severity = pd.Series(pd.NA, verdict.index, dtype="string")
    return severity.mask((verdict == "expiring") & threshold.isin(_NEAR), "high")


def end_in_words(not_after: pd.Timestamp, days_left: float) -> str:
    """The end of validity and the days until it, in words."""
    left = f"{days_left:.1f} days left" if days_left >= 0 else f"{-days_left:.1f} days ago"
    return f"{not_after:%Y-%m-%d %H:%M}, {left}"


def _is_unseen(row: dict[Any, Any]) -> bool:
    """Whether the issuer that expires first is an intermediate that was not recorded as served."""
    path, chain, sha256 = row["path_sha256"], row["chain_sha256"] or (), row["issuer_sha256"]
    return path is not None and sha256 != path[-1] and sha256 not in chain


def _facts(tables: Tables, trust: pd.DataFrame, given: tuple[bytes, ...]) -> dict[str, _Facts]:
    """The facts about the certificates of the tables, and about those given where a path has one that is not there."""
    facts = tables.certificates[_FACTS]
    known = set(facts["cert_sha256"])
    if any(path is not None and not known.issuperset(path) for path in trust["path_sha256"]):
        parsed = [parse_certificate(der) for der in given]
        facts = pd.concat([facts, schema.frame("certificates", parsed)[_FACTS]])
    return {str(row["cert_sha256"]): dict(row) for row in facts.to_dict("records")}


def _first_to_end(row: dict[Any, Any], facts: dict[str, _Facts]) -> tuple[str, str, pd.Timestamp] | None:
    """The issuer that expires first, in words, its SHA-256, and its end; None where no end is known."""
    path, chain = row["path_sha256"], row["chain_sha256"]
    above = path[1:] if path is not None else _climb(row["leaf_sha256"], chain or (), facts)
    if path is not None and not pd.isna(row["store"]) and not trust_stores()[row["store"]].checks_root_expiry:
        above = path[1:-1]
    ends = [(facts[sha256]["not_after"], place) for place, sha256 in enumerate(above) if sha256 in facts]
    known = [(end, place) for end, place in ends if not pd.isna(end)]
    if not known:
        return None
    end, place = min(known)
    is_root = path is not None and place == len(path) - 2
    kind = "root" if is_root else f"intermediate {place + 1}"
    return f"{kind}, {facts[above[place]]['subject']}", above[place], end


def _climb(leaf: str, chain: tuple[str, ...], facts: dict[str, _Facts]) -> list[str]:
    """The served certificates from the leaf's issuer upwards, linked by name; where several fit, the last to expire."""
    climbed: list[str] = []
    at = facts.get(leaf)
    by_name: dict[str, list[str]] = {}
    for sha256 in dict.fromkeys(chain):
        served = facts.get(sha256, {})
        subject, ends = served.get("subject"), served.get("not_after", pd.NaT)
        if sha256 != leaf and isinstance(subject, str) and isinstance(ends, pd.Timestamp):
            by_name.setdefault(subject, []).append(sha256)
    while at is not None and isinstance(at["issuer"], str) and (found := by_name.pop(at["issuer"], None)):
        climbed.append(max(found, key=lambda sha256: facts[sha256]["not_after"]))
        at = facts[climbed[-1]]
    return climbed


def _without_other_paths(
    rows: pd.DataFrame, tables: Tables, roots: Roots, intermediates: Intermediates
) -> pd.DataFrame:
    """The rows whose chain is no longer trusted one second after the issuer's end."""
    with_path = rows[rows["path_sha256"].notna()]
    if with_path.empty:
        return rows
    looks = tables.observations[tables.observations["leaf_sha256"].isin(with_path["leaf_sha256"])]
    instants = list((with_path["ends"] + SECOND).drop_duplicates())
    observed = Tables(looks, tables.certificates, tables.support, tables.rounds)
    later = verify_chains(observed, roots=roots, as_of=instants, intermediates=intermediates)
    lasting = later.loc[later["verdict"] == "trusted", [*SERVED, "verdict_from_at"]].drop_duplicates()
    keyed = rows.assign(verdict_from_at=rows["ends"] + SECOND)
    joined = keyed.merge(lasting.assign(lasts=True), how="left", on=[*SERVED, "verdict_from_at"])
    lasts = joined["lasts"].notna().to_numpy()
    return rows[~lasts]


def _in_words(row: dict[Any, Any]) -> str:
    words = f"{row['issuer_name']} ({row['issuer_sha256'][:12]}) ends {end_in_words(row['ends'], row['above_left'])}"
    if row["above_left"] > 0:
        of_leaf = " of the leaf's lifetime" if "/" in row["above_threshold"] else ""
        words += f", at most {row['above_threshold']}{of_leaf}"
    return f"{words}; leaf {row['leaf_sha256'][:12]} would last until {row['not_after']:%Y-%m-%d}"
