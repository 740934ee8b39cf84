"""Trust over time: stretches are bars, instants are markers, undated verdicts are counted and not placed."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tests.chart.frames import HOSTILE, at, drawn, points, typed, words
from toolkit.chart import plot_trust
from toolkit.chart.trust import VERDICTS


def judged(leaf: str, verdict: str, begin: str | None, end: str | None, **facts: object) -> dict:
    row = {"service": "smtp://mx.example:25", "host": "mx.example", "server_name": "mx.example", "leaf_sha256": leaf,
           "verdict": verdict, "as_of_from": at(begin), "as_of_until": at(end), "source": "lab"}  # fmt: skip
    return row | facts


def frame(*rows: dict) -> pd.DataFrame:
    made = typed(pd.DataFrame(list(rows)))
    for name in ("as_of_from", "as_of_until"):
        made[name] = pd.to_datetime(made[name], utc=True).astype("datetime64[us, UTC]")
    return made


def test_stretches_are_bars_and_instants_are_markers() -> None:
    axes = plot_trust(
        frame(
            judged("a", "trusted", "2015-01-01", "2015-04-04"),
            judged("a", "untrusted", "2015-04-05", "2016-01-01"),
            judged("b", "unknown", "2015-06-01", "2015-06-01"),
        )
    )
    assert len(axes.get_yticks()) == 2
    (bar,) = drawn(axes, "bar-trusted")
    assert bar.get_width() == 93
    assert len(drawn(axes, "bar-untrusted")) == 1
    assert points(axes, "mark-unknown") == 1
    assert {"trusted", "untrusted", "unknown"} <= set(words(axes))


def test_undated_verdicts_are_counted_and_not_placed() -> None:
    axes = plot_trust(frame(judged("a", "trusted", "2015-01-01", "2015-04-04"), judged("b", "unknown", None, None)))
    assert "not drawn: 1 verdicts on undated looks" in words(axes)
    alone = plot_trust(frame(judged("b", "unknown", None, None)))
    assert "None of 1 chains was judged at a known instant." in words(alone)


def test_verdicts_differ_in_more_than_colour() -> None:
    assert len({style.marker for style in VERDICTS.values()}) == len({style.hatch for style in VERDICTS.values()}) == 3


def test_nothing_judged_is_said() -> None:
    _, given = plt.subplots()
    assert plot_trust(frame(judged("a", "trusted", "2015-01-01", "2015-04-04")).iloc[:0], ax=given) is given
    assert "No chain was judged." in words(given)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_drawn_harmless(name: str) -> None:
    axes = plot_trust(frame(judged(name, "trusted", "2015-01-01", "2015-04-04", service=name)))
    axes.figure.draw_without_rendering()
    assert all("$" not in text.replace(r"\$", "") for text in words(axes))
