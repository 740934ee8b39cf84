"""A predecessor and a successor as one row: everything about the pair that follows from two certificates' rows."""

from typing import Final

import numpy as np
import pandas as pd

from toolkit import columns
from toolkit.analyse.slots import SLOT
from toolkit.instants import SECOND, days, has_ended, has_over_half_left

INSTANT: Final = columns.DTYPES["instant"]

FACTS: Final = ["subject", "issuer", "names", "spki_sha256", "not_before", "not_after", "sct_at"]
"""Columns of `certificates` that pairs are described by."""

SEEN: Final = ["first_seen_at", "last_seen_at"]

DTYPES: Final = {
    **dict.fromkeys([*SLOT, "predecessor_sha256", "successor_sha256"], "string"),
    **dict.fromkeys(["predecessor_subject", "successor_subject"], "string"),
    **dict.fromkeys([f"{side}_{name}" for side in ("predecessor", "successor")
                     for name in ("not_before", "not_after", *SEEN)], INSTANT),
    **dict.fromkeys(["successor_sct_at", "successor_previous_look_at", "predecessor_next_look_at"], INSTANT),
    **dict.fromkeys(["start_min_at", "start_max_at", "done_min_at", "done_max_at"], INSTANT),
    **dict.fromkeys(["overlap_min_days", "overlap_max_days"], "Float64"),
    **dict.fromkeys(["midpoint_min_at", "midpoint_max_at"], INSTANT),
    **dict.fromkeys([f"{what}_{end}_days" for what in ("lead", "deployment_delay", "margin")
                     for end in ("min", "max")], "Float64"),
    "validity_overlap_days": "Float64",
    "min_share": "Float64",
    **dict.fromkeys(["looks_needed", "overlap_looks_needed", "looks_before", "looks_after"], "Int64"),
    **dict.fromkeys(["has_too_few_looks", "is_midpoint_contradicted", "is_rollback", "is_interleaved", "is_ambiguous",
                     "is_sticky_suspected"], "boolean"),
    "succession": "string",
    **dict.fromkeys(["has_same_key", "is_issuer_changed"], "boolean"),
    **dict.fromkeys(["names_added", "names_removed"], "object"),
    "lifetime_change_days": "Float64",
    **dict.fromkeys(["is_expired_while_served", "is_served_before_valid"], "boolean"),
    "unseen_sha256": "object",
    "source": "string",
}  # fmt: skip
"""Columns of `find_rotations`, in order, and their dtypes."""

CLAIMS: Final = ["start_min_at", "done_max_at", "overlap_max_days", "midpoint_min_at", "midpoint_max_at"]


