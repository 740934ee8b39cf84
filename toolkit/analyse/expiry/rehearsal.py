"""Rehearsal: each slot's own routine under the coming limits, with outages of its CA and a job that runs seldom."""

import hashlib
from collections.abc import Hashable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import Bools
from toolkit.analyse.expiry.forecast import find_starts, spread_of
from toolkit.analyse.expiry.leads import PLANS
from toolkit.analyse.expiry.limits import cap_on, caps_of
from toolkit.analyse.expiry.routine import Floats, routine_of
from toolkit.analyse.expiry.simulation import ARI, Course, Start, simulate
from toolkit.analyse.intervals import share_interval
from toolkit.analyse.slots import SLOT
from toolkit.arguments import require_whole
from toolkit.columns import Column, dtypes, returns
from toolkit.errors import UsageError
from toolkit.instants import DAY, SECOND, Instant, zoned
from toolkit.tables import Tables, require_tables

MOST_YEARS: Final = 10
_LAST_YEAR: Final = 9998

_LEAST_SPACING: Final = 1.0
_TOO_OFTEN: Final = "the slot renews more than once a day"

_SECOND_DAYS: Final = SECOND / DAY
_CERTAIN: Final = 1.96
"""Standard errors by which two rows of a slot must differ."""

_NONE: Final = "not rehearsed"

REHEARSAL: Final = (
    Column("service", "text", "of the slot", "the source names no service"),
    Column("host", "text", "of the slot", "the source names no host"),
    Column("server_name", "text", "of the slot", "the client sent no server name"),
    Column("key_type", "text", "of the slot", "the certificate did not parse"),
    Column("leaf_sha256", "text", "the certificate from which the rehearsal starts"),
    Column("year", "integer", "calendar year (UTC); the first one begins at `now`"),
    Column(
        "plan",
        "text",
        "what the routine keeps: `spacing`, days after the issue; `lead`, days before the end; `share`, a share of the "
        "lifetime; `ari`, the window that the CA suggests",
        _NONE,
    ),
    Column(
        "change",
        "text",
        "`none`: a plan that the slot may have today; `plan`: another plan; `daily_job`: its job runs each day; "
        "`second_ca`: a CA without an outage is used",
    ),
    Column("probability", "number", "of an expired certificate in service in that year", "see `reason`"),
    Column("probability_low", "number", "lower end of the 95 % interval of the simulation", _NONE),
    Column("probability_high", "number", "upper end of the 95 % interval of the simulation", _NONE),
    Column("expired_days", "number", "mean time with an expired certificate in service in that year", _NONE, "d"),
    Column(
        "is_best",
        "boolean",
        "no row of the slot has a lower probability in that year",
        "no row is better than the worst of those without a change, or not rehearsed",
    ),
    Column("lifetime_days", "number", "lifetime of certificates that are issued at the end of the year", _NONE, "d"),
    Column("usual_lead_rotations", "integer", "fully observed renewals from which the routine is known", "none"),
    Column("runs", "integer", "runs of the simulation", _NONE),
    Column("reason", "text", "why the slot was not rehearsed", "it was"),
    Column("source", "text", "sources of the looks at the certificate, sorted, joined by `, `"),
)
"""The columns of `rehearse`."""


