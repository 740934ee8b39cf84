"""The looks of a file in columns: what a look shows is kept once, each look as its number and its instant.

Most looks of a log show what an earlier one did, so a row costs two integers until the frame is made.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
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


class Looks:
    """The looks of one file, in order."""

    def __init__(self) -> None:
        self._rows: list[dict[str, object]] = []
        self._shown = array("q")
        self._at = array("q")
        self._times: dict[int, Times] = {}
        """Position of a look without an instant → what is known of it."""

    def __len__(self) -> int:
        return len(self._shown)

    def number(self, row: dict[str, object]) -> int:
        """Keep what a look shows, as columns of `observations`; its number."""
        self._rows.append(row)
        return len(self._rows) - 1

    def add(self, shown: int, times: Times) -> None:
        """Add a look."""
        if times.at is not None:
            self.add_at(shown, microseconds(times.at))
        else:
            self._times[len(self._shown)] = times
            self.add_at(shown, _NULL)

    def add_at(self, shown: int, at: int) -> None:
        """Add a look at an instant, in microseconds since 1970."""
        self._shown.append(shown)
        self._at.append(at)

    def frame(self, round_of: Callable[[Times], str], round_of_file: str) -> pd.DataFrame:
        """The rows of `observations`. `round_of` names the round of looks without an instant."""
        shown = np.frombuffer(self._shown, np.int64)
        frame = schema.frame("observations", self._rows)
        if len(shown) != len(self._rows) or not (shown == np.arange(len(shown))).all():
            frame = frame.take(shown).reset_index(drop=True)
        at = np.frombuffer(self._at, np.int64)  # NumPy's NaT is the same number as `_NULL`
        frame["observed_at"] = pd.Series(at.view("datetime64[us]")).dt.tz_localize("UTC")
        cells = {"observed_from": None, "observed_until": None, "date_basis": "observed", "round": round_of_file}
        for name, usual in cells.items():
            frame[name] = self._filled(frame[name], name, usual, round_of)
        keys = [pd.factorize(frame[name], use_na_sentinel=False)[0] for name in _SHOWN_BY]
        frame["sample"] = frame.groupby(keys, sort=False).cumcount().astype("Int64")
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
