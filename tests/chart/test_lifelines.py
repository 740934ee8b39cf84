"""Lifelines: what was valid, what was seen, what is open, and which overlaps are certain."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from tests.chart.frames import HOSTILE, drawn, now, points, rotations, segments, sighting, sightings, words
from toolkit.chart import plot_rotations, plot_sightings
from toolkit.chart.canvas import MOST_ROWS
from toolkit.errors import UsageError

OLD = ("2026-01-01", "2026-04-01")
NEW = ("2026-03-01", "2026-06-01")
SEEN_OLD = ("2026-01-10", "2026-03-20")
SEEN_NEW = ("2026-03-15", "2026-05-01")


def pair(**facts: object) -> pd.DataFrame:
    return rotations(sighting("a", OLD, SEEN_OLD, **facts), sighting("b", NEW, SEEN_NEW, **facts))


def day(text: str) -> float:
    return pd.Timestamp(text).timestamp() / 86400


def test_a_rotation_has_two_lives_two_lanes_and_one_certain_overlap() -> None:
    axes = plot_rotations(pair())
    valid = segments(axes, "validity")
    assert sorted((line[0][0], line[1][0]) for line in valid) == [
        (day("2026-01-01"), day("2026-04-01")),
        (day("2026-03-01"), day("2026-06-01")),
    ]
    assert len({line[0][1] for line in valid}) == 2
    assert [(bar.get_x(), bar.get_width()) for bar in drawn(axes, "seen")] == [
        (day("2026-01-10"), day("2026-03-20") - day("2026-01-10")),
        (day("2026-03-15"), day("2026-05-01") - day("2026-03-15")),
    ]
    (box,) = drawn(axes, "overlap")
    assert (box.get_x(), box.get_width()) == (day("2026-03-15"), 5.0)
    assert box.get_hatch()
    (band,) = drawn(axes, "validity-overlap")
    assert (band.get_x(), band.get_width()) == (day("2026-03-01"), 31.0)
    assert "5.0 d" in words(axes)


def test_an_older_certificate_seen_after_the_newer_one_is_not_a_certain_overlap() -> None:
    late = rotations(sighting("a", OLD, ("2026-03-25", "2026-03-28")), sighting("b", NEW, ("2026-03-15", "2026-03-20")))
    axes = plot_rotations(late)
    assert drawn(axes, "overlap") == []
    assert "both served (certain)" not in words(axes)
    assert "31 d" in words(axes)  # of validity


def test_looks_that_one_backend_explains_are_not_a_certain_overlap() -> None:
    axes = plot_rotations(pair().assign(overlap_min_days=0.0))
    assert drawn(axes, "overlap") == []
    assert "both served (certain)" not in words(axes)


def test_the_number_on_an_overlap_is_its_certain_part() -> None:
    axes = plot_rotations(pair().assign(overlap_min_days=3.0))
    assert len(drawn(axes, "overlap")) == 1
    assert "3.0 d" in words(axes)


def test_rows_are_in_natural_order() -> None:
    lives = [
        life | {"service": f"smtp://mx{number}.example:25"}
        for number in ("100", "10", "2", "01", "1")
        for life in (sighting("a", OLD, SEEN_OLD), sighting("b", NEW, SEEN_NEW))
    ]
    expected = [f"smtp://mx{number}.example:25" for number in ("01", "1", "2", "10", "100")]
    for axes in (plot_rotations(rotations(*lives)), plot_sightings(sightings(*lives))):
        axes.figure.draw_without_rendering()
        labels = axes.get_yticklabels()
        assert [tick.get_text() for tick in labels] == expected
        low, high = axes.get_ylim()
        assert low > high  # the first row is the uppermost
        assert [tick.get_position()[1] for tick in labels] == sorted(tick.get_position()[1] for tick in labels)


def test_ends_without_a_look_beyond_are_open_and_others_are_not() -> None:
    alone = plot_sightings(sightings(sighting("a", OLD, SEEN_OLD)))
    assert (points(alone, "open-start"), points(alone, "open-end")) == (1, 1)
    bounded = sighting(
        "a", OLD, SEEN_OLD, previous_look_at=pd.Timestamp("2026-01-09", tz="UTC"),
        next_look_at=pd.Timestamp("2026-03-21", tz="UTC"),
    )  # fmt: skip
    closed = plot_sightings(sightings(bounded))
    assert (points(closed, "open-start"), points(closed, "open-end")) == (0, 0)


def test_of_a_rotation_the_first_begins_open_and_the_last_ends_open() -> None:
    after = pd.Timestamp("2026-03-22", tz="UTC")
    frame = rotations(
        sighting("a", OLD, SEEN_OLD, next_look_at=after),
        sighting("b", NEW, SEEN_NEW, previous_look_at=pd.Timestamp("2026-03-14", tz="UTC")),
    )
    axes = plot_rotations(frame)
    (start,) = [o for artist in drawn(axes, "open-start") for o in artist.get_offsets()]
    (end,) = [o for artist in drawn(axes, "open-end") for o in artist.get_offsets()]
    assert (start[0], end[0]) == (day("2026-01-10"), day("2026-05-01"))


def test_certificates_that_no_dated_look_saw_have_their_validity_and_no_mark() -> None:
    axes = plot_rotations(rotations(sighting("a", OLD), sighting("b", NEW)))
    assert len(segments(axes, "validity")) == 2
    assert drawn(axes, "seen") == drawn(axes, "overlap") == []
    assert points(axes, "seen-once") == points(axes, "open-start") == points(axes, "open-end") == 0
    assert "31 d" in words(axes)
    assert not [word for word in words(axes) if word.startswith("seen")]


def test_one_look_is_a_dot() -> None:
    axes = plot_sightings(sightings(sighting("a", OLD, ("2026-02-01", "2026-02-01"))))
    assert "seen, first to last look" in words(axes)
    assert points(axes, "seen-once") == 1
    assert drawn(axes, "seen") == []


def test_a_year_9999_and_a_year_1_are_cut_off_with_an_arrow_at_the_edge() -> None:
    frame = sightings(sighting("a", ("0001-01-01", "9999-12-31T23:59:59"), SEEN_OLD), sighting("b", NEW, SEEN_NEW))
    axes = plot_sightings(frame)
    axes.figure.draw_without_rendering()
    assert points(axes, "beyond") == 2
    first, last = axes.get_xlim()
    assert day("2023-01-01") < first < last < day("2029-01-01")


def test_an_end_before_the_beginning_draws_no_validity() -> None:
    axes = plot_sightings(sightings(sighting("a", ("2026-04-01", "2026-01-01"), SEEN_OLD)))
    assert segments(axes, "validity") == []
    assert len(drawn(axes, "seen")) == 1


def test_a_certificate_without_dates_and_looks_keeps_its_row() -> None:
    frame = sightings(sighting("a", OLD, SEEN_OLD))
    frame[["not_before", "not_after", "first_seen_at", "last_seen_at"]] = pd.NaT
    axes = plot_sightings(frame)
    axes.figure.draw_without_rendering()
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["smtp://mx.example:25"]


def test_rows_name_the_key_type_and_the_server_name_only_where_needed() -> None:
    lives = [sighting("a", OLD, SEEN_OLD), sighting("b", NEW, SEEN_NEW)]
    both = lives + [life | {"key_type": "EC", "leaf_sha256": life["leaf_sha256"] + "c"} for life in lives]
    labels = [tick.get_text() for tick in plot_rotations(rotations(*both)).get_yticklabels()]
    assert labels == ["smtp://mx.example:25  RSA", "smtp://mx.example:25  EC"]
    other = [life | {"server_name": "other.example", "leaf_sha256": life["leaf_sha256"] + "n"} for life in lives]
    labels = [tick.get_text() for tick in plot_rotations(rotations(*lives, *other)).get_yticklabels()]
    assert labels == ["smtp://mx.example:25\nfor mx.example", "smtp://mx.example:25\nfor other.example"]


def test_without_a_service_the_host_names_the_row() -> None:
    frame = pair(service=None, server_name=None)
    assert [tick.get_text() for tick in plot_rotations(frame).get_yticklabels()] == ["mx.example"]


@pytest.mark.parametrize(("source", "said"), [("lab", "lab data"), ("simulated", "simulated data"),
                                              ("lab, simulated", "lab + simulated data"),
                                              ("a blog, 2014 (public text)", "recorded data")])  # fmt: skip
def test_the_title_says_where_the_data_came_from(source: str, said: str) -> None:
    assert plot_rotations(pair(source=source)).get_title("left").endswith(said)


@pytest.mark.parametrize("services", [1, 3, 100])
def test_the_height_follows_the_rows(services: int) -> None:
    rows = [
        life | {"service": f"smtp://mx{number}.example:25"}
        for number in range(services)
        for life in (sighting("a", OLD, SEEN_OLD), sighting("b", NEW, SEEN_NEW))
    ]
    axes = plot_rotations(rotations(*rows))
    axes.figure.draw_without_rendering()
    labels = [tick.label1.get_window_extent() for tick in axes.yaxis.get_major_ticks()]
    assert len(labels) == min(services, MOST_ROWS)
    assert any("left out" in said for said in words(axes)) == (services > MOST_ROWS)
    assert all(upper.y0 >= lower.y1 for upper, lower in itertools.pairwise(labels))
    assert axes.figure.get_size_inches()[1] < 11.7, "a page of A4 is as high"


def test_of_many_rows_those_with_a_certain_overlap_are_kept() -> None:
    lives = [
        life | {"service": f"smtp://mx{number}.example:25"}
        for number in range(60)
        for life in (sighting("a", OLD, SEEN_OLD), sighting("b", NEW, ("2026-04-15", "2026-05-01")))
    ]
    caught = [sighting("a", OLD, SEEN_OLD), sighting("b", NEW, SEEN_NEW)]
    axes = plot_rotations(rotations(*lives, *(life | {"service": "smtp://zz.example:25"} for life in caught)))
    assert [tick.get_text() for tick in axes.get_yticklabels()][-1] == "smtp://zz.example:25"
    assert "and 21 rows more, left out" in words(axes)


def test_many_lives_at_once_share_lanes_and_distant_lanes_are_joined_by_a_line() -> None:
    lives = [
        sighting(f"{n:02d}", (f"2026-01-{n + 1:02d}", "2026-06-01"), (f"2026-01-{n + 1:02d}", f"2026-01-{n + 3:02d}"))
        for n in range(12)
    ]
    axes = plot_rotations(rotations(*lives))
    heights = {round(float(line[0][1]), 6) for line in segments(axes, "validity")}
    assert len(heights) == 5
    assert len(drawn(axes, "overlap")) > 11


def test_now_is_a_line_and_needs_a_zone() -> None:
    axes = plot_rotations(pair(), now=now("2026-05-05"))
    (line,) = drawn(axes, "now")
    assert line.get_xdata()[0] == day("2026-05-05")
    with pytest.raises(UsageError, match="zone"):
        plot_rotations(pair(), now=pd.Timestamp("2026-05-05"))


def test_an_empty_frame_says_so() -> None:
    for plot, frame in ((plot_rotations, pair().iloc[:0]), (plot_sightings, sightings(sighting("a", OLD)).iloc[:0])):
        axes = plot(frame)
        assert any(text.startswith("No ") for text in words(axes))


def test_axes_that_are_given_are_used() -> None:
    figure, (left, right) = plt.subplots(1, 2)
    assert plot_rotations(pair(), ax=left) is left
    assert plot_sightings(sightings(sighting("a", OLD, SEEN_OLD)), ax=right) is right
    figure.draw_without_rendering()


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_drawn_harmless(name: str) -> None:
    axes = plot_rotations(pair(service=name, host=name, server_name=name, key_type=name))
    axes.figure.draw_without_rendering()
    (label,) = [tick.get_text() for tick in axes.get_yticklabels()]
    assert label.replace(r"\$", "").count("$") == 0
    assert len(label) < 80
    assert all(character.isprintable() for character in label)


def test_colours_take_turns() -> None:
    axes = plot_rotations(pair())
    colours = {tuple(np.round(bar.get_facecolor(), 3)) for bar in drawn(axes, "seen")}
    assert len(colours) == 2


def test_a_certificate_that_was_rolled_back_to_has_one_lane_two_bars_and_a_star() -> None:
    first, second = ("2026-01-10", "2026-02-01"), ("2026-02-10", "2026-03-01")
    there = rotations(sighting("a", OLD, first), sighting("b", NEW, ("2026-02-02", "2026-02-09")))
    back = rotations(sighting("b", OLD, ("2026-02-02", "2026-02-09")), sighting("a", NEW, second)).assign(
        is_rollback=True
    )
    back[["predecessor_not_before", "predecessor_not_after"]] = there[["successor_not_before", "successor_not_after"]]
    back[["successor_not_before", "successor_not_after"]] = there[["predecessor_not_before", "predecessor_not_after"]]
    axes = plot_rotations(pd.concat([there, back], ignore_index=True))
    assert len(segments(axes, "validity")) == 2
    assert len(drawn(axes, "seen")) == 3
    assert points(axes, "rollback") == 1
    assert (points(axes, "open-start"), points(axes, "open-end")) == (1, 1)
    assert "roll-back" in words(axes)
