"""Shared by all scenarios: the certificates in the order of their issue, and the times of a roll-out."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from toolkit.errors import LabUsageError
from toolkit.lab.schedule import Issue
from toolkit.text import not_known


class Draft:
    """The certificates of a schedule in the making; each gets a new key unless `key` is given."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self._keys: Counter[str] = Counter()

    def issue(
        self,
        names: tuple[str, ...],
        key_type: str,
        not_before: datetime,
        lifetime: timedelta,
        *,
        pair: int = 1,
        key: int | None = None,
    ) -> int:
        """Add a certificate; its number. `pair`: the intermediates that sign. `key`: an earlier key, to reuse."""
        if key is None:
            key = self._keys[key_type]
            self._keys[key_type] += 1
        begins = not_before.replace(microsecond=0)
        # RFC 5280, section 4.1.2.5: the validity includes both ends.
        ends = (begins + lifetime).replace(microsecond=0) - timedelta(seconds=1)
        return self._add(Issue(names, key_type, key, f"{'R' if key_type == 'RSA' else 'E'}{pair}", begins, ends))

    def in_chain(self, number: int, chain: str) -> int:
        """The number of the same certificate, served with another chain (`schedule.CHAINS`)."""
        wanted = replace(self.issues[number], chain=chain)
        return self.issues.index(wanted) if wanted in self.issues else self._add(wanted)

    def _add(self, issue: Issue) -> int:
        self.issues.append(issue)
        return len(self.issues) - 1


def roll_out_times(
    chance: np.random.Generator, begins: datetime, backends: int, roll_out: timedelta, shape: str = "linear"
) -> list[datetime]:
    """When each backend switches, to the second: the first at `begins`, the last `roll_out` later.

    Raises `LabUsageError` for an unknown shape.
    """
    if shape == "linear":
        drawn = chance.uniform(size=backends)
        spread = drawn.max() - drawn.min()
        shares = (drawn - drawn.min()) / spread if spread > 0 else np.zeros(backends)
    elif shape == "bind":
        shares = chance.permutation([0.0, 1.0, *[0.5] * backends][:backends] if backends > 1 else [0.0])
    else:
        raise LabUsageError(not_known("shape=", shape, ("linear", "bind")))
    first = begins.replace(microsecond=0)
    return [first + timedelta(seconds=round(roll_out.total_seconds() * float(share))) for share in shares]
