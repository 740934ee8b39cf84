"""Shares: how often each certificate was shown in a window of looks, with Clopper–Pearson intervals."""

from typing import Final, Literal

import numpy as np
import pandas as pd

from toolkit import columns
from toolkit.analyse.arrays import Ints, as_instants, stretches
from toolkit.analyse.rotation.bounds import share_below, share_interval
from toolkit.analyse.rotation.succession import Succession, find_succession
from toolkit.analyse.slots import SLOT, Looks, find_looks, first_of_rounds, joined_sources
from toolkit.errors import UsageError
from toolkit.sampling import MIN_SHARE
from toolkit.tables import Tables, require_tables

DTYPES: Final = {
    **dict.fromkeys([*SLOT, "address", "predecessor_sha256", "successor_sha256", "leaf_sha256"], "string"),
    **dict.fromkeys(["window_from_at", "window_until_at"], columns.DTYPES["instant"]),
    **dict.fromkeys(["looks", "leaf_looks"], "Int64"),
    **dict.fromkeys(["share", "share_min", "share_max", "share_below"], "Float64"),
    "source": "string",
}
"""Columns of `estimate_shares`, in order, and their dtypes."""


def estimate_shares(
    tables: Tables,
    *,
    window: str = "1D",
    by: Literal["line", "address", "rotation"] = "line",
    sticky: bool = False,
) -> pd.DataFrame:
    """The share of looks that each certificate got in each window: one row per line, window and leaf.

    `window` is a length as pandas writes it (`1D`, `6h`, `30min`); windows begin at whole multiples since
    1970-01-01 UTC, and hold their beginning, not their end. `by="address"` counts each address apart;
    `by="rotation"` gives the roll-out curve of each rotation: the windows from the last look before its successor
    was first seen to the first look after its predecessor was last seen, both leaves in each, zeros included.

    | column | dtype | meaning | null means |
    |---|---|---|---|
    | `service`, `host`, `server_name`, `key_type` | string | of the line | as in `find_sightings` |
    | `address` | string | IP address | not `by="address"`, or not known |
    | `predecessor_sha256`, `successor_sha256` | string | the rotation | not `by="rotation"` |
    | `leaf_sha256` | string | the certificate counted | never null |
    | `window_from_at`, `window_until_at` | instant | the window, end exclusive | never null |
    | `looks` | Int64 | looks (sticky: rounds) of the line in the window | never null |
    | `leaf_looks` | Int64 | those that showed the leaf | never null |
    | `share` | Float64 | `leaf_looks` / `looks` | never null |
    | `share_min`, `share_max` | Float64 | two-sided 95 % Clopper–Pearson for the window's mean | never null |
    | `share_below` | Float64 | one-sided 95 %: none in `looks` looks means less than this share | leaf was seen |
    | `source` | string | as in `find_sightings` | never null |

    The interval assumes independent looks. It is for the mean share over the looks of the window, at the vantage
    of the looks; a window without looks has no row. Raises `UsageError` for a window that is no length.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="smtps://submit.lab.test:465")
    >>> shares = toolkit.estimate_shares(tables, window="30D")
    >>> columns = ["window_from_at", "looks", "leaf_looks", "share", "share_max"]
    >>> print(toolkit.chart.tabulate(shares, columns=columns, rows=3))
    window_from_at looks leaf_looks share share_max
        2025-05-12     8          8     1         1
        2025-06-11    20         20     1         1
        2025-07-11    20         15  0.75     0.913
    … and 11 more rows
    """
    require_tables(tables, "estimate_shares")
    length = window_length(window)
    if by == "rotation":
        found = find_succession(tables, MIN_SHARE, sticky=sticky)
        looks, counted = found.looks, _count_rotations(found, length, sticky=sticky)
    elif by in ("line", "address"):
        looks = find_looks(tables)
        address = _addresses(tables, looks, by_address=by == "address")
        counted = _count_leaves(looks, address, length, sticky=sticky)
    else:
        raise UsageError(f'by={by!r}: "line", "address" or "rotation".')
    shown, of = counted["leaf_looks"].to_numpy(np.int64), counted["looks"].to_numpy(np.int64)
    low, high = share_interval(shown, of)
    sources = joined_sources(pd.DataFrame({"line": looks.line}), tables.observations["source"].iloc[looks.row])
    frame = pd.DataFrame(
        {
            **looks.lines.iloc[counted["line"]].reset_index(drop=True),
            **counted[["address", "predecessor_sha256", "successor_sha256", "leaf_sha256"]],
            "window_from_at": as_instants(counted["window"].to_numpy(np.int64) * length),
            "window_until_at": as_instants((counted["window"].to_numpy(np.int64) + 1) * length),
            **counted[["looks", "leaf_looks"]],
            "share": shown / of,
            "share_min": low,
            "share_max": high,
            "share_below": np.where(shown == 0, share_below(of), np.nan),
            "source": sources.reindex(counted["line"]).array,
        }
    ).astype(DTYPES)
    order = [*SLOT, "address", "predecessor_sha256", "successor_sha256", "window_from_at", "leaf_sha256"]
    return frame.sort_values(order, ignore_index=True)


