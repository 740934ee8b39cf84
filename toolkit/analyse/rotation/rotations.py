"""Rotations: a certificate and its successor in a slot, with certain bounds and 95 % confidence bounds.

The certain bounds follow from the sightings, the confidence bounds from the numbers of looks
(`toolkit.analyse.rotation.bounds` has the method).
"""

from typing import Final, Literal

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import Ints, as_instants, first_and_last
from toolkit.analyse.rotation.bounds import Edges, confidence_bounds
from toolkit.analyse.rotation.by_names import pair_by_names
from toolkit.analyse.rotation.issued import find_unseen
from toolkit.analyse.rotation.overlaps import certain_overlaps
from toolkit.analyse.rotation.pairs import CONFIDENCE_BOUNDS, DETAILS, FACTS, INSTANT, ROTATIONS, describe_pairs
from toolkit.analyse.rotation.stickiness import suspect_stickiness
from toolkit.analyse.rotation.succession import Succession, find_succession
from toolkit.analyse.rotation.undated import pair_undated
from toolkit.analyse.slots import SLOT, certificate_facts, joined_sources
from toolkit.columns import dtypes, require_columns, returns
from toolkit.errors import UsageError
from toolkit.instants import days
from toolkit.sampling import MIN_SHARE, check_share, looks_needed, looks_needed_in_all
from toolkit.tables import Tables
from toolkit.text import type_name

_SIGHTING: Final = {
    *SLOT, *FACTS, "leaf_sha256", "first_seen_at", "last_seen_at", "previous_look_at", "next_look_at", "source",
} - {"sct_at"}  # fmt: skip
"""Columns of a sighting that pairs are made of."""

_KEY: Final = [
    *SLOT, "predecessor_sha256", "successor_sha256", "start_max_at", "done_min_at", "is_rollback", "min_share", "basis",
]  # fmt: skip
"""Columns that identify a rotation. The instants separate rotations between the same certificates."""


