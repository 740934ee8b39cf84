"""Rotations: a certificate and its successor in a slot, with certain bounds and 95 % confidence bounds.

The certain bounds follow from the sightings, the confidence bounds from the numbers of looks
(`toolkit.analyse.rotation.bounds` has the method).
"""

from typing import Final, Literal

import numpy as np
import pandas as pd

from toolkit.analyse.rotation.bounds import bound_pairs
from toolkit.analyse.rotation.by_names import pair_by_names
from toolkit.analyse.rotation.issued import find_issued, find_unseen
from toolkit.analyse.rotation.overlaps import certain_overlaps
from toolkit.analyse.rotation.pairs import (
    ALL,
    CONFIDENCE_BOUNDS,
    DETAILS,
    INSTANT,
    ROTATIONS,
    Pairs,
    describe_pairs,
    pairs_of,
)
from toolkit.analyse.rotation.rollbacks import divide_at_rollbacks
from toolkit.analyse.rotation.stickiness import compare_rounds, suspect_stickiness
from toolkit.analyse.rotation.succession import order_certificates
from toolkit.analyse.rotation.undated import pair_undated
from toolkit.analyse.slots import FACTS, SLOT, describe_certificates, find_slot_looks
from toolkit.arguments import require_boolean, require_choice
from toolkit.columns import dtypes, empty, require_columns, returns
from toolkit.errors import UsageError
from toolkit.instants import days
from toolkit.sampling import MIN_SHARE, check_share, looks_needed, looks_needed_in_all
from toolkit.tables import Tables, require_tables
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
    tables: Tables | pd.DataFrame,
    *,
    basis: Literal["looks", "names"] = "looks",
    min_share: float = MIN_SHARE,
    sticky: bool = False,
) -> pd.DataFrame:
    """Each rotation: a certificate A and the next certificate B of its slot, one row per pair.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="smtps://submit.lab.test:465")
    >>> rotations = toolkit.find_rotations(tables)
    >>> columns = ["start_max_at", "done_min_at", "overlap_min_days", "predecessor_not_after"]
    >>> print(toolkit.chart.tabulate(rotations, columns=columns))
    start_max_at done_min_at overlap_min_days predecessor_not_after
      2025-07-16  2025-07-22              6.0      2025-08-07 23:59
      2025-09-17  2025-10-11             24.0      2025-10-08 23:59
      2025-11-19  2025-11-22              3.0      2025-12-10 23:59
      2026-01-21  2026-01-24              3.0      2026-02-11 23:59

    `tables` is `Tables`, or the frame of `find_sightings` or `Store.sightings`. `describe_rotations` adds the columns
    that are needed less often.

    - `basis="looks"`: the certificates of a slot are ordered by `not_before`, `first_seen_at` and hash; B is the next
      certificate that was seen. `basis="names"` needs no looks: certificates are grouped by host name and key type
      across ports and ordered by `not_before`; columns that depend on observations are null.
    - `min_share`: the smallest share of a service's backends that the confidence bounds consider. `1` states that one
      backend answers; the bounds are then exactly the gap between two sightings.
    - `sticky=True` counts rounds instead of looks, for load balancers with source affinity. Where rounds agree more
      often than independent looks would, `is_sticky_suspected` is true, and the confidence bounds hold only
      with `sticky=True`.

    **Certain bounds** follow from the instants of looks, all by one clock. An overlap is certain only where two
    backends must have served different certificates: one address showed A, before and after, while another showed B; or
    one address showed both at one instant, or in several rounds. Otherwise one backend that was switched to B and back
    explains looks that alternate (`toolkit.analyse.rotation.overlaps`).

    **Confidence bounds** (95 %, each one-sided) assume independent looks, failures unrelated to the certificate, and a
    share of B that never falls. Backends may hold less than `min_share` indefinitely, so a bound never says that a
    certificate is gone.

    **Roll-backs** (A-B-A) are rows of their own (`toolkit.analyse.rotation.rollbacks` has the rules). A certificate has
    a separate period before and after one, with separate bounds. If the looks are too few to distinguish a roll-back
    from a roll-out, there is no row for it.

    Certificates whose row is missing or whose key type is not known are left out: they may be one of two that are
    in service side by side. Slots that have only undated looks are paired by `not_before`, with the bounds of their
    looks. A validity that ends before it begins is used unchanged. Sightings give only the certain bounds, and with
    `min_share=1` all bounds; roll-backs are not found in them.

    Raises `UsageError` for a `min_share` outside [1e-9, 1], an unknown `basis`, sightings with `basis="names"`, and
    anything that is neither tables nor sightings.
    """
    check_share(min_share)
    require_choice("basis", basis, ("looks", "names"))
    require_boolean("sticky", sticky)
    if basis == "names":
        found_by = "names"
    elif isinstance(tables, pd.DataFrame):
        found_by = "sightings"
    else:
        found_by = "rounds" if sticky else "looks"
    return _all_columns(tables, found_by, min_share, with_unseen=False)[list(dtypes(ROTATIONS))]


