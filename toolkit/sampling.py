"""How many independent looks a claim about a share of the fleet needs.

Looks are independent draws from a fleet; a look shows a certificate with the share of the fleet that serves it.
"""

import math
from functools import cache
from numbers import Real
from typing import Final

from toolkit.errors import UsageError

MISS: Final = 0.05
"""The chance at which a claim may be wrong: every claim is one-sided at 95 %."""

MIN_SHARE: Final = 0.05
"""The resolution of a claim unless the caller says otherwise: what holds less than this share may stay unseen."""

LEAST_SHARE: Final = 1e-9
"""The finest resolution of a claim: it takes three thousand million looks."""


def chance_of_seeing(share: float, looks: int) -> float:
    """The chance that at least one of `looks` looks shows a certificate that holds `share` of the fleet.

    >>> round(chance_of_seeing(0.001, 12), 3)
    0.012
    """
    return -math.expm1(looks * math.log1p(-share)) if share < 1 else float(looks > 0)


@cache
def looks_needed(min_share: float) -> int:
    """How many looks without a certificate say that its share is below `min_share` (n of the statistics).

    >>> [looks_needed(share) for share in (1, 0.5, 0.2, 0.05, 0.01)]
    [1, 5, 14, 59, 299]
    """
    check_share(min_share)
    return 1 if min_share == 1 else math.ceil(math.log(MISS) / math.log1p(-min_share))


@cache
def looks_needed_again(min_share: float, attempt: int) -> int:
    """How many looks in a row the `attempt`-th try needs when a watcher claims as soon as he can (n_j).

    A try begins with a fresh round; `attempt` is 1 + the rounds that showed the old certificate since the new one
    was first seen. The tries share the 5 %: a / (j (j + 1)) sums to a.

    >>> [looks_needed_again(0.05, attempt) for attempt in (1, 2, 3)]
    [72, 94, 107]
    """
    check_share(min_share)
    if attempt < 1:
        raise UsageError(f"attempt={attempt}: tries are counted from 1.")
    return 1 if min_share == 1 else math.ceil(math.log(MISS / (attempt * (attempt + 1))) / math.log1p(-min_share))


@cache
def looks_needed_in_all(min_share: float) -> int:
    """How many looks on both sides together bound an overlap: the least k with P(Bin(k, x) ≤ 1) ≤ 5 %.

    >>> [looks_needed_in_all(share) for share in (1, 0.5, 0.2, 0.05, 0.01)]
    [2, 8, 22, 93, 473]
    """
    check_share(min_share)
    if min_share == 1:
        return 2
    too_few = looks_needed(min_share) - 1
    enough = 3 * looks_needed(min_share)  # two of the thirds would have to miss: 3 · 0.05² at most
    while enough - too_few > 1:
        looks = (too_few + enough) // 2
        # (1 − x)^k + k x (1 − x)^(k − 1), without losing a small x beside 1.
        chance = math.exp((looks - 1) * math.log1p(-min_share)) * (1 + (looks - 1) * min_share)
        too_few, enough = (looks, enough) if chance > MISS else (too_few, looks)
    return enough


def check_share(min_share: object) -> None:
    """`UsageError` where it is no share that looks could tell."""
    if not isinstance(min_share, Real) or not 0 < float(min_share) <= 1:
        raise UsageError(
            f"min_share={min_share!r}: a share is above 0 and at most 1 (1: one machine answers); "
            f"give a number such as {MIN_SHARE}."
        )
    if float(min_share) < LEAST_SHARE:
        raise UsageError(
            f"min_share={min_share!r}: no number of looks tells so small a share; give at least {LEAST_SHARE:g}."
        )
