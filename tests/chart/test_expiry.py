"""What expires when: each state has its mark, replaced certificates are below, and days left are written."""

import itertools

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tests.chart.frames import HOSTILE, at, drawn, points, segments, typed, words
from toolkit.chart import plot_expiry, split_pages
from toolkit.chart.expiry import STATES
from toolkit.errors import UsageError

NOW = at("2026-06-01")


def row(leaf: str, valid: tuple[str, str], state: str, **facts: object) -> dict:
    begins, ends = at(valid[0]), at(valid[1])
    known = {
        "service": "smtp://mx.example:25", "host": "mx.example", "server_name": "mx.example", "key_type": "RSA",
        "leaf_sha256": leaf, "not_before": begins, "not_after": ends, "days_left": (ends - NOW) / pd.Timedelta(days=1),
        "state": state, "renew_by_at": pd.NaT, "source": "lab",
    }  # fmt: skip
    return known | facts


def frame(*rows: dict) -> pd.DataFrame:
    return typed(pd.DataFrame(list(rows)).astype({"days_left": "Float64"}))


def test_now_is_where_the_days_are_counted_from() -> None:
    axes = plot_expiry(frame(row("a", ("2026-05-01", "2026-07-30"), "valid")))
    (line,) = drawn(axes, "now")
    assert line.get_xdata()[0] == pytest.approx(NOW.timestamp() / 86400)
    assert "59 d left" in words(axes)


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_its_own_mark(state: str) -> None:
    axes = plot_expiry(frame(row("a", ("2026-05-01", "2026-07-30"), state)))
    (bar,) = drawn(axes, f"bar-{state}")
    assert (bar.get_hatch() or "") == STATES[state].hatch
    assert STATES[state].words in words(axes)


def test_no_two_states_share_marker_or_colour_and_hatch() -> None:
    assert len({style.marker for style in STATES.values()}) == len(STATES)
    assert len({(style.colour, style.hatch) for style in STATES.values()}) == len(STATES)


def test_the_soonest_end_is_on_top_and_slots_without_a_certificate_in_use_are_last() -> None:
    axes = plot_expiry(
        frame(
            row("a", ("2026-05-01", "2026-09-30"), "valid", service="smtp://late.example:25"),
            row("b", ("2026-03-01", "2026-06-10"), "expiring", service="smtp://soon.example:25"),
            row("c", ("2025-03-01", "2025-06-10"), "lapsed", service="smtp://idle.example:25"),
        )
    )
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels == ["smtp://soon.example:25", "smtp://late.example:25", "smtp://idle.example:25"]


def test_replaced_certificates_are_thin_lines_below_the_one_in_use() -> None:
    axes = plot_expiry(
        frame(row("a", ("2026-02-01", "2026-05-02"), "replaced"), row("b", ("2026-05-01", "2026-07-30"), "valid"))
    )
    assert len(axes.get_yticks()) == 1
    assert points(axes, "end-replaced") == 1
    assert drawn(axes, "bar-replaced") == []
    assert "30 d ago" not in words(axes)


def test_of_a_slot_without_one_in_use_the_latest_that_was_not_replaced_is_shown() -> None:
    axes = plot_expiry(
        frame(row("a", ("2024-02-01", "2024-05-02"), "lapsed"), row("b", ("2024-04-01", "2024-09-30"), "replaced"))
    )
    assert len(drawn(axes, "bar-lapsed")) == 1
    assert drawn(axes, "bar-replaced") == []


def test_expired_and_short_times_are_written() -> None:
    axes = plot_expiry(
        frame(
            row("a", ("2026-01-01", "2026-05-22"), "expired"),
            row("b", ("2026-05-30", "2026-06-01T12:00"), "expiring", key_type="EC"),
        )
    )
    assert {"10 d ago", "12.0 h left"} <= set(words(axes))


def test_the_day_on_which_a_renewal_is_due_is_a_tick() -> None:
    axes = plot_expiry(frame(row("a", ("2026-05-01", "2026-07-30"), "valid", renew_by_at=at("2026-07-01"))))
    assert points(axes, "renew-by") == 1
    without = plot_expiry(frame(row("a", ("2026-05-01", "2026-07-30"), "valid", renew_by_at=pd.NaT)))
    assert points(without, "renew-by") == 0


def test_a_forecast_is_dotted_above_its_certificate() -> None:
    held = frame(row("a", ("2026-05-01", "2026-07-30"), "valid"), row("b", ("2026-05-01", "2026-08-30"), "replaced"))
    expected = {"renews_at": at("2026-07-01"), "not_after": at("2026-09-29"), "leaf_sha256": "a", "renewal": 1}
    later = {"renews_at": at("2026-08-25"), "not_after": at("2026-11-29"), "leaf_sha256": "a", "renewal": 2}
    slot = held[["service", "host", "server_name", "key_type"]].iloc[0].to_dict()
    forecast = typed(pd.DataFrame([slot | expected, slot | later]))
    axes = plot_expiry(held, forecast=forecast)
    (dotted,) = segments(axes, "coming")
    assert dotted[1][0] - dotted[0][0] == 90
    assert dotted[0][1] < 0
    assert "next, by forecast" in words(axes)
    assert segments(plot_expiry(held, forecast=forecast.iloc[:0]), "coming") == []


