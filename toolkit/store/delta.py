"""One table of a store: a Delta Lake table with the columns of `toolkit.schema`, opened, appended to and read."""

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from toolkit import schema, text
from toolkit.errors import StoreError, StoreWriteError
from toolkit.store.compacting import join_files
from toolkit.store.failures import failure, first_line, unreadable
from toolkit.store.rows import checked
from toolkit.store.selecting import EVERYTHING, Selection, read_selected

VERSION_PROPERTY: Final = "tlsToolkit.schema"
"""Table property that holds `schema.VERSION`; committed together with the table, so that no table lacks it."""

_COMMIT: Final = CommitProperties(max_commit_retries=100)
"""Appends conflict only in their version number: a retry fails only where another writer succeeded."""

_NO_CLEANUP: Final = PostCommitHookProperties(cleanup_expired_logs=False)
"""Another writer may still need entries of the log that have expired by this process's clock, if that is ahead."""

_REOPEN_AFTER: Final = 20
"""Commits through one handle, and between two checkpoints: a handle becomes slower with each commit."""

_SPARE_BYTES: Final = 1 << 16
"""Free space that a commit needs in addition to its rows: a Parquet file's metadata, the log, a checkpoint."""

# Statistics are used to skip files, and are parsed whenever a table is opened: only columns used in filters have them.
_STATISTICS: Final[dict[schema.TableName, str]] = {
    "observations": "observed_at,observed_from,observed_until,service,round",
    "certificates": "cert_sha256",
    "support": "observed_at,service,round",
    "rounds": "written_at,round",
}

_ORDER: Final[dict[schema.TableName, tuple[str, ...]]] = {
    "observations": ("service", "observed_at"),
    "certificates": ("cert_sha256",),
    "support": ("service", "observed_at"),
    "rounds": ("written_at",),
}
"""The columns by which the rows of a compacted file are sorted: those by which a part of the table is loaded."""


