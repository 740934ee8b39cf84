"""Logs of Certificate Transparency: who operates each of them."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from toolkit.reference.rows import FOLDER, read_rows

COLUMNS: Final = ("log_id", "operator", "description", "source")
"""Of `ct_logs.csv`; `log_id` is the SHA-256 of the log's key in base64 (RFC 6962, section 3.2)."""


@cache
def log_operators() -> Mapping[str, str]:
    """The operator of each log that Google's list named from 2023 to 2026, by the log's id in base64.

    >>> log_operators()["zPsPaoVxCWX+lZtTzumyfCLphVwNl422qX5UwP5MDbA="]
    'Cloudflare'
    """
    operators = {}
    for row in read_rows(FOLDER / "ct_logs.csv", COLUMNS):
        if row.text("log_id") in operators:
            raise row.error("log_id", "is there twice")
        operators[row.text("log_id")] = row.text("operator")
    return MappingProxyType(operators)
