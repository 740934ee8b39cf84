"""Opening a store: a wrong or damaged place is an error of the constructor, not of the first append."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow.compute as pc

from toolkit import schema
from toolkit.errors import StoreError
from toolkit.store.delta import KeptTable
from toolkit.store.failures import explain
from toolkit.store.selecting import Selection

KeptTables = Mapping[schema.TableName, KeptTable]


def check_place(path: str, tables: KeptTables) -> None:
    """Open each table that exists; raise `StoreError` where one is damaged, and where `path` is not a store."""
    kept = [table for table in tables.values() if table.exists()]
    for table in kept:
        table.open()
    if not tables["certificates"].exists() and _names_certificates(tables["observations"]):
        raise StoreError(
            f"{path}/certificates is gone, but looks in {path}/observations name certificates. Restore that folder "
            "from a backup."
        )
    if kept or "://" in path:
        return
    try:
        _check_folder(path)
    except OSError as error:
        raise StoreError(f"{path} could not be opened {explain(error, path)}") from error


def _check_folder(path: str) -> None:
    """Raises `StoreError` where the folder holds anything but a store."""
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{path} is a file, not a store. Name a folder.")
    if any((folder / f"{name}.csv").is_file() for name in schema.TABLES):
        raise StoreError(
            f"{path} is not a store but a folder of CSV: toolkit.read({path!r}) reads it, and so does "
            "`tls-toolkit check`. For a store, name a new or an empty folder."
        )
    strange = [entry.name for entry in folder.glob("*") if entry.name not in schema.TABLES]
    if strange:
        raise StoreError(f"{path} is not a store: it holds {min(strange)!r}. Name a new or an empty folder.")


def _names_certificates(observations: KeptTable) -> bool:
    """Whether a kept observation names a leaf certificate; certificates are committed first, so they must exist."""
    return len(observations.read(["leaf_sha256"], Selection(pc.field("leaf_sha256").is_valid()))) > 0
