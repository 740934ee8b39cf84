"""Shares: how often each certificate was shown in a window of looks, with Clopper-Pearson intervals."""

from typing import Final, Literal

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import Ints, as_instants, concatenated_ranges, edges_of_runs, run_around
from toolkit.analyse.intervals import share_interval
from toolkit.analyse.rotation.bounds import share_below
from toolkit.analyse.rotation.rollbacks import divide_at_rollbacks
from toolkit.analyse.rotation.stickiness import compare_rounds
from toolkit.analyse.rotation.succession import Succession, order_certificates
from toolkit.analyse.slots import SLOT, SlotLooks, find_slot_looks, joined_sources
from toolkit.arguments import require_boolean, require_choice
from toolkit.columns import Column, dtypes, returns
from toolkit.errors import UsageError
from toolkit.sampling import MIN_SHARE
from toolkit.tables import Tables, require_tables

SHARES: Final = (
    Column("service", "text", "of the slot", "as in `observations`"),
    Column("host", "text", "of the slot", "as in `observations`"),
    Column("server_name", "text", "of the slot", "as in `observations`"),
    Column("key_type", "text", "of the slot", "the certificate's row is missing, or did not parse"),
    Column("address", "text", "IP address that was looked at", 'not `by="address"`, or not known'),
    Column("predecessor_sha256", "text", "SHA-256 of the rotation's predecessor", 'not `by="rotation"`'),
    Column("successor_sha256", "text", "SHA-256 of the rotation's successor", 'not `by="rotation"`'),
    Column("leaf_sha256", "text", "SHA-256 of the certificate that is counted"),
    Column("window_from_at", "instant", "start of the window"),
    Column("window_until_at", "instant", "end of the window, exclusive"),
    Column("looks", "integer", "looks (`sticky`: rounds) of the slot in the window"),
    Column("leaf_looks", "integer", "those that showed the certificate"),
    Column("share", "number", "`leaf_looks` / `looks`"),
    Column("share_min", "number", "lower end of the two-sided 95 % Clopper-Pearson interval of the mean share"),
    Column("share_max", "number", "upper end of that interval"),
    Column("share_below", "number", "one-sided 95 % upper bound on a share that no look showed",
           "the certificate was seen"),
    Column("source", "text", "sources of the slot's looks, sorted, joined by `, `"),
)  # fmt: skip
"""The columns of `estimate_shares`."""


@returns(SHARES)
def estimate_shares(
    tables: Tables,
    *,
    window: str = "1D",
    by: Literal["slot", "address", "rotation"] = "slot",
    sticky: bool = False,
) -> pd.DataFrame:
    """The share of looks that showed each certificate in each window: one row per slot, window and certificate.

    `window` is a length as pandas writes it (`1D`, `6h`, `30min`). Windows begin at whole multiples of it since
    1970-01-01 UTC and include their start, not their end. A window without looks has no row.

    - `by="slot"`: all looks at a slot.
    - `by="address"`: each address separately.
    - `by="rotation"`: the roll-out curve of each rotation. Windows from the last look before the successor was first
      seen to the first look after the predecessor was last seen; each has a row for both certificates.

    `sticky=True` counts the first look of each round only. The interval assumes independent looks. It is for the mean
    share over the looks of the window, as seen from the vantage of the looks.

    Raises `UsageError` for a window that is not a positive length, and for an unknown `by`.

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
    require_choice("by", by, ("slot", "address", "rotation"))
    require_boolean("sticky", sticky)
    if by == "rotation":
        looks = find_slot_looks(tables)
        certificates = order_certificates(looks)
        found = divide_at_rollbacks(certificates, compare_rounds(certificates), MIN_SHARE, sticky=sticky)
        counted = _count_rotations(found, length, sticky=sticky)
    else:
        looks = find_slot_looks(tables)
        address = _addresses(tables, looks, by_address=by == "address")
        counted = _count_leaves(looks, address, length, sticky=sticky)
    shown, of = counted["leaf_looks"].to_numpy(np.int64), counted["looks"].to_numpy(np.int64)
    low, high = share_interval(shown, of)
    sources = joined_sources(pd.DataFrame({"slot": looks.slot}), looks.source)
    frame = pd.DataFrame(
        {
            **looks.slots.iloc[counted["slot"]].reset_index(drop=True),
            **counted[["address", "predecessor_sha256", "successor_sha256", "leaf_sha256"]],
            "window_from_at": as_instants(counted["window"].to_numpy(np.int64) * length),
            "window_until_at": as_instants((counted["window"].to_numpy(np.int64) + 1) * length),
            **counted[["looks", "leaf_looks"]],
            "share": shown / of,
            "share_min": low,
            "share_max": high,
            "share_below": np.where(shown == 0, share_below(of), np.nan),
            "source": sources.reindex(counted["slot"]).array,
        }
    ).astype(dtypes(SHARES))
    order = [*SLOT, "address", "predecessor_sha256", "successor_sha256", "window_from_at", "leaf_sha256"]
    return frame.sort_values(order, ignore_index=True)


def window_length(window: str) -> int:
    """The length in microseconds; `UsageError` if it is not a positive length.

    >>> window_length("1h")
    3600000000
    """
    try:
        length = pd.Timedelta(window)
    except ValueError as error:
        raise UsageError(f"window={window!r} is not a length of time ({error}): write 1D, 6h or 30min.") from error
    if pd.isna(length) or length < pd.Timedelta(microseconds=1):
        raise UsageError(f"window={window!r}: a window is at least one microsecond long: write 1D, 6h or 30min.")
    return int(length // pd.Timedelta(microseconds=1))


def _count_leaves(looks: SlotLooks, address: pd.Series, length: int, *, sticky: bool) -> pd.DataFrame:
    """Looks per slot, address, window and certificate that was shown there."""
    table = pd.DataFrame(
        {"slot": looks.slot, "address": address.array, "window": looks.at // length, "leaf": looks.leaf}
    )
    if sticky:
        table = table[looks.round_first == np.arange(len(looks.at))]
    unit = ["slot", "address", "window"]
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
    positions, pair = concatenated_ranges(lo, hi)
    if sticky:
        is_first = looks.round_first[positions] == positions
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
        slot=found.slot[old][counted["pair"]],
        address=pd.Series(pd.NA, counted.index, "string"),
        predecessor_sha256=hashes["old"].take(counted["pair"].to_numpy()),
        successor_sha256=hashes["new"].take(counted["pair"].to_numpy()),
    )


def _windows_of_rotations(found: Succession, window: Ints) -> tuple[Ints, Ints]:
    """For each rotation the looks of whole windows, from the look before B's first to the look after A's last."""
    looks, first, last = found.looks, found.first[found.new], found.last[found.old]
    edges = edges_of_runs(window, looks.slot)
    low, high = np.minimum(first, last), np.maximum(first, last)
    slot = found.slot[found.old]
    low = np.where((low > 0) & (looks.slot[np.maximum(low - 1, 0)] == slot), low - 1, low)
    end = np.minimum(high + 1, len(window) - 1)
    high = np.where(looks.slot[end] == slot, end, high)
    return run_around(edges, low)[0], run_around(edges, high)[1]


def _addresses(tables: Tables, looks: SlotLooks, *, by_address: bool) -> pd.Series:
    if by_address:
        return tables.observations["address"].iloc[looks.row].reset_index(drop=True)
    return pd.Series(pd.NA, range(len(looks.row)), "string")
