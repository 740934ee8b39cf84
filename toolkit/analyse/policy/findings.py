"""Observations judged by dated rules: each meets the rule, falls short of it, or is unknown."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

import pandas as pd

from toolkit.analyse.policy.statements import judge_statements
from toolkit.analyse.policy.subjects import OF_SUITES, RuledRows, Subjects
from toolkit.columns import Column, dtypes, empty, returns
from toolkit.instants import Instant, zoned
from toolkit.reference.rules import OF_CERTIFICATES, STATEMENT, Policy, Rule, load_policy
from toolkit.tables import Tables, require_tables

FINDINGS: Final = (
    Column("policy", "text", "name of the policy"),
    Column("edition", "text", "edition of the rule", "no edition of the rule covers the row's day"),
    Column("rule", "text", "name of the rule"),
    Column("level", "text", "`must`, `should`, or `statement` (a published statement)"),
    Column(
        "verdict", "text", "`meets`, `falls short`, `unknown`; of a statement `confirmed`, `contradicted`, `unknown`"
    ),
    Column("service", "text", "service of the evidence", "the source does not say"),
    Column("host", "text", "host of the evidence", "the source does not say"),
    Column("server_name", "text", "server name that was asked for", "the source does not say"),
    Column("subject", "text", "what the rule is about: `protocol`, `suite`, `cipher`, `key_bits`, …"),
    Column("found", "text", "what the evidence shows", "there is no evidence"),
    Column("required", "text", "what the rule asks for, in words"),
    Column("protocol", "text", "version of the evidence", "it has none, or the rule is about certificates"),
    Column("suite", "text", "suite of the evidence", "it has none, or the rule is not about suites"),
    Column("leaf_sha256", "text", "leaf of the evidence", "it has none, or the rule is not about certificates"),
    Column(
        "rule_from_at", "instant", "from when the rule holds; of a statement the first day on which it can have been "
        "published", "the day is not known, or no edition of the rule covers the row's day",
    ),
    Column("judged_at", "instant", "the day whose rules were applied", "it is not known exactly"),
    Column("observed_at", "instant", "of the evidence", "not known to the instant"),
    Column("observed_from", "instant", "earliest instant of the evidence", "nothing bounds it"),
    Column("observed_until", "instant", "latest instant of the evidence", "nothing bounds it"),
    Column("evidence_table", "text", "`observations`, `support` or `certificates`", "there is no evidence"),
    Column("evidence_row", "integer", "position of the evidence in that table, from 0", "there is no evidence"),
    Column("reason", "text", "why the verdict is `unknown`", "it is not"),
    Column("authority", "text", "document and section of the rule"),
    Column("source", "text", "source of the evidence", "the tables do not say"),
)  # fmt: skip
"""The columns of `judge`. The evidence of a finding is the row of the tables that it rests on."""

_OF_EVIDENCE: Final = ("observed_at", "observed_from", "observed_until", "evidence_table", "evidence_row")


@returns(FINDINGS)
def judge(tables: Tables, policy: Policy, *, as_of: Instant = "observed") -> pd.DataFrame:
    """Judge observations by the rules of a policy: one finding per rule and row of evidence.

    `policy` is the name of a policy, the path of a file of rules, rules (`toolkit.reference.rules.read_rules`), or a
    list of these. The names (`toolkit.reference.rules.policies()`): `ietf` (RFC 6176, 7465, 7568, 8996, BCP 195
    with RFC 10015), `mozilla-modern`, `mozilla-intermediate`, `mozilla-old` (editions 4.0 to 6.0), `nist`
    (SP 800-52r2, 800-131A), `baseline` (certificates: RFC 5280, CA/Browser Forum with SC-081v3 and SC-097),
    `revocation` (short-lived certificates), `clients`, `chrome` and `apple` (purposes, SCTs), `lets-encrypt` and
    `lets-encrypt-tlsserver` (lifetimes by the profile of its certificates), `gmail` (what a sender may use), and
    `google-help`, the published statements of Google's help page (`toolkit.analyse.policy.statements`).

    `as_of` chooses the rules, not the evidence. With `"observed"` each row is judged by the rules of its own day, so a
    scan of 2015 is not judged by the rules of 2026. With an instant every row is judged by the rules of that day. Rules
    about issuing (lifetime, SHA-1, …) apply by the day on which the certificate was issued, at the latest `as_of`.
    The verdict is `unknown` before the first edition of a rule, and where the day is not known well enough to choose an
    edition. Statements are compared with the rows of every day; one that cannot have been published by `as_of` is
    `unknown`.

    The evidence is a handshake (what it negotiated, the leaf that it showed) or an answer of a survey. What a rule
    forbids falls short where it is `accepted`, meets the rule where it is `refused`, and is unknown where it is
    `untested`. What a rule allows meets it where it is `accepted`, and otherwise makes no finding. Rules about issuing
    make one finding per certificate and service. Failed observations make no finding. Of tables without observations,
    such as a folder of certificates, each leaf is judged; nothing dates it but its issuance, so give `as_of`.

    Raises `UsageError` for an unknown policy, a value that is not a policy, an empty list, and for an `as_of` that is
    not an instant with a zone; `ReadError` for a file that does not hold a policy.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(until="2025-06-15T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> findings = toolkit.judge(tables, "ietf")
    >>> short = findings[findings["verdict"] == "falls short"]
    >>> print(toolkit.chart.tabulate(short, columns=["service", "rule", "found", "rule_from_at"], rows=3))
                      service rule                    found rule_from_at
    smtp://legacy.lab.test:25  rc4 TLS_RSA_WITH_RC4_128_MD5   2015-02-01
    smtp://legacy.lab.test:25  rc4 TLS_RSA_WITH_RC4_128_SHA   2015-02-01
    smtp://legacy.lab.test:25  rc4 TLS_RSA_WITH_RC4_128_MD5   2015-02-01
    … and 37 more rows
    """
    require_tables(tables, "judge")
    return judge_by_rules(tables, load_policy(policy), as_of=as_of)


def judge_by_rules(tables: Tables, rules: Iterable[Rule], *, as_of: Instant) -> pd.DataFrame:
    """The findings of `judge` by these rules; without rules there are none."""
    day = None if as_of == "observed" else zoned(as_of, "as_of")
    subjects = Subjects(tables)
    statements = [rule for rule in rules if rule.level == STATEMENT]
    frames = [judge_statements(tables, subjects.shown, statements, day)] if statements else []
    by_policy: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.level != STATEMENT:
            by_policy.setdefault(rule.policy, []).append(rule)
    for of_policy in by_policy.values():
        frames += _judge_rules(subjects, of_policy, day)
    found = [frame for frame in frames if not frame.empty]
    if not found:
        return empty(FINDINGS)
    return pd.concat(found, ignore_index=True).reindex(columns=list(dtypes(FINDINGS))).astype(dtypes(FINDINGS))


def _judge_rules(subjects: Subjects, rules: list[Rule], day: pd.Timestamp | None) -> list[pd.DataFrame]:
    """The findings of the rules of a policy, edition by edition, and of the rows that no edition covers."""
    by_name: dict[str, list[Rule]] = {}
    for rule in rules:
        by_name.setdefault(rule.rule, []).append(rule)
    ends = [rule.until for rule in rules]
    policy_until = max((end for end in ends if end), default=None) if None not in ends else None
    frames = []
    for editions in by_name.values():
        judged = [_dated_by(rule, subjects.judge(rule), day) for rule in editions]
        frames += [_in_force(rule, part) for rule, part in zip(editions, judged, strict=True)]
        frames.append(_outside(editions, judged[0], policy_until))
    return frames


def _dated_by(rule: Rule, judged: RuledRows, day: pd.Timestamp | None) -> RuledRows:
    """The rows with `earliest` and `latest`, the bounds of the day whose rules apply: that of the row, or `day`."""
    if day is None:
        return judged
    rows = judged.rows
    if rule.dated_by == "observed":
        return replace(judged, rows=rows.assign(earliest=day, latest=day))
    # A rule about issuing applies by the day of issue, or by the day asked for where that is earlier.
    issued = rows["earliest"].mask(rows["earliest"] > day, day)
    return replace(judged, rows=rows.assign(earliest=issued, latest=issued))


def _within(rule: Rule, rows: pd.DataFrame) -> pd.Series:
    """Whether the day of each row is known to lie within the edition."""
    within = rows["earliest"].notna() & rows["latest"].notna()
    if rule.since is not None:
        within &= rows["earliest"] >= rule.since
    if rule.until is not None:
        within &= rows["latest"] < rule.until
    return within


def _in_force(rule: Rule, judged: RuledRows) -> pd.DataFrame:
    """The findings of the rows whose day lies within the edition."""
    within = _within(rule, judged.rows)
    rows, is_broken, found = judged.rows[within], judged.is_broken[within], judged.found[within]
    if rows.empty:
        return pd.DataFrame()
    is_accepted = rows["state"] == "accepted"
    breaks = is_broken.fillna(False).astype(bool)
    verdict = pd.Series(pd.NA, rows.index, dtype="string")
    verdict[is_accepted] = "meets"
    verdict[is_accepted & breaks] = "falls short"
    verdict[is_accepted & is_broken.isna()] = "unknown"
    verdict[(rows["state"] == "refused") & breaks] = "meets"
    verdict[(rows["state"] == "untested") & breaks] = "unknown"
    reason = pd.Series(pd.NA, rows.index, dtype="string")
    reason[verdict == "unknown"] = "the fact is not known"
    reason[(verdict == "unknown") & ~is_accepted] = "the survey could not test it"
    has_verdict = verdict.notna()
    frame = _findings(rule, rows[has_verdict], found[has_verdict], verdict[has_verdict], reason[has_verdict])
    return frame.assign(edition=rule.edition, rule_from_at=rule.since)


def _outside(editions: list[Rule], judged: RuledRows, policy_until: datetime | None) -> pd.DataFrame:
    """Accepted before the first edition, after the end of the policy, or on a day that is not known well enough."""
    rows = judged.rows
    judged_rows = pd.Series(False, rows.index)
    for rule in editions:
        judged_rows |= _within(rule, rows)
    reason = pd.Series("its day is not known well enough", rows.index, dtype="string")
    reason[rows["earliest"].notna() & rows["latest"].notna()] = "a rule's date lies within the bounds of its day"
    first = min((rule.since for rule in editions if rule.since), default=None)
    if first is not None:
        reason[rows["latest"] < first] = f"no such rule before {first:%Y-%m-%d}"
    ends = [rule.until for rule in editions if rule.until]
    if len(ends) == len(editions):
        if policy_until is not None:
            reason[rows["earliest"] >= policy_until] = f"no edition since {policy_until:%Y-%m-%d}"
            judged_rows |= (rows["earliest"] >= max(ends)) & ~(rows["earliest"] >= policy_until)
        else:
            judged_rows |= rows["earliest"] >= max(ends)  # superseded by rules of other names
    chosen = (rows["state"] == "accepted") & ~judged_rows
    if not chosen.any():
        return pd.DataFrame()
    verdict = pd.Series("unknown", rows.index, dtype="string")
    return _findings(editions[0], rows[chosen], judged.found[chosen], verdict[chosen], reason[chosen])


def _findings(rule: Rule, rows: pd.DataFrame, found: pd.Series, verdict: pd.Series, reason: pd.Series) -> pd.DataFrame:
    is_suite, is_leaf = rule.subject in OF_SUITES, rule.subject in OF_CERTIFICATES
    nothing = pd.Series(pd.NA, rows.index, dtype="string")
    return pd.DataFrame(
        {
            "policy": rule.policy,
            "rule": rule.rule,
            "level": rule.level,
            "verdict": verdict,
            **{name: rows[name] for name in ("service", "host", "server_name")},
            "subject": rule.subject,
            "found": found,
            "required": rule.required,
            "protocol": nothing if is_leaf else rows["protocol"],
            "suite": rows["suite"] if is_suite else nothing,
            "leaf_sha256": rows["leaf_sha256"] if is_leaf else nothing,
            "judged_at": rows["earliest"].where(rows["earliest"] == rows["latest"]),
            **{name: rows[name] for name in _OF_EVIDENCE},
            "reason": reason,
            "authority": rule.authority,
            "source": rows["source"],
        }
    )
