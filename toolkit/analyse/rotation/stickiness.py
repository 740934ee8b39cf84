"""Stickiness: whether the looks of one round agree more often than independent looks would.

A load balancer with source affinity ("sticky") sends all looks of a round to one backend. Looks are then not
independent, and the confidence bounds of `find_rotations` do not hold unless rounds are counted (`sticky=True`).

Method: hypergeometric comparison of successive rounds, combined by chi-square; and binomial counts of rounds that
agree on the successor and are followed by rounds that agree on the predecessor.
"""

from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from toolkit.analyse.arrays import Floats
from toolkit.analyse.rotation.succession import Succession
from toolkit.sampling import STRICT

_FEWEST: Final = 3
"""Comparisons of rounds below which the result is null."""


def compare_rounds(found: Succession) -> pd.DataFrame:
    """Test each pair by the rounds between B's first and A's last look.

    `is_sticky_suspected` (boolean): looks of one round agree more often than independent looks would; null with too
    few rounds that show it. `has_mixed_rounds` (bool): some round showed both, so its looks did not all reach one
    backend.

    While both certificates are shown, each round is compared with the next. If looks are independent, the number of
    looks of either round that showed the successor follows the hypergeometric distribution. Its standardised squares
    are summed (chi-square), without the greatest one, which a share that changes at once would explain. If no round
    showed both, rounds that showed only B before a round that showed only A are counted instead.
    """
    pairs, both = len(found.old), found.alternation
    rounds = found.looks.round[both.position]
    table = pd.DataFrame({"pair": both.pair, "round": rounds, "new": both.is_new, "at": both.position})
    counts = table.groupby(["pair", "round"], sort=False).agg(
        looks=("new", "size"), new=("new", "sum"), at=("at", "min")
    )
    counts = counts[counts["looks"] >= 2].reset_index().sort_values(["pair", "at"], ignore_index=True)
    mixed_rounds = counts.loc[(counts["new"] > 0) & (counts["new"] < counts["looks"]), "pair"]
    is_first = counts.groupby("pair").cumcount() % 2 == 0
    one = counts[is_first].reset_index(drop=True)
    other = counts.shift(-1)[is_first].reset_index(drop=True)
    same = one["pair"] == other["pair"]
    one, other = one[same], other[same]
    looks = one["looks"] + other["looks"]
    of_both = one["new"] + other["new"]
    spread = one["looks"] * other["looks"] * of_both * (looks - of_both) / (looks**2 * (looks - 1))
    mixed = spread > 0
    square = ((one["new"] - one["looks"] * of_both / looks) ** 2)[mixed] / spread[mixed]
    by_pair = square.groupby(one.loc[mixed, "pair"])
    count = by_pair.size().reindex(range(pairs), fill_value=0).to_numpy()
    rest = (by_pair.sum() - by_pair.max()).reindex(range(pairs), fill_value=0.0).to_numpy(float)
    chance = special.chdtrc(np.maximum(count - 1, 1), np.maximum(rest, 0.0))
    suspected = (chance <= STRICT) & (count >= _FEWEST) | (_chance_of_falls(counts, pairs) <= STRICT)
    return pd.DataFrame(
        {
            "is_sticky_suspected": pd.Series(suspected, dtype="boolean").where(suspected | (count >= _FEWEST)),
            "has_mixed_rounds": np.isin(np.arange(pairs), mixed_rounds),
        }
    )


def _chance_of_falls(counts: pd.DataFrame, pairs: int) -> Floats:
    """For each pair the probability of at least as many rounds with only B that are followed by a round with only A.

    With independent looks, m in each round, and a share of B that does not fall, each has a probability below 4^-m.
    """
    after = counts.shift(-1)
    steps = counts.assign(least=np.minimum(counts["looks"], after["looks"]))[counts["pair"] == after["pair"]]
    falls = (steps["new"] == steps["looks"]) & (after["new"].reindex(steps.index) == 0)
    number = falls.groupby(steps["pair"]).sum().reindex(range(pairs), fill_value=0).to_numpy()
    tries = steps.groupby("pair").size().reindex(range(pairs), fill_value=0).to_numpy()
    looks = steps["least"].groupby(steps["pair"]).min().reindex(range(pairs), fill_value=1).to_numpy(float)
    return np.asarray(special.bdtrc(number - 1, tries, 0.25**looks), np.float64)


