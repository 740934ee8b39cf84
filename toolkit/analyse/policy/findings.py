"""Observations judged by dated rules: each meets the rule, falls short of it, or is unknown."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import NULL, Bools, Ints, Texts, as_instants
from toolkit.analyse.policy.evidence import IDENTITY
from toolkit.analyse.policy.statements import judge_statements
from toolkit.analyse.policy.subjects import OF_SUITES, EvidenceRows, RuledRows, Subjects
from toolkit.columns import Column, dtypes, empty, returns
from toolkit.epoch import microseconds
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
"""The columns of `judge`. The evidence of a verdict is the row of the tables that it rests on."""

_OF_RULE: Final = ("policy", "rule", "level", "subject", "required", "authority")
_OF_EVIDENCE: Final = (
    *IDENTITY, "observed_at", "observed_from", "observed_until", "evidence_table", "evidence_row", "source",
)  # fmt: skip


@returns(FINDINGS)
def judge(tables: Tables, policy: Policy, *, as_of: Instant = "observed") -> pd.DataFrame:
    """Judge observations by the rules of a policy: one row with a verdict per rule and row of evidence.

    `policy` is the name of a policy, the path of a file of rules, rules (`toolkit.reference.rules.read_rules`), or a
    list of these. The names (`toolkit.reference.rules.policies()`): `ietf` (RFC 6176, 7465, 7568, 8996, BCP 195 with
    RFC 10015), `mozilla-modern`, `mozilla-intermediate`, `mozilla-old` (editions 4.0 to 6.0), `nist` (SP 800-52r2,
    800-131A), `baseline` (certificates: RFC 5280, CA/Browser Forum with SC-081v3 and SC-097), `revocation` (short-lived
    certificates), `clients`, `chrome`, `apple` and `firefox` (purposes, SCTs), `federation` (clientAuth, which servers
    of mail, XMPP and SIP may need, and when CAs end it), `lets-encrypt` and `lets-encrypt-tlsserver` (lifetimes by the
    profile of its certificates), `gmail` (what a sender may use), and `google-help`, the published statements of
    Google's help page (`toolkit.analyse.policy.statements`).

    `as_of` chooses the rules, not the evidence. With `"observed"` each row is judged by the rules of its own day, so a
    scan of 2015 is not judged by the rules of 2026. With an instant every row is judged by the rules of that day. Rules
    about issuing (lifetime, SHA-1, …) apply by the day on which the certificate was issued, at the latest `as_of`.
    The verdict is `unknown` before the first edition of a rule, and where the day is not known well enough to choose an
    edition. Statements are compared with the rows of every day; one that cannot have been published by `as_of` is
    `unknown`.

    The evidence is a handshake (what it negotiated, the leaf that it showed) or an answer of a survey. What a rule
    forbids falls short where it is `accepted`, meets the rule where it is `refused`, and is unknown where it is
    `untested`. What a rule allows meets it where it is `accepted`, and otherwise gets no verdict. Rules about issuing
    give one verdict per certificate and service. Failed observations get none. Of tables without observations,
    such as a folder of certificates, each leaf is judged; nothing dates it but its issuance, so give `as_of`.

    Raises `UsageError` for an unknown policy, a value that is not a policy, an empty list, and for an `as_of` that is
    not an instant with a zone; `ReadError` for a file that does not hold a policy.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(until="2025-06-15T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> verdicts = toolkit.judge(tables, "ietf")
    >>> short = verdicts[verdicts["verdict"] == "falls short"]
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
    """The verdicts of `judge` by these rules; without rules there are none."""
    day = None if as_of == "observed" else zoned(as_of, "as_of")
    subjects = Subjects(tables)
    statements = [rule for rule in rules if rule.level == STATEMENT]
    found = judge_statements(tables, subjects.shown, statements, day) if statements else empty(FINDINGS)
    by_policy: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.level != STATEMENT:
            by_policy.setdefault(rule.policy, []).append(rule)
    judged = [part for of_policy in by_policy.values() for part in _judge_rules(subjects, of_policy, day)]
    frames = [frame for frame in (found, _as_frame(judged)) if not frame.empty]
    if not frames:
        return empty(FINDINGS)
    return pd.concat(frames, ignore_index=True).reindex(columns=list(dtypes(FINDINGS))).astype(dtypes(FINDINGS))


class _Days(NamedTuple):
    """The bounds of the day whose rules apply to each row, both inclusive."""

    earliest: Ints
    latest: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Verdicts:
    """Verdicts of a rule: `positions` in `rows`, and arrays of the same length. `is_dated`: by its own edition."""

    rule: Rule
    rows: EvidenceRows
    positions: Ints
    days: _Days
    found: Texts
    verdict: Texts
    reason: Texts
    is_dated: bool


def _judge_rules(subjects: Subjects, rules: list[Rule], day: pd.Timestamp | None) -> Iterator[_Verdicts]:
    """The verdicts of the rules of a policy, edition by edition, and of the rows that no edition covers."""
    by_name: dict[str, list[Rule]] = {}
    for rule in rules:
        by_name.setdefault(rule.rule, []).append(rule)
    ends = [rule.until for rule in rules]
    policy_until = max((end for end in ends if end), default=None) if None not in ends else None
    for editions in by_name.values():
        judged = [subjects.judge(rule) for rule in editions]
        for rule, ruled in zip(editions, judged, strict=True):
            yield _in_force(rule, ruled, _days_of(rule, ruled, day))
        yield _outside(editions, judged[0], _days_of(editions[0], judged[0], day), policy_until)


def _days_of(rule: Rule, ruled: RuledRows, day: pd.Timestamp | None) -> _Days:
    """The day whose rules apply to each row: that of the row, or `day`."""
    earliest, latest = ruled.rows.earliest[ruled.positions], ruled.rows.latest[ruled.positions]
    if day is None:
        return _Days(earliest, latest)
    asked = microseconds(day)
    if rule.dated_by == "observed":
        return _Days(np.full_like(earliest, asked), np.full_like(latest, asked))
    # A rule about issuing applies by the day of issue, or by the day asked for where that is earlier.
    issued = np.minimum(earliest, asked)
    return _Days(issued, issued)


def _within(rule: Rule, days: _Days) -> Bools:
    """Whether the day of each row is known to lie within the edition."""
    within: Bools = np.ones(len(days.earliest), dtype=bool)
    if rule.since is not None:
        within &= days.earliest >= microseconds(rule.since)  # NULL is before every instant
    if rule.until is not None:
        within &= (days.latest != NULL) & (days.latest < microseconds(rule.until))
    return within


def _in_force(rule: Rule, ruled: RuledRows, days: _Days) -> _Verdicts:
    """The verdicts on the rows whose day lies within the edition."""
    state = ruled.rows.state[ruled.positions]
    is_accepted = state == "accepted"
    verdict, reason = np.full(len(state), None, dtype=object), np.full(len(state), None, dtype=object)
    verdict[is_accepted] = "meets"
    verdict[is_accepted & ruled.is_broken] = "falls short"
    verdict[is_accepted & ruled.is_unknown] = "unknown"
    verdict[(state == "refused") & ruled.is_broken] = "meets"
    verdict[(state == "untested") & ruled.is_broken] = "unknown"
    reason[(verdict == "unknown") & is_accepted] = "the fact is not known"
    reason[(verdict == "unknown") & ~is_accepted] = "the survey could not test it"
    chosen = np.flatnonzero(_within(rule, days) & pd.notna(verdict))
    return _chosen(chosen, ruled, days, rule=rule, verdict=verdict, reason=reason, is_dated=True)


def _outside(editions: list[Rule], ruled: RuledRows, days: _Days, policy_until: datetime | None) -> _Verdicts:
    """Accepted before the first edition, after the end of the policy, or on a day that is not known well enough."""
    earliest, latest = days
    is_judged = np.zeros(len(earliest), dtype=bool)
    for rule in editions:
        is_judged |= _within(rule, days)
    is_known = (earliest != NULL) & (latest != NULL)
    reason = np.full(len(earliest), "its day is not known well enough", dtype=object)
    reason[is_known] = "a rule's date lies within the bounds of its day"
    first = min((rule.since for rule in editions if rule.since), default=None)
    if first is not None:
        reason[(latest != NULL) & (latest < microseconds(first))] = f"no such rule before {first:%Y-%m-%d}"
    ends = [microseconds(rule.until) for rule in editions if rule.until]
    if len(ends) == len(editions):
        if policy_until is not None:
            is_after = earliest >= microseconds(policy_until)
            reason[is_after] = f"no edition since {policy_until:%Y-%m-%d}"
            is_judged |= (earliest >= max(ends)) & ~is_after
        else:
            is_judged |= earliest >= max(ends)  # superseded by rules of other names
    chosen = np.flatnonzero((ruled.rows.state[ruled.positions] == "accepted") & ~is_judged)
    verdict = np.full(len(earliest), "unknown", dtype=object)
    return _chosen(chosen, ruled, days, rule=editions[0], verdict=verdict, reason=reason, is_dated=False)


def _chosen(
    chosen: Ints, ruled: RuledRows, days: _Days, *, rule: Rule, verdict: Texts, reason: Texts, is_dated: bool
) -> _Verdicts:
    """The verdicts on the chosen rows, on those that the rule applies to."""
    of_chosen = _Days(days.earliest[chosen], days.latest[chosen])
    return _Verdicts(
        rule, ruled.rows, ruled.positions[chosen], of_chosen, ruled.found[chosen], verdict[chosen], reason[chosen],
        is_dated,
    )  # fmt: skip


def _as_frame(judged: list[_Verdicts]) -> pd.DataFrame:
    """The verdicts as a frame, in the given order. The rows of each subject are taken at once."""
    judged = [part for part in judged if len(part.positions)]
    by_rows: dict[int, list[int]] = {}
    for number, part in enumerate(judged):
        by_rows.setdefault(id(part.rows), []).append(number)
    frames = [_frame_of([judged[number] for number in numbers]) for numbers in by_rows.values()]
    if not frames:
        return empty(FINDINGS)
    numbers = np.concatenate([np.repeat(n, len(judged[n].positions)) for of in by_rows.values() for n in of])
    return pd.concat(frames, ignore_index=True).iloc[np.argsort(numbers, kind="stable")]


def _frame_of(judged: list[_Verdicts]) -> pd.DataFrame:
    """The verdicts on the rows of one subject."""
    rows = judged[0].rows.frame.take(np.concatenate([part.positions for part in judged])).reset_index(drop=True)
    lengths = [len(part.positions) for part in judged]

    def of_rule(values: Iterable[object]) -> Texts:
        return np.repeat(np.array([*values], dtype=object), lengths)

    is_suite = of_rule(part.rule.subject in OF_SUITES for part in judged).astype(bool)
    is_leaf = of_rule(part.rule.subject in OF_CERTIFICATES for part in judged).astype(bool)
    earliest = np.concatenate([part.days.earliest for part in judged])
    latest = np.concatenate([part.days.latest for part in judged])
    return pd.DataFrame(
        {
            **{name: of_rule(getattr(part.rule, name) for part in judged) for name in _OF_RULE},
            "edition": of_rule(part.rule.edition if part.is_dated else None for part in judged),
            "rule_from_at": as_instants(
                np.repeat([_since(part.rule) if part.is_dated else NULL for part in judged], lengths)
            ),
            **{
                name: np.concatenate([getattr(part, name) for part in judged])
                for name in ("found", "verdict", "reason")
            },
            **{name: rows[name] for name in _OF_EVIDENCE},
            "protocol": rows["protocol"].mask(is_leaf),
            "suite": rows["suite"].where(is_suite),
            "leaf_sha256": rows["leaf_sha256"].where(is_leaf),
            "judged_at": as_instants(np.where(earliest == latest, earliest, NULL)),
        }
    )


def _since(rule: Rule) -> int:
    return NULL if rule.since is None else microseconds(rule.since)