def describe_pairs(line: pd.DataFrame, old: pd.DataFrame, new: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """The frame of `find_rotations` from row-aligned parts.

    `line` has the columns `SLOT`; `old` and `new` have `leaf_sha256`, `FACTS`, `first_seen_at`, `last_seen_at`,
    `previous_look_at`, `next_look_at` and `source`; `told` has what only the caller knows (claims, flags); what it
    lacks is null.
    """
    row = dict(line.items())
    for name in CLAIMS:
        row[name] = pd.Series(None, line.index, DTYPES[name])
    for side, part in (("predecessor", old), ("successor", new)):
        row[f"{side}_sha256"] = part["leaf_sha256"]
        for name in ("subject", "not_before", "not_after", *SEEN):
            row[f"{side}_{name}"] = part[name]
    row["successor_sct_at"] = new["sct_at"]
    row["successor_previous_look_at"] = new["previous_look_at"]
    row["predecessor_next_look_at"] = old["next_look_at"]
    row["start_max_at"], row["done_min_at"] = new["first_seen_at"], old["last_seen_at"]
    # Sightings alone never rule out one backend that was switched over and back.
    row["overlap_min_days"] = pd.Series(0.0, line.index).where(
        old["last_seen_at"].notna() & new["first_seen_at"].notna()
    )
    row["validity_overlap_days"] = _validity_overlap_days(old, new)
    row["succession"] = kind_of_succession(old, new)
    row["has_same_key"] = old["spki_sha256"].eq(new["spki_sha256"])
    row["is_issuer_changed"] = old["issuer"].ne(new["issuer"])
    row["names_added"], row["names_removed"] = _less(new["names"], old["names"]), _less(old["names"], new["names"])
    row["lifetime_change_days"] = days((new["not_after"] - new["not_before"]) - (old["not_after"] - old["not_before"]))
    is_known = old["last_seen_at"].notna() & old["not_after"].notna()
    row["is_expired_while_served"] = has_ended(old["not_after"], old["last_seen_at"]).astype("boolean").where(is_known)
    row["is_served_before_valid"] = _later(new["not_before"], new["first_seen_at"])
    row["is_interleaved"] = _later(old["last_seen_at"], new["first_seen_at"])
    row["unseen_sha256"] = pd.Series([None] * len(line), line.index, object)
    row["source"] = _both(old["source"], new["source"])
    row.update(told.items())
    frame = pd.DataFrame(row, index=line.index)
    _add_distances(frame)
    return frame.reindex(columns=list(DTYPES)).astype(DTYPES)


def _validity_overlap_days(old: pd.DataFrame, new: pd.DataFrame) -> pd.Series:
    """min(not_after) − max(not_before) + 1 s in days (validity is inclusive, RFC 5280); below 0: a gap."""
    ends = old["not_after"].where(old["not_after"] <= new["not_after"], new["not_after"])
    begins = old["not_before"].where(old["not_before"] >= new["not_before"], new["not_before"])
    known = old["not_after"].notna() & old["not_before"].notna()
    return days((ends - begins + SECOND).where(known))


def kind_of_succession(old: pd.DataFrame, new: pd.DataFrame) -> pd.Series:
    """`reissue_or_parallel` where over half of the old one's life was left when the new one began, else `renewal`."""
    is_early = has_over_half_left(old["not_before"], old["not_after"], new["not_before"])
    kind = pd.Series(np.where(is_early, "reissue_or_parallel", "renewal"), old.index, "string")
    return kind.where(old["not_before"].notna() & old["not_after"].notna() & new["not_before"].notna())


def _add_distances(frame: pd.DataFrame) -> None:
    """Lead, shelf and tail: each inherits both ends of start or done."""
    expires, begins = frame["predecessor_not_after"], frame["successor_not_before"]
    frame["lead_min_days"] = days(expires - frame["start_max_at"])
    frame["lead_max_days"] = days(expires - frame["start_min_at"])
    frame["deployment_delay_min_days"] = days(frame["start_min_at"] - begins)
    frame["deployment_delay_max_days"] = days(frame["start_max_at"] - begins)
    frame["margin_min_days"] = days(expires - frame["done_max_at"])
    frame["margin_max_days"] = days(expires - frame["done_min_at"])


def _later(one: pd.Series, other: pd.Series) -> pd.Series:
    """Whether one instant is later than the other; null where either is."""
    return (one > other).astype("boolean").where(one.notna() & other.notna())


def _less(names: pd.Series, without: pd.Series) -> pd.Series:
    """The names that the other certificate lacks; equal tuples, the usual case, cost nothing."""
    less = [
        None if ours is None or theirs is None else () if ours == theirs else tuple(sorted({*ours} - {*theirs}))
        for ours, theirs in zip(names, without, strict=True)
    ]
    return pd.Series(less, names.index, object)


def _both(one: pd.Series, other: pd.Series) -> pd.Series:
    both = one.copy()
    for row in np.flatnonzero((one != other).fillna(value=False)).tolist():
        both.iloc[row] = _joined(str(one.iloc[row]), str(other.iloc[row]))
    return both


def _joined(a: str, b: str) -> str:
    """Both lists of sources as one. Our own are words; where a record's is among them, it may hold commas itself."""
    if f", {a}, " in f", {b}, ":
        return b
    if f", {b}, " in f", {a}, ":
        return a
    parts = {*a.split(", "), *b.split(", ")}
    return ", ".join(sorted((a, b) if any(" " in part for part in parts) else parts))
