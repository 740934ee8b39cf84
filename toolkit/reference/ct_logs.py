"""Logs of Certificate Transparency: who operates each of them, and by which interface."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from toolkit.reference.rows import FOLDER, read_rows

COLUMNS: Final = ("log_id", "operator", "description", "kind", "source")
"""Of `ct_logs.csv`; `log_id` is the SHA-256 of the log's key in base64 (RFC 6962, section 3.2).

`kind` is the interface of the log: `rfc6962`, or `static` (C2SP static-ct-api, a tiled log in Google's list).
"""


@cache
def log_operators() -> Mapping[str, str]:
    """The operator of each log that Google's list named from 2023 to 2026, by the log's id in base64.

    >>> log_operators()["zPsPaoVxCWX+lZtTzumyfCLphVwNl422qX5UwP5MDbA="]
    'Cloudflare'
    """
    return _by_log("operator")


@cache
def log_kinds() -> Mapping[str, str]:
    """The kind of each of these logs, `rfc6962` or `static`, by the log's id in base64.

    >>> log_kinds()["zPsPaoVxCWX+lZtTzumyfCLphVwNl422qX5UwP5MDbA="]
    'rfc6962'
    """
    return _by_log("kind")


def _by_log(column: str) -> Mapping[str, str]:
    found = {}
    for row in read_rows(FOLDER / "ct_logs.csv", COLUMNS):
        if row.text("log_id") in found:
            raise row.error("log_id", "is there twice")
        found[row.text("log_id")] = row.text(column)
    return MappingProxyType(found)
