"""What is read of a table: a filter of its rows, and what rules out files and row groups without such rows."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from toolkit import schema


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text column, and the texts that are looked for in it, ascending; there is at least one."""

    column: str
    texts: tuple[str, ...]

    def may_be_within(self, least: str, greatest: str) -> bool:
        """Whether one of the texts is neither less than `least` nor greater than `greatest`."""
        place = bisect_left(self.texts, least)
        return place < len(self.texts) and self.texts[place] <= greatest


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows of a table.

    `rows`: a filter of rows. `files`: a predicate in SQL on the statistics of files (None: every file). `wanted`: each
    row has a text of each of these.
    """

    rows: ds.Expression
    files: str | None = None
    wanted: tuple[Wanted, ...] = ()

    def __and__(self, other: "Selection") -> "Selection":
        files = " AND ".join(each for each in (self.files, other.files) if each)
        return Selection(self.rows & other.rows, files or None, self.wanted + other.wanted)


EVERYTHING: Final = Selection(ds.scalar(True))


def limits(
    table: schema.TableName, since: pd.Timestamp | None, until: pd.Timestamp | None, services: set[str] | None
) -> Selection:
    """The rows from `since` until `until` and of the services."""
    selected = EVERYTHING
    # The log has no statistics on the bounds of answers, so files of answers are not ruled out by their bounds.
    has_statistics = table == "observations"
    for instant, bound, holds in ((since, "observed_until", ">="), (until, "observed_from", "<")):
        if instant is None:
            continue
        edge = ds.scalar(pa.scalar(instant.to_pydatetime(), pa.timestamp("us", "UTC")))
        known = pc.coalesce(pc.field("observed_at"), pc.field(bound))
        rows = known.is_null() | (known >= edge if holds == ">=" else known < edge)
        literal = quoted(instant.isoformat())
        undated = f"({bound} IS NULL OR {bound} {holds} {literal})" if has_statistics else "TRUE"
        selected &= Selection(rows, f"(observed_at {holds} {literal} OR (observed_at IS NULL AND {undated}))")
    return selected if services is None else selected & is_in("service", services)


def is_in(column: str, values: set[str]) -> Selection:
    """The rows whose column, which must have statistics, has one of the values."""
    texts = tuple(sorted(values))
    rows = pc.field(column).isin(pa.array(texts, pa.string()))
    if not values:
        return Selection(rows)
    files = f"{column} >= {quoted(texts[0])} AND {column} <= {quoted(texts[-1])}"
    return Selection(rows, files, (Wanted(column, texts),))


def quoted(literal: str) -> str:
    """The text as a literal of SQL."""
    return "'" + literal.replace("'", "''") + "'"
