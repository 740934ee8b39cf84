"""Who shares what: squares by likeness, numbers, neighbours that are alike."""

import itertools

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tests.chart.frames import HOSTILE, drawn, typed, words
from toolkit.chart import plot_sharing
from toolkit.errors import UsageError


def frame(shown: dict[str, str], kind: str = "certificate") -> pd.DataFrame:
    """Service → the letters of what it showed."""
    rows = [
        {"shared": kind, "shared_sha256": letter, "service": service, "source": "lab"}
        for service, letters in shown.items()
        for letter in letters
    ]
    return typed(pd.DataFrame(rows))


def together(shared: dict[str, str]) -> pd.DataFrame:
    """Service → the one certificate that it showed."""
    return frame(shared | dict.fromkeys(shared, "x")).assign(shared_sha256=list(shared.values()))


def squares(axes: plt.Axes) -> list[float]:
    (drawn_squares,) = drawn(axes, "shared")
    return [round(path.get_extents().width, 3) for path in drawn_squares.get_paths()]


def rows(axes: plt.Axes) -> list[str]:
    return [tick.get_text().split()[0] for tick in axes.get_yticklabels()]


def test_alike_services_are_neighbours() -> None:
    axes = plot_sharing(frame({"one": "abc", "two": "xyz", "three": "abd", "four": "xyw"}))
    order = rows(axes)
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({"one", "three"}), frozenset({"two", "four"})}
    numbers = [tick.get_text() for tick in axes.get_xticklabels()]
    assert [tick.get_text().split()[1] for tick in axes.get_yticklabels()] == numbers == ["1", "2", "3", "4"]


def test_services_that_share_the_same_are_in_the_order_of_their_names() -> None:
    names = [f"s{n:02}" for n in range(30)]
    assert rows(plot_sharing(frame({name: "ab" if name < "s15" else "xy" for name in reversed(names)}))) in (
        names,
        names[15:] + names[:15],
    )


def test_squares_grow_with_likeness_and_numbers_count() -> None:
    axes = plot_sharing(frame({"one": "abcd", "two": "abcd"}))
    assert squares(axes) == [0.94, 0.94]
    axes = plot_sharing(frame({"one": "abcd", "two": "a"}))
    assert squares(axes) == [0.47, 0.47]
    assert sorted(text.get_text() for text in axes.texts if not text.get_gid()) == ["1", "1", "1", "4"]


def test_keys_are_another_matrix() -> None:
    both = pd.concat([frame({"one": "a", "two": "a"}), frame({"three": "k", "four": "k"}, kind="key")])
    assert set(rows(plot_sharing(both, shared="key"))) == {"three", "four"}
    with pytest.raises(UsageError, match="Known: certificate, key"):
        plot_sharing(both, shared="keys")  # type: ignore[arg-type]


def test_a_hundred_services_drop_the_numbers_and_keep_their_labels_apart() -> None:
    axes = plot_sharing(frame({f"mx{n:03d}": "a" + chr(98 + n % 5) for n in range(100)}))
    axes.figure.draw_without_rendering()
    assert [text.get_text() for text in axes.texts] == ["and 60 services more, left out"]
    labels = [tick.label1.get_window_extent() for tick in axes.yaxis.get_major_ticks()]
    assert all(upper.y0 >= lower.y1 for upper, lower in itertools.pairwise(labels))


def test_of_many_services_the_largest_groups_are_drawn_whole() -> None:
    pairs = {f"pair{n}{side}": f"p{n:02d}" for n in range(30) for side in "ab"}
    groups = {f"group{n}": "a" for n in range(25)} | {f"other{n}": "b" for n in range(14)}
    kept = rows(plot_sharing(together({**pairs, **groups})))
    assert len(kept) == 40
    assert set(groups) <= set(kept)


def test_nothing_shared_is_said() -> None:
    _, given = plt.subplots()
    assert plot_sharing(frame({"one": "a", "two": "a"}).iloc[:0], ax=given) is given
    assert "No certificate was shown by two services." in words(given)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_drawn_harmless(name: str) -> None:
    axes = plot_sharing(frame({name: "ab", "two": "a", "three": "b"}))
    axes.figure.draw_without_rendering()
    assert all("$" not in text.replace(r"\$", "") for text in words(axes))
