"""Certain overlaps: for how long both certificates of a pair were served, whatever the backends did.

Looks that alternate between A and B at one address have two readings: two backends, or one that was switched over and
back. The second gives an overlap of nothing, however long the looks alternate. So an overlap is certain only where the
looks rule it out.
"""

from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.analyse.arrays import Bools, Ints, stretches
from toolkit.analyse.rotation.succession import Succession

_CHANCE: Final = 0.001
"""The chance at which rounds that showed both certificates are taken for one backend that was switched meanwhile."""

_OLD, _NEW, _OTHER = 0, 1, 2


def certain_overlaps(found: Succession, address: Ints) -> Ints:
    """How long both certificates of each pair were served at least [µs]; `address` numbers that of each look.

    What an address certainly served:

    - A backend that showed a certificate at two successive looks served it in between.
    - Several backends answer at an address that showed both at one instant, or both in so many of its rounds that one
      backend would have been switched during a round too often for chance (0.1 %; two rounds at least). It then served
      both from the successor's first sighting there to the predecessor's last.

    The overlap is the time in which one address or another certainly served each of the two.
    """
    looks, old, new = found.looks, found.old, found.new
    overlaps = np.zeros(len(old), np.int64)
    begins, ends = both_shown(*(looks.at[of[side]] for side in (old, new) for of in (found.first, found.last)))
    pairs = np.flatnonzero(ends > begins)
    if not len(pairs):
        return overlaps
    lo = np.minimum(found.first[old], found.first[new])[pairs]
    hi = np.maximum(found.last[old], found.last[new])[pairs] + 1
    position, owner = stretches(lo, hi)
    of_line = looks.line[position] == found.line[old[pairs]][owner]
    position, owner = position[of_line], owner[of_line]
    what = np.full(len(position), _OTHER)
    what[found.shown[position] == old[pairs][owner]] = _OLD
    what[found.shown[position] == new[pairs][owner]] = _NEW
    order = np.lexsort((position, address[position], owner))
    shown = pd.DataFrame(
        {
            "pair": pairs[owner],
            "address": address[position],
            "round": looks.round[position],
            "at": looks.at[position],
            "what": what,
        }
    ).iloc[order]
    shown["place"] = shown.groupby(["pair", "address"], sort=False).ngroup()
    served = pd.concat([_between_equal_looks(shown), _at_several_backends(shown, begins, ends)], ignore_index=True)
    np.add.at(overlaps, *_time_of_both(served))
    return overlaps


def both_shown(old_first: Ints, old_last: Ints, new_first: Ints, new_last: Ints) -> tuple[Ints, Ints]:
    """From when and until when looks alternate between two certificates; the end may come first.

    From the successor's first sighting to the predecessor's last. Where the order of first sightings is against that
    of the validity, nothing shows that the old one was served when the new one began: what is left is the time in
    which both lay between sightings of their own.
    """
    is_against = old_first > new_first
    begins = np.where(is_against, old_first, new_first)
    return begins, np.where(is_against, np.minimum(old_last, new_last), old_last)


def _between_equal_looks(shown: pd.DataFrame) -> pd.DataFrame:
    """The times between successive looks at one address that showed the same: `pair`, `what`, `begin`, `end`."""
    after = shown.shift(-1)
    is_same = (shown["place"] == after["place"]) & (shown["what"] == after["what"]) & (shown["what"] != _OTHER)
    spans = shown.loc[is_same, ["pair", "what", "at"]].rename(columns={"at": "begin"})
    return spans.assign(end=after.loc[is_same, "at"].astype("int64"))


def _at_several_backends(shown: pd.DataFrame, begins: Ints, ends: Ints) -> pd.DataFrame:
    """The same for addresses at which several backends answer: both certificates, while looks alternate."""
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

    One backend that is switched at k instants that know nothing of the rounds is caught at it in as many rounds as a
    binomial with the share of the time that rounds take.
    """
    places, number = np.unique(either["place"], return_inverse=True)
    same_instant = either.groupby(["place", "at"])["what"].nunique() > 1
    at_once = np.isin(places, same_instant.index[same_instant].get_level_values("place"))
    rounds = either.assign(place=number).groupby(["place", "round", "pair"], sort=False)
    spans = rounds["at"].agg(["min", "max"]).reset_index()
    pair = spans["pair"].to_numpy()
    spans = spans[(spans["max"] >= begins[pair]) & (spans["min"] <= ends[pair])]
    of_place = spans.groupby("place")
    whole = (of_place["max"].max() - of_place["min"].min()).reindex(range(len(places)), fill_value=0).to_numpy(float)
    taken = (of_place["max"].sum() - of_place["min"].sum()).reindex(range(len(places)), fill_value=0).to_numpy(float)
    share = np.clip(np.divide(taken, whole, out=np.ones(len(places)), where=whole > 0), 0, 1)
    is_switch = np.diff(either["what"].to_numpy()) != 0
    is_switch &= np.diff(number) == 0
    switches = np.bincount(number[1:][is_switch], minlength=len(places))
    is_within = is_switch & (np.diff(either["round"].to_numpy()) == 0)
    caught = either.assign(place=number).iloc[1:][is_within].drop_duplicates(["place", "round"])["place"]
    within = np.bincount(caught, minlength=len(places))
    chance = stats.binom.sf(within - 1, switches, share)
    return places, at_once | ((within >= 2) & (chance < _CHANCE))


def _time_of_both(served: pd.DataFrame) -> tuple[Ints, Ints]:
    """Pieces of time in which both certificates were served: the pair of each, and its length."""
    pair, what = np.tile(served["pair"], 2), np.tile(served["what"], 2)
    at = np.r_[served["begin"], served["end"]].astype(np.int64)
    step = np.r_[np.ones(len(served), np.int64), np.full(len(served), -1)]
    order = np.lexsort((at, pair))
    pair, at, what, step = pair[order], at[order], what[order], step[order]
    both = (np.cumsum(step * (what == _OLD)) > 0) & (np.cumsum(step * (what == _NEW)) > 0)
    lengths = np.diff(at, append=at[-1:])
    return pair[both].astype(np.int64), lengths[both]
