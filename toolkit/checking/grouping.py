"""Findings grouped: one row for what is wrong, with the services at which it is wrong."""

from collections.abc import Iterable
from itertools import accumulate
from typing import Final

import pandas as pd

from toolkit import text
from toolkit.arguments import require_type
from toolkit.checking.in_service import name_services
from toolkit.checking.verdicts import SEVERITIES
from toolkit.columns import Column, dtypes, empty, require_columns, returns
from toolkit.reference.rules import STATEMENT

GROUPS: Final = (
    Column("severity", "text", "`critical`, `high`, `medium` or `low`, see `SEVERITIES`"),
    Column("check", "text", "`reachability`, `expiry`, `rotation`, `trust`, or the name of the policy"),
    Column("rule", "text", "name of the rule", "not a check by a policy"),
    Column("verdict", "text", "result of the check, see `toolkit.check`"),
    Column("found", "text", "what was found at these services, the most frequent first", "nothing was observed"),
    Column("required", "text", "what the rule asks for, in words", "not a row of a rule"),
    Column("findings", "integer", "findings of `check` that are one row here"),
    Column("service_count", "integer", "services with this finding; 0: a published statement, which is about all"),
    Column("services", "text", "their number and the names of the first, by name"),
    Column("rule_from_at", "instant", "first day on which the rule holds", "no rule, or always"),
    Column("first_at", "instant", "earliest instant of the evidence", "nothing bounds it"),
    Column("last_at", "instant", "latest instant of the evidence", "nothing bounds it"),
    Column("reason", "text", "why the verdict is what it is", "nothing to add"),
    Column("advice", "text", "what to do about it"),
)
"""The columns of `group_findings`."""

_KEYS: Final = ["severity", "check", "rule", "verdict"]
_MOST_FOUND: Final = 4
_MOST_REASONS: Final = 2
_MOST_NAMED: Final = 5
_MOST_CHARACTERS: Final = 160
"""Of joined values, unless the first is longer."""


@returns(GROUPS)
def group_findings(checks: pd.DataFrame) -> pd.DataFrame:
    """One row for each thing that is wrong, whatever the number of services: the findings of `check`, grouped.

    Findings of one severity, check, rule and verdict are one row. The most severe come first, then those at the most
    services. Values that are joined (`found`, `reason`) are cut after the first few, with the number of the others.

    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample")
    >>> checks = toolkit.check(tables, now="2026-01-24T00:00Z", roots=Lab().roots, policy="mozilla-intermediate")
    >>> grouped = toolkit.checking.group_findings(checks)
    >>> print(toolkit.chart.tabulate(grouped, columns=["severity", "rule", "service_count", "found"], width=34))
    severity   rule service_count                               found
    critical      –             1 RSA certificate 5d496aa41606 ends …
    critical      –             1         leaf 5d496aa41606, 2 served
        high suites             3 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_S…
        high curves             2                     secp521r1, x448
        high curves             2                            curveSM2
        high suites             2 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_S…
         low curves             2   X25519MLKEM768, SecP256r1MLKEM768
    """
    require_columns(checks, [*_KEYS, "is_finding", "service"], call="group_findings", source="check")
    found = checks[checks["is_finding"].eq(True).fillna(value=False)]
    if found.empty:
        return empty(GROUPS)
    is_statement = (found["level"] == STATEMENT).fillna(value=False)
    named = found.assign(name=name_services(found).mask(is_statement))
    rows = [
        dict(zip(_KEYS, keys, strict=True))
        | {
            "findings": len(of),
            "found": join(of["found"], most=_MOST_FOUND),
            "required": of["required"].iloc[0],
            "service_count": of["name"].nunique(),
            "services": list_services(of["name"]),
            "rule_from_at": of["rule_from_at"].min(),
            "first_at": of["first_at"].min(),
            "last_at": of["last_at"].max(),
            "reason": join(of["reason"], most=_MOST_REASONS),
            "advice": of["advice"].iloc[0],
        }
        for keys, of in named.groupby(_KEYS, sort=False, dropna=False)
    ]
    grouped = pd.DataFrame(rows, columns=list(dtypes(GROUPS)))
    for name in ("rule_from_at", "first_at", "last_at"):
        grouped[name] = pd.to_datetime(grouped[name], utc=True)
    grouped = grouped.astype(dtypes(GROUPS))
    rank = grouped["severity"].map({word: rank for rank, word in enumerate(SEVERITIES)})
    order = grouped.assign(rank=rank, many=-grouped["service_count"]).sort_values(["rank", "many"], kind="stable")
    return grouped.loc[order.index].reset_index(drop=True)


def list_services(names: "pd.Series[str]") -> str:
    """The number of services and the names of the first five, in one text; null is left out.

    >>> from toolkit.checking import list_services
    >>> import pandas as pd
    >>> list_services(pd.Series(["https://www:443", "smtp://mx:25", "https://www:443"]))
    '2 services: https://www:443, smtp://mx:25'
    """
    require_type("list_services", names, pd.Series, such_as="name_services(checks)")
    known = sorted(set(names.dropna().astype(str)))
    if not known:
        return "all services together"
    return known[0] if len(known) == 1 else f"{text.counted(len(known), 'service')}: {_cut(known, _MOST_NAMED)}"


def join(values: "pd.Series[str]", *, most: int) -> str | None:
    """The distinct values, the most frequent first, and the number of those beyond `most`; `None` without values."""
    distinct = list(values.dropna().astype(str).value_counts(sort=True).index)
    fitting = sum(length <= _MOST_CHARACTERS for length in accumulate(map(len, distinct)))
    return _cut(distinct, max(min(most, fitting), 1)) if distinct else None


def _cut(names: Iterable[str], most: int) -> str:
    listed = list(names)
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
