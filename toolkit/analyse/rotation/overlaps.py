"""Certain overlaps: for how long both certificates of a pair were in service at least.

Looks that alternate between A and B at one address have two readings: two backends, or one backend that was switched
to B and back. With one backend there is no overlap, however long the looks alternate. So an overlap is certain only
where the looks rule out that reading.

Method: intervals between equal looks at one address; and a binomial test of how many rounds showed both certificates.
"""

import numpy as np
import pandas as pd
from scipy import special

from toolkit.analyse.arrays import Bools, Ints, concatenated_ranges
from toolkit.analyse.rotation.succession import Succession
from toolkit.sampling import STRICT

_OLD, _NEW, _OTHER = 0, 1, 2


def certain_overlaps(found: Succession) -> Ints:
    """For how long both certificates of each pair were in service at least [µs].

    What an address certainly served:

    - If it showed one certificate at two successive looks, that certificate in between.
    - If several backends answer at the address, both certificates from the successor's first sighting there to the
      predecessor's last. That is so if it showed both at one instant, or both in so many of its rounds (at least two)
      that switching one backend during rounds has a probability below 0.1 %.

    The overlap is the time in which each of the two was certainly served at some address.
    """
    looks, old, new = found.looks, found.old, found.new
    overlaps = np.zeros(len(old), np.int64)
    begins, ends = both_shown(*(looks.at[of[side]] for side in (old, new) for of in (found.first, found.last)))
    pairs = np.flatnonzero(ends > begins)
    if not len(pairs):
        return overlaps
    lo = np.minimum(found.first[old], found.first[new])[pairs]
    hi = np.maximum(found.last[old], found.last[new])[pairs] + 1
    position, owner = concatenated_ranges(lo, hi)
    order = np.lexsort((looks.address[position], owner))
    position, owner = position[order], owner[order]
    what = np.full(len(position), _OTHER)
    what[found.shown[position] == old[pairs][owner]] = _OLD
    what[found.shown[position] == new[pairs][owner]] = _NEW
    address = looks.address[position]
    is_other_place = (owner[1:] != owner[:-1]) | (address[1:] != address[:-1])
    shown = pd.DataFrame(
        {
            "pair": pairs[owner],
            "place": np.cumsum(np.r_[0, is_other_place]),
            "round": looks.round[position],
            "at": looks.at[position],
            "what": what,
        },
        copy=False,
    )
    served = pd.concat([_between_equal_looks(shown), _at_several_backends(shown, begins, ends)], ignore_index=True)
    # Most time lies before the successor's first sighting or after the predecessor's last: one of the two is missing.
    served = served[_meets(served, begins, ends)]
    np.add.at(overlaps, *_time_of_both(served))
    return overlaps


def both_shown(old_first: Ints, old_last: Ints, new_first: Ints, new_last: Ints) -> tuple[Ints, Ints]:
    """The instants from which and until which looks alternate between two certificates; the end may be the earlier.

    From the successor's first sighting to the predecessor's last. If the predecessor was first seen after the
    successor, nothing shows that it was in service when the successor started; then the time counts in which each lay
    between sightings of its own.
    """
    is_against = old_first > new_first
    begins = np.where(is_against, old_first, new_first)
    return begins, np.where(is_against, np.minimum(old_last, new_last), old_last)


def _meets(spans: pd.DataFrame, begins: Ints, ends: Ints) -> Bools:
    """Whether each span of a pair (`pair`, `begin`, `end`) has an instant from `begins` to `ends` of its pair."""
    pair = spans["pair"].to_numpy()
    is_met: Bools = (spans["end"].to_numpy() >= begins[pair]) & (spans["begin"].to_numpy() <= ends[pair])
    return is_met


