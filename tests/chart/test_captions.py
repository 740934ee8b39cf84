"""Sentences and tables: null is written as unknown, hashes are cut, and hostile text is harmless."""

import re
from typing import Any

import pandas as pd
import pytest

from tests.chart.frames import HOSTILE, at
from toolkit.chart import say, tabulate
from toolkit.errors import UsageError
from toolkit.tables import Tables


def test_a_sentence_formats_its_values_and_says_what_is_unknown() -> None:
    sentence = say(
        "{n} looks since {day:%Y-%m-%d}, {share:.0%}, {gone:.1f}, {none}.",
        n=12345,
        day=at("2026-05-01"),
        share=0.25,
        gone=pd.NA,
        none=pd.NaT,
    )
    assert str(sentence) == "12,345 looks since 2026-05-01, 25%, unknown, unknown."


def test_a_number_has_its_word_in_the_plural_unless_it_is_one() -> None:
    sentence = say("{a:# look}, {b:# look}, {c:# look}, {d:# look}", a=0, b=1, c=1200, d=pd.NA)
    assert str(sentence) == "0 looks, 1 look, 1,200 looks, unknown"


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_values_are_shown_harmless(name: str) -> None:
    frame = pd.DataFrame({"subject": [name], "names": [(name, name)]})
    for shown in (say("It is {name}.", name=name), say("{name:>5}", name=name), tabulate(frame)):
        assert "<script>" not in shown.html
        assert "mathjax_ignore" in shown.html
        assert all(character.isprintable() or character == "\n" for character in shown.words)


def test_a_table_is_cut_and_says_so() -> None:
    frame = pd.DataFrame(
        {
            "leaf_sha256": ["ab" * 32] * 3,
            "seen_at": [at("2026-05-01"), at("2026-05-01T10:30"), pd.NaT],
            "overlap_days": pd.array([6.0, 1234.56, None], dtype="Float64"),
            "is_ca": pd.array([True, False, None], dtype="boolean"),
            "names": [("a", "b"), (), None],
        }
    )
    words = tabulate(frame, rows=2).words
    assert "abababababab…" in words
    assert "2026-05-01 10:30" in words
    assert "1,234.6" in words
    assert "6.0" in words
    assert "yes" in words
    assert "… and 1 more row" in words
    assert "a, b" in words


def test_a_long_text_is_cut_at_the_width_that_was_asked_for() -> None:
    frame = pd.DataFrame({"found": ["x" * 70], "names": [("y" * 40, "z" * 40)]})
    assert tabulate(frame).words.split()[2:] == ["x" * 60 + "…", "y" * 40 + ",", "z" * 18 + "…"]
    assert tabulate(frame, width=100).words.split()[2:] == ["x" * 70, "y" * 40 + ",", "z" * 40]


def test_columns_are_chosen_and_an_empty_frame_says_so() -> None:
    frame = pd.DataFrame({"a": [1], "b": [2]})
    assert tabulate(frame, columns=["b"]).words.split() == ["b", "2"]
    assert "no rows" in tabulate(frame.iloc[:0]).html


def test_a_column_that_is_not_there_is_said_with_the_one_that_was_meant() -> None:
    frame = pd.DataFrame({"overlap_days": [1.0], "host": ["mx"]})
    with pytest.raises(UsageError, match=r"no column 'overlap_day'\. Did you mean 'overlap_days'\?"):
        tabulate(frame, columns=["host", "overlap_day"])
    with pytest.raises(UsageError, match=r"no column 'tail_min_days'\. It is now called 'margin_min_days'\."):
        tabulate(frame.assign(margin_min_days=1.0), columns=["tail_min_days"])
    with pytest.raises(UsageError, match=r"no column 'tail_min_days'\. There are: overlap_days, host"):
        tabulate(frame, columns=["tail_min_days"])
    with pytest.raises(UsageError, match=r"no column 'x'\. There are: overlap_days, host"):
        tabulate(frame, columns=["x"])


def test_names_may_be_broken_and_numbers_and_entities_may_not() -> None:
    frame = pd.DataFrame(
        {"a_b": ["smtp://mx.lab.test:25"], "days": [1234.56], "at": [at("2026-05-01T10:30")], "h": ["a.<b"]}
    )
    html = tabulate(frame).html
    assert "a_<wbr>b" in html
    assert "smtp://<wbr>mx.<wbr>lab.<wbr>test:25" in html
    assert "1,234.6" in html
    assert (
        '<span style="white-space: nowrap">X25519MLKEM768</span>'
        in tabulate(pd.DataFrame({"a": ["X25519MLKEM768"]})).html
    )
    html_of_names = tabulate(pd.DataFrame({"a": ["mozilla-intermediate", "ML-KEM-768"]})).html
    assert re.findall(r"nowrap\">([^<]+)", html_of_names) == ["a", "mozilla-", "intermediate", "ML-KEM-768"]
    assert '<span style="white-space: nowrap">2026-05-01 10:30</span>' in html
    assert "a.&lt;b" in html


def test_a_long_text_claims_no_more_width_than_another() -> None:
    html = tabulate(pd.DataFrame({"found": ["word " * 40], "advice": ["word " * 12]}), width=200).html
    assert re.findall(r"<td>(<div style=\"max-width: 32em\">)?word", html) == ['<div style="max-width: 32em">', ""]


def test_a_sentence_without_its_values_is_an_error() -> None:
    with pytest.raises(UsageError, match="was not given: 'host'"):
        say("{host} answered.")
    with pytest.raises(UsageError, match="cannot be formatted"):
        say("{host:.1f} days", host="mx")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"columns": "a"}, r"write a list of names, \['a'\]"),
        ({"rows": -1}, "rows=-1: must be a whole number of at least 0"),
        ({"width": "60"}, "width='60': "),
    ],
)
def test_wrong_arguments_are_errors(asked: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tabulate(pd.DataFrame({"a": [1]}), **asked)


def test_tables_are_not_a_frame() -> None:
    tables: Any = Tables.from_frames()
    with pytest.raises(UsageError, match=r"takes a pandas DataFrame, not Tables: give .* tables\.observations"):
        tabulate(tables)
