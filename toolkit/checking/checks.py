"""Check: what answers, what expires, what would not be trusted and what a policy says, in one frame."""

from collections.abc import Hashable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal

import pandas as pd

from toolkit import columns
from toolkit.analyse import judge, summarise_findings, verify_chains
from toolkit.analyse.expiry.summary import OUT_OF_USE, summarise_expiry
from toolkit.checking.endings import end_in_words, expiry_severity, judge_issuers
from toolkit.checking.in_service import SLOT, InService, find_in_service, name_services
from toolkit.checking.reachability import judge_reachability
from toolkit.checking.trust import keep_in_use, key_proof_rows, trust_rows, with_instants_of_looks
from toolkit.reference.roots import Roots, load_roots
from toolkit.reference.rules import Policy, load_policy
from toolkit.tables import Tables, require_tables

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
    "severity": "string",
    "found": "string",
    "required": "string",
    "since": columns.DTYPES["instant"],
    "rows": "Int64",
    "first_at": columns.DTYPES["instant"],
    "last_at": columns.DTYPES["instant"],
    "evidence": "string",
    "reason": "string",
    "authority": "string",
    "source": "string",
}
"""Columns of `check`, in order, and their dtypes."""

SEVERITIES: Final = {
    "critical": "clients cannot use the service now",
    "high": "it breaks within days, or breaks what a rule says it must",
    "medium": "it breaks unless something is done, or part of the service does not answer",
    "low": "it departs from what a rule says it should, or from a published statement",
}
"""The closed vocabulary of `severity`, the worst first."""

_SEVERITY: Final = {
    "unreachable": "critical", "failing": "critical", "expired": "critical", "not_yet_valid": "critical",
    "unreadable": "critical", "untrusted": "critical", "partly_reachable": "medium", "expiring": "medium",
    "key_not_proven": "critical", "falls short": "high", "contradicted": "low",
}  # fmt: skip
"""Verdict → how severe it is; the verdicts that are findings."""


_FINE: Final = ("reachable", "replacing", "valid", "trusted", "meets", "confirmed")


def check(
    tables: Tables,
    *,
    now: datetime,
    roots: Roots,
    policy: Policy,
    as_of: datetime | Literal["observed"] = "observed",
    thresholds: Literal["lifetime", "days"] = "lifetime",
    history: bool = False,
) -> pd.DataFrame:
    """What is wrong, fine and unknown with what is in service at `now`: reachability, expiry, trust and a policy.

    In service is what was observed last (`toolkit.checking.find_in_service`): of each service the last visit that
    answered, at most `OBSERVED_DAYS` before the newest row of the tables that was known at `now`, and its last survey,
    at most `SURVEYED_DAYS` before it. What was broken once and is so no longer is not a finding. With `history`,
    everything that the tables hold is judged.

    Each check has at least one row for each service of the tables. A service of which a check can say nothing is
    `unknown` there, with the reason: observed before the window, first observed after `now`,
    undated, no answer.

    - `reachability`: a row per service. `unreachable` (no connection) and `failing` (no handshake) where the last 3
      visits had no answer, or none in the window; `partly_reachable`, where some addresses do not answer any more
    - `expiry`: a row per certificate in use (`summarise_expiry`); replaced and withdrawn ones have none. `unreadable`:
      its dates cannot be read. What ended and was not observed since is unknown. A certificate above it that ends
      first has a row of its own where it has passed a threshold, counted in the leaf's lifetime. `thresholds` as there
    - `trust`: a row per chain and outcome (`verify_chains`). By default each observation is judged at its own instant.
      With `as_of` the chains are judged then. `key_not_proven`: a row per leaf shown with a wrong handshake signature
    - the policy: a row per rule, service, verdict and thing found (`judge`), by the rules of each row's own day or of
      `as_of`. Published statements are held against everything known at `now`, because they are about all services at
      once and about time: a row per statement, for the last stretch of one verdict, unknown where that ended before the
      window. With `history`, a row per statement and stretch

    Findings come first, the most severe first, then the rest in the order above.

    Columns, in order: `check` (string: `reachability`, `expiry`, `trust`, or the policy's name), `rule`, `level`
    (string, of a policy), `service`, `host`, `server_name`, `leaf_sha256` (string, null: the source does not say, or it
    is not about that), `verdict` (string, the word of the check, or `unknown`), `is_finding` (boolean; null: unknown),
    `severity` (string, of a finding: `critical`, `high`, `medium`, `low` as `SEVERITIES` says; null: not a finding),
    `found`, `required` (string), `since` (instant, when the rule began to hold), `rows` (Int64, observations or rows),
    `first_at`, `last_at` (instant, between which the evidence lies as far as it is dated; null: nothing bounds it),
    `evidence` (string, rows of the tables), `reason`, `authority`, `source` (string).

    Raises `UsageError` for an instant without a zone, an unknown policy or thresholds, no or unreadable roots, and for
    anything but `Tables`.

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(since="2026-01-01T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> checks = toolkit.check(tables, now=datetime(2026, 1, 24, tzinfo=UTC), roots=Lab().roots, policy="ietf")
    >>> print(toolkit.chart.tabulate(checks, columns=["check", "rule", "verdict", "severity"], rows=4))
     check            rule     verdict severity
    expiry               –     expired critical
     trust               –   untrusted critical
      ietf forward-secrecy falls short      low
      ietf forward-secrecy falls short      low
    … and 40 more rows
    """
    require_tables(tables, "check")
    anchors, rules = load_roots(roots), load_policy(policy)
    scope = find_in_service(tables, now=now, history=history)
    expiry = scope.expiry if thresholds == "lifetime" else summarise_expiry(tables, now=now, thresholds=thresholds)
    shown = _in_service(expiry, scope)
    chains = scope.tables if as_of == "observed" else _looked_at_by(scope.tables, scope.now)
    trust = verify_chains(chains, roots=anchors, as_of=as_of)
    issuers = judge_issuers(shown, trust, chains, roots=anchors, now=scope.now, thresholds=thresholds)
    if as_of != "observed":
        trust = with_instants_of_looks(keep_in_use(trust, expiry), chains.observations)
    statements = [rule for rule in rules if rule.level == "claim"]
    ruled = [rule for rule in rules if rule.level != "claim"]
    names = ["reachability", "expiry", "trust", *dict.fromkeys(rule.policy for rule in ruled)]
    frames = [
        judge_reachability(scope),
        _of_expiry(shown),
        issuers,
        trust_rows(trust),
        key_proof_rows(scope.tables.observations),
        _of_rules(scope, judge(scope.tables, ruled, as_of=as_of)),
        _outdated_surveys(scope, names[3:]),
        _of_statements(scope, judge(scope.known if scope.since else tables, statements, as_of=as_of)),
    ]
    judged = _conformed(frames)
    return _in_order(_conformed([judged, _unknown(scope, judged, names)]))


