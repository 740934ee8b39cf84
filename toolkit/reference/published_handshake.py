"""A TLS 1.3 handshake with all its secrets, as RFC 8448 publishes it."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from toolkit.reference.rows import FOLDER, Row, read_rows

COLUMNS: Final = ("name", "value", "source", "date")
"""Of `published_handshake.csv`: values in hex, copied from section 3 of the RFC (January 2019)."""


@cache
def published_handshake() -> Mapping[str, bytes]:
    """Name → bytes of the handshake of RFC 8448, section 3: records of both sides, private keys, secrets and keys.

    `sent` and `answer` are the records, from the ClientHello to the Finished of the server. The names of secrets and
    keys are those of `toolkit.derive_keys`, which computes the same values.

    >>> from toolkit.reference import published_handshake
    >>> published_handshake()["client_private_key"].hex()[:16]
    '49af42ba7f799485'
    """
    return MappingProxyType(
        {row.text("name"): _bytes(row) for row in read_rows(FOLDER / "published_handshake.csv", COLUMNS)}
    )


def _bytes(row: Row) -> bytes:
    try:
        return bytes.fromhex(row.text("value"))
    except ValueError as error:
        raise row.error("value", "is not hex") from error
