"""Rotations of lines without a dated look: what bounds of instants say about a certificate and the next one."""

import numpy as np
import pandas as pd

from toolkit.analyse.rotation.issued import find_skipped
from toolkit.analyse.rotation.pairs import FACTS, INSTANT, describe_pairs
from toolkit.analyse.slots import SLOT, certificate_facts, find_looks, joined_sources
from toolkit.instants import has_ended
from toolkit.tables import Tables


def pair_undated(tables: Tables) -> pd.DataFrame:
    """The frame of `find_rotations` for the lines that no dated look saw; certificates by `not_before`, then hash.

    A look that is known to have been made by some instant shows that its certificate was served by then; one known to
    have been made from some instant on, that it was served then or later. So `start_max_at` is the earliest upper
    bound of the successor's looks, `done_min_at` the latest lower bound of the predecessor's. Bounds give looks no
    order, so nothing else about seeing is known, above all no return.
    """
    seen = _shown_by_bounds(tables)
    line = seen.groupby(SLOT, dropna=False, sort=False).ngroup().to_numpy()
    pairs = np.flatnonzero(line[1:] == line[:-1])
    old, new = (seen.iloc[side].reset_index(drop=True) for side in (pairs, pairs + 1))
    start, done = new["served_by"], old["served_from"]
    told = pd.DataFrame({"start_max_at": start, "done_min_at": done})
    told["is_rollback"] = False
    told["is_ambiguous"] = (new["served_by"] < old["served_from"]).fillna(value=False)
    told["is_expired_while_served"] = _where_true(has_ended(old["not_after"], done))
    told["is_served_before_valid"] = _where_true(start < new["not_before"])
    told["is_interleaved"] = _where_true(done > start)
    told["overlap_min_days"] = 0.0
    told["unseen_sha256"] = find_skipped(tables, new[SLOT], old, new)
    return describe_pairs(new[SLOT], old, new, told)


def _shown_by_bounds(tables: Tables) -> pd.DataFrame:
    """One row per line and certificate, in order, with what `describe_pairs` reads, `served_by` and `served_from`."""
    looks = find_looks(tables)
    is_open = looks.lines["key_type"].notna().to_numpy() & ~np.isin(np.arange(len(looks.lines)), looks.line)
    kept = is_open[looks.undated_line]
    rows = tables.observations.iloc[looks.undated[kept]]
    shown = pd.DataFrame(
        {
            "line": looks.undated_line[kept],
            "leaf": looks.undated_leaf[kept],
            "served_by": rows["observed_until"].array,
            "served_from": rows["observed_from"].array,
        }
    )
    sources = joined_sources(shown[["line", "leaf"]], rows["source"])
    seen = shown.groupby(["line", "leaf"], sort=False).agg({"served_by": "min", "served_from": "max"})
    numbers = seen.index.to_frame(index=False)
    hashes = looks.leaves.take(numbers["leaf"].to_numpy(np.int64))
    facts = certificate_facts(tables, hashes, FACTS)
    unseen = pd.Series(pd.NaT, facts.index, INSTANT)
    never = dict.fromkeys(["first_seen_at", "last_seen_at", "previous_look_at", "next_look_at"], unseen)
    found = pd.DataFrame(
        {
            **looks.lines.iloc[numbers["line"]].reset_index(drop=True),
            **facts,
            **never,
            "leaf_sha256": hashes,
            "served_by": seen["served_by"].array,
            "served_from": seen["served_from"].array,
            "source": sources.reindex(seen.index).array,
        }
    )
    return found.sort_values([*SLOT, "not_before", "leaf_sha256"], ignore_index=True)


def _where_true(is_certain: pd.Series) -> pd.Series:
    """True where the bounds say so, else null: they never exclude it."""
    return is_certain.astype("boolean").where(is_certain.fillna(value=False).astype(bool))