def _conformed(frames: list[pd.DataFrame]) -> pd.DataFrame:
    held = [frame.reindex(columns=list(DTYPES)).astype(DTYPES) for frame in frames if not frame.empty]
    blank = {name: pd.Series([], dtype=dtype) for name, dtype in DTYPES.items()}
    return pd.concat(held, ignore_index=True) if held else pd.DataFrame(blank)


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with `is_finding` and `severity`, the most severe findings first."""
    severity = frame["severity"].fillna(frame["verdict"].map(_SEVERITY).astype("string"))
    severity = severity.mask((frame["verdict"] == "falls short") & (frame["level"] == "should"), "low")
    is_finding = pd.Series(pd.NA, frame.index, dtype="boolean")
    is_finding[severity.notna()] = True
    is_finding[frame["verdict"].isin(_FINE)] = False
    rank = severity.map({word: rank for rank, word in enumerate(SEVERITIES)})
    ordered = frame.assign(is_finding=is_finding, severity=severity, rank=rank).sort_values("rank", kind="stable")
    return ordered.drop(columns="rank").reset_index(drop=True).astype(DTYPES)


def _unknown(scope: InService, judged: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """A row for each service and check without one, with the reason why nothing is known of it."""
    services = scope.services
    known = judged.assign(name=name_services(judged))[["check", "name"]].drop_duplicates()
    every = pd.MultiIndex.from_product([names, services["name"]], names=["check", "name"]).to_frame(index=False)
    missing = every.merge(known.assign(is_known=True), how="left", on=["check", "name"])
    missing = missing[missing["is_known"].isna()].merge(services, on="name")
    return missing.assign(
        verdict="unknown",
        reason=_reasons(scope, missing),
        first_at=missing["last_at"].fillna(missing["later_at"]),
        last_at=missing["last_at"].fillna(missing["later_at"]),
    )


def _reasons(scope: InService, missing: pd.DataFrame) -> pd.Series:
    """Why a check says nothing about a service; the first that fits stands."""
    since = scope.since
    nothing = {"expiry": "no certificate was observed", "trust": "no certificate was observed",
               "reachability": "it was not asked"}  # fmt: skip
    reason = missing["check"].map(nothing).astype("string").fillna("no rule speaks of what was observed")
    later = f"first observed after now, {scope.now:%Y-%m-%d %H:%M}"
    is_before = ~missing["is_judged"] & missing["last_at"].notna()
    words = [
        (is_before & (missing["is_asked"]), "no complete answer in the window"),
        (is_before & ~missing["is_asked"], f"last observed before {since:%Y-%m-%d}" if since else "no answer"),
        (missing["last_at"].isna() & missing["later_at"].notna(), later),
        (missing["last_at"].isna() & missing["later_at"].isna() & ~missing["is_judged"], "only undated observations"),
    ]
    for holds, why in words:
        reason = reason.mask(holds, why)
    return reason


def _looked_at_by(tables: Tables, now: pd.Timestamp) -> Tables:
    looks = tables.observations
    began = looks["observed_at"].fillna(looks["observed_from"])
    return replace(tables, observations=looks[~(began > now).fillna(False)])


def _in_service(expiry: pd.DataFrame, scope: InService) -> pd.DataFrame:
    """The certificates in use, of those that are judged."""
    in_use = expiry[~expiry["state"].isin(OUT_OF_USE)]
    judged = scope.tables.observations[SLOT].dropna(subset="leaf_sha256").drop_duplicates()
    facts = scope.tables.certificates.drop_duplicates("cert_sha256").set_index("cert_sha256")[["parse_error", "der"]]
    shown = in_use.merge(judged, on=SLOT)
    facts = facts.reindex(shown["leaf_sha256"]).reset_index(drop=True)
    has_der = [isinstance(der, bytes) and bool(der) for der in facts["der"]]
    return shown.assign(parse_error=facts["parse_error"], has_der=pd.Series(has_der, dtype=bool))


def _of_expiry(shown: pd.DataFrame) -> pd.DataFrame:
    is_unread = (shown["state"] == "unknown").astype(bool)
    is_unreadable = is_unread & shown["has_der"]
    verdict = shown["state"].where(shown["is_shown_last"].notna() | is_unread, "unknown")
    reason = pd.Series(pd.NA, shown.index, dtype="string")
    reason[shown["is_shown_last"].isna()] = "only undated looks showed it"
    reason[shown["state"] == "lapsed"] = "it ended, and has not been observed since"
    reason[is_unread] = "the tables do not hold its dates"
    reason[is_unreadable] = shown["parse_error"].fillna("its dates cannot be read")
    verdict = verdict.mask(verdict == "lapsed", "unknown").mask(is_unreadable, "unreadable")
    return pd.DataFrame(
        {
            "check": "expiry",
            **{name: shown[name] for name in [*SLOT, "source"]},
            "verdict": verdict,
            "severity": expiry_severity(shown["state"], shown["threshold"]),
            "found": [_time_left(row) for row in shown.to_dict("records")],
            "rows": shown["looks"],
            "first_at": shown["first_seen_at"],
            "last_at": shown["last_seen_at"],
            "reason": reason,
        }
    )


def _time_left(row: dict[Hashable, Any]) -> str:
    """The certificate's end in words."""
    name = f"{'' if pd.isna(row['key_type']) else row['key_type'] + ' '}certificate {row['leaf_sha256'][:12]}"
    if pd.isna(row["days_left"]):
        return f"{name} could not be read" if row["has_der"] else f"{name} is not known"
    words = f"{name} ends {end_in_words(row['not_after'], row['days_left'])}"
    if not pd.isna(row["threshold"]):
        words += f", at most {row['threshold']}" + (" of its lifetime" if "/" in row["threshold"] else "")
    if row["state"] == "not_yet_valid":
        words += f"; it begins {row['not_before']:%Y-%m-%d %H:%M}"
    if row["overdue_days"] and not pd.isna(row["overdue_days"]):
        words += f"; {row['overdue_days']:.1f} days later than the slot's habit"
    if row["successor_state"] == "issued":
        words += "; a successor is issued"
    return words