@returns(ROTATIONS)
def find_rotations(
    given: Tables | pd.DataFrame,
    *,
    basis: Literal["looks", "names"] = "looks",
    min_share: float = MIN_SHARE,
    sticky: bool = False,
) -> pd.DataFrame:
    """Each rotation: a certificate A and the next certificate B of its slot, one row per pair.

    `given` is `Tables`, or the frame of `find_sightings` or `Store.sightings`. `describe_rotations` adds the columns
    that are needed less often.

    - `basis="looks"`: the certificates of a slot (service, server name, key type) are ordered by `not_before`,
      `first_seen_at` and hash; B is the next certificate that was *seen*.
    - `basis="names"`: no looks are needed. Certificates are grouped by host name and key type across ports and ordered
      by `not_before`; every column about seeing is null.

    **Certain bounds** follow from the instants of looks, all by one clock. `overlap_min_days` counts only time in which
    two backends must have served different certificates; looks that alternate could also come from one backend that was
    switched to B and back to A (`toolkit.analyse.rotation.overlaps`). Two backends are certain in two cases: one
    address showed A, before and after, while another showed B; or one address showed both at one instant, or both in
    several rounds. In all other cases it is 0; `done_min_at` minus `start_max_at` is then the overlap if no backend was
    switched back. Where A was first seen after B (`is_ambiguous`), the overlap is counted from A's first look, because
    nothing shows that A was in service before.

    **Confidence bounds** (95 %, each one-sided) assume independent looks, failures unrelated to the certificate, and a
    share of B that never falls. Backends may hold less than `min_share` indefinitely, so a bound never says that a
    certificate is gone. `min_share=1` states that one backend answers: the bounds are then exactly the gap between two
    sightings. `sticky=True` counts rounds instead of looks, for load balancers with source affinity.

    **`is_sticky_suspected`** is true where rounds agree more often than independent looks would: the confidence bounds
    then do not hold; pass `sticky=True`. It is decided from all rotations of a service
    (`toolkit.analyse.rotation.stickiness`; below 2.5 % of services without affinity are suspected). It is null where
    each round has one look, or where every certificate of the service was replaced in one step, which a service of one
    backend does as well. One backend that was rolled back for too short a time to be recognised is suspected too;
    `min_share=1` treats it correctly.

    **Roll-backs** (A-B-A) are rows of their own: the slot went back, which is more than looks that alternate during a
    roll-out (`toolkit.analyse.rotation.rollbacks` has the rules). A certificate has a separate period before and after
    it, with separate bounds. If the looks are too few to distinguish a roll-back from a roll-out, there is no row for
    it, and `is_interleaved` (`describe_rotations`) says that looks alternated. `is_ambiguous` marks a roll-back that
    may be a roll-out overtaken by the next one; a successor by validity that was seen before its predecessor; and, by
    names, several certificates of one generation.

    Certificates whose row is missing, or whose key type is not known, are in no rotation: they may be one of two key
    types that are in service side by side. Slots that have only undated looks are paired by `not_before`: the upper
    bounds of their looks give `start_max_at`, the lower bounds `done_min_at`, and flags are null unless the bounds make
    them certain. Looks are ordered by their instants alone: rounds may overlap. A validity that ends before it begins
    is used unchanged. From sightings only what needs no single looks is known: the certain bounds and, with
    `min_share=1`, all bounds of start, end and overlap; no roll-back is found.

    Raises `UsageError` for a `min_share` outside [1e-9, 1], an unknown `basis`, sightings with `basis="names"`, and
    anything that is neither tables nor sightings.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="smtps://submit.lab.test:465")
    >>> rotations = toolkit.find_rotations(tables)
    >>> columns = ["start_max_at", "done_min_at", "overlap_min_days", "lead_min_days"]
    >>> print(toolkit.chart.tabulate(rotations, columns=columns))
    start_max_at done_min_at overlap_min_days lead_min_days
      2025-07-16  2025-07-22              6.0          23.0
      2025-09-17  2025-10-11             24.0          22.0
      2025-11-19  2025-11-22              3.0          22.0
      2026-01-21  2026-01-24              3.0          22.0
    """
    check_share(min_share)
    if basis not in ("looks", "names"):
        raise UsageError(f'basis={basis!r} is not known: give "looks" or "names".')
    if basis == "names":
        found_by = "names"
    elif isinstance(given, Tables):
        found_by = "rounds" if sticky else "looks"
    else:
        found_by = "sightings"
    return _all_columns(given, found_by, min_share)[list(dtypes(ROTATIONS))]


@returns((*ROTATIONS, *DETAILS))
def describe_rotations(rotations: pd.DataFrame, given: Tables | pd.DataFrame) -> pd.DataFrame:
    """The rotations with every further column: certificates, sightings, numbers of looks, midpoints, flags.

    `rotations` are rows of `find_rotations`, all or some of them, in any order; `given` is what `find_rotations` was
    given. Rows, order, index and other columns stay as they are. The further columns are computed again from `given`,
    with the `basis` and `min_share` of each row.

    Raises `UsageError` for another frame, and for rotations that are not among those of `given`.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="smtps://submit.lab.test:465")
    >>> details = toolkit.describe_rotations(toolkit.find_rotations(tables), tables)
    >>> columns = ["deployment_delay_max_days", "margin_max_days", "has_same_key", "is_expired_while_served"]
    >>> print(toolkit.chart.tabulate(details, columns=columns))
    deployment_delay_max_days margin_max_days has_same_key is_expired_while_served
                          5.0            17.0           no                      no
                          5.0            -2.0           no                     yes
                          5.0            19.0           no                      no
                          7.0            19.0           no                      no
    """
    require_columns(rotations, _KEY, call="describe_rotations", source="find_rotations")
    try:
        rotations = rotations.astype({name: dtype for name, dtype in dtypes(ROTATIONS).items() if name in _KEY})
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"describe_rotations reads rows of find_rotations with their dtypes; a column does not fit: {error}"
        ) from error
    methods = rotations[["basis", "min_share"]].drop_duplicates()
    found = [_all_columns(given, *method) for method in methods.itertuples(index=False)]
    known = pd.concat(found, ignore_index=True) if found else _all_columns(Tables.from_frames(), "looks", MIN_SHARE)
    added = list(dtypes(DETAILS))
    keys = [*_KEY, "_number"]
    asked = rotations.drop(columns=added, errors="ignore").assign(_number=_numbers(rotations))
    joined = asked.merge(known.assign(_number=_numbers(known))[[*keys, *added]], "left", on=keys, indicator="_found")
    unknown = int((joined["_found"] == "left_only").sum())
    if unknown:
        raise UsageError(
            f"{unknown} of {len(rotations)} rotations are not among those of the tables, or are repeated: give "
            "describe_rotations what find_rotations was given, and each rotation once."
        )
    return joined.drop(columns=["_number", "_found"]).set_axis(rotations.index).astype(dtypes(DETAILS))


