"""The first page of a report: what is wrong, what is known, and what to do first, for readers who do not know TLS."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import pandas as pd

from toolkit import text
from toolkit.analyse.expiry.summary import IN_USE
from toolkit.chart.captions import Shown, say
from toolkit.checking import SEVERITIES, count_services, describe_counted
from toolkit.checking.verdicts import OWN_CHECKS
from toolkit.schema import INSTANTS, PROTOCOLS
from toolkit.tables import Tables

_WORST_FIRST: Final = ("expired", "not_yet_valid", "expiring", "replacing", "valid")
_MOST_LINES: Final = 6
_OWN: Final = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?|(?<=does not name )[^\s;]+"
"""What differs between reasons of one kind: instants, and the host that a leaf does not name."""

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


def find_judged_certificates(checks: pd.DataFrame, expiry: pd.DataFrame) -> pd.DataFrame:
    """The rows of `summarise_expiry` that `check` judged: certificates in service, as far as the last looks show."""
    judged = checks.loc[checks["check"] == "expiry", "leaf_sha256"].dropna()
    return expiry[expiry["state"].isin(IN_USE) & expiry["leaf_sha256"].isin(judged)]


def find_ending(in_use: pd.DataFrame) -> pd.DataFrame:
    """Those that are not `valid`, the first to end first; of one end in the given order."""
    return in_use[in_use["state"] != "valid"].sort_values("not_after", kind="stable")


def describe_states(in_use: pd.DataFrame, *, now: datetime) -> Shown:
    """How many certificates in service are in each state; one that several slots show counts once, as the worst."""
    order = {state: place for place, state in enumerate(_WORST_FIRST)}
    worst = in_use["state"].map(order).astype(int).groupby(in_use["leaf_sha256"]).min().value_counts()
    counts = ", ".join(f"{worst.get(place, 0):,} {state.replace('_', ' ')}" for state, place in order.items())
    return say(
        "{n:# certificate} in service on {now:%Y-%m-%d}, by the last looks: {counts}.",
        n=int(worst.sum()), now=now, counts=counts,
    )  # fmt: skip


def group_trust(trust: pd.DataFrame) -> pd.DataFrame:
    """The rows of `check` about trust by verdict and reason, with the number of `chains` and `looks`.

    Instants and hosts in a reason are left out, so that chains that fail alike are one row.
    """
    alike = trust.assign(reason=trust["reason"].str.replace(_OWN, "…", regex=True))
    grouped = alike.groupby(["verdict", "reason"], dropna=False).agg(
        chains=("verdict", "size"), looks=("evidence_count", "sum")
    )
    return grouped.reset_index().sort_values("chains", ascending=False, kind="stable")


def summarise(
    checks: pd.DataFrame, grouped: pd.DataFrame, tables: Tables, expiry: pd.DataFrame, now: datetime
) -> Shown:
    """Findings counted by severity, a few sentences, and the most severe kinds of finding, each in a line."""
    counts = grouped.groupby("severity")["findings"].sum()
    tiles = [(int(counts.get(word, 0)), word, _CLASSES[word] if word in counts else "") for word in SEVERITIES]
    services = _count_services(checks)
    tiles += [(services["fine"], f"{_service(services['fine'])} fine", "fine"),
              (services["unknown"], f"{_service(services['unknown'])} not known", "")]  # fmt: skip
    html = "".join(f'<li class="{style}"><b>{number:,}</b>{words}</li>' for number, words, style in tiles)
    said = "; ".join(f"{number:,} {words}" for number, words, _ in tiles)
    sentences = [*_sentences(checks, grouped, tables, expiry, now)]
    first = list(_first(grouped))
    rest = [say("And {n:# further kind} of finding.", n=len(grouped) - len(first))] if len(grouped) > len(first) else []
    listed = "".join(f"<li>{line.html}</li>" for line in first)
    return Shown(
        f'<ul class="tiles">{html}</ul>'
        + "".join(sentence.html for sentence in sentences)
        + (f"<p><b>Most severe, and what to do:</b></p><ol>{listed}</ol>" if first else "")
        + "".join(sentence.html for sentence in rest),
        "\n".join([said, *(sentence.words for sentence in [*sentences, *first, *rest])]),
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


def _sentences(
    checks: pd.DataFrame, grouped: pd.DataFrame, tables: Tables, expiry: pd.DataFrame, now: datetime
) -> Iterator[Shown]:
    looks, support = tables.observations, tables.support
    services = {*looks["service"].dropna(), *support["service"].dropna()}
    reached = {*looks.loc[looks["outcome"] == "ok", "service"].dropna(),
               *support.loc[support["state"] != "untested", "service"].dropna()}  # fmt: skip
    yield say("{reached} of {n:# service} answered at least once. {findings:# finding} of {kinds:# kind}, at "
              "{with_findings:# service}.{counted}",
              reached=len(reached), n=len(services), findings=int(grouped["findings"].sum()), kinds=len(grouped),
              with_findings=_count_services(checks)["findings"],
              counted=describe_counted(_about_services(checks)))  # fmt: skip
    if not any(_count_services(checks)[kind] for kind in ("findings", "fine")):
        yield say("What is in service on {now:%Y-%m-%d} is not known: Scope says which looks count.", now=now)
    yield describe_states(find_judged_certificates(checks, expiry), now=now)
    if lapsed := expiry.loc[expiry["state"] == "lapsed", "leaf_sha256"].nunique():
        yield say("{lapsed:# certificate} lapsed: expired, and not observed afterwards.", lapsed=lapsed)
    accepted = support[support["state"] == "accepted"]
    versions = [*accepted["protocol"].dropna(), *looks["protocol"].dropna()]
    if versions:
        oldest = min(versions, key=list(PROTOCOLS).index)
        rows = pd.concat([of.loc[(of["protocol"] == oldest).fillna(value=False), ["service", *INSTANTS]]
                          for of in (accepted, looks)])  # fmt: skip
        last = rows[INSTANTS].max().max()
        yield say("The oldest protocol version on record is {oldest}, at {n:# service}, " + (
            "not dated." if pd.isna(last) else "last on {last:%Y-%m-%d}."), oldest=oldest,
            n=rows["service"].nunique(), last=last)  # fmt: skip


def _first(grouped: pd.DataFrame) -> Iterator[Shown]:
    for row in grouped.head(_MOST_LINES).to_dict("records"):
        what = row["check"] if pd.isna(row["rule"]) else f"{row['check']}, {row['rule']}"
        yield say(
            "{severity}: {verdict} ({what}), {services}. {advice}",
            severity=row["severity"], verdict=str(row["verdict"]).replace("_", " "), what=what,
            services=row["services"], advice=row["advice"],
        )  # fmt: skip
