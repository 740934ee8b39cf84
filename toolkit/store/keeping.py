"""`Store`: the tables on disk or object storage."""

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from toolkit import schema, text
from toolkit.arguments import require_boolean, require_choice
from toolkit.columns import dtypes, returns
from toolkit.errors import StoreError, UsageError
from toolkit.instants import zoned_limits
from toolkit.store.delta import KeptTable
from toolkit.store.describing import INFO, describe_store
from toolkit.store.loading import load_table, read_certificates
from toolkit.store.opening import check_place
from toolkit.store.partitions import as_dask, require_no_options
from toolkit.store.places import locate
from toolkit.store.rows import as_frame
from toolkit.store.selecting import is_in, limits
from toolkit.store.sightings import FACTS, NEEDED, count_sightings
from toolkit.tables import Tables, named_certificates, require_tables
from toolkit.targets import Target, service_names

if TYPE_CHECKING:
    from dask.dataframe import DataFrame

_SCHEMES: Final = ("s3", "s3a", "az", "azure", "abfs", "abfss", "adl", "gs", "gcs")
"""Of URLs at which a store can be made; the Delta library may open others."""

_MOST_REMEMBERED: Final = 500_000
"""Certificates that are remembered, so that they are not appended again; loading drops what is appended twice."""


class Store:
    """The four tables as Delta Lake tables, in one folder or at a URL such as `s3://bucket/looks`.

    Many processes may append at the same time, and each table may be read meanwhile. A folder that does not exist
    is made with the first append. The tables `observations`, `certificates`, `support` and `rounds` are inside it;
    Dask, Spark, DuckDB and Polars read them as they are.

    `storage_options`: credentials and region for a URL, as `deltalake` takes them; without them it reads the
    environment. Two writers to one S3 bucket are safe where the bucket has conditional writes (AWS has).

    `path`: a folder (absolute from then on; `~` is the home folder), or a URL. A store may be read and appended to
    while it is compacted.

    Raises `UsageError` for what is neither, and for a folder whose path the Delta library cannot open: one with a
    control character, one of `[ ] ^ | \\`, or `%` before two hexadecimal digits. Raises `StoreError` where the path
    holds something else, a damaged table, or a table of a newer schema, and where it cannot be read.

    >>> from toolkit import Store, Tables, schema
    >>> import tempfile
    >>> certificates = schema.frame("certificates", [{"cert_sha256": "00", "der": b"?"}])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(folder)
    ...     store.append(Tables.from_frames(certificates=certificates))
    ...     store.info()[["table", "rows", "files"]].values.tolist()
    [['certificates', 1, 1]]
    """

    def __init__(self, path: str | os.PathLike[str], *, storage_options: Mapping[str, str] | None = None) -> None:
        self.path = locate(path)
        if not isinstance(storage_options, Mapping | None):
            raise UsageError(f"storage_options is a dict of text, not {text.type_name(storage_options)}.")
        self._tables = {name: KeptTable(name, f"{self.path}/{name}", storage_options) for name in schema.TABLES}
        self._certificates: dict[str, bool] = {}
        """Certificates that this object appended → whether with their DER."""
        self._appended: dict[schema.TableName, int] = dict.fromkeys(schema.TABLES, 0)
        check_place(self.path, self._tables)

    def __repr__(self) -> str:
        return text.listing(f"Store({self.path!r})", describe_store(self._tables))

    def _repr_html_(self) -> str:
        return text.html_listing(f"Store({self.path!r})", describe_store(self._tables))

    def exists(self) -> bool:
        """Whether anything was ever appended.

        >>> import toolkit
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = toolkit.Store(folder)
        ...     before = store.exists()
        ...     store.append(toolkit.load_example("google-mail"))
        ...     print(before, store.exists())
        False True
        """
        return any(table.exists() for table in self._tables.values())

    def prepare(self) -> None:
        """Create the missing tables, so that a store that cannot be written is an error before anything is observed.

        Raises `StoreError` where the store cannot be written: missing permission, space or credentials.

        >>> import toolkit
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = toolkit.Store(folder)
        ...     store.prepare()
        ...     print(store.info()["table"].tolist())
        ['observations', 'certificates', 'support', 'rounds']
        """
        for table in self._tables.values():
            table.prepare()

    def append(self, tables: Tables) -> None:
        """Commit the tables; they are stored when this returns.

        Start rows of rounds are committed first, certificates before the observations that name them, and end rows
        last: a process that is killed in between leaves a round without an end row, but no observation without its
        certificates.
        Raises `SchemaError` for a frame that is not of the schema, before anything is written.

        >>> import toolkit
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = toolkit.Store(folder)
        ...     store.append(toolkit.load_example("google-mail"))
        ...     print(toolkit.chart.tabulate(store.info(), columns=["table", "rows"]))
               table rows
        observations   65
        certificates   24
             support  551
        """
        require_tables(tables, "Store.append")
        for name in schema.TABLES:
            schema.check(name, getattr(tables, name))
        is_end = tables.rounds["phase"] == "end"
        is_full = len(self._certificates) > _MOST_REMEMBERED
        if is_full or (self._certificates and not self._tables["certificates"].exists()):
            self._certificates.clear()
        given = tables.certificates
        # `isin` would go through all certificates that were ever appended.
        is_new = (
            sha256 not in self._certificates or (has_der and not self._certificates[sha256])
            for sha256, has_der in zip(given["cert_sha256"], given["der"].notna(), strict=True)
        )
        fresh = given[np.fromiter(is_new, bool)]
        self._commit("rounds", tables.rounds[~is_end])
        self._commit("certificates", fresh)
        for sha256, has_der in zip(fresh["cert_sha256"], fresh["der"].notna(), strict=True):
            self._certificates[sha256] = self._certificates.get(sha256, False) or has_der
        self._commit("observations", tables.observations)
        self._commit("support", tables.support)
        self._commit("rounds", tables.rounds[is_end])

    @property
    def appended(self) -> dict[str, int]:
        """Table → number of rows that this object has committed; certificates that it remembers are not repeated.

        >>> import toolkit
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = toolkit.Store(folder)
        ...     store.append(toolkit.load_example("google-mail"))
        ...     store.append(toolkit.load_example("google-mail"))
        ...     print(store.appended)
        {'observations': 130, 'certificates': 24, 'support': 1102, 'rounds': 0}
        """
        return {str(name): rows for name, rows in self._appended.items()}

    def load(
        self,
        *,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        services: str | Target | Iterable[str | Target] | None = None,
    ) -> Tables:
        """The tables, or the part of them from `since` (inclusive) until `until` (exclusive) and of `services`.

        Files whose statistics exclude them are not opened. A row without an instant is kept unless its
        `observed_from` and `observed_until` exclude it. With any limit, `certificates` holds those that the loaded
        observations name (leaf or chain), and `rounds` those that the loaded rows belong to; without, all.

        Rows are in the order of their instants, the first of repeats within the limits is kept (of certificates one
        with its DER), dtypes are the schema's. Of certificates that an earlier version kept, the columns that it did
        not have are parsed from their DER.
        `services` are full names, `smtp://smtp.gmail.com:587`. One without a row in the store, such as a mistyped name,
        adds no rows and raises no error, because a round also loads services that were not observed yet;
        `Tables.within` refuses it. Raises `UsageError` for an instant without a zone, `StoreError` for a store that
        does not exist or is damaged.

        >>> import toolkit
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = toolkit.Store(folder)
        ...     store.append(toolkit.load_example("google-mail"))
        ...     store.load(since="2020-01-01T00:00:00Z", services="smtp://smtp.gmail.com:587")
        Tables
          observations  8 rows of 1 service, 0 failed; 2021-02-06 to 2025-10-04; recorded data
          certificates  1 row
          support       0 rows
          rounds        0 rows
        """
        require_kept(self)
        begins, ends = zoned_limits(since, until)
        named = service_names(services)
        if begins is None and ends is None and named is None:
            return Tables(**{name: load_table(self._tables[name]) for name in schema.TABLES})
        observations = load_table(self._tables["observations"], limits("observations", begins, ends, named))
        support = load_table(self._tables["support"], limits("support", begins, ends, named))
        rounds = pd.concat([observations["round"], support["round"]]).unique()
        return Tables(
            observations=observations,
            certificates=load_table(
                self._tables["certificates"], is_in("cert_sha256", named_certificates(observations))
            ),
            support=support,
            rounds=load_table(self._tables["rounds"], is_in("round", set(rounds))),
        )

    def looks_of(self, round_: str, *, services: str | Target | Iterable[str | Target] | None = None) -> pd.DataFrame:
        """The observations of one round that are kept: only the columns of `schema.OBSERVATION_KEY`.

        `services`: only the observations of these, as in `load`; None: of all.

        >>> import toolkit
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = toolkit.Store(folder)
        ...     store.append(toolkit.load_example("google-mail"))
        ...     print(len(store.looks_of("google-mail-certificates")))
        17
        """
        _require_round(round_)
        named = service_names(services)
        selected = is_in("round", {round_})
        if named is not None:
            selected &= is_in("service", named)
        kept = self._tables["observations"].read(schema.OBSERVATION_KEY, selected)
        keys: pd.DataFrame = kept.to_pandas()
        return keys.astype({name: "Int64" if name == "sample" else "string" for name in schema.OBSERVATION_KEY})

    def has_round(self, round_: str) -> bool:
        """Whether the store holds a row of that round.

        >>> import toolkit
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     ended = toolkit.collect("tls://127.0.0.1:1", folder, progress=False)
        ...     print(toolkit.Store(folder).has_round(ended["round"]), toolkit.Store(folder).has_round("another"))
        True False
        """
        _require_round(round_)
        return len(self._tables["rounds"].read(["round"], is_in("round", {round_}))) > 0

    def sightings(self) -> pd.DataFrame:
        """When each slot showed each certificate, counted without loading the observations into pandas.

        The same frame as `toolkit.analyse.find_sightings(store.load())`, which documents its columns.

        >>> import toolkit
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = toolkit.Store(folder)
        ...     store.append(toolkit.load_example("lab-sample"))
        ...     sightings = store.sightings()
        >>> print(toolkit.chart.tabulate(sightings, columns=["service", "key_type", "first_seen_at", "looks"], rows=3))
                         service key_type first_seen_at looks
        https://www.lab.test:443       EC    2025-06-01    24
        https://www.lab.test:443       EC    2025-07-04    39
        https://www.lab.test:443       EC    2025-09-02    40
        … and 32 more rows
        """
        require_kept(self)
        certificates = as_frame("certificates", read_certificates(self._tables["certificates"], FACTS))
        return count_sightings(self._tables["observations"].read(NEEDED), certificates)

    def to_dask(self, table: schema.TableName) -> "DataFrame":
        """One of the four tables as a Dask DataFrame: the rows of `load()`, one partition for each file.

        The columns and dtypes are the schema's. The index has no meaning, and rows are in the order of `load()` within
        a partition only. Repeats are dropped, also where they are in different files: before this returns, the key
        columns of files that can share a key by their statistics are read. The frame is of the store as it is now; it
        can be computed for a week after a compaction that replaced its files.

        Workers open the files with the credentials of their own environment. Raises `UsageError` for an unknown table,
        a store opened with `storage_options`, and where the extra `cluster` is not installed; `StoreError` as `load`.

        >>> import toolkit
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = toolkit.Store(folder)
        ...     store.append(toolkit.load_example("lab-sample"))
        ...     looks = store.to_dask("observations")
        ...     print(looks["outcome"].value_counts().compute().sort_index().to_dict())
        {'closed': 6, 'deferred': 9, 'ok': 1503, 'reset': 2}
        """
        require_choice("table", table, schema.TABLES)
        require_kept(self)
        return as_dask(self._tables[table])

    def compact(self, *, exclusive: bool = False) -> None:
        """Join small files, and delete those that an earlier call replaced a week ago.

        Safe while other processes read, append and compact: of several processes that compact a table at the same
        time, one commits and the others change nothing. Only files that a commit removed are deleted.

        `exclusive=True` states that no other process writes to the store until this returns. Then it also deletes
        files that no commit names (killed processes leave them; a file that another process is about to commit is
        indistinguishable), and entries of the log that are 30 days old and in a checkpoint. A process that reads an
        older version meanwhile fails, and must read again.

        Raises `StoreError` where the store does not exist, is damaged, or cannot be written; no row is lost.

        >>> import toolkit
        >>> from tempfile import TemporaryDirectory
        >>> tables = toolkit.load_example("lab-sample")
        >>> with TemporaryDirectory() as folder:
        ...     store = toolkit.Store(folder)
        ...     for service in ("https://www.lab.test:443", "smtp://legacy.lab.test:25"):
        ...         store.append(tables.within(services=service))
        ...     before = store.info()["files"].tolist()
        ...     store.compact()
        ...     print(before, store.info()["files"].tolist())
        [2, 2, 2] [1, 1, 1]
        """
        require_boolean("exclusive", exclusive)
        require_kept(self)
        for table in self._tables.values():
            if table.exists():
                table.compact(exclusive=exclusive)

    @returns(INFO)
    def info(self) -> pd.DataFrame:
        """What each table holds, one row per table that exists, from the logs alone: no row is read.

        >>> import toolkit
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = toolkit.Store(folder)
        ...     store.append(toolkit.load_example("lab-sample"))
        ...     print(toolkit.chart.tabulate(store.info(), columns=["table", "rows", "files", "known_from_at"]))
               table rows files known_from_at
        observations 1520     1    2025-06-01
        certificates   23     1             –
             support 1304     1    2025-06-10
        """
        require_kept(self)
        rows = [table.info() for table in self._tables.values() if table.exists()]
        return pd.DataFrame(rows, columns=list(dtypes(INFO))).astype(dtypes(INFO))

    def require_no_options(self) -> None:
        """Raises `UsageError` where the store was opened with `storage_options`, which no other process may be sent.

        >>> import toolkit
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     toolkit.Store(folder).require_no_options()
        """
        for table in self._tables.values():
            require_no_options(table)

    def _commit(self, name: schema.TableName, frame: pd.DataFrame) -> None:
        if len(frame):
            self._tables[name].append(frame)
            self._appended[name] += len(frame)


def require_kept(store: Store) -> None:
    """Raises `StoreError` where nothing was appended to the store yet, or its URL has an unknown scheme."""
    if store.exists():
        return
    scheme, is_url, _ = store.path.partition("://")
    if is_url and scheme not in _SCHEMES:
        raise StoreError(f"{store.path}: {scheme}:// is not known. Write a folder, or s3://, az:// or gs://.")
    raise StoreError(f"{store.path} holds no store yet. Check the path, or append to it first.")


def as_store(store: Store | str | os.PathLike[str]) -> Store:
    """The store itself, or the one at that path or URL. Raises `UsageError` for anything else.

    >>> from toolkit.store import as_store
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     as_store(folder).exists()
    False
    """
    return store if isinstance(store, Store) else Store(store)


def _require_round(round_: object) -> None:
    if not isinstance(round_, str):
        raise UsageError(f"A round is named by text, as the column `round` has it, not by {text.type_name(round_)}.")
