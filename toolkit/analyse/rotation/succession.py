"""Succession: the certificates of each slot in the order in which they were in service.

A *period* is the time in which a slot showed a certificate without a roll-back in between. A certificate that a
roll-back brought back has a period before and another one after it.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import NULL, Bools, Ints, first_and_last, instants
from toolkit.analyse.rotation.rollbacks import ByRound, Neighbours, Periods, number_periods
from toolkit.analyse.rotation.stickiness import compare_rounds
from toolkit.analyse.slots import SlotLooks, certificate_facts, find_slot_looks
from toolkit.tables import Tables

_LAST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Succession:
    """The looks of all slots, the periods that they show, and the pairs of successive periods.

    Per look: `shown`, the number of its period. Per period: `slot` and `leaf` (numbers of `looks`), `ordinal` (0: the
    first period of that certificate in the slot), `first` and `last` (positions of looks). Per pair, in slots whose
    key type is known: `old` and `new` (periods), and `is_ambiguous`.
    """

    looks: SlotLooks
    shown: Ints
    slot: Ints
    leaf: Ints
    ordinal: Ints
    first: Ints
    last: Ints
    old: Ints
    new: Ints
    is_ambiguous: Bools


def find_succession(tables: Tables, min_share: float, *, sticky: bool) -> Succession:
    """The succession of the tables' slots: certificates by `not_before`, first sighting and hash, unless rolled back.

    Roll-backs are decided by single looks in pairs of which some round showed both certificates. Otherwise, with
    `sticky`, and where stickiness is suspected, only the first look of each round counts: looks of a round that always
    agree may all have reached one backend.
    """
    looks = find_slot_looks(tables)
    leaves = max(len(looks.leaves), 1)
    shown, codes = pd.factorize(looks.slot * leaves + looks.leaf)
    slot, leaf = np.asarray(codes) // leaves, np.asarray(codes) % leaves
    first, last = first_and_last(shown, len(slot))
    order = _by_validity(tables, looks, slot, leaf, first)
    old, new = _pairs_in_slots(order, slot, looks)
    is_reversed = looks.at[first[new]] < looks.at[first[old]]
    unsplit = Succession(looks, shown, slot, leaf, np.zeros(len(slot), np.int64), first, last, old, new, is_reversed)
    rounds = compare_rounds(shown, looks.round, old, new)
    is_suspected = rounds["is_sticky_suspected"].fillna(value=False).to_numpy(bool)
    is_first = looks.round_first == np.arange(len(looks.at))
    by_round = ByRound(is_first, is_suspected | ~rounds["has_mixed_rounds"].to_numpy(bool) | sticky)
    periods = number_periods(Neighbours(shown, looks.slot, old, new), by_round, min_share)
    return _split_at_rollbacks(unsplit, order, periods) if periods.splits else unsplit


def _split_at_rollbacks(found: Succession, order: Ints, periods: Periods) -> Succession:
    """The succession of periods instead of certificates. Slots without a roll-back keep their order."""
    most = int(periods.ordinal.max()) + 1
    shown, codes = pd.factorize(found.shown * most + periods.ordinal)
    certificate, ordinal = np.asarray(codes) // most, np.asarray(codes) % most
    first, last = first_and_last(shown, len(certificate))
    slot = found.slot[certificate]
    first_period = {int(c): n for n, (c, k) in enumerate(zip(certificate, ordinal, strict=True)) if k == 0}
    is_newer_first = {pair for pair in periods.splits if first[first_period[pair[1]]] < first[first_period[pair[0]]]}
    in_order = _in_order_of_service([first_period[int(one)] for one in order], certificate, is_newer_first)
    # A later period follows the period that the slot showed just before it.
    follower = dict(pairwise(in_order))
    again = np.flatnonzero(ordinal > 0)
    for one in again[np.argsort(first[again])].tolist():
        before = int(shown[first[one] - 1])
        if before in follower:
            follower[one] = follower[before]
        follower[before] = one
    sequence = in_order[:1]
    while sequence[-1] in follower:
        sequence.append(follower[sequence[-1]])
    old, new = _pairs_in_slots(np.array(sequence), slot, found.looks)
    is_reversed = (found.looks.at[first[new]] < found.looks.at[first[old]]) & (ordinal[new] == 0) & (ordinal[old] == 0)
    is_unclear = _is_unclear_rollback(periods, certificate, ordinal, old, new)
    return Succession(
        found.looks, shown, slot, found.leaf[certificate], ordinal, first, last, old, new, is_unclear | is_reversed
    )


def _is_unclear_rollback(periods: Periods, certificate: Ints, ordinal: Ints, old: Ints, new: Ints) -> Bools:
    """Whether a pair is at an ambiguous roll-back: it is the pair that was split, or the step back, or leads to it."""
    unclear = {pair for pair, is_ambiguous in periods.splits.items() if is_ambiguous}
    unclear |= {(b, a) for a, b in unclear}
    involved = {one for pair in unclear for one in pair}
    is_unclear = [
        (int(certificate[a]), int(certificate[b])) in unclear or (ordinal[b] > 0 and int(certificate[b]) in involved)
        for a, b in zip(old, new, strict=True)
    ]
    return np.array(is_unclear, bool)


def _in_order_of_service(
    first_periods: list[int], certificate: Ints, is_newer_first: set[tuple[int, int]]
) -> list[int]:
    """Neighbours swapped where the newer certificate was in service first and the older one came in between."""
    for i in range(len(first_periods) - 1):
        if (int(certificate[first_periods[i]]), int(certificate[first_periods[i + 1]])) in is_newer_first:
            first_periods[i], first_periods[i + 1] = first_periods[i + 1], first_periods[i]
    return first_periods


def _by_validity(tables: Tables, looks: SlotLooks, slot: Ints, leaf: Ints, first: Ints) -> Ints:
    """The certificates of each slot in the order of `not_before` (unknown: last), first sighting and hash."""
    begins = instants(certificate_facts(tables, looks.leaves, ["not_before"])["not_before"])
    begins = np.where(begins == NULL, _LAST, begins)
    by_hash = np.empty(len(looks.leaves), np.int64)
    by_hash[np.argsort(looks.leaves.to_numpy(object), kind="stable")] = np.arange(len(looks.leaves))
    return np.lexsort((by_hash[leaf], looks.at[first], begins[leaf], slot))


def _pairs_in_slots(order: Ints, slot: Ints, looks: SlotLooks) -> tuple[Ints, Ints]:
    """Successive periods of one slot. No pairs if its key type is unknown: there may be several."""
    is_pair = (slot[order[1:]] == slot[order[:-1]]) & looks.is_type_known[slot[order[1:]]]
    return order[:-1][is_pair], order[1:][is_pair]
