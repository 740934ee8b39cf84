"""Sample sizes: how many independent looks a confidence bound on a share of a service's backends needs.

Looks are independent draws from the backends of a service; a look shows a certificate with a probability equal to the
share of the backends that serve it. All bounds are one-sided exact binomial bounds.
"""

import math
from functools import cache
from numbers import Real
from typing import Final

from toolkit.errors import UsageError

MISS: Final = 0.05
"""The probability that a bound does not hold: every bound is one-sided at 95 %."""

STRICT: Final = 0.001
"""The significance level of a test whose result is stated as certain, or decides whether the bounds hold at all."""

MIN_SHARE: Final = 0.05
"""The default of `min_share`: a certificate with a smaller share may stay unseen."""

LEAST_SHARE: Final = 1e-9
"""The smallest `min_share`: it needs 3 billion looks."""


def chance_of_seeing(share: float, looks: int) -> float:
    """The probability that at least one of `looks` looks shows a certificate that `share` of the backends serve.

    >>> round(chance_of_seeing(0.001, 12), 3)
    0.012
    """
    return -math.expm1(looks * math.log1p(-share)) if share < 1 else float(looks > 0)


@cache
def looks_needed(min_share: float) -> int:
    """How many looks without a certificate bound its share x below `min_share`: the least n with (1 − x)^n ≤ 5 %.

    >>> [looks_needed(share) for share in (1, 0.5, 0.2, 0.05, 0.01)]
    [1, 5, 14, 59, 299]
    """
    check_share(min_share)
    return 1 if min_share == 1 else math.ceil(math.log(MISS) / math.log1p(-min_share))


@cache
def looks_needed_again(min_share: float, attempt: int) -> int:
    """How many looks in a row the `attempt`-th test of a sequential test needs to bound the share below `min_share`.

    Each test begins with a new round; `attempt` is 1 + the number of rounds that showed the old certificate since the
    new one was first seen. The j-th test has the significance level 5 % / (j (j + 1)), which sums to 5 %.

    >>> [looks_needed_again(0.05, attempt) for attempt in (1, 2, 3)]
    [72, 94, 107]
    """
    check_share(min_share)
    if attempt < 1:
        raise UsageError(f"attempt={attempt}: attempts are counted from 1.")
    return 1 if min_share == 1 else math.ceil(math.log(MISS / (attempt * (attempt + 1))) / math.log1p(-min_share))


@cache
def looks_needed_in_all(min_share: float) -> int:
    """How many looks before and after together bound an overlap: the least k with P(Bin(k, x) ≤ 1) ≤ 5 %.

    >>> [looks_needed_in_all(share) for share in (1, 0.5, 0.2, 0.05, 0.01)]
    [2, 8, 22, 93, 473]
    """
    check_share(min_share)
    if min_share == 1:
        return 2
    too_few = looks_needed(min_share) - 1
    enough = 3 * looks_needed(min_share)  # at least two of the three thirds would have to miss: at most 3 · 0.05²
    while enough - too_few > 1:
        looks = (too_few + enough) // 2
        # (1 − x)^k + k x (1 − x)^(k − 1), computed so that a small x is not lost next to 1.
        chance = math.exp((looks - 1) * math.log1p(-min_share)) * (1 + (looks - 1) * min_share)
        too_few, enough = (looks, enough) if chance > MISS else (too_few, looks)
    return enough


def check_share(min_share: object) -> None:
    """Raise `UsageError` unless `min_share` is a number from `LEAST_SHARE` to 1."""
    if not isinstance(min_share, Real) or not 0 < float(min_share) <= 1:
        raise UsageError(
            f"min_share={min_share!r}: a share is above 0 and at most 1 (1: one backend answers); "
            f"give a number such as {MIN_SHARE}."
        )
    if float(min_share) < LEAST_SHARE:
        raise UsageError(
            f"min_share={min_share!r}: so small a share would take too many looks; give at least {LEAST_SHARE:g}."
        )
