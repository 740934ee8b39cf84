"""The rows of `check` in words: each finding, the worst first, and the number of fine and unknown rows."""

from collections.abc import Hashable, Iterator
from datetime import datetime
from typing import Any, Final

import pandas as pd

from toolkit import schema, text
from toolkit.arguments import require_type
from toolkit.checking.counts import count, count_services
from toolkit.checking.in_service import InService, name_services
from toolkit.checking.judgements.trust import NO_CHAIN
from toolkit.checking.verdicts import CHECKS, SEVERITIES
from toolkit.columns import dtypes, require_columns
from toolkit.instants import DAY
from toolkit.reference.rules import STATEMENT
from toolkit.tables import Tables, describe_services, describe_source, require_tables

MOST_SERVICES: Final = 20
"""Services that are listed one by one for one verdict."""

MOST_REASONS: Final = 20
"""Reasons of unknown rows that are listed for one check."""

MOST_RUNS: Final = 12
"""Runs of one published statement that are listed one by one."""

MOST_FOUND: Final = 12
"""Things that are listed as fine for one rule."""


_THINGS: Final = {"expiry": "certificate", "trust": "chain"}
"""Checks that judge several things of a service, and what these are."""


def describe(checks: pd.DataFrame) -> Iterator[str]:
    """Describe the rows of `check`, line by line: each finding, and the number of fine and unknown rows.

    Findings come first, the most severe first, each with what to do; then the rest of each check. Published statements
    are described in the order of time, with the rest. The lines contain text from servers as it is: neutralise it where
    you show it (`toolkit.text`). Raises `UsageError` for what is not a frame of `check`.

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(since="2026-01-01T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> checks = toolkit.check(tables, now=datetime(2026, 1, 24, tzinfo=UTC), roots=Lab().roots, policy="ietf")
    >>> for line in list(toolkit.checking.describe(checks))[:5]:
    ...     print(line)
    4 findings: 2 critical, 2 low
    <BLANKLINE>
    critical: clients cannot use the service now
      expiry
        expired: smtp://legacy.lab.test:25 (critical)
    """
    require_columns(checks, dtypes(CHECKS), call="describe", source="check")
    return _describe_checks(checks)


def _describe_checks(checks: pd.DataFrame) -> Iterator[str]:
    accepted = checks[checks["accepted_until_at"].notna()]
    found = checks[checks["accepted_until_at"].isna()]
    by_severity = found["severity"].value_counts()
    shares = [f"{by_severity[word]:,} {word}" for word in SEVERITIES if word in by_severity]
    yield text.counted(count(checks)["findings"], "finding") + (f": {', '.join(shares)}" if shares else "")
    is_statement = (found["level"] == STATEMENT).fillna(value=False)
    for severity, rows in found[~is_statement].groupby("severity", sort=False):
        yield ""
        yield f"{severity}: {SEVERITIES[str(severity)]}"
        yield from _describe_severity(rows)
    if len(accepted):
        yield ""
        yield f"accepted: {text.counted(len(accepted), 'finding')}"
        yield from _describe_accepted(accepted)
    services = {row["check"]: row for row in count_services(checks).to_dict("records")}
    for name, rows in checks.groupby("check", sort=False):
        yield ""
        yield f"{name}: {_counted(services[name])}"
        yield from _describe_verdicts(rows[rows["rule"].isna()])
        for _, of_rule in rows.groupby("rule", sort=False):
            lines = _describe_statement if of_rule["level"].iloc[0] == STATEMENT else _describe_verdicts
            described = list(lines(of_rule))
            if described:
                yield f"  {_named_rule(of_rule)}"
                yield from (f"  {line}" for line in described)


def _describe_severity(rows: pd.DataFrame) -> Iterator[str]:
    """The findings of one severity, by check and rule, and what to do about each verdict."""
    for _, group in rows.groupby(["check", "rule"], sort=False, dropna=False):
        name = group["check"].iloc[0]
        yield f"  {name}, {_named_rule(group)}" if group["rule"].notna().all() else f"  {name}"
        for (verdict, advice), of_verdict in group.groupby(["verdict", "advice"], sort=False):
            yield from (f"  {line}" for line in _describe_findings(str(verdict).replace("_", " "), of_verdict))
            yield f"      What to do: {advice}"


def _describe_accepted(rows: pd.DataFrame) -> Iterator[str]:
    for row, name in zip(rows[:MOST_SERVICES].to_dict("records"), name_services(rows), strict=False):
        until = f"{row['accepted_until_at']:%Y-%m-%d}"
        yield f"  until {until}: {str(row['verdict']).replace('_', ' ')}: {name} ({row['severity']}): {row['found']}"
    if len(rows) > MOST_SERVICES:
        yield f"  {len(rows) - MOST_SERVICES:,} more; --json lists all"


