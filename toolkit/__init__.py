"""Watch TLS over time: collect what servers show, keep it in DataFrames, ask and chart.

The questions of `toolkit.analyse` stand here too (`toolkit.find_rotations`, …), and `toolkit.compare_verifiers`.
They, `toolkit.chart` and `toolkit.lab` are imported when they are first used: a look needs neither scipy nor
matplotlib.
"""

from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from toolkit import readers, schema
from toolkit.collection import Limits, collect, observe, survey
from toolkit.dissection import dissect
from toolkit.store import Store
from toolkit.tables import Tables
from toolkit.targets import Target, parse_target

__all__ = ["Limits", "Store", "Tables", "Target", "collect", "dissect", "observe", "parse_target", "read", "survey"]
__version__ = "0.1.0"

_ROOMS: Final = ("analyse", "chart", "checking", "comparing", "lab", "reference", "wire")


def __getattr__(name: str) -> Any:
    """A room, or a question of `toolkit.analyse`, imported when it is first asked for (PEP 562)."""
    if name in _ROOMS:
        return import_module(f"toolkit.{name}")
    if name == "compare_verifiers":
        return import_module("toolkit.comparing").compare_verifiers
    analyse = import_module("toolkit.analyse")
    if name in analyse.__all__:
        return getattr(analyse, name)
    raise AttributeError(f"module 'toolkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Every public name, also those that are imported later."""
    return sorted([*__all__, *_ROOMS, "compare_verifiers", *import_module("toolkit.analyse").__all__])


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