def _numbers(rotations: pd.DataFrame) -> pd.Series:
    """Number of each row among those with an equal key: rotations at one instant have equal keys."""
    return rotations.groupby(_KEY, dropna=False).cumcount()


def _all_columns(given: Tables | pd.DataFrame, basis: str, min_share: float) -> pd.DataFrame:
    """The rotations with the columns `ROTATIONS` and `DETAILS`; `basis` as in the column of that name."""
    if isinstance(given, Tables) == (basis == "sightings"):
        wanted = "the frame of find_sightings" if basis == "sightings" else "Tables"
        raise UsageError(f"These are rotations by {basis}: give {wanted}, not {type_name(given)}.")
    if not isinstance(given, Tables):
        found = _from_sightings(given, min_share)
    elif basis == "names":
        found = pair_by_names(given)
    else:
        found = _from_looks(given, min_share, sticky=basis == "rounds")
    found["basis"], found["min_share"] = basis, min_share
    found["looks_needed"] = looks_needed(min_share)
    found["overlap_looks_needed"] = looks_needed_in_all(min_share) - 1
    is_explained = found["is_midpoint_contradicted"].fillna(value=False).astype(bool)
    is_missing = found[CONFIDENCE_BOUNDS].isna()
    is_missing.loc[is_explained, ["midpoint_min_at", "midpoint_max_at"]] = False
    found["has_too_few_looks"] = is_missing.any(axis=1)
    return found.astype(dtypes((*ROTATIONS, *DETAILS)))


def _from_looks(tables: Tables, min_share: float, *, sticky: bool) -> pd.DataFrame:
    found = find_succession(tables, min_share, sticky=sticky)
    looks, old, new = found.looks, found.old, found.new
    periods = _describe_periods(tables, found)
    slot = looks.slots.iloc[found.slot[old]].reset_index(drop=True)
    old_rows, new_rows = (periods.iloc[side].reset_index(drop=True) for side in (old, new))
    known = _bounds(found, min_share, sticky=sticky)
    known["is_rollback"] = found.ordinal[new] > 0
    known["is_ambiguous"] = found.is_ambiguous
    known["overlap_min_days"] = days(pd.Series(certain_overlaps(found).view("timedelta64[us]")))
    known["is_sticky_suspected"] = suspect_stickiness(looks, found.shown, old, new)
    known["unseen_sha256"] = find_unseen(tables, slot, old_rows, new_rows)
    dated = describe_pairs(slot, old_rows, new_rows, known)
    return pd.concat([dated, pair_undated(tables, looks)]).sort_values(SLOT, kind="stable", ignore_index=True)


def _describe_periods(tables: Tables, found: Succession) -> pd.DataFrame:
    """One row per period, with the columns that `describe_pairs` reads."""
    looks = found.looks
    hashes = looks.leaves.take(found.leaf)
    sources = joined_sources(
        pd.DataFrame({"period": found.shown}), tables.observations["source"].iloc[looks.row].reset_index(drop=True)
    )
    facts = certificate_facts(tables, hashes, FACTS)
    return facts.assign(
        leaf_sha256=hashes,
        first_seen_at=as_instants(looks.at[found.first]),
        last_seen_at=as_instants(looks.at[found.last]),
        previous_look_at=as_instants(looks.previous_at[found.first]),
        next_look_at=as_instants(looks.next_at[found.last]),
        source=sources.reindex(range(len(facts))).array,
    )


