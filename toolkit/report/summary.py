"""The first page of a report: what is wrong, what is known, and what to do first, for readers who do not know TLS."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from toolkit import text
from toolkit.analyse.expiry.summary import IN_USE
from toolkit.chart.captions import Shown, say
from toolkit.checking import SEVERITIES, count_services, describe_counted
from toolkit.checking.verdicts import OWN_CHECKS
from toolkit.schema import PROTOCOLS
from toolkit.tables import Tables

_SOON: Final = timedelta(days=30)
_MOST_LINES: Final = 6
_CLASSES: Final = {"critical": "serious", "high": "serious", "medium": "minor", "low": "minor"}


def contents(sections: list[str]) -> Shown:
    """Links to the sections, which are headings of the page."""
    items = "".join(f'<li><a href="#{text.for_html(name.replace(" ", "-"))}">{text.for_html(name)}</a></li>'
                    for name in sections)  # fmt: skip
    return Shown(f'<ul class="contents">{items}</ul>', "Contents: " + ", ".join(sections))


def find_latest(tables: Tables) -> pd.DataFrame:
    """The last observation of each service in which a version was negotiated, by service.

    `observed_from` and `observed_until` are its instant, or the bounds of it.
    """
    looks = tables.observations
    answered = looks[looks["protocol"].notna() & looks["service"].notna()]
    answered = answered.assign(
        observed_from=answered["observed_at"].fillna(answered["observed_from"]),
        observed_until=answered["observed_at"].fillna(answered["observed_until"]),
    )
    answered = answered.sort_values(["observed_from", "observed_until"], na_position="first", kind="stable")
    return answered.drop_duplicates("service", keep="last").sort_values("service")


def find_judged(checks: pd.DataFrame) -> pd.DataFrame:
    """The rows of `check` that a rule or a published statement gave, with the columns of `judge`."""
    judged = checks[~checks["check"].isin(OWN_CHECKS) & checks["rule"].notna()].rename(columns={"check": "policy"})
    is_statement = judged["level"].eq("statement").fillna(value=False)
    return judged.assign(service=judged["service"].mask(is_statement, "all services together"))


def heading(words: str) -> Shown:
    """A heading of a section, with the anchor to which the contents link."""
    return Shown(f'<h2 id="{text.for_html(words.replace(" ", "-"))}">{text.for_html(words)}</h2>', words)


def summarise(
    checks: pd.DataFrame, grouped: pd.DataFrame, tables: Tables, expiry: pd.DataFrame, now: datetime
) -> Shown:
    """Findings counted by severity, a few sentences, and the most severe findings, each in a line."""
    counts = grouped["severity"].value_counts()
    tiles = [(int(counts.get(word, 0)), word, _CLASSES[word] if word in counts else "") for word in SEVERITIES]
    services = _count_services(checks)
    tiles += [(services["fine"], f"{_service(services['fine'])} fine", "fine"),
              (services["unknown"], f"{_service(services['unknown'])} not known", "")]  # fmt: skip
    html = "".join(f'<li class="{style}"><b>{number:,}</b>{words}</li>' for number, words, style in tiles)
    said = "; ".join(f"{number:,} {words}" for number, words, _ in tiles)
    sentences = [*_sentences(checks, tables, expiry, now)]
    first = list(_first(grouped))
    return Shown(
        f'<ul class="tiles">{html}</ul>'
        + "".join(sentence.html for sentence in sentences)
        + (
            f"<p><b>Most severe, and what to do:</b></p><ol>{''.join(f'<li>{line.html}</li>' for line in first)}</ol>"
            if first
            else ""
        ),
        "\n".join([said, *(sentence.words for sentence in [*sentences, *first])]),
    )


def _service(number: int) -> str:
    return "service" if number == 1 else "services"


def _about_services(checks: pd.DataFrame) -> pd.DataFrame:
    """The rows that are not about published statements, which are about all services."""
    return checks[checks["level"].ne("statement").fillna(value=True)]


def _count_services(checks: pd.DataFrame) -> dict[str, int]:
    """Services with a finding, without one, and of which something is unknown: each counts once."""
    counted = count_services(_about_services(checks).assign(check="all"))
    row = counted.iloc[0].to_dict() if len(counted) else {}
    return {kind: int(row.get(kind, 0)) for kind in ("findings", "fine", "unknown")}


def _sentences(checks: pd.DataFrame, tables: Tables, expiry: pd.DataFrame, now: datetime) -> Iterator[Shown]:
    looks, support = tables.observations, tables.support
    services = {*looks["service"].dropna(), *support["service"].dropna()}
    reached = {*looks.loc[looks["outcome"] == "ok", "service"].dropna(),
               *support.loc[support["state"] != "untested", "service"].dropna()}  # fmt: skip
    yield say("{reached} of {n:# service} answered at least once. Services with a finding: {with_findings}.{counted}",
              reached=len(reached), n=len(services), with_findings=_count_services(checks)["findings"],
              counted=describe_counted(_about_services(checks)))  # fmt: skip
    in_use = expiry[expiry["state"].isin(IN_USE)]
    expired = in_use[in_use["not_after"] <= now]
    soon = in_use[(in_use["not_after"] > now) & (in_use["not_after"] <= now + _SOON)]
    yield say(
        "{n:# certificate} in use on {now:%Y-%m-%d}: {expired} expired, {soon} expiring within 30 days. "
        "{lapsed:# certificate} lapsed: expired, and not observed afterwards.",
        n=in_use["leaf_sha256"].nunique(), now=now, expired=expired["leaf_sha256"].nunique(),
        soon=soon["leaf_sha256"].nunique(),
        lapsed=expiry.loc[expiry["state"] == "lapsed", "leaf_sha256"].nunique(),
    )  # fmt: skip
    accepted = support[support["state"] == "accepted"]
    versions = [*accepted["protocol"].dropna(), *looks["protocol"].dropna()]
    if versions:
        oldest = min(versions, key=list(PROTOCOLS).index)
        at = {*accepted.loc[accepted["protocol"] == oldest, "service"],
              *looks.loc[(looks["protocol"] == oldest).fillna(value=False), "service"].dropna()}  # fmt: skip
        yield say("The oldest protocol version on record is {oldest}, at {n:# service}.", oldest=oldest, n=len(at))


def _first(grouped: pd.DataFrame) -> Iterator[Shown]:
    for row in grouped.head(_MOST_LINES).to_dict("records"):
        what = row["check"] if pd.isna(row["rule"]) else f"{row['check']}, {row['rule']}"
        yield say(
            "{severity}: {verdict} ({what}), {services}. {advice}",
            severity=row["severity"], verdict=str(row["verdict"]).replace("_", " "), what=what,
            services=row["services"], advice=row["advice"],
        )  # fmt: skip
    if len(grouped) > _MOST_LINES:
        yield say("and {n:# further finding}.", n=len(grouped) - _MOST_LINES)
