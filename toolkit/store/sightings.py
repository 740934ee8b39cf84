"""`Store.sightings()`: counted on integers as they lie in the files, so that millions of looks need little memory."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from toolkit import schema
from toolkit.store.rows import Integers, codes, integers, rank_rows, unified, without_repeats

_LINE: Final = ("service", "host", "server_name")
"""With the key type of the leaf, what tells lines apart."""

NEEDED: Final = (*dict.fromkeys((*schema.OBSERVATION_KEY, *_LINE, "leaf_sha256", "observed_at", "source")),)
"""Columns of `observations` that are read."""

FACTS: Final = (
    "cert_sha256", "key_type", "subject", "issuer", "names", "spki_sha256", "not_before", "not_after",
)  # fmt: skip
"""Columns of `certificates` that are read."""

_COLUMNS: Final = (
    *_LINE, "key_type", "leaf_sha256", "subject", "issuer", "names", "spki_sha256", "not_before", "not_after",
    "first_seen", "last_seen", "not_seen_before", "not_seen_after", "looks", "undated_looks", "line_looks", "source",
)  # fmt: skip

_UNDATED: Final = np.iinfo(np.int64).min
_LATEST: Final = np.iinfo(np.int64).max
_ROOM: Final = 1 << 62


def count_sightings(observations: pa.Table, certificates: pd.DataFrame) -> pd.DataFrame:
    """The frame of `toolkit.analyse.find_sightings`, from `NEEDED` as read and `FACTS` as loaded."""
    looks = without_repeats("observations", unified(observations))
    looks = looks.filter(pc.is_valid(looks["leaf_sha256"]))
    leaf, leaves = codes(looks["leaf_sha256"])
    facts = certificates.set_index("cert_sha256").reindex(pd.Index(leaves.to_pandas(), dtype="string"))
    key_type, _ = pd.factorize(facts["key_type"])
    # Lines and sightings are numbered from 0; a sighting belongs to one line and one leaf.
    line, _ = pd.factorize(rank_rows(looks, _LINE) * (len(key_type) + 1) + (key_type + 1)[leaf])
    line = line.astype(np.int64)
    sighting, distinct = pd.factorize(line * max(len(leaves), 1) + leaf)
    where = np.empty(len(distinct), dtype=np.int64)
    where[sighting[::-1]] = np.arange(len(sighting))[::-1]

    frame = _seen(line, sighting, where, integers(looks["observed_at"], null=_UNDATED))
    for column in _LINE:
        frame[column] = looks[column].take(pa.array(where)).cast(pa.string()).to_pandas().astype("string")
    frame["leaf_sha256"] = leaves.take(pa.array(leaf[where])).to_pandas().astype("string")
    frame["source"] = _joined_sources(looks["source"], sighting, len(where))
    for column in FACTS[1:]:
        frame[column] = facts[column].array[leaf[where]]
    frame["names"] = frame["names"].where(frame["names"].notna(), None)
    frame = frame.sort_values([*_LINE, "key_type", "not_before", "first_seen", "leaf_sha256"], ignore_index=True)
    return frame[list(_COLUMNS)]


def _seen(line: Integers, sighting: npt.NDArray[np.intp], where: Integers, seen_at: Integers) -> pd.DataFrame:
    """First, last and neighbouring looks and the counts of each sighting; `where` names one of its rows."""
    dated = seen_at != _UNDATED
    undated = np.bincount(sighting[~dated], minlength=len(where))
    line_looks = np.bincount(line[dated], minlength=int(line.max(initial=-1)) + 1)
    looks = np.bincount(sighting[dated], minlength=len(where))
    sighting_line, dated_line, dated_sighting = line[where], line[dated], sighting[dated]

    # One integer per look orders the looks of all lines: line, then instant.
    times, width, decode = _narrow(seen_at[dated], int(line.max(initial=0)) + 1)
    points = dated_line * width + times
    order = np.argsort(points)
    points = points[order]
    places, in_order = np.arange(len(points)), dated_sighting[order]
    first, last = np.zeros(len(where), dtype=np.int64), np.zeros(len(where), dtype=np.int64)
    last[in_order] = places
    first[in_order[::-1]] = places[::-1]
    is_dated = looks > 0
    frame = pd.DataFrame(index=pd.RangeIndex(len(where)))
    padded = np.concatenate([[-1], points, [-1]])

    def instants(place: Integers) -> pd.Series:
        # A place outside of the sighting's own line says that there is no such look.
        point = padded[place + 1]
        known = is_dated & (point // width == sighting_line) & (point >= 0)
        values = np.full(len(where), np.datetime64("NaT"), dtype="datetime64[us]")
        values[known] = decode(point[known] % width).astype("datetime64[us]")
        return pd.Series(pd.DatetimeIndex(values, tz="UTC"))

    ends = points if len(points) else np.zeros(1, dtype=np.int64)
    frame["first_seen"], frame["last_seen"] = instants(first), instants(last)
    frame["not_seen_before"] = instants(np.searchsorted(points, ends[first], side="left") - 1)
    frame["not_seen_after"] = instants(np.searchsorted(points, ends[last], side="right"))
    for name, counts in (("looks", looks), ("undated_looks", undated), ("line_looks", line_looks[sighting_line])):
        frame[name] = pd.array(counts.astype(np.int64), dtype="Int64")
    return frame


def _narrow(seen_at: Integers, lines: int) -> tuple[Integers, int, Callable[[Integers], Integers]]:
    """Instants as integers below a width such that `lines` of them fit side by side, and the way back."""
    least = int(seen_at.min(initial=0 if not len(seen_at) else _LATEST))
    width = int(seen_at.max(initial=least)) - least + 1
    if width * lines < _ROOM:
        return seen_at - least, width, lambda times: times + least
    distinct, ranks = np.unique(seen_at, return_inverse=True)
    return ranks, len(distinct), lambda times: distinct[times]


def _joined_sources(source: pa.ChunkedArray, sighting: npt.NDArray[np.intp], count: int) -> pd.Series:
    """Of each sighting the sources of its looks, sorted, joined by `, `."""
    code, names = codes(source)
    # One integer per pair of sighting and source: few are distinct.
    pairs = pd.unique(sighting * np.int64(max(len(names), 1)) + code)
    owner, name = pairs // max(len(names), 1), names.take(pa.array(pairs % max(len(names), 1))).to_pylist()
    if len(pairs) == count:
        return pd.Series(name, index=owner, dtype="string").sort_index()
    joined: dict[int, str] = {}
    for number, one in sorted(zip(owner.tolist(), name, strict=True)):
        joined[number] = f"{joined[number]}, {one}" if number in joined else one
    return pd.Series(joined, dtype="string").sort_index()
