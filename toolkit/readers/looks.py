"""The looks of a file in columns: what a look shows is kept once, each look as its place and its instant.

Most looks of a log show what an earlier one did, so a row costs two integers until the frame is made. A frame holds the
looks since the last one: all looks of the file, or a batch of them.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit import schema
from toolkit.epoch import microseconds

_NULL: Final = -(2**63)
_SHOWN_BY: Final = ["round", "service", "address", "server_name"]
"""Columns within which `sample` counts the looks of a file."""


@dataclass(frozen=True, slots=True)
class Times:
    """When a tool looked: at an instant, between two, or it is not known."""

    at: datetime | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    words: str | None = None
    """How the date is known, in place of what follows from the instants."""
    number: int = 1
    """Of several scans of one server in one round: which of them."""

    def cells(self) -> dict[str, object]:
        """The four columns that date a row."""
        if self.at is not None:
            return {"observed_at": self.at, "date_basis": "observed"}
        begins, ends = self.begins, self.ends
        if begins is not None and ends is not None and begins > ends:
            begins, ends = ends, begins
        basis = "undated"
        if ends is not None:
            basis = "until" if begins is None else "between"
        elif begins is not None:
            basis = "between: no later bound is known"
        basis = self.words or basis
        return {"observed_from": begins, "observed_until": ends, "date_basis": basis}


UNDATED: Final = Times()


class ShownFacts:
    """What a look shows, as columns of `observations`; later looks of the file may show the same."""

    __slots__ = ("batch", "place", "row")

    def __init__(self, row: dict[str, object]) -> None:
        self.row = row
        self.batch = -1
        """The last batch that holds it."""
        self.place = 0
        """Its place among the rows of that batch."""


class Looks:
    """The looks of one file, in order, since the last frame."""

    def __init__(self) -> None:
        self._batch = 0
        self._counts = _Counts()
        self._begin()

    def _begin(self) -> None:
        self._rows: list[dict[str, object]] = []
        self._shown = array("q")
        self._at = array("q")
        self._times: dict[int, Times] = {}
        """Position of a look without an instant, or of a second scan → what is known of it."""

    def __len__(self) -> int:
        return len(self._shown)

    def add(self, shown: ShownFacts, times: Times) -> None:
        """Add a look."""
        if times.at is None or times.number > 1:
            self._times[len(self._shown)] = times
        self.add_at(shown, _NULL if times.at is None else microseconds(times.at))

    def add_at(self, shown: ShownFacts, at: int) -> None:
        """Add a look at an instant, in microseconds since 1970."""
        if shown.batch != self._batch:
            shown.batch, shown.place = self._batch, len(self._rows)
            self._rows.append(shown.row)
        self._shown.append(shown.place)
        self._at.append(at)

    def take_frame(self, round_of: Callable[[Times], str], round_of_file: str) -> pd.DataFrame:
        """The rows of `observations`, which are forgotten here.

        `round_of` names the round of looks by what is known of their times, where that is not an instant alone.
        `sample` goes on counting from frame to frame.
        """
        frame = self._frame(round_of, round_of_file)
        self._batch += 1
        self._begin()
        return frame

    def _frame(self, round_of: Callable[[Times], str], round_of_file: str) -> pd.DataFrame:
        shown = np.frombuffer(self._shown, np.int64)
        frame = schema.frame("observations", self._rows)
        if len(shown) != len(self._rows) or not (shown == np.arange(len(shown))).all():
            frame = frame.take(shown).reset_index(drop=True)
        at = np.frombuffer(self._at, np.int64)  # NumPy's NaT is the same number as `_NULL`
        frame["observed_at"] = pd.Series(at.view("datetime64[us]")).dt.tz_localize("UTC")
        cells = {"observed_from": None, "observed_until": None, "date_basis": "observed", "round": round_of_file}
        for name, usual in cells.items():
            frame[name] = self._filled(frame[name], name, usual, round_of)
        frame["sample"] = self._counts.number(frame)
        return frame

    def _filled(self, given: pd.Series, name: str, usual: str | None, round_of: Callable[[Times], str]) -> pd.Series:
        """The column where what is shown says it; else what the times say."""
        if not self._times:
            return given if usual is None else given.fillna(usual)
        values: list[object] = [usual] * len(given)
        said = {
            times: round_of(times) if name == "round" else times.cells().get(name)
            for times in set(self._times.values())
        }
        for position, times in self._times.items():
            values[position] = said[times]
        return given.where(given.notna(), pd.Series(values, dtype=object).astype(given.dtype))


class _Counts:
    """How many looks of each key (`_SHOWN_BY`) there were. A key takes 16 bytes, because a scan can have millions.

    A key is kept as its hash. Two keys with one hash are counted together: then a number is left out, and none is
    given twice.
    """

    def __init__(self) -> None:
        self._hashes = np.zeros(0, np.uint64)
        """In ascending order."""
        self._counts = np.zeros(0, np.int64)

    def number(self, frame: pd.DataFrame) -> pd.Series:
        """For each row how many looks of its key were before it, in this frame and in earlier ones."""
        keys = [pd.factorize(frame[name], use_na_sentinel=False)[0] for name in _SHOWN_BY]
        groups = frame.groupby(keys, sort=False)
        sample, group = groups.cumcount(), groups.ngroup().to_numpy()
        first = frame.loc[(sample == 0).to_numpy(), _SHOWN_BY]
        hashes = np.asarray(pd.util.hash_pandas_object(first, index=False), np.uint64)
        numbers = sample.to_numpy() + self._known(hashes)[group]
        self._add(hashes, np.bincount(group))
        return pd.Series(numbers, frame.index, "Int64")

    def _known(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        places = np.searchsorted(self._hashes, hashes)
        is_known = np.isin(hashes, self._hashes)
        counts = np.zeros(len(hashes), np.int64)
        counts[is_known] = self._counts[places[is_known]]
        return counts

    def _add(self, hashes: npt.NDArray[np.uint64], counts: npt.NDArray[np.int64]) -> None:
        together, places = np.unique(np.concatenate([self._hashes, hashes]), return_inverse=True)
        summed = np.zeros(len(together), np.int64)
        np.add.at(summed, places, np.concatenate([self._counts, counts]))
        self._hashes, self._counts = together, summed
