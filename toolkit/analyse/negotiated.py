"""What handshakes negotiated, month by month: the shares of protocols, suites, bits and signing keys."""

from collections.abc import Callable
from typing import Final, Literal

import pandas as pd

from toolkit.analyse.slots import all_sources
from toolkit.arguments import require_choice
from toolkit.columns import Column, dtypes, returns
from toolkit.reference import Suite, suites
from toolkit.tables import Tables, require_tables

NEGOTIATED: Final = (
    Column("month_from_at", "instant", "first instant of the month (UTC)"),
    Column("quantity", "text", "`protocol`, `suite`, `bits` or `signature`"),
    Column("value", "text", "what was negotiated"),
    Column("handshakes", "integer", "looks of that month with the value"),
    Column("known", "integer", "looks of that month whose value is known"),
    Column("share", "number", "`handshakes` of `known`, from 0 to 1"),
    Column("source", "text", "sources of the looks, sorted, joined by `, `"),
)
"""The columns of `summarise_negotiated`."""

Quantity = Literal["protocol", "suite", "bits", "signature"]

OF_SUITE: Final[dict[str, Callable[[Suite], str | None]]] = {
    "bits": lambda suite: None if suite.key_bits is None else f"{suite.strength_bits}/{suite.key_bits}",
    "signature": lambda suite: None if suite.authentication == "any" else suite.authentication,
}
"""Quantity that follows from the suite → how."""


@returns(NEGOTIATED)
def summarise_negotiated(tables: Tables, *, by: Quantity = "protocol") -> pd.DataFrame:
    """The share of each protocol, suite, pair of bits or signing key: one row per month and value that occurs.

    `by`: `protocol`; `suite`; `bits`, the strength and the key size of the cipher, as mail servers write them
    (`112/168` is 3DES); `signature`, the type of the server's key as the suite names it, which suites of TLS 1.3 do
    not. Looks without an instant, without an answer, or whose value is not known are left out. Sorted by month and
    value. A share is one of handshakes, not of servers or clients: a client that sends much mail counts often.

    Raises `UsageError` for another `by`.

    >>> import toolkit
    >>> bits = toolkit.summarise_negotiated(toolkit.load_example("google-headers"), by="bits")
    >>> print(bits.loc[bits["value"] == "112/168", ["month_from_at", "handshakes", "known"]].to_string(index=False))
                month_from_at  handshakes  known
    2021-02-01 00:00:00+00:00           1    448
    """
    require_tables(tables, "summarise_negotiated")
    known = ("protocol", "suite", *OF_SUITE)
    require_choice("by", by, known)
    looks = tables.observations
    values = looks[by] if by in looks else looks["suite_code"].map(_values_of_suites(by)).astype("string")
    named = looks.assign(value=values).dropna(subset=["observed_at", "value"])
    month = named["observed_at"].dt.tz_localize(None).dt.to_period("M").dt.start_time.dt.tz_localize("UTC")
    grouped = named.groupby([month.rename("month_from_at"), "value"], sort=True)
    found = grouped.agg(handshakes=("value", "size"), source=("source", all_sources)).reset_index()
    total = found.groupby("month_from_at")["handshakes"].transform("sum")
    found = found.assign(quantity=by, known=total, share=found["handshakes"] / total)
    return found.reindex(columns=list(dtypes(NEGOTIATED))).astype(dtypes(NEGOTIATED))


def _values_of_suites(by: str) -> dict[int, str | None]:
    return {code: OF_SUITE[by](suite) for code, suite in suites().items()}