def _of_rules(scope: InService, rules: pd.DataFrame) -> pd.DataFrame:
    rules = _with_rows_of(scope.tables, rules)
    refused = scope.tables.support.index[scope.tables.support["state"] == "refused"]
    is_refused = (rules["evidence_table"] == "support") & rules["evidence_row"].isin(refused)
    rules = rules.assign(found=rules["found"].mask(is_refused.fillna(False), rules["found"] + " refused"))
    return summarise_findings(rules, by="found").rename(columns={"policy": "check"})


def _outdated_surveys(scope: InService, names: list[str]) -> pd.DataFrame:
    """An unknown row for each service whose last survey lies before the window."""
    services = scope.services
    if scope.surveyed_since is None:
        return services[:0]
    is_old = services["is_judged"] & (services["surveyed_at"] < scope.surveyed_since).fillna(False)
    old = services[is_old]
    rows = old[["service", "host"]].assign(
        verdict="unknown",
        reason=f"last surveyed before {scope.surveyed_since:%Y-%m-%d}",
        first_at=old["surveyed_at"],
        last_at=old["surveyed_at"],
    )
    return pd.concat([rows.assign(check=name) for name in names]) if names else rows[:0]


def _of_statements(scope: InService, findings: pd.DataFrame) -> pd.DataFrame:
    """Published statements by stretches of one verdict; without history, the last stretch of each."""
    held = _with_rows_of(scope.known, findings) if scope.since is not None else findings
    stretches = summarise_findings(held.assign(service=None, host=None), by="stretch")
    stretches = stretches.rename(columns={"policy": "check"})
    if scope.surveyed_since is None:
        return stretches
    # Rows without a place in time come last, with a reason.
    is_dated = stretches["reason"].isna()
    has_dated = is_dated.groupby([stretches["check"], stretches["rule"]]).transform("any")
    last = stretches[is_dated | ~has_dated].drop_duplicates(["check", "rule"], keep="last")
    is_aside = ~is_dated[last.index] & (last["verdict"] != "unknown")
    is_old = is_dated[last.index] & (last["last_at"] < scope.surveyed_since).fillna(False)
    reason = last["reason"].mask(is_aside, "only rows without a place in time speak of it: " + last["reason"])
    reason = reason.mask(is_old, f"no row since {scope.surveyed_since:%Y-%m-%d} speaks of it")
    return last.assign(verdict=last["verdict"].mask(is_aside | is_old, "unknown"), reason=reason)