@pytest.mark.parametrize("rows", [3, 30])
def test_a_forecast_is_clear_of_the_days_left(rows: int) -> None:
    held = frame(*(row(f"{n}", ("2026-05-01", "2026-05-25"), "expired", service=f"smtp://{n}:25") for n in range(rows)))
    slots = held[["service", "host", "server_name", "key_type", "leaf_sha256"]]
    expected = {"renews_at": at("2026-05-26"), "not_after": at("2026-06-20"), "renewal": 1}
    axes = plot_expiry(held, forecast=typed(slots.assign(**expected)))
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    (marks,) = drawn(axes, "coming-begin")
    radius = (marks.get_sizes()[0] ** 0.5 + marks.get_linewidths()[0]) / 2 * figure.dpi / 72
    said = [note.get_window_extent() for note in axes.texts if note.get_text().endswith(" ago")]
    assert len(said) == rows
    for _, y in axes.transData.transform(marks.get_offsets()):
        assert not [box for box in said if box.y0 < y + radius and box.y1 > y - radius]


def test_a_year_9999_does_not_stretch_the_axis() -> None:
    axes = plot_expiry(
        frame(
            row("a", ("2026-05-01", "2026-07-30"), "valid"),
            row("b", ("1950-05-01", "9999-12-31T23:59:59"), "valid", key_type="EC"),
        )
    )
    axes.figure.draw_without_rendering()
    first, last = axes.get_xlim()
    assert last - first < 2500


def test_a_hundred_services_keep_their_labels_apart() -> None:
    axes = plot_expiry(
        frame(*(row("a", ("2026-05-01", "2026-07-30"), "valid", service=f"smtp://mx{n}.test:25") for n in range(100)))
    )
    axes.figure.draw_without_rendering()
    labels = [tick.label1.get_window_extent() for tick in axes.yaxis.get_major_ticks()]
    assert all(upper.y0 >= lower.y1 for upper, lower in itertools.pairwise(labels))


def test_an_empty_frame_says_so_and_given_axes_are_used() -> None:
    empty = frame(row("a", ("2026-05-01", "2026-07-30"), "valid")).iloc[:0]
    _, given = plt.subplots()
    axes = plot_expiry(empty, ax=given)
    assert axes is given
    assert "No certificate with dates was seen." in words(axes)


def labels(axes: plt.Axes) -> list[str]:
    return [tick.get_text() for tick in axes.get_yticklabels()]


GROUPED = (
    row("a", ("2026-05-01", "2026-09-30"), "valid", service="smtp://late:25", issuer="CN=One,O=Org\\, Inc.,C=US"),
    row("b", ("2026-03-01", "2026-06-10"), "expiring", service="smtp://soon:25", issuer="CN=Two"),
    row("c", ("2026-03-01", "2026-06-20"), "valid", service="smtp://next:25", issuer="CN=One,O=Org\\, Inc.,C=US"),
    row("d", ("2026-03-01", "2026-12-20"), "valid", service="smtp://next:25", key_type="EC", issuer=None),
    row("e", ("2025-03-01", "2026-04-20"), "replaced", service="smtp://soon:25", issuer="CN=Gone"),
)


def test_grouped_by_issuer_each_has_a_heading_and_the_soonest_end_comes_first() -> None:
    axes = plot_expiry(frame(*GROUPED), by="issuer")
    assert labels(axes) == [
        "Two", "smtp://soon:25", "One, Org\\, Inc.", "smtp://next:25  RSA", "smtp://late:25", "unknown issuer",
        "smtp://next:25  EC",
    ]  # fmt: skip
    assert [tick.get_fontweight() == "bold" for tick in axes.get_yticklabels()] == [
        True, False, True, False, False, True, False,
    ]  # fmt: skip
    assert sorted(bar.get_y() + bar.get_height() / 2 for bar in drawn(axes, "bar-valid")) == pytest.approx([3, 4, 6])
    assert [line.get_ydata()[0] for line in drawn(axes, "group")] == [-0.5, 1.5, 4.5]


def test_grouped_by_service_one_with_several_rows_has_a_heading() -> None:
    axes = plot_expiry(frame(*GROUPED), by="service")
    assert labels(axes) == [
        "smtp://soon:25", "smtp://next:25", "smtp://next:25  RSA", "smtp://next:25  EC", "smtp://late:25",
    ]  # fmt: skip
    assert [line.get_ydata()[0] for line in drawn(axes, "group")] == [-0.5, 0.5, 3.5]
    nameless = plot_expiry(frame(row("a", ("2026-05-01", "2026-07-30"), "valid", service=None)), by="service")
    assert labels(nameless) == ["mx.example"]


def test_another_grouping_is_an_error() -> None:
    with pytest.raises(UsageError, match="by='colour'"):
        plot_expiry(frame(*GROUPED), by="colour")  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_drawn_harmless(name: str) -> None:
    row_of_it = row("a", ("2026-05-01", "2026-07-30"), "valid", service=name, issuer=f"CN={name}")
    axes = plot_expiry(frame(row_of_it), by="issuer")
    axes.figure.draw_without_rendering()
    assert all("$" not in text.replace(r"\$", "") for text in words(axes))


def test_what_was_not_seen_for_long_comes_after_what_is_in_service_on_pages_too() -> None:
    held = frame(
        row("a", ("2025-01-01", "2026-03-01"), "expired", service="smtp://gone:25", last_seen_at=at("2026-03-02")),
        row("b", ("2025-01-01", "2026-05-20"), "expired", service="smtp://late:25", last_seen_at=at("2026-05-31")),
        row("c", ("2025-01-01", "2026-07-20"), "valid", service="smtp://fine:25", last_seen_at=at("2026-05-31")),
        row("d", ("2024-01-01", "2025-01-20"), "lapsed", service="smtp://early:25", last_seen_at=at("2025-01-01")),
        row("e", ("2024-01-01", "2025-07-20"), "lapsed", service="smtp://later:25", last_seen_at=at("2025-07-01")),
    )
    expected = [f"smtp://{name}:25" for name in ("late", "fine", "gone", "later", "early")]
    assert labels(plot_expiry(held)) == expected
    assert [page["service"].item() for page in split_pages(held, rows=1)] == expected
