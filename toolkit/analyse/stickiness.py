"""Stickiness: whether looks of one round agree more than independent looks would."""

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.analyse.bounds import Floats, Ints, stretches
from toolkit.analyse.looks import first_and_last

_SUSPECT = 0.001
"""The chance at which independence is given up: rarer than the claims' 5 %, because it discredits them."""

_FEWEST = 3
"""Comparisons of rounds that it takes to say anything."""


def compare_rounds(shown: Ints, rounds: Ints, old: Ints, new: Ints) -> pd.DataFrame:
    """For each pair (`old`, `new`, as numbered in `shown`) what the rounds between B's first and A's last look say.

    `is_sticky_suspected` (boolean): looks of one round agree more than chance allows; null with too few rounds that
    can tell. `has_mixed_rounds` (bool): some round showed both, so its looks did not stick to one machine.

    While both certificates are shown, each round is compared with the next: if looks are independent, which of the
    two rounds showed the successor how often follows the hypergeometric distribution. Its standardised squares are
    summed (chi-square), less the greatest one, which a share that moves at once would explain. Where no round showed
    both, one that showed only B before one that showed only A says the same.
    """
    first, last = first_and_last(shown, int(shown.max(initial=-1)) + 1)
    positions, owner = stretches(first[new], last[old] + 1)
    is_new = shown[positions] == new[owner]
    either = is_new | (shown[positions] == old[owner])
    table = pd.DataFrame({"pair": owner, "round": rounds[positions], "new": is_new, "at": positions})[either]
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
    count = by_pair.size().reindex(range(len(old)), fill_value=0).to_numpy()
    rest = (by_pair.sum() - by_pair.max()).reindex(range(len(old)), fill_value=0.0).to_numpy(float)
    chance = stats.chi2.sf(rest, np.maximum(count - 1, 1))
    suspected = (chance <= _SUSPECT) & (count >= _FEWEST) | (_chance_of_falls(counts, len(old)) <= _SUSPECT)
    return pd.DataFrame(
        {
            "is_sticky_suspected": pd.Series(suspected, dtype="boolean").where(suspected | (count >= _FEWEST)),
            "has_mixed_rounds": np.isin(np.arange(len(old)), mixed_rounds),
        }
    )


def _chance_of_falls(counts: pd.DataFrame, pairs: int) -> Floats:
    """For each pair: the chance of so many rounds with nothing but B that are followed by one with nothing but A.

    With independent looks, m in each round, and a share of B that does not fall, each has a chance below 4^-m.
    """
    after = counts.shift(-1)
    steps = counts.assign(least=np.minimum(counts["looks"], after["looks"]))[counts["pair"] == after["pair"]]
    falls = (steps["new"] == steps["looks"]) & (after["new"].reindex(steps.index) == 0)
    number = falls.groupby(steps["pair"]).sum().reindex(range(pairs), fill_value=0).to_numpy()
    tries = steps.groupby("pair").size().reindex(range(pairs), fill_value=0).to_numpy()
    looks = steps["least"].groupby(steps["pair"]).min().reindex(range(pairs), fill_value=1).to_numpy(float)
    return np.asarray(stats.binom.sf(number - 1, tries, 0.25**looks), np.float64)
