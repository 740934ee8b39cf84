"""Rehearsals against closed forms, a simulation written by hand, and slots whose routine is known."""

from math import sqrt

import numpy as np
import pandas as pd
import pytest

import toolkit
from tests.analyse.made import at, certificate, look, tables
from toolkit import Tables
from toolkit.analyse.expiry.rehearsal import REHEARSAL
from toolkit.analyse.expiry.routine import Floats, Spread
from toolkit.analyse.expiry.simulation import Course, Start, simulate
from toolkit.columns import dtypes
from toolkit.errors import UsageError

RUNS = 4_000
AT_ONCE = 1e-3
"""A job that runs so often [d] that a renewal does not wait."""

MINUTE = 1 / 1440
"""From a renewal until the new certificate is in service [d]."""

UNLIMITED = (np.array([-np.inf]), np.array([np.inf]))


def steady(*, ratios: tuple[float, ...] = (0.0, 0.0, 0.0), limits: tuple[Floats, Floats] = UNLIMITED) -> Start:
    """Certificates of 90 days, replaced after 60; the present one begins on day 0."""
    routine = {"lead": 30.0, "spacing": 60.0, "usual": 90.0, "by_lead": False}
    return Start(begins=0.0, ends=90.0, routine=routine, spread=Spread(ratios, blur=0.01, age=0.0), limits=limits)


def share(course: Course, *, until: float, start: Start | None = None, seed: int = 1) -> float:
    """The share of runs with an expired certificate before day `until`."""
    years = np.array([0.0, until])
    rng = np.random.default_rng(seed)
    found = simulate(start or steady(), [course], years=years, runs=RUNS, rng=rng)
    return float((found > AT_ONCE / 2).mean())


def assert_close(found: float, expected: float) -> None:
    """Within four standard errors of the simulation."""
    assert abs(found - expected) <= 4 * sqrt(expected * (1 - expected) / RUNS) + 1e-3


@pytest.mark.parametrize("outage", [10, 30, 35, 50, 60])
def test_an_outage_harms_where_it_covers_a_lead(outage: float) -> None:
    """The renewal due on day 60 k fails if the outage begins on one of the `outage` - 30 days that end there."""
    expected = 5 * max(outage - 30, 0) / 365
    assert_close(share(Course("spacing", AT_ONCE, outage), until=365), expected)


@pytest.mark.parametrize("every", [20, 40, 60, 120])
def test_a_renewal_waits_for_the_job(every: float) -> None:
    """The wait for a run is uniform, and the lead is 30 days; the second certificate ends on day 150 or later."""
    assert_close(share(Course("lead", every, 0), until=149), max(1 - 30 / every, 0))


def test_a_second_renewal_waits_for_the_same_job() -> None:
    """The first run is on day 60 + w, 0 ≤ w < 40; the next renewal is due on day 120 + w and comes 20 days later."""
    assert_close(share(Course("spacing", 40, 0), until=300), 1 / 4)


def test_a_job_in_step_with_the_lifetime_runs_at_the_very_end() -> None:
    """With a lead of 21 of 90 days and a run every 30, the run of day 60 is too early and that of day 90 too late."""
    routine = {"lead": 21.0, "spacing": 69.0, "usual": 90.0, "by_lead": False}
    start = Start(0.0, 90.0, routine, Spread((0.0, 0.0, 0.0), blur=0.01, age=0.0), UNLIMITED)
    years = np.array([0.0, 365.0, 730.0])
    found = simulate(start, [Course("lead", 30, 0)], years=years, runs=200, rng=np.random.default_rng(1))
    assert found[0, :, 1] == pytest.approx(4 * MINUTE, abs=MINUTE + 1e-6)


def test_the_deviations_are_those_of_the_past() -> None:
    """One of four renewals came at the age of 100 days instead of 60; three are due within 250 days."""
    start = steady(ratios=(0.0, 0.0, 0.0, float(np.log(100 / 60))))
    assert_close(share(Course("spacing", AT_ONCE, 0), until=95, start=start), 1 / 4)
    assert_close(share(Course("share", AT_ONCE, 0), until=185, start=start), 7 / 16)


@pytest.mark.parametrize(("plan", "late"), [("spacing", 13.0), ("lead", 0.0), ("share", 0.0), ("ari", 0.0)])
def test_a_plan_meets_a_limit_of_47_days(plan: str, late: float) -> None:
    limited = (np.array([-np.inf, 50.0]), np.array([np.inf, 47.0]))
    years = np.array([0.0, 120.0, 180.0])
    found = simulate(
        steady(limits=limited), [Course(plan, AT_ONCE, 0)], years=years, runs=100, rng=np.random.default_rng()
    )
    assert found[0, :, 1] == pytest.approx(late, abs=0.01), "one certificate of 47 days, replaced after 60"


def by_hand(rng: np.random.Generator, *, job: float, outage: float, until: float) -> bool:
    """One run with a fixed lead of 30 of 90 days, day by day of the job."""
    starts = [year * 365 + rng.random() * 365 for year in range(2)]
    ends, runs = 90.0, rng.random() * job
    while runs < until:
        is_out = any(start <= runs < start + outage for start in starts)
        if runs >= ends - 30 - 1e-6 and not is_out:
            if runs + MINUTE > ends:
                return True
            ends = runs + 90
        runs += job
    return ends < until


@pytest.mark.parametrize(("job", "outage"), [(7, 40), (25, 14), (30, 20)])
def test_job_and_outage_together_are_those_of_a_loop(job: float, outage: float) -> None:
    rng = np.random.default_rng(7)
    expected = np.mean([by_hand(rng, job=job, outage=outage, until=700) for _ in range(RUNS)])
    found = share(Course("lead", job, outage), until=700)
    assert abs(found - expected) < 4 * sqrt(2 * expected * (1 - expected) / RUNS)


