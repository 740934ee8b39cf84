"""Slots and the looks at them, as sorted arrays: what sightings, rotations, shares and causes are counted from.

A *slot* is one place that holds a certificate at a time: (service, server name, key type). Its looks are the
observations that returned a leaf certificate of that key type, with any offer, at any address, from any vantage.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.analyse.arrays import (
    NULL,
    Bools,
    Ints,
    as_instants,
    edges_of_runs,
    first_and_last,
    instants,
    run_around,
)
from toolkit.tables import Tables

SLOT: Final = ["service", "host", "server_name", "key_type"]
"""The columns that identify a slot. `host` is part of `service`; it separates slots whose source names no port."""

_NEEDED: Final = [*SLOT[:-1], "leaf_sha256", "observed_at", "round", "address", "offer", "sample", "source"]
"""Columns of `observations` that are read; text may be categories."""

_Numbers = NDArray[np.integer[Any]]

FACTS: Final = ["subject", "issuer", "names", "spki_sha256", "not_before", "not_after", "sct_at"]
"""Columns of `certificates` that the certificates of slots are described by."""


@dataclass(frozen=True, slots=True, eq=False)
class SlotLooks:
    """The looks of all slots, one slot after another, each in time order, and what follows from their order.

    Looks at the same instant are ordered by round, sample, address and offer, so that the order favours no leaf.

    Per slot a row of `slots` (columns `SLOT`); `is_type_known`: without a key type, its certificates may be of several;
    `slot_first` and `slot_last` (positions of its first and last dated look; −1: it has none).
    Per leaf certificate an entry of `leaves` (its hash) and a row of `facts` (columns `FACTS`, null without a row in
    `certificates`).

    Per dated look, arrays of equal length: `slot` and `leaf` (positions in `slots` and `leaves`), `at` (int64
    [µs since 1970]), `round` and `address` (equal numbers: equal values), `row` (position in `observations`),
    `source`, `round_first` and `round_last` (positions of the first and last look of its slot and round).
    `instant_edges`: the positions of the first look at each instant of a slot, and the number of looks.

    Per undated look: `undated_row`, `undated_slot`, `undated_leaf`, `undated_source`.
    """

    slots: pd.DataFrame
    is_type_known: Bools
    slot_first: Ints
    slot_last: Ints
    leaves: pd.Index
    facts: pd.DataFrame
    slot: Ints
    leaf: Ints
    at: Ints
    round: Ints
    address: Ints
    row: Ints
    source: pd.Series
    round_first: Ints
    round_last: Ints
    instant_edges: Ints
    undated_row: Ints
    undated_slot: Ints
    undated_leaf: Ints
    undated_source: pd.Series

    def at_same_instant(self, positions: Ints) -> tuple[Ints, Ints]:
        """For each look where those of its slot at the same instant begin, and the position after the last of them."""
        return run_around(self.instant_edges, positions)


def find_slot_looks(tables: Tables) -> SlotLooks:
    """The looks of the tables' observations.

    A leaf whose row is missing in `certificates`, or did not parse, has a null key type, so it has its own slot.
    """
    rows = np.flatnonzero(tables.observations["leaf_sha256"].notna().to_numpy())
    seen = tables.observations[_NEEDED]
    if len(rows) < len(seen):
        seen = seen.iloc[rows]
    leaf, leaves = _numbered(seen["leaf_sha256"])
    certificates = tables.certificates.set_index("cert_sha256")[["key_type", *FACTS]].reindex(leaves)
    key_type, key_type_names = _numbered(certificates["key_type"])
    slot, slots = _slot_numbers(seen, key_type[leaf], key_type_names)
    at, rounds, address = instants(seen["observed_at"]), _sort_rank(seen["round"]), _numbered(seen["address"])[0]
    dated = at != NULL
    order = np.flatnonzero(dated)
    order = order[_order_by_time(slot[order], at[order])]
    slot_of_look, at = slot[order], at[order]
    instant_edges = edges_of_runs(slot_of_look, at)
    if len(instant_edges) <= len(order):
        sample = seen["sample"].to_numpy(np.int64, na_value=-1)[order]
        by_offer, by_address = (_sort_rank(seen[name])[order] for name in ("offer", "address"))
        # The instants are in order, and stay so.
        order = order[np.lexsort((by_offer, by_address, sample, rounds[order], at, slot_of_look))]
    rounds, undated = rounds[order], np.flatnonzero(~dated)
    slot_first, slot_last = first_and_last(slot_of_look, len(slots))
    round_first, round_last = _first_and_last_of_rounds(slot_of_look, rounds)
    return SlotLooks(
        slots=slots,
        is_type_known=slots["key_type"].notna().to_numpy(bool),
        slot_first=slot_first,
        slot_last=slot_last,
        leaves=leaves,
        facts=certificates[FACTS].assign(names=certificates["names"].where(certificates["names"].notna(), None)),
        slot=slot_of_look,
        leaf=leaf[order].astype(np.int64),
        at=at,
        round=rounds,
        address=address[order].astype(np.int64),
        row=rows[order],
        source=seen["source"].iloc[order],
        round_first=round_first,
        round_last=round_last,
        instant_edges=instant_edges,
        undated_row=rows[undated],
        undated_slot=slot[undated],
        undated_leaf=leaf[undated].astype(np.int64),
        undated_source=seen["source"].iloc[undated],
    )


def describe_certificates(
    looks: SlotLooks, *, slot: Ints, leaf: Ints, first: Ints, last: Ints, row: Ints, source: pd.Series
) -> pd.DataFrame:
    """Certificates of slots, one row each: `SLOT`, `leaf_sha256`, `FACTS`, the instants of the sighting, and `source`.

    `first` and `last` are the positions of the first and the last dated look that showed the certificate in the slot;
    −1 without one, and the instants are then null. `row` and `source` have an entry for each look: the row that it
    counts for, and its source.
    """
    sources = joined_sources(pd.DataFrame({"row": row}), source)
    is_dated = first >= 0
    earlier, later = np.full(len(slot), -1), np.full(len(slot), -1)
    earlier[is_dated] = looks.at_same_instant(first[is_dated])[0] - 1
    later[is_dated] = looks.at_same_instant(last[is_dated])[1]
    earlier[earlier < looks.slot_first[slot]] = -1
    later[later > looks.slot_last[slot]] = -1
    return pd.DataFrame(
        {
            **looks.slots.iloc[slot].reset_index(drop=True),
            "leaf_sha256": looks.leaves.take(leaf),
            **looks.facts.iloc[leaf].reset_index(drop=True),
            "first_seen_at": as_instants(_take(looks.at, first)),
            "last_seen_at": as_instants(_take(looks.at, last)),
            "previous_look_at": as_instants(_take(looks.at, earlier)),
            "next_look_at": as_instants(_take(looks.at, later)),
            "source": sources.reindex(range(len(slot))).array,
        }
    )


def all_sources(sources: pd.Series) -> str:
    """The distinct sources, sorted, joined by `, `; `joined_sources` is faster for many groups."""
    return ", ".join(sorted(sources.unique()))


def joined_sources(keys: pd.DataFrame, source: pd.Series) -> pd.Series:
    """For each distinct row of `keys`: its sources, sorted, joined by `, `; indexed by the keys."""
    named = keys.assign(source=source.array).drop_duplicates().astype({"source": object}).sort_values("source")
    grouped = named.groupby(list(keys.columns), sort=False)["source"]
    first, count = grouped.first(), grouped.size()
    several = count.index[count > 1]
    if len(several):
        index = pd.MultiIndex.from_frame(named[list(keys.columns)])
        many = named[index.isin(several) if keys.shape[1] > 1 else named[keys.columns[0]].isin(several)]
        first.loc[several] = many.groupby(list(keys.columns), sort=False)["source"].agg(", ".join)
    return first


def _take(values: Ints, positions: Ints) -> Ints:
    """The values at the positions, `NULL` for −1."""
    if not len(values):
        return np.full(len(positions), NULL)
    return np.where(positions < 0, NULL, values[positions])


def _order_by_time(slot: Ints, at: Ints) -> Ints:
    """The positions of looks in the order of slot and instant."""
    if not len(at):
        return np.zeros(0, np.int64)
    least, slots = int(at.min()), int(slot.max()) + 1
    span = int(at.max()) - least + 1
    # One sort of one number takes a fraction of two sorts, above all where the rows are nearly in order.
    if slots * span <= np.iinfo(np.int64).max:
        return np.argsort(slot * span + (at - least), kind="stable")
    return np.lexsort((at, slot))


def _first_and_last_of_rounds(slot: Ints, rounds: Ints) -> tuple[Ints, Ints]:
    """For each look the positions of the first and the last look of its slot and round."""
    numbers = slot * (int(rounds.max(initial=0)) + 1) + rounds
    if (numbers[1:] >= numbers[:-1]).all():
        # Rounds follow each other, and their names are in this order, too.
        edges = edges_of_runs(numbers)
        lengths = np.diff(edges)
        return np.repeat(edges[:-1], lengths), np.repeat(edges[1:] - 1, lengths)
    number, distinct = pd.factorize(numbers)
    first, last = first_and_last(number, len(distinct))
    return first[number], last[number]


def _numbered(values: pd.Series) -> tuple[_Numbers, pd.Index]:
    """A number for each value, and the values that numbers have; null has the last number. Not every number occurs."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        numbers, names = values.cat.codes.to_numpy(), values.cat.categories.astype("string")
    else:
        numbers, names = pd.factorize(values)
    if (numbers < 0).any():
        numbers = np.where(numbers < 0, len(names), numbers)
        names = names.append(pd.Index([pd.NA], dtype=names.dtype))
    return numbers, names


