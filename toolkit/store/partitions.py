"""A table of a store as partitions for Dask: one for each file, without the rows that repeat a row of another file.

Which rows repeat others is decided once, before anything is loaded: the statistics in the log show which files can hold
equal keys, and of these only the key columns are read. Each partition then needs its own file and one bit a row, so
workers read files independently of each other and exchange no rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import PyFileSystem

from toolkit import schema
from toolkit.errors import UsageError
from toolkit.extras import require_extras
from toolkit.store.delta import KeptTable, texts_of
from toolkit.store.failures import unreadable
from toolkit.store.loading import with_der_first
from toolkit.store.rows import as_frame, checked, has_repeats, number_rows, order_rows, rank_rows, unified
from toolkit.store.versions import with_parsed_columns

if TYPE_CHECKING:
    from dask.dataframe import DataFrame

_RANGES: Final[dict[schema.TableName, tuple[str, ...]]] = {
    "observations": ("round", "service"),
    "certificates": ("cert_sha256",),
    "support": ("round", "service"),
    "rounds": ("round",),
}
"""Columns of the key that have statistics: files with disjoint ranges in one of them share no key."""

_Bits = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of a table. `kept` has one bit for each row, set where the row is loaded; None: every row is."""

    path: str
    kept: _Bits | None


def as_dask(table: KeptTable) -> "DataFrame":
    """The table as a Dask DataFrame with one partition for each file; what `Store.to_dask` returns."""
    with require_extras("A table for Dask", "cluster"):
        import dask  # noqa: PLC0415  an extra, and slow to import
        import dask.dataframe as dd  # noqa: PLC0415
    require_no_options(table)
    meta = schema.empty(table.name)
    # Dask would turn lists of text and DER into text.
    with dask.config.set({"dataframe.convert-string": False}):
        frame: DataFrame = dd.from_pandas(meta, npartitions=1)
        if not table.exists():
            return frame
        opened = table.open()
        dataset = table.dataset(opened)
        parts = _mark_repeats(table, dataset, pa.table(opened.get_add_actions(flatten=True)).to_pylist())
        if parts:
            frame = dd.from_map(_load_part, parts, args=[table.name, table.uri, dataset.schema], meta=meta)
        return frame


def require_no_options(table: KeptTable) -> None:
    """Raises `UsageError` for a table with options: they may hold credentials, which no task of a graph may carry."""
    if table.has_options:
        raise UsageError(
            "This store was opened with storage_options, which would be copied to every worker. Set them as "
            "environment variables of this process and of each worker (AWS_ACCESS_KEY_ID, for example), and open the "
            "store without them."
        )


