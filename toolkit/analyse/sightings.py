"""Sightings: when each line showed each certificate, and the looks just before and just after.

A *line* is a (service, server_name, key type). Its looks are the dated observations that returned a leaf of
that key type, whatever the offer, the address or the vantage.
"""

import pandas as pd

from toolkit.tables import Tables

LINE = ("service", "host", "server_name", "key_type")
"""What tells lines apart. `host` is part of `service`; it tells lines apart where a source names no port."""


def find_sightings(tables: Tables) -> pd.DataFrame:
    """When each line showed each leaf certificate: one row per line and leaf.

    | column | dtype | meaning | null means |
    |---|---|---|---|
    | `service`, `host`, `server_name` | string | of the line | as in `observations` |
    | `key_type` | string | of the line | the certificate's row is missing, or did not parse |
    | `leaf_sha256` | string | the certificate | never null |
    | `subject`, `issuer` | string | of the certificate | no row, or did not parse |
    | `names` | object | tuple of its names | no row, did not parse, or no SAN |
    | `spki_sha256` | string | its key | no row, or did not parse |
    | `not_before`, `not_after` | instant | its validity | no row, or did not parse |
    | `first_seen`, `last_seen` | instant | its first and last dated look | it has no dated look |
    | `not_seen_before` | instant | the line's last look earlier than `first_seen` | there is none |
    | `not_seen_after` | instant | the line's first look later than `last_seen` | there is none |
    | `looks` | Int64 | dated looks that showed it | never null; 0 where none is dated |
    | `undated_looks` | Int64 | observations that showed it at an unknown instant | never null |
    | `line_looks` | Int64 | dated looks of the whole line | never null |
    | `source` | string | sources of its observations, sorted, joined by `, ` | never null |

    "Earlier" and "later" are strict: looks at the same instant have no order. Sightings bracket the truth only
    where one machine answers, or where every machine was looked at in each round.

    Undated observations have no place in the order, so they touch no instant; they are counted. Rows without
    a leaf (failures, sources that print facts only) are not looks. A leaf without a row in `certificates` is in
    a line whose `key_type` is null, because its type is not known. Row order and repeats do not matter.
    Rows are sorted by line, then by `not_before`, `first_seen` and hash, nulls last.
    """
    raise NotImplementedError
