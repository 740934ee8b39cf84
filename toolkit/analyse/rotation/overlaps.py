"""Certain overlaps: for how long both certificates of a pair were in service at least.

Looks that alternate between A and B at one address have two readings: two backends, or one backend that was switched
to B and back. With one backend there is no overlap, however long the looks alternate. So an overlap is certain only
where the looks rule out that reading.

Method: intervals between equal looks at one address; and a binomial test of how many rounds showed both certificates.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from toolkit.analyse.arrays import Bools, Ints, concatenated_ranges, edges_of_runs
from toolkit.analyse.rotation.succession import Succession
from toolkit.sampling import STRICT

_OLD, _NEW = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Runs of equal looks: successive looks of a slot at one address that showed one certificate in one period.

    Per look: `at` and `round`. The looks of one slot at one address (a *place*) follow each other in time order.
    Per run, in the same order: `place`, `shown` (its period), and its looks from `first` to `last`.
    """

    at: Ints
    round: Ints
    place: Ints
    shown: Ints
    first: Ints
    last: Ints


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
    runs = _find_runs(found, found.slot[old[pairs]])
    shown = _runs_of_pairs(runs, found, pairs)
    of_runs = shown[["pair", "what", "begin", "end"]]
    served = pd.concat([of_runs, _at_several_backends(shown, runs, begins, ends)], ignore_index=True)
    # Most time lies before the successor's first sighting or after the predecessor's last: one of the two is missing.
    served = served[_meets(served, begins, ends)]
    np.add.at(overlaps, *_time_of_both(served))
    return overlaps


def _find_runs(found: Succession, slots: Ints) -> Runs:
    """The runs at the addresses of these slots."""
    looks = found.looks
    is_wanted = np.zeros(len(looks.slots), bool)
    is_wanted[slots] = True
    position = np.flatnonzero(is_wanted[looks.slot])
    place = looks.slot[position] * (int(looks.address.max()) + 1) + looks.address[position]
    order = np.argsort(place, kind="stable")
    position, place = position[order], place[order]
    shown = found.shown[position]
    edges = edges_of_runs(place, shown)
    first, last = edges[:-1], edges[1:] - 1
    return Runs(looks.at[position], looks.round[position], place[first], shown[first], first, last)


def _runs_of_pairs(runs: Runs, found: Succession, pairs: Ints) -> pd.DataFrame:
    """The runs of both certificates of each pair, in the order of pairs, places and time.

    Columns `pair`, `place` (numbers of the pair's places), `what`, `begin` and `end` (instants), `first` and `last`.
    """
    order = np.argsort(runs.shown, kind="stable")
    period = np.concatenate([found.old[pairs], found.new[pairs]])
    in_order = runs.shown[order]
    among, owner = concatenated_ranges(np.searchsorted(in_order, period), np.searchsorted(in_order, period, "right"))
    run, pair, is_new = order[among], np.tile(pairs, 2)[owner], owner >= len(pairs)
    order = np.lexsort((run, pair))
    run, pair, what = run[order], pair[order], np.where(is_new[order], _NEW, _OLD)
    place, first, last = runs.place[run], runs.first[run], runs.last[run]
    is_other_place = (pair[1:] != pair[:-1]) | (place[1:] != place[:-1])
    return pd.DataFrame(
        {
            "pair": pair,
            "place": np.cumsum(np.r_[0, is_other_place]),
            "what": what,
            "begin": runs.at[first],
            "end": runs.at[last],
            "first": first,
            "last": last,
        },
        copy=False,
    )


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


def _at_several_backends(shown: pd.DataFrame, runs: Runs, begins: Ints, ends: Ints) -> pd.DataFrame:
    """The times in which looks alternate at addresses with several backends, one row for each certificate."""
    either = shown[_has_several_backends(shown, runs, begins, ends)[shown["place"]]]
    if either.empty:
        return pd.DataFrame({name: pd.Series(dtype="int64") for name in ("pair", "what", "begin", "end")})
    seen = either.groupby(["place", "what"]).agg({"begin": "min", "end": "max"}).unstack("what")
    begin, end = both_shown(*(seen[of, what].to_numpy(np.int64) for what in (_OLD, _NEW) for of in ("begin", "end")))
    pair = either.drop_duplicates("place").set_index("place")["pair"].reindex(seen.index).to_numpy()
    spans = pd.DataFrame({"pair": pair, "begin": begin, "end": end})
    return pd.concat([spans[end > begin].assign(what=what) for what in (_OLD, _NEW)])


def _has_several_backends(shown: pd.DataFrame, runs: Runs, begins: Ints, ends: Ints) -> Bools:
    """Whether one backend is ruled out at each place of `shown`.

    If one backend is switched at k instants that are independent of the rounds, the number of switches within a round
    is binomial with the share of the time that rounds take.
    """
    place, what, begin, end, first, last = (
        shown[name].to_numpy() for name in ("place", "what", "begin", "end", "first", "last")
    )
    count = int(place[-1]) + 1
    switch = np.flatnonzero((np.diff(place) == 0) & (np.diff(what) != 0))
    switches = np.bincount(place[switch], minlength=count)
    at_once = np.isin(range(count), place[switch[begin[switch + 1] == end[switch]]])
    switch = switch[runs.round[first[switch + 1]] == runs.round[last[switch]]]
    caught = pd.DataFrame({"place": place[switch], "round": runs.round[last[switch]]}).drop_duplicates()
    within = np.bincount(caught["place"], minlength=count)
    # Few places have switches within two rounds, and only of these does the share matter.
    few = shown[within[place] >= 2]
    look, owner = concatenated_ranges(few["first"].to_numpy(), few["last"].to_numpy() + 1)
    looks = few[["place", "pair"]].iloc[owner].assign(round=runs.round[look], at=runs.at[look])
    spans = looks.groupby(["place", "round", "pair"], sort=False)["at"].agg(begin="min", end="max").reset_index()
    spans = spans[_meets(spans, begins, ends)]
    of_place = spans.groupby("place")
    whole = (of_place["end"].max() - of_place["begin"].min()).reindex(range(count), fill_value=0).to_numpy(float)
    taken = (of_place["end"].sum() - of_place["begin"].sum()).reindex(range(count), fill_value=0).to_numpy(float)
    share = np.clip(np.divide(taken, whole, out=np.ones(count), where=whole > 0), 0, 1)
    chance = special.bdtrc(within - 1, switches, share)
    return np.asarray(at_once | ((within >= 2) & (chance < STRICT)), bool)


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
