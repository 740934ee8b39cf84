"""Succession: the certificates of each slot in the order in which they were in service.

A *period* is the time in which a slot showed a certificate without a roll-back in between. A certificate that a
roll-back brought back has a period before and another one after it (`toolkit.analyse.rotation.rollbacks`).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import NULL, Bools, Ints, concatenated_ranges, first_and_last, instants
from toolkit.analyse.slots import SlotLooks

_LAST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Alternation:
    """The looks that showed A or B of each pair, from B's first to A's last, one pair after another in time order.

    They decide whether B was rolled back to A, and whether rounds are sticky. Per look: `position` (among all looks),
    `pair`, and `is_new` (it showed B).
    """

    position: Ints
    pair: Ints
    is_new: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Succession:
    """The looks of all slots, the periods that they show, and the pairs of successive periods.

    Per look: `shown`, the number of its period. Per period: `slot` and `leaf` (numbers of `looks`), `ordinal` (0: the
    first period of that certificate in the slot), `first` and `last` (positions of looks). `order`: the periods of one
    slot after another, as they succeed each other. Per pair, in slots whose key type is known: `old` and `new`
    (periods), `is_ambiguous`, and looks of `alternation`.
    """

    looks: SlotLooks
    shown: Ints
    slot: Ints
    leaf: Ints
    ordinal: Ints
    first: Ints
    last: Ints
    order: Ints
    old: Ints
    new: Ints
    is_ambiguous: Bools
    alternation: Alternation


def order_certificates(looks: SlotLooks) -> Succession:
    """The certificates of each slot as one period each: by `not_before` (unknown: last), first sighting and hash."""
    leaves = max(len(looks.leaves), 1)
    shown, codes = pd.factorize(looks.slot * leaves + looks.leaf)
    slot, leaf = np.asarray(codes) // leaves, np.asarray(codes) % leaves
    first, last = first_and_last(shown, len(slot))
    begins = instants(looks.facts["not_before"])
    begins = np.where(begins == NULL, _LAST, begins)
    by_hash = np.empty(len(looks.leaves), np.int64)
    by_hash[np.argsort(looks.leaves.to_numpy(object), kind="stable")] = np.arange(len(looks.leaves))
    order = np.lexsort((by_hash[leaf], looks.at[first], begins[leaf], slot))
    ordinal = np.zeros(len(slot), np.int64)
    is_unclear = np.zeros(max(len(order) - 1, 0), bool)
    return link_periods(
        looks, order, is_unclear,
        shown=shown, slot=slot, leaf=leaf, ordinal=ordinal, first=first, last=last,
    )  # fmt: skip


def link_periods(
    looks: SlotLooks, order: Ints, is_unclear: Bools,
    *, shown: Ints, slot: Ints, leaf: Ints, ordinal: Ints, first: Ints, last: Ints,
) -> Succession:  # fmt: skip
    """The succession of the periods in this order; the arrays after `is_unclear` are those of `Succession`.

    There are no pairs in slots whose key type is unknown: there may be several. A pair is ambiguous if the first
    periods of two certificates follow each other, and the successor was seen first; and where `is_unclear`, which has
    an entry for each two neighbours in the order.
    """
    is_pair = (slot[order[1:]] == slot[order[:-1]]) & looks.is_type_known[slot[order[1:]]]
    old, new = order[:-1][is_pair], order[1:][is_pair]
    is_reversed = (looks.at[first[new]] < looks.at[first[old]]) & (ordinal[new] == 0) & (ordinal[old] == 0)
    is_ambiguous = is_reversed | is_unclear[is_pair]
    position, pair = concatenated_ranges(first[new], last[old] + 1)
    is_new = shown[position] == new[pair]
    either = is_new | (shown[position] == old[pair])
    alternation = Alternation(position[either], pair[either], is_new[either])
    return Succession(looks, shown, slot, leaf, ordinal, first, last, order, old, new, is_ambiguous, alternation)
