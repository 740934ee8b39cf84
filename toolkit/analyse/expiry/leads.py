"""The usual routine of a slot: how old a certificate is, and how long it has left, when its successor takes over."""

from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from toolkit.analyse.expiry.routine import planned_days
from toolkit.analyse.expiry.sequence import find_renewals
from toolkit.columns import Column, dtypes
from toolkit.instants import DAY, SECOND, days

LEAST_RENEWALS: Final = 3
"""Fewest fully observed renewals that make a routine: below, the spread of two numbers would be taken for a routine."""

_NONE: Final = "no usual lead"

USUAL_LEAD: Final = (
    Column(
        "usual_lead_days",
        "number",
        "median time from the successor's start (first seen; for `issued`, valid) to the predecessor's end",
        _NONE,
        "d",
    ),
    Column("usual_lead_spread_days", "number", "longest lead less the shortest", _NONE, "d"),
    Column(
        "usual_spacing_days",
        "number",
        "median time from the start of the predecessor's validity to the successor's start",
        _NONE,
        "d",
    ),
    Column("usual_spacing_spread_days", "number", "longest spacing less the shortest", _NONE, "d"),
    Column("usual_lead_rotations", "integer", "fully observed renewals that they are the medians of", _NONE),
    Column(
        "usual_lead_basis",
        "text",
        "`seen`: from looks at rotations; `issued`: from the dates in the certificates of the slot",
        _NONE,
    ),
    Column("usual_lead_reason", "text", "why there is no usual lead: how many renewals were observed", "there is one"),
)
"""The columns that `with_usual_leads` adds for readers; `ROUTINE` are those for the forecast."""

ROUTINE: Final = (
    "routine_lifetime_days", "shortest_lead_days", "is_led_by_end", "routine_plans", "routine_ratios", "routine_blur",
)  # fmt: skip
"""The columns of a slot's routine for the forecast and the rehearsal, as are those of `_with_watch`.

Median lifetime of the predecessors [d]; the shortest lead [d]; whether the leads vary less than the spacings; the plans
that the renewals do not distinguish, as a tuple of `PLANS`; the logarithms of (spacing / spacing that `planned_days`
gives), as a tuple; the least deviation of these that the looks allow to be seen.
"""

PLANS: Final = ("spacing", "lead", "share")
"""What a routine may keep: days after the issue, days before the end, or a share of the lifetime.

While all certificates of a slot live equally long, the three are the same.
"""

LATEST: Final = 24
"""Renewals, the latest ones, that a routine is learned from: operators change it."""

NOT_OBSERVED: Final = "no renewal was fully observed"
"""The reason for a missing usual lead where there was nothing to learn from."""

_STEADIER: Final = 0.9
"""Leads vary less than spacings where their median deviation is below this share of the spacings'."""

_CLEARLY: Final = 0.95
"""Confidence with which a plan is ruled out."""

_LONGEST_LOOK: Final = 10
"""Looks around a takeover are close enough at the predecessor's lifetime divided by this."""


def with_usual_leads(frame: pd.DataFrame, slots: pd.Series) -> pd.DataFrame:
    """The rows with the usual routine of their slot in the columns of `USUAL_LEAD` and `ROUTINE`.

    `frame` is what `certificates_of_slots` returns; `slots` numbers the slots. `find_renewals` decides which pairs are
    renewals. Each has a start, on which its lead and its spacing depend:

    - `seen`: the successor's `first_seen_at`. Fully observed where the look before that was at most a tenth of the
      predecessor's lifetime earlier.
    - `issued`, where looks show fewer than three renewals: the successor's `not_before`. Fully observed where the
      predecessor had not ended; otherwise certificates between the two may be missing.

    With fewer than three fully observed renewals by both, the usual lead is null and `usual_lead_reason` says so.
    """
    renewals = find_renewals(frame, slots)
    lifetime = renewals["ends_at"] - renewals["begins_at"]
    gap = renewals["first_seen_at"] - renewals["previous_look_at"]
    frame = _with_watch(frame, renewals, slots)
    is_timely = renewals["is_dated"] & (gap <= lifetime / _LONGEST_LOOK)
    seen = _latest_renewals(renewals[is_timely], "first_seen_at", gap, "seen")
    is_overlapping = renewals["not_before"] <= renewals["ends_at"]
    issued = _latest_renewals(renewals[is_overlapping], "not_before", gap * 0, "issued")
    found = _routines(pd.concat([seen, issued[~issued["slot"].isin(seen["slot"])]]))
    observed = renewals[is_timely | is_overlapping].groupby("slot").size()
    names = [*dtypes(USUAL_LEAD), *ROUTINE]
    routines = found.reindex(pd.Index(slots.unique(), name="slot"))
    routines["usual_lead_reason"] = _reasons(observed.reindex(routines.index).fillna(0)).mask(
        routines["usual_lead_days"].notna()
    )
    routines = routines.astype(dtypes(USUAL_LEAD))
    return frame.assign(**{name: routines[name].reindex(slots).set_axis(frame.index) for name in names})


def _latest_renewals(renewals: pd.DataFrame, start: str, gap: pd.Series, basis: str) -> pd.DataFrame:
    """The latest renewals of each slot with enough of them: their lead, spacing and predecessor's lifetime [d]."""
    facts = pd.DataFrame(
        {
            "slot": renewals["slot"],
            "lead": days(renewals["ends_at"] - renewals[start]).astype("float64"),
            "spacing": days(renewals[start] - renewals["begins_at"]).astype("float64"),
            "lifetime": days(renewals["ends_at"] - renewals["begins_at"]).astype("float64"),
            "gap": days(gap).reindex(renewals.index).fillna(0).astype("float64"),
            "basis": pd.Series(basis, index=renewals.index, dtype="string"),
        }
    )
    return facts[facts.groupby("slot")["lead"].transform("count") >= LEAST_RENEWALS].groupby("slot").tail(LATEST)


