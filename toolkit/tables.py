"""`Tables`: the four frames that the toolkit produces, keeps and analyses."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pandas as pd

from toolkit import schema, text
from toolkit.columns import returns
from toolkit.errors import ReadWarning, UsageError
from toolkit.exporting import DESCRIBED, NOT_HELD, UNFINISHED, as_pem, named_certificates
from toolkit.exporting.files import write_excel, write_json, write_sqlite
from toolkit.exporting.folders import write_csv, write_parquet
from toolkit.instants import zoned_limits
from toolkit.lazy import renamed
from toolkit.overview import OVERVIEW, describe_services, describe_source, summarise_services
from toolkit.targets import Target, service_names

__all__ = [
    "DESCRIBED",
    "NOT_HELD",
    "UNFINISHED",
    "Tables",
    "as_pem",
    "describe_services",
    "describe_source",
    "named_certificates",
    "require_tables",
]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tables:
    """Four frames with the columns of `toolkit.schema` (data dictionary: `data/README.md`).

    Raises `UsageError` for what is not a DataFrame, and for a frame that lacks a column, has it twice, or has it with a
    dtype that does not fit: `Tables.from_frames` adds and converts columns.

    >>> import toolkit
    >>> toolkit.load_example("web-series")
    Tables
      observations  189 rows of 8 services, 0 failed; 2023-11-15 to 2026-03-17; recorded data
      certificates  170 rows
      support       0 rows
      rounds        0 rows
    """

    observations: pd.DataFrame
    certificates: pd.DataFrame
    support: pd.DataFrame
    rounds: pd.DataFrame

    def __post_init__(self) -> None:
        for name in schema.TABLES:
            frame = getattr(self, name)
            _require_frame(frame, "Tables", name)
            schema.check_columns(name, frame)

    def __repr__(self) -> str:
        return text.listing("Tables", self._describe())

    def _repr_html_(self) -> str:
        return text.html_listing("Tables", self._describe())

    def _describe(self) -> dict[str, str]:
        """Per frame: number of rows, span, failures, and the kind of source."""
        looks, answers = self.observations, self.support
        described: dict[str, str] = {name: text.counted(len(getattr(self, name)), "row") for name in schema.TABLES}
        if len(looks):
            failed = int((looks["outcome"] != "ok").sum())
            instants = looks[schema.INSTANTS].stack().dropna()
            span = f"{instants.min():%Y-%m-%d} to {instants.max():%Y-%m-%d}" if len(instants) else "undated"
            services = describe_services(looks["service"])
            described["observations"] += f" of {services}, {failed:,} failed; {span}; {describe_source(looks)} data"
        if len(answers):
            states = answers["state"].value_counts()
            described["support"] += " (" + ", ".join(f"{count:,} {state}" for state, count in states.items()) + ")"
        return described

    @classmethod
    def from_frames(
        cls,
        observations: pd.DataFrame | None = None,
        certificates: pd.DataFrame | None = None,
        support: pd.DataFrame | None = None,
        rounds: pd.DataFrame | None = None,
    ) -> Self:
        """Tables from any frames: columns ordered, dtypes set, missing columns null, repeats dropped.

        The first of repeated rows is kept; of repeated certificates, the first that has its DER. Where an answer that
        is dropped from `support` contradicts the one that is kept, a `toolkit.errors.ReadWarning` says so. A missing
        column is made where it follows from others: `service` from `host` with `port` or `scheme`, `host` and `port`
        from `service`, `date_basis` from the instants, `sample` by counting. A column that the table does not have is
        left out, and a `toolkit.errors.ReadWarning` names it.

        Raises `SchemaError` for missing columns that are never null (all of them at once), a misspelt column, a value
        that does not fit, a null where none may be, or bounds that end before they begin.

        >>> import toolkit
        >>> given = toolkit.load_example("google-mail")
        >>> encrypted = given.observations[given.observations["protocol"] == "TLS 1.3"]
        >>> toolkit.Tables.from_frames(encrypted, given.certificates)
        Tables
          observations  17 rows of 7 services, 2 without a service, 0 failed; 2019-09-08 to 2026-09-23; recorded data
          certificates  24 rows
          support       0 rows
          rounds        0 rows
        """
        given = dict(zip(schema.TABLES, (observations, certificates, support, rounds), strict=True))
        made = {}
        for name, frame in given.items():
            if frame is None:
                made[name] = schema.empty(name)
            else:
                _require_frame(frame, "Tables.from_frames", name)
                made[name] = _without_repeats(name, schema.conform(name, schema.complete(name, frame)))
            schema.check(name, made[name])
        return cls(**made)

    @classmethod
    def concat(cls, parts: Iterable["Tables"]) -> Self:
        """The rows of all parts, in order; the first of repeated rows is kept.

        >>> import toolkit
        >>> mail, web = toolkit.load_example("google-mail"), toolkit.load_example("web-series")
        >>> both = toolkit.Tables.concat([mail, web])
        >>> len(mail.certificates), len(web.certificates), len(both.certificates)
        (24, 170, 192)
        """
        if isinstance(parts, Tables) or not isinstance(parts, Iterable):
            raise UsageError("Tables.concat takes several Tables in a list: Tables.concat([one, other]).")
        listed = list(parts)
        for part in listed:
            require_tables(part, "Tables.concat")
        joined = {}
        for field in fields(cls):
            frames = [f for part in listed if not (f := getattr(part, field.name)).empty]
            joined[field.name] = pd.concat(frames, ignore_index=True) if frames else None
        return cls.from_frames(**joined)

    def within(
        self,
        *,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        services: str | Target | Iterable[str | Target] | None = None,
    ) -> Self:
        """The part of the tables from `since` (inclusive) until `until` (exclusive) and of `services`.

        The same rows as `Store.load` with these limits: a look or an answer without an instant is kept unless its
        `observed_from` and `observed_until` put it outside. With any limit, `certificates` holds those that the looks
        name (leaf or chain), and `rounds` those that the rows belong to; without, all. Raises `UsageError` for an
        instant without a zone, a `since` after `until`, and a service without a row in the tables, where `Store.load`
        returns no rows.

        >>> import toolkit
        >>> tables = toolkit.load_example("lab-sample")
        >>> tables.within(since="2025-09-01T00:00:00Z", services="https://www.lab.test:443")
        Tables
          observations  98 rows of 1 service, 0 failed; 2025-09-02 to 2026-01-24; lab data
          certificates  5 rows
          support       226 rows (176 refused, 50 accepted)
          rounds        0 rows
        """
        begins, ends = zoned_limits(since, until)
        named = service_names(services)
        if named is not None:
            _require_known(named, self)
        if begins is None and ends is None and named is None:
            return self
        looks, answers = (_rows_within(rows, begins, ends, named) for rows in (self.observations, self.support))
        is_named = self.certificates["cert_sha256"].isin(named_certificates(looks))
        is_theirs = self.rounds["round"].isin({*looks["round"], *answers["round"]})
        return replace(
            self,
            observations=looks,
            certificates=self.certificates[is_named].reset_index(drop=True),
            support=answers,
            rounds=self.rounds[is_theirs].reset_index(drop=True),
        )

    @returns(OVERVIEW)
    def overview(self) -> pd.DataFrame:
        """Summarise the looks and the answers of surveys: one row per service.

        Looks whose source does not name the service are one more row, with a null `service`.

        >>> import toolkit
        >>> overview = toolkit.load_example("lab-sample").overview()
        >>> columns = ["service", "looks", "failures", "certificates", "longest_gap_days"]
        >>> print(toolkit.chart.tabulate(overview, columns=columns))
                            service looks             failures certificates longest_gap_days
           https://www.lab.test:443   160                    –            5              3.0
          imaps://imap.lab.test:993   240              2 reset            4              3.0
           pop3s://pop.lab.test:995   160                    –            4              3.0
          smtp://legacy.lab.test:25    80                    –            2              3.0
              smtp://mx.lab.test:25   480                    –           10              3.0
          smtp://relay.lab.test:587   240 9 deferred, 6 closed            5              3.0
        smtps://submit.lab.test:465   160                    –            5              3.0
        """
        return summarise_services(self.observations, self.support)

    def to_csv(self, folder: str | Path) -> None:
        """Write the tables as text that people can read and diff; `toolkit.read(folder)` reads it back.

        `observations.csv`, `support.csv`, `rounds.csv` (UTF-8, instants in ISO 8601, lists as JSON, null is an
        empty cell, text made harmless for spreadsheets by `text.for_spreadsheet`), and each certificate as
        `certificates/<cert_sha256>.pem` (RFC 7468, with its subject and dates above). Certificates without DER, which
        a source only described, are rows of `certificates.csv`; those that observations name and the tables do not hold
        are listed in `certificates-not-held.txt`. Empty text is a cell with one backslash. Certificates are read back
        in the order of `cert_sha256`, those without DER last.

        These files of an earlier export are replaced, its certificates included; other files in the folder stay. Until
        everything is written, the folder is as it was: an error such as a full disk (`OutputError`) changes nothing.
        `toolkit.read` refuses a folder in which the process was killed while it replaced the files. Raises `UsageError`
        for the folder of a store.

        >>> import toolkit
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> tables = toolkit.load_example("web-series").within(services="https://akamai.com:443")
        >>> with TemporaryDirectory() as folder:
        ...     tables.to_csv(folder)
        ...     print(sorted(path.name for path in Path(folder).iterdir()))
        ...     print(len(toolkit.read(folder).observations))
        ['certificates', 'observations.csv', 'rounds.csv', 'support.csv']
        9
        """
        write_csv(self, folder)

    def to_parquet(self, folder: str | Path) -> None:
        """Write each table as a Parquet file (`observations.parquet`, …) that every engine reads; `read` reads it back.

        Every value stays as it is: instants with microseconds and zone, lists, bytes, numbers. Files of an earlier
        export are replaced as by `to_csv`. Raises `UsageError` for the folder of a store or of an export in CSV.

        >>> import toolkit
        >>> from tempfile import TemporaryDirectory
        >>> tables = toolkit.load_example("google-mail")
        >>> with TemporaryDirectory() as folder:
        ...     tables.to_parquet(folder)
        ...     toolkit.read(folder).observations.equals(tables.observations)
        True
        """
        write_parquet(self, folder)

    def to_json(self, path: str | Path) -> None:
        """Write the tables as one file of JSON: a list of objects for each table; `toolkit.read(path)` reads it back.

        Instants are ISO 8601, bytes hexadecimal; a key whose value is null is left out. A file of that name is replaced
        when the new one is whole. Raises `UsageError` for a folder.

        >>> import json, toolkit
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     toolkit.load_example("google-mail").to_json(Path(folder) / "mail.json")
        ...     written = json.loads((Path(folder) / "mail.json").read_text())
        >>> len(written["observations"]), written["observations"][0]["suite"]
        (65, 'TLS_RSA_WITH_3DES_EDE_CBC_SHA')
        """
        write_json(self, path)

    def to_sqlite(self, path: str | Path) -> None:
        """Write the tables as one SQLite database, a table for each; `toolkit.read(path)` reads it back.

        Instants are text in ISO 8601, which sorts by time, lists are JSON, bytes are blobs, booleans 0 and 1. A file of
        that name is replaced when the new one is whole. Raises `UsageError` for a folder.

        >>> import sqlite3, toolkit
        >>> from contextlib import closing
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     toolkit.load_example("google-mail").to_sqlite(Path(folder) / "mail.sqlite")
        ...     with closing(sqlite3.connect(Path(folder) / "mail.sqlite")) as database:
        ...         print(database.execute("SELECT state, count(*) FROM support GROUP BY state").fetchall())
        [('accepted', 42), ('refused', 509)]
        """
        write_sqlite(self, path)

    def to_excel(self, path: str | Path) -> None:
        """Write the tables as one Excel workbook, a sheet for each; `toolkit.read(path)` reads it back.

        Numbers are numbers; everything else is text as in `to_csv`, so that nothing is executed. A file of that name is
        replaced when the new one is whole. Needs the extra `excel`. Raises `UsageError` without it, for a folder, and
        for what Excel cannot hold: more than 1,048,575 rows in a table, a value of more than 32,767 characters.

        >>> import toolkit
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     toolkit.load_example("google-mail").to_excel(Path(folder) / "mail.xlsx")
        ...     len(toolkit.read(Path(folder) / "mail.xlsx").support)
        551
        """
        write_excel(self, path)


def _require_frame(given: object, call: str, name: str) -> None:
    if not isinstance(given, pd.DataFrame):
        kind = text.type_name(given)
        raise UsageError(f"{call}: {name} must be a DataFrame, not {kind}. toolkit.read(path) reads files.")


def is_held_alone(tables: Tables) -> bool:
    """Whether the tables have certificates, and neither an observation nor an answer of a survey."""
    return tables.observations.empty and tables.support.empty and not tables.certificates.empty


def require_tables(given: object, name: str) -> None:
    """Raises `UsageError` where the argument of the function `name` is not `Tables`.

    >>> from toolkit.tables import require_tables
    >>> require_tables("looks.csv", "find_sightings")
    Traceback (most recent call last):
    toolkit.errors.UsageError: find_sightings takes Tables, not the path 'looks.csv': read it first: \
