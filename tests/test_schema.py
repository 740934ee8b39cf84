"""What a row is: one description, and every frame either fits it or is refused by name."""

from datetime import UTC, datetime
from typing import get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from toolkit import schema
from toolkit.errors import SchemaError

TABLES = get_args(schema.TableName)
LOOK = {"date_basis": "undated", "round": "r", "sample": 0, "source": "test", "outcome": "ok"}


@pytest.mark.parametrize("table", TABLES)
def test_names_say_what_the_columns_hold(table: schema.TableName) -> None:
    for column in schema.TABLES[table]:
        name = column.name
        assert (column.kind == "instant") == (name.endswith(("_at", "_from", "_until")) or "not_" in name), name
        assert (column.kind == "boolean") == name.startswith(("is_", "has_")), name
        assert not name.endswith("_sha256") or column.kind in {"text", "texts"}
        assert name.endswith(f"_{column.unit}") == bool(column.unit), name
        assert column.meaning


@pytest.mark.parametrize("table", TABLES)
def test_a_name_has_one_kind_everywhere_and_keys_are_columns(table: schema.TableName) -> None:
    kinds = {column.name: column.kind for other in TABLES for column in schema.TABLES[other]}
    assert all(kinds[column.name] == column.kind for column in schema.TABLES[table])
    assert set(schema.KEYS[table]) <= {column.name for column in schema.TABLES[table]}


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_frame_fits_and_passes_through_arrow(table: schema.TableName) -> None:
    empty = schema.empty(table)
    schema.check(table, empty)
    stored = pa.Table.from_pandas(empty, schema=schema.arrow_schema(table), preserve_index=False)
    schema.check(table, schema.conform(table, stored.to_pandas()))


def test_no_unsigned_integers_are_stored() -> None:
    """Delta has none."""
    assert not any(pa.types.is_unsigned_integer(field.type) for table in TABLES for field in schema.arrow_schema(table))


def test_the_far_future_passes_through_arrow() -> None:
    row = LOOK | {"printed_not_after": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "chain_sha256": ("a", "b")}
    made = schema.frame("observations", [row, LOOK])
    stored = pa.Table.from_pandas(made, schema=schema.arrow_schema("observations"), preserve_index=False)
    back = schema.conform("observations", stored.to_pandas())
    pd.testing.assert_frame_equal(back, made)
    assert back["printed_not_after"][0].year == 9999
    assert back["chain_sha256"].tolist() == [("a", "b"), None]


def test_a_key_that_is_not_a_column_is_refused() -> None:
    with pytest.raises(SchemaError, match="observations has no column 'colour'"):
        schema.frame("observations", [LOOK | {"colour": "red"}])
    with pytest.raises(SchemaError, match="observations has no column 'colour'"):
        schema.conform("observations", pd.DataFrame([LOOK | {"colour": "red"}]))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("observed_at", datetime(2026, 1, 1)),  # noqa: DTZ001  that is the point
        ("observed_at", "soon"),
        ("sample", "one"),
        ("sample", 1 << 63),
        ("sample", 1.5),
        ("is_key_proven", "maybe"),
        ("connect_ms", "fast"),
        ("chain_sha256", "abc"),
        ("chain_sha256", 5),
        ("sent_bytes", "text"),
        ("host", "a\ud800"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_column(column: str, value: object) -> None:
    with pytest.raises(SchemaError, match=rf"observations\.{column} does not fit"):
        schema.frame("observations", [LOOK | {column: value}])


@pytest.mark.parametrize("null", [None, pd.NA, np.nan], ids=repr)
def test_every_null_is_the_same_null(null: object) -> None:
    made = schema.frame("observations", [LOOK | {"chain_sha256": null, "sent_bytes": null, "host": null, "port": null}])
    assert made["chain_sha256"][0] is None
    assert made["sent_bytes"][0] is None
    assert made["host"][0] is pd.NA
    assert made["port"][0] is pd.NA


def test_instants_come_in_every_zone_and_leave_in_utc() -> None:
    instant = pd.Timestamp("2026-01-01T01:00:00.123456", tz="Europe/Berlin")
    made = schema.frame("observations", [LOOK | {"observed_at": instant}])
    assert made["observed_at"][0].isoformat() == "2026-01-01T00:00:00.123456+00:00"
    assert str(made["observed_at"].dtype) == "datetime64[us, UTC]"


def test_lists_of_any_make_become_tuples() -> None:
    made = schema.frame("observations", [LOOK | {"chain_sha256": chain} for chain in (["a"], ("b",), np.array(["c"]))])
    assert made["chain_sha256"].tolist() == [("a",), ("b",), ("c",)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcome": "fine"}, r"observations\.outcome may be ok, refused.*not 'fine'"),
        ({"stage": "door"}, r"observations\.stage may be resolve"),
        ({"protocol": "TLSv1"}, r"observations\.protocol may be SSL 2\.0"),
        ({"source": None}, r"observations\.source is null"),
    ],
)
def test_check_knows_vocabularies_and_nulls(change: dict[str, object], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        schema.check("observations", schema.frame("observations", [LOOK | change]))


def test_check_knows_columns_and_dtypes() -> None:
    made = schema.frame("observations", [LOOK])
    with pytest.raises(SchemaError, match="must have the columns"):
        schema.check("observations", made.drop(columns="host"))
    with pytest.raises(SchemaError, match=r"observations\.sample must be Int64, not int64"):
        schema.check("observations", made.astype({"sample": "int64"}))


def test_the_closed_vocabulary_of_outcomes() -> None:
    assert list(schema.OUTCOMES) == [
        *("ok", "refused", "deferred", "rejected", "no_starttls", "injected", "not_tls", "malformed", "too_large"),
        *("closed", "reset", "timeout", "port_closed", "unreachable", "not_resolved", "skipped", "cannot_offer"),
    ]


def test_the_dictionary_names_every_column_once() -> None:
    lines = schema.dictionary().splitlines()
    for table in TABLES:
        begin = lines.index(f"### `{table}`")
        rows = [line.split("|") for line in lines[begin + 4 :]]
        named = [row[1].strip(" `") for row in rows[: len(schema.TABLES[table])]]
        assert named == [column.name for column in schema.TABLES[table]]
        assert all(len(row) == 6 and row[4].strip() for row in rows[: len(named)])
