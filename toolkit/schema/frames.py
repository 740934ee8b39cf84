"""Frames of the four tables: made of rows or of other frames, checked, and as Arrow schemas."""

import math
from collections.abc import Hashable, Iterable
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import pandas_dtype

from toolkit.arguments import require_type
from toolkit.columns import Column, Kind, empty as empty_frame
from toolkit.errors import SchemaError, UsageError
from toolkit.schema.described import OUTCOMES, PROTOCOLS, STAGES, STATES, TableName, columns_of
from toolkit.text import did_you_mean, enumerated

_ARROW: Final[dict[Kind, pa.DataType]] = {
    "instant": pa.timestamp("us", tz="UTC"),
    "text": pa.string(),
    "texts": pa.list_(pa.string()),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "bytes": pa.binary(),
}

_EXTENSIONS: Final = {
    pa.string(): pd.StringDtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}

_DTYPE_KINDS: Final[dict[Kind, str]] = {
    "instant": "M",
    "text": "OU",
    "texts": "O",
    "integer": "iuf",
    "number": "iuf",
    "boolean": "b",
    "bytes": "O",
}
"""Kind of a column → the kinds of dtype that functions can compute with."""


def arrow_schema(table: TableName) -> pa.Schema:
    """The Arrow schema of a table, as it is stored.

    >>> from toolkit.schema import arrow_schema
    >>> arrow_schema("observations").field("observed_at").type
    TimestampType(timestamp[us, tz=UTC])
    """
    return pa.schema([pa.field(column.name, _ARROW[column.kind]) for column in columns_of(table)])


def empty(table: TableName) -> pd.DataFrame:
    """A frame of the table without rows, every column with its dtype.

    >>> from toolkit.schema import empty
    >>> len(empty("rounds")), str(empty("rounds")["looks"].dtype)
    (0, 'Int64')
    """
    return empty_frame(columns_of(table))


def frame(table: TableName, rows: list[dict[str, object]]) -> pd.DataFrame:
    """The rows as a frame of the table; keys that a row lacks are null, unknown keys raise `SchemaError`.

    Raises `UsageError` for an unknown table, and for what is not a list of rows.

    >>> from toolkit.schema import frame
    >>> made = frame("certificates", [{"cert_sha256": "00" * 32, "subject": "CN=a.test"}])
    >>> made.loc[0, "subject"], made.loc[0, "not_after"]
    ('CN=a.test', NaT)
    """
    columns_of(table)
    require_type("schema.frame", rows, list, such_as="[{column: value}]")
    named: set[str] = set().union(*rows)
    _refuse_unknown(table, sorted(named))
    if not rows:
        return empty(table)
    values = {name: [row.get(name) for row in rows] for name in named}
    try:
        return _frame_through_arrow(table, values, len(rows))
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        # What does not fit is named here, by column.
        return conform(table, pd.DataFrame({name: pd.Series(given, dtype=object) for name, given in values.items()}))


def conform(table: TableName, given: pd.DataFrame) -> pd.DataFrame:
    """The frame with the table's columns in order and with their dtypes; missing columns become null.

    Raises `SchemaError` where a column is unknown or a value does not fit its dtype, `UsageError` for an unknown table.

    >>> import pandas as pd
    >>> from toolkit.schema import conform
    >>> given = pd.DataFrame({"cert_sha256": ["00" * 32], "key_bits": [2048.0]})
    >>> conform("certificates", given)["key_bits"].dtype, conform("certificates", given)["issuer"].isna().all()
    (Int64Dtype(), np.True_)
    """
    require_type("schema.conform", given, pd.DataFrame)
    _refuse_unknown(table, given.columns)
    if given.empty:
        return empty(table)
    series = {}
    for column in columns_of(table):
        values = given[column.name] if column.name in given else pd.Series([None] * len(given), given.index, object)
        series[column.name] = _fitted(table, column, values)
    return pd.DataFrame(series).reset_index(drop=True)


def check(table: TableName, given: pd.DataFrame) -> None:
    """Raise `SchemaError` unless columns, dtypes, nulls, vocabularies, ports and bounds are the table's.

    >>> import pandas as pd
    >>> from toolkit.schema import check, empty
    >>> check("certificates", empty("certificates"))
    >>> check("certificates", pd.DataFrame({"subject": ["CN=a.test"]}))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    toolkit.errors.SchemaError: certificates must have the columns cert_sha256, ...
    """
    columns = columns_of(table)
    require_type("schema.check", given, pd.DataFrame)
    if list(given.columns) != [column.name for column in columns]:
        raise SchemaError(f"{table} must have the columns {', '.join(c.name for c in columns)}.")
    for column, dtype in zip(columns, given.dtypes, strict=True):
        if str(dtype) != column.dtype:
            raise SchemaError(f"{table}.{column.name} must be {column.dtype}, not {dtype}.")
    if given.empty:
        return
    for column in columns:
        if not column.null and given[column.name].isna().any():
            raise SchemaError(f"{table}.{column.name} is null in a row, and it never may be.")
    vocabularies = {"outcome": tuple(OUTCOMES), "stage": STAGES, "state": STATES, "protocol": PROTOCOLS}
    for name, allowed in vocabularies.items():
        strange = set(given[name].dropna().unique()) - set(allowed) if name in given else set()
        if strange:
            raise SchemaError(f"{table}.{name} may be {', '.join(allowed)}, not {min(strange)!r}.")
    if "port" in given and len(strange_ports := given["port"].dropna().loc[lambda ports: ~ports.between(1, 65535)]):
        raise SchemaError(f"{table}.port may be 1 to 65535, not {strange_ports.min()}.")
    if "observed_from" in given:
        is_turned = (given["observed_from"] > given["observed_until"]).fillna(False)
        if is_turned.any():
            row = given[is_turned].iloc[0]
            raise SchemaError(
                f"{table}.observed_from ({row['observed_from'].isoformat()}) is after observed_until "
                f"({row['observed_until'].isoformat()}): bounds go from the earlier to the later."
            )


