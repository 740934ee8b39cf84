"""Trust over time: periods are bars, instants are markers, undated verdicts are counted and not placed."""

from datetime import timedelta

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tests.chart.frames import HOSTILE, at, drawn, points, typed, words
from toolkit.analyse import replay_trust
from toolkit.chart import plot_trust, split_pages
from toolkit.chart.palette import NEUTRAL
from toolkit.chart.trust import VERDICTS
from toolkit.lab import Lab, SamplingPlan, simulate


def judged(leaf: str, verdict: str, begin: str | None, end: str | None, **facts: object) -> dict:
    row = {"service": "smtp://mx.example:25", "host": "mx.example", "server_name": "mx.example", "leaf_sha256": leaf,
           "store": None, "verdict": verdict, "verdict_from_at": at(begin), "verdict_until_at": at(end),
           "leaf_validity": None, "assumption": None, "source": "lab"}  # fmt: skip
    return row | facts


def frame(*rows: dict) -> pd.DataFrame:
    made = typed(pd.DataFrame(list(rows)))
    for name in ("verdict_from_at", "verdict_until_at"):
        made[name] = pd.to_datetime(made[name], utc=True).astype("datetime64[us, UTC]")
    return made


def test_periods_are_bars_and_instants_are_markers() -> None:
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


def test_a_verdict_after_the_end_of_a_record_is_not_drawn_as_recorded() -> None:
    said = {"assumption": "mozilla has not changed since its record ended on 2015-04-04"}
    axes = plot_trust(
        frame(
            judged("a", "trusted", "2015-01-01", "2015-04-04T23:59:59"),
            judged("a", "trusted", "2015-04-05", "2015-05-01", **said),
            judged("a", "untrusted", "2015-05-01", "2015-06-01", **said),
        )
    )
    (recorded,), (assumed,) = drawn(axes, "bar-trusted"), drawn(axes, "bar-trusted_assumed")
    (refused,) = drawn(axes, "bar-untrusted_assumed")
    assert recorded.get_facecolor() != assumed.get_facecolor()
    assert [bool(bar.get_hatch()) for bar in (recorded, assumed, refused)] == [False, True, True]
    assert {"trusted", "trusted, by an assumption", "untrusted, by an assumption"} <= set(words(axes))


def test_adjacent_periods_that_are_drawn_alike_are_one_bar() -> None:
    axes = plot_trust(
        frame(
            judged("a", "trusted", "2015-01-01", "2015-04-04T23:59:59"),
            judged("a", "trusted", "2015-04-05", "2015-05-01"),
            judged("a", "trusted", "2015-05-03", "2015-06-01"),
        )
    )
    assert [bar.get_width() for bar in drawn(axes, "bar-trusted")] == [120, 29]


def test_pages_are_in_the_order_of_the_chart_and_leave_nothing_out() -> None:
    chains = [judged(f"old{n}", "trusted", "2015-01-01", "2015-02-01") for n in range(3)]
    chains += [judged("new", "untrusted", "2015-01-01", "2016-01-01", store=store) for store in ("a", "b")]
    chains += [judged(f"unknown{n}", "unknown", "2015-01-01", "2016-01-01") for n in range(23)]
    pages = split_pages(frame(*chains, judged("undated", "unknown", None, None)), rows=40)
    assert [page["leaf_sha256"].nunique() for page in pages] == [4, 20, 4]
    assert "undated" in set(pages[-1]["leaf_sha256"])
    assert not any("left out" in said for page in pages for said in words(plot_trust(page)))
    first, *_ = split_pages(frame(*chains), rows=2)
    assert list(first["store"]) == ["a", "b"], "what is untrusted now comes first, in all stores"
    assert len(split_pages(frame(judged("a", "unknown", None, None)))) == 1


def test_undated_verdicts_are_counted_and_not_placed() -> None:
    axes = plot_trust(frame(judged("a", "trusted", "2015-01-01", "2015-04-04"), judged("b", "unknown", None, None)))
    assert "not drawn: 1 verdict on undated observations" in words(axes)
    alone = plot_trust(frame(judged("b", "unknown", None, None)))
    assert "No verdict has a known instant (1 verdict)." in words(alone)


