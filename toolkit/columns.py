"""Columns of a frame: name, dtype, unit, meaning and what null means, each described once.

The tables of `toolkit.schema` and every frame that a public function returns are tuples of `Column`. The dtypes, the
table in the docstring (`returns`) and the reference page follow from them.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, TypeVar

import pandas as pd

from toolkit.errors import UsageError
from toolkit.text import type_name

Kind = Literal["instant", "text", "texts", "integer", "number", "boolean", "bytes"]

DTYPES: Final[dict[Kind, str]] = {
    "instant": "datetime64[us, UTC]",
    "text": "string",
    "texts": "object",
    "integer": "Int64",
    "number": "Float64",
    "boolean": "boolean",
    "bytes": "object",
}
"""Kind → pandas dtype. `texts` holds tuples of str, `bytes` holds bytes; both use None for null."""

FORMER_NAMES: Final = {
    "first_seen": "first_seen_at", "last_seen": "last_seen_at", "not_seen_before": "previous_look_at",
    "not_seen_after": "next_look_at", "line_looks": "slot_looks", "shelf_min_days": "deployment_delay_min_days",
    "shelf_max_days": "deployment_delay_max_days", "tail_min_days": "margin_min_days",
    "tail_max_days": "margin_max_days", "half_min_at": "midpoint_min_at", "half_max_at": "midpoint_max_at",
    "is_half_contradicted": "is_midpoint_contradicted", "is_return": "is_rollback", "skipped": "unseen_sha256",
    "late_days": "overdue_days", "habit_lead_days": "usual_lead_days",
    "habit_lifetime_days": "usual_lifetime_days", "connections_wide": "connections_permissive",
    "seconds_wide": "seconds_permissive", "as_of_from": "verdict_from_at", "as_of_until": "verdict_until_at",
    "as_of_from_at": "verdict_from_at", "as_of_until_at": "verdict_until_at", "rows": "evidence_count",
    "known_from": "known_from_at", "known_until": "known_until_at", "changed_from": "changed_from_at",
    "changed_until": "changed_until_at", "valid_from": "valid_from_at", "valid_until": "valid_until_at",
    "broken_element": "broken_certificate", "habit_spread_days": "usual_lead_spread_days",
    "habit_basis": "usual_lead_basis", "habit_rotations": "usual_lead_rotations", "habit_reason": "usual_lead_reason",
    "habit_breaks_at": "routine_ends_at",
}  # fmt: skip
"""Former name of a column → its name now, for the message about a column that a frame does not have."""

MOVED: Final = {
    **dict.fromkeys(("lead_min_days", "succession"), "describe_rotations"),
    **dict.fromkeys(
        ("is_order_right", "missing_count", "unneeded_count", "valid_from_at", "valid_until_at"), "describe_chains"
    ),
    "usual_lead_reason": "describe_usual_leads",
}
"""Column that a frame no longer has → the function whose frame has it, for the same message."""

_MOST_NAMED: Final = 3
"""Missing columns that a message names."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it holds, in which unit, and what null means (empty: it is never null)."""

    name: str
    kind: Kind
    meaning: str
    null: str = ""
    unit: str = ""

    @property
    def dtype(self) -> str:
        """The pandas dtype of the column, as `frame.dtypes` prints it."""
        return DTYPES[self.kind]


def dtypes(columns: Iterable[Column]) -> dict[str, str]:
    """Name → dtype of the columns, in order: `frame.astype(dtypes(columns))`."""
    return {column.name: column.dtype for column in columns}


def empty(columns: Iterable[Column]) -> pd.DataFrame:
    """A frame without rows, every column with its dtype."""
    return _blank(tuple(columns)).copy()


@cache
def _blank(columns: tuple[Column, ...]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series([], dtype=dtype) for name, dtype in dtypes(columns).items()})


def described(columns: Iterable[Column]) -> str:
    """The columns as a Markdown table: name, dtype, meaning with its unit, and what null means."""
    lines = ["| column | dtype | meaning | null means |", "|---|---|---|---|"]
    for column in columns:
        meaning = f"{column.meaning} [{column.unit}]" if column.unit else column.meaning
        lines.append(f"| `{column.name}` | {column.dtype} | {meaning} | {column.null or 'never null'} |")
    return "\n".join(lines)


def require_columns(given: object, names: Iterable[str], *, call: str, source: str) -> None:
    """Raises `UsageError` unless `given` is a frame with these columns: what `source` returns, for the function `call`.

    >>> require_columns(None, ["service"], call="describe_rotations", source="find_rotations")
    Traceback (most recent call last):
    toolkit.errors.UsageError: describe_rotations takes what find_rotations returns, not None.
    """
    if not isinstance(given, pd.DataFrame):
        raise UsageError(f"{call} takes what {source} returns, not {type_name(given)}.")
    missing = [name for name in names if name not in given]
    if missing:
        raise UsageError(
            f"{call} takes what {source} returns; this frame has no column {', '.join(missing[:_MOST_NAMED])}."
        )


def returns(columns: Iterable[Column]) -> Callable[[_Function], _Function]:
    """Add the table of the columns to the docstring of a function that returns such a frame.

    The columns are kept as the function's attribute `columns`, from which the reference page is made.
    """
    columns = tuple(columns)

    def describe(function: _Function) -> _Function:
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\nColumns:\n\n{described(columns)}\n"
        function.columns = columns  # type: ignore[attr-defined]
        return function

    return describe
