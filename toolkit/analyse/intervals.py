"""Intervals of shares that were counted in independent draws: looks at a service, or runs of a simulation."""

import numpy as np
from scipy import special

from toolkit.analyse.arrays import Floats, Ints
from toolkit.sampling import MISS


def share_interval(shown: Ints, looks: Ints) -> tuple[Floats, Floats]:
    """Two-sided 95 % interval of a mean share (Clopper and Pearson 1934), from `shown` of `looks` independent draws.

    >>> [round(float(end[0]), 3) for end in share_interval(np.array([0]), np.array([12]))]
    [0.0, 0.265]
    """
    half = MISS / 2
    low = np.where(shown == 0, 0.0, special.betaincinv(np.maximum(shown, 1), looks - shown + 1, half))
    high = np.where(shown == looks, 1.0, special.betainccinv(shown + 1, np.maximum(looks - shown, 1), half))
    return low, high
