"""Frames that people bring: what follows from their columns is added, what the tables do not have is left out."""

import warnings
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import Final

import pandas as pd

from toolkit.arguments import require_type
from toolkit.errors import ReadWarning, SchemaError, UsageError
from toolkit.schema.described import KEYS, TableName, columns_of
from toolkit.schema.frames import never_null
from toolkit.targets import Target, compose_target, parse_target
from toolkit.text import did_you_mean, enumerated

_MISSPELT: Final = 0.8
"""From this similarity to a column of the table on, an unknown column is taken for a misspelt one."""


def complete(table: TableName, given: pd.DataFrame) -> pd.DataFrame:
    """The frame with the columns that follow from others, and without those that the table does not have.

    Added where there is no such column: `service` from `host` with `port` or `scheme`; `host` and `port` from
    `service`; `date_basis` from the instants; `sample` by counting the rows of one key. What does not follow is null.

    Columns of other names are left out with a `ReadWarning` that names them all. Raises `SchemaError` for one that is
    probably misspelt, one error for all columns that are missing and never null, and one for the first row whose
    `scheme`, `host` and `port` cannot be a service.

    >>> import pandas as pd
    >>> from toolkit.schema import complete
    >>> look = {"observed_at": pd.Timestamp("2026-01-01", tz="UTC"), "round": "1", "source": "mine", "outcome": "ok"}
    >>> made = complete("observations", pd.DataFrame([look | {"host": "a.test", "port": 443}]))
    >>> made.loc[0, "service"], made.loc[0, "date_basis"]
    ('https://a.test:443', 'observed')
    """
    known = {column.name: column for column in columns_of(table)}
    require_type("schema.complete", given, pd.DataFrame)
    if given.empty:
        return given
    if all(name in known for name in given.columns) and len(given.columns) == len(known):
        return given
    frame = given.copy(deep=False)
    for name, made_of, follow in _FOLLOWING:
        if name in known and name not in frame and any(one in frame for one in made_of):
            frame[name] = follow(frame)
    used = {*known, "scheme", "host", "port"} if "service" not in given else {*known}
    extra = [name for name in frame.columns if name not in used]
    _report_extra(table, extra, list(known))
    if "sample" in known and "sample" not in frame:
        key = [name for name in KEYS[table] if name in frame]
        frame["sample"] = frame.astype(object).groupby(key, dropna=False).cumcount() if key else range(len(frame))
    missing = [name for name, column in known.items() if not column.null and name not in frame]
    if missing:
        raise SchemaError(f"{never_null(table, missing)} toolkit.schema.dictionary() describes each column.")
    return frame[[name for name in frame.columns if name in known]]


def _report_extra(table: TableName, extra: Sequence[Hashable], known: list[str]) -> None:
    if not extra:
        return
    for name in extra:
        if hint := did_you_mean(str(name), known, similarity=_MISSPELT):
            raise SchemaError(f"{table} has no column {name!r:.60}.{hint} toolkit.schema.dictionary() lists them.")
    warnings.warn(
        f"{table} has no column {enumerated(extra)}: left out. Keep such columns in a frame of their own, and merge it "
        "by `service` or `host`.",
        ReadWarning,
        stacklevel=4,
    )


def _find_services(frame: pd.DataFrame) -> pd.Series:
    parts = frame.reindex(columns=["scheme", "host", "port"]).astype(object)
    rows = parts.where(parts.notna(), None).itertuples(name=None)
    return pd.Series([_service(*row) for row in rows], frame.index, dtype="string")


def _find_hosts(frame: pd.DataFrame) -> pd.Series:
    found = [_target(str(service)) for service in frame["service"]]
    return pd.Series([None if one is None else one.host for one in found], frame.index, dtype="string")


def _find_ports(frame: pd.DataFrame) -> pd.Series:
    found = [_target(str(service)) for service in frame["service"]]
    return pd.Series([None if one is None else one.port for one in found], frame.index, dtype="Int64")


def _find_date_basis(frame: pd.DataFrame) -> pd.Series:
    at, begin, end = (
        frame[name].notna() if name in frame else pd.Series(False, frame.index)
        for name in ("observed_at", "observed_from", "observed_until")
    )
    basis = pd.Series("undated", frame.index, dtype="string")
    return basis.mask(end, "until").mask(begin & end, "between").mask(at, "observed")


_FOLLOWING: Final[tuple[tuple[str, tuple[str, ...], Callable[[pd.DataFrame], pd.Series]], ...]] = (
    ("service", ("host",), _find_services),
    ("host", ("service",), _find_hosts),
    ("port", ("service",), _find_ports),
    ("date_basis", ("observed_at", "observed_from", "observed_until"), _find_date_basis),
)
"""Derived column, its source columns (at least one is needed), and the function that computes it, in this order."""


def _service(label: Hashable, scheme: object, host: object, port: object) -> str | None:
    """The service of a row; None where it names no host, or neither a scheme nor a port that implies one."""
    composed = compose_target(scheme, host, port)
    if not isinstance(composed, str):
        return None
    parsed = _parse(composed)
    if isinstance(parsed, Target):
        return parsed.service
    if scheme is None and _target(f"tls://{composed}"):
        return None
    raise SchemaError(f"row {label!r:.60}: {parsed}") from parsed


def _target(text: str) -> Target | None:
    """The target; None where the text does not name one."""
    parsed = _parse(text)
    return parsed if isinstance(parsed, Target) else None


@lru_cache(maxsize=4096)
def _parse(text: str) -> Target | UsageError:
    """The target, or why the text does not name one."""
    try:
        return parse_target(text)
    except UsageError as error:
        return error
