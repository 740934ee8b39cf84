"""Sightings: when each slot showed each certificate, and the looks just before and just after.

A *sighting* is the span from the first to the last dated look that showed one certificate in a slot (service, server
name, key type; `toolkit.analyse.slots`).
"""

from typing import Final

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import first_and_last
from toolkit.analyse.slots import SLOT, describe_certificates, find_slot_looks
from toolkit.columns import Column, dtypes, returns
from toolkit.tables import Tables, require_tables

_NO_ROW: Final = "the certificate's row is missing, or did not parse"

SIGHTINGS: Final = (
    Column("service", "text", "of the slot", "as in `observations`"),
    Column("host", "text", "of the slot", "as in `observations`"),
    Column("server_name", "text", "of the slot", "as in `observations`"),
    Column("key_type", "text", "of the slot", _NO_ROW),
    Column("leaf_sha256", "text", "SHA-256 of the certificate"),
    Column("subject", "text", "of the certificate", _NO_ROW),
    Column("issuer", "text", "of the certificate", _NO_ROW),
    Column("names", "texts", "names of the certificate", f"it has no SAN, or {_NO_ROW}"),
    Column("spki_sha256", "text", "SHA-256 of its public key (SubjectPublicKeyInfo)", _NO_ROW),
    Column("not_before", "instant", "start of its validity", _NO_ROW),
    Column("not_after", "instant", "end of its validity", _NO_ROW),
    Column("first_seen_at", "instant", "first dated look that showed it", "no dated look showed it"),
    Column("last_seen_at", "instant", "last dated look that showed it", "no dated look showed it"),
    Column("previous_look_at", "instant", "the slot's last look that is earlier than `first_seen_at`", "there is none"),
    Column("next_look_at", "instant", "the slot's first look that is later than `last_seen_at`", "there is none"),
    Column("looks", "integer", "dated looks that showed it"),
    Column("undated_looks", "integer", "observations that showed it at an unknown instant"),
    Column("slot_looks", "integer", "dated looks of the whole slot"),
    Column("source", "text", "sources of its observations, sorted, joined by `, `"),
)
"""The columns of `find_sightings` and `Store.sightings`."""


@returns(SIGHTINGS)
def find_sightings(tables: Tables) -> pd.DataFrame:
    """When each slot showed each leaf certificate: one row per slot and leaf.

    Rows are sorted by slot, then by `not_before`, `first_seen_at` and hash, nulls last. The order of the observations
    and repeated rows do not matter.

    - "Earlier" and "later" are strict: looks at the same instant have no order.
    - Undated observations are counted in `undated_looks`; they have no place in the order and change no instant.
    - Rows without a leaf (failures, sources that record facts only) are not looks.
    - A leaf without a row in `certificates` is in a slot whose `key_type` is null, because its type is not known.

    A certificate may have been in service before its first and after its last sighting. Sightings bound its time in
    service only where one backend answers, or where each round reached every backend.

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
    looks = find_slot_looks(tables)
    leaves = max(len(looks.leaves), 1)
    numbers, shown = pd.factorize(
        np.concatenate([looks.slot * leaves + looks.leaf, looks.undated_slot * leaves + looks.undated_leaf])
    )
    dated, undated = numbers[: len(looks.at)], numbers[len(looks.at) :]
    slot, leaf = np.asarray(shown) // leaves, np.asarray(shown) % leaves
    first, last = first_and_last(dated, len(shown))
    source = pd.concat([looks.source, looks.undated_source])
    found = describe_certificates(
        looks, slot=slot, leaf=leaf, first=first, last=last, row=numbers, source=source
    ).assign(
        looks=np.bincount(dated, minlength=len(shown)),
        undated_looks=np.bincount(undated, minlength=len(shown)),
        slot_looks=np.bincount(looks.slot, minlength=len(looks.slots))[slot],
    )
    found = found[list(dtypes(SIGHTINGS))].astype(dtypes(SIGHTINGS))
    return found.sort_values([*SLOT, "not_before", "first_seen_at", "leaf_sha256"], ignore_index=True)
