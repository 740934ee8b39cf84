"""Rows as they were read, text dictionary-encoded, made into what is loaded: in order, without repeats, typed.

Text is compared by its rank among the distinct values instead of letter by letter: with millions of rows that
name a few thousand services this is what makes it fast.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from toolkit import schema

Integers = npt.NDArray[np.signedinteger[Any]]

_SEPARATOR: Final = "\x1f"
"""Joins the texts of a list, where no text contains it (ASCII: unit separator)."""

_ROOM: Final = 1 << 62
"""Ranks are combined into one integer while it is smaller than this."""

_LEAST, _MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max

_PANDAS: Final = {
    pa.large_string(): pd.StringDtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}

# Loaded rows are in the order of this instant, nulls last, then of their key: equal stores load equal tables.
_INSTANTS: Final[dict[schema.TableName, str]] = {
    "observations": "observed_at",
    "support": "observed_at",
    "rounds": "written_at",
}


def as_encoded_frame(name: schema.TableName, kept: pa.Table) -> pd.DataFrame:
    """The rows of `as_frame` in any order, for an analysis: text stays encoded, as categories in any order.

    The table must have no columns of lists.
    """
    kept = without_repeats(name, unified(kept))
    # Each column is freed once it is converted.
    frame: pd.DataFrame = kept.to_pandas(types_mapper=_PANDAS.get, split_blocks=True, self_destruct=True)
    return frame


def as_frame(name: schema.TableName, kept: pa.Table) -> pd.DataFrame:
    """The rows as a frame, with the columns that were read: in the order of their instants, of repeats the first."""
    kept = unified(kept)
    order = order_rows(name, kept, rank_rows(kept, schema.KEYS[name]))
    if not _is_sorted(order) or len(order) < len(kept):
        kept = kept.take(pa.array(order))
    lists = [column for column, values in zip(kept.column_names, kept.columns, strict=True) if _is_list(values.type)]
    whole = {
        column: values.cast(pa.large_string()) if _is_text(values.type) else values
        for column, values in zip(kept.column_names, kept.columns, strict=True)
        if column not in lists
    }
    frame: pd.DataFrame = pa.table(whole).to_pandas(types_mapper=_PANDAS.get, split_blocks=True)
    for column in lists:
        frame[column] = _tuples(kept[column])
    return frame.reindex(columns=kept.column_names)


def checked(kept: pa.Table) -> pa.Table:
    """The same rows; raises `ArrowInvalid` where text is not UTF-8, which Arrow does not check when it reads a file."""
    for name, column in zip(kept.column_names, kept.columns, strict=True):
        if _is_text(column.type) or _is_list(column.type):
            try:
                for chunk in column.chunks:
                    (chunk.dictionary if pa.types.is_dictionary(column.type) else chunk).validate(full=True)
            except pa.ArrowInvalid as error:
                raise pa.ArrowInvalid(f"{name}: {error}") from error
    return kept


def unified(kept: pa.Table) -> pa.Table:
    """The same rows, each text column with one dictionary."""
    # Arrow unifies one column after the other; outside of Python's lock, so several threads do it at a time.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return pa.table(list(pool.map(_unified, kept.columns)), kept.schema)


def _unified(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_dictionary(column.type):
        return column
    dictionaries = [chunk.dictionary for chunk in column.chunks]
    # The dictionaries of few rows of a file are those of all its rows. And a column that is null throughout a file
    # comes with null in its dictionary, which Arrow does not unify.
    if sum(map(len, dictionaries)) > len(column) or any(values.null_count for values in dictionaries):
        return column.cast(pa.string()).dictionary_encode()
    return column.unify_dictionaries()


def without_repeats(name: schema.TableName, kept: pa.Table) -> pa.Table:
    """The same rows as `as_frame` keeps, in any order. Dictionaries must be unified."""
    if not has_repeats(number_rows(kept, schema.KEYS[name])):
        return kept
    return kept.take(pa.array(order_rows(name, kept, rank_rows(kept, schema.KEYS[name]))))


def rank_rows(kept: pa.Table, columns: Iterable[str]) -> Integers:
    """For each row the rank of its values in `columns`, compared from left to right.

    Equal values, nulls too, have equal ranks; null comes first. Dictionaries must be unified.
    """
    return _combine((_rank(kept[column]) for column in columns), len(kept))


def number_rows(kept: pa.Table, columns: Iterable[str]) -> Integers:
    """For each row a number; equal where the values in `columns` are, otherwise of no meaning. Cheaper than ranks."""
    return _combine((_number(kept[column]) for column in columns), len(kept))


def integers(column: pa.ChunkedArray, *, null: int) -> Integers:
    """The values of an integer or instant column (microseconds since 1970), `null` where there is none."""
    if column.type != pa.int32():
        column = column.cast(pa.int64())
    if column.null_count:
        column = column.fill_null(null)
    return np.concatenate([np.zeros(0, dtype=np.int32), *(chunk.to_numpy() for chunk in column.chunks)])


def codes(column: pa.ChunkedArray) -> tuple[Integers, pa.Array]:
    """The codes of a text column, -1 for null, and their values. A dictionary must be unified."""
    if pa.types.is_string(column.type):
        column = column.dictionary_encode()
    if column.num_chunks == 0:
        return np.zeros(0, dtype=np.int32), pa.array([], pa.string())
    return integers(pa.chunked_array([chunk.indices for chunk in column.chunks]), null=-1), column.chunk(0).dictionary


def _combine(columns: Iterable[tuple[Integers, int]], rows: int) -> Integers:
    """One integer for each row from its number in each column; equal, and ordered, as these are from left to right."""
    combined, bound = np.zeros(rows, dtype=np.int64), 1
    for numbers, more in columns:
        if more == 1:
            continue
        if bound * more >= _ROOM:
            places, distinct = pd.factorize(combined, sort=True)
            combined, bound = places.astype(np.int64), len(distinct)
        combined *= more
        combined += numbers
        bound *= more
    return combined


def order_rows(name: schema.TableName, kept: pa.Table, ranks: Integers) -> npt.NDArray[np.intp]:
    """The positions of the rows that are loaded, in the order in which they are: of equal `ranks` the first."""
    if name in _INSTANTS:
        order = np.lexsort((ranks, integers(kept[_INSTANTS[name]], null=_MOST)))
    else:
        order = np.argsort(ranks, kind="stable")
    return order[~pd.Series(ranks[order]).duplicated().to_numpy()] if has_repeats(ranks) else order


def _rank(column: pa.ChunkedArray) -> tuple[Integers, int]:
    if not _is_text(column.type):
        ranks, distinct = pd.factorize(integers(column, null=_LEAST), sort=True)
        return ranks, max(len(distinct), 1)
    places, values = codes(column)
    rank_of = np.zeros(len(values) + 1, dtype=np.int64)
    rank_of[np.asarray(pc.array_sort_indices(values)) + 1] = np.arange(1, len(values) + 1)
    return rank_of[places + 1], len(values) + 1


def _number(column: pa.ChunkedArray) -> tuple[Integers, int]:
    if not _is_text(column.type):
        numbers, distinct = pd.factorize(integers(column, null=_LEAST))
        return numbers, max(len(distinct), 1)
    numbers, values = codes(column)
    return (numbers + 1, len(values) + 1) if column.null_count else (numbers, max(len(values), 1))


def has_repeats(ranks: Integers) -> bool:
    """Whether a number occurs twice."""
    ascending = np.sort(ranks)
    return bool((ascending[1:] == ascending[:-1]).any())


def _tuples(column: pa.ChunkedArray) -> pd.Series:
    """The lists as tuples; equal lists, such as the chain that a service shows each time, become one tuple."""
    if pc.any(pc.match_substring(pc.list_flatten(column), _SEPARATOR)).as_py():
        return pd.Series([None if value is None else tuple(value) for value in column.to_pylist()], dtype=object)
    lengths = pc.list_value_length(column).cast(pa.string())
    names = pc.binary_join_element_wise(pc.binary_join(column, _SEPARATOR), lengths, _SEPARATOR)
    places, distinct = pd.factorize(names.to_pandas())
    # The last one is null, whose place is -1.
    first = np.zeros(len(distinct) + 1, dtype=np.int64)
    first[places[::-1]] = np.arange(len(places))[::-1]
    tuples = np.empty(len(distinct) + 1, dtype=object)
    for place, value in enumerate(column.take(pa.array(first[:-1])).to_pylist()):
        tuples[place] = tuple(value)
    return pd.Series(tuples[places], dtype=object)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind))


def _is_sorted(order: npt.NDArray[np.intp]) -> bool:
    return bool((order[1:] >= order[:-1]).all())
