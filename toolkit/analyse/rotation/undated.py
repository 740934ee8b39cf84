"""Rotations in slots without a dated look: what bounds on the instants of looks say about two certificates."""

import numpy as np
import pandas as pd

from toolkit.analyse.rotation.issued import find_unseen
from toolkit.analyse.rotation.pairs import FACTS, INSTANT, describe_pairs
from toolkit.analyse.slots import SLOT, SlotLooks, certificate_facts, joined_sources
from toolkit.instants import has_ended
from toolkit.tables import Tables


def pair_undated(tables: Tables, looks: SlotLooks) -> pd.DataFrame:
    """One row per pair, as `describe_pairs` returns them; certificates by `not_before`, then hash.

    A look that was made by some instant at the latest shows that its certificate was in service then or earlier; a look
    that was made at some instant at the earliest, that it was in service then or later. So `start_max_at` is the
    earliest upper bound of the successor's looks, and `done_min_at` the latest lower bound of the predecessor's. Bounds
    do not order the looks, so no roll-back can be found.
    """
    seen = _certificates_with_bounds(tables, looks)
    slot = seen.groupby(SLOT, dropna=False, sort=False).ngroup().to_numpy()
    pairs = np.flatnonzero(slot[1:] == slot[:-1])
    old, new = (seen.iloc[side].reset_index(drop=True) for side in (pairs, pairs + 1))
    start, done = new["served_by"], old["served_from"]
    known = pd.DataFrame({"start_max_at": start, "done_min_at": done})
    known["is_rollback"] = False
    known["is_ambiguous"] = (new["served_by"] < old["served_from"]).fillna(value=False)
    known["is_expired_while_served"] = _true_or_null(has_ended(old["not_after"], done))
    known["is_served_before_valid"] = _true_or_null(start < new["not_before"])
    known["is_interleaved"] = _true_or_null(done > start)
    known["overlap_min_days"] = 0.0
    known["unseen_sha256"] = find_unseen(tables, new[SLOT], old, new)
    return describe_pairs(new[SLOT], old, new, known)


def _certificates_with_bounds(tables: Tables, looks: SlotLooks) -> pd.DataFrame:
    """One row per slot and certificate: what `describe_pairs` reads, with `served_by` and `served_from`."""
    has_no_dated_look = ~np.isin(np.arange(len(looks.slots)), looks.slot)
    kept = (looks.is_type_known & has_no_dated_look)[looks.undated_slot]
    rows = tables.observations.iloc[looks.undated_row[kept]]
    shown = pd.DataFrame(
        {
            "slot": looks.undated_slot[kept],
            "leaf": looks.undated_leaf[kept],
            "served_by": rows["observed_until"].array,
            "served_from": rows["observed_from"].array,
        }
    )
    sources = joined_sources(shown[["slot", "leaf"]], rows["source"])
    seen = shown.groupby(["slot", "leaf"], sort=False).agg({"served_by": "min", "served_from": "max"})
    numbers = seen.index.to_frame(index=False)
    hashes = looks.leaves.take(numbers["leaf"].to_numpy(np.int64))
    facts = certificate_facts(tables, hashes, FACTS)
    unseen = pd.Series(pd.NaT, facts.index, INSTANT)
    never = dict.fromkeys(["first_seen_at", "last_seen_at", "previous_look_at", "next_look_at"], unseen)
    found = pd.DataFrame(
        {
            **looks.slots.iloc[numbers["slot"]].reset_index(drop=True),
            **facts,
            **never,
            "leaf_sha256": hashes,
            "served_by": seen["served_by"].array,
            "served_from": seen["served_from"].array,
            "source": sources.reindex(seen.index).array,
        }
    )
    return found.sort_values([*SLOT, "not_before", "leaf_sha256"], ignore_index=True)


def _true_or_null(is_certain: pd.Series) -> pd.Series:
    """True where the bounds make it certain, else null: bounds never exclude it."""
    return is_certain.astype("boolean").where(is_certain.fillna(value=False).astype(bool))
