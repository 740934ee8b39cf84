"""`Store.sightings()`: sightings counted on encoded Arrow columns, so that millions of looks need little memory.

A second implementation of `toolkit.analyse.find_sightings`, which tests compare with the first.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from toolkit import schema
from toolkit.store.rows import Integers, codes, integers, number_rows, unified, without_repeats

_SLOT: Final = ("service", "host", "server_name")
"""With the key type of the leaf, the columns that identify a slot."""

NEEDED: Final = (*dict.fromkeys((*schema.OBSERVATION_KEY, *_SLOT, "leaf_sha256", "observed_at", "source")),)
"""Columns of `observations` that are read."""

FACTS: Final = (
    "cert_sha256", "key_type", "subject", "issuer", "names", "spki_sha256", "not_before", "not_after",
)  # fmt: skip
"""Columns of `certificates` that are read."""

_COLUMNS: Final = (
    *_SLOT, "key_type", "leaf_sha256", "subject", "issuer", "names", "spki_sha256", "not_before", "not_after",
    "first_seen_at", "last_seen_at", "previous_look_at", "next_look_at", "looks", "undated_looks", "slot_looks",
    "source",
)  # fmt: skip

_UNDATED: Final = np.iinfo(np.int64).min
_BITS: Final = 63


def count_sightings(observations: pa.Table, certificates: pd.DataFrame) -> pd.DataFrame:
    """The frame of `toolkit.analyse.find_sightings`, from `NEEDED` as read and `FACTS` as loaded."""
    looks = unified(observations)
    # Repeats are rare, and searching for them takes as long as counting: both run at the same time.
    with ThreadPoolExecutor(1) as pool:
        repeats = pool.submit(without_repeats, "observations", looks)
        frame = _count(looks, certificates)
        distinct = repeats.result()
    return frame if len(distinct) == len(looks) else _count(distinct, certificates)


def _count(looks: pa.Table, certificates: pd.DataFrame) -> pd.DataFrame:
    if looks["leaf_sha256"].null_count:
        looks = looks.filter(pc.is_valid(looks["leaf_sha256"]))
    # First one number for each look identifies its sighting; then the slots are found among the few sightings.
    sighting, _ = pd.factorize(number_rows(looks, (*_SLOT, "leaf_sha256")))
    where = np.zeros(int(sighting.max(initial=-1)) + 1, dtype=np.int64)
    where[sighting] = np.arange(len(sighting))
    shown = looks.select([*_SLOT, "leaf_sha256"]).take(pa.array(where))
    leaf, leaves = codes(shown["leaf_sha256"])
    facts = certificates.set_index("cert_sha256").reindex(pd.Index(leaves.to_pandas(), dtype="string"))
    key_type, _ = pd.factorize(facts["key_type"])
    slot_of, _ = pd.factorize(number_rows(shown, _SLOT) * (len(key_type) + 1) + (key_type + 1)[leaf])
    # Sightings are numbered in the order of their slots.
    in_slot = np.argsort(slot_of, kind="stable")
    number = np.empty_like(in_slot)
    number[in_slot] = np.arange(len(in_slot))
    sighting, slot_of, leaf = number[sighting], slot_of[in_slot], leaf[in_slot]
    shown = shown.take(pa.array(in_slot))

    frame = _seen(sighting, slot_of, integers(looks["observed_at"], null=_UNDATED))
    for column in _SLOT:
        frame[column] = shown[column].cast(pa.string()).to_pandas().astype("string")
    frame["leaf_sha256"] = leaves.take(pa.array(leaf)).to_pandas().astype("string")
    frame["source"] = _joined_sources(looks["source"], sighting, len(leaf))
    for column in FACTS[1:]:
        frame[column] = facts[column].array[leaf]
    frame["names"] = frame["names"].where(frame["names"].notna(), None)
    frame = frame.sort_values([*_SLOT, "key_type", "not_before", "first_seen_at", "leaf_sha256"], ignore_index=True)
    return frame[list(_COLUMNS)]


def _seen(sighting: Integers, slot_of: Integers, seen_at: Integers) -> pd.DataFrame:
    """First, last and neighbouring looks and the counts of each sighting; `slot_of` is the slot of each sighting."""
    count, slots = len(slot_of), int(slot_of.max(initial=-1)) + 1
    undated = seen_at == _UNDATED
    unknown = np.bincount(sighting[undated], minlength=count)
    if undated.any():
        sighting, seen_at = sighting[~undated], seen_at[~undated]
    looks = np.bincount(sighting, minlength=count)
    slot_looks = np.bincount(slot_of, weights=looks, minlength=slots)[slot_of]

    # One integer per look: its slot, its instant, its sighting within the slot. Sorted, they are the looks of all
    # slots in the order of time.
    base = np.searchsorted(slot_of, np.arange(slots))
    own = np.arange(count) - base[slot_of]
    own_bits = int(own.max(initial=0)).bit_length()
    times, time_bits, decode = _narrow(seen_at, _BITS - own_bits - slots.bit_length())
    points = (slot_of << (time_bits + own_bits) | own)[sighting]
    times <<= own_bits
    points |= times
    _sort(points)
    in_order = base[points >> (time_bits + own_bits)]
    in_order += points & ((1 << own_bits) - 1)
    points >>= own_bits
    moments = points
    first, last = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    last[in_order] = np.arange(len(moments))
    first[in_order[::-1]] = np.arange(len(moments))[::-1]

    padded = np.concatenate([[-1], moments, [-1]])

    def instants(place: Integers) -> pd.DatetimeIndex:
        # A place outside of the sighting's own slot means that there is no such look.
        moment = padded[place + 1]
        known = (looks > 0) & (moment >> time_bits == slot_of)
        values = np.full(count, np.datetime64("NaT"), dtype="datetime64[us]")
        values[known] = decode(moment[known] & ((1 << time_bits) - 1)).astype("datetime64[us]")
        return pd.DatetimeIndex(values, tz="UTC")

    frame = pd.DataFrame({"first_seen_at": instants(first), "last_seen_at": instants(last)})
    frame["previous_look_at"] = instants(np.searchsorted(moments, padded[first + 1], side="left") - 1)
    frame["next_look_at"] = instants(np.searchsorted(moments, padded[last + 1], side="right"))
    for name, counts in (("looks", looks), ("undated_looks", unknown), ("slot_looks", slot_looks)):
        frame[name] = pd.array(counts.astype(np.int64), dtype="Int64")
    return frame


def _sort(numbers: Integers) -> None:
    """Sort in place on two cores: numpy sorts without the lock, and a stable sort merges two halves fast."""
    middle = len(numbers) // 2
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(numbers[middle:].sort)
        numbers[:middle].sort()
        rest.result()
    numbers.sort(kind="stable")


def _narrow(seen_at: Integers, bits: int) -> tuple[Integers, int, Callable[[Integers], Integers]]:
    """Instants as integers of at most `bits` bits, the number of bits, and the function that decodes them."""
    least = int(seen_at.min()) if len(seen_at) else 0
    width = int(seen_at.max()) - least if len(seen_at) else 0
    if width.bit_length() <= bits:
        return seen_at - least, width.bit_length(), lambda times: times + least
    # The range is too large for that many bits: encode each instant as its place among the distinct ones.
    distinct, places = np.unique(seen_at, return_inverse=True)
    return places, len(distinct).bit_length(), lambda times: distinct[times]


def _joined_sources(source: pa.ChunkedArray, sighting: Integers, count: int) -> pd.Series:
    """For each sighting the sources of its looks, sorted, joined by `, `."""
    code, names = codes(source)
    # One integer per pair of sighting and source; few of them are distinct.
    pairs = pd.unique(sighting * max(len(names), 1) + code)
    owner, name = pairs // max(len(names), 1), names.take(pa.array(pairs % max(len(names), 1))).to_pylist()
    if len(pairs) == count:
        return pd.Series(name, index=owner, dtype="string").sort_index()
    joined: dict[int, str] = {}
    for number, one in sorted(zip(owner.tolist(), name, strict=True)):
        joined[number] = f"{joined[number]}, {one}" if number in joined else one
    return pd.Series(joined, dtype="string").sort_index()
