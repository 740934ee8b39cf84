"""Sightings: when each line showed each certificate, and the looks just before and just after.

A *line* is a (service, server_name, key type). Its looks are the dated observations that returned a leaf of
that key type, whatever the offer, the address or the vantage.
"""

import numpy as np
import pandas as pd

from toolkit import columns
from toolkit.analyse.arrays import NULL, Ints, as_instants, first_and_last
from toolkit.analyse.slots import SLOT, certificate_facts, find_looks, joined_sources, neighbours
from toolkit.tables import Tables, require_tables

FACTS = ["subject", "issuer", "names", "spki_sha256", "not_before", "not_after"]

DTYPES = {
    **dict.fromkeys([*SLOT, "leaf_sha256", "subject", "issuer"], "string"),
    "names": "object",
    "spki_sha256": "string",
    **dict.fromkeys(
        ["not_before", "not_after", "first_seen_at", "last_seen_at", "previous_look_at", "next_look_at"],
        columns.DTYPES["instant"],
    ),
    **dict.fromkeys(["looks", "undated_looks", "slot_looks"], "Int64"),
    "source": "string",
}
"""Columns of `find_sightings`, in order, and their dtypes."""


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
    | `first_seen_at`, `last_seen_at` | instant | its first and last dated look | it has no dated look |
    | `previous_look_at` | instant | the line's last look earlier than `first_seen_at` | there is none |
    | `next_look_at` | instant | the line's first look later than `last_seen_at` | there is none |
    | `looks` | Int64 | dated looks that showed it | never null; 0 where none is dated |
    | `undated_looks` | Int64 | observations that showed it at an unknown instant | never null |
    | `slot_looks` | Int64 | dated looks of the whole line | never null |
    | `source` | string | sources of its observations, sorted, joined by `, ` | never null |

    "Earlier" and "later" are strict: looks at the same instant have no order. Sightings bracket the truth only
    where one machine answers, or where every machine was looked at in each round.

    Undated observations have no place in the order, so they touch no instant; they are counted. Rows without
    a leaf (failures, sources that print facts only) are not looks. A leaf without a row in `certificates` is in
    a line whose `key_type` is null, because its type is not known. Row order and repeats do not matter.
    Rows are sorted by line, then by `not_before`, `first_seen_at` and hash, nulls last.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> sightings = toolkit.find_sightings(tables)
    >>> print(toolkit.chart.tabulate(sightings, columns=["key_type", "first_seen_at", "last_seen_at", "looks"]))
    key_type first_seen_at last_seen_at looks
          EC    2025-06-01   2025-07-07    24
          EC    2025-07-04   2025-09-02    39
          EC    2025-09-02   2025-11-01    40
          EC    2025-11-01   2026-01-06    44
          EC    2026-01-06   2026-01-24    13
    """
    require_tables(tables, "find_sightings")
    looks = find_looks(tables)
    leaves = max(len(looks.leaves), 1)
    numbers, shown = pd.factorize(
        np.concatenate([looks.line * leaves + looks.leaf, looks.undated_line * leaves + looks.undated_leaf])
    )
    dated, undated = numbers[: len(looks.at)], numbers[len(looks.at) :]
    line, leaf = np.asarray(shown) // leaves, np.asarray(shown) % leaves
    first, last = first_and_last(dated, len(shown))
    before, after = neighbours(looks)
    sources = joined_sources(
        pd.DataFrame({"number": numbers}),
        tables.observations["source"].iloc[np.concatenate([looks.row, looks.undated])],
    )
    found = pd.DataFrame(
        {
            **looks.lines.iloc[line].reset_index(drop=True),
            "leaf_sha256": looks.leaves.take(leaf),
            **certificate_facts(tables, looks.leaves.take(leaf), FACTS),
            "first_seen_at": as_instants(_take(looks.at, first)),
            "last_seen_at": as_instants(_take(looks.at, last)),
            "previous_look_at": as_instants(_take(before, first)),
            "next_look_at": as_instants(_take(after, last)),
            "looks": np.bincount(dated, minlength=len(shown)),
            "undated_looks": np.bincount(undated, minlength=len(shown)),
            "slot_looks": np.bincount(looks.line, minlength=len(looks.lines))[line],
            "source": sources.reindex(range(len(shown))).array,
        }
    ).astype(DTYPES)
    return found.sort_values([*SLOT, "not_before", "first_seen_at", "leaf_sha256"], ignore_index=True)


def _take(values: Ints, positions: Ints) -> Ints:
    """The values at the positions, `NULL` for −1."""
    if not len(values):
        return np.full(len(positions), NULL)
    return np.where(positions < 0, NULL, values[positions])
