"""Rules and published statements, as rows of a check."""

from collections.abc import Iterable
from typing import Final

import pandas as pd

from toolkit.analyse import summarise_findings
from toolkit.checking.advice import KEEP_POST_QUANTUM
from toolkit.checking.in_service import InService
from toolkit.reference import groups
from toolkit.reference.rules import Rule
from toolkit.tables import Tables

_OF_ONE_CERTIFICATE: Final = frozenset({"lifetime", "names", "revocation", "scts", "serial", "validity"})
"""Subjects of rules by which what is found differs from one certificate to its successor."""

_QUESTION: Final = ["service", "protocol", "suite", "group", "signature_scheme", "key_type"]


def judge_rules(scope: InService, findings: pd.DataFrame, given: Iterable[Rule]) -> pd.DataFrame:
    """The verdicts of rules (`judge`), a row per rule, service, verdict and thing found. `given` are the rules.

    `gained` in place of `falls short`: an earlier survey refused what the last one accepted. `low`, with the advice to
    keep it: a post-quantum group that a rule does not allow because it lists no such group.
    """
    rules = _with_rows_of(scope.tables, findings)
    refused = scope.tables.support.index[scope.tables.support["state"] == "refused"]
    is_refused = (rules["evidence_table"] == "support") & rules["evidence_row"].isin(refused)
    rules = rules.assign(found=rules["found"].mask(is_refused.fillna(False), rules["found"] + " refused"))
    judged = summarise_rules(rules)
    things = rules[["service", "rule", "found"]].assign(refused_at=rules["evidence_row"].map(_find_gained(scope)))
    things = things[(rules["evidence_table"] == "support").fillna(value=False) & (rules["verdict"] == "falls short")]
    gained = things.dropna(subset="refused_at").groupby(["service", "rule", "found"])["refused_at"].max().reset_index()
    at = judged[["service", "rule", "found"]].merge(gained, how="left")["refused_at"]
    is_gained = (judged["verdict"] == "falls short") & at.notna()
    reason = at.map(lambda instant: f"refused by the survey of {instant:%Y-%m-%d %H:%M}", na_action="ignore")
    is_newer = (judged["verdict"] == "falls short") & _is_newer_than_rule(judged, given)
    empty = pd.Series(pd.NA, judged.index, dtype="string")
    return judged.assign(
        verdict=judged["verdict"].mask(is_gained, "gained"),
        severity=empty.mask(is_newer, "low"),
        reason=judged["reason"].mask(is_gained, reason.astype("string")),
        advice=empty.mask(is_newer, KEEP_POST_QUANTUM),
    )


def _is_newer_than_rule(judged: pd.DataFrame, given: Iterable[Rule]) -> "pd.Series[bool]":
    """Whether what was found is a post-quantum group, and none of those that the rule allows is one."""
    newer = {group.name for group in groups().values() if group.is_post_quantum}
    old = {(rule.policy, rule.rule, rule.required) for rule in given
           if rule.subject == "group" and newer.isdisjoint(rule.value)}  # fmt: skip
    names = judged[["check", "rule", "required"]].itertuples(index=False, name=None)
    is_old = pd.Series([name in old for name in names], judged.index, dtype="bool")
    is_newer: pd.Series[bool] = judged["found"].isin(newer) & is_old
    return is_newer


def summarise_rules(findings: pd.DataFrame) -> pd.DataFrame:
    """The verdicts of rules, a row per rule, service, verdict and thing found: columns of `check`, and `subject`."""
    judged = summarise_findings(findings, by="found").rename(columns={"policy": "check"})
    subjects = findings.drop_duplicates(["policy", "rule"]).set_index(["policy", "rule"])["subject"]
    subject = subjects.reindex(pd.MultiIndex.from_frame(judged[["check", "rule"]])).set_axis(judged.index)
    return judged.assign(subject=subject, about=judged["found"].mask(subject.isin(_OF_ONE_CERTIFICATE)))


def _find_gained(scope: InService) -> dict[int, pd.Timestamp]:
    """Position of an accepted answer → when the last earlier survey refused it, at every address that it asked."""
    known = scope.known.support
    answers = known[known["state"].isin(["accepted", "refused"])]
    if not (answers["state"] == "refused").any():
        return {}
    answers = answers.assign(question=answers.groupby(_QUESTION, dropna=False, sort=False).ngroup(),
                             at=answers["observed_at"].fillna(answers["observed_until"]),
                             is_accepted=answers["state"] == "accepted")  # fmt: skip
    surveys = answers.groupby(["question", "round"], as_index=False).agg(
        at=("at", "max"), is_any=("is_accepted", "any")
    )
    refused = surveys[~surveys["is_any"]].dropna(subset="at").sort_values("at")
    accepted = answers.loc[answers.index.isin(scope.tables.support.index) & answers["is_accepted"]]
    accepted = accepted.dropna(subset="at").sort_values("at").reset_index()
    before = pd.merge_asof(accepted, refused[["question", "at"]].assign(refused_at=refused["at"]), on="at",
                           by="question", allow_exact_matches=False)  # fmt: skip
    gained = before.dropna(subset="refused_at")
    return dict(zip(gained["index"], gained["refused_at"], strict=True))


def find_outdated_surveys(scope: InService, names: list[str]) -> pd.DataFrame:
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


def judge_statements(scope: InService, findings: pd.DataFrame) -> pd.DataFrame:
    """The verdicts on published statements, a row per run of one verdict; without history, the last of each."""
    held = _with_rows_of(scope.known, findings)
    runs = summarise_findings(held.assign(service=None, host=None), by="run")
    runs = runs.rename(columns={"policy": "check"})
    if scope.surveyed_since is None:
        return runs
    # Rows without a place in the order of time come last, with a reason.
    is_dated = runs["reason"].isna()
    has_dated = is_dated.groupby([runs["check"], runs["rule"]]).transform("any")
    last = runs[is_dated | ~has_dated].drop_duplicates(["check", "rule"], keep="last")
    has_no_place = ~is_dated[last.index] & (last["verdict"] != "unknown")
    is_old = is_dated[last.index] & (last["last_at"] < scope.surveyed_since).fillna(False)
    reason = last["reason"].mask(has_no_place, "the rows about it cannot be ordered in time: " + last["reason"])
    reason = reason.mask(is_old, f"nothing observed since {scope.surveyed_since:%Y-%m-%d} supports or contradicts it")
    return last.assign(verdict=last["verdict"].mask(has_no_place | is_old, "unknown"), reason=reason)


def _with_rows_of(tables: Tables, findings: pd.DataFrame) -> pd.DataFrame:
    """The verdicts with the positions of their evidence in the tables that were given to `check`."""
    rows = findings["evidence_row"].copy()
    for name in ("observations", "support"):
        is_of = (findings["evidence_table"] == name).fillna(False).astype(bool)
        rows[is_of] = getattr(tables, name).index.to_numpy()[findings.loc[is_of, "evidence_row"].astype("int64")]
    return findings.assign(evidence_row=rows)
