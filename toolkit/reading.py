"""`read`: anything that holds observations or certificates, as `Tables`."""

from datetime import datetime
from pathlib import Path

from toolkit import readers, schema
from toolkit.store import Store
from toolkit.tables import Tables


def read(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002  as in pandas
    since: datetime | str | None = None,
    until: datetime | str | None = None,
) -> Tables:
    """What `path` holds, as `Tables`: a store, a folder that `Tables.to_csv` wrote, or certificates (PEM, DER, PKCS#7).

    `format` (`store`, or one of `toolkit.readers.FORMATS`) says what it is; without it that is found out. `since`
    (inclusive) and `until` (exclusive) choose rows by their own instants or bounds, as in `Tables.within`. What is left
    out, such as a private key in a folder of certificates, is named by a `toolkit.errors.ReadWarning`.
    Raises `ReadError`, naming file, line and next step, where there is nothing to read or it is damaged;
    `StoreError` for a store that is; `UsageError` for an unknown format, and for an instant without a zone.
    """
    if format == "store" or (format is None and _is_store(path)):
        return Store(path).load(since=since, until=until)
    return readers.read(path, format=format).within(since=since, until=until)


def _is_store(path: str | Path) -> bool:
    """Object storage, or a folder with a folder per table; one of CSV and PEM has a folder for certificates only."""
    folders = [Path(path) / table for table in schema.TABLES if table != "certificates"]
    return "://" in str(path) or any(
        folder.is_dir() for folder in (*folders, Path(path) / "certificates" / "_delta_log")
    )