def _with_rows_of(tables: Tables, findings: pd.DataFrame) -> pd.DataFrame:
    """The findings with the positions of their evidence in the tables that were given to `check`."""
    rows = findings["evidence_row"].copy()
    for name in ("observations", "support"):
        is_of = (findings["evidence_table"] == name).fillna(False).astype(bool)
        rows[is_of] = getattr(tables, name).index.to_numpy()[findings.loc[is_of, "evidence_row"].astype("int64")]
    return findings.assign(evidence_row=rows)


def count(checks: pd.DataFrame) -> dict[str, int]:
    """How many rows of `check` are `findings`, `fine` and `unknown`.

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(since="2026-01-01T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> checks = toolkit.check(tables, now=datetime(2026, 1, 24, tzinfo=UTC), roots=Lab().roots, policy="ietf")
    >>> toolkit.checking.count(checks)
    {'findings': 4, 'fine': 40, 'unknown': 0}
    """
    is_finding = checks["is_finding"]
    return {
        "findings": int(is_finding.eq(True).sum()),
        "fine": int(is_finding.eq(False).sum()),
        "unknown": int(is_finding.isna().sum()),
    }


def count_services(checks: pd.DataFrame) -> pd.DataFrame:
    """How many services each check finds something about, calls fine, and cannot tell about.

    Each service of the tables counts once in each check: where it has a finding, as that; else where something is
    unknown, as that. Published statements count one by one, since they are about all services at once.

    Columns: `check` (string), `services` (Int64), `findings`, `fine`, `unknown` (Int64, of the services), `statements`
    (Int64; 0 where the check is not about statements, which `services` leaves out).

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(since="2026-01-01T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> checks = toolkit.check(tables, now=datetime(2026, 1, 24, tzinfo=UTC), roots=Lab().roots, policy="ietf")
    >>> print(toolkit.checking.count_services(checks).to_string(index=False))
           check  services  findings  fine  unknown  statements
          expiry         1         1     0        0           0
           trust         1         1     0        0           0
            ietf         1         1     0        0           0
    reachability         1         0     1        0           0
    """
    is_statement = (checks["level"] == "claim").fillna(False)
    names = name_services(checks).mask(is_statement, checks["rule"])
    state = checks["is_finding"].map({True: 2, False: 0}).astype("Int64").fillna(1)
    worst = checks.assign(name=names, is_statement=is_statement, state=state).groupby(
        ["check", "name", "is_statement"], sort=False, as_index=False
    )["state"].max()  # fmt: skip
    counted = worst.assign(
        services=~worst["is_statement"], findings=worst["state"] == 2, fine=worst["state"] == 0,
        unknown=worst["state"] == 1, statements=worst["is_statement"],
    )  # fmt: skip
    columns = ["services", "findings", "fine", "unknown", "statements"]
    sums: pd.DataFrame = counted.groupby("check", sort=False)[columns].sum().astype("Int64").reset_index()
    return sums