@returns(REHEARSAL)
def rehearse(
    tables: Tables, *, now: Instant, years: int = 4, job_days: float = 1, outage_days: float = 0, runs: int = 1000
) -> pd.DataFrame:
    """How probable an expired certificate in service is if each slot keeps its routine, and which change helps.

    A row per slot, calendar year, and course: what the slot does today, and one change of it at a time. Slots and their
    certificates are those of `forecast_renewals`. Certificates live as long as the present one, or as long as is
    allowed on the day of issue: by SC-081v3 (200, 100, 47 days; for a private CA this is what a public one would have
    to do), and by Let's Encrypt's own steps where it is the issuer (64, 45 days).

    The routine is that of `describe_usual_leads`, replayed as it is. While all certificates of a slot lived equally
    long, a fixed spacing, a fixed lead and a fixed share of the lifetime cannot be distinguished: then each of them has
    rows with `change` `none`, and the truth is one of them. `daily_job` and `second_ca` change the worst of these.

    Each renewal of a run deviates from the plan as one of the past renewals did, drawn at random: by as many days for
    `spacing` and `lead`, in proportion for `share`. A renewal that is due waits for the next run of the job, every
    `job_days` days from a random instant on. It fails during an outage of the CA, and is tried again at the next run.
    In each 365 days from `now` one outage of `outage_days` days begins at a random instant. A new certificate is in
    service a minute after its issue, so that a run at the very end of the old one is late. A client with ARI (RFC 9773)
    renews at a random instant of the window that Let's Encrypt suggests: two thirds of the lifetime, half below ten
    days, ± 1 %.

    The interval of the probability (Clopper and Pearson) is that of the simulation. What the slot never did is not
    foreseen: after n renewals, up to 1 − 0.05^(1/n) of the next ones may come later than any before (12 % for 24, at
    95 %). A slot always gets the same random numbers.

    The time grows with `runs` and with the number of renewals. The seven slots of `web-series` from 2026-04-01 on take
    less than 1 s with the defaults, and about 40 s with `years=10, runs=100_000` (one core; measured by
    `python -m tests.benchmarks.bench_forecast`).

    `now` is ISO 8601 text, a datetime or a Timestamp, with a zone. `years` is a whole number from 1 to 10, `job_days`
    from 1 to 366, `outage_days` from 0 to 366, `runs` a whole number from 100 to 100,000. Raises `UsageError` for other
    values, and where `tables` is not `Tables`.

    >>> import toolkit
    >>> tables = toolkit.load_example("web-series").within(services="https://docs.python.org:443")
    >>> rehearsal = toolkit.rehearse(tables, now="2026-04-01 00:00Z", job_days=30)
    >>> columns = ["plan", "change", "probability", "expired_days", "is_best"]
    >>> print(toolkit.chart.tabulate(rehearsal[rehearsal["year"] == 2029], columns=columns))
       plan    change probability expired_days is_best
       lead      none           0          0.0     yes
      share      none           1         45.4      no
    spacing      plan           1         58.2      no
        ari      plan           1         47.9      no
      share daily_job           0          0.0     yes
    """
    require_tables(tables, "rehearse")
    today = zoned(now, "now")
    require_whole("years", years, most=MOST_YEARS)
    require_whole("runs", runs, least=100, most=100_000)
    job_days, outage_days = _number(job_days, "job_days", 1, 366), _number(outage_days, "outage_days", 0, 366)
    if today.year + years > _LAST_YEAR:
        raise UsageError(f"now={today.isoformat()}, years={years}: a rehearsal ends in {_LAST_YEAR} at the latest.")
    usual = Course("", job_days, outage_days)
    slots = find_starts(tables, today).to_dict("records")
    rows = [row for slot in slots for row in _rehearse_slot(slot, today, years, usual, runs)]
    frame = pd.DataFrame(rows, columns=[*dtypes(REHEARSAL), "expired_runs"])
    is_run = frame["runs"].notna()
    count, of = (frame.loc[is_run, name].to_numpy("int64") for name in ("expired_runs", "runs"))
    frame.loc[is_run, "probability"] = count / of
    frame.loc[is_run, "probability_low"], frame.loc[is_run, "probability_high"] = share_interval(count, of)
    return frame[list(dtypes(REHEARSAL))].astype(dtypes(REHEARSAL))


