"""Dates of the years 1 to 9999, in any order: every question answers, with instants that a calendar can write."""

from datetime import UTC, datetime

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import pandas as pd
import pytest

import toolkit
from tests.analyse.drawn import described
from tests.analyse.made import certificate, look, tables
from tests.analyse.trust.minted import mint_ca
from toolkit import chart, checking
from toolkit.chart import canvas

ROOTS = [mint_ca("root").der]
BEGIN, END = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def written(frame: pd.DataFrame) -> None:
    for name in frame.select_dtypes("datetimetz"):
        assert all(f"{instant:%Y-%m-%d}" for instant in frame[name].dropna())
        assert canvas.days(frame[name]).shape == (len(frame),)


@pytest.mark.parametrize(
    ("today", "validities"),
    [
        (
            "0001-01-01",
            [("0001-01-01", "9999-12-31T23:59:59"), ("1600-01-01", "0001-01-02"), ("2026-01-01", "2050-01-01")],
        ),
        (
            "9968-01-01",
            [("1677-09-21", "2262-04-12"), ("1970-01-01", "3000-01-01"), ("9994-12-31", "9995-01-01")],
        ),
        (
            "9999-12-31",
            [("9999-12-31T23:59:58", "9999-12-31T23:59:59"), ("9999-12-31", "0001-01-01"), ("0001-01-01",) * 2],
        ),
    ],
)  # fmt: skip
def test_every_question_answers(today: str, validities: list[tuple[str, str]]) -> None:
    certificates = [certificate(str(number), *dates) for number, dates in enumerate(validities)]
    shown = enumerate("00120212", 1)  # each certificate is seen again after its successor
    asked = tables([look(number, f"2026-01-0{day}") for day, number in shown], certificates)
    now = datetime.fromisoformat(today).replace(tzinfo=UTC)
    written(toolkit.summarise_expiry(asked, now=now))
    if now.year < 9990:
        written(toolkit.forecast_renewals(asked, now=now))
        written(toolkit.rehearse(asked, now=now, runs=100))
    written(toolkit.judge(asked, "baseline"))
    written(toolkit.judge(asked, "baseline", as_of=now))
    written(toolkit.verify_chains(asked, roots=ROOTS))
    written(toolkit.replay_trust(asked, roots=ROOTS, since=BEGIN, until=END))
    written(described(asked))
    written(described(asked, basis="names"))
    written(toolkit.find_lineages(asked))
    for history in (False, True):
        checks = checking.check(asked, now=now, roots=ROOTS, policy="baseline", history=history)
        written(checks)
        assert list(checking.describe(checks))


def test_a_lead_of_a_thousand_years_has_a_day_to_renew_by() -> None:
    given_certificates = [certificate("a", "0001-01-01", "3000-01-01"), certificate("b", "1600-01-01", "3000-01-01")]
    looks = [look("a" if day < 4 else "b", f"2026-01-0{day}T00:00:00.123456") for day in range(1, 7)]
    frame = toolkit.summarise_expiry(tables(looks, given_certificates), now=datetime(2026, 2, 1, tzinfo=UTC))
    assert frame["state"].tolist() == ["replaced", "valid"]
    assert frame["lifetime_days"].gt(500_000).all()


@pytest.mark.parametrize(
    "validities",
    [
        (("0001-01-01", "9999-12-31T23:59:59"), ("2026-01-01", "9999-12-31T23:59:59")),
        (("0001-01-01", "0001-01-02"), ("9999-12-31T23:59:58", "9999-12-31T23:59:59")),
        (("9999-12-31", "0001-01-01"), ("9999-12-31T23:59:58", "9999-12-31T23:59:59")),
    ],
    ids=["long", "ends", "reversed"],
)
def test_every_chart_is_drawn(validities: tuple[tuple[str, str], tuple[str, str]]) -> None:
    asked = tables(
        [look("a" if day < 4 else "b", f"2026-01-0{day}") for day in range(1, 7)],
        [certificate(name, *dates) for name, dates in zip("ab", validities, strict=True)],
    )
    now = datetime(2026, 2, 1, tzinfo=UTC)
    for axes in (
        chart.plot_expiry(toolkit.summarise_expiry(asked, now=now)),
        chart.plot_rotations(described(asked)),
        chart.plot_lifetimes(asked.certificates),
        chart.plot_renewals(toolkit.forecast_renewals(asked, now=now)),
        chart.plot_trust(toolkit.replay_trust(asked, roots=ROOTS, since=BEGIN, until=END)),
    ):
        axes.figure.canvas.draw()
        plt.close(axes.figure)


@pytest.mark.parametrize("ends", [(-1e6, 4e6), (-1e6, -9e5), (3.9e6, 4e6)], ids=["all", "before", "after"])
def test_an_axis_stays_within_the_calendar(ends: tuple[float, float]) -> None:
    _, axes = plt.subplots()
    canvas.set_dates(axes, *ends)
    axes.figure.canvas.draw()
    first, last = axes.get_xlim()
    assert first < last
    assert [mdates.num2date(end).year in (1, 9999) for end in (first, last)] == [True, True]
    plt.close(axes.figure)
