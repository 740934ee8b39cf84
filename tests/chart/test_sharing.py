"""Who shares what: squares by likeness, numbers, neighbours that are alike."""

import itertools

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tests.chart.frames import HOSTILE, drawn, typed, words
from toolkit.chart import plot_sharing


def frame(shown: dict[str, str], kind: str = "certificate") -> pd.DataFrame:
    """Service → the letters of what it showed."""
    rows = [
        {"shared": kind, "shared_sha256": letter, "service": service, "source": "lab"}
        for service, letters in shown.items()
        for letter in letters
    ]
    return typed(pd.DataFrame(rows))


def squares(axes: plt.Axes) -> list[float]:
    (drawn_squares,) = drawn(axes, "shared")
    return [round(path.get_extents().width, 3) for path in drawn_squares.get_paths()]


def test_alike_services_are_neighbours() -> None:
    axes = plot_sharing(frame({"one": "abc", "two": "xyz", "three": "abd", "four": "xyw"}))
    order = [tick.get_text() for tick in axes.get_yticklabels()]
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({"one", "three"}), frozenset({"two", "four"})}
    assert order == [tick.get_text() for tick in axes.get_xticklabels()]


def test_squares_grow_with_likeness_and_numbers_count() -> None:
    axes = plot_sharing(frame({"one": "abcd", "two": "abcd"}))
    assert squares(axes) == [0.94, 0.94]
    axes = plot_sharing(frame({"one": "abcd", "two": "a"}))
    assert squares(axes) == [0.47, 0.47]
    assert sorted(text.get_text() for text in axes.texts) == ["1", "1", "1", "4"]


def test_keys_are_another_matrix() -> None:
    both = pd.concat([frame({"one": "a", "two": "a"}), frame({"three": "k", "four": "k"}, kind="key")])
    assert {tick.get_text() for tick in plot_sharing(both, kind="key").get_yticklabels()} == {"three", "four"}


def test_a_hundred_services_drop_the_numbers_and_keep_their_labels_apart() -> None:
    axes = plot_sharing(frame({f"mx{n:03d}": "a" + chr(98 + n % 5) for n in range(100)}))
    axes.figure.draw_without_rendering()
    assert [text.get_text() for text in axes.texts] == ["and 60 services more, left out"]
    labels = [tick.label1.get_window_extent() for tick in axes.yaxis.get_major_ticks()]
    assert all(upper.y0 >= lower.y1 for upper, lower in itertools.pairwise(labels))


def test_nothing_shared_is_said() -> None:
    _, given = plt.subplots()
    assert plot_sharing(frame({"one": "a", "two": "a"}).iloc[:0], ax=given) is given
    assert "No certificate was shown by two services." in words(given)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_drawn_harmless(name: str) -> None:
    axes = plot_sharing(frame({name: "ab", "two": "a", "three": "b"}))
    axes.figure.draw_without_rendering()
    assert all("$" not in text.replace(r"\$", "") for text in words(axes))