def _rehearse_slot(
    slot: dict[Hashable, Any], today: pd.Timestamp, years: int, usual: Course, runs: int
) -> list[dict[str, object]]:
    """The rows of one slot."""
    named = {name: slot[name] for name in (*SLOT, "leaf_sha256", "usual_lead_rotations", "source")}
    each_year = range(today.year, today.year + years)
    spread = spread_of(slot, today)
    reason = slot["usual_lead_reason"] if spread is None else pd.NA
    if spread is not None and slot["usual_spacing_days"] < _LEAST_SPACING:
        reason = _TOO_OFTEN
    if spread is None or not pd.isna(reason):
        return [named | {"year": year, "change": "none", "reason": reason} for year in each_year]
    begins_at, ends_at = slot["not_before"], slot["not_after"] + SECOND
    start = Start(
        begins=(begins_at - today) / DAY, ends=(ends_at - today) / DAY, routine=routine_of(slot), spread=spread,
        limits=_limits(slot, today),
    )  # fmt: skip
    edges = np.array([0.0, *((pd.Timestamp(year + 1, 1, 1, tz="UTC") - today) / DAY for year in each_year)])
    courses = _courses(slot["routine_plans"], usual)
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(repr([slot[name] for name in SLOT]).encode()).digest()))
    expired = simulate(start, [course for course, _ in courses], years=edges, runs=runs, rng=rng)
    kept = _kept(courses, expired)
    changes = [courses[n][1] for n in kept]
    lifetimes = start.lifetimes(edges[1:] - _SECOND_DAYS)
    return [
        named
        | {
            "year": year,
            "plan": courses[n][0].plan,
            "change": courses[n][1],
            "expired_runs": int((expired[n, :, column] > _SECOND_DAYS).sum()),
            "expired_days": float(expired[n, :, column].mean()),
            "is_best": is_best,
            "lifetime_days": float(lifetimes[column]),
            "runs": runs,
        }
        for column, year in enumerate(each_year)
        for n, is_best in zip(kept, _best(changes, expired[kept, :, column] > _SECOND_DAYS), strict=True)
    ]


def _courses(plans: tuple[str, ...], usual: Course) -> list[tuple[Course, str]]:
    """The courses of a slot, each with its `change`; `plans` are those that it may have today."""
    courses = [
        (Course(plan, usual.job_days, usual.outage_days), "none" if plan in plans else "plan") for plan in (*PLANS, ARI)
    ]
    courses.sort(key=lambda course: course[1] == "plan")
    if usual.job_days > 1:
        courses += [(Course(plan, 1, usual.outage_days), "daily_job") for plan in plans]
    if usual.outage_days > 0:
        courses += [(Course(plan, usual.job_days, 0), "second_ca") for plan in plans]
    return courses


def _kept(courses: list[tuple[Course, str]], expired: Floats) -> list[int]:
    """The indices of the courses that get rows: a change of the job or the CA only for the worst of today's plans."""
    present = [n for n, (_, change) in enumerate(courses) if change == "none"]
    worst = max(present, key=lambda n: ((expired[n] > _SECOND_DAYS).mean(), expired[n].mean()))
    of_plan = courses[worst][0].plan
    return [n for n, (course, change) in enumerate(courses) if change in ("none", "plan") or course.plan == of_plan]


def _best(changes: list[str], is_expired: Bools) -> list[bool | None]:
    """Whether each course [course, run] has the lowest probability; all None if none is better than today's worst."""
    chances = is_expired.mean(axis=1)
    worst = max((n for n, change in enumerate(changes) if change == "none"), key=lambda n: chances[n])
    lowest = int(chances.argmin())
    if not _is_above(is_expired[worst], is_expired[lowest]):
        return [None] * len(changes)
    return [not _is_above(own, is_expired[lowest]) for own in is_expired]


def _is_above(one: Bools, other: Bools) -> bool:
    """Whether the first is significantly more probable (paired runs)."""
    differences = one.astype(int) - other
    return bool(differences.mean() > _CERTAIN * differences.std(ddof=1) / np.sqrt(len(differences)))


def _limits(certificate: Mapping[Hashable, Any], today: pd.Timestamp) -> tuple[Floats, Floats]:
    """The limits on lifetimes as `Start` takes them, for the successors of that certificate."""
    caps = caps_of(certificate)
    edges = sorted({cap.since for cap in caps})
    since = [-np.inf, *((edge - today) / DAY for edge in edges)]
    held = (cap_on(edge, caps) for edge in edges)
    return np.array(since), np.array([np.inf, *(cap.days if cap else np.inf for cap in held)])


def _number(value: object, name: str, least: float, most: float) -> float:
    if not isinstance(value, int | float | np.number) or isinstance(value, bool) or not least <= value <= most:
        raise UsageError(f"{name}={value!r}: must be a number of days from {least} to {most}.")
    return float(value)
