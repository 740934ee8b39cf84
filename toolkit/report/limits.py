"""What a report does not know and why, and how it was made."""

from collections.abc import Sequence

import pandas as pd

from toolkit.chart.captions import Shown, say
from toolkit.checking import name_services
from toolkit.reference.rules import Rule
from toolkit.tables import Tables


def describe_untested(tables: Tables) -> Shown:
    """What no observation of this package tests, and how much of this source was not surveyed."""
    looks, support = tables.observations, tables.support
    services = {*looks["service"].dropna(), *support["service"].dropna()}
    surveyed = support["service"].nunique()
    failed, untested = int((looks["outcome"] != "ok").sum()), int((support["state"] == "untested").sum())
    never = services - {*looks.loc[looks["outcome"] == "ok", "service"].dropna(),
                        *support.loc[support["state"] != "untested", "service"].dropna()}  # fmt: skip
    return say(
        "Not tested by this method: revocation (OCSP, CRL), client certificates, session resumption, flaws in an "
        "implementation, and how the service looks from another place. {failed} of {looks:# look} failed; {never} of "
        "{services:# service} never answered. "
        + ("Surveys asked {asked} questions of {surveyed:# service}; {untested} of them stayed untested."
           if len(support) else "No survey is on record: only what the servers negotiated is known."),
        failed=failed, looks=len(looks), never=len(never), services=len(services), asked=len(support),
        surveyed=surveyed, untested=untested,
    )  # fmt: skip


def find_untested(tables: Tables, checks: pd.DataFrame) -> pd.DataFrame:
    """One row per thing that is unknown and reason: `what`, `reason`, `service_count`, `rows`; the most rows first."""
    looks, support = tables.observations, tables.support
    failed = looks[looks["outcome"] != "ok"]
    untested = support[support["state"] == "untested"]
    unknown = checks[checks["is_finding"].isna()]
    parts = [
        _counted(name_services(failed), "look: " + failed["outcome"] + _at(failed["stage"]), failed["reason"]),
        _counted(untested["service"], pd.Series("question of a survey", untested.index), untested["reason"]),
        _counted(name_services(unknown), "check: " + unknown["check"] + _at(unknown["rule"]), unknown["reason"]),
    ]
    return pd.concat(parts, ignore_index=True).sort_values("rows", ascending=False, kind="stable", ignore_index=True)


def _at(where: "pd.Series[str]") -> "pd.Series[str]":
    return (", " + where).fillna("")


def _counted(names: "pd.Series[str]", what: "pd.Series[str]", reason: "pd.Series[str]") -> pd.DataFrame:
    rows = pd.DataFrame(
        {"what": what.astype("string"), "reason": reason.astype("string"), "name": names.astype("string")}
    )
    return rows.groupby(["what", "reason"], dropna=False, as_index=False).agg(
        service_count=("name", "nunique"), rows=("what", "size")
    )


def describe_method(tables: Tables, *, policy: str, roots: str, rules: Sequence[Rule], history: bool) -> Shown:
    """How the source was observed and judged: offers, rounds, rules and their dates, roots."""
    looks = tables.observations
    dates = [rule.since for rule in rules if rule.since]
    return say(
        "Each look is one attempted handshake, kept as a row also where it failed. {rounds:# round}; offers: {offers}. "
        "Each row is judged by the rules of its own day: policy {policy}, {n:# rule}, of which the newest holds from "
        "{newest}. Each chain is verified at the instant of its observations, with the roots of {roots}. {scope} "
        "Bounds on overlaps hold with 95 % for each rotation.",
        rounds=looks["round"].nunique(), offers=", ".join(sorted(looks["offer"].dropna().unique())) or None,
        policy=policy, n=len(rules), newest=f"{max(dates):%Y-%m-%d}" if dates else None, roots=roots,
        scope="Everything on record was judged." if history else "Only what is in service was judged.",
    )  # fmt: skip
