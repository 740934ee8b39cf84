"""The simulation behind `rehearse`: the renewals of one slot in many runs, and how long certificates were expired.

All instants are days from `now`, all lengths are days. Arrays have the axes [course, run, year], as far as they need
them. The courses of a slot share their random numbers, so that they differ by what they do and not by chance.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from toolkit.analyse.expiry.routine import Floats, Spread, planned_days

ARI: Final = "ari"
"""The plan of a client that renews in the window that its CA suggests (RFC 9773)."""

_YEAR: Final = 365.0

_SHORT_DAYS, _WINDOW, _HALF_WINDOW = 10, 2 / 3, 0.01
"""The window of Let's Encrypt's Boulder (`RenewalInfoSimple` in core/objects.go): 2 % of the lifetime around two thirds
of it, or around the middle where the lifetime is below ten days."""

_LEAST_AGE: Final = 1e-6
"""A certificate is never replaced at the instant of its issue."""

_INSTALLATION: Final = 1 / 1440
"""From the issue of a certificate until it is in service: a minute, so that a renewal at the very end is late."""

_ROUNDING: Final = 1e-9
"""A run of the job that is as much earlier, in intervals of the job, is taken for the same instant."""


@dataclass(frozen=True, slots=True)
class Course:
    """What a slot does: its plan, how often its renewal job runs, and how long an outage of its CA lasts."""

    plan: str
    job_days: float
    outage_days: float


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Where a slot begins: the validity of its certificate, its routine (`routine_of`), its spread, and the limits.

    `limits` are the days from which a limit on lifetimes holds, ascending, the first minus infinity, and the limits.
    """

    begins: float
    ends: float
    routine: dict[str, Any]
    spread: Spread
    limits: tuple[Floats, Floats]

    def lifetimes(self, issued: Floats) -> Floats:
        """How long certificates live that are issued then: as long as today's, or as long as is allowed."""
        since, longest = self.limits
        allowed: Floats = np.minimum(self.ends - self.begins, longest[np.searchsorted(since, issued, "right") - 1])
        return allowed

    def planned(self, lifetime: float) -> float:
        """The age at which the routine is expected to replace a certificate of that lifetime."""
        return max(float(planned_days(np.array(lifetime), **self.routine)), _LEAST_AGE)


def simulate(start: Start, courses: list[Course], *, years: Floats, runs: int, rng: np.random.Generator) -> Floats:
    """How long an expired certificate was in service [course, run, year].

    `years` are the instants at which the years begin, the first 0, and the end of the last.
    """
    running = np.arange(len(courses))
    job = np.array([[course.job_days] for course in courses])
    outage = np.array([[course.outage_days] for course in courses])
    phase: Floats = rng.random(runs) * job
    periods = int(np.ceil(years[-1] / _YEAR))
    starts = (np.arange(periods)[:, None] + rng.random((periods, runs))) * _YEAR
    outages = [(began, began.min(), began.max()) for began in starts]
    expired = np.zeros((len(courses), runs, len(years) - 1))
    begins: Floats = np.full((len(courses), runs), start.begins)
    ends: Floats = np.full((len(courses), runs), start.ends)
    for deviation in start.spread.draw(rng, runs, planned=start.planned(start.ends - start.begins)):
        window = rng.uniform(-_HALF_WINDOW, _HALF_WINDOW, runs)
        due = [
            _ages(start, courses[n].plan, ends[row] - begins[row], deviation, window) for row, n in enumerate(running)
        ]
        renewed = _next_run(np.maximum(begins + np.maximum(np.stack(due), _LEAST_AGE), 0), phase, job)
        renewed = _after_outages(renewed, outages, outage, phase, job)
        installed = renewed + _INSTALLATION
        row, run = np.nonzero((installed > ends) & (ends < years[-1]))
        from_, until = ends[row, run][:, None], installed[row, run][:, None]
        expired[running[row], run] += np.maximum(np.minimum(until, years[1:]) - np.maximum(from_, years[:-1]), 0)
        is_running = renewed.min(axis=1) < years[-1]
        if not is_running.any():
            break
        running, job, outage, phase = running[is_running], job[is_running], outage[is_running], phase[is_running]
        begins = renewed[is_running]
        ends = begins + start.lifetimes(begins)
    return expired


def _after_outages(
    renewed: Floats, outages: list[tuple[Floats, float, float]], outage: Floats, phase: Floats, job: Floats
) -> Floats:
    """The renewals, those in an outage at the first run of the job after it.

    `outages` are the outages in their order: their starts [run], the earliest and the latest of these.
    """
    first, last, longest = renewed.min(), renewed.max(), outage.max()
    for began, earliest, latest in outages:
        if latest + longest <= first or last < earliest:
            continue
        is_out = (began <= renewed) & (renewed < began + outage)
        if is_out.any():
            renewed = np.where(is_out, _next_run(began + outage, phase, job), renewed)
            last = renewed.max()
    return renewed


def _ages(start: Start, plan: str, lifetimes: Floats, deviation: Floats, window: Floats) -> Floats:
    """The ages at which certificates of these lifetimes become due by the plan."""
    lead, spacing, lived = (float(start.routine[name]) for name in ("lead", "spacing", "usual"))
    usual = start.planned(lived)
    away: Floats = usual * deviation
    if plan == "spacing":
        return spacing + away
    if plan == "lead":
        return lifetimes - lead + away
    if plan == "share":
        return lifetimes / lived * (usual + away)
    middle = np.where(lifetimes < _SHORT_DAYS, 1 / 2, _WINDOW)
    return lifetimes * (middle + window)


def _next_run(at: Floats, phase: Floats, job: Floats) -> Floats:
    """The first run of the job that is not before `at`."""
    return phase + np.ceil((at - phase) / job - _ROUNDING) * job
