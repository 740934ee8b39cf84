"""Stickiness: whether looks of one round agree more than independent looks would."""

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.analyse.bounds import Ints, stretches
from toolkit.analyse.looks import first_and_last

_SUSPECT = 0.001
"""The chance at which independence is given up: rarer than the claims' 5 %, because it discredits them."""

_FEWEST = 3
"""Comparisons of rounds that it takes to say anything."""


def suspect_stickiness(shown: Ints, rounds: Ints, old: Ints, new: Ints) -> pd.Series:
    """For each pair (`old`, `new`, as numbered in `shown`): do looks of one round agree more than chance allows?

    Null with too few rounds that can tell.

    While both certificates are shown, each round is compared with the next: if looks are independent, which of the
    two rounds showed the successor how often follows the hypergeometric distribution. Its standardised squares are
    summed (chi-square), less the greatest one, which a share that moves at once would explain.
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
    is_first = counts.groupby("pair").cumcount() % 2 == 0
    one = counts[is_first].reset_index(drop=True)
    other = counts.shift(-1)[is_first].reset_index(drop=True)
    same = one["pair"] == other["pair"]
    one, other = one[same], other[same]
    looks = one["looks"] + other["looks"]
    shown = one["new"] + other["new"]
    spread = one["looks"] * other["looks"] * shown * (looks - shown) / (looks**2 * (looks - 1))
    mixed = spread > 0
    square = ((one["new"] - one["looks"] * shown / looks) ** 2)[mixed] / spread[mixed]
    by_pair = square.groupby(one.loc[mixed, "pair"])
    count = by_pair.size().reindex(range(len(old)), fill_value=0).to_numpy()
    rest = (by_pair.sum() - by_pair.max()).reindex(range(len(old)), fill_value=0.0).to_numpy(float)
    chance = stats.chi2.sf(rest, np.maximum(count - 1, 1))
    return pd.Series(chance <= _SUSPECT, dtype="boolean").where(count >= _FEWEST)
