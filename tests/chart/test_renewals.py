"""Forecast renewals, and lifetimes against the caps, exact to the second."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tests.chart.frames import HOSTILE, at, drawn, points, typed, words
from toolkit.chart import plot_lifetimes, plot_renewals
from toolkit.errors import UsageError


def renewal(when: str, **facts: object) -> dict:
    row = {
        "service": "smtp://mx.example:25", "host": "mx.example", "server_name": "mx.example", "key_type": "RSA",
        "renews_at": at(when), "not_after": at(when) + pd.Timedelta(days=90), "cap_days": pd.NA,
        "is_capped": False, "is_overdue": False, "usual_lead_basis": "seen", "routine_ends_at": pd.NaT, "source": "lab",
    }  # fmt: skip
    return row | facts


def frame(*rows: dict) -> pd.DataFrame:
    return typed(
        pd.DataFrame(list(rows)).astype({"cap_days": "Int64", "is_capped": "boolean", "is_overdue": "boolean"})
    )


def test_each_renewal_has_a_mark_of_its_kind_and_years_are_counted() -> None:
    axes = plot_renewals(
        frame(
            renewal("2026-11-01", is_overdue=True),
            renewal("2027-02-01"),
            renewal("2027-05-01", is_capped=True, routine_ends_at=at("2027-05-01")),
        ),
        view="slots",
    )
    assert [points(axes, kind) for kind in ("overdue", "usual", "capped", "ends")] == [1, 1, 1, 1]
    assert "renewals: 1 in 2026, 2 in 2027" in words(axes)
    (cap,) = drawn(axes, "cap")
    assert cap.get_xdata()[0] == pytest.approx(at("2027-03-15").timestamp() / 86400)


def test_a_lead_that_is_assumed_is_not_drawn_as_a_routine() -> None:
    assumed = {"usual_lead_basis": "assumed", "routine_ends_at": at("2027-05-01")}
    rows = frame(renewal("2027-02-01", **assumed), renewal("2027-05-01", is_capped=True, **assumed))
    axes = plot_renewals(rows, view="slots")
    assert [points(axes, kind) for kind in ("usual", "assumed", "capped")] == [0, 1, 1]
    assert not drawn(axes, "ends")
    assert not cells(plot_renewals(rows), "ends")


def test_a_slot_without_a_forecast_is_left_out() -> None:
    none = renewal("2026-11-01", service="smtp://b:25") | {"renews_at": pd.NaT, "is_overdue": pd.NA, "is_capped": pd.NA}
    for view in ("slots", "calendar"):
        axes = plot_renewals(frame(renewal("2026-12-01"), none), view=view)
        assert not any("b:25" in word for word in words(axes))
    assert "No slot has a forecast." in " ".join(words(plot_renewals(frame(none))))


def cells(axes: plt.Axes, gid: str) -> dict[tuple[int, int], str]:
    """Year and month → the text of its cell; the thirteenth month is the total of the year."""
    first = int(axes.get_yticklabels()[0].get_text())
    found = [text for text in axes.texts if text.get_gid() == gid]
    return {(first + int(y), int(x) + 1): text.get_text() for text in found for x, y in [text.get_position()]}


def test_the_calendar_counts_the_renewals_of_each_month_of_utc() -> None:
    axes = plot_renewals(
        frame(
            renewal("2026-11-30T23:59:59"), renewal("2026-12-01"), renewal("2026-12-31T23:59:59", service="smtp://b:25"),
            renewal("2028-02-29"),
        )
    )  # fmt: skip
    assert cells(axes, "count") == {(2026, 11): "1", (2026, 12): "2", (2028, 2): "1"}
    assert cells(axes, "year") == {(2026, 13): "3", (2028, 13): "1"}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["2026", "2027", "2028"], "a year without any too"
    assert axes.get_title("left") == "Forecast renewals of 2 slots  ·  lab data"


def test_the_calendar_darkens_with_the_number_and_counts_what_is_special() -> None:
    axes = plot_renewals(
        frame(
            renewal("2026-11-01", is_overdue=True),
            *(renewal("2027-05-01", is_capped=True, routine_ends_at=at("2027-05-01")) for _ in range(3)),
        )
    )
    few, many = sorted(drawn(axes, "month"), key=lambda cell: cell.get_y())
    assert few.get_alpha() < many.get_alpha()
    assert {"✕1", "▲3  ★1"} <= set(words(axes)), "the three are of one slot, whose routine ends once"
    assert {"of these overdue", "of these shortened by a cap", "slots whose usual routine ends"} <= set(words(axes))
    plain = plot_renewals(frame(renewal("2025-02-01")))
    assert not {"of these overdue", "a cap on validity takes effect"} & set(words(plain))


def test_the_calendar_marks_the_days_of_sc_081() -> None:
    axes = plot_renewals(frame(renewal("2026-02-01"), renewal("2029-12-01")))
    marks = drawn(axes, "cap")
    places = [(2026 + int(mark.get_ydata()[0]), mark.get_xdata()[0]) for mark in marks]
    assert places == [(year, pytest.approx(2 + 14 / 31)) for year in (2026, 2027, 2029)], "15 March of each"
    assert {"200 d", "100 d", "47 d"} <= set(words(axes))


def test_the_steps_of_lets_encrypt_are_marked_where_they_bind_a_renewal() -> None:
    given = frame(renewal("2026-11-01", cap_days=200), renewal("2027-06-01", cap_days=64), renewal("2029-06-01"))
    for view, marks in (("calendar", ["200 d", "64 d", "100 d", "47 d"]), ("slots", ["64 d", "100 d", "47 d"])):
        axes = plot_renewals(given, view=view)
        assert [text for text in words(axes) if text.endswith(" d")] == marks


def test_a_hundred_slots_take_no_more_room_than_one() -> None:
    fleet = [renewal("2027-02-01", service=f"smtp://mx{number}:25") for number in range(100)]
    heights = [plot_renewals(frame(*rows)).figure.get_figheight() for rows in (fleet, fleet[:1])]
    assert heights[0] == heights[1]


def test_another_view_is_an_error() -> None:
    with pytest.raises(UsageError, match="view='weeks'"):
        plot_renewals(frame(renewal("2027-02-01")), view="weeks")  # type: ignore[arg-type]  # what is tested


def test_the_soonest_slot_is_on_top() -> None:
    axes = plot_renewals(
        frame(renewal("2027-02-01", service="smtp://late:25"), renewal("2026-12-01", service="smtp://soon:25")),
        view="slots",
    )
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["smtp://soon:25", "smtp://late:25"]


def test_an_empty_forecast_is_said() -> None:
    _, given = plt.subplots()
    assert plot_renewals(frame(renewal("2027-02-01")).iloc[:0], ax=given) is given
    assert any(text.startswith("No slot") for text in words(given))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_drawn_harmless(name: str) -> None:
    axes = plot_renewals(frame(renewal("2027-02-01", service=name)), view="slots")
    axes.figure.draw_without_rendering()
    assert all("$" not in text.replace(r"\$", "") for text in words(axes))


def certificates(*dates: tuple[str, str]) -> pd.DataFrame:
    rows = [{"cert_sha256": str(n), "not_before": at(a), "not_after": at(b)} for n, (a, b) in enumerate(dates)]
    return typed(pd.DataFrame(rows))


def test_a_lifetime_counts_its_last_second() -> None:
    within = ("2026-03-15", "2026-09-30T23:59:59")
    above = ("2026-03-15", "2026-10-01")
    axes = plot_lifetimes(certificates(within, above))
    assert (points(axes, "within"), points(axes, "above")) == (1, 1)


def test_the_cap_is_that_of_the_day_on_which_validity_begins() -> None:
    axes = plot_lifetimes(certificates(("2026-03-14T23:59:59", "2027-04-16T23:59:58"), ("2017-01-01", "2020-01-01")))
    assert (points(axes, "within"), points(axes, "above")) == (2, 0)


def test_a_certificate_seen_in_many_slots_is_one_and_year_9999_stands_at_the_edge() -> None:
    one = certificates(("2026-01-01", "2026-04-01"))
    many = pd.concat([one, one, certificates(("2026-01-01", "9999-12-31")).assign(cert_sha256="x")])
    axes = plot_lifetimes(many)
    axes.figure.draw_without_rendering()
    assert points(axes, "within") + points(axes, "above") == 2


def test_certificates_of_cas_are_left_out() -> None:
    both = certificates(("2026-01-01", "2026-04-01"), ("2020-01-01", "2035-01-01")).assign(
        cert_sha256=["leaf", "ca"], is_ca=pd.array([False, True], dtype="boolean")
    )
    axes = plot_lifetimes(both)
    assert (points(axes, "within"), points(axes, "above")) == (1, 0)


def test_every_cap_in_force_is_in_the_chart_and_says_its_days() -> None:
    axes = plot_lifetimes(certificates(("2019-01-01", "2019-04-01"), ("2021-01-01", "2021-04-01")))
    (stairs,) = drawn(axes, "cap")
    heights = {round(float(height)) for height in stairs.get_ydata()}
    assert heights == {825, 398}
    low, high = axes.get_ylim()
    assert low < 90
    assert high > 825
    assert {"825 d", "398 d"} <= set(words(axes))


def test_renewals_that_would_overlap_are_a_bar_with_their_number() -> None:
    days = [at("2026-01-01") + pd.Timedelta(days=6 * n) for n in range(183)]
    axes = plot_renewals(frame(*(renewal(f"{day:%Y-%m-%d}", is_capped=True) for day in days)), view="slots")
    (bar,) = drawn(axes, "many-capped")
    assert bar.get_width() == 6 * 182
    assert points(axes, "capped") == 0
    assert "183" in words(axes)


def test_of_many_slots_the_latest_are_left_out_and_counted() -> None:
    slots = [renewal("2027-02-01", service=f"smtp://mx{n}:25") for n in range(60)]
    axes = plot_renewals(frame(*slots), view="slots")
    assert len(axes.get_yticks()) == 40
    assert "renewals: 60 in 2027\nand 20 slots more, left out" in words(axes)


def test_no_dates_are_said() -> None:
    axes = plot_lifetimes(certificates(("2026-01-01", "2026-04-01")).iloc[:0])
    assert "No leaf certificate with dates." in words(axes)
