"""The dated looks of every line as sorted arrays: what sightings, rotations, shares and causes all count."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import NULL, Bools, Ints, first_and_last, instants
from toolkit.tables import Tables

SLOT: Final = ["service", "host", "server_name", "key_type"]
"""What tells lines apart. `host` is part of `service`; it tells lines apart where a source names no port."""


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Observations that returned a leaf, one line after another, each in time order; arrays of equal length.

    Looks at the same instant are ordered by round, sample, address and offer, so that no order favours a leaf.
    `line` and `leaf` are rows of `lines` (columns `SLOT`) and `leaves`; `at` is int64 [µs since 1970], `round` a
    number, `row` the position in `observations`. `undated` holds the positions of undated rows, with their
    `undated_line` and `undated_leaf`.
    """

    lines: pd.DataFrame
    leaves: pd.Index
    line: Ints
    leaf: Ints
    at: Ints
    round: Ints
    row: Ints
    undated: Ints
    undated_line: Ints
    undated_leaf: Ints


def find_looks(tables: Tables) -> Looks:
    """The looks of the tables' observations.

    A leaf whose row is missing in `certificates`, or did not parse, has a null key type, hence a line of its own.
    """
    rows = np.flatnonzero(tables.observations["leaf_sha256"].notna().to_numpy())
    seen = tables.observations.iloc[rows]
    leaf, leaves = _numbered(seen["leaf_sha256"])
    key_types = tables.certificates.set_index("cert_sha256")["key_type"].reindex(leaves)
    key_type, key_type_names = _numbered(key_types)
    line, lines = _line_numbers(seen, key_type[leaf], key_type_names)
    at = instants(seen["observed_at"])
    rounds = _numbered(seen["round"])[0]
    dated = at != NULL
    order = np.flatnonzero(dated)
    if not _is_sorted(line[order], at[order]):
        ties = [_numbered(seen[name])[0][order] for name in ("offer", "address")]
        sample = seen["sample"].to_numpy(np.int64, na_value=-1)[order]
        order = order[
            np.lexsort((leaf[order], *ties, sample, _sort_rank(seen["round"])[order], at[order], line[order]))
        ]
    undated = np.flatnonzero(~dated)
    return Looks(
        lines=lines,
        leaves=leaves,
        line=line[order],
        leaf=leaf[order],
        at=at[order],
        round=rounds[order],
        row=rows[order],
        undated=rows[undated],
        undated_line=line[undated],
        undated_leaf=leaf[undated],
    )


def certificate_facts(tables: Tables, hashes: pd.Index | pd.Series, columns: list[str]) -> pd.DataFrame:
    """Columns of `certificates` for each hash, in order; null where there is no row."""
    found = tables.certificates.set_index("cert_sha256")[columns].reindex(hashes).reset_index(drop=True)
    for name in {"names", "der"}.intersection(columns):
        found[name] = found[name].where(found[name].notna(), None)
    return found


def joined_sources(keys: pd.DataFrame, source: pd.Series) -> pd.Series:
    """For each distinct row of `keys`: its sources, sorted, joined by `, `; indexed by the keys."""
    named = keys.assign(source=source.to_numpy()).drop_duplicates().sort_values("source")
    grouped = named.groupby(list(keys.columns), sort=False)["source"]
    first, count = grouped.first(), grouped.size()
    several = count.index[count > 1]
    if len(several):
        index = pd.MultiIndex.from_frame(named[list(keys.columns)])
        many = named[index.isin(several) if keys.shape[1] > 1 else named[keys.columns[0]].isin(several)]
        first.loc[several] = many.groupby(list(keys.columns), sort=False)["source"].agg(", ".join)
    return first


def first_of_rounds(looks: Looks) -> Ints:
    """For each look the position of the first look of its line and round."""
    rounds = int(looks.round.max(initial=0)) + 1
    numbers, codes = pd.factorize(looks.line * rounds + looks.round)
    return first_and_last(numbers, len(codes))[0][numbers]


def instant_groups(looks: Looks) -> tuple[Ints, Ints]:
    """For each look: the first look of its line at the same instant, and the position after the last."""
    begins = np.ones(len(looks.at) + 1, bool)
    begins[1:-1] = (looks.at[1:] != looks.at[:-1]) | (looks.line[1:] != looks.line[:-1])
    edges = np.flatnonzero(begins)
    lengths = np.diff(edges)
    return np.repeat(edges[:-1], lengths), np.repeat(edges[1:], lengths)


def neighbours(looks: Looks) -> tuple[Ints, Ints]:
    """For each look: the instant of its line's last look that is earlier, of the first that is later; else `NULL`."""
    first, end = instant_groups(looks)
    before, after = np.full(len(looks.at), NULL), np.full(len(looks.at), NULL)
    has_before = _is_same_line(looks, first, first - 1)
    has_after = _is_same_line(looks, first, end)
    before[has_before] = looks.at[first[has_before] - 1]
    after[has_after] = looks.at[end[has_after]]
    return before, after


def _is_same_line(looks: Looks, here: Ints, there: Ints) -> Bools:
    inside = (there >= 0) & (there < len(looks.at))
    inside[inside] = looks.line[there[inside]] == looks.line[here[inside]]
    return inside


def _numbered(values: pd.Series) -> tuple[Ints, pd.Index]:
    """Each value's number and the values; null has the last number."""
    numbers, names = pd.factorize(values)
    if (numbers < 0).any():
        numbers = np.where(numbers < 0, len(names), numbers)
        names = names.append(pd.Index([pd.NA], dtype=names.dtype))
    return numbers.astype(np.int64), names


def _sort_rank(values: pd.Series) -> Ints:
    numbers, names = _numbered(values)
    rank = np.empty(len(names), np.int64)
    rank[np.argsort(names.fillna("").to_numpy(object), kind="stable")] = np.arange(len(names))
    return rank[numbers]


def _line_numbers(seen: pd.DataFrame, key_type: Ints, key_types: pd.Index) -> tuple[Ints, pd.DataFrame]:
    columns, names = [key_type], [key_types]
    for name in reversed(SLOT[:-1]):
        numbers, values = _numbered(seen[name])
        columns.insert(0, numbers)
        names.insert(0, values)
    code = np.zeros(len(seen), np.int64)
    for numbers, values in zip(columns, names, strict=True):
        code = pd.factorize(code * max(len(values), 1) + numbers)[0].astype(np.int64)
    first = np.full(int(code.max()) + 1 if len(code) else 0, 0)
    first[code[::-1]] = np.arange(len(code))[::-1]
    lines = {
        name: pd.Series(values.take(numbers[first]), dtype="string")
        for name, numbers, values in zip(SLOT, columns, names, strict=True)
    }
    return code, pd.DataFrame(lines)


def _is_sorted(line: Ints, at: Ints) -> bool:
    """Strictly, so that there are no ties to order."""
    same, later = line[1:] == line[:-1], line[1:] > line[:-1]
    return bool((later | (same & (at[1:] > at[:-1]))).all())
