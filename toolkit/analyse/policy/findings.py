"""Rules with dates, and what the tables say about each: meets, falls short, or unknown."""

from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

import numpy as np
import pandas as pd

from toolkit import columns
from toolkit.analyse.policy.statements import judge_claims
from toolkit.analyse.policy.subjects import OF_SUITES, Judged, Subjects
from toolkit.errors import UsageError
from toolkit.instants import zoned
from toolkit.reference.rules import OF_CERTIFICATES, Policy, Rule, load_policy
from toolkit.tables import Tables, require_tables

DTYPES: Final = {
    "policy": "string",
    "edition": "string",
    "rule": "string",
    "level": "string",
    "verdict": "string",
    "service": "string",
    "host": "string",
    "server_name": "string",
    "subject": "string",
    "found": "string",
    "required": "string",
    "protocol": "string",
    "suite": "string",
    "leaf_sha256": "string",
    "since": columns.DTYPES["instant"],
    "as_of": columns.DTYPES["instant"],
    "observed_at": columns.DTYPES["instant"],
    "observed_from": columns.DTYPES["instant"],
    "observed_until": columns.DTYPES["instant"],
    "evidence_table": "string",
    "evidence_row": "Int64",
    "reason": "string",
    "authority": "string",
    "source": "string",
}
"""Columns of `judge`, in order, and their dtypes."""

_OF_EVIDENCE: Final = ("observed_at", "observed_from", "observed_until", "evidence_table", "evidence_row")
_WORST_FIRST: Final = ("falls short", "contradicted", "unknown", "confirmed", "meets")


def judge(tables: Tables, policy: Policy, *, as_of: datetime | str = "observed") -> pd.DataFrame:
    """A finding per rule and row of evidence: what the rule asks, what the row shows, and since when it held.

    `as_of` chooses the rules, not the evidence: `observed` judges each row by the rules of its own day (a 2015 scan
    is not a 2026 failure), an instant judges every row by the rules of that day. Before a rule's first edition, and
    where the row's day is not known well enough to tell which one was in force, the verdict is `unknown`.
    Rules about issuing (lifetime, SHA-1, …) go by the day on which the certificate was issued, at the latest `as_of`.
    Claims are held against rows of every day; one that cannot have been published by `as_of` is `unknown`.

    Policies (`toolkit.reference.rules.policies()`): `ietf` (RFC 6176, 7465, 7568, 8996, BCP 195), `mozilla-modern`,
    `mozilla-intermediate`, `mozilla-old` (editions 4.0 to 6.0), `nist` (SP 800-52r2, 800-131A), `baseline`
    (certificates: RFC 5280, CA/Browser Forum with SC-081v3), `clients`, and `google-help`, dated claims whose
    verdicts are `confirmed`, `contradicted` and `unknown` (see `toolkit.analyse.policy.statements`). Or the path of a
    file of rules, or the rules themselves (`toolkit.reference.rules.read_rules`).

    Judged are handshakes by what they negotiated and the leaf they showed, and answers of surveys: what a rule
    forbids falls short where it is `accepted`, meets it where it is `refused`, and is unknown where it is `untested`;
    what a rule allows meets it where it is `accepted` and is no finding otherwise. Rules about issuing make one
    finding per certificate and service. Failed looks show nothing and make none.

    Columns, in order:

    - `policy`, `edition`, `rule` (string), `level` (string: `must`, `should`, `claim`), `verdict` (string: `meets`,
      `falls short`, `unknown`; of claims `confirmed`, `contradicted`, `unknown`)
    - `service`, `host`, `server_name` (string, null: the source does not say)
    - `subject` (string: `protocol`, `suite`, `cipher`, `key_bits`, …), `found` (string, what the row shows), `required`
      (string, what the rule asks, in words)
    - `protocol`, `suite`, `leaf_sha256` (string, of the evidence; null: it is not about that)
    - `since` (instant, from when the rule held, or the first day on which the claim can have been published; null: not
      yet), `as_of` (instant, the day whose rules were applied; null: not known)
    - `observed_at`, `observed_from`, `observed_until` (instant, of the evidence, and what bounds it where it is not
      known; null: undated, nothing bounds it), `evidence_table` (string: `observations`, `support`,
      `certificates`; null: there is none), `evidence_row` (Int64, position in that table)
    - `reason` (string, why it is unknown; null elsewhere), `authority` (string, document and section), `source`
      (string, of the evidence; null: the tables do not say)

    Raises `UsageError` for a policy that does not exist, for what is no policy, and for an `as_of` without a zone,
    `ReadError` for a file that is no policy.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(until="2025-06-15T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> findings = toolkit.judge(tables, "ietf")
    >>> short = findings[findings["verdict"] == "falls short"]
    >>> print(toolkit.chart.tabulate(short, columns=["service", "rule", "found", "since"], rows=3))
                      service rule                    found      since
    smtp://legacy.lab.test:25  rc4 TLS_RSA_WITH_RC4_128_MD5 2015-02-01
    smtp://legacy.lab.test:25  rc4 TLS_RSA_WITH_RC4_128_SHA 2015-02-01
    smtp://legacy.lab.test:25  rc4 TLS_RSA_WITH_RC4_128_MD5 2015-02-01
    … and 37 more rows
    """
    require_tables(tables, "judge")
    rules = load_policy(policy)
    day = None if as_of == "observed" else zoned(as_of, "as_of")
    subjects = Subjects(tables)
    frames = [judge_claims(tables, subjects.evidence, [rule for rule in rules if rule.level == "claim"], day)]
    frames += _judge_rules(subjects, [rule for rule in rules if rule.level != "claim"], day)
    found = [frame for frame in frames if not frame.empty]
    if not found:
        return pd.DataFrame({name: pd.Series([], dtype=dtype) for name, dtype in DTYPES.items()})
    return pd.concat(found, ignore_index=True).reindex(columns=list(DTYPES)).astype(DTYPES)