@returns((*ROTATIONS, *DETAILS))
def describe_rotations(rotations: pd.DataFrame, tables: Tables | pd.DataFrame) -> pd.DataFrame:
    """The rotations with every further column: certificates, sightings, lead and margin, numbers of looks, flags.

    `rotations` are rows of `find_rotations`, all or some of them, in any order; `tables` is what `find_rotations` was
    given. Rows, order, index and other columns stay as they are. The further columns are computed again from `tables`,
    with the `basis` and `min_share` of each row.

    Raises `UsageError` for another frame, and for rotations that are not among those of `tables`.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="smtps://submit.lab.test:465")
    >>> details = toolkit.describe_rotations(toolkit.find_rotations(tables), tables)
    >>> columns = ["lead_min_days", "margin_max_days", "succession", "is_expired_while_served"]
    >>> print(toolkit.chart.tabulate(details, columns=columns))
    lead_min_days margin_max_days succession is_expired_while_served
             23.0            17.0    renewal                      no
             22.0            -2.0    renewal                     yes
             22.0            19.0    renewal                      no
             22.0            19.0    renewal                      no
    """
    require_columns(rotations, _KEY, call="describe_rotations", source="find_rotations")
    try:
        rotations = rotations.astype({name: dtype for name, dtype in dtypes(ROTATIONS).items() if name in _KEY})
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"describe_rotations reads rows of find_rotations with their dtypes; a column does not fit: {error}"
        ) from error
    methods = rotations[["basis", "min_share"]].drop_duplicates()
    found = [_all_columns(tables, *method) for method in methods.itertuples(index=False)]
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


def _all_columns(
    tables: Tables | pd.DataFrame, basis: str, min_share: float, *, with_unseen: bool = True
) -> pd.DataFrame:
    """The rotations with the columns `ROTATIONS` and `DETAILS`; `basis` as in the column of that name.

    Without `with_unseen` the column `unseen_sha256` may be null, which saves a fifth of the time where rows are few.
    """
    if isinstance(tables, Tables) == (basis == "sightings"):
        if basis != "sightings":
            require_tables(tables, f"find_rotations(basis='{'names' if basis == 'names' else 'looks'}')")
        raise UsageError(
            f"These are rotations by sightings: give the frame of find_sightings, not {type_name(tables)}."
        )
    if not isinstance(tables, Tables):
        parts = [_pair_sightings(tables, min_share)]
    elif basis == "names":
        parts = [pair_by_names(tables, find_issued(tables.certificates, tables.observations["leaf_sha256"]))]
    else:
        parts = _pair_looks(tables, min_share, sticky=basis == "rounds")
        if with_unseen:
            issued = find_issued(tables.certificates, tables.observations["leaf_sha256"])
            for pairs in parts:
                pairs.known["unseen_sha256"] = find_unseen(tables, issued, pairs)
    if not any(len(pairs.new) for pairs in parts):
        return empty((*ROTATIONS, *DETAILS))
    found = pd.concat([describe_pairs(pairs) for pairs in parts]).sort_values(SLOT, kind="stable", ignore_index=True)
    is_explained = found["is_midpoint_contradicted"].fillna(value=False).astype(bool)
    is_missing = found[CONFIDENCE_BOUNDS].isna()
    is_missing.loc[is_explained, ["midpoint_min_at", "midpoint_max_at"]] = False
    added = {
        "basis": basis,
        "min_share": min_share,
        "looks_needed": looks_needed(min_share),
        "overlap_looks_needed": looks_needed_in_all(min_share) - 1,
        "has_too_few_looks": is_missing.any(axis=1),
    }
    for name, value in added.items():
        found[name] = pd.Series(value, found.index, ALL[name])
    return found


def _pair_looks(tables: Tables, min_share: float, *, sticky: bool) -> list[Pairs]:
    """The pairs of slots with dated looks, and of those without."""
    looks = find_slot_looks(tables)
    certificates = order_certificates(looks)
    rounds = compare_rounds(certificates)
    found = divide_at_rollbacks(certificates, rounds, min_share, sticky=sticky)
    if found is not certificates:
        rounds = compare_rounds(found)
    is_sticky_suspected = suspect_stickiness(found, rounds)
    periods = describe_certificates(
        looks,
        slot=found.slot, leaf=found.leaf, first=found.first, last=found.last,
        row=found.shown, source=looks.source,
    )  # fmt: skip
    dated = pairs_of(periods, found.old, found.new)
    dated.known.update(bound_pairs(found, min_share, sticky=sticky))
    dated.known["is_rollback"], dated.known["is_ambiguous"] = found.ordinal[found.new] > 0, found.is_ambiguous
    dated.known["is_sticky_suspected"] = is_sticky_suspected
    dated.known["overlap_min_days"] = days(pd.Series(certain_overlaps(found).view("timedelta64[us]")))
    return [dated, pair_undated(tables, looks)] if len(looks.undated_row) else [dated]


def _pair_sightings(sightings: pd.DataFrame, min_share: float) -> Pairs:
    source = "toolkit.read, Store.load or find_sightings"
    require_columns(sightings, sorted(_SIGHTING), call="find_rotations", source=source)
    kept = sightings[sightings["key_type"].notna() & sightings["first_seen_at"].notna()]
    kept = kept.sort_values([*SLOT, "not_before", "first_seen_at", "leaf_sha256"], ignore_index=True)
    kept = kept.assign(sct_at=pd.Series(pd.NaT, kept.index, INSTANT))
    slot = kept.groupby(SLOT, dropna=False, sort=False).ngroup().to_numpy()
    first = np.flatnonzero(slot[1:] == slot[:-1])
    pairs = pairs_of(kept, first, first + 1)
    old, new, known = pairs.old, pairs.new, pairs.known
    known["is_rollback"], known["is_ambiguous"] = False, new["first_seen_at"] < old["first_seen_at"]
    if min_share == 1:
        known["start_min_at"], known["done_max_at"] = new["previous_look_at"], old["next_look_at"]
        known["overlap_max_days"] = days(known["done_max_at"] - known["start_min_at"])
    return pairs
