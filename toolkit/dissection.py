"""The fields of a TLS message as a frame."""

from dataclasses import astuple
from typing import Final

import pandas as pd

from toolkit.errors import UsageError
from toolkit.wire.anatomy.dissect import dissect as fields_of

DTYPES: Final = {
    "offset": "Int64",
    "length": "Int64",
    "name": "string",
    "value": "string",
    "meaning": "string",
    "section": "string",
}


def dissect(data: bytes) -> pd.DataFrame:
    """Every field of a TLS message, in order: one row per field, every byte in exactly one row.

    `data` is a stream of records as kept by `observe(keep_bytes=True)`, one or more bare handshake messages, or an
    SSL 2.0 hello. Columns: `offset` and `length` [bytes] (Int64); `name` leads from the message to the field by dots;
    `value` is the bytes in hex; `meaning` is empty where the bytes have none of their own (random, keys,
    signatures), and may quote hostile text; `section` is where the field is specified. No value is null. What is
    encrypted or cannot be read is a row as well, never an error. Raises `UsageError` for what is no `bytes`, such as
    the null of a look whose bytes were not kept.

    >>> dissect(bytes.fromhex("15030300020228"))[["offset", "name", "value", "meaning"]].tail(2)
       offset               name value            meaning
    3       5        alert.level    02              fatal
    4       6  alert.description    28  handshake_failure
    """
    if not isinstance(data, bytes):
        raise UsageError(
            f"dissect takes bytes, not {type(data).__name__}: bytes.fromhex(…) makes them of hex digits, and "
            "observe(keep_bytes=True) keeps those of a look."
        )
    rows = [astuple(field) for field in fields_of(data)]
    return pd.DataFrame(rows, columns=list(DTYPES)).astype(DTYPES)