def summarise_findings(
    findings: pd.DataFrame, *, by: Literal["verdict", "found", "stretch"] = "verdict"
) -> pd.DataFrame:
    """The findings counted: one row per policy, rule, service and verdict, the worst first.

    `by="found"` gives one row for each distinct thing found as well. `by="stretch"` gives one row for each run of dated
    rows with the same verdict, in the order of time (policy, rule and service first): `first_at` and `last_at` are then
    those of the first and the last row of the run, and tell nothing about what was between two runs. Rows that lack a
    bound, and rows whose bounds overlap those of a row with another verdict, have no place in that order: they come
    last, with a `reason`.

    Columns: `policy`, `rule`, `level`, `service`, `host`, `verdict` (string), `found` (string, the distinct values, at
    most five named), `required`, `authority` (string), `since` (instant, the earliest; null: none), `rows` (Int64),
    `first_at`, `last_at` (instant, between which the evidence lies as far as it is dated; null: nothing bounds it),
    `evidence` (string, such as
    `support 7–14, observations 3`, at most eight ranges; null: none), `reason` (string, why unknown), `source`.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(until="2025-06-15T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> summary = toolkit.summarise_findings(toolkit.judge(tables, "ietf"))
    >>> short = summary[summary["verdict"] == "falls short"]
    >>> print(toolkit.chart.tabulate(short, columns=["rule", "level", "rows"]))
               rule  level rows
    forward-secrecy should   25
                rc4   must    8
               ssl3   must    1
       strength-128 should    4
              tls10   must    1
              tls11   must    1
    """
    missing = set(DTYPES) - set(getattr(findings, "columns", ()))
    if missing:
        raise UsageError(
            f"summarise_findings reads the frame of judge; this is a {type(findings).__name__} without "
            f"{', '.join(sorted(missing)[:3])}. Give what judge returns."
        )
    keys = ["policy", "rule", "level", "service", "host", "verdict"]
    if by == "stretch":
        findings = _with_stretches(findings, [key for key in keys if key != "verdict"])
    by_keys = keys if by == "verdict" else [*keys, by]
    grouped = findings.groupby(by_keys, dropna=False, sort=False)
    group = grouped.ngroup()
    counted = findings.assign(is_row=findings["evidence_row"].notna()).groupby(by_keys, dropna=False, sort=False)
    frame = counted.agg(
        since=("since", "min"), rows=("is_row", "sum"), first_at=("observed_from", "min"),
        last_at=("observed_until", "max"),
    )  # fmt: skip
    frame = frame.reset_index()[[*keys, "since", "rows", "first_at", "last_at"]]
    for name, most in (("found", 5), ("required", 1), ("authority", 3), ("reason", 2), ("source", 5)):
        frame[name] = _listed(findings[name], group, most).reindex(frame.index)
    frame["evidence"] = _ranges(findings, group).reindex(frame.index)
    dtypes = dict.fromkeys([*keys, "found", "required", "authority"], "string") | {"since": columns.DTYPES["instant"]}
    dtypes |= {"rows": "Int64", **dict.fromkeys(["first_at", "last_at"], columns.DTYPES["instant"])}
    dtypes |= dict.fromkeys(["evidence", "reason", "source"], "string")
    frame = frame[list(dtypes)].astype(dtypes)
    worst = frame["verdict"].map({verdict: rank for rank, verdict in enumerate(_WORST_FIRST)})
    by_time = ["policy", "rule", "service", "host"]
    order = frame.assign(worst=worst, is_aside=frame["reason"].notna()).sort_values(
        [*by_time, "is_aside", "first_at"] if by == "stretch" else ["policy", "worst", *by_time[1:]], kind="stable"
    )
    return order.drop(columns=["worst", "is_aside"]).reset_index(drop=True)