def check_columns(table: TableName, given: pd.DataFrame) -> None:
    """Raise `UsageError` unless the frame has each column of the table once, with a dtype that fits its kind.

    Quicker than `check`, because no value is read; categories fit every kind.

    >>> import toolkit
    >>> from toolkit.schema import check_columns
    >>> looks = toolkit.load_example("google-mail").observations
    >>> check_columns("observations", looks.drop(columns="outcome"))
    Traceback (most recent call last):
    toolkit.errors.UsageError: observations lacks outcome, which is never null: add it, such as \
observations.assign(outcome=…).
    """
    held = dict(zip(given.columns.tolist(), given.dtypes.tolist(), strict=True))
    columns = columns_of(table)
    if missing := [column for column in columns if column.name not in held]:
        if never := [column.name for column in missing if not column.null]:
            raise UsageError(never_null(table, never))
        names = enumerated([column.name for column in missing])
        raise UsageError(f"{table} lacks {names}: Tables.from_frames({table}=…) adds what is missing.")
    if len(held) < len(given.columns):
        repeated = given.columns[given.columns.duplicated()].unique()
        raise UsageError(f"{table} has more than one column {enumerated(repeated.tolist())}: keep one.")
    for column in columns:
        dtype = held[column.name]
        if isinstance(dtype, pd.CategoricalDtype):
            continue
        is_naive = column.kind == "instant" and not isinstance(dtype, pd.DatetimeTZDtype)
        if dtype.kind not in _DTYPE_KINDS[column.kind] or is_naive:
            raise UsageError(
                f"{table}.{column.name} must be {column.dtype}, not {dtype}: Tables.from_frames({table}=…) converts it."
            )


def never_null(table: TableName, missing: list[str]) -> str:
    """The message for missing columns that are never null, which nothing can stand for."""
    are, them = ("is", "it") if len(missing) == 1 else ("are", "them")
    such_as = f"{table}.assign({missing[0]}=…)"
    return f"{table} lacks {', '.join(missing)}, which {are} never null: add {them}, such as {such_as}."


def _refuse_unknown(table: TableName, names: Iterable[Hashable]) -> None:
    known = {column.name for column in columns_of(table)}
    for name in names:
        if name not in known:
            hint = did_you_mean(str(name), known)
            raise SchemaError(f"{table} has no column {name!r:.60}.{hint} toolkit.schema.dictionary() lists them.")


def _frame_through_arrow(table: TableName, values: dict[str, list[object]], length: int) -> pd.DataFrame:
    """The values as a frame, several times as fast as by `_fitted`; raises where one does not fit, without its name."""
    arrays, objects = {}, {}
    for column in columns_of(table):
        given = values.get(column.name)
        if column.kind in {"texts", "bytes"} and given is not None:
            objects[column.name] = _cast(pd.Series(given, dtype=object), column)
            given = None
        if given is None:
            arrays[column.name] = pa.nulls(length, _ARROW[column.kind])
            continue
        if column.kind == "instant" and any(map(_is_naive, given)):
            raise ValueError("no zone")
        if column.kind == "integer" and any(issubclass(one, float) for one in set(map(type, given))):
            raise ValueError("may have a fraction")
        arrays[column.name] = pa.array(given, _ARROW[column.kind], from_pandas=True)
    made: pd.DataFrame = pa.table(arrays).to_pandas(types_mapper=_EXTENSIONS.get)
    for name, series in objects.items():
        made[name] = series
    return made


def _is_naive(value: object) -> bool:
    return isinstance(value, datetime) and value.tzinfo is None and not pd.isna(value)


def _fitted(table: TableName, column: Column, values: pd.Series) -> pd.Series:
    if column.dtype != "object" and str(values.dtype) == column.dtype:
        return values
    try:
        return _cast(values, column)
    except (TypeError, ValueError, OverflowError) as error:
        raise SchemaError(f"{table}.{column.name} does not fit {column.dtype}: {error}") from error


def _cast(values: pd.Series, column: Column) -> pd.Series:
    if column.kind == "instant":
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            return values.astype("datetime64[us, UTC]")
        if values.isna().all():
            return pd.Series(pd.NaT, index=values.index, dtype=column.dtype)
        naive = [value for value in values if not pd.isna(value) and getattr(value, "tzinfo", None) is None]
        if naive:
            raise ValueError(f"{naive[0]!r} has no zone")
        return pd.Series(pd.to_datetime(values, utc=True).dt.as_unit("us"), index=values.index)
    if column.kind in {"texts", "bytes"}:
        convert = _texts if column.kind == "texts" else _bytes
        return pd.Series([convert(value) for value in values], index=values.index, dtype=object)
    return values.astype(pandas_dtype(column.dtype))


def _texts(value: object) -> tuple[str, ...] | None:
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(value)
    _check_null(value, "a list of text")
    return None


def _bytes(value: object) -> bytes | None:
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    _check_null(value, "bytes")
    return None


def _check_null(value: object, wanted: str) -> None:
    """Null, or an error: a value of another kind must not vanish."""
    if value is not None and value is not pd.NA and not (isinstance(value, float) and math.isnan(value)):
        raise TypeError(f"{value!r} is not {wanted}")
