"""Watch TLS over time: collect what servers show, keep it in DataFrames, ask and chart."""

from pathlib import Path

from toolkit import readers, schema
from toolkit.collect import Limits, collect, observe
from toolkit.store import Store
from toolkit.tables import Tables
from toolkit.targets import Target, parse_target

__all__ = ["Limits", "Store", "Tables", "Target", "collect", "observe", "parse_target", "read"]
__version__ = "0.1.0"


def read(path: str | Path, *, format: str | None = None) -> Tables:  # noqa: A002  as in pandas
    """What `path` holds, as `Tables`: a store, a folder of our own CSV and PEM, a PEM file or a folder of them.

    `format` (`store`, or one of `toolkit.readers.FORMATS`) says what it is; without it that is found out.
    Raises `ReadError`, naming file, line and next step, where there is nothing to read or it is damaged;
    `StoreError` for a store that is; `UsageError` for an unknown format.
    """
    if format == "store" or (format is None and _is_store(path)):
        return Store(path).load()
    return readers.read(path, format=format)


def _is_store(path: str | Path) -> bool:
    """A table of a Delta Lake keeps its log in `_delta_log`; object storage holds nothing else of ours."""
    return "://" in str(path) or any((Path(path) / table / "_delta_log").is_dir() for table in schema.TABLES)