toolkit.read('looks.csv').
    """
    if isinstance(given, Tables):
        return
    if isinstance(given, str | Path):
        kind, advice = f"the path {str(given)!r:.60}", f"read it first: toolkit.read({str(given)!r:.60})"
    elif hasattr(given, "load"):
        kind, advice = f"a {text.type_name(given)}", "load it first: store.load()"
    elif isinstance(given, pd.DataFrame):
        kind, advice = "a DataFrame", "Tables.from_frames(observations=…, certificates=…) makes them of frames"
    else:
        kind, advice = text.type_name(given), "toolkit.read, toolkit.observe and Store.load return them"
    raise UsageError(f"{name} takes Tables, not {kind}: {advice}.")


def _require_known(named: set[str], tables: Tables) -> None:
    """Raises `UsageError` for a service that has neither a look nor an answer in the tables."""
    known = {*tables.observations["service"].dropna(), *tables.support["service"].dropna()}
    for service in sorted(named - known):
        hint = text.did_you_mean(service, known)
        raise UsageError(f"{service!r:.100} is not a service of these tables.{hint} Tables.overview lists them.")


def _rows_within(
    rows: pd.DataFrame, begins: pd.Timestamp | None, ends: pd.Timestamp | None, services: set[str] | None
) -> pd.DataFrame:
    is_inside = pd.Series(True, rows.index)
    if begins is not None:
        is_inside &= ~(rows["observed_at"].fillna(rows["observed_until"]) < begins).fillna(False)
    if ends is not None:
        is_inside &= ~(rows["observed_at"].fillna(rows["observed_from"]) >= ends).fillna(False)
    if services is not None:
        is_inside &= rows["service"].isin(services)
    return rows[is_inside].reset_index(drop=True)


def _without_repeats(table: schema.TableName, frame: pd.DataFrame) -> pd.DataFrame:
    if table == "certificates" and frame["cert_sha256"].duplicated().any():
        # Prefer rows with the DER, which hold more than a description; keep the order.
        has_der = frame["cert_sha256"].isin(frame.loc[frame["der"].notna(), "cert_sha256"])
        frame = frame[frame["der"].notna() | ~has_der]
    kept = frame.drop_duplicates(list(schema.KEYS[table]), ignore_index=True)
    if table == "support" and len(kept) < len(frame):
        contradicting = len(frame.drop_duplicates([*schema.KEYS[table], "state"])) - len(kept)
        if contradicting:
            said = f"{text.counted(contradicting, 'answer')} left out that an earlier one of its round contradicts."
            warnings.warn(f"support: {said} Give each survey a round of its own to keep them.", ReadWarning, 4)
    return kept


if not TYPE_CHECKING:  # a type checker would take any name for one of the module
    __getattr__ = renamed(
        __name__, {"as_instant": "toolkit.instants.zoned", "as_cells": "toolkit.exporting.cells.as_cells"}
    )