def _sort_rank(values: pd.Series) -> Ints:
    """The place of each value among the sorted distinct values."""
    numbers, names = _numbered(values)
    rank = np.empty(len(names), np.int64)
    rank[np.argsort(names.fillna("").to_numpy(object), kind="stable")] = np.arange(len(names))
    return rank[numbers]


def _slot_numbers(seen: pd.DataFrame, key_type: _Numbers, key_types: pd.Index) -> tuple[Ints, pd.DataFrame]:
    """The number of each look's slot, and the slots: a frame of the columns `SLOT`."""
    columns = {name: _numbered(seen[name]) for name in SLOT[:-1]} | {"key_type": (key_type, key_types)}
    code, bound = np.zeros(len(seen), np.int64), 1
    for numbers, values in columns.values():
        if bound * len(values) > np.iinfo(np.int64).max:
            code, distinct = pd.factorize(code)
            bound = len(distinct)
        if len(values) > 1:
            code *= len(values)
            code += numbers
            bound *= len(values)
    slot, distinct = pd.factorize(code)
    where = np.empty(len(distinct), np.int64)
    where[slot] = np.arange(len(slot))
    slots = {
        name: pd.Series(values.take(numbers[where]), dtype="string") for name, (numbers, values) in columns.items()
    }
    return slot, pd.DataFrame(slots)