def _routines(facts: pd.DataFrame) -> pd.DataFrame:
    """The routine of each slot that the renewals are of, indexed by slot."""
    if facts.empty:
        return pd.DataFrame(columns=[*dtypes(USUAL_LEAD), *ROUTINE])
    of_slot = facts.groupby("slot")
    middle = of_slot[["lead", "spacing", "lifetime"]].median()
    away = (facts[["lead", "spacing"]] - middle.loc[facts["slot"], ["lead", "spacing"]].to_numpy()).abs()
    deviation = away.groupby(facts["slot"]).median()
    is_led_by_end = deviation["lead"] < deviation["spacing"] * _STEADIER
    spread = of_slot[["lead", "spacing"]].max() - of_slot[["lead", "spacing"]].min()
    routine = pd.DataFrame(
        {
            "usual_lead_days": middle["lead"],
            "usual_lead_spread_days": spread["lead"],
            "usual_spacing_days": middle["spacing"],
            "usual_spacing_spread_days": spread["spacing"],
            "usual_lead_rotations": of_slot.size(),
            "usual_lead_basis": of_slot["basis"].first(),
            "routine_lifetime_days": middle["lifetime"],
            "shortest_lead_days": of_slot["lead"].min(),
            "is_led_by_end": is_led_by_end,
            "routine_plans": _plans(facts),
        }
    )
    return _with_spread(routine, facts)


def _plans(facts: pd.DataFrame) -> pd.Series:
    """The plans of each slot that its renewals do not distinguish: those from which they do not deviate clearly more.

    Deviations are mean distances from the median [d]; what a daily job and the gap between looks add is not compared.
    Clearly more is what an F test of as many renewals finds at 5 %.
    """
    kept = facts[["spacing", "lead"]].assign(share=facts["spacing"] / facts["lifetime"])[list(PLANS)]
    away = (kept - kept.groupby(facts["slot"]).transform("median")).abs()
    away["share"] *= facts["lifetime"]
    deviation = away.groupby(facts["slot"]).mean()
    blur = (facts["gap"] + 1).groupby(facts["slot"]).mean() / np.sqrt(12)
    free = facts.groupby("slot").size() - 1
    most = deviation.min(axis=1).clip(lower=blur) * np.sqrt(special.fdtri(free, free, _CLEARLY))
    plans = [tuple(np.array(PLANS)[row].tolist()) for row in deviation.le(most, axis=0).to_numpy()]
    return pd.Series(plans, index=deviation.index, dtype="object")


def _with_spread(routine: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """The routines with `routine_ratios` and `routine_blur`.

    A job that runs once a day and a look that comes late move a start by up to a day and the gap between looks.
    """
    of = routine.loc[facts["slot"]]
    planned = planned_days(
        facts["lifetime"].to_numpy(),
        lead=of["usual_lead_days"].to_numpy(),
        spacing=of["usual_spacing_days"].to_numpy(),
        usual=of["routine_lifetime_days"].to_numpy(),
        by_lead=of["is_led_by_end"].to_numpy(),
    )
    expected = np.maximum(planned, SECOND / DAY)
    ratio = np.log(np.maximum(facts["spacing"].to_numpy() / expected, 1e-3))
    blur = (facts["gap"].to_numpy() + 1) / np.sqrt(12) / expected
    of_slot = pd.DataFrame({"ratio": ratio, "blur": blur}, index=facts.index).groupby(facts["slot"])
    return routine.assign(routine_ratios=of_slot["ratio"].agg(tuple), routine_blur=of_slot["blur"].mean())


def _with_watch(frame: pd.DataFrame, renewals: pd.DataFrame, slots: pd.Series) -> pd.DataFrame:
    """The rows with `watched_until`, `longest_delay`, `watch_doubt`: a successor issued so long before has been seen.

    With dated looks, the last of them and no delay. Without, the slot is taken to be looked at until its last look and
    the longest time from one new certificate to the next, and a successor to be seen as soon after its issue as the
    slowest one so far. Null with fewer than two renewals, which give no such time. `watch_doubt` is the probability
    that either is wrong: one of n + 1 exchangeable times is longer than the n others with probability 1 / (n + 1).
    """
    seen = renewals.sort_values(["slot", "seen_by"], kind="stable")
    of_slot = seen.assign(delay=seen["seen_by"] - seen["not_before"], pause=seen.groupby("slot")["seen_by"].diff())
    times = of_slot.groupby("slot")[["delay", "pause"]]
    longest, count = (found.reindex(slots).set_axis(frame.index) for found in (times.max(), times.count()))
    last = frame["last_seen_by"].groupby(slots).transform("max")
    is_dated = frame["last_look_at"].notna()
    return frame.assign(
        watched_until=frame["last_look_at"].fillna(last + longest["pause"]),
        longest_delay=longest["delay"].mask(is_dated, pd.Timedelta(0)),
        watch_doubt=(1 / (count + 1)).sum(axis=1).clip(upper=1).mask(is_dated, 0.0),
    )


def _reasons(observed: pd.Series) -> pd.Series:
    words = [
        f"only {count:.0f} of {LEAST_RENEWALS} renewals that are needed were fully observed" if count else NOT_OBSERVED
        for count in observed
    ]
    return pd.Series(words, index=observed.index, dtype="string")
