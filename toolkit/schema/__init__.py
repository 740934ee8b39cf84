"""The four tables: one description per column, and the frames, Arrow schemas and data dictionary made of them.

Same quantity, same name, everywhere. Instants end in `_at` or are X.509's `not_before` and `not_after`: UTC,
microseconds (a real `not_after` can lie in year 9999, past nanoseconds). Units are suffixes, hashes are
lower-case hex. Delta has no unsigned integers, so integers are signed and nullable.
"""

from typing import TYPE_CHECKING

from toolkit.lazy import renamed
from toolkit.schema.completing import complete
from toolkit.schema.described import (
    DATE_BASES,
    INSTANTS,
    KEYS,
    OBSERVATION_KEY,
    OUTCOMES,
    PROTOCOLS,
    STAGES,
    STATES,
    SUPPORT_KEY,
    TABLES,
    VERSION,
    TableName,
    dictionary,
)
from toolkit.schema.frames import arrow_schema, check, check_columns, conform, empty, frame

__all__ = [
    "DATE_BASES",
    "INSTANTS",
    "KEYS",
    "OBSERVATION_KEY",
    "OUTCOMES",
    "PROTOCOLS",
    "STAGES",
    "STATES",
    "SUPPORT_KEY",
    "TABLES",
    "VERSION",
    "TableName",
    "arrow_schema",
    "check",
    "check_columns",
    "complete",
    "conform",
    "dictionary",
    "empty",
    "frame",
]

if not TYPE_CHECKING:  # a type checker would take any name for one of the module
    __getattr__ = renamed(__name__, {"Column": "toolkit.columns.Column", "DTYPES": "toolkit.columns.DTYPES"})
