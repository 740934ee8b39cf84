"""Sharing: which services show the same certificate or the same key, and when."""

from typing import Final

import pandas as pd

from toolkit.analyse.sightings import find_sightings
from toolkit.analyse.slots import all_sources
from toolkit.columns import Column, dtypes, returns
from toolkit.tables import Tables, require_tables

SHARING: Final = (
    Column("shared", "text", "`certificate` or `key`"),
    Column("shared_sha256", "text", "SHA-256 of the certificate, or of its SubjectPublicKeyInfo"),
    Column("key_type", "text", "of the certificate; of a key's first certificate", "it did not parse"),
    Column("subject", "text", "of the certificate; of a key's first certificate", "it did not parse"),
    Column("service", "text", "a service that showed it"),
    Column("service_count", "integer", "number of services that showed it"),
    Column("first_seen_at", "instant", "first dated look that showed it on this service", "no dated look"),
    Column("last_seen_at", "instant", "last dated look that showed it on this service", "no dated look"),
    Column("shared_from_at", "instant", "start of the span in which at least two services showed it", "no such span"),
    Column("shared_until_at", "instant", "end of the span in which at least two services showed it", "no such span"),
    Column("looks", "integer", "dated looks that showed it on this service"),
    Column("source", "text", "sources of the looks, sorted, joined by `, `"),
)
"""The columns of `find_sharing`."""


@returns(SHARING)
def find_sharing(tables: Tables) -> pd.DataFrame:
    """Certificates and keys that at least two services show: one row per certificate or key, and service.

    Observations whose source names no service are left out. Sorted by `shared`, `service_count` (largest
    first), `shared_sha256` and `service`. The span is null where each service had stopped before the next one began.

    >>> import toolkit
    >>> shared = toolkit.find_sharing(toolkit.load_example("lab-sample"))
    >>> print(toolkit.chart.tabulate(shared, columns=["shared", "service", "service_count", "looks"], rows=3))
         shared                     service service_count looks
    certificate       smtp://mx.lab.test:25             3    62
    certificate   smtp://relay.lab.test:587             3    60
    certificate smtps://submit.lab.test:465             3    46
    … and 43 more rows
    """
    require_tables(tables, "find_sharing")
    return sharing_of(find_sightings(tables))


def sharing_of(sightings: pd.DataFrame) -> pd.DataFrame:
    """The certificates and keys that at least two services show, from all sightings (`find_sightings`)."""
    seen = sightings.dropna(subset="service")
    found = pd.concat([_shared(seen, kind, column) for kind, column in _IDENTITIES.items()], ignore_index=True)
    found = found.astype(dtypes(SHARING)).sort_values(
        ["shared", "service_count", "shared_sha256", "service"], ascending=[True, False, True, True], ignore_index=True
    )
    return found.reindex(columns=list(dtypes(SHARING)))


_IDENTITIES: Final = {"certificate": "leaf_sha256", "key": "spki_sha256"}


def _shared(seen: pd.DataFrame, kind: str, column: str) -> pd.DataFrame:
    seen = seen.dropna(subset=column).rename(columns={column: "shared_sha256"})
    services = seen.groupby("shared_sha256")["service"].transform("nunique")
    seen = seen.assign(service_count=services, shared=kind)[services >= 2]
    per_service = seen.groupby(["shared_sha256", "service"], as_index=False, sort=True).agg(
        shared=("shared", "first"),
        key_type=("key_type", "first"),
        subject=("subject", "first"),
        service_count=("service_count", "first"),
        first_seen_at=("first_seen_at", "min"),
        last_seen_at=("last_seen_at", "max"),
        looks=("looks", "sum"),
        source=("source", all_sources),
    )
    return per_service.assign(
        shared_from_at=_begin_of_overlap(per_service), shared_until_at=_end_of_overlap(per_service)
    )


def _begin_of_overlap(spans: pd.DataFrame) -> pd.Series:
    """Of each identity the first instant in two of its spans: a span that begins before an earlier one has ended."""
    ordered = spans.dropna(subset="first_seen_at").sort_values(["shared_sha256", "first_seen_at"])
    ends = ordered["last_seen_at"].groupby(ordered["shared_sha256"]).cummax()
    ended = ends.groupby(ordered["shared_sha256"]).shift()
    begins = ordered["first_seen_at"].where(ordered["first_seen_at"] <= ended)
    least = begins.groupby(ordered["shared_sha256"]).min()
    return pd.Series(least.reindex(spans["shared_sha256"]).array, spans.index)


def _end_of_overlap(spans: pd.DataFrame) -> pd.Series:
    """Of each identity the last instant in two of its spans."""
    ordered = spans.dropna(subset="last_seen_at").sort_values(
        ["shared_sha256", "last_seen_at"], ascending=[True, False]
    )
    begins = ordered["first_seen_at"].groupby(ordered["shared_sha256"]).cummin()
    begun = begins.groupby(ordered["shared_sha256"]).shift()
    ends = ordered["last_seen_at"].where(ordered["last_seen_at"] >= begun)
    most = ends.groupby(ordered["shared_sha256"]).max()
    return pd.Series(most.reindex(spans["shared_sha256"]).array, spans.index)
