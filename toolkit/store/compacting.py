"""Compaction of one table: many small files become few, in a commit that conflicts with every other compaction.

The library's own `optimize.compact` is not used: since delta-rs 1.3 (its pull request 3982) a removal that changes no
data conflicts with nothing, so two compactions of the same files both commit and every row is there twice. The commit
here carries an application transaction (Delta protocol, "Transaction Identifiers"): of two that read the same version
one fails. Appends conflict with neither.

Files are joined with their neighbours in time, and the rows of a joined file are sorted by service. So a span of time
is in few files, and one service in few row groups of each file: the statistics of both rule out the rest.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from json import dumps
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from toolkit.store.rows import unified

_APPLICATION: Final = "tls-toolkit.compaction"
"""The application whose transactions exclude each other; the number of each is the version that it read."""

_ENOUGH_BYTES: Final = 100 << 20
"""A file of this size is not joined with others."""

_ENOUGH_ROWS: Final = 2_000_000
"""Neither is one with so many rows: those of one file are sorted in memory."""

_GROUP_ROWS: Final = 1 << 15
"""Rows in a row group: what is read of a file for one service."""

_File = Mapping[str, Any]
"""A row of `DeltaTable.get_add_actions(flatten=True)`."""


def join_files(table: DeltaTable, *, sort_by: Sequence[str]) -> None:
    """Join the table's small files in one commit; does nothing where there are none, or another process compacted.

    The rows of a joined file are sorted by the columns `sort_by`, nulls last, equal ones in their order.
    """
    dataset = table.to_pyarrow_dataset()
    fragments = {fragment.path: fragment for fragment in dataset.get_fragments()}
    known = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    # A file of another program may lack its count, or have its path encoded differently: it is not joined.
    files = [file for file in known if file["num_records"] is not None and file["path"] in fragments]
    actions: list[AddAction | RemoveAction] = []
    written: list[str] = []
    # The protocol requires the instant of a removal: the newest instant of the log, since the clock is not read here.
    newest = max((file["modification_time"] for file in files), default=0)
    try:
        for several in _bins(sorted(files, key=lambda file: (file["modification_time"], file["path"]))):
            source = ds.FileSystemDataset(
                [fragments[file["path"]] for file in several], dataset.schema, dataset.format, dataset.filesystem
            )
            joined = _write(source, sort_by)
            written += [file.path for file in joined]
            if sum(file.metadata.num_rows for file in joined) != sum(file["num_records"] for file in several):
                raise OSError(f"{several[0]['path']} and the files after it do not hold the rows that the log says")
            actions += [RemoveAction(file["path"], False, newest, file["size_bytes"], {}) for file in several]
            actions += [
                AddAction(file.path, file.size, {}, newest, False, _statistics(several, file.metadata.num_rows))
                for file in joined
            ]
    except BaseException:
        _delete(written, dataset)
        raise
    if not actions:
        return
    before = table.transaction_version(_APPLICATION)
    try:
        table.create_write_transaction(
            actions,
            "append",
            table.schema(),
            commit_properties=CommitProperties(
                app_transactions=[Transaction(_APPLICATION, table.version())], max_commit_retries=100
            ),
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
        )
    except CommitFailedError:
        _delete(written, dataset)
        table.update_incremental()
        if table.transaction_version(_APPLICATION) == before:
            raise


def _delete(written: Iterable[str], dataset: ds.FileSystemDataset) -> None:
    """Delete the files that this call wrote and did not commit."""
    for path in written:
        with suppress(OSError):
            dataset.filesystem.delete_file(path)


def _bins(files: Iterable[_File]) -> list[list[_File]]:
    """Groups of neighbouring files, each to become one file: two or more, together within both limits."""
    bins: list[list[_File]] = [[]]
    size = rows = 0
    for file in files:
        if size + file["size_bytes"] > _ENOUGH_BYTES or rows + file["num_records"] > _ENOUGH_ROWS:
            bins.append([])
            size = rows = 0
        bins[-1].append(file)
        size += file["size_bytes"]
        rows += file["num_records"]
    return [several for several in bins if len(several) > 1]


def _write(source: ds.FileSystemDataset, sort_by: Sequence[str]) -> list[Any]:
    """Write the rows, sorted; the files written, each with `path`, `size` and `metadata`."""
    written: list[Any] = []
    ds.write_dataset(
        _sorted(source, sort_by),
        "",
        schema=source.schema,
        basename_template=f"part-{{i}}-{uuid4()}-c000.zstd.parquet",
        format=source.format,
        filesystem=source.filesystem,
        file_options=source.format.make_write_options(compression="zstd"),
        file_visitor=written.append,
        existing_data_behavior="overwrite_or_ignore",
        create_dir=False,
        preserve_order=True,
        min_rows_per_group=_GROUP_ROWS,
        max_rows_per_group=_GROUP_ROWS,
    )
    return written


def _sorted(source: ds.FileSystemDataset, sort_by: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows, sorted, in batches of a row group. Text is held dictionary-encoded, which takes a fraction of it."""
    texts = [field.name for field in source.schema if pa.types.is_string(field.type)]
    format_ = ds.ParquetFileFormat(read_options=ds.ParquetReadOptions(dictionary_columns=texts))
    held = pa.schema(
        [pa.field(each.name, pa.dictionary(pa.int32(), pa.string())) if each.name in texts else each
         for each in source.schema]
    )  # fmt: skip
    files = [format_.make_fragment(file.path, filesystem=source.filesystem) for file in source.get_fragments()]
    rows = ds.FileSystemDataset(files, held, format_, source.filesystem).to_table()
    keys = rows.select(list(sort_by)).cast(pa.schema([source.schema.field(name) for name in sort_by]))
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in sort_by])
    rows = unified(rows).combine_chunks()
    for begin in range(0, len(order), _GROUP_ROWS):
        yield from rows.take(order[begin : begin + _GROUP_ROWS]).cast(source.schema).combine_chunks().to_batches()


def _statistics(files: list[_File], rows: int) -> str:
    """The statistics of the joined file, computed from those of its parts; left out where a part lacks them.

    The bounds of the parts bound the whole, even where they are not tight.
    """
    bounds: dict[str, dict[str, object]] = {"minValues": {}, "maxValues": {}, "nullCount": {}}
    for key in files[0]:
        kind, _, column = key.partition(".")
        if kind == "null_count":
            counts = [file[key] for file in files]
            if None not in counts:
                bounds["nullCount"][column] = sum(counts)
        elif kind in ("min", "max"):
            # A part in which the column is null throughout has no bound and needs none.
            values = [file[key] for file in files if file[f"null_count.{column}"] != file["num_records"]]
            if values and None not in values:
                bounds[f"{kind}Values"][column] = _as_kept(min(values) if kind == "min" else max(values))
    return dumps({"numRecords": rows, **bounds})


def _as_kept(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value
