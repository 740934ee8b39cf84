"""Draws are uniform, independent and always the same; a sticky balancer keeps a source where it is."""

from datetime import timedelta

import numpy as np
import pytest
from scipy import stats

from tests.lab.schedules import BEGIN, backend, schedule
from toolkit.epoch import microseconds
from toolkit.lab.balancer import CLOSED, DEFERRED, RESET, SERVED, SOURCE, balance, draw
from toolkit.lab.schedule import Schedule

N = 40_000
NUMBERS = np.arange(N, dtype=np.int64)


def fleet(backends: int = 5, **options: object) -> Schedule:
    return schedule(*[backend((0, 0)) for _ in range(backends)], **options)  # type: ignore[arg-type]


def hours(count: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return microseconds(BEGIN) + np.arange(count, dtype=np.int64) * 3_600_000_000


def test_draws_are_uniform_and_repeat() -> None:
    drawn = draw(7, 1, 0, NUMBERS)
    assert stats.kstest(drawn, "uniform").pvalue > 0.001
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert (draw(7, 1, 0, NUMBERS[::-1])[::-1] == drawn).all()
    assert draw(7, 1, 0, 12)[0] == drawn[12]


@pytest.mark.parametrize("other", [(8, 1, 0), (7, 2, 0), (7, 1, 1), (-7, 1, 0), (2**63, 1, 0)])
def test_other_words_give_independent_draws(other: tuple[int, int, int]) -> None:
    seed, *words = other
    assert abs(np.corrcoef(draw(7, 1, 0, NUMBERS), draw(seed, *words, NUMBERS))[0, 1]) < 5 / N**0.5


def test_neighbouring_draws_are_independent() -> None:
    drawn = draw(3, 0, 0, NUMBERS)
    for lag in (1, 2, 3, 12):
        assert abs(np.corrcoef(drawn[:-lag], drawn[lag:])[0, 1]) < 5 / N**0.5
    pairs = np.histogram2d(drawn[0::2], drawn[1::2], bins=8, range=((0, 1), (0, 1)))[0]
    assert stats.chisquare(pairs.ravel()).pvalue > 0.001


def test_each_backend_gets_its_share() -> None:
    backends, endings = balance(fleet(7), 3, 0, "127.0.0.1", connection=NUMBERS, at=NUMBERS)
    assert (endings == SERVED).all()
    assert stats.chisquare(np.bincount(backends, minlength=7)).pvalue > 0.001


def test_an_address_reaches_only_its_own_backends() -> None:
    made = schedule(backend((0, 0)), *[backend((0, 0), address="127.0.0.2") for _ in range(2)])
    first, _ = balance(made, 3, 0, "127.0.0.1", connection=NUMBERS, at=NUMBERS)
    second, _ = balance(made, 3, 0, "127.0.0.2", connection=NUMBERS, at=NUMBERS)
    assert set(first) == {0}
    assert set(second) == {1, 2}


def test_rates_of_trouble_are_kept_and_only_smtp_defers() -> None:
    for scheme, expected in (("smtp", {RESET: 0.1, CLOSED: 0.1, DEFERRED: 0.3}), ("imaps", {RESET: 0.1, CLOSED: 0.1})):
        made = fleet(scheme=scheme, drop_rate=0.2, defer_rate=0.3)
        backends, endings = balance(made, 3, 0, "127.0.0.1", connection=NUMBERS, at=NUMBERS)
        for ending in (RESET, CLOSED, DEFERRED):
            share = expected.get(ending, 0)
            assert abs((endings == ending).mean() - share) <= 5 * (share / N) ** 0.5
        assert ((backends < 0) == (endings != SERVED)).all()


def test_a_sticky_balancer_keeps_a_source_for_as_long_as_it_says() -> None:
    made = fleet(affinity=timedelta(days=1))
    backends, _ = balance(made, 3, 0, "127.0.0.1", connection=np.arange(24 * 300), at=hours(24 * 300))
    days = backends.reshape(300, 24)
    assert (days == days[:, :1]).all()
    assert stats.chisquare(np.bincount(days[:, 0], minlength=5)).pvalue > 0.001
    other, _ = balance(made, 3, 0, "127.0.0.1", connection=np.arange(24 * 300), at=hours(24 * 300), source=SOURCE + 1)
    assert (other != backends).any()