def _named_rule(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    has_day = first["level"] == STATEMENT and pd.notna(first["rule_from_at"])
    dated = f"; published {first['rule_from_at']:%Y-%m-%d} at the earliest" if has_day else ""
    return f"{first['rule']} ({first['level']}): {first['required']} [{first['authority']}{dated}]"


def describe_in_service(scope: InService) -> str:
    """Describe which rows `check` judged, and how many it left out and why.

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> tables = toolkit.load_example("lab-sample")
    >>> scope = toolkit.checking.find_in_service(tables, now=datetime(2026, 1, 24, tzinfo=UTC))
    >>> print(toolkit.checking.describe_in_service(scope).split(". ")[0])
    In service: the last observations since 2025-12-20, and the last surveys since 2025-10-16
    """
    require_type("describe_in_service", scope, InService)
    is_history = scope.since is None or scope.surveyed_since is None
    words = (
        "Judged: all rows until now (history)."
        if is_history
        else (
            f"In service: the last observations since {scope.since:%Y-%m-%d}, and the last surveys since "
            f"{scope.surveyed_since:%Y-%m-%d}."
        )
    )
    if not is_history and scope.newest is not None and scope.now - scope.newest > DAY:
        words += f" The newest row is of {scope.newest:%Y-%m-%d}, {text.lasting(scope.now - scope.newest)} earlier."
    reasons = {
        "superseded": "superseded",
        "not_asked": "not asked",
        "earlier": "earlier",
        "later": "dated after now",
        "undated": "undated",
    }
    left = [
        ", ".join(f"{counts[name]:,} {reasons[name]}" for name in reasons if counts[name]) + f" ({table})"
        for table, counts in scope.left_out.items()
        if any(counts.values())
    ]
    has_later = any(counts["later"] for counts in scope.left_out.values())
    more = "" if is_history else "; --history judges them too" + ", but for those dated after now" * has_later
    return words + (f" Left out: {'; '.join(left)}{more}." if left else "")


def describe_counted(rows: pd.DataFrame) -> str:
    """Describe what counts as a service where rows lack one: a space and a sentence; empty where every row has one.

    `rows` are those of `check`, or another frame with the columns `service` and `host`. Raises `UsageError` for a frame
    without them.

    >>> import pandas as pd
    >>> from toolkit.checking import describe_counted
    >>> rows = pd.DataFrame({"service": ["https://mx:443", None, None], "host": ["mx", "www", "www"]})
    >>> describe_counted(rows)
    ' Counted as 2 services: 1 service, and 1 host of rows without a service.'
    """
    require_columns(rows, ("service", "host"), call="describe_counted", source="check, or `find_in_service`,")
    names = rows.assign(name=name_services(rows)).drop_duplicates("name")
    lacks = names["service"].isna()
    hosts, rest = int((lacks & names["host"].notna()).sum()), int((lacks & names["host"].isna()).sum())
    parts = [text.counted(int((~lacks).sum()), "service")]
    parts += [f"{text.counted(hosts, 'host')} of rows without a service"] if hosts else []
    parts += ["the rows that name neither"] if rest else []
    listed = f"{', '.join(parts[:-1])}, and {parts[-1]}"
    return f" Counted as {text.counted(len(names), 'service')}: {listed}." if lacks.any() else ""


def was_reached(tables: Tables) -> bool:
    """Whether a server answered at all: an observation, or a question of a survey.

    >>> import toolkit
    >>> toolkit.checking.was_reached(toolkit.observe("tls://127.0.0.1:1", progress=False))
    False
    """
    require_tables(tables, "was_reached")
    return bool((tables.observations["outcome"] == "ok").any() or (tables.support["state"] != "untested").any())


def describe_scope(tables: Tables) -> str:
    """Describe the tables: number of looks and services, span, failures, and kinds of source.

    >>> import toolkit
    >>> toolkit.checking.describe_scope(toolkit.load_example("web-series"))
    '189 looks at 8 services; 2023-11-15 to 2026-03-17; 189 dated by bounds, 0 undated, 0 failed (recorded data)'
    """
    require_tables(tables, "describe_scope")
    looks = tables.observations
    parts = [f"{text.counted(len(looks), 'look')} at {describe_services(looks['service'])}"]
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
        asked = f"{text.counted(len(tables.support), 'question')} of surveys"
        parts.append(f"{asked} at {describe_services(tables.support['service'])}, {untested:,} untested")
    kinds = describe_source(looks)
    return "; ".join(parts) + (f" ({kinds} data)" if kinds else "")


def describe_span(since: datetime | None, until: datetime | None) -> str:
    """Describe the limits on the time of the observations: a sentence and a space; empty without limits.

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> toolkit.checking.describe_span(datetime(2026, 1, 1, tzinfo=UTC), None)
    'Observations since 2026-01-01 00:00 UTC. '
    """
    limits = [("since", since), ("before", until)]
    limited = " and ".join(f"{word} {instant:%Y-%m-%d %H:%M %Z}" for word, instant in limits if instant)
    return f"Observations {limited}. " if limited else ""


def _counted(counts: dict[Hashable, Any]) -> str:
    things = [
        text.counted(counts[kind], kind.removesuffix("_count"))
        for kind in ("service_count", "statement_count")
        if counts[kind]
    ]
    accepted = f", {counts['accepted']:,} accepted" if counts["accepted"] else ""
    return (
        f"{' and '.join(things)}: {counts['findings']:,} with findings{accepted}, {counts['fine']:,} fine, "
        f"{counts['unknown']:,} unknown"
    )


def _counted_things(rows: pd.DataFrame) -> str:
    """The number of things that the rows of one check judge (certificates, chains, services)."""
    services = text.counted(name_services(rows).nunique(), "service")
    thing = _THINGS.get(rows["check"].iloc[0])
    if thing is None or rows["leaf_sha256"].isna().any():
        return services
    if (rows["found"].str.endswith(NO_CHAIN) | (rows["evidence_count"] == 0)).all():  # nothing was served
        thing = "certificate"
    count = rows["leaf_sha256"].nunique() if thing == "certificate" else len(rows)
    return f"{text.counted(count, thing)} of {services}"


def _describe_verdicts(rows: pd.DataFrame) -> Iterator[str]:
    for verdict, group in rows[rows["is_finding"].eq(False).fillna(False)].groupby("verdict", sort=False):
        if group["rule"].notna().all():
            yield f"  {verdict}: {_listed(group['found'])}"
            continue
        for reason, of_reason in group.groupby("reason", sort=False, dropna=False):
            why = "" if pd.isna(reason) else f": {reason!s}"
            yield f"  {verdict}, {_counted_things(of_reason)}{why}"
    reasons = list(rows[rows["is_finding"].isna()].groupby("reason", sort=False, dropna=False))
    for reason, group in reasons[:MOST_REASONS]:
        yield f"  unknown, {_counted_things(group)}: {reason}"
    if len(reasons) > MOST_REASONS:
        more = pd.concat([group for _, group in reasons[MOST_REASONS:]])
        number = text.counted(len(reasons) - MOST_REASONS, "more reason")
        yield f"  unknown, {_counted_things(more)}: {number}; --json lists all"


def _describe_statement(rows: pd.DataFrame) -> Iterator[str]:
    for row in rows[:MOST_RUNS].to_dict("records"):
        if row["verdict"] == "unknown":
            yield f"  unknown: {row['reason']}"
            continue
        basis = f"by {row['evidence']}: {row['found']}{_marked(row['source'])}"
        if pd.isna(row["reason"]):
            words = ("seen between ", " and ") if row["evidence_count"] == 1 else ("seen from ", " to ")
            yield f"  {row['verdict']}, {_when(row['first_at'], row['last_at'], word=words[0], to=words[1])}, {basis}"
        else:
            count = text.counted(row["evidence_count"], "row")
            yield f"  {row['verdict']}, {count} left out ({row['reason']}), {basis}"
    if len(rows) > MOST_RUNS:
        yield f"  {text.counted(len(rows) - MOST_RUNS, 'more run')}; --json lists all"


def _describe_findings(verdict: str, group: pd.DataFrame) -> Iterator[str]:
    services = [rows for _, rows in group.groupby(["service", "host"], dropna=False, sort=False)]
    for rows in services[:MOST_SERVICES]:
        since = rows["rule_from_at"].min()
        name = rows["service"].fillna(rows["host"]).fillna("service not said").iloc[0]
        rule = "" if pd.isna(since) else f"; a rule since {since:%Y-%m-%d}"
        yield f"  {verdict}: {name} ({rows['severity'].iloc[0]}{rule})"
        for row in rows.to_dict("records"):
            when = _when(row["first_at"], row["last_at"]) if row["evidence_count"] else "not observed"
            details = "; ".join(str(part) for part in (row["reason"], when, _evidence(row)) if not pd.isna(part))
            yield f"    {row['found']} ({details}){_marked(row['source'])}"
    if len(services) > MOST_SERVICES:
        yield f"  {verdict}: {text.counted(len(services) - MOST_SERVICES, 'more service')}; --json lists all"


def _evidence(row: dict[Hashable, Any]) -> Any:
    """Which rows a finding rests on, or, of a check without a policy, how many."""
    return (
        text.counted(row["evidence_count"], "row")
        if pd.isna(row["evidence"]) and row["evidence_count"]
        else row["evidence"]
    )


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
    """A mark for rows of a lab or a simulation."""
    made = [word for word in ("lab", "simulated") if word in str(source).split(", ")]
    return f" [{', '.join(made)}]" if made else ""


def _listed(found: pd.Series) -> str:
    """The distinct things, the most frequent first; those that were refused, as the rule asks, are counted."""
    distinct = found.value_counts().index.to_series().astype("string")
    is_refused = distinct.str.endswith(" refused")
    shown, refused = [text.plain(thing, limit=60) for thing in distinct[~is_refused]], int(is_refused.sum())
    words = ("; " if any(", " in thing for thing in shown) else ", ").join(shown[:MOST_FOUND])
    words += f" and {len(shown) - MOST_FOUND:,} more" if len(shown) > MOST_FOUND else ""
    return "; ".join(filter(None, (words, f"{refused:,} refused, as the rule asks" if refused else "")))
