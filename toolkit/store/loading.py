"""Loading a table of a store as a frame of the schema."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from toolkit import schema
from toolkit.store.delta import KeptTable
from toolkit.store.rows import as_encoded_frame, as_frame, has_repeats, number_rows, unified
from toolkit.store.selecting import EVERYTHING, Selection
from toolkit.store.versions import with_parsed_columns


def load_table(
    table: KeptTable,
    selected: Selection = EVERYTHING,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The selected rows, without repeats.

    `columns`: those that are read; the others are null. Of observations these include the key and what orders repeats;
    the rows are then in any order, their text is categories, and the null columns are categories, which take a byte a
    row. Of certificates they include the key, and none that is newer than version 1 of the schema.
    """
    if table.name == "certificates":
        certificates = as_frame(table.name, read_certificates(table, columns, selected))
        if columns is None:
            return with_parsed_columns(certificates)
        completed = schema.empty(table.name).reindex(certificates.index)
        completed[list(columns)] = certificates
        return completed
    if columns is None:
        return as_frame(table.name, table.read(None, selected))
    frame = as_encoded_frame(table.name, table.read(columns, selected))
    every = [column.name for column in schema.TABLES[table.name]]
    null = pd.Series(pd.NA, frame.index, "category")
    return frame.assign(**{name: null for name in every if name not in frame})[every]


def read_certificates(
    table: KeptTable, columns: Sequence[str] | None = None, selected: Selection = EVERYTHING
) -> pa.Table:
    """Rows with their DER first, where the DER is read or rows repeat.

    The DER, which is most of a row, is read only where `columns` (None: all) name it, and where rows repeat.
    """
    if columns is None or "der" in columns:
        return with_der_first(table.read(columns, selected))
    kept = table.read(columns, selected)
    if not has_repeats(number_rows(unified(kept.select(schema.KEYS[table.name])), schema.KEYS[table.name])):
        return kept
    return with_der_first(table.read([*columns, "der"], selected)).select(columns)


def with_der_first(kept: pa.Table) -> pa.Table:
    """The rows with their DER first: the first of repeats is kept, and a description holds less than the DER."""
    has_der = kept["der"].is_valid()
    if pc.all(has_der).as_py():
        return kept
    return pa.concat_tables([kept.filter(has_der), kept.filter(pc.invert(has_der))])
