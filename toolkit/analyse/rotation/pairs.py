"""A predecessor and a successor as one row: every column of a rotation that follows from two certificates' rows."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import Ints
from toolkit.analyse.slots import SLOT
from toolkit.columns import DTYPES, Column, dtypes
from toolkit.instants import SECOND, days, has_ended, has_over_half_left

INSTANT: Final = DTYPES["instant"]

CONFIDENCE_BOUNDS: Final = ["start_min_at", "done_max_at", "overlap_max_days", "midpoint_min_at", "midpoint_max_at"]
"""The columns that hold with 95 % confidence. The other bounds are certain."""

_NOT_DATED: Final = "no dated look, or `basis` is `names`"
_NO_LOOKS: Final = "`basis` is not `looks` or `rounds`, or no dated look"
_NO_VALIDITY: Final = "a certificate did not parse"
_TOO_FEW: Final = "too few looks for 95 % confidence"

ROTATIONS: Final = (
    Column("service", "text", "of the slot", "`basis` is `names`, or the source names none"),
    Column("host", "text", "of the slot; with `basis=\"names\"` the name that groups", "the source names none"),
    Column("server_name", "text", "of the slot", "`basis` is `names`, or none was asked for"),
    Column("key_type", "text", "of the slot"),
    Column("predecessor_sha256", "text", "SHA-256 of the predecessor A"),
    Column("successor_sha256", "text", "SHA-256 of the successor B"),
    Column("predecessor_not_before", "instant", "start of A's validity", "A did not parse"),
    Column("predecessor_not_after", "instant", "end of A's validity", "A did not parse"),
    Column("successor_not_before", "instant", "start of B's validity", "B did not parse"),
    Column("successor_not_after", "instant", "end of B's validity", "B did not parse"),
    Column("predecessor_first_seen_at", "instant", "first look of the period in which A was in service", _NOT_DATED),
    Column("successor_last_seen_at", "instant", "last look of the period in which B was in service", _NOT_DATED),
    Column("start_min_at", "instant", "95 %: B's share was below `min_share` until this instant", _TOO_FEW),
    Column("start_max_at", "instant", "certain: B was in service at this instant or earlier", "`basis` is `names`, or "
           "no look has an upper bound"),
    Column("done_min_at", "instant", "certain: A was in service at this instant or later", "`basis` is `names`, or "
           "no look has a lower bound"),
    Column("done_max_at", "instant", "95 %: A's share is below `min_share` since this instant", _TOO_FEW),
    Column("overlap_min_days", "number", "certain: both were in service for at least this long", "`basis` is `names`",
           "d"),
    Column("overlap_max_days", "number", "95 %: both were in service for at most this long", _TOO_FEW, "d"),
    Column("validity_overlap_days", "number", "time in which both were valid; below 0: a gap", _NO_VALIDITY, "d"),
    Column("is_rollback", "boolean", "B had been in service before, and had been replaced"),
    Column("is_ambiguous", "boolean", "the looks have another reading than this pair"),
    Column("is_sticky_suspected", "boolean", "looks of a round agree more often than independent looks would",
           "the looks do not decide"),
    Column("min_share", "number", "smallest share that the 95 % bounds account for"),
    Column("basis", "text", "`looks`, `rounds` (`sticky=True`), `sightings` or `names`"),
    Column("source", "text", "sources of both, sorted, joined by `, `", "`basis` is `names`, and neither was observed"),
)  # fmt: skip
"""The columns of `find_rotations`."""

DETAILS: Final = (
    Column("predecessor_subject", "text", "subject of A", "A did not parse"),
    Column("successor_subject", "text", "subject of B", "B did not parse"),
    Column("predecessor_last_seen_at", "instant", "last look of the period in which A was in service", _NOT_DATED),
    Column("successor_first_seen_at", "instant", "first look of the period in which B was in service", _NOT_DATED),
    Column("successor_sct_at", "instant", "certain: B was not in service earlier (its latest SCT, RFC 6962)",
           "B has no SCT, or `basis` is `sightings`"),
    Column("successor_previous_look_at", "instant", "the slot's last look earlier than `successor_first_seen_at`",
           "there is none"),
    Column("predecessor_next_look_at", "instant", "the slot's first look later than `predecessor_last_seen_at`",
           "there is none"),
    Column("midpoint_min_at", "instant", "95 %: B's share first reached one half at this instant or later",
           "the looks do not bound it"),
    Column("midpoint_max_at", "instant", "95 %: B's share first reached one half at this instant or earlier",
           "the looks do not bound it"),
    Column("is_midpoint_contradicted", "boolean", "no instant fits: B's share did not rise through one half",
           _NO_LOOKS),
    Column("lead_min_days", "number", "A's `not_after` minus `start_max_at`", "either is null", "d"),
    Column("lead_max_days", "number", "A's `not_after` minus `start_min_at`", "either is null", "d"),
    Column("deployment_delay_min_days", "number", "`start_min_at` minus B's `not_before`", "either is null", "d"),
    Column("deployment_delay_max_days", "number", "`start_max_at` minus B's `not_before`", "either is null", "d"),
    Column("margin_min_days", "number", "A's `not_after` minus `done_max_at`", "either is null", "d"),
    Column("margin_max_days", "number", "A's `not_after` minus `done_min_at`", "either is null", "d"),
    Column("looks_needed", "integer", "looks that bound the start (before it) or the end (after it) at 95 %"),
    Column("overlap_looks_needed", "integer", "looks before and as many after that bound the overlap at 95 %"),
    Column("looks_before", "integer", "looks (`basis` `rounds`: rounds) before B's first", _NO_LOOKS),
    Column("looks_after", "integer", "looks (`basis` `rounds`: rounds) after A's last", _NO_LOOKS),
    Column("has_too_few_looks", "boolean", "one of the five 95 % bounds is null because there are too few dated looks"),
    Column("is_interleaved", "boolean", "A was seen after B was first seen", "not known"),
    Column("succession", "text", "`renewal`; `reissue_or_parallel`: over half of A's validity was left at B's start",
           _NO_VALIDITY),
    Column("has_same_key", "boolean", "B has A's key", "a key is not known"),
    Column("is_issuer_changed", "boolean", "the issuers' names differ", "an issuer is not known"),
    Column("names_added", "texts", "names of B that A lacks", "the names of one are not known"),
    Column("names_removed", "texts", "names of A that B lacks", "the names of one are not known"),
    Column("lifetime_change_days", "number", "length of B's validity minus that of A's", _NO_VALIDITY, "d"),
    Column("is_expired_while_served", "boolean", "A was seen after its `not_after`", "not known"),
    Column("is_served_before_valid", "boolean", "B was seen before its `not_before`", "not known"),
    Column("unseen_sha256", "texts", "certificates issued from A's start to B's for the same names, never seen in the "
           "slot", "`basis` is `sightings`"),
)  # fmt: skip
"""The columns that `describe_rotations` adds."""

ALL: Final = dtypes((*ROTATIONS, *DETAILS))
"""Name → dtype of both."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Predecessors (`old`) and successors (`new`), one row per pair in each frame.

    Both have `SLOT`, `FACTS`, `leaf_sha256`, `first_seen_at`, `last_seen_at`, `previous_look_at`, `next_look_at` and
    `source`. `known` has the columns of a rotation that do not follow from them (confidence bounds, flags), by name.
    """

    old: pd.DataFrame
    new: pd.DataFrame
    known: dict[str, Any]


def pairs_of(rows: pd.DataFrame, old: Ints, new: Ints) -> Pairs:
    """The rows at the positions `old` and `new`; nothing else is known yet."""
    return Pairs(rows.iloc[old].reset_index(drop=True), rows.iloc[new].reset_index(drop=True), {})


def describe_pairs(pairs: Pairs) -> pd.DataFrame:
    """The columns `ROTATIONS` and `DETAILS` of each pair; null where neither `known` nor the rows give a column."""
    old, new, known = pairs.old, pairs.new, pairs.known
    slot = new[SLOT]
    row = {name: slot[name] for name in SLOT}
    for name in CONFIDENCE_BOUNDS:
        row[name] = pd.Series(None, slot.index, ALL[name])
    for side, part in (("predecessor", old), ("successor", new)):
        row[f"{side}_sha256"] = part["leaf_sha256"]
        for name in ("subject", "not_before", "not_after", "first_seen_at", "last_seen_at"):
            row[f"{side}_{name}"] = part[name]
    row["successor_sct_at"] = new["sct_at"]
    row["successor_previous_look_at"] = new["previous_look_at"]
    row["predecessor_next_look_at"] = old["next_look_at"]
    row["start_max_at"], row["done_min_at"] = new["first_seen_at"], old["last_seen_at"]
    # Sightings alone never rule out one backend that was switched to the successor and back.
    row["overlap_min_days"] = pd.Series(0.0, slot.index).where(
        old["last_seen_at"].notna() & new["first_seen_at"].notna()
    )
    row["is_served_before_valid"] = _later(new["not_before"], new["first_seen_at"])
    row["is_interleaved"] = _later(old["last_seen_at"], new["first_seen_at"])
    row["unseen_sha256"] = pd.Series([None] * len(slot), slot.index, object)
    row["source"] = _both_sources(old["source"], new["source"])
    row |= _comparison(old, new)
    is_known = old["last_seen_at"].notna() & old["not_after"].notna()
    row["is_expired_while_served"] = has_ended(old["not_after"], old["last_seen_at"]).astype("boolean").where(is_known)
    row |= known
    frame = pd.DataFrame(row, index=slot.index)
    _add_distances(frame)
    return frame.reindex(columns=list(ALL)).astype(ALL)


def kind_of_succession(old: pd.DataFrame, new: pd.DataFrame) -> pd.Series:
    """`reissue_or_parallel` if over half of A's validity was left at B's start, else `renewal`."""
    is_early = has_over_half_left(old["not_before"], old["not_after"], new["not_before"])
    kind = pd.Series(np.where(is_early, "reissue_or_parallel", "renewal"), old.index, "string")
    return kind.where(old["not_before"].notna() & old["not_after"].notna() & new["not_before"].notna())


def _comparison(old: pd.DataFrame, new: pd.DataFrame) -> dict[str, pd.Series]:
    """The columns that compare the two certificates."""
    lifetimes = [part["not_after"] - part["not_before"] for part in (old, new)]
    return {
        "validity_overlap_days": _validity_overlap_days(old, new),
        "has_same_key": old["spki_sha256"].eq(new["spki_sha256"]),
        "is_issuer_changed": old["issuer"].ne(new["issuer"]),
        "names_added": _difference(new["names"], old["names"]),
        "names_removed": _difference(old["names"], new["names"]),
        "lifetime_change_days": days(lifetimes[1] - lifetimes[0]),
        "succession": kind_of_succession(old, new),
    }


def _validity_overlap_days(old: pd.DataFrame, new: pd.DataFrame) -> pd.Series:
    """min(`not_after`) − max(`not_before`) + 1 s in days, as validity is inclusive (RFC 5280); below 0: a gap."""
    ends = old["not_after"].where(old["not_after"] <= new["not_after"], new["not_after"])
    begins = old["not_before"].where(old["not_before"] >= new["not_before"], new["not_before"])
    known = old["not_after"].notna() & old["not_before"].notna()
    return days((ends - begins + SECOND).where(known))


def _add_distances(frame: pd.DataFrame) -> None:
    """Lead, deployment delay and margin: both ends of the start, or of the end, minus a date of a certificate."""
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


def _difference(names: pd.Series, without: pd.Series) -> pd.Series:
    """The names that the other certificate lacks. Equal tuples, the usual case, are not compared name by name."""
    less = [
        None if ours is None or theirs is None else () if ours == theirs else tuple(sorted({*ours} - {*theirs}))
        for ours, theirs in zip(names, without, strict=True)
    ]
    return pd.Series(less, names.index, object)


def _both_sources(one: pd.Series, other: pd.Series) -> pd.Series:
    both = one.copy()
    for row in np.flatnonzero((one != other).fillna(value=False)).tolist():
        both.iloc[row] = _joined(str(one.iloc[row]), str(other.iloc[row]))
    return both


def _joined(a: str, b: str) -> str:
    """Two lists of sources as one. Ours are single words; the source of a record may itself contain commas."""
    if f", {a}, " in f", {b}, ":
        return b
    if f", {b}, " in f", {a}, ":
        return a
    parts = {*a.split(", "), *b.split(", ")}
    return ", ".join(sorted((a, b) if any(" " in part for part in parts) else parts))
