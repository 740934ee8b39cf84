"""`ask`: an analysis of a whole store, one group of services after another, here or on the workers of a cluster.

The result is that of the analysis of `Store.load()`, row for row. An analysis may be split by service because each of
its rows is about one service, and its rows are sorted by service first. Where an analysis looks for certificates issued
for the same names, whichever service showed them, services with such certificates are in one group.

`find_lineages` and `find_sharing` compare services with each other. They need the looks only as sightings, which are
few: these are counted group by group, and the comparison is made in this process.
"""

from collections.abc import Callable, Hashable
from os import PathLike
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from toolkit import analyse, schema
from toolkit.analyse.arrays import Ints
from toolkit.analyse.rotation.lineages import lineages_of
from toolkit.analyse.sharing import sharing_of
from toolkit.errors import UsageError
from toolkit.store import Store, as_store
from toolkit.store.keeping import require_kept
from toolkit.store.services import (
    Columns,
    ServiceGroup,
    certificate_names,
    count_group,
    count_rows,
    load_certificates,
    load_group,
)
from toolkit.tables import Tables
from toolkit.workers import require_client, require_workers

if TYPE_CHECKING:
    from distributed import Client

Analysis = Callable[..., pd.DataFrame]

_OF_SERVICES: Final = (
    analyse.find_sightings, analyse.find_rotations, analyse.estimate_shares, analyse.explain_leaves,
    analyse.summarise_support,
)  # fmt: skip
"""Analyses of the observations of a service and the certificates that they name."""

_COLUMNS: Final[dict[Analysis, Columns]] = {
    analyse.find_rotations: {
        "observations": (
            *schema.OBSERVATION_KEY, "host", "leaf_sha256", "observed_at", "observed_from", "observed_until", "source",
        ),
        "certificates": ("cert_sha256", "key_type", "not_before", "not_after"),
    }
}  # fmt: skip
"""Columns that an analysis uses, where these are few; of the others, reading all takes longer."""

_OF_SUCCESSORS: Final = (
    analyse.summarise_expiry,
    analyse.describe_usual_leads,
    analyse.forecast_renewals,
    analyse.rehearse,
)
"""Analyses that also look for certificates issued for the same names, whichever service showed them."""

_OF_CHAINS: Final = (analyse.verify_chains, analyse.replay_trust)
"""Analyses that also look for CA certificates."""

_OF_SIGHTINGS: Final[dict[Analysis, Callable[[Store, pd.DataFrame], pd.DataFrame]]] = {
    analyse.find_lineages: lambda store, seen: lineages_of(seen, load_certificates(store)),
    analyse.find_sharing: lambda _, seen: sharing_of(seen),
}
"""Analyses across services: of the sightings of all groups, in this process."""

_ACROSS: Final[dict[object, str]] = {
    analyse.find_changes: "compares two collections of tables",
    analyse.judge: "numbers its evidence by the rows of all tables",
    analyse.lint_certificates: "is about certificates, not services",
    analyse.describe_chains: "adds columns to verdicts that were made",
    analyse.describe_rotations: "adds columns to rotations that were found",
    analyse.compare_tools: "joins the services that its aliases name",
    analyse.summarise_negotiated: "counts the observations of all services",
    analyse.summarise_findings: "summarises verdicts that were given",
}
"""Analyses that cannot be split by service, and why."""

_ROWS: Final = 4_000_000
"""Rows of a group, unless services that belong together have more."""

_GROUPS_PER_THREAD: Final = 4
"""Groups for each thread of a cluster, so that one long group does not leave the others idle."""


def ask(
    store: Store | str | PathLike[str], analysis: Analysis, *, client: "Client | None" = None, **options: Any
) -> pd.DataFrame:
    """The result of an analysis of the whole store, without loading the whole store: `analysis(store.load(), …)`.

    The services are divided into groups. The tables of each group are read from the store's files and analysed, and
    the results are joined. The result equals that of the plain call row for row.

    - `store`: a `Store`, or the path or URL of one.
    - `analysis`: `find_sightings`, `find_rotations`, `estimate_shares`, `explain_leaves`, `summarise_expiry`,
      `describe_usual_leads`, `forecast_renewals`, `rehearse`, `summarise_support`, `verify_chains` or `replay_trust`;
      or `find_lineages` or `find_sharing`, for which the groups give sightings and this process does the rest.
    - `client`: a `distributed.Client`. The groups are read and analysed on its workers, which need the store's location
      and credentials in their own environment. None: one group after another in this process.
    - `options`: the arguments of the analysis. Paths among them must exist on the workers.

    Services that show certificates for the same names are in one group where the analysis looks for successors, so many
    services that show one default certificate need as much memory as the plain call.

    Raises `UsageError` for an analysis that cannot be split by service (it says what to do), for what is not a client,
    and with a client for a store opened with `storage_options`; `StoreError` as `Store.load`; `ClusterError` where the
    cluster has no workers, or one without this version of the toolkit; and what the analysis raises.

    >>> import toolkit
    >>> from tempfile import TemporaryDirectory
    >>> tables = toolkit.load_example("lab-sample")
    >>> with TemporaryDirectory() as folder:
    ...     toolkit.Store(folder).append(tables)
    ...     rotations = toolkit.ask(folder, toolkit.find_rotations, min_share=0.1)
    >>> rotations.equals(toolkit.find_rotations(tables, min_share=0.1))
    True
    """
    require_client(client)
    store = as_store(store)
    _require_splittable(analysis, options)
    require_kept(store)
    # Wrong options are an error here, before anything is read; and this is the result without rows.
    nothing = analysis(Tables.from_frames(), **options)
    if analysis in _OF_SIGHTINGS:
        return _OF_SIGHTINGS[analysis](store, ask(store, analyse.find_sightings, client=client))
    if client is None:
        results = [_analyse(store, group, analysis, options) for group in _groups(store, analysis, 1)]
    else:
        results = _ask_workers(client, store, analysis, options)
    if not results:
        # Without services there are at most certificates, which some analyses judge by themselves.
        return analysis(store.load(), **options)
    results = [result for result in results if len(result)]
    if not results:
        return nothing
    return pd.concat(results, ignore_index=True).sort_values("service", kind="stable", ignore_index=True)


