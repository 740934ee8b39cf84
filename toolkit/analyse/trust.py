"""Would a client have trusted what was served, on that day, with those roots, and if not, which element broke it?"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import pandas as pd

from toolkit.tables import Tables


def verify_chains(
    tables: Tables,
    *,
    roots: Iterable[bytes],
    as_of: datetime | Iterable[datetime] | Literal["observed"] = "observed",
    intermediates: Literal["served", "held"] = "served",
) -> pd.DataFrame:
    """Each chain that was served, judged at each instant asked for, check by check.

    One row per service, server name, chain and stretch of time in which nothing changes: with `observed` (each
    look judged at its own instant) looks of the same chain share a row while every check comes out the same;
    with instants, one row per chain and instant. `roots` are certificates in DER (`toolkit.reference.roots`,
    `Lab.roots`). `intermediates="held"` also uses the other certificates of the tables, as a client does that
    fetches or caches them; it can then judge a leaf whose chain was not recorded.

    Columns, in order:

    - `service`, `host`, `server_name`, `leaf_sha256` (string), `chain_sha256` (tuple of string, leaf first;
      None: not recorded as served), `looks` (Int64), `as_of_from`, `as_of_until` (instant, first and last instant
      judged; null: undated looks)
    - `verdict` (string): `trusted`, every check passed; `untrusted`, a path to a root that we hold was found and a
      check failed, or a signature is wrong; `unknown`, everything else: the chain was not recorded, the root is
      not among `roots`, an element cannot be read, the look is not dated, the search was given up
    - `is_path_found` (boolean; null: no chain), `is_within_validity`, `is_name_match`, `is_key_usage_right` (CA
      flag, keyUsage, extendedKeyUsage, path length, name constraints, unknown critical extensions),
      `is_signature_acceptable` (hash and key size of each signature on the day), `is_order_right` (served order,
      RFC 8446 section 4.4.2); null: could not be checked
    - `missing` (Int64, elements of the path that were not served, the root aside; null: no path), `extra` (Int64,
      elements served that the path does not need, repeats included)
    - `broken_element` (string: `leaf`, `intermediate 1` counted from the leaf, `root`; null: none),
      `broken_sha256`, `reason` (string, what broke it, in words; null: nothing)
    - `path_sha256` (tuple of string, leaf to root; None: no path), `valid_from`, `valid_until` (instant, when the
      whole path is within validity; null: no path, or never all at once)
    - `source` (string)

    Raises `UsageError` for an instant without a zone, no roots, or a root that is not a certificate.
    """
    raise NotImplementedError


def replay_trust(tables: Tables, *, roots: Iterable[bytes], since: datetime, until: datetime) -> pd.DataFrame:
    """The stretches of time from `since` to `until` in which each chain would have verified, and would not have.

    The same columns as `verify_chains`; consecutive rows of a chain differ in a check, and `as_of_from`,
    `as_of_until` bound the stretch, both inclusive. The bounds are exact to the second: the checks change only
    where a certificate begins or ends and where a dated rule takes effect. The tables' own certificates serve as
    intermediates besides those served (a chain that was recorded without them can be replayed).

    Raises `UsageError` as `verify_chains`, and where `until` is before `since`.
    """
    raise NotImplementedError
