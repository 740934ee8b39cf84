"""Rotations in slots without a dated look: what bounds on the instants of looks say about two certificates."""

import numpy as np
import pandas as pd

from toolkit.analyse.rotation.pairs import Pairs, pairs_of
from toolkit.analyse.slots import SLOT, SlotLooks, describe_certificates
from toolkit.instants import has_ended
from toolkit.tables import Tables


def pair_undated(tables: Tables, looks: SlotLooks) -> Pairs:
    """Successive certificates of a slot, by `not_before`, then hash.

    A look that was made by some instant at the latest shows that its certificate was in service then or earlier; a look
    that was made at some instant at the earliest, that it was in service then or later. So `start_max_at` is the
    earliest upper bound of the successor's looks, and `done_min_at` the latest lower bound of the predecessor's. Bounds
    do not order the looks, so no roll-back can be found.
    """
    seen = _certificates_with_bounds(tables, looks)
    slot = seen.groupby(SLOT, dropna=False, sort=False).ngroup().to_numpy()
    first = np.flatnonzero(slot[1:] == slot[:-1])
    pairs = pairs_of(seen, first, first + 1)
    old, new, known = pairs.old, pairs.new, pairs.known
    start, done = new["served_by"], old["served_from"]
    known["start_max_at"], known["done_min_at"] = start, done
    known["is_rollback"] = False
    known["is_ambiguous"] = (new["served_by"] < old["served_from"]).fillna(value=False)
    known["is_expired_while_served"] = _true_or_null(has_ended(old["not_after"], done))
    known["is_served_before_valid"] = _true_or_null(start < new["not_before"])
    known["is_interleaved"] = _true_or_null(done > start)
    known["overlap_min_days"] = 0.0
    return pairs


def _certificates_with_bounds(tables: Tables, looks: SlotLooks) -> pd.DataFrame:
    """One row per slot and certificate: as `Pairs` has them, with `served_by` and `served_from`."""
    kept = (looks.is_type_known & (looks.slot_first < 0))[looks.undated_slot]
    rows = tables.observations.iloc[looks.undated_row[kept]]
    shown = pd.DataFrame(
        {
            "slot": looks.undated_slot[kept],
            "leaf": looks.undated_leaf[kept],
            "served_by": rows["observed_until"].array,
            "served_from": rows["observed_from"].array,
        }
    )
    certificates = shown.groupby(["slot", "leaf"], sort=False)
    seen = certificates.agg({"served_by": "min", "served_from": "max"})
    slot, leaf = (seen.index.get_level_values(name).to_numpy(np.int64) for name in ("slot", "leaf"))
    never = np.full(len(seen), -1)
    row, source = np.asarray(certificates.ngroup(), np.int64), looks.undated_source[kept]
    found = describe_certificates(looks, slot=slot, leaf=leaf, first=never, last=never, row=row, source=source)
    found = found.assign(served_by=seen["served_by"].array, served_from=seen["served_from"].array)
    return found.sort_values([*SLOT, "not_before", "leaf_sha256"], ignore_index=True)


def _true_or_null(is_certain: pd.Series) -> pd.Series:
    """True where the bounds make it certain, else null: bounds never exclude it."""
    return is_certain.astype("boolean").where(is_certain.fillna(value=False).astype(bool))
