"""What a store holds: the columns of `Store.info`, and its `repr` in words, from the logs and the rounds."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from toolkit import schema, text
from toolkit.columns import Column
from toolkit.errors import StoreError
from toolkit.store.opening import KeptTables

INFO: Final = (
    Column("table", "text", "name of the table"),
    Column("rows", "integer", "rows kept, including repeats", "a file of another program lacks its count"),
    Column("files", "integer", "Parquet files"),
    Column("size_bytes", "integer", "size of the Parquet files", unit="bytes"),
    Column(
        "known_from_at",
        "instant",
        "earliest instant or bound of an observation or answer, to the millisecond",
        "the table has no instants, no row is dated, or only a bound of an answer dates it",
    ),
    Column("known_until_at", "instant", "latest instant or bound, to the millisecond", "as `known_from_at`"),
)
"""The columns of `Store.info`."""

_FEW_FILES: Final = 200
"""Of rounds, to be read by `repr`: a store that was never compacted has two files per round."""

_ROUND_FACTS: Final = (*schema.KEYS["rounds"], "looks_ok")
"""Columns of `rounds` that are read."""


def describe_store(tables: KeptTables) -> dict[str, str]:
    """What each table holds, in words, from the logs; and from the rounds where these are few files."""
    try:
        held = [table.info() for table in tables.values() if table.exists()]
        described = {str(table["table"]): _describe_table(table) for table in held}
        if any(table["table"] == "rounds" and table["files"] <= _FEW_FILES for table in held):
            described["rounds"] += f"; {_describe_rounds(tables['rounds'].read(_ROUND_FACTS).to_pandas())}"
    except StoreError as error:
        return {"cannot be read": str(error)}
    return described or {"empty": "nothing was appended yet"}


def _describe_table(row: Mapping[str, Any]) -> str:
    """Rows, files, size and span of one table, as `KeptTable.info` has them."""
    rows = "an unknown number of rows" if row["rows"] is None else text.counted(row["rows"], "row")
    size = row["size_bytes"]
    shown = f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"
    words = f"{rows} in {text.counted(row['files'], 'file')}, {shown}"
    if row["known_from_at"] is None:
        return words
    return f"{words}; {row['known_from_at']:%Y-%m-%d} to {row['known_until_at']:%Y-%m-%d}"


def _describe_rounds(rounds: pd.DataFrame) -> str:
    """How many rounds there are, how many did not finish, and how many of their looks failed."""
    unfinished = len(find_unfinished(rounds))
    rounds = rounds.drop_duplicates(list(schema.KEYS["rounds"]))
    ends = rounds[rounds["phase"] == "end"]
    made, answered = int(ends["looks"].sum()), int(ends["looks_ok"].sum())
    count = rounds["round"].nunique()
    return f"{text.counted(count, 'round')}, {unfinished:,} unfinished; {made - answered:,} of {made:,} looks failed"


def find_unfinished(rounds: pd.DataFrame) -> pd.Series:
    """Round → its last `end_reason` where that is not `finished`; null where the round has no end row."""
    order = rounds.assign(is_end=rounds["phase"] == "end").sort_values(["is_end", "written_at"], kind="stable")
    last = order.drop_duplicates("round", keep="last").set_index("round")["end_reason"]
    return last[~last.isin(["finished"])]
