"""The further columns of a verdict: the order of the served chain, and what is missing from it and not needed."""

from collections.abc import Hashable, Mapping
from typing import Any, Final

import pandas as pd

from toolkit.analyse.trust.chains import Chains
from toolkit.analyse.trust.outcomes import Outcome
from toolkit.analyse.trust.verify import TRUST, as_frame, chains_of, name_asked
from toolkit.columns import Column, dtypes, require_columns, returns
from toolkit.errors import UsageError
from toolkit.reference.roots import Intermediates, Roots
from toolkit.tables import Tables, require_tables

DETAILS: Final = (
    Column(
        "is_order_right",
        "boolean",
        "each served certificate certifies the previous one (RFC 8446, section 4.4.2); not part of the verdict",
        "no chain, or a certificate cannot be read",
    ),
    Column("missing_count", "integer", "intermediates of the path that were not served", "no path"),
    Column("unneeded_count", "integer", "served certificates that the path does not need, repeats included", "no path"),
    Column("valid_from_at", "instant", "start of the time in which the whole path is valid", "no path, or never valid"),
    Column(
        "valid_until_at",
        "instant",
        "end of that time, inclusive; it does not depend on a root whose expiry the store does not check",
        "no path, or never valid",
    ),
)
"""The columns that `describe_chains` adds."""

_OF_CHAIN: Final = ("service", "host", "server_name", "store", "leaf_sha256", "chain_sha256", "verdict_from_at")
_COMPARED: Final = ("verdict", "cause", "reason", "path_sha256")
"""Columns of an outcome by which a row is recognised. The details follow from the chain and the path."""


@returns((*TRUST, *DETAILS))
def describe_chains(
    verdicts: pd.DataFrame, tables: Tables, *, roots: Roots | None = None, intermediates: Intermediates = "served"
) -> pd.DataFrame:
    """The verdicts with every further column: the order of the chain, missing and unneeded certificates, validity.

    `verdicts` are rows of `verify_chains` or `replay_trust`, all or some of them, in any order; `tables` and `roots`
    are what that function was given, and so is `intermediates` (`"held"` for `replay_trust`). Rows that were judged by
    a trust store name it in `store` and need no `roots`. Rows, order, index and other columns stay as they are; the
    chains are judged again.

    Raises `UsageError` for another frame, for rows without a store if `roots` is not given, and where the chains are
    not judged as the rows say; and as `verify_chains`.

    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://relay.lab.test:587")
    >>> verdicts = toolkit.verify_chains(tables, roots=Lab().roots)
    >>> details = toolkit.describe_chains(verdicts, tables, roots=Lab().roots)
    >>> columns = ["verdict", "is_order_right", "missing_count", "valid_from_at"]
    >>> print(toolkit.chart.tabulate(details, columns=columns, rows=3))
      verdict is_order_right missing_count valid_from_at
    untrusted            yes             1    2025-07-11
      trusted            yes             0    2025-07-11
      trusted            yes             0    2025-11-14
    … and 3 more rows
    """
    require_columns(verdicts, [*_OF_CHAIN, *_COMPARED], call="describe_chains", source="verify_chains or replay_trust")
    require_tables(tables, "describe_chains")
    chains: dict[str | None, Chains] = {}
    found: list[dict[str, Any]] = []
    for row in verdicts.to_dict("records"):
        store = row["store"] if isinstance(row["store"], str) else None
        if store not in chains:
            chains[store] = chains_of(tables, _roots_of(store, roots), intermediates)
        outcome = _judge_again(row, chains[store])
        if any(_value(row[name]) != getattr(outcome, name) for name in _COMPARED):
            raise UsageError(
                f"The leaf {str(row['leaf_sha256'])[:12]} is not judged as the row says ({outcome.verdict}): give "
                "describe_chains the tables, roots and intermediates that the rows were made with."
            )
        found.append({column.name: getattr(outcome, column.name) for column in DETAILS})
    kept = verdicts.drop(columns=list(dtypes(DETAILS)), errors="ignore")
    return kept.join(as_frame(found, DETAILS).set_axis(verdicts.index))


def _roots_of(store: str | None, roots: Roots | None) -> Roots:
    if store is not None:
        return store
    if roots is None:
        raise UsageError("describe_chains: give roots=, as these rows were not judged by a trust store.")
    return roots


def _judge_again(row: Mapping[Hashable, Any], chains: Chains) -> Outcome:
    judged = chains.judge(row["leaf_sha256"], _value(row["chain_sha256"]), name_asked(row))
    at = row["verdict_from_at"]
    return judged.undated() if pd.isna(at) else judged.at(at.to_pydatetime())


def _value(cell: Any) -> Any:
    """The cell of a frame as a value of Python: None for null, a tuple for a list."""
    if isinstance(cell, tuple | list):
        return tuple(cell)
    return None if pd.isna(cell) else cell
