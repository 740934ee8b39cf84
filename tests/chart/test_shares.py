"""Roll-out curves: a row per slot, a curve with a band per certificate, interrupted without looks."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tests.chart.frames import HOSTILE, at, drawn, typed, words
from toolkit.chart import plot_shares
from toolkit.chart.palette import BLUE, ORANGE


def window(day: int, leaf: str, seen: int, looks: int = 4, **facts: object) -> dict:
    begins = at("2026-05-01") + pd.Timedelta(days=day)
    row = {
        "service": "smtp://mx.example:25", "host": "mx.example", "server_name": "mx.example", "key_type": "RSA",
        "address": None, "leaf_sha256": leaf, "window_from_at": begins,
        "window_until_at": begins + pd.Timedelta(days=1),
        "looks": looks, "leaf_looks": seen, "share": seen / looks, "share_min": max(seen / looks - 0.2, 0.0),
        "share_max": min(seen / looks + 0.2, 1.0), "source": "lab",
    }  # fmt: skip
    return row | facts


def frame(*rows: dict) -> pd.DataFrame:
    return typed(pd.DataFrame(list(rows)).astype({"address": "string"}))


ROLLOUT = (
    window(0, "a", 4), window(1, "a", 3), window(1, "b", 1), window(2, "b", 4), window(3, "b", 4),
)  # fmt: skip


def curves(axes: plt.Axes) -> list[list[float]]:
    return [[round(1 - y, 6) for y in line.get_ydata()] for line in drawn(axes, "share")]


def test_a_rollout_is_two_curves_that_reach_zero_next_to_their_windows() -> None:
    axes = plot_shares(frame(*ROLLOUT))
    assert curves(axes) == [[1.0, 0.75, 0.0], [0.0, 0.25, 1.0, 1.0]]
    assert len(drawn(axes, "band")) == 2
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["100 %", "75 %", "50 %", "25 %", "0 %"]
    assert len({line.get_marker() for line in drawn(axes, "share")}) == 2
    assert axes.get_title("left").endswith("smtp://mx.example:25  ·  lab data")


def rotated(old: str, new: str, *rows: dict) -> pd.DataFrame:
    pair = {"predecessor_sha256": old, "successor_sha256": new}
    return frame(*(row | pair for row in rows))


@pytest.mark.parametrize(("old", "new"), [("a", "b"), ("b", "a")])
def test_old_and_new_first_shown_in_one_window_have_the_colours_of_a_rollout(old: str, new: str) -> None:
    axes = plot_shares(rotated(old, new, window(0, old, 3), window(0, new, 1), window(1, old, 1), window(1, new, 3)))
    found = {(line.get_color(), line.get_marker()): round(1 - line.get_ydata()[0], 6) for line in drawn(axes, "share")}
    assert found == {(BLUE, "o"): 0.75, (ORANGE, "s"): 0.25}


def test_of_two_rotations_each_has_two_colours_also_where_the_second_begins_in_the_firsts_window() -> None:
    first = rotated("c", "b", window(0, "c", 2), window(0, "b", 2), window(1, "c", 0), window(1, "b", 4))
    second = rotated("b", "a", window(0, "b", 2), window(0, "a", 0), window(1, "b", 4), window(1, "a", 0),
                     window(2, "b", 0), window(2, "a", 4))  # fmt: skip
    for whole in (pd.concat([first, second]), pd.concat([second, first])):
        colours = {tuple(line.get_ydata().round(6)): line.get_color() for line in drawn(plot_shares(whole), "share")}
        old, middle, last = (
            colours[tuple(1 - share for share in shares)]
            for shares in ((0.5, 0.0, 0.0), (0.5, 1.0, 0.0), (0.0, 0.0, 1.0))
        )
        assert old == last != middle


def test_beyond_a_gap_no_mark_says_that_a_certificate_was_not_shown_yet() -> None:
    axes = plot_shares(frame(*ROLLOUT, window(30, "b", 2), window(30, "c", 2), window(31, "c", 4)))
    assert curves(axes)[-1] == [0.5, 1.0]


def test_without_rotations_what_was_last_shown_earlier_comes_first_in_a_shared_window() -> None:
    axes = plot_shares(frame(window(0, "b", 3), window(0, "a", 1), window(1, "a", 4)))
    assert [line.get_color() for line in drawn(axes, "share")] == [BLUE, ORANGE]
    assert curves(axes) == [[0.75, 0.0], [0.25, 1.0]]


def test_a_window_without_looks_breaks_the_curve() -> None:
    axes = plot_shares(frame(window(0, "a", 4), window(1, "a", 4), window(9, "a", 4)))
    assert curves(axes) == [[1.0, 1.0], [1.0]]


def test_slots_and_addresses_have_rows_of_their_own() -> None:
    other = [row | {"address": "192.0.2.1"} for row in ROLLOUT]
    axes = plot_shares(frame(*(row | {"address": "192.0.2.2"} for row in ROLLOUT), *other))
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels == ["smtp://mx.example:25\n192.0.2.2", "smtp://mx.example:25\n192.0.2.1"]
    assert "each row: from 0 to 100 %" in words(axes)


def test_a_certificate_of_two_rotations_is_drawn_once() -> None:
    axes = plot_shares(frame(*ROLLOUT, *ROLLOUT))
    assert curves(axes) == [[1.0, 0.75, 0.0], [0.0, 0.25, 1.0, 1.0]]


def test_an_empty_frame_says_so_and_given_axes_are_used() -> None:
    _, given = plt.subplots()
    assert plot_shares(frame(*ROLLOUT).iloc[:0], ax=given) is given
    assert any(text.startswith("No window") for text in words(given))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_drawn_harmless(name: str) -> None:
    other = [row | {"service": name, "address": name} for row in ROLLOUT]
    for axes in (plot_shares(frame(*ROLLOUT, *other)), plot_shares(frame(*other))):
        axes.figure.draw_without_rendering()
        assert all("$" not in text.replace(r"\$", "") for text in words(axes))