def _load_part(
    part: FilePart, name: schema.TableName, uri: str, kept: pa.Schema, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """The rows of one file that are loaded, as `Store.load` returns them; opened with this process's credentials."""
    every = [column.name for column in schema.TABLES[name]]
    chosen = every if columns is None else list(columns)
    # A certificate of an older schema is parsed from its DER.
    needed = every if name == "certificates" else [column for column in every if column in {*chosen, *_ordering(name)}]
    format_ = ds.ParquetFileFormat(read_options=ds.ParquetReadOptions(dictionary_columns=texts_of(name)))
    filesystem = PyFileSystem(DeltaStorageHandler(uri))
    file = format_.make_fragment(part.path, filesystem=filesystem)
    rows = _read(ds.FileSystemDataset([file], kept, format_, filesystem), needed, uri)
    if part.kept is not None:
        rows = rows.filter(pa.array(np.unpackbits(part.kept, count=len(rows)).astype(bool)))
    if name == "certificates":
        return with_parsed_columns(as_frame(name, with_der_first(rows)))[chosen]
    return as_frame(name, rows)[chosen]


def _read(one: ds.FileSystemDataset, columns: Sequence[str] | dict[str, pc.Expression], uri: str) -> pa.Table:
    """The columns of a data set of one file of the table at `uri`; `StoreError` where the file cannot be read."""
    try:
        return checked(one.to_table(columns=columns))
    except (OSError, pa.ArrowException) as error:
        advice = "If the store was compacted since, call to_dask again; otherwise restore the file from a backup."
        raise unreadable(error, f"{uri}/{one.files[0]}", advice) from error


def _mark_repeats(
    table: KeptTable, dataset: ds.FileSystemDataset, statistics: Sequence[dict[str, Any]]
) -> list[FilePart]:
    """The files in their order, each with the rows that `Store.load` keeps of it."""
    files = {file.path: file for file in dataset.get_fragments()}
    kept: dict[str, _Bits | None] = dict.fromkeys(files)
    for group in _sharing_keys(list(files), _ranges(table.name, statistics)):
        kept |= _first_of_keys(table, [files[path] for path in group], dataset)
    return [FilePart(path, bits) for path, bits in kept.items()]


def _ordering(name: schema.TableName) -> list[str]:
    """The columns that decide which of several rows with one key is loaded."""
    instant = {"observations": "observed_at", "support": "observed_at", "rounds": "written_at"}.get(name)
    return [*schema.KEYS[name], *([instant] if instant and instant not in schema.KEYS[name] else [])]


def _first_of_keys(
    table: KeptTable, files: Sequence[ds.ParquetFileFragment], dataset: ds.FileSystemDataset
) -> dict[str, _Bits | None]:
    """For each file the rows that are the first of their key among the rows of all these files."""
    name = table.name
    columns = {column: pc.field(column) for column in _ordering(name)}
    if name == "certificates":
        columns["has_der"] = pc.field("der").is_valid()
    read = [
        _read(ds.FileSystemDataset([file], dataset.schema, dataset.format, dataset.filesystem), columns, table.uri)
        for file in files
    ]
    rows = unified(pa.concat_tables(read))
    if not has_repeats(number_rows(rows, schema.KEYS[name])):
        return {}
    place = np.arange(len(rows))
    if name == "certificates":
        place = np.argsort(~rows["has_der"].to_numpy(), kind="stable")
        rows = rows.take(pa.array(place))
    is_kept = np.zeros(len(rows), bool)
    is_kept[place[order_rows(name, rows, rank_rows(rows, schema.KEYS[name]))]] = True
    ends = np.cumsum([len(part) for part in read])
    return {file.path: np.packbits(bits) for file, bits in zip(files, np.split(is_kept, ends[:-1]), strict=True)}


_Range = tuple[str, str] | None
"""Least and greatest text of a column in a file; None where it is not known."""


def _ranges(name: schema.TableName, statistics: Sequence[dict[str, Any]]) -> dict[str, list[_Range]]:
    """Path of a file → the range of each column in `_RANGES`; None too where the column has nulls."""
    return {
        file["path"]: [
            None
            if file.get(f"null_count.{column}") != 0 or None in (file.get(f"min.{column}"), file.get(f"max.{column}"))
            else (file[f"min.{column}"], file[f"max.{column}"])
            for column in _RANGES[name]
        ]
        for file in statistics
    }


def _sharing_keys(paths: Sequence[str], ranges: dict[str, list[_Range]]) -> list[list[str]]:
    """Groups of two or more files, in the order of `paths`, such that files of different groups share no key.

    By each column in turn, files whose ranges overlap, directly or through others, stay together.
    """
    groups = [list(paths)]
    columns = max((len(known) for known in ranges.values()), default=0)
    for column in range(columns):
        groups = [part for group in groups for part in _overlapping(group, ranges, column)]
    order = {path: number for number, path in enumerate(paths)}
    return [sorted(group, key=order.__getitem__) for group in groups if len(group) > 1]


def _overlapping(group: list[str], ranges: dict[str, list[_Range]], column: int) -> list[list[str]]:
    bounds = {path: ranges[path][column] if path in ranges else None for path in group}
    known = sorted((bound, path) for path, bound in bounds.items() if bound is not None)
    if len(known) < len(group):
        return [group]
    parts: list[list[str]] = []
    reached = ""
    for (least, greatest), path in known:
        if parts and least <= reached:
            parts[-1].append(path)
        else:
            parts.append([path])
        reached = max(reached, greatest)
    return parts
