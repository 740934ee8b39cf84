"""Sharing: which services show the same certificate or the same key, and when."""

from typing import Final

import pandas as pd

from toolkit import schema
from toolkit.analyse.sightings import find_sightings
from toolkit.tables import Tables, require_tables

DTYPES: Final = {
    **dict.fromkeys(["kind", "shared_sha256", "key_type", "subject", "service"], "string"),
    "services": "Int64",
    **dict.fromkeys(["first_seen", "last_seen", "shared_from_at", "shared_until_at"], schema.DTYPES["instant"]),
    "looks": "Int64",
    "source": "string",
}
"""Columns of `find_sharing`, in order, and their dtypes."""


def find_sharing(tables: Tables) -> pd.DataFrame:
    """Certificates and keys that at least two services show: one row per certificate or key, and service.

    | column | dtype | meaning | null means |
    |---|---|---|---|
    | `kind` | string | `certificate` or `key` | never null |
    | `shared_sha256` | string | hash of the certificate, or of its SubjectPublicKeyInfo | never null |
    | `key_type`, `subject` | string | of the certificate; of a key's first certificate | did not parse |
    | `service` | string | a service that showed it | never null |
    | `services` | Int64 | how many services showed it | never null |
    | `first_seen`, `last_seen` | instant | on this service | no dated look |
    | `shared_from_at`, `shared_until_at` | instant | span in which two services or more showed it | no such span |
    | `looks` | Int64 | dated looks that showed it on this service | never null |
    | `source` | string | as in `find_sightings` | never null |

    Observations whose source names no service are left out. Sorted by kind, number of services (most first),
    hash and service. The span is null where each service had stopped before the next one began.

    >>> import toolkit
    >>> shared = toolkit.find_sharing(toolkit.load_example("lab-sample"))
    >>> print(toolkit.chart.tabulate(shared, columns=["kind", "service", "services", "looks"], rows=3))
           kind                     service services looks
    certificate       smtp://mx.lab.test:25        3    62
    certificate   smtp://relay.lab.test:587        3    60
    certificate smtps://submit.lab.test:465        3    46
    … and 43 more rows
    """
    require_tables(tables, "find_sharing")
    seen = find_sightings(tables).dropna(subset="service")
    found = pd.concat([_shared(seen, kind, column) for kind, column in _IDENTITIES.items()], ignore_index=True)
    found = found.astype(DTYPES).sort_values(
        ["kind", "services", "shared_sha256", "service"], ascending=[True, False, True, True], ignore_index=True
    )
    return found.reindex(columns=list(DTYPES))


_IDENTITIES: Final = {"certificate": "leaf_sha256", "key": "spki_sha256"}


def _shared(seen: pd.DataFrame, kind: str, column: str) -> pd.DataFrame:
    seen = seen.dropna(subset=column).rename(columns={column: "shared_sha256"})
    services = seen.groupby("shared_sha256")["service"].transform("nunique")
    seen = seen.assign(services=services, kind=kind)[services >= 2]
    per_service = seen.groupby(["shared_sha256", "service"], as_index=False, sort=True).agg(
        kind=("kind", "first"),
        key_type=("key_type", "first"),
        subject=("subject", "first"),
        services=("services", "first"),
        first_seen=("first_seen", "min"),
        last_seen=("last_seen", "max"),
        looks=("looks", "sum"),
        source=("source", _joined),
    )
    return per_service.assign(
        shared_from_at=_begin_of_overlap(per_service), shared_until_at=_end_of_overlap(per_service)
    )


def _joined(sources: pd.Series) -> str:
    return ", ".join(sorted(sources.unique()))


def _begin_of_overlap(spans: pd.DataFrame) -> pd.Series:
    """Of each identity the first instant in two of its spans: a span that begins before an earlier one has ended."""
    ordered = spans.dropna(subset="first_seen").sort_values(["shared_sha256", "first_seen"])
    ends = ordered["last_seen"].groupby(ordered["shared_sha256"]).cummax()
    ended = ends.groupby(ordered["shared_sha256"]).shift()
    begins = ordered["first_seen"].where(ordered["first_seen"] <= ended)
    least = begins.groupby(ordered["shared_sha256"]).min()
    return pd.Series(least.reindex(spans["shared_sha256"]).array, spans.index)


def _end_of_overlap(spans: pd.DataFrame) -> pd.Series:
    """Of each identity the last instant in two of its spans."""
    ordered = spans.dropna(subset="last_seen").sort_values(["shared_sha256", "last_seen"], ascending=[True, False])
    begins = ordered["first_seen"].groupby(ordered["shared_sha256"]).cummin()
    begun = begins.groupby(ordered["shared_sha256"]).shift()
    ends = ordered["last_seen"].where(ordered["last_seen"] >= begun)
    most = ends.groupby(ordered["shared_sha256"]).max()
    return pd.Series(most.reindex(spans["shared_sha256"]).array, spans.index)
