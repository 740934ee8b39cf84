"""What changed since an earlier day: findings, services, certificates, and what the servers accept."""

from typing import Any, Final

import pandas as pd

from toolkit import checking
from toolkit.analyse import find_changes, find_rotations
from toolkit.checking.baseline import are_judged
from toolkit.instants import Instant, zoned
from toolkit.tables import Tables

_WHAT: Final = ["severity", "check", "rule", "verdict"]
"""Columns by which findings are grouped into one row."""


def find_differences(
    tables: Tables, checks: pd.DataFrame, *, since: Instant, now: Instant, **rules: Any
) -> pd.DataFrame:
    """What changed after `since` and until `now`, one row each: `change`, `what`, `services`, `service_count`.

    Findings are compared by their `finding_id`: the earlier ones are those of `check` at `since`, with the same rules,
    on what had been observed then. `checks` are those at `now`. An earlier finding has ended where the same check of
    the same service (of a policy: by the same rule) judges something now; else it is `finding not judged again`, as
    where the service was not observed since. In the same way, a finding about a service that was known then is
    `finding not judged before`, as where no survey was recent enough, or none was made. Services are compared by their
    first and last observation. Rotations are those whose successor was first observed after `since`.
    """
    begins = zoned(since, "since")
    earlier, tables = (checking.find_known(tables, now=day) for day in (begins, now))
    checks_before = checking.check(earlier, now=begins, **rules)
    before, after = _findings(checks_before), _findings(checks)
    is_new = ~after["name"].isin(checking.name_services(checks_before))
    is_asked = after["service"].isin(earlier.support["service"]) | ~after["evidence"].str.startswith("support")
    is_comparable = is_new | (are_judged(after, checks_before) & is_asked.fillna(value=True))
    is_judged = are_judged(before, checks)
    rows = [
        *_moved("finding appeared", after[is_comparable], before),
        *_moved("finding not judged before", after[~is_comparable], before),
        *_moved("finding ended", before[is_judged], after),
        *_moved("finding not judged again", before[~is_judged], after),
        *_services(earlier, tables),
    ]
    rotations = find_rotations(tables)
    recent = rotations[rotations["start_max_at"] > begins]
    if len(recent):
        rows.append(_row("certificate rotated", "successor observed", checking.name_services(recent)))
    if len(earlier.support):
        changes = find_changes(earlier, tables.within(since=begins))
        names = checking.name_services(changes)
        items = changes.groupby([names, "question", "change"], sort=False)["item"].agg(_listed)
        for (question, change, what), of in items.reset_index().groupby(["question", "change", "item"], sort=False):
            rows.append(_row(f"{question} {change}".replace("_", " "), str(what), of.iloc[:, 0]))
    return pd.DataFrame(rows, columns=["change", "what", "service_count", "services"])


def _findings(checks: pd.DataFrame) -> pd.DataFrame:
    found = checks[checks["is_finding"].eq(True).fillna(value=False)]
    return found.assign(name=checking.name_services(found))


def _moved(words: str, here: pd.DataFrame, there: pd.DataFrame) -> list[dict[str, object]]:
    """The findings of one frame that the other does not have, grouped over services."""
    moved = here[~here["finding_id"].isin(there["finding_id"])]
    return [_row(words, _named(keys), of["name"]) for keys, of in moved.groupby(_WHAT, sort=False, dropna=False)]


def _listed(items: "pd.Series[str]") -> str:
    return ", ".join(dict.fromkeys(items))


def _named(keys: tuple[Any, ...]) -> str:
    severity, check, rule, verdict = keys
    what = check if pd.isna(rule) else f"{check}, {rule}"
    return f"{severity}: {verdict.replace('_', ' ')} ({what})"


def _services(earlier: Tables, tables: Tables) -> list[dict[str, object]]:
    known, now = (set(checking.name_services(of.observations).dropna()) for of in (earlier, tables))
    return [_row("service first observed", "", pd.Series(sorted(now - known)))] if now - known else []


def _row(change: str, what: str, names: "pd.Series[str]") -> dict[str, object]:
    services = names.dropna().nunique()
    return {"change": change, "what": what, "service_count": services, "services": checking.list_services(names)}
