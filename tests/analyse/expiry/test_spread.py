"""The interval of the next renewal where a successor may have been issued and not been seen yet."""

import numpy as np

from toolkit.analyse.expiry.routine import Spread

PLANNED, PAST, SLOTS = 60.0, 5, 150


def held(*, is_doubted: bool) -> float:
    """The share of simulated slots whose renewal is in the 80 % interval, of those that show no successor yet.

    The certificate is replaced at an age around 60 d. Each successor is seen late, by an exponential time of mean 15 d.
    The forecast is made 10 to 50 days after the planned age.
    """
    rng = np.random.default_rng(20)
    found: list[bool] = []
    while len(found) < SLOTS:
        ages, delays = PLANNED * np.exp(rng.normal(0, 0.1, PAST + 1)), rng.exponential(15, PAST + 1)
        today = rng.uniform(70, 110)
        if ages[-1] + delays[-1] < today:
            continue
        longest, doubt = delays[:-1].max(), 1 / (PAST + 1) if is_doubted else 0.0
        ratios = np.log(ages[:-1] / PLANNED).tolist()
        spread = Spread(ratios, blur=0.005, age=today - longest, doubt=doubt)
        early, late = spread.next_ages((0.1, 0.9), planned=PLANNED)
        found.append(bool(early <= ages[-1] <= late))
    return float(np.mean(found))


def test_intervals_hold_although_a_successor_may_be_seen_later_than_any_before() -> None:
    assert held(is_doubted=True) >= 0.78
    assert held(is_doubted=False) < 0.72, "the interval that trusts the longest delay so far is too narrow"


def test_without_looks_that_count_the_age_does_not_matter() -> None:
    """If every renewal before that age may have been missed, the interval is that of a slot without an age."""
    ratios = (-0.1, 0.0, 0.02, 0.1)
    ages = [
        Spread(ratios, blur=0.01, age=age, doubt=doubt).next_ages((0.1, 0.5, 0.9), planned=PLANNED)
        for age, doubt in ((58.0, 1.0), (0.0, 0.0), (0.0, 0.5))
    ]
    assert np.allclose(ages[0], ages[1])
    assert np.allclose(ages[1], ages[2])


def test_a_little_doubt_moves_an_interval_a_little() -> None:
    certain, nearly, doubted = (
        Spread((-0.1, 0.0, 0.02, 0.1), blur=0.01, age=62.0, doubt=doubt).next_ages((0.025, 0.975), planned=PLANNED)
        for doubt in (0.0, 1e-9, 0.2)
    )
    assert certain[0] > 62.0
    assert np.allclose(certain, nearly)
    assert doubted[0] < 62.0
    assert doubted[1] < certain[1]
