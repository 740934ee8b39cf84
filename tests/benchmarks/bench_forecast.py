"""The forecast against what came: `python -m tests.benchmarks.bench_forecast`.

From three days a year, with only what was observed by then, the forecast of each slot's next renewal and of the number
of renewals until the next of these days is compared with the leaves that were seen later. The same days are given to
two naive forecasts: the last interval again, and two thirds of the lifetime (a third left, as ACME clients do). What
fitting would give on a host that it does not know is in the column `mixed`: the three forecasts mixed with the weights
that are best on all other hosts. Slots that are renewed together are one routine and count once.

Three days a year leave few renewals of one host to compare: a single re-issue decides which forecast is best. So the
web series is forecast from the first of each month as well, where each renewal counts once, with the mean over the
days before it. Then slots whose routine is simulated, so that the truth is known; and the time that `rehearse` takes.
Exits with 1 if a limit is missed.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

import toolkit
from toolkit.analyse.expiry.routine import Floats, late_ratios
from toolkit.analyse.slots import SLOT
from toolkit.instants import DAY, SECOND
from toolkit.tables import Tables

COVERAGES = (0.8, 0.95)
TOLERANCE = 1.0
"""Days by which the mean error on a host may exceed that of the better naive forecast."""

LEAST_COMPARED = 4
"""On hosts with fewer renewals to compare, one re-issue decides which forecast is best: printed, not judged."""

THRICE = (1, 5, 9)
MONTHLY = range(1, 13)
"""Months on whose first day a forecast is made."""

NAMES = ("ours", "last interval", "2/3 of lifetime")

WEIGHTS = [
    (1 - last - third, last, third) for last in (0, 0.25, 0.5, 1) for third in (0, 0.25, 0.5, 1) if last + third <= 1
]
"""Weights of the three forecasts that are tried for `mixed`."""

MOST_TOGETHER = 0.5
"""Two slots are renewed together where more than this share of the leaves of each began within a day of the other's."""


@dataclass(frozen=True)
class Case:
    """One slot on one day: what was forecast and what came."""

    host: str
    basis: str
    expected: tuple[float, ...]
    """Days from the day of the forecast to the next renewal, by each forecast of `NAMES`."""
    came: float
    """Days to the next renewal that was seen; NaN: certificates between were not seen, or none came."""
    came_at: pd.Timestamp
    """The instant of that renewal."""
    held: tuple[bool | None, ...]
    """Whether each interval held; None: there is no interval."""
    foreseen: int
    seen: int


def main() -> int:
    """Print the tables, and return the number of limits that were missed."""
    web, lab = (toolkit.load_example(name) for name in ("web-series", "lab-sample"))
    missed = [
        *judge("web series (recorded; issue of the next leaf seen)", web),
        *judge("web series, each renewal once", web, months=MONTHLY),
        *judge("lab sample (lab; first sight of the next leaf)", lab),
        *simulated(),
    ]
    time_rehearsals(web)
    for limit in missed:
        print("MISSED", limit)
    return len(missed)


def judge(title: str, tables: Tables, *, months: Iterable[int] = THRICE) -> list[str]:
    """The table of one series, forecast from the first of these months. With every month each renewal counts once.

    Of slots that are renewed together, only the first is in the table.
    """
    looks = tables.observations
    last = looks["observed_at"].fillna(looks["observed_until"])
    days = [day for day in _days(last.min(), last.max(), months) if last.min() < day < last.max()]
    ends = [*days[1:], last.max()]
    repeated = renewed_together(leaves_of(tables))
    cases = [case for day, end in zip(days, ends, strict=True) for case in forecast_on(tables, day, end)]
    cases = [case for case in cases if case.host not in repeated]
    print(f"\n{title}: {len(days)} days, {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}")
    for host, first in repeated.items():
        print(f"{host}: renewed together with {first}, not counted")
    return _print(cases, is_once=months is MONTHLY)


def _days(first: pd.Timestamp, last: pd.Timestamp, months: Iterable[int]) -> list[pd.Timestamp]:
    years = range(first.year, last.year + 1)
    return [pd.Timestamp(year, month, 1, tz="UTC") for year in years for month in months]