def _ask_workers(client: "Client", store: Store, analysis: Analysis, options: dict[str, Any]) -> list[pd.DataFrame]:
    store.require_no_options()
    require_workers(client)
    threads = sum(client.nthreads().values())
    groups = _groups(store, analysis, threads * _GROUPS_PER_THREAD)
    futures = client.map(_analyse_group, groups, path=store.path, analysis=analysis, options=options, pure=False)
    results: list[pd.DataFrame] = client.gather(futures)
    return results


def _analyse_group(group: ServiceGroup, *, path: str, analysis: Analysis, options: dict[str, Any]) -> pd.DataFrame:
    """The result for one group; runs on a worker, which opens the store itself."""
    return _analyse(Store(path), group, analysis, options)


def _analyse(store: Store, group: ServiceGroup, analysis: Analysis, options: dict[str, Any]) -> pd.DataFrame:
    if analysis is analyse.find_sightings:
        return count_group(store, group)
    return analysis(load_group(store, group, _COLUMNS.get(analysis, {})), **options)


def _require_splittable(analysis: object, options: dict[str, Any]) -> None:
    name = getattr(analysis, "__name__", repr(analysis))
    known = (*_OF_SERVICES, *_OF_SUCCESSORS, *_OF_CHAINS, *_OF_SIGHTINGS)
    why = _ACROSS.get(analysis) if isinstance(analysis, Hashable) else None
    if analysis is analyse.find_rotations and options.get("basis") == "names":
        name, why = 'find_rotations(basis="names")', "groups certificates by host name across services"
    if why is not None:
        raise UsageError(
            f"{name} {why}, so it cannot be split by service: call it on store.load(), if need be with since=, until= "
            "or services=."
        )
    if analysis not in known:
        raise UsageError(
            f"{name:.60} is not an analysis that ask can split. Give one of the functions "
            f"{', '.join(one.__name__ for one in known)}, or call it on store.load()."
        )


def _groups(store: Store, analysis: Analysis, least: int) -> list[ServiceGroup]:
    """The services in at least `least` groups, if there are so many that do not belong together."""
    by_leaf = ["leaf_sha256"] if analysis in _OF_SUCCESSORS else []
    shown = count_rows(store, ["service", *by_leaf])
    # Sorted, so that a group is a range of names, as the rows of a compacted file are.
    services, distinct = pd.factorize(shown["service"], sort=True, use_na_sentinel=False)
    names = distinct.to_numpy(object)
    names[distinct.isna()] = None
    unit, members = np.arange(len(names)), pd.DataFrame({"unit": np.zeros(0, int), "cert_sha256": ""})
    if analysis in _OF_SUCCESSORS:
        unit, members = _units_by_names(store, services, shown["leaf_sha256"], len(names))
    rows = np.bincount(unit[services], weights=shown["rows"], minlength=int(unit.max(initial=-1)) + 1).astype(np.int64)
    number = _filled(rows, min(_ROWS, max(1, int(rows.sum()) // least)))
    certificates = members.groupby(number[members["unit"]])["cert_sha256"].agg(frozenset)
    held = pd.Series(names, dtype=object).groupby(number[unit]).agg(frozenset)
    has_issuers = analysis in _OF_CHAINS
    return [
        ServiceGroup(services, certificates.get(group, frozenset()), has_issuers=has_issuers)
        for group, services in held.items()
    ]


def _filled(rows: Ints, most: int) -> Ints:
    """The number of the group of each unit. A group has at most `most` rows, or one unit."""
    numbers = np.zeros(len(rows), np.int64)
    group = size = 0
    for unit, of_unit in enumerate(rows.tolist()):
        if size and size + of_unit > most:
            group, size = group + 1, 0
        numbers[unit] = group
        size += of_unit
    return numbers


def _units_by_names(store: Store, services: Ints, leaves: pd.Series, count: int) -> tuple[Ints, pd.DataFrame]:
    """The unit of each of `count` services, and the certificates of each unit (`unit`, `cert_sha256`).

    Services are in one unit where they show certificates with the same set of names, directly or through others.
    """
    held = certificate_names(store)
    codes, distinct = pd.factorize(held["names"])
    of_leaf = pd.Series(codes, held["cert_sha256"].astype(object)).reindex(leaves.astype(object)).fillna(-1)
    name = of_leaf.to_numpy(np.int64)
    edges = services[name >= 0], count + name[name >= 0]
    nodes = count + len(distinct)
    _, labels = connected_components(coo_array((np.ones(len(edges[0]), bool), edges), (nodes, nodes)), directed=False)
    units, shown = pd.factorize(labels[:count])
    members = held.assign(unit=pd.Index(shown).get_indexer(labels[count:][codes]))
    return units, members[(codes >= 0) & (members["unit"] >= 0)]
