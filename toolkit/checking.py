"""Check: what expires, what would not be trusted and what a policy says, in one frame, and in words."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal

import pandas as pd

from toolkit import schema, text
from toolkit.analyse import judge, summarise_expiry, summarise_findings, verify_chains
from toolkit.analyse.expiry import zoned
from toolkit.reference.rules import Policy
from toolkit.tables import Tables, describe_source

DTYPES: Final = {
    "check": "string",
    "rule": "string",
    "level": "string",
    "service": "string",
    "host": "string",
    "server_name": "string",
    "leaf_sha256": "string",
    "verdict": "string",
    "is_finding": "boolean",
    "found": "string",
    "required": "string",
    "since": schema.DTYPES["instant"],
    "rows": "Int64",
    "first_at": schema.DTYPES["instant"],
    "last_at": schema.DTYPES["instant"],
    "evidence": "string",
    "reason": "string",
    "authority": "string",
    "source": "string",
}
"""Columns of `check`, in order, and their dtypes."""

_OUT_OF_USE: Final = ("replaced", "withdrawn")
_LINE: Final = ["service", "host", "server_name", "leaf_sha256"]
_IS_FINDING: Final = {
    "expired": True, "expiring": True, "not_yet_valid": True, "replacing": False, "valid": False,
    "untrusted": True, "trusted": False,
    "falls short": True, "contradicted": True, "meets": False, "confirmed": False,
}  # fmt: skip
"""Verdict → whether it is a finding; others (`unknown`, `lapsed`) tell neither way."""


MOST_SERVICES: Final = 20
"""Services whose findings about one thing are told one by one."""

MOST_STRETCHES: Final = 12
"""Stretches of one claim that are told one by one."""

MOST_FOUND: Final = 12
"""Things that are fine, named of one rule."""


def check(
    tables: Tables,
    *,
    now: datetime,
    roots: Iterable[bytes],
    policy: Policy,
    as_of: datetime | Literal["observed"] = "observed",
    thresholds: Literal["lifetime", "days"] = "lifetime",
) -> pd.DataFrame:
    """Everything that expiry, trust and a policy say about the tables: what is a finding, what is fine, what unknown.

    - `expiry`: a row per certificate in use at `now` (`summarise_expiry`); replaced and withdrawn ones have none. What
      ended with nobody looking since, or was seen by undated looks alone, is unknown. `thresholds` as there.
    - `trust`: a row per chain and outcome (`verify_chains`). By default each look is judged at its own instant. With
      `as_of` the chains are judged then, as far as they were looked at by `now` and are still in use.
    - the policy: a row per rule, service, verdict and thing found (`judge`), by the rules of each row's own day or of
      `as_of`; of claims a row per claim and stretch of one verdict, since a claim is about all services at once.

    Columns, in order: `check` (string: `expiry`, `trust`, or the policy's name), `rule`, `level` (string, of a policy),
    `service`, `host`, `server_name`, `leaf_sha256` (string, null: the source does not say, or it is not about that),
    `verdict` (string, the word of the function named above, or `unknown`), `is_finding` (boolean; null: unknown),
    `found`, `required` (string), `since` (instant, when the rule began to hold), `rows` (Int64, looks or rows),
    `first_at`, `last_at` (instant, between which the evidence lies as far as it is dated; null: nothing bounds it),
    `evidence` (string, rows of the tables), `reason`, `authority`, `source` (string).

    Raises `UsageError` for an instant without a zone, an unknown policy or thresholds, and no or unreadable roots.
    """
    expiry = summarise_expiry(tables, now=now, thresholds=thresholds)
    chains = tables if as_of == "observed" else _looked_at_by(tables, zoned(now, "now"))
    trust = verify_chains(chains, roots=roots, as_of=as_of)
    if as_of != "observed":
        trust = _as_looked_at(_in_use(trust, expiry), chains.observations)
    parts = [_of_expiry(expiry), _of_trust(trust), _of_policy(tables, judge(tables, policy, as_of=as_of))]
    told = [part.reindex(columns=list(DTYPES)) for part in parts if not part.empty]
    frame = pd.concat(told, ignore_index=True) if told else pd.DataFrame(columns=list(DTYPES))
    frame["is_finding"] = frame["verdict"].map(_IS_FINDING).astype("boolean")
    return frame.astype(DTYPES)


def _looked_at_by(tables: Tables, now: pd.Timestamp) -> Tables:
    looks = tables.observations
    began = looks["observed_at"].fillna(looks["observed_from"])
    return replace(tables, observations=looks[~(began > now).fillna(False)])


def _of_expiry(expiry: pd.DataFrame) -> pd.DataFrame:
    frame = expiry[~expiry["state"].isin(_OUT_OF_USE)]
    reason = pd.Series(pd.NA, frame.index, dtype="string")
    reason[frame["is_shown_last"].isna()] = "only undated looks showed it"
    reason[frame["state"] == "lapsed"] = "it ended, and nobody has looked since"
    return pd.DataFrame(
        {
            "check": "expiry",
            **{name: frame[name] for name in [*_LINE, "source"]},
            "verdict": frame["state"].where(frame["is_shown_last"].notna(), "unknown"),
            "found": [_time_left(row) for row in frame.to_dict("records")],
            "rows": frame["looks"],
            "first_at": frame["first_seen"],
            "last_at": frame["last_seen"],
            "reason": reason,
        }
    )


def _time_left(row: dict[Hashable, Any]) -> str:
    """The certificate's end in words."""
    days = row["days_left"]
    left = f"{days:.1f} days left" if days >= 0 else f"{-days:.1f} days ago"
    words = f"{row['key_type']} certificate {row['leaf_sha256'][:12]} ends {row['not_after']:%Y-%m-%d %H:%M}, {left}"
    if not pd.isna(row["threshold"]):
        words += f", at most {row['threshold']}" + (" of its lifetime" if "/" in row["threshold"] else "")
    if row["state"] == "not_yet_valid":
        words += f"; it begins {row['not_before']:%Y-%m-%d %H:%M}"
    if not pd.isna(row["late_days"]) and row["late_days"] > 0:
        words += f"; {row['late_days']:.1f} days later than the line's habit"
    if row["successor"] == "issued":
        words += "; a successor is issued"
    return words


def _in_use(trust: pd.DataFrame, expiry: pd.DataFrame) -> pd.DataFrame:
    """The chains of certificates that are still shown, as far as the looks tell."""
    state = expiry[[*_LINE, "state", "is_shown_last"]]
    frame = trust.merge(state, how="left", on=_LINE)
    frame = frame[~frame["state"].isin(_OUT_OF_USE)]
    is_lapsed = (frame["state"] == "lapsed").fillna(False)
    is_undated = frame["state"].notna() & frame["is_shown_last"].isna()
    frame.loc[is_undated, "reason"] = "only undated looks showed it"
    frame.loc[is_lapsed, "reason"] = "it ended, and nobody has looked since"
    frame.loc[is_undated | is_lapsed, "verdict"] = "unknown"
    return frame[trust.columns]


def _as_looked_at(trust: pd.DataFrame, looks: pd.DataFrame) -> pd.DataFrame:
    """The chains with the instants of their looks in place of the one that all were judged at."""
    keys = [*_LINE, "chain"]
    dated = looks[_LINE].assign(
        chain=_joined(looks["chain_sha256"]),
        as_of_from=looks["observed_at"].fillna(looks["observed_from"]),
        as_of_until=looks["observed_at"].fillna(looks["observed_until"]),
    )
    when = dated.groupby(keys, dropna=False).agg({"as_of_from": "min", "as_of_until": "max"}).reset_index()
    chained = trust.drop(columns=["as_of_from", "as_of_until"]).assign(chain=_joined(trust["chain_sha256"]))
    return chained.merge(when, how="left", on=keys)[trust.columns]


def _joined(chains: pd.Series) -> pd.Series:
    """Each chain as one text; null where none is recorded."""
    return pd.Series([" ".join(c) if isinstance(c, tuple) else None for c in chains], chains.index, dtype="string")


def _of_trust(trust: pd.DataFrame) -> pd.DataFrame:
    served = ["no chain" if chain is None else f"{len(chain)} served" for chain in trust["chain_sha256"]]
    return pd.DataFrame(
        {
            "check": "trust",
            **{name: trust[name] for name in [*_LINE, "verdict", "reason", "source"]},
            "found": "leaf " + trust["leaf_sha256"].str[:12] + ", " + pd.Series(served, trust.index, dtype="string"),
            "rows": trust["looks"],
            "first_at": trust["as_of_from"],
            "last_at": trust["as_of_until"],
        }
    )


def _of_policy(tables: Tables, findings: pd.DataFrame) -> pd.DataFrame:
    is_claim = findings["level"] == "claim"
    claims = findings[is_claim].assign(service=None, host=None)
    rules = findings[~is_claim]
    refused = pd.Index(tables.support["state"].reset_index(drop=True).loc[lambda state: state == "refused"].index)
    is_refused = (rules["evidence_table"] == "support") & rules["evidence_row"].isin(refused)
    rules = rules.assign(found=rules["found"].mask(is_refused.fillna(False), rules["found"] + " refused"))
    frame = pd.concat(
        [summarise_findings(rules, by="found"), summarise_findings(claims, by="stretch")], ignore_index=True
    )
    return frame.rename(columns={"policy": "check"})


def count(checks: pd.DataFrame) -> dict[str, int]:
    """How many rows of `check` are `findings`, `fine` and `unknown`."""
    is_finding = checks["is_finding"]
    return {
        "findings": int(is_finding.eq(True).sum()),
        "fine": int(is_finding.eq(False).sum()),
        "unknown": int(is_finding.isna().sum()),
    }


def describe(checks: pd.DataFrame) -> Iterator[str]:
    """The rows of `check` in words, line by line: findings one by one, what is fine and what is unknown counted.

    The lines hold text from servers as it came: whoever shows them makes them harmless.
    """
    for name, rows in checks.groupby("check", sort=False):
        yield ""
        yield f"{name}: {_counted(rows)}"
        if rows["rule"].isna().all():
            yield from _describe_verdicts(rows)
            continue
        for rule, of_rule in rows.groupby("rule", sort=False):
            first = of_rule.iloc[0]
            is_claim = first["level"] == "claim"
            has_day = is_claim and pd.notna(first["since"])
            dated = f"; published {first['since']:%Y-%m-%d} at the earliest" if has_day else ""
            yield f"  {rule} ({first['level']}): {first['required']} [{first['authority']}{dated}]"
            lines = _describe_claim if is_claim else _describe_verdicts
            yield from (f"  {line}" for line in lines(of_rule))


def was_reached(tables: Tables) -> bool:
    """Whether anything came to an answer: a look that was answered, or a question of a survey."""
    return bool((tables.observations["outcome"] == "ok").any() or (tables.support["state"] != "untested").any())


def describe_scope(tables: Tables) -> str:
    """How many looks at how many services, when, how many of them failed, and where they come from."""
    looks = tables.observations
    parts = [f"{text.counted(len(looks), 'look')} at {text.counted(looks['service'].nunique(), 'service')}"]
    bounds = looks[schema.INSTANTS]
    instants = bounds.stack().dropna()
    if len(instants):
        parts.append(f"{instants.min():%Y-%m-%d} to {instants.max():%Y-%m-%d}")
    is_undated = bounds.isna().all(axis=1)
    is_bounded = bounds["observed_at"].isna() & ~is_undated
    failed = int((looks["outcome"] != "ok").sum())
    parts.append(f"{int(is_bounded.sum()):,} dated by bounds, {int(is_undated.sum()):,} undated, {failed:,} failed")
    if len(tables.support):
        untested = int((tables.support["state"] == "untested").sum())
        parts.append(f"{text.counted(len(tables.support), 'question')} of surveys, {untested:,} untested")
    kinds = describe_source(looks)
    return "; ".join(parts) + (f" ({kinds} data)" if kinds else "")


def describe_span(since: datetime | None, until: datetime | None) -> str:
    """To which time the looks were limited, as a sentence with a space behind it; empty: to none."""
    limits = [("since", since), ("before", until)]
    seen = " and ".join(f"{word} {instant:%Y-%m-%d %H:%M %Z}" for word, instant in limits if instant)
    return f"What was seen {seen}. " if seen else ""


def _counted(rows: pd.DataFrame) -> str:
    counts = count(rows)
    return f"{text.counted(counts['findings'], 'finding')}, {counts['fine']:,} fine, {counts['unknown']:,} unknown"


def _describe_verdicts(rows: pd.DataFrame) -> Iterator[str]:
    for verdict, group in rows[rows["is_finding"].eq(True).fillna(False)].groupby("verdict", sort=False):
        yield from _describe_findings(str(verdict).replace("_", " "), group)
    for verdict, group in rows[rows["is_finding"].eq(False).fillna(False)].groupby("verdict", sort=False):
        yield (
            f"  {verdict}: {_listed(group['found'])}"
            if group["rule"].notna().all()
            else f"  {verdict}, {len(group):,} ×"
        )
    for reason, group in rows[rows["is_finding"].isna()].groupby("reason", sort=False, dropna=False):
        yield f"  unknown, {len(group):,} ×: {reason}"


def _describe_claim(rows: pd.DataFrame) -> Iterator[str]:
    for row in rows[:MOST_STRETCHES].to_dict("records"):
        if row["verdict"] == "unknown":
            yield f"  unknown: {row['reason']}"
            continue
        told = f"by {row['evidence']}: {row['found']}{_marked(row['source'])}"
        if pd.isna(row["reason"]):
            words = ("seen between ", " and ") if row["rows"] == 1 else ("seen from ", " to ")
            yield f"  {row['verdict']}, {_when(row['first_at'], row['last_at'], word=words[0], to=words[1])}, {told}"
        else:
            yield f"  {row['verdict']}, {text.counted(row['rows'], 'row')} left aside ({row['reason']}), {told}"
    if len(rows) > MOST_STRETCHES:
        yield f"  {len(rows) - MOST_STRETCHES:,} more stretches; --json lists all"


def _describe_findings(verdict: str, group: pd.DataFrame) -> Iterator[str]:
    services = [rows for _, rows in group.groupby(["service", "host"], dropna=False, sort=False)]
    for rows in services[:MOST_SERVICES]:
        since = rows["since"].min()
        name = rows["service"].fillna(rows["host"]).fillna("service not said").iloc[0]
        yield f"  {verdict}: {name}" + ("" if pd.isna(since) else f" (a rule since {since:%Y-%m-%d})")
        for row in rows.to_dict("records"):
            when = _when(row["first_at"], row["last_at"])
            beside = "; ".join(str(part) for part in (row["reason"], when, row["evidence"]) if not pd.isna(part))
            yield f"    {row['found']} ({beside}){_marked(row['source'])}"
    if len(services) > MOST_SERVICES:
        yield f"  {verdict}: {len(services) - MOST_SERVICES:,} more services; --json lists all"


def _when(first_at: Any, last_at: Any, *, word: str = "seen ", to: str = " to ") -> str:
    if pd.isna(first_at) and pd.isna(last_at):
        return "undated"
    if pd.isna(first_at):
        return f"seen {last_at:%Y-%m-%d} or before"
    if pd.isna(last_at):
        return f"seen {first_at:%Y-%m-%d} or later"
    days = dict.fromkeys(f"{at:%Y-%m-%d}" for at in (first_at, last_at))
    return f"{word}{to.join(days)}" if len(days) > 1 else f"seen {next(iter(days))}"


def _marked(source: object) -> str:
    """Rows that were not seen on real servers say so."""
    made = [word for word in ("lab", "simulated") if word in str(source).split(", ")]
    return f" [{', '.join(made)}]" if made else ""


def _listed(found: pd.Series) -> str:
    """The distinct things, the commonest first; of what was refused, as a rule asks, only how many."""
    distinct = found.value_counts().index.to_series().astype("string")
    is_refused = distinct.str.endswith(" refused")
    shown, refused = [text.plain(thing, limit=60) for thing in distinct[~is_refused]], int(is_refused.sum())
    words = ", ".join(shown[:MOST_FOUND])
    words += f" and {len(shown) - MOST_FOUND:,} more" if len(shown) > MOST_FOUND else ""
    return "; ".join(filter(None, (words, f"{refused:,} refused, as the rule asks" if refused else "")))
