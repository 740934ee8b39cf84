"""Trust: whether a client would have trusted what was served, at an instant and with given roots, and why not."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas.api.types import pandas_dtype

from toolkit.analyse.arrays import NULL, Ints, instants
from toolkit.analyse.dating import find_bounds
from toolkit.analyse.held import with_held
from toolkit.analyse.slots import joined_sources
from toolkit.analyse.trust.anchors import find_anchors
from toolkit.analyse.trust.chains import Chains
from toolkit.analyse.trust.outcomes import JudgedChain, Outcome
from toolkit.columns import DTYPES, Column, dtypes, returns
from toolkit.epoch import from_microseconds
from toolkit.errors import UsageError
from toolkit.instants import Instant, zoned
from toolkit.reference.roots import Intermediates, Roots, load_intermediates
from toolkit.reference.stores import trust_stores
from toolkit.tables import Tables, is_held_alone, require_tables
from toolkit.text import not_known

_NAMES: Final = ["service", "host", "server_name"]
_UNCHECKED: Final = "not checked, or wrong only with an intermediate that was not recorded as served"

TRUST: Final = (
    Column("service", "text", "of the looks", "the source names no service"),
    Column("host", "text", "of the looks", "the source names no host"),
    Column("server_name", "text", "of the looks", "the client sent no server name"),
    Column("store", "text", "the trust store that decides about roots", "the roots were given"),
    Column("leaf_sha256", "text", "the leaf"),
    Column("chain_sha256", "texts", "the certificates as served, the leaf first", "the chain was not recorded"),
    Column("looks", "integer", "looks at this chain that the row covers"),
    Column("verdict_from_at", "instant", "first instant for which the verdict holds", "the looks are not dated"),
    Column("verdict_until_at", "instant", "last instant for which the verdict holds", "the looks are not dated"),
    Column(
        "verdict",
        "text",
        "`trusted`: path, validity, name, usage and signatures are right; `untrusted`: a path to a root exists and one "
        "of these checks fails, or an intermediate was not served, or a signature is forged, or the leaf is not valid "
        "or does not name the host; `unknown`: everything else",
    ),
    Column(
        "cause",
        "text",
        "the failed check that decides: `expiry`, `not_yet_valid`, `name`, `usage`, `signature`, `key`; of the root in "
        "a store `not_included`, `removal`, `distrust`, `distrust_after` (by the leaf's date), `key_age`; "
        "`not_served`, `no_path`, `forged`",
        "nothing failed",
    ),
    Column("reason", "text", "every failed check, in words, joined by `; `", "nothing failed"),
    Column(
        "leaf_validity",
        "text",
        "`not_yet_valid`, `valid` or `expired`: the leaf at these instants",
        "the chain was not judged, or the looks are not dated",
    ),
    Column("broken_certificate", "text", "`leaf`, `intermediate 1` (next to the leaf), `root`: where it fails", "none"),
    Column("broken_sha256", "text", "SHA-256 of that certificate", "none"),
    Column("is_path_found", "boolean", "a path leads from the leaf to a root", "no chain to search"),
    Column(
        "is_within_validity",
        "boolean",
        "every certificate of the path is valid, also the root where the store checks its expiry",
        _UNCHECKED,
    ),
    Column("is_name_match", "boolean", "the leaf names the host", "no name was asked for, or not checked"),
    Column(
        "is_key_usage_right",
        "boolean",
        "CA flag, keyUsage, extendedKeyUsage, path length, name constraints, critical extensions, explicit curve "
        "parameters and proxy certificates are as clients require",
        _UNCHECKED,
    ),
    Column("is_signature_acceptable", "boolean", "no signature uses a hash that clients refused by then", _UNCHECKED),
    Column("path_sha256", "texts", "the path, from leaf to root", "no path"),
    Column("assumption", "text", "what the verdict supposes beyond the record of the store", "nothing"),
    Column("source", "text", "sources of the looks, sorted, joined by `, `"),
)
"""The columns of `verify_chains` and `replay_trust`."""


@returns(TRUST)
def verify_chains(
    tables: Tables,
    *,
    roots: Roots,
    as_of: Instant | Iterable[Instant] = "observed",
    intermediates: Intermediates = "served",
) -> pd.DataFrame:
    """Each served chain, verified as a TLS client would at each instant asked for, check by check.

    One row per service, server name, chain and period in which no check changes. `describe_chains` adds the columns
    that are needed less often. With `as_of="observed"` each look is judged at its own instant, and looks of a chain
    share a row while every check comes out the same; an undated look is judged where the bounds of its instant (such as
    the latest SCT in its leaf) lie in one such period. With one or several instants there is one row per chain and
    instant. An instant is ISO 8601 text, a datetime or a Timestamp, with a zone. The name asked for is `server_name`,
    else `host`.

    `roots` is the name of a trust store, which is judged with its history, or the name of a bundle, a PEM file, or
    certificates in DER (`toolkit.reference.load_roots`, `Lab.roots`). The stores are `mozilla` (since 2000), `certifi`
    (since 2011), `apple`, `microsoft`, `android`, `java` and `oracle-java` (since 2017 or 2018), `chrome` (version 36,
    with what Chrome announced). A store decides by the leaf's date where it says so: Chrome by the earliest SCT, the
    others by `not_before`. The lists of Apple, Microsoft and Java do not show this, so it is known for what they have
    announced about Entrust, Camerfirma, Symantec and StartCom only (`toolkit/reference/stores/announced.csv`). Such a
    rule does not count below a CA that the program exempts (`exempt_keys.csv`). Chrome and Apple require SCTs of leaves
    issued since 2018-05-01 and 2018-10-16, and Firefox of every leaf since 2025-02-04 (on desktops): without one in the
    leaf the verdict is `unknown`, because those of the handshake are not recorded. Keys and hashes that web clients
    refuse (`toolkit/reference/policies/clients.csv`) are refused for every store and for roots that are given; Java and
    OpenSSL (`certifi`) accept EdDSA and SHA-224 (`toolkit/reference/stores/behaviour.csv`). Before the record of a
    store, and between two looks at it, the verdict is `unknown`. After the record it is `unknown` where the store never
    held the root, because stores add roots. A root that the store trusted at the end of its record, or that it is known
    to have added since, is taken to be trusted still, under the same limits and what was announced; one that it removed
    or distrusted before the end is taken to be refused still; `assumption` says so. A root that has expired is not
    trusted, except by Android, which does not check this (Let's Encrypt, 2020-12-21). A path ends only at a self-issued
    root whose authorityKeyIdentifier does not name another certificate. A change of `mozilla` counts from its commit in
    NSS; users get it with a later release.

    `intermediates="held"` also uses the other CA certificates of the tables, like a client that fetches or caches
    intermediates, and can judge a leaf whose chain was not recorded; a file in PEM or DER adds its CA certificates to
    those of the tables. A check that fails only with such a certificate, for example because it has expired, leaves the
    verdict `unknown`: the CA may have renewed it with the same key, and the server may have sent the renewed one. The
    verdict is also `unknown` where the chain was not recorded, the root is not among `roots`, a certificate cannot be
    read, the look is not dated, or the search reached its limits. Without a path the checks cover the certificates up
    to the one whose issuer was not found.

    Not part of the verdict are revocation, certificate policies, the number of SCTs (`judge` with `chrome`, `apple` or
    `firefox` judges it), limits on lifetimes, a limit on the length of the chain, public suffixes, and the profile that
    a CA has to follow when it issues (RFC 5280, section 4; Baseline Requirements, section 7.1): key identifiers, serial
    numbers, criticality, the syntax of names, a common name that the subjectAltName does not repeat, keyUsage and EKU
    beyond what serving needs. `judge` with `baseline` and `lint_certificates` judge lifetimes and the profile, except
    whether nameConstraints and policyConstraints are critical.

    Tables without observations, such as a folder of certificates, have a row for each leaf. The name asked for is then
    its common name or its first name, for a wildcard a name below it; and the other CA certificates of the tables are
    used, as if they were served with it. Give `as_of`: nothing dates such a row.

    Raises `UsageError` where `tables` is not `Tables`, an instant has no zone, there are no instants or no roots, or a
    root is not a certificate in DER.

    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://relay.lab.test:587")
    >>> verdicts = toolkit.verify_chains(tables, roots=Lab().roots)
    >>> print(toolkit.chart.tabulate(verdicts, columns=["verdict_from_at", "verdict", "reason"], rows=3))
    verdict_from_at   verdict                            reason
         2025-08-12 untrusted intermediate 1: it was not served
         2025-07-19   trusted                                 –
         2025-11-19   trusted                                 –
    … and 3 more rows
    """
    require_tables(tables, "verify_chains")
    return judge_looks(tables, chains_of(tables, roots, intermediates), as_of)


def judge_looks(tables: Tables, chains: Chains, as_of: Instant | Iterable[Instant]) -> pd.DataFrame:
    """What `verify_chains` returns, with the chains of the tables as `chains_of` returns them."""
    asked = None if isinstance(as_of, str) and as_of == "observed" else _instants(as_of)
    rows: list[dict[str, Any]] = []
    for group in _groups(tables):
        judged = chains.judge(group.leaf, group.chain, group.asked)
        if asked is None:
            rows += [group.identity | row for row in _as_observed(judged, group)]
        else:
            rows += [group.identity | _row(judged.at(instant), instant, instant, group.looks) for instant in asked]
    return as_frame(rows, TRUST)


@returns(TRUST)
def replay_trust(
    tables: Tables,
    *,
    roots: Roots | None = None,
    stores: str | Iterable[str] | None = None,
    since: Instant,
    until: Instant,
) -> pd.DataFrame:
    """For each chain the periods from `since` to `until` in which it would have verified, and in which it would not.

    Consecutive rows of a chain differ in a check. `verdict_from_at` and `verdict_until_at` bound the period, both
    inclusive, exact to the second: a check changes only where a certificate begins or ends and where a dated rule takes
    effect. The other CA certificates of the tables serve as intermediates too, so that a chain can be replayed whose
    intermediates were not recorded. A check that fails only with a certificate that was not recorded as served leaves
    the period `unknown`, as in `verify_chains(intermediates="held")`. To judge it as if it had been served, write the
    chain into `chain_sha256` of the observation. `since` and `until` are ISO 8601 text, datetimes or Timestamps, with a
    zone.

    `stores` are the names of trust stores (`verify_chains`), each judged with its history: a row then has the store,
    and `cause` says why a period of trust ends. A change of `mozilla` counts from its commit in NSS; users get it with
    a later release. Give either `roots` or `stores`. "Which of these chains lose trust in Chrome on 2027-04-15" is one
    call:
    `replay_trust(tables, stores="chrome", since="2027-04-14T00:00Z", until="2027-04-16T00:00Z")`.

    Raises `UsageError` as `verify_chains`, where `until` is before `since`, for an unknown store, and where both or
    neither of `roots` and `stores` are given.

    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://legacy.lab.test:25")
    >>> trust = toolkit.replay_trust(tables, roots=Lab().roots, since="2025-01-01 00:00Z", until="2026-01-01 00:00Z")
    >>> print(toolkit.chart.tabulate(trust, columns=["leaf_sha256", "verdict_from_at", "verdict_until_at", "verdict"]))
      leaf_sha256 verdict_from_at verdict_until_at   verdict
    5d496aa41606…      2025-01-01 2025-06-23 23:59 untrusted
    5d496aa41606…      2025-06-24       2026-01-01   trusted
    82fbebc3ca14…      2025-01-01 2025-06-16 23:59   trusted
    82fbebc3ca14…      2025-06-17       2026-01-01 untrusted
    """
    require_tables(tables, "replay_trust")
    first, last = zoned(since, "since").to_pydatetime(), zoned(until, "until").to_pydatetime()
    if last < first:
        raise UsageError(f"until={last.isoformat()} is before since={first.isoformat()}.")
    groups = list(_groups(tables))
    rows: list[dict[str, Any]] = []
    for anchors in _sources(roots, stores):
        chains = chains_of(tables, anchors, "held")
        for group in groups:
            judged = chains.judge(group.leaf, group.chain, group.asked)
            edges = [first, *(edge for edge in judged.edges if first < edge <= last)]
            ends = [*(edge - timedelta(seconds=1) for edge in edges[1:]), last]
            periods = [(judged.at(begin), begin, end) for begin, end in zip(edges, ends, strict=True)]
            rows += [group.identity | _row(*period, group.looks) for period in _merged(periods)]
    return as_frame(rows, TRUST)


def _sources(roots: Roots | None, stores: str | Iterable[str] | None) -> list[Roots]:
    """The roots, or the names of stores, in the order given and without repeats."""
    if (roots is None) == (stores is None):
        raise UsageError("replay_trust: give either roots= or stores=.")
    if stores is None:
        return [roots] if roots is not None else []
    named: list[Any] = list(stores) if hasattr(stores, "__iter__") and not isinstance(stores, str) else [stores]
    for name in named:
        if not isinstance(name, str) or name not in trust_stores():
            raise UsageError(not_known("stores: ", name, sorted(trust_stores())))
    if not named:
        raise UsageError("stores: at least one store is needed.")
    return list(dict.fromkeys(named))


def name_asked(look: Mapping[Hashable, Any]) -> str | None:
    """The name that a client compares, or a wildcard for a name below it: `server_name`, else `host`; None: neither."""
    return next((look[name] for name in ("server_name", "host") if isinstance(look[name], str)), None)


@dataclass(frozen=True, slots=True, eq=False)
class _ChainLooks:
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


def chains_of(tables: Tables, roots: Roots, intermediates: Intermediates) -> Chains:
    """The certificates of the tables, to be judged with these roots."""
    given = load_intermediates(intermediates)
    is_all_held = is_held_alone(tables)
    uses_held = intermediates != "served" or is_all_held
    anchors = find_anchors(roots, tables.certificates)
    return Chains(tables.certificates, anchors, given=given, uses_held=uses_held, is_all_held=is_all_held)


def _instants(as_of: Instant | Iterable[Instant]) -> list[datetime]:
    listed = list(as_of) if isinstance(as_of, Iterable) and not isinstance(as_of, str) else [as_of]
    if not listed:
        raise UsageError("as_of: give at least one instant with a zone, or 'observed'.")
    return [zoned(instant, "as_of").to_pydatetime() for instant in listed]


def _groups(tables: Tables) -> Iterator[_ChainLooks]:
    """Each distinct chain of each service and server name, with the instants of its looks."""
    looks = with_held(tables).observations
    looks = looks[looks["leaf_sha256"].notna()]
    if looks.empty:
        return
    chain = [None if served is None else " ".join(served) for served in looks["chain_sha256"]]
    keys = looks[[*_NAMES, "leaf_sha256"]].assign(chain=pd.Series(chain, looks.index, dtype="string"))
    codes = keys.groupby(list(keys.columns), dropna=False, sort=True).ngroup()
    order = np.argsort(codes.to_numpy(), kind="stable")
    starts = np.flatnonzero(np.diff(codes.to_numpy()[order], prepend=-1))
    earliest, latest = (instants(bound)[order] for bound in find_bounds(looks, tables.certificates))
    firsts = looks.iloc[order[starts]]
    sources = joined_sources(pd.DataFrame({"group": codes}), looks["source"])
    named = firsts[[*_NAMES, "leaf_sha256", "chain_sha256"]].to_dict("records")
    bounds = zip(starts, [*starts[1:], len(order)], strict=True)
    for number, (record, (start, end)) in enumerate(zip(named, bounds, strict=True)):
        yield _ChainLooks(
            identity={str(name): value for name, value in record.items()} | {"source": sources[number]},
            leaf=record["leaf_sha256"],
            chain=record["chain_sha256"],
            asked=name_asked(record),
            earliest=earliest[start:end],
            latest=latest[start:end],
        )


def _as_observed(judged: JudgedChain, group: _ChainLooks) -> list[dict[str, Any]]:
    """Each look at its own instant; looks with the same outcome share a row, period by period."""
    edges = judged.edge_numbers
    begins = np.searchsorted(edges, group.earliest, side="right")
    ends = np.searchsorted(edges, group.latest, side="right")
    is_placed = (group.earliest != NULL) & (group.latest != NULL) & (begins == ends)
    rows: list[dict[str, Any]] = []
    outcomes: list[Outcome] = []
    for period in np.unique(begins[is_placed]):
        within = is_placed & (begins == period)
        first = from_microseconds(int(group.earliest[within].min()))
        last = from_microseconds(int(group.latest[within].max()))
        outcome, count = judged.at(first), int(within.sum())
        if outcomes and outcomes[-1] == outcome:
            rows[-1] |= {"verdict_until_at": last, "looks": rows[-1]["looks"] + count}
        else:
            rows.append(_row(outcome, first, last, count))
            outcomes.append(outcome)
    if not is_placed.all():
        rows.append(_row(judged.undated(), None, None, int((~is_placed).sum())))
    return rows


def _merged(periods: list[tuple[Outcome, datetime, datetime]]) -> list[tuple[Outcome, datetime, datetime]]:
    merged: list[tuple[Outcome, datetime, datetime]] = []
    for outcome, begin, end in periods:
        if merged and merged[-1][0] == outcome:
            merged[-1] = (outcome, merged[-1][1], end)
        else:
            merged.append((outcome, begin, end))
    return merged


def _row(outcome: Outcome, first: datetime | None, last: datetime | None, looks: int) -> dict[str, Any]:
    return {
        **{name: getattr(outcome, name) for name in Outcome.__slots__},
        "verdict_from_at": first,
        "verdict_until_at": last,
        "looks": looks,
    }


def as_frame(rows: list[dict[str, Any]], columns: Iterable[Column]) -> pd.DataFrame:
    """The rows as a frame with these columns; null where a row has no value."""
    found = {}
    for name, dtype in dtypes(columns).items():
        values = pd.Series([row.get(name) for row in rows], dtype=object)
        found[name] = _as_instants(values) if dtype == DTYPES["instant"] else values.astype(pandas_dtype(dtype))
    return pd.DataFrame(found)


def _as_instants(values: pd.Series) -> pd.Series:
    naive = [np.datetime64("NaT") if value is None else np.datetime64(_utc(value), "us") for value in values]
    return pd.Series(np.array(naive, dtype="datetime64[us]")).dt.tz_localize("UTC")


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
