"""The usual lead time of a slot: how long before a certificate ends its successor usually takes over."""

from typing import Final

import pandas as pd

from toolkit.columns import Column, dtypes
from toolkit.instants import DAY, SECOND, days, has_over_half_left

LARGEST_SHARE: Final = 0.5
"""Largest share of its lifetime that a certificate has left at a renewal; an earlier replacement is a re-issue."""

USUAL_LEAD: Final = (
    Column(
        "usual_lead_days",
        "number",
        "median time from the successor's start (first seen; for `issued`, valid) to the predecessor's end",
        "no usual lead",
        "d",
    ),
    Column("usual_lead_spread_days", "number", "longest lead less the shortest", "no usual lead", "d"),
    Column("usual_lead_rotations", "integer", "renewals that it is the median of", "no usual lead"),
    Column(
        "usual_lead_basis",
        "text",
        "`seen`: from looks at rotations; `issued`: from the dates in the certificates of the slot",
        "no usual lead",
    ),
    Column(
        "usual_lead_reason",
        "text",
        "why there is no usual lead: no rotation was fully observed, or fewer than half of them were renewals",
        "there is one",
    ),
)
"""The columns that `with_usual_leads` adds."""

NOT_OBSERVED: Final = "no rotation was fully observed"
"""The reason for a missing usual lead that allows an assumption instead."""


def with_usual_leads(frame: pd.DataFrame, slots: pd.Series) -> pd.DataFrame:
    """The rows with the usual lead of their slot in the columns of `USUAL_LEAD`.

    `frame` has one row per certificate of a slot, sorted by `not_before` within the slot, with `not_before`,
    `not_after`, `first_seen_at` and `previous_look_at`; `slots` numbers the slots. Each certificate and the next one
    are a rotation with a lead:

    - `seen`: the predecessor's end less the successor's `first_seen_at`. Fully observed where the look before that was
      at most a tenth of the predecessor's lifetime earlier.
    - `issued`, where no rotation of the slot was fully observed by looks: the predecessor's end less the successor's
      `not_before`. Fully observed where that is not negative; otherwise certificates between the two may be missing.

    A rotation is a renewal unless the successor is of the same generation (it begins within a day, or a tenth of the
    lifetime) or begins with more than half of the lifetime left. The usual lead is the median lead of the renewals, if
    at least half of the fully observed rotations are renewals. Otherwise the slot replaces its certificates for other
    reasons than their end: the usual lead is null, and `usual_lead_reason` gives both counts.
    """
    ends, begins = frame["not_after"] + SECOND, frame["not_before"]
    lifetime = ends - begins
    following = frame[["not_before", "first_seen_at", "previous_look_at"]].groupby(slots).shift(-1)
    shift = following["not_before"] - begins
    is_new = (shift > DAY) | (shift > lifetime / 10)
    is_renewal = is_new & ~has_over_half_left(begins, frame["not_after"], following["not_before"])
    is_pair = lifetime > pd.Timedelta(0)
    is_timely = (following["first_seen_at"] - following["previous_look_at"]) <= lifetime / 10
    seen = days(ends - following["first_seen_at"]).where(is_pair & is_timely & frame["first_seen_at"].notna())
    issued = days(ends - following["not_before"]).where(is_pair)
    by_looks = _of_slots(seen, is_renewal, slots, "seen")
    by_dates = _of_slots(issued.where(issued >= 0), is_renewal, slots, "issued")
    is_unseen = by_looks["usual_lead_reason"].eq(NOT_OBSERVED).fillna(value=False).astype(bool)
    leads = by_dates.where(is_unseen, by_looks)
    return frame.assign(**{name: leads[name].reindex(slots).set_axis(frame.index) for name in dtypes(USUAL_LEAD)})


def _of_slots(leads: pd.Series, is_renewal: pd.Series, slots: pd.Series, basis: str) -> pd.DataFrame:
    """The usual lead of each slot from its fully observed rotations, which are the rows with a lead."""
    observed = leads.groupby(slots).count()
    grouped = leads.where(is_renewal).groupby(slots)
    count = grouped.count()
    usual = pd.DataFrame(
        {
            "usual_lead_days": grouped.median(),
            "usual_lead_spread_days": grouped.max() - grouped.min(),
            "usual_lead_rotations": count,
            "usual_lead_basis": pd.Series(basis, index=count.index, dtype="string"),
        }
    )
    is_usual = (observed > 0) & (2 * count >= observed)
    words = [
        f"only {few} of {all_} rotations came in the second half of the predecessor's life" if all_ else NOT_OBSERVED
        for few, all_ in zip(count, observed, strict=True)
    ]
    reason = pd.Series(words, count.index, dtype="string").mask(is_usual)
    return usual.where(is_usual).assign(usual_lead_reason=reason).astype(dtypes(USUAL_LEAD))
