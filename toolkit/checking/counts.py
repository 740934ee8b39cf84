"""Findings, fine and unknown rows of a check, counted."""

from typing import Final

import pandas as pd

from toolkit.checking.in_service import name_services
from toolkit.columns import Column, dtypes, require_columns, returns
from toolkit.reference.rules import STATEMENT

COUNTS: Final = (
    Column("check", "text", "`reachability`, `expiry`, `rotation`, `trust`, or the name of the policy"),
    Column(
        "service_count",
        "integer",
        "services, and hosts of rows without a service; 0 where the check is about published statements",
    ),
    Column("findings", "integer", "services or statements with a finding"),
    Column("accepted", "integer", "services or statements whose findings are all accepted (`accept`)"),
    Column("fine", "integer", "services or statements of which every row is fine"),
    Column("unknown", "integer", "services or statements without a finding, of which a row is unknown"),
    Column("statement_count", "integer", "published statements; 0 where the check is about services"),
)
"""The columns of `count_services`."""

_COUNTED: Final = ("check", "level", "is_finding", "accepted_until_at")


def count(checks: pd.DataFrame) -> dict[str, int]:
    """Count the rows of `check`: `findings` (without accepted ones), `accepted`, `fine`, `unknown`.

    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(since="2026-01-01T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> checks = toolkit.check(tables, now="2026-01-24T00:00Z", roots=Lab().roots, policy="ietf")
    >>> toolkit.checking.count(checks)
    {'findings': 4, 'accepted': 0, 'fine': 41, 'unknown': 4}
    """
    require_columns(checks, _COUNTED, call="count", source="check")
    is_finding = checks["is_finding"]
    is_accepted = is_finding.eq(True) & checks["accepted_until_at"].notna()
    return {
        "findings": int((is_finding.eq(True) & ~is_accepted).sum()),
        "accepted": int(is_accepted.sum()),
        "fine": int(is_finding.eq(False).sum()),
        "unknown": int(is_finding.isna().sum()),
    }


@returns(COUNTS)
def count_services(checks: pd.DataFrame) -> pd.DataFrame:
    """Count the services of each check: with findings, fine, unknown.

    A service counts once in each check: with `findings` where it has one that is not accepted, else as `accepted` where
    it has one, else as `unknown` where a row is unknown, else as `fine`. Rows without a service count by their host.
    Published statements are about all services, so they are counted one by one.

    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(since="2026-01-01T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> checks = toolkit.check(tables, now="2026-01-24T00:00Z", roots=Lab().roots, policy="ietf")
    >>> print(toolkit.checking.count_services(checks).to_string(index=False))
           check  service_count  findings  accepted  fine  unknown  statement_count
          expiry              1         1         0     0        0                0
           trust              1         1         0     0        0                0
            ietf              1         1         0     0        0                0
    reachability              1         0         0     1        0                0
        rotation              1         0         0     1        0                0
    """
    require_columns(checks, _COUNTED, call="count_services", source="check")
    is_statement = (checks["level"] == STATEMENT).fillna(False)
    names = name_services(checks).mask(is_statement, checks["rule"])
    state = checks["is_finding"].map({True: 3, False: 0}).astype("Int64").fillna(1)
    state = state.mask((state == 3) & checks["accepted_until_at"].notna(), 2)
    worst = checks.assign(name=names, is_statement=is_statement, state=state).groupby(
        ["check", "name", "is_statement"], sort=False, as_index=False
    )["state"].max()  # fmt: skip
    counted = worst.assign(
        service_count=~worst["is_statement"], findings=worst["state"] == 3, accepted=worst["state"] == 2,
        fine=worst["state"] == 0, unknown=worst["state"] == 1, statement_count=worst["is_statement"],
    )  # fmt: skip
    sums: pd.DataFrame = counted.groupby("check", sort=False)[list(dtypes(COUNTS))[1:]].sum().reset_index()
    return sums.astype(dtypes(COUNTS))