class KeptTable:
    """A table of a store. `uri` is its folder or URL; the constructor does not access it."""

    def __init__(self, name: schema.TableName, uri: str, storage_options: Mapping[str, str] | None) -> None:
        self.name = name
        self.uri = uri
        self._options = dict(storage_options) if storage_options else None
        self._is_local = "://" not in uri
        self._writer: DeltaTable | None = None
        self._commits = 0

    @property
    def has_options(self) -> bool:
        """Whether the table was opened with options of its own, which may hold credentials."""
        return self._options is not None

    def __getstate__(self) -> dict[str, object]:
        # Another process opens the table itself.
        return self.__dict__ | {"_writer": None}

    def exists(self) -> bool:
        """Whether the table exists. Raises `StoreError` where there are files but no log of them."""
        with self._naming("opened"):
            if DeltaTable.is_deltatable(self.uri, self._options):
                return True
            has_files = self._is_local and any(Path(self.uri).glob("*.parquet"))
        if has_files:
            raise StoreError(
                f"{self.uri} holds data but its log (_delta_log) is gone. Restore that folder from a backup."
            )
        return False

    def open(self) -> DeltaTable:
        """The table at its newest version. Raises `StoreError` where it is damaged, newer, or not a store's."""
        with self._naming("opened"):
            table = DeltaTable(self.uri, storage_options=self._options)
            kept = _kept_version(table)
        if kept is None:
            raise StoreError(f"{self.uri} is a Delta table, but not one of tls-toolkit's. Name another folder.")
        if not kept.isdecimal():
            raise StoreError(
                f"{self.uri}: its schema version is {text.plain(kept)!r}. Restore _delta_log from a backup."
            )
        if int(kept) > schema.VERSION:
            raise StoreError(
                f"{self.uri} was written with schema {kept}; this tls-toolkit knows up to {schema.VERSION}. "
                "Upgrade: pip install --upgrade tls-toolkit."
            )
        return table

    def prepare(self) -> None:
        """Create the table where it does not exist. Raises `StoreError` where it cannot be created or written."""
        if not self.exists():
            self._create()
        elif self._is_local and not os.access(Path(self.uri, "_delta_log"), os.W_OK):
            raise StoreWriteError(
                f"{self.uri} cannot be written by this user. Change its rights, or name another folder."
            )

    def append(self, frame: pd.DataFrame) -> None:
        """Commit the rows; when this returns they are on disk. The table is created where there is none."""
        rows = pa.Table.from_pandas(frame, schema=schema.arrow_schema(self.name), preserve_index=False)
        if not self.exists():
            self._create()
            self._writer = None
        if self._writer is None or self._commits >= _REOPEN_AFTER:
            self._writer, self._commits = self._widened(), 0
        with self._naming("written"):
            if self._is_local:
                _require_space(Path(self.uri), rows.nbytes)
            write_deltalake(
                self._writer,
                rows.replace_schema_metadata(None),
                mode="append",
                commit_properties=_COMMIT,
                post_commithook_properties=_NO_CLEANUP,
            )
        self._commits += 1

    def read(self, columns: Sequence[str] | None = None, selected: Selection = EVERYTHING) -> pa.Table:
        """The selected rows, text dictionary-encoded. Files and row groups that the selection rules out are not read.

        No rows where the table does not exist; a column that was added to the schema later is null.
        """
        names = list(columns) if columns is not None else [column.name for column in schema.TABLES[self.name]]
        if not self.exists():
            return _as_read(schema.arrow_schema(self.name), names, texts_of(self.name)).empty_table()
        while True:
            table = self.open()
            dataset = self.dataset(table, names, files=selected.files)
            try:
                return checked(read_selected(dataset, names, selected))
            except (OSError, pa.ArrowException) as error:
                if self.open().version() != table.version():
                    # Another process has compacted the table and deleted the replaced files: read the new version.
                    continue
                if not self._is_local:
                    raise failure(error, self.uri, "read") from error
                advice = f"Restore it from a backup, or move {self.uri} away and read the rest."
                raise unreadable(error, self._damaged(dataset) or self.uri, advice) from error

    def dataset(
        self, table: DeltaTable, names: Sequence[str] | None = None, *, files: str | None = None
    ) -> ds.FileSystemDataset:
        """The files of an opened version; the text columns among `names` (None: all) are dictionary-encoded.

        A column that was added to the schema later is null. `files`: a predicate in SQL on the statistics of files,
        which are left out where it does not hold.
        """
        texts = texts_of(self.name)
        with self._naming("read"):
            dataset = table.to_pyarrow_dataset(
                parquet_read_options=ds.ParquetReadOptions(
                    dictionary_columns=texts if names is None else texts.intersection(names)
                ),
                file_pruning_predicate=files,
                # Arrow reads local files itself in less time than by way of the library.
                filesystem=SubTreeFileSystem(self.uri, LocalFileSystem()) if self._is_local else None,
            )
        lacking = self._lacking(table)
        if lacking:
            absent = _as_read(schema.arrow_schema(self.name), lacking, texts)
            dataset = dataset.replace_schema(pa.unify_schemas([dataset.schema, absent]))
        return dataset

    def compact(self, *, exclusive: bool = False) -> None:
        """Delete what an earlier compaction replaced a week ago, then join small files; `exclusive` as in `Store`."""
        # Only files that a commit removed are deleted: another process may be about to commit a file that no commit
        # names yet. They are deleted before files are joined, so a replaced file stays until a later call.
        with self._naming("compacted"):
            self.open().vacuum(
                retention_hours=0 if exclusive else None,
                enforce_retention_duration=not exclusive,
                dry_run=False,
                full=exclusive,
                post_commithook_properties=_NO_CLEANUP,
            )
            join_files(self.open(), sort_by=_ORDER[self.name])
            table = self.open()
            table.create_checkpoint()
            if exclusive:
                table.cleanup_metadata()
        self._writer = None

    def info(self) -> dict[str, Any]:
        """Rows, files, bytes, and the span of the rows' instants and bounds, from the log alone.

        None where the log lacks the number of rows of a file (another program wrote it), and where no row is dated.
        """
        adds = pa.table(self.open().get_add_actions(flatten=True))
        counts = adds["num_records"].to_pylist()
        first, last = (
            [value for name in schema.INSTANTS if f"{end}.{name}" in adds.column_names
             for value in adds[f"{end}.{name}"].to_pylist() if value is not None]
            for end in ("min", "max")
        )  # fmt: skip
        return {
            "table": self.name,
            "rows": None if None in counts else sum(counts),
            "files": adds.num_rows,
            "size_bytes": sum(adds["size_bytes"].to_pylist()),
            "known_from_at": min(first, default=None),
            "known_until_at": max(last, default=None),
        }

    def _create(self) -> None:
        properties = {
            VERSION_PROPERTY: str(schema.VERSION),
            "delta.checkpointInterval": str(_REOPEN_AFTER),
            "delta.dataSkippingStatsColumns": _STATISTICS[self.name],
        }
        # In a folder, the log is written next to its place, the absolute path is removed from it, and it is moved.
        begun = f"{self.uri}/_creating-{secrets.token_hex(8)}" if self._is_local else self.uri
        try:
            with self._naming("created"):
                DeltaTable.create(
                    begun,
                    schema.arrow_schema(self.name),
                    mode="error",
                    configuration=properties,
                    storage_options=self._options,
                    raise_if_key_not_exists=False,
                )
                if self._is_local:
                    _drop_location(Path(begun, "_delta_log", f"{0:020d}.json"))
                    Path(begun, "_delta_log").rename(Path(self.uri, "_delta_log"))
        except StoreError:
            # Another process may have created it at the same time.
            if not self.exists():
                raise
        finally:
            if self._is_local:
                shutil.rmtree(begun, ignore_errors=True)

    def _lacking(self, table: DeltaTable) -> list[str]:
        """The columns of the schema that the table lacks."""
        kept = {field.name for field in table.schema().fields}
        return [column.name for column in schema.TABLES[self.name] if column.name not in kept]

    def _widened(self) -> DeltaTable:
        """The table as it is now, with every column of the schema, and its version."""
        table = self.open()
        if not self._is_older(table):
            return table
        lacking = self._lacking(table)
        try:
            with self._naming("widened"):
                if lacking:
                    missing = pa.schema([schema.arrow_schema(self.name).field(name) for name in lacking])
                    table.alter.add_columns(Schema.from_arrow(missing).fields, post_commithook_properties=_NO_CLEANUP)
                # Rows of this version are written after this commit, so no older program reads them.
                table.alter.set_table_properties({VERSION_PROPERTY: str(schema.VERSION)}, raise_if_not_exists=False)
        except StoreError:
            # Another process may have widened it in this moment: then there is nothing left to do.
            if self._is_older(self.open()):
                raise
        return self.open()

    def _is_older(self, table: DeltaTable) -> bool:
        """Whether the table lacks columns of the schema, or is kept as one of an earlier version."""
        return bool(self._lacking(table)) or _kept_version(table) != str(schema.VERSION)

    def _damaged(self, dataset: ds.FileSystemDataset) -> str | None:
        """The first file of the data set that cannot be read; None where each can."""
        for fragment in dataset.get_fragments():
            try:
                checked(fragment.to_table())
            except (OSError, pa.ArrowException):
                return f"{self.uri}/{fragment.path}"
        return None

    @contextmanager
    def _naming(self, done: str) -> Iterator[None]:
        """Turn the library's errors into a `StoreError` that names the table."""
        try:
            yield
        except CommitFailedError as error:
            raise StoreWriteError(
                f"{self.uri} could not be {done}: other writers committed first each time ({first_line(error)}). "
                "Do it again, with fewer writers at a time."
            ) from error
        except (DeltaError, OSError, pa.ArrowException) as error:
            raise failure(error, self.uri, done) from error
        except BaseException as error:
            # A panic of Rust is not an `Exception`.
            if type(error).__name__ != "PanicException":
                raise
            raise failure(error, self.uri, done) from error


