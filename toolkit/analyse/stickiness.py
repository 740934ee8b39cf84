"""Stickiness: whether looks of one round agree more than independent looks would."""

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.analyse.bounds import stretches
from toolkit.analyse.visits import Succession

_SUSPECT = 0.001
"""The chance at which independence is given up: rarer than the claims' 5 %, because it discredits them."""

_FEWEST = 3
"""Comparisons of rounds that it takes to say anything."""


def suspect_stickiness(found: Succession) -> pd.Series:
    """For each pair: do the looks of one round agree more than chance allows? Null with too few mixed rounds.

    While both certificates are shown, each round is compared with the next: if looks are independent, which of the
    two rounds showed the successor how often follows the hypergeometric distribution. Its standardised squares are
    summed (chi-square), less the greatest one, which a share that moves at once would explain.
    """
    old, new = found.old, found.new
    positions, owner = stretches(found.first[new], found.last[old] + 1)
    is_new = found.shown[positions] == new[owner]
    either = is_new | (found.shown[positions] == old[owner])
    table = pd.DataFrame({"pair": owner, "round": found.looks.round[positions], "new": is_new, "at": positions})[either]
    rounds = table.groupby(["pair", "round"], sort=False).agg(
        looks=("new", "size"), new=("new", "sum"), at=("at", "min")
    )
    rounds = rounds[rounds["looks"] >= 2].reset_index().sort_values(["pair", "at"], ignore_index=True)
    is_first = rounds.groupby("pair").cumcount() % 2 == 0
    one = rounds[is_first].reset_index(drop=True)
    other = rounds.shift(-1)[is_first].reset_index(drop=True)
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