def test_verdicts_differ_in_more_than_colour() -> None:
    assert len({style.marker for style in VERDICTS.values()}) == len(VERDICTS)
    axes = plot_trust(frame(*(judged("a", verdict, "2015-01-01", "2015-02-01") for verdict in VERDICTS)))
    bars = [bar for verdict in VERDICTS for bar in drawn(axes, f"bar-{verdict}")]
    looks = {(bar.get_facecolor(), bar.get_height(), bar.get_hatch() or "") for bar in bars}
    assert len(looks) == len(bars) > 2


def test_before_a_leaf_begins_and_after_it_ends_nothing_is_untrusted() -> None:
    """On a frame of `replay_trust`."""
    lab = Lab("steady", seed=1)
    seen = simulate("steady", 1, SamplingPlan((lab.begins_at,)))
    leaf = seen.certificates[~seen.certificates["is_ca"]].iloc[0]
    around = [
        leaf[name].to_pydatetime() + side * timedelta(days=30) for name, side in (("not_before", -1), ("not_after", 1))
    ]
    axes = plot_trust(replay_trust(seen, roots=lab.roots, since=around[0], until=around[1]))
    assert [len(drawn(axes, f"bar-{name}")) for name in VERDICTS] == [0, 0, 1, 0, 1, 1, 0]
    assert {VERDICTS[name].colour for name in ("expired", "not_yet_valid")} == {NEUTRAL}


def test_what_was_untrusted_comes_first_then_what_was_trusted_by_date_then_the_rest() -> None:
    axes = plot_trust(
        frame(
            judged("a" * 8, "unknown", "2014-01-01", "2015-04-04"),
            judged("b" * 8, "trusted", "2015-01-01", "2015-04-04"),
            judged("c" * 8, "trusted", "2014-01-01", "2015-04-04"),
            judged("d" * 8, "trusted", "2016-01-01", "2016-04-04"),
            judged("d" * 8, "untrusted", "2016-04-05", "2016-04-06"),
        )
    )
    assert [tick.get_text()[-8:-7] for tick in axes.get_yticklabels()] == ["d", "c", "b", "a"]


def test_of_many_unknown_rows_ten_are_drawn_and_the_others_counted() -> None:
    unknown = [judged(f"{n:08d}", "unknown", "2014-01-01", "2015-04-04") for n in range(60)]
    axes = plot_trust(frame(*unknown, judged("a" * 8, "trusted", "2014-01-01", "2015-04-04")))
    assert len(axes.get_yticks()) == 11
    assert "and 50 chains more, left out" in words(axes)


def test_nothing_judged_is_said() -> None:
    _, given = plt.subplots()
    assert plot_trust(frame(judged("a", "trusted", "2015-01-01", "2015-04-04")).iloc[:0], ax=given) is given
    assert "No chain was judged." in words(given)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_drawn_harmless(name: str) -> None:
    axes = plot_trust(frame(judged(name, "trusted", "2015-01-01", "2015-04-04", service=name)))
    axes.figure.draw_without_rendering()
    assert all("$" not in text.replace(r"\$", "") for text in words(axes))


def test_what_is_valid_on_the_last_day_comes_before_what_ended() -> None:
    axes = plot_trust(
        frame(
            judged("a" * 8, "untrusted", "2014-01-01", "2014-04-04"),
            judged("a" * 8, "untrusted", "2014-04-05", "2016-01-01", leaf_validity="expired"),
            judged("b" * 8, "trusted", "2015-01-01", "2016-01-01"),
            judged("c" * 8, "trusted", "2015-01-01", "2015-04-04"),
            judged("d" * 8, "untrusted", "2015-01-01", "2015-12-31T12:00"),
        )
    )
    assert [tick.get_text()[-8:-7] for tick in axes.get_yticklabels()] == ["d", "b", "c", "a"]