def _kept_version(table: DeltaTable) -> str | None:
    """The schema version that the table keeps; None where it is not one of ours."""
    return table.metadata().configuration.get(VERSION_PROPERTY)


def _require_space(folder: Path, size: int) -> None:
    """Raises `OSError` where the disk is full: the library would panic in the middle of a file."""
    space = shutil.disk_usage(folder)
    needed = size + _SPARE_BYTES
    if space.total and space.free < needed:  # some network file systems report no size
        why = f"{os.strerror(errno.ENOSPC)}: {needed:,} bytes may be needed, and {space.free:,} are free"
        raise OSError(errno.ENOSPC, why)


def _drop_location(commit: Path) -> None:
    """Rewrite the commit that created a table without the absolute path that the library puts into it."""
    actions = [json.loads(line) for line in commit.read_text(encoding="utf-8").splitlines()]
    for action in actions:
        action.get("commitInfo", {}).get("operationParameters", {}).pop("location", None)
    commit.write_text("\n".join(json.dumps(action, separators=(",", ":")) for action in actions), encoding="utf-8")


def texts_of(name: schema.TableName) -> set[str]:
    """The text columns of the table that are read dictionary-encoded: of certificates none, since few are equal."""
    return {column.name for column in schema.TABLES[name] if column.kind == "text" and name != "certificates"}


def _as_read(kept: pa.Schema, names: Iterable[str], texts: set[str]) -> pa.Schema:
    encoded = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([pa.field(name, encoded) if name in texts else kept.field(name) for name in names])
