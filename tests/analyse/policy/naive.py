"""What `summarise_findings` counts, group by group and row by row: slow, and easy to check by reading."""

from itertools import groupby
from typing import Any

import pandas as pd

KEYS = ("policy", "rule", "level", "service", "host")
WORST_FIRST = ("falls short", "contradicted", "unknown", "confirmed", "meets")
MOST_NAMED = {"found": 5, "required": 1, "authority": 3, "reason": 2, "source": 5}

Row = dict[str, Any]


def summarise_naively(findings: pd.DataFrame, by: str) -> list[Row]:
    """The rows of the summary, each as a dict, in its order."""
    rows: list[Row] = [
        {name: None if not isinstance(value, str) and pd.isna(value) else value for name, value in row.items()}
        for row in findings.to_dict("records")
    ]
    if by == "run":
        rows = [row for group in _groups(rows, KEYS) for row in _with_runs(group)]
    keys = (*KEYS, "verdict") if by == "verdict" else (*KEYS, "verdict", by)
    found = [_summary(group) for group in _groups(rows, keys)]
    order = _by_time if by == "run" else _by_verdict
    return sorted(found, key=order)


def _groups(rows: list[Row], keys: tuple[str, ...]) -> list[list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return list(groups.values())


def _with_runs(rows: list[Row]) -> list[Row]:
    dated = [row for row in rows if row["observed_from"] is not None and row["observed_until"] is not None]
    for row in rows:
        row["run"] = None
        if not any(row is one for one in dated):
            row["reason"] = row["reason"] or "not dated on both sides"
        elif row["observed_from"] < row["observed_until"] and any(_overlap(row, one) for one in dated):
            row["reason"] = "its bounds overlap rows with another verdict"
    placed = [row for row in dated if row["reason"] != "its bounds overlap rows with another verdict"]
    placed.sort(key=lambda row: (row["observed_from"], row["observed_until"]))
    for number, (_, run) in enumerate(groupby(placed, key=lambda row: row["verdict"])):
        for row in run:
            row["run"] = number
    return rows


def _overlap(row: Row, other: Row) -> bool:
    is_other = row["verdict"] != other["verdict"]
    return bool(
        is_other and other["observed_from"] <= row["observed_until"] and other["observed_until"] >= row["observed_from"]
    )


def _summary(rows: list[Row]) -> Row:
    first = rows[0]
    return {key: first[key] for key in (*KEYS, "verdict")} | {
        "rule_from_at": _extreme(rows, "rule_from_at", min),
        "first_at": _extreme(rows, "observed_from", min),
        "last_at": _extreme(rows, "observed_until", max),
        "evidence_count": sum(row["evidence_row"] is not None for row in rows),
        "evidence": _evidence(rows),
        **{name: _named(rows, name, most) for name, most in MOST_NAMED.items()},
    }


def _extreme(rows: list[Row], name: str, choose: Any) -> Any:
    return choose((row[name] for row in rows if row[name] is not None), default=None)


def _named(rows: list[Row], name: str, most: int) -> str | None:
    names = list(dict.fromkeys(row[name] for row in rows if row[name] is not None))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else None


def _evidence(rows: list[Row]) -> str | None:
    by_table: dict[str, set[int]] = {}
    for row in rows:
        if row["evidence_row"] is not None:
            by_table.setdefault(row["evidence_table"], set()).add(int(row["evidence_row"]))
    listed = []
    for table in sorted(by_table):
        positions = sorted(by_table[table])
        starts = [number for number in positions if number - 1 not in by_table[table]]
        ends = [number for number in positions if number + 1 not in by_table[table]]
        ranges = [str(a) if a == b else f"{a}–{b}" for a, b in zip(starts, ends, strict=True)]
        more = f", … ({len(positions)} rows)" if len(ranges) > 8 else ""
        listed.append(f"{table} {', '.join(ranges[:8])}{more}")
    return "; ".join(listed) or None


def _last(value: Any) -> tuple[bool, Any]:
    """A key by which nulls come last."""
    return value is None, value or ""


def _by_verdict(row: Row) -> tuple[Any, ...]:
    return row["policy"], WORST_FIRST.index(row["verdict"]), row["rule"], _last(row["service"]), _last(row["host"])


def _by_time(row: Row) -> tuple[Any, ...]:
    at = row["first_at"]
    placed = (row["reason"] is not None, at is None, at.value if at is not None else 0)
    return row["policy"], row["rule"], _last(row["service"]), _last(row["host"]), *placed
