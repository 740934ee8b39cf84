"""Sharing: which services show the same certificate or the same key, and when."""

import pandas as pd

from toolkit.tables import Tables


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
    hash and service. The span is empty (null) where one service had stopped before the next one began.
    """
    raise NotImplementedError
