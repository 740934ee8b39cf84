"""A line's own habit: how long before a certificate ends does its successor take over?"""

from typing import Final

import pandas as pd

from toolkit.instants import DAY, SECOND, days, has_over_half_left

LARGEST_SHARE: Final = 0.5
"""Of its lifetime that a certificate may have left when it is renewed; what begins earlier re-issues it."""


COLUMNS: Final = {
    "habit_basis": "string",
    "habit_rotations": "Int64",
    "usual_lead_days": "Float64",
    "usual_lead_spread_days": "Float64",
    "habit_reason": "string",
}

NOT_OBSERVED: Final = "no rotation was fully observed"
"""The reason for a missing habit that leaves room for an assumption."""


def with_habits(frame: pd.DataFrame, lines: pd.Series) -> pd.DataFrame:
    """The rows with the habit of their line in the columns of `COLUMNS`.

    `frame` has one row per certificate of a line, by `not_before` within the line, with `not_before`, `not_after`,
    `first_seen_at` and `previous_look_at`; `lines` numbers the lines. Each certificate and the next one are a rotation
    with a lead:

    - seen: its end less the successor's `first_seen_at`. Fully observed where the look before that was at most a tenth
      of its lifetime earlier.
    - issued, where no rotation of the line was fully observed by looks: its end less the successor's `not_before`.
      Fully observed where that is not negative; else certificates between the two may be missing, or it was late.

    A rotation is a renewal unless the successor is of the same generation (begun within a day, or a tenth of the
    lifetime) or begun with over half of the lifetime left. The habit is the median lead of the renewals, if at least
    half of the fully observed rotations are renewals. Else the line replaces its certificates for other reasons than
    their end: the habit is null, and `habit_reason` gives both counts.
    """
    ends, begins = frame["not_after"] + SECOND, frame["not_before"]
    lifetime = ends - begins
    following = frame[["not_before", "first_seen_at", "previous_look_at"]].groupby(lines).shift(-1)
    shift = following["not_before"] - begins
    is_new = (shift > DAY) | (shift > lifetime / 10)
    is_renewal = is_new & ~has_over_half_left(begins, frame["not_after"], following["not_before"])
    is_pair = lifetime > pd.Timedelta(0)
    is_timely = (following["first_seen_at"] - following["previous_look_at"]) <= lifetime / 10
    seen = days(ends - following["first_seen_at"]).where(is_pair & is_timely & frame["first_seen_at"].notna())
    issued = days(ends - following["not_before"]).where(is_pair)
    by_looks = _of_lines(seen, is_renewal, lines, "seen")
    by_dates = _of_lines(issued.where(issued >= 0), is_renewal, lines, "issued")
    habits = by_dates.where(by_looks["habit_reason"].eq(NOT_OBSERVED).fillna(value=False).astype(bool), by_looks)
    return frame.assign(**{name: habits[name].reindex(lines).set_axis(frame.index) for name in COLUMNS})


def _of_lines(leads: pd.Series, is_renewal: pd.Series, lines: pd.Series, basis: str) -> pd.DataFrame:
    """The habit of each line from its fully observed rotations, which are those that have a lead."""
    observed = leads.groupby(lines).count()
    grouped = leads.where(is_renewal).groupby(lines)
    count = grouped.count()
    habits = pd.DataFrame(
        {
            "habit_basis": pd.Series(basis, index=count.index, dtype="string"),
            "habit_rotations": count,
            "usual_lead_days": grouped.median(),
            "usual_lead_spread_days": grouped.max() - grouped.min(),
        }
    )
    is_habit = (observed > 0) & (2 * count >= observed)
    words = [
        f"only {few} of {all_} rotations came in the second half of the predecessor's life" if all_ else NOT_OBSERVED
        for few, all_ in zip(count, observed, strict=True)
    ]
    reason = pd.Series(words, count.index, dtype="string").mask(is_habit)
    return habits.where(is_habit).assign(habit_reason=reason).astype(COLUMNS)