def renewed(*lifetimes: int, used: float, issuer: str = "CN=ca", first: str = "2023-01-01") -> Tables:
    """A slot whose certificates were replaced after that share of their lifetime, looked at each day around it."""
    begins, looks, certificates = at(first), [], []
    for number, days in enumerate(lifetimes):
        ends = begins + pd.Timedelta(days=days, seconds=-1)
        sha = f"c{number}"
        certificates.append(certificate(sha, str(begins)[:19], str(ends)[:19], issuer=issuer))
        following = begins + pd.Timedelta(days=used * days)
        seen = [begins, following - pd.Timedelta(days=1)] if number + 1 < len(lifetimes) else [begins]
        looks += [look(sha, str(when)[:19]) for when in seen]
        begins = following
    return tables(looks, certificates)


def last_look(given: Tables) -> pd.Timestamp:
    return given.observations["observed_at"].max()


def test_a_plan_is_known_where_lifetimes_differed() -> None:
    same, differing = renewed(*[90] * 6, used=2 / 3), renewed(90, 60, 90, 120, 90, 60, 90, used=2 / 3)
    plans = [
        set(toolkit.rehearse(given, now=last_look(given)).query("change == 'none'")["plan"])
        for given in (same, differing)
    ]
    assert plans == [{"spacing", "lead", "share"}, {"share"}]


def test_a_fixed_spacing_of_60_days_fails_under_47_days_and_another_plan_helps() -> None:
    given = renewed(*[90] * 6, used=2 / 3)
    frame = toolkit.rehearse(given, now="2024-01-01 00:00Z", years=7, runs=100)
    spacing, lead = (frame[frame["plan"] == plan].set_index("year") for plan in ("spacing", "lead"))
    assert spacing["change"].eq("none").all()
    assert spacing["probability"].tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert spacing["lifetime_days"].tolist() == [90] * 5 + [47, 47]
    late = spacing.loc[2030, "expired_days"]
    assert late == pytest.approx(365 * 13 / 60, abs=5)
    for plan, is_best in ((lead, True), (spacing, False)):
        assert plan["is_best"].isna().tolist() == [True] * 5 + [False] * 2, "nothing is better than 0"
        assert plan["is_best"].dropna().eq(is_best).all()


def test_lets_encrypt_shortens_earlier() -> None:
    issuer = "CN=R13,O=Let's Encrypt,C=US"
    given = renewed(*[90] * 6, used=2 / 3, issuer=issuer)
    frame = toolkit.rehearse(given, now="2024-01-01 00:00Z", years=6, runs=100).drop_duplicates("year")
    assert frame["lifetime_days"].tolist() == [90, 90, 90, 64, 45, 45]


def test_too_few_renewals_are_not_rehearsed() -> None:
    frame = toolkit.rehearse(renewed(90, 90, 90, used=2 / 3), now="2023-05-15 00:00Z", years=2)
    assert frame["year"].tolist() == [2023, 2024]
    assert frame[["probability", "plan", "is_best", "runs"]].isna().all(axis=None)
    assert frame["reason"].eq("only 2 of 3 renewals that are needed were fully observed").all()


def test_a_slot_is_rehearsed_alike_whatever_else_is_in_the_tables() -> None:
    both = ["https://www.lab.test:443", "smtp://legacy.lab.test:25"]
    whole = toolkit.load_example("lab-sample").within(services=both)
    one = whole.within(services=both[:1])
    asked = {"now": "2026-01-24 00:00Z", "job_days": 30, "outage_days": 14, "runs": 100}
    frame, alone = toolkit.rehearse(whole, **asked), toolkit.rehearse(one, **asked)
    mine = frame[frame["service"] == "https://www.lab.test:443"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, alone)
    assert dict(frame.dtypes.astype(str)) == dtypes(REHEARSAL)
    known = frame.dropna(subset=["probability"])
    assert (known["probability_low"] <= known["probability"]).all()
    assert (known["probability"] <= known["probability_high"]).all()
    assert set(known["change"]) == {"none", "plan", "daily_job", "second_ca"}
    assert frame[frame["service"] == both[1]]["probability"].isna().all()


def test_a_change_is_best_only_where_it_is_better() -> None:
    given = renewed(*[90] * 6, used=2 / 3)
    frame = toolkit.rehearse(given, now="2024-01-01 00:00Z", years=2, runs=100)
    assert frame["probability"].eq(0).all()
    assert frame["is_best"].isna().all()
    seldom = toolkit.rehearse(given, now="2024-01-01 00:00Z", years=2, job_days=40, runs=100)
    assert seldom[seldom["is_best"]]["change"].unique().tolist() == ["daily_job"]


def test_nothing_is_rehearsed_without_observations() -> None:
    frame = toolkit.rehearse(Tables.from_frames(), now="2026-01-01 00:00Z")
    assert frame.empty
    assert dict(frame.dtypes.astype(str)) == dtypes(REHEARSAL)


@pytest.mark.parametrize(
    "wrong",
    [{"years": 0}, {"years": 11}, {"years": 1.5}, {"job_days": 0}, {"job_days": True}, {"job_days": "7"},
     {"outage_days": -1}, {"outage_days": float("nan")}, {"outage_days": 367}, {"runs": 99}, {"runs": 10**6},
     {"now": "2026-01-01"}],
)  # fmt: skip
def test_a_wrong_argument_is_named(wrong: dict[str, object]) -> None:
    (name,) = wrong
    with pytest.raises(UsageError, match=f"^{name}="):
        toolkit.rehearse(Tables.from_frames(), **({"now": "2026-01-01 00:00Z"} | wrong))
