"""A fleet that rolls a certificate out, looked at again and again: runs of `../shared/statistics.md`, as arrays.

"Linear": switch times drawn uniformly, then shifted and scaled so that the first is 0 and the last R. "Bind": one
canary at 0, one last backend at R, the rest at R/2. Looks are 2 s apart in a round, rounds are jittered by a tenth
of their gap; 10 % of looks and 5 % of rounds are lost. The first round lies a uniform phase after the horizon's start.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolkit.analyse.arrays import Bools, Floats, Ints
from toolkit.analyse.rotation import bounds

HOUR = 3_600_000_000
LOOKS_APART = 2_000_000


@dataclass(frozen=True)
class Plan:
    """One configuration: M backends, m looks per round, a round every g hours, a roll-out of R hours."""

    name: str
    backends: int
    looks: int
    gap: float
    roll_out: float
    shape: str = "linear"
    stuck: float = 0.0
    sticky: bool = False
    failing: float = 0.0
    counted: int = 0
    """Looks of a round that count for bounds, if not all of them do; it determines how long a run is observed."""

    @property
    def min_share(self) -> float:
        return 1 / self.backends

    @property
    def horizon(self) -> float:
        """Hours observed before the first switch and after the last."""
        return max(10 * self.gap, (620 if self.backends == 100 else 180) * self.gap / (self.counted or self.looks))


@dataclass(frozen=True)
class Runs:
    """Looks of many runs, one run after another: `lo` to `hi` is the range of a run."""

    at: Ints
    new: Bools
    share: Floats
    round: Ints
    lo: Ints
    hi: Ints
    switches: Floats

    @property
    def start(self) -> Ints:
        return _micro(self.switches[:, 0])

    @property
    def done(self) -> Ints:
        return _micro(self.switches[:, -1])

    @property
    def half(self) -> Ints:
        """When at least half of the backends first served the successor."""
        backends = self.switches.shape[1]
        return _micro(self.switches[:, (backends + 1) // 2 - 1])


def run(plan: Plan, runs: int, rng: np.random.Generator) -> Runs:
    """Draw that many runs of the plan."""
    switches = _switches(plan, runs, rng)
    end = plan.roll_out + plan.stuck + plan.horizon
    rounds = int((end + plan.horizon) // plan.gap) + 1
    begins = -plan.horizon + rng.uniform(0, plan.gap, (runs, 1)) + plan.gap * np.arange(rounds)
    begins = begins + rng.uniform(-0.1, 0.1, begins.shape) * plan.gap
    at = _micro(begins)[:, :, None] + LOOKS_APART * np.arange(plan.looks)
    switched = np.zeros(at.shape, np.int64)
    for backend in range(plan.backends):
        switched += at >= _micro(switches[:, backend])[:, None, None]
    share = switched / plan.backends
    drawn = rng.random((runs, rounds, 1) if plan.sticky else at.shape)
    new = np.broadcast_to(drawn, at.shape) < share
    kept = (rng.random(at.shape) >= 0.1) & (rng.random((runs, rounds, 1)) >= 0.05) & (at <= _micro(end))
    if plan.failing:
        kept &= new | (at < 0) | (rng.random(at.shape) >= plan.failing)
    counts = kept.sum(axis=(1, 2))
    hi = np.cumsum(counts)
    number = np.broadcast_to(np.arange(rounds)[:, None], (rounds, plan.looks))
    return Runs(
        at[kept], new[kept], share[kept], np.broadcast_to(number, at.shape)[kept], hi - counts, hi, switches
    )  # fmt: skip


PLANS = (
    Plan("P1", 1, 1, 1, 0),
    Plan("P2", 2, 1, 1, 24),
    Plan("P3", 5, 3, 1, 72),
    Plan("P4", 20, 12, 1, 72),
    Plan("P5", 20, 12, 1, 168, "bind"),
    Plan("P6", 100, 12, 1, 168),
    Plan("P7", 20, 12, 24, 168),
)


@dataclass(frozen=True)
class RunBounds:
    """The certain bounds and the confidence bounds of each run, in µs; `NULL`: not bounded."""

    start_min_at: Ints
    start_max_at: Ints
    done_min_at: Ints
    done_max_at: Ints
    overlap_min: Ints
    overlap_max: Ints
    midpoint_min_at: Ints
    midpoint_max_at: Ints


def edges(runs: Runs) -> bounds.Edges:
    """Where the successor was first seen in each run, and the predecessor last."""
    owner = np.repeat(np.arange(len(runs.lo)), runs.hi - runs.lo)
    new, old = np.flatnonzero(runs.new), np.flatnonzero(~runs.new)
    first, last = np.full(len(runs.lo), -1), np.full(len(runs.lo), -1)
    first[owner[new[::-1]]] = new[::-1]
    last[owner[old]] = old
    if (first < 0).any() or (last < 0).any():
        raise ValueError("A run never showed one of its two certificates.")
    return bounds.Edges(runs.at, runs.lo, runs.hi, first, last + 1)


def bound(runs: Runs, min_share: float, *, by_round: bool = False) -> RunBounds:
    """The bounds of `find_rotations`, by the same functions, for all runs at once; `by_round`: with `sticky=True`."""
    found = edges(runs)
    first, last = runs.at[found.before], runs.at[found.after - 1]
    at, new, lo, hi, counted = runs.at, runs.new, runs.lo, runs.hi, found
    if by_round:
        begins = np.r_[True, runs.round[1:] != runs.round[:-1]]
        begins[runs.lo] = True
        kept = np.flatnonzero(begins)
        at, new, lo, hi = at[kept], new[kept], np.searchsorted(kept, lo), np.searchsorted(kept, hi)
        # The round that first showed the successor does not count as one before it.
        before = np.searchsorted(kept, found.before, "right") - 1
        counted = bounds.Edges(at, lo, hi, before, np.searchsorted(kept, found.after))
    midpoint_min, midpoint_max = bounds.midpoint_bounds(at, ~new, new, lo, hi)
    return RunBounds(
        start_min_at=bounds.start_bound(counted, min_share),
        start_max_at=first,
        done_min_at=last,
        done_max_at=bounds.done_bound(counted, min_share),
        overlap_min=np.maximum(last - first, 0),
        overlap_max=bounds.overlap_bound(counted, min_share),
        midpoint_min_at=midpoint_min,
        midpoint_max_at=midpoint_max,
    )


def _switches(plan: Plan, runs: int, rng: np.random.Generator) -> Floats:
    """Hours at which each backend of each run switches, sorted."""
    if plan.backends == 1:
        return np.zeros((runs, 1))
    if plan.shape == "bind":
        one = np.r_[0, np.full(plan.backends - 2, plan.roll_out / 2), plan.roll_out]
        return np.tile(one, (runs, 1))
    drawn = np.sort(rng.random((runs, plan.backends)), axis=1)
    first, last = drawn[:, :1], drawn[:, -1:]
    switches = (drawn - first) / (last - first) * plan.roll_out
    switches[:, -1] += plan.stuck
    return switches


def _micro(hours: Floats | float) -> NDArray[np.int64]:
    micro: NDArray[np.int64] = np.rint(np.asarray(hours) * HOUR).astype(np.int64)
    return micro