def known_on(tables: Tables, day: pd.Timestamp) -> Tables:
    """What had certainly been observed by that day. An undated look with a later bound is not used."""
    looks = tables.observations
    by = looks["observed_at"].fillna(looks["observed_until"])
    kept = looks[(by <= day).fillna(value=False)]
    of_ca = tables.certificates["is_ca"].fillna(value=False).astype(bool)
    shown = tables.certificates["cert_sha256"].isin(kept["leaf_sha256"])
    return replace(tables, observations=kept, certificates=tables.certificates[shown | of_ca])


def forecast_on(tables: Tables, day: pd.Timestamp, end: pd.Timestamp) -> list[Case]:
    """A case per slot that has a forecast on that day."""
    known = known_on(tables, day)
    leaves, past = leaves_of(tables), leaves_of(known)
    forecast = toolkit.forecast_renewals(known, now=day, years=3)
    cases = []
    for slot, rows in forecast.groupby(SLOT, dropna=False, sort=True):
        mine, before = (frame[_is_slot(frame, slot)] for frame in (leaves, past))
        start = before[before["leaf_sha256"] == rows["leaf_sha256"].iloc[0]].iloc[0]
        new = mine[(mine["seen_by"] > day) & (mine["not_before"] > start["not_before"] + DAY)]
        is_dated = bool(mine["first_seen_at"].notna().all())
        at = new["first_seen_at" if is_dated else "not_before"]
        came = at.min()
        if not is_dated and len(new) and came > start["not_after"] + SECOND:
            came = pd.NaT  # certificates between the two were not seen
        first = rows.iloc[0]
        expected = [first["renews_at" if is_dated else "expected_at"], *_naive(start, before, is_dated, day)]
        held = tuple(
            None
            if pd.isna(first["earliest_95_at"]) or pd.isna(came)
            else bool(first[f"earliest_{level}_at"] <= came <= first[f"latest_{level}_at"])
            for level in (80, 95)
        )
        cases.append(
            Case(
                host=_label(slot),
                basis=str(first["usual_lead_basis"]),
                expected=tuple((when - day) / DAY for when in expected),
                came=(came - day) / DAY if not pd.isna(came) else np.nan,
                came_at=came,
                held=held,
                foreseen=int((rows["renews_at"] < end).sum()),
                seen=int((at < end).sum()),
            )
        )
    return cases


def _naive(start: pd.Series, before: pd.DataFrame, is_dated: bool, day: pd.Timestamp) -> list[pd.Timestamp]:
    """The last interval again; two thirds of the lifetime."""
    name = "first_seen_at" if is_dated else "not_before"
    starts = before[before["not_before"] <= start["not_before"]][name].sort_values()
    third = start["not_before"] + (start["not_after"] + SECOND - start["not_before"]) * 2 / 3
    last = starts.iloc[-1] + (starts.iloc[-1] - starts.iloc[-2]) if len(starts) > 1 else third
    return [max(when, day) for when in (last, third)] if is_dated else [last, third]


def leaves_of(tables: Tables) -> pd.DataFrame:
    """Each leaf of each slot: its validity, and when it was first seen."""
    looks = tables.observations.dropna(subset=["leaf_sha256"])
    facts = tables.certificates[["cert_sha256", "key_type", "not_before", "not_after"]]
    looks = looks.merge(facts, left_on="leaf_sha256", right_on="cert_sha256")
    looks["seen_by"] = looks["observed_at"].fillna(looks["observed_until"])
    found = looks.groupby([*SLOT, "leaf_sha256"], dropna=False).agg(
        not_before=("not_before", "first"), not_after=("not_after", "first"),
        first_seen_at=("observed_at", "min"), seen_by=("seen_by", "min"),
    )  # fmt: skip
    return found.reset_index()


