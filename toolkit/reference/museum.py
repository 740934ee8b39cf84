"""What one real server accepted long ago: smtp.gmail.com:587, as published on 2015-11-25."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from toolkit.reference.rows import FOLDER, read_rows

COLUMNS: Final = ("protocol", "suite", "is_first", "source", "date")
"""Of `museum.csv`, made by `data/make_museum.py` from the recorded survey."""


@cache
def museum() -> Mapping[str, tuple[str, ...]]:
    """Protocol → accepted suites by IANA name, the server's first choice first.

    The order of the others was not recorded; they are in the order of the list.

    >>> {protocol: suites[0] for protocol, suites in museum().items()}["TLS 1.0"]
    'TLS_ECDHE_RSA_WITH_RC4_128_SHA'
    """
    made: dict[str, tuple[str, ...]] = {}
    for row in read_rows(FOLDER / "museum.csv", COLUMNS):
        suite, others = row.text("suite"), made.get(row.text("protocol"), ())
        made[row.text("protocol")] = (suite, *others) if row.boolean("is_first") else (*others, suite)
    return MappingProxyType(made)
