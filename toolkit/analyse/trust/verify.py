"""Would a client have trusted what was served, on that day, with those roots, and if not, which element broke it?"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from pandas.api.types import pandas_dtype

from toolkit.analyse.arrays import NULL, Ints
from toolkit.analyse.slots import joined_sources
from toolkit.analyse.trust.chains import Chains, Judged, Outcome
from toolkit.analyse.trust.elements import Unreadable, read_element
from toolkit.columns import DTYPES
from toolkit.errors import UsageError
from toolkit.instants import zoned
from toolkit.reference.roots import Roots, load_roots
from toolkit.tables import Tables, require_tables

Intermediates = Literal["served", "held"]

_NAMES: Final = ["service", "host", "server_name"]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_DTYPES: Final = {
    "service": "string",
    "host": "string",
    "server_name": "string",
    "leaf_sha256": "string",
    "chain_sha256": "object",
    "looks": "Int64",
    "as_of_from": DTYPES["instant"],
    "as_of_until": DTYPES["instant"],
    "verdict": "string",
    "is_path_found": "boolean",
    "is_within_validity": "boolean",
    "is_name_match": "boolean",
    "is_key_usage_right": "boolean",
    "is_signature_acceptable": "boolean",
    "is_order_right": "boolean",
    "missing": "Int64",
    "extra": "Int64",
    "broken_element": "string",
    "broken_sha256": "string",
    "reason": "string",
    "path_sha256": "object",
    "valid_from": DTYPES["instant"],
    "valid_until": DTYPES["instant"],
    "source": "string",
}


def verify_chains(
    tables: Tables,
    *,
    roots: Roots,
    as_of: datetime | str | Iterable[datetime | str] = "observed",
    intermediates: Intermediates = "served",
) -> pd.DataFrame:
    """Each chain that was served, judged at each instant asked for, check by check.

    One row per service, server name, chain and stretch of time in which nothing changes: with `observed` (each look
    judged at its own instant) looks of a chain share a row while every check comes out the same; an undated look is
    judged where the bounds of its instant lie in one stretch, such as the latest SCT in its leaf. With instants:
    one row per chain and instant. `roots` are certificates in DER (`toolkit.reference.roots.load_roots`, `Lab.roots`);
    only self-issued ones whose authorityKeyIdentifier means no other certificate anchor a path.
    `intermediates="held"` also uses the other CA certificates of the tables, as a client does that fetches or caches
    them; it can then judge a leaf whose chain was not recorded. What is wrong with such a certificate alone, its end
    above all, leaves the verdict `unknown`: a CA renews its certificate with the same key, and another edition may have
    been served. The name asked for is `server_name`, else `host`.

    Columns, in order:

    - `service`, `host`, `server_name`, `leaf_sha256` (string), `chain_sha256` (tuple of string, leaf first; None: not
      recorded as served), `looks` (Int64), `as_of_from`, `as_of_until` (instant, first and last instant judged; null:
      the looks are not dated)
    - `verdict` (string): `trusted`: path, validity, name, usage and signatures are right; `untrusted`: a path to a root
      that we hold exists and one of them is not right, or an intermediate that we hold was not served, or a signature
      is forged, or the leaf is out of its validity or does not name the host, which no root can mend; `unknown`:
      everything else. The chain was not recorded, the root is not among `roots`, an element cannot be read, the look is
      not dated, the search was given up, or the one thing wrong is an intermediate that was not recorded as served
    - `is_path_found` (boolean, from the leaf to a root; null: no chain to search), `is_within_validity` (every element,
      the root included), `is_name_match`, `is_key_usage_right` (CA flag, keyUsage, extendedKeyUsage, path length, name
      constraints, critical extensions that clients do not process, explicit curve parameters, proxy certificates),
      `is_signature_acceptable` (no hash that clients refused by then); without a path they speak of the elements up to
      where it ends; null: could not be checked, or wrong with an intermediate that was not recorded as served, and with
      nothing else
    - `is_order_right` (boolean, each served certificate certifies the one before: RFC 8446, section 4.4.2; not part of
      the verdict, clients sort; null: no chain, or an element cannot be read)
    - `missing` (Int64, elements of the path that were not served, the root aside; null: no path), `extra` (Int64,
      elements served that the path does not need, repeats included; null: no path)
    - `broken_element` (string: `leaf`, `intermediate 1` counted from the leaf, `root`; null: none), `broken_sha256`,
      `reason` (string, all that is wrong, in words; null: nothing)
    - `path_sha256` (tuple of string, leaf to root; None: no path), `valid_from`, `valid_until` (instant, both
      inclusive, when the whole path is within validity; null: no path, or never all at once)
    - `source` (string)

    Revocation and certificate policies are not asked about.

    Raises `UsageError` for an instant without a zone, for no roots or no instants, and for roots that are not
    certificates in DER (a bundle is named to `load_roots`, not here).

    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://relay.lab.test:587")
    >>> verdicts = toolkit.verify_chains(tables, roots=Lab().roots)
    >>> print(toolkit.chart.tabulate(verdicts, columns=["as_of_from", "verdict", "reason"], rows=3))
    as_of_from   verdict                            reason
    2025-08-12 untrusted intermediate 1: it was not served
    2025-07-19   trusted                                 –
    2025-11-19   trusted                                 –
    … and 3 more rows
    """
    require_tables(tables, "verify_chains")
    chains = _chains(tables, roots, intermediates)
    instants = None if isinstance(as_of, str) and as_of == "observed" else _instants(as_of)
    rows: list[dict[str, Any]] = []
    for group in _groups(tables):
        judged = chains.judge(group.leaf, group.chain, group.asked)
        if instants is None:
            rows += [group.identity | row for row in _as_observed(judged, group)]
        else:
            rows += [group.identity | _row(judged.at(instant), instant, instant, group.looks) for instant in instants]
    return _frame(rows)


def replay_trust(tables: Tables, *, roots: Roots, since: datetime | str, until: datetime | str) -> pd.DataFrame:
    """The stretches of time from `since` to `until` in which each chain would have verified, and would not have.

    The columns of `verify_chains`; consecutive rows of a chain differ in a check, and `as_of_from`, `as_of_until` bound
    the stretch, both inclusive, exact to the second: checks change only where a certificate begins or ends and where
    a dated rule takes effect. The tables' other CA certificates serve as intermediates besides those served, so a
    chain can be replayed that was recorded without them. What is wrong with one that was not recorded as served leaves
    the stretch `unknown`, as in `verify_chains(intermediates="held")`: its end was the chain's only if this edition was
    served. To ask "if it was", write the chain into `chain_sha256` of the observation.

    Raises `UsageError` as `verify_chains`, and where `until` is before `since`.

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://legacy.lab.test:25")
    >>> since, until = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    >>> trust = toolkit.replay_trust(tables, roots=Lab().roots, since=since, until=until)
    >>> print(toolkit.chart.tabulate(trust, columns=["leaf_sha256", "as_of_from", "as_of_until", "verdict"]))
      leaf_sha256 as_of_from      as_of_until   verdict
    5d496aa41606… 2025-01-01 2025-06-23 23:59 untrusted
    5d496aa41606… 2025-06-24       2026-01-01   trusted
    82fbebc3ca14… 2025-01-01 2025-06-16 23:59   trusted
    82fbebc3ca14… 2025-06-17       2026-01-01 untrusted
    """
    require_tables(tables, "replay_trust")
    first, last = zoned(since, "since").to_pydatetime(), zoned(until, "until").to_pydatetime()
    if last < first:
        raise UsageError(f"until={last.isoformat()} is before since={first.isoformat()}.")
    chains = _chains(tables, roots, "held")
    rows: list[dict[str, Any]] = []
    for group in _groups(tables):
        judged = chains.judge(group.leaf, group.chain, group.asked)
        edges = [first, *(edge for edge in judged.edges if first < edge <= last)]
        ends = [*(edge - timedelta(seconds=1) for edge in edges[1:]), last]
        stretches = [(judged.at(begin), begin, end) for begin, end in zip(edges, ends, strict=True)]
        rows += [group.identity | _row(*stretch, group.looks) for stretch in _merged(stretches)]
    return _frame(rows)


def name_asked(look: Mapping[Hashable, Any]) -> str | None:
    """The name that a client compares: `server_name`, else `host`; null: neither is known."""
    return next((look[name] for name in ("server_name", "host") if isinstance(look[name], str)), None)


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """The looks of one chain of one service and server name; instants are µs since 1970, `NULL` where not known."""

    identity: dict[str, Any]
    leaf: str
    chain: tuple[str, ...] | None
    asked: str | None
    earliest: Ints
    latest: Ints

    @property
    def looks(self) -> int:
        return len(self.earliest)


def _chains(tables: Tables, roots: Roots, intermediates: Intermediates) -> Chains:
    if intermediates not in ("served", "held"):
        raise UsageError(f"intermediates={intermediates!r}: write 'served' or 'held'.")
    anchors = []
    for number, der in enumerate(load_roots(roots)):
        element = read_element(der)
        if isinstance(element, Unreadable):
            raise UsageError(f"roots: certificate {number + 1} cannot be read ({element.reason}). Remove it.")
        anchors.append(element)
    return Chains(tables.certificates, anchors, uses_held=intermediates == "held")


def _instants(as_of: datetime | str | Iterable[datetime | str]) -> list[datetime]:
    listed = list(as_of) if isinstance(as_of, Iterable) and not isinstance(as_of, str) else [as_of]
    if not listed:
        raise UsageError("as_of: give at least one datetime with a zone, or 'observed'.")
    return [zoned(instant, "as_of").to_pydatetime() for instant in listed]


def _groups(tables: Tables) -> Iterator[_Group]:
    """Each distinct chain of each service and server name, with the instants of its looks."""
    looks = tables.observations
    looks = looks[looks["leaf_sha256"].notna()]
    if looks.empty:
        return
    chain = [None if served is None else " ".join(served) for served in looks["chain_sha256"]]
    keys = looks[[*_NAMES, "leaf_sha256"]].assign(chain=pd.Series(chain, looks.index, dtype="string"))
    codes = keys.groupby(list(keys.columns), dropna=False, sort=True).ngroup()
    order = np.argsort(codes.to_numpy(), kind="stable")
    starts = np.flatnonzero(np.diff(codes.to_numpy()[order], prepend=-1))
    # Its embedded SCTs are older than a certificate (RFC 6962, section 3.3): it was shown after the latest of them.
    signed = looks["leaf_sha256"].map(tables.certificates.set_index("cert_sha256")["sct_at"])
    since = looks["observed_from"].where(~(looks["observed_from"].isna() | (looks["observed_from"] < signed)), signed)
    earliest = _microseconds(looks["observed_at"].fillna(since))[order]
    latest = _microseconds(looks["observed_at"].fillna(looks["observed_until"]))[order]
    firsts = looks.iloc[order[starts]]
    sources = joined_sources(pd.DataFrame({"group": codes}), looks["source"])
    named = firsts[[*_NAMES, "leaf_sha256", "chain_sha256"]].to_dict("records")
    bounds = zip(starts, [*starts[1:], len(order)], strict=True)
    for number, (record, (start, end)) in enumerate(zip(named, bounds, strict=True)):
        yield _Group(
            identity={str(name): value for name, value in record.items()} | {"source": sources[number]},
            leaf=record["leaf_sha256"],
            chain=record["chain_sha256"],
            asked=name_asked(record),
            earliest=earliest[start:end],
            latest=latest[start:end],
        )


def _as_observed(judged: Judged, group: _Group) -> list[dict[str, Any]]:
    """Each look at its own instant; looks with the same outcome share a row, stretch by stretch."""
    edges = np.array([int(edge.timestamp()) * 1_000_000 for edge in judged.edges], dtype=np.int64)
    begins = np.searchsorted(edges, group.earliest, side="right")
    ends = np.searchsorted(edges, group.latest, side="right")
    is_placed = (group.earliest != NULL) & (group.latest != NULL) & (begins == ends)
    rows: list[dict[str, Any]] = []
    outcomes: list[Outcome] = []
    for stretch in np.unique(begins[is_placed]):
        within = is_placed & (begins == stretch)
        first, last = _instant(group.earliest[within].min()), _instant(group.latest[within].max())
        outcome, count = judged.at(first), int(within.sum())
        if outcomes and outcomes[-1] == outcome:
            rows[-1] |= {"as_of_until": last, "looks": rows[-1]["looks"] + count}
        else:
            rows.append(_row(outcome, first, last, count))
            outcomes.append(outcome)
    if not is_placed.all():
        rows.append(_row(judged.undated(), None, None, int((~is_placed).sum())))
    return rows


def _instant(microseconds: np.int64) -> datetime:
    return _EPOCH + timedelta(microseconds=int(microseconds))


def _merged(stretches: list[tuple[Outcome, datetime, datetime]]) -> list[tuple[Outcome, datetime, datetime]]:
    merged: list[tuple[Outcome, datetime, datetime]] = []
    for outcome, begin, end in stretches:
        if merged and merged[-1][0] == outcome:
            merged[-1] = (outcome, merged[-1][1], end)
        else:
            merged.append((outcome, begin, end))
    return merged


def _row(outcome: Outcome, first: datetime | None, last: datetime | None, looks: int) -> dict[str, Any]:
    return {
        **{name: getattr(outcome, name) for name in Outcome.__slots__},
        "as_of_from": first,
        "as_of_until": last,
        "looks": looks,
    }


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    columns = {}
    for name, dtype in _DTYPES.items():
        values = pd.Series([row.get(name) for row in rows], dtype=object)
        columns[name] = _as_instants(values) if dtype == DTYPES["instant"] else values.astype(pandas_dtype(dtype))
    return pd.DataFrame(columns)


def _as_instants(values: pd.Series) -> pd.Series:
    naive = [np.datetime64("NaT") if value is None else np.datetime64(_utc(value), "us") for value in values]
    return pd.Series(np.array(naive, dtype="datetime64[us]")).dt.tz_localize("UTC")


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)


def _microseconds(instants: pd.Series) -> Ints:
    """µs since 1970, `NULL` for null."""
    return np.asarray(instants.dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64))
