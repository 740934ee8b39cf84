"""What is read of a table: a filter of its rows, and what rules out files, row groups and columns without such rows."""

from bisect import bisect_left
from collections.abc import Sequence, Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from toolkit import schema


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text column, and the texts that are looked for in it, ascending; there is at least one."""

    column: str
    texts: tuple[str, ...]

    def may_be_within(self, least: str, greatest: str) -> bool:
        """Whether one of the texts is neither less than `least` nor greater than `greatest`."""
        place = bisect_left(self.texts, least)
        return place < len(self.texts) and self.texts[place] <= greatest


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows of a table.

    `rows`: a filter of rows. `files`: a predicate in SQL on the statistics of files (None: every file). `wanted`: each
    row has a text of each of these.
    """

    rows: ds.Expression
    files: str | None = None
    wanted: tuple[Wanted, ...] = ()

    def __and__(self, other: "Selection") -> "Selection":
        files = " AND ".join(each for each in (self.files, other.files) if each)
        return Selection(self.rows & other.rows, files or None, self.wanted + other.wanted)


_UNKNOWN: Final = frozenset({None, ""})
"""Stands for the values of a column that are not known: there may be several."""

EVERYTHING: Final = Selection(ds.scalar(True))


def limits(
    table: schema.TableName, since: pd.Timestamp | None, until: pd.Timestamp | None, services: set[str] | None
) -> Selection:
    """The rows from `since` until `until` and of the services."""
    selected = EVERYTHING
    # The log has no statistics on the bounds of answers, so files of answers are not ruled out by their bounds.
    has_statistics = table == "observations"
    for instant, bound, holds in ((since, "observed_until", ">="), (until, "observed_from", "<")):
        if instant is None:
            continue
        edge = ds.scalar(pa.scalar(instant.to_pydatetime(), pa.timestamp("us", "UTC")))
        known = pc.coalesce(pc.field("observed_at"), pc.field(bound))
        rows = known.is_null() | (known >= edge if holds == ">=" else known < edge)
        literal = _quoted(instant.isoformat())
        undated = f"({bound} IS NULL OR {bound} {holds} {literal})" if has_statistics else "TRUE"
        selected &= Selection(rows, f"(observed_at {holds} {literal} OR (observed_at IS NULL AND {undated}))")
    return selected if services is None else selected & is_in("service", services)


def is_in(column: str, values: set[str]) -> Selection:
    """The rows whose column, which must have statistics, has one of the values."""
    texts = tuple(sorted(values))
    rows = pc.field(column).isin(pa.array(texts, pa.string()))
    if not values:
        return Selection(rows)
    files = f"{column} >= {_quoted(texts[0])} AND {column} <= {_quoted(texts[-1])}"
    return Selection(rows, files, (Wanted(column, texts),))


def _quoted(literal: str) -> str:
    """The text as a literal of SQL."""
    return "'" + literal.replace("'", "''") + "'"


def read_selected(dataset: ds.FileSystemDataset, columns: Sequence[str], selected: Selection) -> pa.Table:
    """The columns of the selected rows; what statistics rule out is not read."""
    if selected is EVERYTHING:
        return dataset.to_table(columns=columns)
    # The metadata of a file is parsed once, here: a part of a file keeps it.
    with ThreadPoolExecutor(2) as pool:
        parts = [part for part in pool.map(lambda file: _part(file, selected), dataset.get_fragments()) if part]
    same = _same(parts, columns)
    kept = ds.FileSystemDataset(parts, dataset.schema, dataset.format, dataset.filesystem)
    rows = kept.to_table(columns=[name for name in columns if name not in same], filter=selected.rows)
    repeated = {name: _repeated(same[name], dataset.schema.field(name).type, len(rows)) for name in same}
    return pa.table({name: repeated[name] if name in repeated else rows[name] for name in columns})


def _part(file: ds.ParquetFileFragment, selected: Selection) -> ds.ParquetFileFragment | None:
    """The row groups of the file that may have the texts; None where there are none, or a column is null throughout.

    Arrow leaves out the others itself, but not by the statistics of a column that is read dictionary-encoded.
    """
    metadata = file.metadata
    places = _places(metadata)
    groups = {number: metadata.row_group(number) for number in range(metadata.num_row_groups)}
    for each in selected.wanted:
        place = places.get(each.column)
        groups = {n: group for n, group in groups.items() if place is not None and _may_have(each, group.column(place))}
    return file.subset(row_group_ids=list(groups)) if groups else None


def _may_have(wanted: Wanted, column: pq.ColumnChunkMetaData) -> bool:
    known = column.statistics
    if known is None or not known.has_min_max or known.logical_type.type != "STRING":
        return True
    try:
        return wanted.may_be_within(known.min, known.max)
    except UnicodeDecodeError:  # another program cut the texts within a character
        return True


def _same(parts: Sequence[ds.ParquetFileFragment], columns: Sequence[str]) -> dict[str, object]:
    """The columns that have one value in all rows of the parts of files, or null, and that value.

    They are not read: a column of equal values takes nearly as long to read as any other.
    """
    found: dict[str, set[object]] = {name: set() for name in columns}
    for part in parts:
        places = _places(part.metadata)
        for group in part.row_groups:
            chunks = part.metadata.row_group(group.id)
            for name, values in list(found.items()):
                # The values of a list are in another column, where an empty list is a null, too.
                values.update(_ends(chunks.column(places[name])) if name in places else _UNKNOWN)
                if len(values) > 1:
                    del found[name]
    return {name: next(iter(values), None) for name, values in found.items()}


def _ends(column: pq.ColumnChunkMetaData) -> AbstractSet[object]:
    """The least and the greatest value of a column of texts or integers, or null; several where they are not known."""
    known = column.statistics
    if known is None or not known.has_null_count:
        return _UNKNOWN
    if known.null_count == column.num_values:
        return {None}
    if known.null_count or not known.has_min_max or known.logical_type.type not in {"STRING", "INT", "NONE"}:
        return _UNKNOWN
    try:
        ends = {known.min, known.max}
    except UnicodeDecodeError:  # as above
        return _UNKNOWN
    return ends if all(isinstance(end, str | int) for end in ends) else _UNKNOWN


def _repeated(value: object, kind: pa.DataType, rows: int) -> pa.Array:
    """A column of so many equal values."""
    if value is None:
        return pa.nulls(rows, kind)
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(_repeated(0, kind.index_type, rows), pa.array([value], kind.value_type))
    return pa.repeat(pa.scalar(value, kind), rows)


def _places(metadata: pq.FileMetaData) -> dict[str, int]:
    """The number of each column by its path, which is its name but for the values of lists."""
    return {metadata.schema.column(number).path: number for number in range(metadata.num_columns)}
