"""Loading a table of a store as a frame of the schema."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from toolkit import schema
from toolkit.store.delta import KeptTable
from toolkit.store.limits import EVERYTHING
from toolkit.store.rows import as_encoded_frame, as_frame, has_repeats, tell_rows, unified
from toolkit.store.versions import with_parsed_columns


def load_table(
    table: KeptTable,
    where: ds.Expression = EVERYTHING,
    files: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The rows that `where` selects, without repeats. `files` selects files by their statistics, as `read` does.

    `columns`: those that are read; the others are null. Of observations these include the key and what orders repeats;
    the rows are then in any order, their text is categories, and the null columns are categories, which take a byte a
    row. Of certificates they include the key, and none that is newer than version 1 of the schema.
    """
    if table.name == "certificates":
        certificates = as_frame(table.name, read_certificates(table, columns, where))
        if columns is None:
            return with_parsed_columns(certificates)
        completed = schema.empty(table.name).reindex(certificates.index)
        completed[list(columns)] = certificates
        return completed
    read = table.read(columns, where=where, files=files)
    if columns is None:
        return as_frame(table.name, read)
    frame = as_encoded_frame(table.name, read)
    every = [column.name for column in schema.TABLES[table.name]]
    null = pd.Series(pd.NA, frame.index, "category")
    return frame.assign(**{name: null for name in every if name not in frame})[every]


def read_certificates(
    table: KeptTable, columns: Sequence[str] | None = None, where: ds.Expression = EVERYTHING
) -> pa.Table:
    """Rows with their DER first: the first of repeats is kept, and a description holds less than the DER.

    Without repeats the DER, which is most of a row, is read only where `columns` (None: all) name it.
    """
    if columns is not None and "der" not in columns:
        kept = table.read(columns, where=where)
        if not has_repeats(tell_rows(unified(kept.select(schema.KEYS[table.name])), schema.KEYS[table.name])):
            return kept
    has_der = pc.field("der").is_valid()
    return pa.concat_tables([table.read(columns, where=where & has_der), table.read(columns, where=where & ~has_der)])