def window_length(window: str) -> int:
    """The length in microseconds; `UsageError` where it is none.

    >>> window_length("1h")
    3600000000
    """
    try:
        length = pd.Timedelta(window)
    except ValueError as error:
        raise UsageError(f"window={window!r} is no length; write 1D, 6h or 30min ({error}).") from error
    if pd.isna(length) or length < pd.Timedelta(microseconds=1):
        raise UsageError(f"window={window!r}: a window is longer than nothing; write 1D, 6h or 30min.")
    return int(length // pd.Timedelta(microseconds=1))


def _count_leaves(looks: Looks, address: pd.Series, length: int, *, sticky: bool) -> pd.DataFrame:
    """Looks per line, address, window and leaf that was shown there."""
    table = pd.DataFrame(
        {"line": looks.line, "address": address.array, "window": looks.at // length, "leaf": looks.leaf}
    )
    if sticky:
        table = table[first_of_rounds(looks) == np.arange(len(looks.at))]
    unit = ["line", "address", "window"]
    leaf_looks = table.groupby([*unit, "leaf"], dropna=False, sort=False).size().rename("leaf_looks").reset_index()
    counted = leaf_looks.assign(looks=leaf_looks.groupby(unit, dropna=False)["leaf_looks"].transform("sum"))
    none = pd.Series(pd.NA, counted.index, "string")
    return counted.assign(
        leaf_sha256=looks.leaves.take(counted["leaf"].to_numpy()), predecessor_sha256=none, successor_sha256=none
    )


def _count_rotations(found: Succession, length: int, *, sticky: bool) -> pd.DataFrame:
    """Looks per rotation and window, and how many showed each of the two; both have a row in each window."""
    looks, old, new = found.looks, found.old, found.new
    lo, hi = _windows_of_rotations(found, looks.at // length)
    positions, pair = stretches(lo, hi)
    if sticky:
        is_first = first_of_rounds(looks)[positions] == positions
        positions, pair = positions[is_first], pair[is_first]
    table = pd.DataFrame({"pair": pair, "window": looks.at[positions] // length, "looks": 1})
    hashes = {side: looks.leaves.take(found.leaf[number]) for side, number in (("old", old), ("new", new))}
    sides = []
    for side, number in (("old", old), ("new", new)):
        is_shown = found.shown[positions] == number[pair]
        counted = table.assign(leaf_looks=is_shown).groupby(["pair", "window"], as_index=False).sum()
        sides.append(counted.assign(leaf_sha256=hashes[side].take(counted["pair"].to_numpy())))
    counted = pd.concat(sides, ignore_index=True)
    return counted.assign(
        line=found.line[old][counted["pair"]],
        address=pd.Series(pd.NA, counted.index, "string"),
        predecessor_sha256=hashes["old"].take(counted["pair"].to_numpy()),
        successor_sha256=hashes["new"].take(counted["pair"].to_numpy()),
    )


def _windows_of_rotations(found: Succession, window: Ints) -> tuple[Ints, Ints]:
    """Of each rotation the looks of whole windows, from the look before B's first to the look after A's last."""
    looks, first, last = found.looks, found.first[found.new], found.last[found.old]
    begins = np.ones(len(window) + 1, bool)
    begins[1:-1] = (window[1:] != window[:-1]) | (looks.line[1:] != looks.line[:-1])
    edges = np.flatnonzero(begins)
    low, high = np.minimum(first, last), np.maximum(first, last)
    line = found.line[found.old]
    low = np.where((low > 0) & (looks.line[np.maximum(low - 1, 0)] == line), low - 1, low)
    end = np.minimum(high + 1, len(window) - 1)
    high = np.where(looks.line[end] == line, end, high)
    return edges[np.searchsorted(edges, low, "right") - 1], edges[np.searchsorted(edges, high, "right")]


def _addresses(tables: Tables, looks: Looks, *, by_address: bool) -> pd.Series:
    if by_address:
        return tables.observations["address"].iloc[looks.row].reset_index(drop=True)
    return pd.Series(pd.NA, range(len(looks.row)), "string")
