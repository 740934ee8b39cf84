"""What a store holds, in words: for its `repr`, from the logs and the rounds."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from toolkit import text

ROUND_FACTS: Final = ("round", "phase", "looks", "looks_ok", "end_reason")
"""Columns of `rounds` that are read."""


def describe_table(row: Mapping[str, Any]) -> str:
    """Rows, files, size and span of one table, as `KeptTable.info` has them."""
    rows = "an unknown number of rows" if row["rows"] is None else text.counted(row["rows"], "row")
    size = row["size_bytes"]
    shown = f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"
    words = f"{rows} in {text.counted(row['files'], 'file')}, {shown}"
    if row["known_from"] is None:
        return words
    return f"{words}; {row['known_from']:%Y-%m-%d} to {row['known_until']:%Y-%m-%d}"


def describe_rounds(rounds: pd.DataFrame) -> str:
    """How many rounds there are, how many did not finish, and how many of their looks failed."""
    rounds = rounds.drop_duplicates(["round", "phase", "end_reason"])
    ends = rounds[rounds["phase"] == "end"]
    made, answered = int(ends["looks"].sum()), int(ends["looks_ok"].sum())
    count = rounds["round"].nunique()
    unfinished = count - ends.loc[ends["end_reason"] == "finished", "round"].nunique()
    return f"{text.counted(count, 'round')}, {unfinished:,} unfinished; {made - answered:,} of {made:,} looks failed"