def suspect_stickiness(found: Succession, rounds: pd.DataFrame) -> pd.Series:
    """`is_sticky_suspected` (boolean) of each pair, from all pairs of its service; `rounds` is by `compare_rounds`.

    The result of `compare_rounds`, and two more inferences from all pairs of a service:

    - True for all pairs of a service where no round, while both certificates of a pair were shown, showed both at one
      address, and yet the share of a successor fell from one round there to the next, from all looks to none: once in
      rounds of three looks or more, or twice in rounds of two or more. For independent looks at a share that never
      falls the first has a probability of at most 4^-3 (two rounds at one half), the second of at most 6 * 2^-10 (five
      rounds at one half), together 2.2 % for a service with any number of rotations: each rotation that takes several
      rounds must be unanimous by chance. None of 1,132 simulated services without affinity (2 to 20 backends, 2 to 12
      looks a round, three to eleven rotations each) was suspected.
    - A pair that is null by itself takes the result of the service's other pairs: true if one is suspected, false if
      one is not. A round that showed both shows that its looks did not all reach one backend.

    Null where the looks do not decide: single looks, or each certificate replaced in one step in every rotation of the
    service, which a service of one backend does as well.
    """
    suspected, pairs = rounds["is_sticky_suspected"], len(found.old)
    if not pairs:
        return suspected
    counts = _count_at_addresses(found)
    by_service = found.looks.slots.groupby(["service", "host"], dropna=False).ngroup().to_numpy()
    service = pd.Series(by_service[found.slot[found.old]])
    is_mixed = (counts["new"] > 0) & (counts["new"] < counts["looks"])
    mixed = pd.Series(np.isin(np.arange(pairs), counts.loc[is_mixed, "pair"]))
    falls = _falls(counts, pairs).groupby(service).transform("sum") >= 2
    falls |= _falls(counts[counts["looks"] >= 3], pairs).groupby(service).transform("sum") >= 1
    suspected = suspected.mask(falls & ~mixed.groupby(service).transform("any"), other=True)
    suspected = suspected.mask(suspected.isna() & mixed, other=False)
    return suspected.fillna(suspected.groupby(service).transform("max"))


def _count_at_addresses(found: Succession) -> pd.DataFrame:
    """Looks at A or B (`looks`) and at B (`new`) of each `pair`, `address` and round of two or more of them, in order.

    Whole rounds, from the one that showed B first to the one that showed A last: the looks before B's first and after
    A's last in those rounds count, otherwise such a round would seem to agree.
    """
    looks, old, new = found.looks, found.old, found.new
    since, until = looks.round_first[found.first[new]], looks.round_last[found.last[old]]
    parts = []
    for side, is_new in ((old, False), (new, True)):
        pair_of = np.full(len(found.slot), -1)
        pair_of[side] = np.arange(len(side))
        pair = pair_of[found.shown]
        at = np.flatnonzero(pair >= 0)
        at = at[(since[pair[at]] <= at) & (at <= until[pair[at]])]
        place = {"address": looks.address[at], "round": looks.round_first[at]}
        parts.append(pd.DataFrame({"pair": pair[at], **place, "new": is_new}))
    counts = pd.concat(parts).groupby(["pair", "address", "round"])["new"].agg(looks="size", new="sum").reset_index()
    return counts[counts["looks"] >= 2]


def _falls(counts: pd.DataFrame, pairs: int) -> pd.Series:
    """For each pair: how often a round that showed only B is followed, at its address, by one that showed only A."""
    after = counts.shift(-1)
    same = (counts["pair"] == after["pair"]) & (counts["address"] == after["address"])
    fell = counts.loc[same & (counts["new"] == counts["looks"]) & (after["new"] == 0), "pair"]
    return fell.value_counts().reindex(range(pairs), fill_value=0)
