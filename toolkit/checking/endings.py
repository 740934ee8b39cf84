"""Ends of what stands above a leaf: an intermediate or a root that ends before the leaf does takes it along."""

from collections.abc import Hashable
from typing import Any, Final, Literal

import pandas as pd

from toolkit import schema
from toolkit.analyse import verify_chains
from toolkit.analyse.expiry.summary import find_thresholds
from toolkit.certificates import parse_certificate
from toolkit.checking.in_service import SLOT
from toolkit.instants import DAY, SECOND
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
    now: pd.Timestamp,
    thresholds: Literal["lifetime", "days"],
) -> pd.DataFrame:
    """A row for each leaf above which a certificate ends first, and has passed a threshold, with `check`'s columns.

    `shown` are rows of `summarise_expiry`, `trust` those of `verify_chains`. Of a path to a root, every element above
    the leaf counts; without one, those served certificates that issue one another by name. What is left is counted in
    the lifetime of the leaf, since the leaf has to be renewed under another issuer by then. Where the leaf has another
    path that lasts longer, there is no row.
    """
    facts = _facts(tables, trust, roots)
    above = trust.drop_duplicates(SLOT, keep="last")[[*SLOT, "chain_sha256", "path_sha256"]]
    rows = shown[shown["state"].isin(["valid", "expiring", "replacing"])].merge(above, on=SLOT)
    first = [_first_to_end(row, facts) for row in rows.to_dict("records")]
    rows = rows.assign(
        element=pd.Series([found and found[0] for found in first], rows.index, dtype="string"),
        ends=pd.Series([found and found[1] for found in first], rows.index, dtype=shown["not_after"].dtype),
    )
    rows = rows[(rows["ends"] < rows["not_after"]).fillna(False)]
    left = rows["ends"] + SECOND - now
    rows = rows.assign(above_left=left / DAY)
    share = left / (rows["not_after"] + SECOND - rows["not_before"])
    rows = rows.assign(above_threshold=find_thresholds(share, rows["above_left"], thresholds))
    rows = rows[rows["above_threshold"].notna()]
    rows = _without_other_paths(rows, tables, roots)
    is_over = rows["above_left"] <= 0
    was_shown = (rows["ends"] + SECOND <= rows["last_seen_at"]).fillna(False)
    verdict = pd.Series("expiring", rows.index, dtype="string")
    verdict[is_over] = "unknown"
    verdict[is_over & was_shown] = "expired"
    reason = pd.Series(pd.NA, rows.index, dtype="string")
    reason[verdict == "unknown"] = "a certificate above it ended, and it has not been observed since"
    return pd.DataFrame(
        {
            "check": "expiry",
            **{name: rows[name] for name in [*SLOT, "source"]},
            "verdict": verdict,
            "severity": expiry_severity(verdict, rows["above_threshold"]),
            "found": [_in_words(row) for row in rows.to_dict("records")],
            "rows": rows["looks"],
            "first_at": rows["first_seen_at"],
            "last_at": rows["last_seen_at"],
            "reason": reason,
        }
    )


def expiry_severity(verdict: pd.Series, threshold: pd.Series) -> pd.Series:
    """`high` where what is expiring has passed the tightest threshold; null elsewhere: the verdict says it."""
    severity = pd.Series(pd.NA, verdict.index, dtype="string")
    return severity.mask((verdict == "expiring") & threshold.isin(_NEAR), "high")


def end_in_words(not_after: pd.Timestamp, days_left: float) -> str:
    """An end, and how far away it is."""
    left = f"{days_left:.1f} days left" if days_left >= 0 else f"{-days_left:.1f} days ago"
    return f"{not_after:%Y-%m-%d %H:%M}, {left}"


def _facts(tables: Tables, trust: pd.DataFrame, roots: tuple[bytes, ...]) -> dict[str, _Facts]:
    """What is known of the certificates of the tables and of the roots that paths end in, by hash."""
    facts = tables.certificates[_FACTS]
    known = set(facts["cert_sha256"])
    if any(path is not None and path[-1] not in known for path in trust["path_sha256"]):
        parsed = [parse_certificate(der) for der in roots]
        facts = pd.concat([facts, schema.frame("certificates", parsed)[_FACTS]])
    return {str(row["cert_sha256"]): dict(row) for row in facts.to_dict("records")}


def _first_to_end(row: dict[Any, Any], facts: dict[str, _Facts]) -> tuple[str, pd.Timestamp] | None:
    """The element above the leaf that ends first, in words, and its end; none where nothing is known of any."""
    path, chain = row["path_sha256"], row["chain_sha256"]
    above = path[1:] if path is not None else _climb(row["leaf_sha256"], chain or (), facts)
    ends = [(facts[sha256]["not_after"], place) for place, sha256 in enumerate(above) if sha256 in facts]
    known = [(end, place) for end, place in ends if not pd.isna(end)]
    if not known:
        return None
    end, place = min(known)
    is_root = path is not None and place == len(above) - 1
    kind = "root" if is_root else f"intermediate {place + 1}"
    return f"{kind}, {facts[above[place]]['subject']} ({above[place][:12]})", end


def _climb(leaf: str, chain: tuple[str, ...], facts: dict[str, _Facts]) -> list[str]:
    """The served certificates above the leaf, each the issuer of the one before by name; of several the last to end."""
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


def _without_other_paths(rows: pd.DataFrame, tables: Tables, roots: tuple[bytes, ...]) -> pd.DataFrame:
    """The rows without those whose chain is still trusted a second after the end that was found."""
    with_path = rows[rows["path_sha256"].notna()]
    if with_path.empty:
        return rows
    looks = tables.observations[tables.observations["leaf_sha256"].isin(with_path["leaf_sha256"])]
    instants = list((with_path["ends"] + SECOND).drop_duplicates())
    later = verify_chains(
        Tables(looks, tables.certificates, tables.support, tables.rounds), roots=roots, as_of=instants
    )
    lasting = later.loc[later["verdict"] == "trusted", [*SLOT, "as_of_from_at"]].drop_duplicates()
    keyed = rows.assign(as_of_from_at=rows["ends"] + SECOND)
    lasts = keyed.merge(lasting.assign(lasts=True), how="left", on=[*SLOT, "as_of_from_at"])["lasts"].notna().to_numpy()
    return rows[~lasts]


def _in_words(row: dict[Any, Any]) -> str:
    words = f"{row['element']} ends {end_in_words(row['ends'], row['above_left'])}"
    if row["above_left"] > 0:
        of_leaf = " of the leaf's lifetime" if "/" in row["above_threshold"] else ""
        words += f", at most {row['above_threshold']}{of_leaf}"
    return f"{words}; leaf {row['leaf_sha256'][:12]} would last until {row['not_after']:%Y-%m-%d}"
