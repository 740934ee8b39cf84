"""The fields of a TLS message and the keys of a TLS 1.3 handshake as frames."""

from dataclasses import astuple
from typing import Final

import pandas as pd

from toolkit.columns import Column, dtypes, require_columns, returns
from toolkit.errors import UsageError
from toolkit.text import type_name
from toolkit.wire import key_schedule
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

KEY_SCHEDULE: Final = (
    Column("name", "text", "the secret, key or IV, as RFC 8446 names it"),
    Column("derived_from", "text", "name of the row whose value is the salt or the secret", null="the salt is zeros"),
    Column("operation", "text", "`HKDF-Extract` or `HKDF-Expand-Label`"),
    Column("label", "text", "the label, without the prefix `tls13 `", null="an extraction, which has none"),
    Column("transcript", "text", "the messages whose hash is the input", null="the input is not a hash of messages"),
    Column(
        "input", "text", "in hex: keying material of an extraction, context of an expansion",
        null="the transcript is incomplete",
    ),
    Column("length", "integer", "length of the value", unit="bytes"),
    Column("value", "text", "the value in hex", null="not known, because the answer does not hold the whole flight"),
    Column("section", "text", "the section that specifies the step"),
)  # fmt: skip
"""The columns of `derive_keys`."""


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
    _check_bytes(data, "dissect takes bytes")
    rows = [astuple(field) for field in fields_of(data)]
    return pd.DataFrame(rows, columns=list(dtypes(MESSAGE_FIELDS))).astype(dtypes(MESSAGE_FIELDS))


@returns(KEY_SCHEDULE)
def derive_keys(sent: bytes, answer: bytes, *, shared_secret: bytes) -> pd.DataFrame:
    """Every secret, key and IV of a TLS 1.3 handshake, one row per derivation, in the order of RFC 8446, 7.1.

    `sent`, `answer`: the records of both sides, as `observe(keep_bytes=True)` keeps them. `shared_secret`: the result
    of the key exchange, which only the two sides can compute. The application keys need the server's Finished, so they
    are null where the answer ends before it. Raises `UsageError` where the bytes are not a TLS 1.3 handshake, the
    handshake uses a pre-shared key or a HelloRetryRequest, or the secret does not decrypt the answer.

    >>> import toolkit
    >>> from toolkit.reference import published_handshake
    >>> trace = published_handshake()
    >>> keys = toolkit.derive_keys(trace["sent"], trace["answer"], shared_secret=trace["shared_secret"])
    >>> keys.set_index("name")["value"]["server_handshake_key"]
    '3fce516009c21727d0f2e4e86ee403bc'
    """
    for given, name in ((sent, "sent"), (answer, "answer"), (shared_secret, "shared_secret")):
        _check_bytes(given, f"derive_keys takes bytes for {name}")
    steps = key_schedule.derive_keys(sent, answer, shared_secret)
    rows = [[part.hex() if isinstance(part, bytes) else part for part in astuple(step)] for step in steps]
    return pd.DataFrame(rows, columns=list(dtypes(KEY_SCHEDULE))).astype(dtypes(KEY_SCHEDULE))


def decrypt_answer(answer: bytes, keys: pd.DataFrame) -> bytes:
    """The answer of a TLS 1.3 server with its encrypted flight in the clear, for `dissect`.

    `keys`: what `derive_keys` returns for the handshake. Each encrypted record up to the server's Finished is replaced
    by a record of its content. ChangeCipherSpec records, which have no meaning in TLS 1.3, are left out. Later records
    stay as they are. Raises `UsageError` where the keys are not those of this answer.

    >>> import toolkit
    >>> from toolkit.reference import published_handshake
    >>> trace = published_handshake()
    >>> keys = toolkit.derive_keys(trace["sent"], trace["answer"], shared_secret=trace["shared_secret"])
    >>> fields = toolkit.dissect(toolkit.decrypt_answer(trace["answer"], keys))
    >>> fields["name"].str.partition(".")[0].unique().tolist()
    ['record', 'ServerHello', 'EncryptedExtensions', 'Certificate', 'CertificateVerify', 'Finished']
    """
    _check_bytes(answer, "decrypt_answer takes bytes")
    require_columns(keys, ("name", "value"), call="decrypt_answer", source="derive_keys")
    value = dict(zip(keys["name"], keys["value"], strict=True))
    try:
        key, iv = (bytes.fromhex(value[f"server_handshake_{part}"]) for part in ("key", "iv"))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            "decrypt_answer takes all rows that derive_keys returns; server_handshake_key or server_handshake_iv is "
            "missing here, or not hex."
        ) from error
    return key_schedule.decrypt_answer(answer, key, iv)


def _check_bytes(data: object, takes: str) -> None:
    if not isinstance(data, bytes):
        raise UsageError(
            f"{takes}, not {type_name(data)}: bytes.fromhex(…) makes bytes from hex digits, and "
            "observe(keep_bytes=True) keeps the bytes of a look."
        )