def renewed_together(leaves: pd.DataFrame) -> dict[str, str]:
    """Slots that repeat the renewals of another one → the first of these. Their forecasts are not independent."""
    starts = {
        _label(slot): _start(mine).sort_values().to_numpy("datetime64[s]")
        for slot, mine in leaves.groupby(SLOT, dropna=False, sort=True)
    }
    found: dict[str, str] = {}
    for host, other in combinations(sorted(starts), 2):
        is_near = np.abs(starts[host][:, None] - starts[other][None, :]) <= DAY.to_timedelta64()
        if host not in found and min(is_near.any(axis=1).mean(), is_near.any(axis=0).mean()) > MOST_TOGETHER:
            found.setdefault(other, host)
    return found


def _start(leaves: pd.DataFrame) -> pd.Series:
    """When each leaf of a slot began, as the series shows it: its first sight if every leaf has one, else its issue."""
    return leaves["first_seen_at" if leaves["first_seen_at"].notna().all() else "not_before"]


def _label(slot: tuple[Any, ...]) -> str:
    parts = dict(zip(SLOT, slot, strict=True))
    return f"{parts['host']} {parts['key_type']}"


def _is_slot(frame: pd.DataFrame, slot: tuple[Any, ...]) -> pd.Series:
    parts = zip(SLOT, slot, strict=True)
    columns = [frame[name].eq(part) | (frame[name].isna() & pd.isna(part)) for name, part in parts]
    same: pd.DataFrame = pd.concat(columns, axis=1)
    return same.all(axis=1)


def _print(cases: list[Case], *, is_once: bool) -> list[str]:
    """One line per host, and all; the limits that were missed. `is_once`: each renewal counts once."""
    print(f"{'':28}{'renewals':>9}{'':6}{'next':>8}{'':10} |{'mean error of the next [d]':>58} |  intervals")
    heads = "".join(f"{name:>16}" for name in NAMES) + f"{'mixed':>10}"
    print(f"{'':28}{'foreseen':>9}{'seen':>6}{'seen':>8}{'compared':>10} |{heads} |    80 %    95 %")
    missed = []
    hosts = [(host, [case for case in cases if case.host == host]) for host in sorted({case.host for case in cases})]
    learned = [case for case in cases if case.basis != "assumed"]
    weights = {operator: _best_weights(cases, operator) for operator in {_operator(case) for case in cases}}
    assumed = [case for case in cases if case.basis == "assumed"]
    for host, mine in [*hosts, ("a routine was learned", learned), ("a third is assumed", assumed), ("all", cases)]:
        scored = [case for case in mine if not np.isnan(case.came)]
        is_host = host in {case.host for case in cases}
        compared = [case for case in scored if case.basis != "assumed"] if is_host else scored
        mixed = [float(np.dot(case.expected, weights[_operator(case)])) for case in compared]
        error: Floats = np.array(
            [
                [abs(when - case.came) for when in (*case.expected, other)]
                for case, other in zip(compared, mixed, strict=True)
            ]
        ).reshape(-1, 4)
        error = _by_renewal(error, compared) if is_once else error
        mean = error.mean(axis=0) if len(error) else np.full(4, np.nan)
        bounded = [case for case in compared if case.held[0] is not None]
        held: Floats = np.array([case.held for case in bounded], dtype=float).reshape(-1, 2)
        held = _by_renewal(held, bounded) if is_once else held
        shares = "".join(f"{held[:, n].sum():6.{int(is_once)}f}/{len(held):<3}" for n in (0, 1))
        print(
            f"{host:28}{sum(case.foreseen for case in mine):9}{sum(case.seen for case in mine):6}{len(scored):8}"
            f"{len(error):10} |" + "".join(f"{days:16.1f}" for days in mean[:3]) + f"{mean[3]:10.1f} |{shares}"
        )
        if is_host and len(error) >= LEAST_COMPARED and mean[0] > mean[1:3].min() + TOLERANCE:
            missed.append(f"{host}: {mean[0]:.1f} d, {NAMES[1 + int(mean[1:3].argmin())]} {mean[1:3].min():.1f} d")
        if host == "all":
            missed += _check_coverage(held)
    return missed


def _by_renewal(values: Floats, cases: list[Case]) -> Floats:
    """The mean of the rows of each renewal: the same certificate of one host."""
    renewals = [(case.host, case.came_at) for case in cases]
    means: Floats = pd.DataFrame(values).groupby(pd.Series(renewals, dtype="object"), sort=False).mean().to_numpy()
    return means


