"""NumPy arrays of numbers and instants: their types, and the operations that several analyses share.

Instants are int64 microseconds since 1970; `NULL` is the bit pattern of NaT.
"""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Texts = NDArray[np.object_]

NULL: Final = int(np.iinfo(np.int64).min)
"""The null of arrays of instants or lengths of time."""


def instants(values: pd.Series) -> Ints:
    """Instants as int64 microseconds since 1970, `NULL` for null."""
    return values.to_numpy("datetime64[us]").view(np.int64)


def as_instants(values: Ints) -> pd.Series:
    """Microseconds since 1970 as instants, `NULL` as null; the inverse of `instants`."""
    return pd.Series(values.view("datetime64[us]")).dt.tz_localize("UTC")


def first_and_last(numbers: Ints, count: int) -> tuple[Ints, Ints]:
    """The first and the last position of each number from 0 to `count` − 1; −1 for a number that does not occur."""
    first, last = np.full(count, -1), np.full(count, -1)
    positions = np.arange(len(numbers))
    first[numbers[::-1]] = positions[::-1]
    last[numbers] = positions
    return first, last


def concatenated_ranges(lo: Ints, hi: Ints) -> tuple[Ints, Ints]:
    """All positions from each `lo` to its `hi` (exclusive), and for each position the number of its range."""
    lengths = np.maximum(hi - lo, 0)
    owner = np.repeat(np.arange(len(lo)), lengths)
    begins = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) - begins[owner] + lo[owner], owner


def edges_of_runs(*columns: Ints) -> Ints:
    """The position at which each run of rows that agree in all columns begins, and the number of rows."""
    begins = np.zeros(len(columns[0]) + 1, bool)
    begins[[0, -1]] = True
    for column in columns:
        begins[1:-1] |= column[1:] != column[:-1]
    return np.flatnonzero(begins)


def run_around(edges: Ints, positions: Ints) -> tuple[Ints, Ints]:
    """For each position where its run begins, and where the next one does."""
    after = np.searchsorted(edges, positions, "right")
    return edges[after - 1], edges[after]