def _between_equal_looks(shown: pd.DataFrame) -> pd.DataFrame:
    """The times between successive looks at one address that showed the same: `pair`, `what`, `begin`, `end`."""
    place, what, at = (shown[name].to_numpy() for name in ("place", "what", "at"))
    same = np.flatnonzero((place[1:] == place[:-1]) & (what[1:] == what[:-1]) & (what[1:] != _OTHER))
    return pd.DataFrame(
        {"pair": shown["pair"].to_numpy()[same], "what": what[same], "begin": at[same], "end": at[same + 1]}
    )


def _at_several_backends(shown: pd.DataFrame, begins: Ints, ends: Ints) -> pd.DataFrame:
    """The times in which looks alternate at addresses with several backends, one row for each certificate."""
    either = shown[shown["what"] != _OTHER]
    places, is_several = _has_several_backends(either, begins, ends)
    either = either[is_several[np.searchsorted(places, either["place"])]]
    if either.empty:
        return pd.DataFrame({name: pd.Series(dtype="int64") for name in ("pair", "what", "begin", "end")})
    seen = either.groupby(["place", "what"])["at"].agg(["min", "max"]).unstack("what")
    begin, end = both_shown(*(seen[side, what].to_numpy(np.int64) for what in (_OLD, _NEW) for side in ("min", "max")))
    pair = either.drop_duplicates("place").set_index("place")["pair"].reindex(seen.index).to_numpy()
    spans = pd.DataFrame({"pair": pair, "begin": begin, "end": end})
    return pd.concat([spans[end > begin].assign(what=what) for what in (_OLD, _NEW)])


def _has_several_backends(either: pd.DataFrame, begins: Ints, ends: Ints) -> tuple[Ints, Bools]:
    """The numbers of the places, sorted, and whether one backend is ruled out at each.

    If one backend is switched at k instants that are independent of the rounds, the number of switches within a round
    is binomial with the share of the time that rounds take.
    """
    number, places = pd.factorize(either["place"].to_numpy())
    is_switch = np.diff(either["what"].to_numpy()) != 0
    is_switch &= np.diff(number) == 0
    switches = np.bincount(number[1:][is_switch], minlength=len(places))
    at_once = np.isin(range(len(places)), number[1:][is_switch & (np.diff(either["at"].to_numpy()) == 0)])
    is_within = is_switch & (np.diff(either["round"].to_numpy()) == 0)
    caught = either.assign(place=number).iloc[1:][is_within].drop_duplicates(["place", "round"])["place"]
    within = np.bincount(caught, minlength=len(places))
    # Few places have switches within two rounds, and only of these does the share matter.
    rounds = either.assign(place=number)[within[number] >= 2].groupby(["place", "round", "pair"], sort=False)
    spans = rounds["at"].agg(begin="min", end="max").reset_index()
    spans = spans[_meets(spans, begins, ends)]
    of_place = spans.groupby("place")
    whole = (of_place["end"].max() - of_place["begin"].min()).reindex(range(len(places)), fill_value=0).to_numpy(float)
    taken = (of_place["end"].sum() - of_place["begin"].sum()).reindex(range(len(places)), fill_value=0).to_numpy(float)
    share = np.clip(np.divide(taken, whole, out=np.ones(len(places)), where=whole > 0), 0, 1)
    chance = special.bdtrc(within - 1, switches, share)
    return places, at_once | ((within >= 2) & (chance < STRICT))


def _time_of_both(served: pd.DataFrame) -> tuple[Ints, Ints]:
    """Intervals in which both certificates were in service: the pair of each interval, and its length."""
    pair, what = np.tile(served["pair"], 2), np.tile(served["what"], 2)
    at = np.r_[served["begin"], served["end"]].astype(np.int64)
    step = np.r_[np.ones(len(served), np.int64), np.full(len(served), -1)]
    order = np.lexsort((at, pair))
    pair, at, what, step = pair[order], at[order], what[order], step[order]
    both = (np.cumsum(step * (what == _OLD)) > 0) & (np.cumsum(step * (what == _NEW)) > 0)
    lengths = np.diff(at, append=at[-1:])
    return pair[both].astype(np.int64), lengths[both]
