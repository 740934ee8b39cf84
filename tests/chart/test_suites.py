"""Suites over the years: rows by strength, markers by version, and dates only where there are dates."""

import itertools

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from tests.chart.frames import HOSTILE, drawn, points, segments, words
from toolkit import Tables
from toolkit.chart import plot_suites
from toolkit.chart.palette import BAD, FINE, NEUTRAL
from toolkit.reference import find_suite


def answer(suite: str | None, protocol: str | None, when: str | None = None, **facts: object) -> dict:
    known = find_suite(suite) if suite else None
    row = {
        "observed_at": when and pd.Timestamp(when, tz="UTC"), "date_basis": "observed" if when else "undated",
        "round": f"{suite} {when} {facts}", "sample": 0, "source": "a blog, 2014", "host": "mx.example",
        "outcome": "ok", "protocol": protocol, "suite": suite, "suite_code": known and known.code,
    }  # fmt: skip
    return row | {name: pd.Timestamp(str(v), tz="UTC") if name.startswith("obs") else v for name, v in facts.items()}


def looks(*rows: dict) -> pd.DataFrame:
    return Tables.from_frames(pd.DataFrame(list(rows))).observations


WALK = (
    answer("TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS 1.0", "2007-08-10"),
    answer("TLS_RSA_WITH_RC4_128_SHA", "TLS 1.0", "2012-02-13"),
    answer("TLS_AES_256_GCM_SHA384", "TLS 1.3", "2024-11-23"),
)


def rows(axes: plt.Axes) -> list[str]:
    return [tick.get_text() for tick in axes.get_yticklabels()]


def test_rows_are_ordered_by_strength_and_say_both_bits() -> None:
    axes = plot_suites(looks(*WALK))
    assert rows(axes) == [
        "TLS_AES_256_GCM_SHA384  256/256",
        "TLS_RSA_WITH_RC4_128_SHA  128/128",
        "TLS_RSA_WITH_3DES_EDE_CBC_SHA  168/112",
    ]
    assert rows(plot_suites(looks(*WALK), by="cipher")) == ["AES-GCM  256/256", "RC4  128/128", "3DES-CBC  168/112"]


def test_every_version_has_its_marker_and_only_those_there_are_in_the_legend() -> None:
    axes = plot_suites(looks(*WALK))
    assert points(axes, "dated") == 3
    assert [word for word in words(axes) if word.startswith("TLS 1")] == ["TLS 1.0", "TLS 1.3"]


def colours(axes: plt.Axes) -> dict[str, str]:
    """Row → colour of its only mark."""
    labels = rows(axes)
    return {
        labels[int(y)]: to_hex(artist.get_facecolor()[0])
        for artist in drawn(axes, "dated")
        for _, y in artist.get_offsets()
    }


def test_colour_is_the_judgement_of_the_day_and_shape_the_version() -> None:
    broken = answer("TLS_RSA_WITH_RC4_128_MD5", "TLS 1.0", "2016-02-13")
    found = colours(plot_suites(looks(*WALK, broken)))
    assert found == {
        "TLS_AES_256_GCM_SHA384  256/256": FINE.lower(),
        "TLS_RSA_WITH_RC4_128_SHA  128/128": FINE.lower(),  # SSL 2.0 was forbidden by then, RC4 not yet
        "TLS_RSA_WITH_RC4_128_MD5  128/128": BAD.lower(),
        "TLS_RSA_WITH_3DES_EDE_CBC_SHA  168/112": NEUTRAL.lower(),  # no rule was in force
    }
    assert {"prohibited", "allowed", "not judged"} <= set(words(plot_suites(looks(*WALK, broken))))
    assert "colour: nist, by the rules of the answer's day" in words(plot_suites(looks(broken), policy="nist"))


