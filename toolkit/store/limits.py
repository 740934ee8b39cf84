"""Limits of what is loaded: filters of rows, and predicates that rule out whole files by their statistics."""

from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from toolkit import schema

EVERYTHING: Final = ds.scalar(True)


def limits(
    table: schema.TableName, since: pd.Timestamp | None, until: pd.Timestamp | None, services: set[str] | None
) -> tuple[ds.Expression, str | None]:
    """The limits as a filter of rows, and as a predicate in SQL on the statistics of files; None: every file."""
    rows, files = EVERYTHING, []
    # The log has no statistics on the bounds of answers, so files of answers are not ruled out by their bounds.
    has_statistics = table == "observations"
    for instant, bound, holds in ((since, "observed_until", ">="), (until, "observed_from", "<")):
        if instant is None:
            continue
        edge = ds.scalar(pa.scalar(instant.to_pydatetime(), pa.timestamp("us", "UTC")))
        known = pc.coalesce(pc.field("observed_at"), pc.field(bound))
        rows &= known.is_null() | (known >= edge if holds == ">=" else known < edge)
        literal = quoted(instant.isoformat())
        undated = f"({bound} IS NULL OR {bound} {holds} {literal})" if has_statistics else "TRUE"
        files.append(f"(observed_at {holds} {literal} OR (observed_at IS NULL AND {undated}))")
    if services is not None:
        rows &= is_in("service", services)
        if services:
            files.append(between(services))
    return rows, " AND ".join(files) or None


def is_in(column: str, values: set[str]) -> ds.Expression:
    """A filter of the rows whose column has one of the values."""
    ascending = pa.array(sorted(values), pa.string())
    is_one = pc.field(column).isin(ascending)
    if not values:
        return is_one
    # Arrow compares the statistics of row groups with a few values, but not with hundreds: with the range, it does.
    return (pc.field(column) >= ascending[0]) & (pc.field(column) <= ascending[-1]) & is_one


def between(services: set[str]) -> str:
    """A predicate in SQL on the statistics of files that may have rows of the services; there must be a service."""
    return f"service >= {quoted(min(services))} AND service <= {quoted(max(services))}"


def quoted(literal: str) -> str:
    """The text as a literal of SQL."""
    return "'" + literal.replace("'", "''") + "'"
