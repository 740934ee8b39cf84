"""The sequence of a slot: which of its certificates took over, and whether that was a renewal."""

import pandas as pd

from toolkit.instants import DAY, SECOND

_LEAST_ADVANCE = 0.25
"""Share of a slot's usual advance of its end, below which a new certificate is a re-issue."""


def find_renewals(frame: pd.DataFrame, slots: pd.Series) -> pd.DataFrame:
    """The renewals of each slot: one row per certificate that took over and prolonged the slot's validity.

    `frame` has one row per certificate of a slot, with `not_before`, `not_after`, `first_seen_at`, `previous_look_at`,
    `seen_by` and `last_seen_by`; `slots` numbers the slots. A slot's certificates are put in the order in which they
    were first seen. What a certificate does to that sequence distinguishes three cases:

    - *parallel*: an earlier certificate of the sequence was still seen after it was last seen, or it was issued with
      the one before it (within a day, or a tenth of the lifetime where that is shorter). It did not take over, and is
      not in the sequence.
    - *re-issue*: it took over, but its end is hardly later than that of the one before it, or earlier: by less than a
      quarter of the usual advance, which is the median over the slot's certificates that end later. The slot has to
      renew about as soon as before. It is in the sequence, but it is not a renewal. Where both end together, the age of
      the pair is counted from the earlier certificate.
    - *renewal*: it took over and prolonged the slot's validity, however early it came.

    Returns, with the index of `frame`: `slot` and, of the successor, `not_before`, `first_seen_at`, `previous_look_at`,
    `seen_by`; `begins_at` and `ends_at` of the predecessor, and `is_dated`: dated looks showed the predecessor.
    """
    sequence = in_order(frame, slots)
    of_slot = sequence.groupby("slot")
    latest = of_slot["last_seen_by"].cummax().groupby(sequence["slot"]).shift()
    is_passed = (sequence["last_seen_by"] < latest).fillna(value=False)
    is_twin = (sequence["not_before"] - of_slot["not_before"].shift()).abs() <= _together(of_slot["lifetime"].shift())
    steps = sequence[~(is_passed | is_twin)].copy()
    of_slot = steps.groupby("slot")
    advance = steps["ends_at"] - of_slot["ends_at"].shift()
    together = _together(of_slot["lifetime"].shift())
    steps["begins_at"] = steps["not_before"].where(~(advance.abs() <= together))
    steps["begins_at"] = of_slot["begins_at"].ffill()
    steps["is_dated"] = steps["first_seen_at"].notna()
    of_predecessor = ["begins_at", "ends_at", "is_dated"]
    before = steps.groupby("slot")[of_predecessor].shift()
    usual = advance[advance > together].groupby(steps["slot"]).median().reindex(steps["slot"]).set_axis(steps.index)
    is_renewal = (advance > together) & (advance >= usual * _LEAST_ADVANCE)
    renewals = steps.drop(columns=of_predecessor).join(before)[is_renewal]
    return renewals.astype({"is_dated": bool})


def in_order(frame: pd.DataFrame, slots: pd.Series) -> pd.DataFrame:
    """The certificates with a validity, by slot and the instant by which each was first seen; adds `slot`, `ends_at`.

    A certificate that only looks without any upper bound showed is placed by its `not_before`.
    """
    names = ["not_before", "first_seen_at", "previous_look_at", "seen_by", "last_seen_by"]
    ends = frame["not_after"] + SECOND
    sequence = frame[names].assign(slot=slots, ends_at=ends, lifetime=ends - frame["not_before"])
    sequence = sequence[sequence["lifetime"] > pd.Timedelta(0)]
    place = sequence["seen_by"].fillna(sequence["not_before"])
    return sequence.assign(place=place).sort_values(["slot", "place", "not_before"], kind="stable")


def _together(lifetime: pd.Series) -> pd.Series:
    """Instants that are at most so far apart belong together: a day, or a tenth of the lifetime where it is shorter."""
    tenth: pd.Series = lifetime / 10
    return tenth.mask(tenth > DAY, DAY)