def test_marks_of_a_row_do_not_overlap() -> None:
    daily = [
        answer("TLS_AES_256_GCM_SHA384", "TLS 1.3", f"2024-{m:02d}-{d:02d}") for m in range(1, 13) for d in range(1, 29)
    ]
    axes = plot_suites(looks(*daily))
    (marks,) = drawn(axes, "dated")
    axes.figure.draw_without_rendering()
    places = sorted(axes.transData.transform(marks.get_offsets())[:, 0])
    wide = marks.get_sizes()[0] ** 0.5 * axes.figure.dpi / 72
    assert all(right - left > wide * 0.9 for left, right in itertools.pairwise(places))


def test_a_day_between_two_bounds_is_a_line_and_a_hollow_marker() -> None:
    between = answer(
        "TLS_RSA_WITH_RC4_128_MD5", "TLS 1.0", None, observed_from="2010-01-01", observed_until="2011-01-01",
        date_basis="between",
    )  # fmt: skip
    axes = plot_suites(looks(*WALK, between))
    assert points(axes, "dated") == 3
    assert points(axes, "bounded-middle") == 1
    (line,) = segments(axes, "bounded")
    assert line[1][0] - line[0][0] == 365


def test_bounds_closer_than_a_marker_are_drawn_as_a_date() -> None:
    bounds = {"observed_from": "2010-06-28T10:00", "observed_until": "2010-06-30T12:00"}
    day = answer("TLS_RSA_WITH_RC4_128_MD5", "TLS 1.0", date_basis="between", **bounds)
    axes = plot_suites(looks(*WALK, day))
    assert (points(axes, "dated"), points(axes, "bounded-middle")) == (4, 0)


def test_one_bound_is_open_towards_the_other_side() -> None:
    until = answer("TLS_RSA_WITH_RC4_128_MD5", "TLS 1.0", None, observed_until="2011-01-01", date_basis="until")
    axes = plot_suites(looks(*WALK, until))
    (dots,) = segments(axes, "one-bound")
    assert dots[1][0] < dots[0][0]


def test_undated_answers_are_drawn_right_of_the_axis_without_a_date() -> None:
    undated = answer("TLS_RSA_WITH_RC4_128_MD5", "TLS 1.2")
    axes = plot_suites(looks(*WALK, undated))
    assert points(axes, "undated") == 1
    (mark,) = [offset for artist in drawn(axes, "undated") for offset in artist.get_offsets()]
    assert mark[0] > 1
    assert "undated" in words(axes)
    alone = plot_suites(looks(undated))
    alone.figure.draw_without_rendering()
    assert points(alone, "undated") == 1


def test_an_ambiguous_version_is_said_to_be_unknown() -> None:
    assert "version not known" in words(plot_suites(looks(answer("TLS_RSA_WITH_RC4_128_SHA", None, "2012-11-30"))))


def test_surveys_and_looks_without_a_suite_are_left_out() -> None:
    survey = answer("TLS_RSA_WITH_RC4_128_MD5", "TLS 1.0", "2013-01-01", offer="survey")
    failed = answer(None, None, "2013-01-01", outcome="timeout")
    assert len(rows(plot_suites(looks(*WALK, survey, failed)))) == 3
    axes = plot_suites(looks(survey, failed))
    assert "No observation negotiated a suite." in words(axes)


def test_a_suite_that_no_registry_knows_keeps_its_name() -> None:
    axes = plot_suites(looks(answer("TLS_OF_MY_OWN", "TLS 1.2", "2020-01-01")))
    assert rows(axes) == ["TLS_OF_MY_OWN  bits not known"]


def test_given_axes_are_used() -> None:
    _, given = plt.subplots()
    assert plot_suites(looks(*WALK), ax=given) is given


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_drawn_harmless(name: str) -> None:
    axes = plot_suites(looks(answer(name, "TLS 1.2", "2020-01-01", source=name)))
    axes.figure.draw_without_rendering()
    assert all("$" not in text.replace(r"\$", "") for text in words(axes))
