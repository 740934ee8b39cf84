"""Rows that an earlier schema version kept, completed when they are loaded."""

from typing import Final

import pandas as pd

from toolkit import schema
from toolkit.certificates import parse_certificate

_SINCE_2: Final = tuple(
    column.name
    for column in schema.TABLES["certificates"][
        [column.name for column in schema.TABLES["certificates"]].index("key_usage") :
    ]
    if column.name not in {"tool", "der"}
)
"""Columns of `certificates` that follow from the DER and that version 1 did not have."""


def with_parsed_columns(certificates: pd.DataFrame) -> pd.DataFrame:
    """The certificates with the columns that version 1 did not have, parsed from the DER where they are all null.

    Of what version 2 parses, `is_must_staple` and `unknown_critical_extensions` are never all null.
    """
    is_old = certificates[list(_SINCE_2)].isna().all(axis=1) & certificates[["der", "spki_sha256"]].notna().all(axis=1)
    if not is_old.any():
        return certificates
    parsed = schema.frame("certificates", [parse_certificate(der) for der in certificates.loc[is_old, "der"]])
    parsed.index = certificates.index[is_old]
    completed = certificates.copy()
    for name in (*_SINCE_2, "parse_error"):
        completed[name] = parsed[name].reindex(certificates.index).where(is_old, certificates[name])
        if completed[name].dtype == object:
            completed[name] = completed[name].where(completed[name].notna(), None)
    return completed
