"""The fields of a TLS message as a frame."""

from dataclasses import astuple
from typing import Final

import pandas as pd

from toolkit.columns import Column, dtypes, returns
from toolkit.errors import UsageError
from toolkit.text import type_name
from toolkit.wire.anatomy.dissect import dissect as fields_of

MESSAGE_FIELDS: Final = (
    Column("offset", "integer", "position of the first byte, from 0", unit="bytes"),
    Column("length", "integer", "length of the field", unit="bytes"),
    Column("name", "text", "path from the message to the field, separated by dots"),
    Column("value", "text", "the bytes in hex"),
    Column("meaning", "text", "what they mean; empty for random bytes, keys and signatures; may quote hostile text"),
    Column("section", "text", "the section that specifies the field"),
)
"""The columns of `dissect`."""


@returns(MESSAGE_FIELDS)
def dissect(data: bytes) -> pd.DataFrame:
    """Every field of a TLS message, in order: one row per field, every byte in exactly one row.

    `data`: a stream of records as kept by `observe(keep_bytes=True)`, bare handshake messages, or an SSL 2.0
    hello. Bytes that are encrypted or cannot be read are rows too, never an error. Raises `UsageError` for anything but
    `bytes`, such as the null of a look whose bytes were not kept.

    >>> import toolkit
    >>> alert = bytes.fromhex("15030300020228")
    >>> toolkit.dissect(alert)[["offset", "name", "value", "meaning"]].tail(2)
       offset               name value            meaning
    3       5        alert.level    02              fatal
    4       6  alert.description    28  handshake_failure
    """
    if not isinstance(data, bytes):
        raise UsageError(
            f"dissect takes bytes, not {type_name(data)}: bytes.fromhex(…) makes bytes from hex digits, and "
            "observe(keep_bytes=True) keeps the bytes of a look."
        )
    rows = [astuple(field) for field in fields_of(data)]
    return pd.DataFrame(rows, columns=list(dtypes(MESSAGE_FIELDS))).astype(dtypes(MESSAGE_FIELDS))