def _with_stretches(findings: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The findings with `stretch`, the number of the run of one verdict; null, with a reason, where it is not known."""
    parts = [_in_stretches(rows) for _, rows in findings.groupby(keys, dropna=False, sort=False)]
    return pd.concat(parts) if parts else findings.assign(stretch=pd.Series([], dtype="Int64"))


def _in_stretches(rows: pd.DataFrame) -> pd.DataFrame:
    is_dated = rows["observed_from"].notna() & rows["observed_until"].notna()
    is_torn = pd.Series(False, rows.index)
    for verdict in rows["verdict"].unique():
        mine, others = rows[is_dated & (rows["verdict"] == verdict)], rows[is_dated & (rows["verdict"] != verdict)]
        wide = mine[mine["observed_from"] < mine["observed_until"]]
        begun = np.searchsorted(np.sort(others["observed_from"].to_numpy()), wide["observed_until"].to_numpy(), "right")
        ended = np.searchsorted(np.sort(others["observed_until"].to_numpy()), wide["observed_from"].to_numpy(), "left")
        is_torn[wide.index] = begun > ended
    placed = rows[is_dated & ~is_torn].sort_values(["observed_from", "observed_until"], kind="stable")
    runs = (placed["verdict"] != placed["verdict"].shift()).fillna(True).astype("Int64").cumsum()
    reason = rows["reason"].astype("string").mask(is_torn, "its bounds overlap rows with another verdict")
    reason = reason.mask(~is_dated & reason.isna(), "not dated on both sides")
    return rows.assign(stretch=runs.reindex(rows.index), reason=reason)


def _judge_rules(subjects: Subjects, rules: list[Rule], day: pd.Timestamp | None) -> list[pd.DataFrame]:
    """The findings of the rules that hold or held, edition by edition."""
    by_name: dict[str, list[Rule]] = {}
    for rule in rules:
        by_name.setdefault(rule.rule, []).append(rule)
    ends = [rule.until for rule in rules]
    policy_until = max((end for end in ends if end), default=None) if None not in ends else None
    frames = []
    for editions in by_name.values():
        judged = [_on_the_day(rule, subjects.judge(rule), day) for rule in editions]
        frames += [_in_force(rule, part) for rule, part in zip(editions, judged, strict=True)]
        frames.append(_outside(editions, judged[0], policy_until))
    return frames


def _on_the_day(rule: Rule, judged: Judged, day: pd.Timestamp | None) -> Judged:
    """The rows dated by the day whose rules apply: that of the row, or the one asked for."""
    if day is None:
        return judged
    rows = judged.rows
    if rule.dated_by == "observed":
        return replace(judged, rows=rows.assign(earliest=day, latest=day))
    # A rule about issuing goes by the certificate's own day, unless that lies after the day asked for.
    issued = rows["earliest"].mask(rows["earliest"] > day, day)
    return replace(judged, rows=rows.assign(earliest=issued, latest=issued))


def _within(rule: Rule, rows: pd.DataFrame) -> pd.Series:
    """The rows whose day, as far as it is known, lies within the edition."""
    within = rows["earliest"].notna() & rows["latest"].notna()
    if rule.since is not None:
        within &= rows["earliest"] >= rule.since
    if rule.until is not None:
        within &= rows["latest"] < rule.until
    return within


def _in_force(rule: Rule, judged: Judged) -> pd.DataFrame:
    """The findings of the rows that the edition judges."""
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
    reason[(verdict == "unknown") & ~is_accepted] = "it was not tested"
    told = verdict.notna()
    frame = _findings(rule, rows[told], found[told], verdict[told], reason[told])
    return frame.assign(edition=rule.edition, since=rule.since)


def _outside(editions: list[Rule], judged: Judged, policy_until: datetime | None) -> pd.DataFrame:
    """What was accepted before the first edition, after the whole policy ended, or on a day not known well enough."""
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
            "as_of": rows["earliest"].where(rows["earliest"] == rows["latest"]),
            **{name: rows[name] for name in _OF_EVIDENCE},
            "reason": reason,
            "authority": rule.authority,
            "source": rows["source"],
        }
    )


def _listed(values: pd.Series, group: pd.Series, most: int) -> pd.Series:
    """By number of the group: its distinct values, at most so many of them named; null where there are none."""
    pairs = pd.DataFrame({"group": group, "value": values}).dropna(subset="value").drop_duplicates()
    place = pairs.groupby("group").cumcount()
    named = pairs[place < most].groupby("group")["value"].agg(lambda shown: ", ".join(map(str, shown)))
    more = pairs.groupby("group").size() - most
    words = (" and " + more[more > 0].astype("string") + " more").reindex(named.index).fillna("")
    return named.astype("string") + words


def _ranges(findings: pd.DataFrame, group: pd.Series, most: int = 8) -> pd.Series:
    """By number of the group: its rows of evidence by table, consecutive ones as a range; null where there are none."""
    rows = findings[["evidence_table", "evidence_row"]].assign(group=group).dropna().drop_duplicates()
    rows = rows.sort_values(["group", "evidence_table", "evidence_row"])
    tables = ["group", "evidence_table"]
    is_first = rows["evidence_row"].diff().ne(1) | (rows.groupby(tables).cumcount() == 0)
    runs = rows.assign(run=is_first.astype("int64").cumsum()).groupby([*tables, "run"], as_index=False)["evidence_row"]
    ends = runs.agg(["first", "last", "size"])
    words = ends["first"].astype("string")
    words = words.mask(ends["first"] != ends["last"], words + "–" + ends["last"].astype("string"))
    ends = ends.assign(words=words, place=ends.groupby(tables).cumcount())
    listed = ends[ends["place"] < most].groupby(tables)["words"].agg(", ".join)
    size = ends.groupby(tables)["size"].sum()
    more = (", … (" + size[ends.groupby(tables).size() > most].astype("string") + " rows)").reindex(listed.index)
    of_tables = (listed + more.fillna("")).reset_index(name="words")
    of_tables["words"] = of_tables["evidence_table"] + " " + of_tables["words"]
    return of_tables.groupby("group")["words"].agg("; ".join).astype("string")