def _bounds(found: Succession, min_share: float, *, sticky: bool) -> pd.DataFrame:
    """The confidence bounds of each pair, and the number of looks (`sticky`: rounds) on either side."""
    looks, old, new = found.looks, found.old, found.new
    counted = np.unique(looks.round_first) if sticky else np.arange(len(looks.at))
    lo, hi = _ranges_without_rollback(found)
    first = looks.round_first[found.first[new]] if sticky else found.first[new]
    edges = Edges(
        at=looks.at[counted],
        lo=np.searchsorted(counted, lo),
        hi=np.searchsorted(counted, hi),
        before=np.searchsorted(counted, looks.instant_first[first]),
        after=np.searchsorted(counted, looks.instant_end[found.last[old]]),
    )
    bounds = confidence_bounds(edges, found.shown[counted], old, new, min_share)
    return pd.DataFrame(
        {
            "start_min_at": as_instants(bounds.start_min_at),
            "done_max_at": as_instants(bounds.done_max_at),
            "overlap_max_days": days(pd.Series(bounds.overlap_max.view("timedelta64[us]"))),
            "midpoint_min_at": as_instants(bounds.midpoint_min_at),
            "midpoint_max_at": as_instants(bounds.midpoint_max_at),
            "is_midpoint_contradicted": bounds.is_midpoint_contradicted,
            "looks_before": np.maximum(edges.before - edges.lo, 0),
            "looks_after": np.maximum(edges.hi - edges.after, 0),
        }
    )


def _ranges_without_rollback(found: Succession) -> tuple[Ints, Ints]:
    """The looks that count for each pair: its slot's, after an earlier period of B and before a later one of A."""
    first, last = first_and_last(found.looks.slot, len(found.looks.slots))
    lo, hi = first[found.slot[found.old]], last[found.slot[found.old]] + 1
    if not found.ordinal.any():
        return lo, hi
    periods = {key: number for number, key in enumerate(zip(found.slot, found.leaf, found.ordinal, strict=True))}
    for pair, (old, new) in enumerate(zip(found.old, found.new, strict=True)):
        earlier = periods.get((found.slot[new], found.leaf[new], found.ordinal[new] - 1))
        later = periods.get((found.slot[old], found.leaf[old], found.ordinal[old] + 1))
        lo[pair] = lo[pair] if earlier is None else found.last[earlier] + 1
        hi[pair] = hi[pair] if later is None else found.first[later]
    return lo, hi


def _from_sightings(sightings: pd.DataFrame, min_share: float) -> pd.DataFrame:
    source = "toolkit.read, Store.load or find_sightings"
    require_columns(sightings, sorted(_SIGHTING), call="find_rotations", source=source)
    kept = sightings[sightings["key_type"].notna() & sightings["first_seen_at"].notna()]
    kept = kept.sort_values([*SLOT, "not_before", "first_seen_at", "leaf_sha256"], ignore_index=True)
    kept = kept.assign(sct_at=pd.Series(pd.NaT, kept.index, INSTANT))
    slot = kept.groupby(SLOT, dropna=False, sort=False).ngroup().to_numpy()
    pairs = np.flatnonzero(slot[1:] == slot[:-1])
    old, new = (kept.iloc[side].reset_index(drop=True) for side in (pairs, pairs + 1))
    known = pd.DataFrame({"is_rollback": np.zeros(len(pairs), bool)})
    known["is_ambiguous"] = new["first_seen_at"] < old["first_seen_at"]
    if min_share == 1:
        known["start_min_at"], known["done_max_at"] = new["previous_look_at"], old["next_look_at"]
        known["overlap_max_days"] = days(known["done_max_at"] - known["start_min_at"])
    return describe_pairs(new[SLOT], old, new, known)