def _operator(case: Case) -> str:
    return case.host.split(" ")[0]


def _best_weights(cases: list[Case], operator: str) -> tuple[float, float, float]:
    """The weights with the lowest mean error over the other operators, each counting once."""
    others: dict[str, list[Case]] = {}
    for case in cases:
        if _operator(case) != operator and case.basis != "assumed" and not np.isnan(case.came):
            others.setdefault(_operator(case), []).append(case)
    return min(
        WEIGHTS,
        key=lambda weights: sum(
            float(np.mean([abs(np.dot(case.expected, weights) - case.came) for case in mine]))
            for mine in others.values()
        ),
    )


def _check_coverage(held: np.ndarray) -> list[str]:
    """A coverage is missed where so few intervals hold that chance explains it with at most 5 %."""
    return [
        f"coverage {coverage:.0%}: only {held[:, n].sum():.1f} of {len(held)}"
        for n, coverage in enumerate(COVERAGES)
        if stats.binom.cdf(held[:, n].sum(), len(held), coverage) < 0.05
    ]


def simulated() -> list[str]:
    """How often the intervals hold for laws of the spacing that are known, by the number of spacings learned from."""
    rng = np.random.default_rng(2026)
    print(f"\nsimulated spacings, {RUNS:,} slots each: share of the next renewals in the intervals of 80 % and 95 %")
    print(f"{'':24}" + "".join(f"{f'{count} spacings':>16}" for count in COUNTS))
    missed = []
    for name, draw in LAWS.items():
        line = f"{name:24}"
        for count in COUNTS:
            spacings = draw(rng, (RUNS, count + 1))
            shares = [_share_held(spacings[:, :-1], spacings[:, -1], coverage) for coverage in COVERAGES]
            line += f"{shares[0]:9.3f} {shares[1]:.3f} "
            missed += [
                f"{name}, {count} spacings: {coverage:.0%} holds for {share:.1%}"
                for share, coverage in zip(shares, COVERAGES, strict=True)
                if share < coverage - ALLOWED
            ]
        print(line)
    return missed


def time_rehearsals(tables: Tables) -> None:
    """Print the time of the processor that `rehearse` takes with its defaults, and with its largest parameters."""
    print()
    for years, runs in ((4, 1_000), (10, 100_000)):
        began = process_time()
        toolkit.rehearse(tables, now="2026-04-01T00:00Z", years=years, runs=runs)
        print(f"rehearse, web series, years={years}, runs={runs:,}: {process_time() - began:.1f} s of the processor")


RUNS = 1_000
COUNTS = (3, 5, 8, 12, 24)
ALLOWED = 0.04
"""Share of the intervals by which a coverage may be missed: three standard errors of 1,000 slots at 95 %, and the width
by Silverman's rule, which is a little narrow for a normal law."""

LAWS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Floats]] = {
    "60 d, a daily job": lambda rng, size: 60 + rng.uniform(0, 1, size),
    "60 d, a monthly job": lambda rng, size: 60 + rng.uniform(0, 30, size),
    "normal, 55 ± 5 d": lambda rng, size: np.maximum(rng.normal(55, 5, size), 1),
    "log-normal, 23 d × 1.8": lambda rng, size: 23 * np.exp(0.6 * rng.normal(0, 1, size)),
    "one in ten early": lambda rng, size: np.where(
        rng.random(size) < 0.1, rng.uniform(3, 60, size), 60 + rng.uniform(0, 1, size)
    ),
}
"""Law of the spacings [d] → how they are drawn."""


def _share_held(past: Floats, following: Floats, coverage: float) -> float:
    """The share of slots whose next spacing is in the interval that follows from its past ones."""
    middle = np.median(past, axis=1)
    ratios, blur = np.log(past / middle[:, None]), 1 / np.sqrt(12) / middle
    early, late = (late_ratios(ratios, blur, (1 + side * coverage) / 2, has_exceptions=True) for side in (1, -1))
    reached = np.log(following / middle)
    return float(((early <= reached) & (reached <= late)).mean())


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
