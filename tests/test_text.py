"""Hostile text stays in its place: one line, visible, no formula, no markup, no cell that runs."""

import html
import json
import re
from collections.abc import Callable

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from cryptography import x509
from hypothesis import given, strategies as st

import toolkit
from toolkit import text

ANY = st.text(max_size=400)
"""Any characters, lone surrogates too."""

STORABLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(ANY)
def test_what_is_shown_is_one_line_of_visible_characters(value: str) -> None:
    for show in (text.plain, text.for_terminal, text.for_html, text.for_matplotlib):
        shown = show(value)
        assert all(character == " " or character.isprintable() or character.isspace() for character in shown)
        assert not set("\n\r\x1b\x85\u2028\u2029\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200b\0") & set(shown)
        assert len(shown.splitlines()) <= 1
        shown.encode("utf-8")


@pytest.mark.parametrize(("changed", "words"), [
    (lambda der: der[:-1], "its DER is wrong: cut short"),
    (lambda der: der + b"x", "its DER is wrong: bytes after its end"),
    (lambda der: b"\x31" + der[1:], "its DER is wrong: a wrong tag"),
    (lambda der: der.replace(b"Z\x17", b"Y\x17"),
     "its DER is wrong: an invalid value in tbs_cert.validity.not_before.UtcTime"),
])  # fmt: skip
def test_mistakes_of_der_are_said_in_words(changed: Callable[[bytes], bytes], words: str) -> None:
    with pytest.raises(ValueError, match="ParseError") as caught:
        x509.load_der_x509_certificate(changed(toolkit.load_example("google-mail").certificates["der"].iloc[0]))
    assert text.parse_problem(caught.value) == words
    assert text.parse_problem(ValueError("Invalid key")) == "Invalid key"


@given(ANY, st.integers(1, 50))
def test_what_is_shown_is_bounded(value: str, limit: int) -> None:
    shown, whole = text.plain(value, limit=limit), text.plain(value, limit=10 * len(value))
    if len(whole) <= limit:
        assert shown == whole
    else:
        assert shown.endswith("…")
        assert limit - 10 < len(shown) - 1 <= limit, "an escape has at most ten characters"
        assert whole.startswith(shown[:-1])


def test_what_is_shown_ends_with_a_whole_escape() -> None:
    assert [text.plain("a\u202e\u202eb", limit=limit) for limit in (6, 7, 12, 13, 14)] == [
        "a…", r"a\u202e…", r"a\u202e…", r"a\u202e\u202e…", r"a\u202e\u202eb"
    ]  # fmt: skip


def test_an_endless_value_costs_what_is_shown_of_it() -> None:
    assert text.plain("\x1b" * 10_000_000) == r"\x1b" * (text.LIMIT // 4) + "…"


@pytest.mark.parametrize("null", [None, pd.NA, pd.NaT, float("nan")])
def test_null_is_the_empty_string(null: object) -> None:
    assert text.plain(null) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"220 \xff\r\n", "220 \\xff\\r\\n"),
        (("a.test", "b.test"), "a.test b.test"),
        (7, "7"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("\U000e0041", "\\U000e0041"),
        ("Müller 名", "Müller 名"),
    ],
)
def test_values_of_every_kind(value: object, shown: str) -> None:
    assert text.plain(value) == shown


@given(ANY)
def test_html_never_opens_a_tag_or_ends_an_attribute(value: str) -> None:
    shown = text.for_html(value)
    assert not set("<>\"'") & set(shown)
    assert html.unescape(shown) == text.plain(value)


@pytest.mark.parametrize("value", ["$x$", r"\$x$", r"$\frac{$", "$$", r"\\$a\$b$", "100 $", "a_b^c", r"\alpha"])
def test_matplotlib_draws_the_text_and_no_formula(value: str) -> None:
    figure, axes = plt.subplots()
    label = axes.set_title(text.for_matplotlib(value))
    figure.canvas.draw()
    shown, is_math = label._preprocess_math(label.get_text())
    assert is_math is False
    assert shown == value


@given(STORABLE)
def test_a_spreadsheet_cell_is_harmless_and_undone(value: str) -> None:
    cell = text.for_spreadsheet(value)
    assert text.from_spreadsheet(cell) == value
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert all(character.isprintable() or character.isspace() for character in cell)


@pytest.mark.parametrize("value", ["=1", " =1", "+1", "-1", "@x", "'", "'=1", "＝1", "\u3000＠x"])
def test_what_starts_a_formula_gets_an_apostrophe(value: str) -> None:
    assert text.for_spreadsheet(value).startswith("'")
    assert text.from_spreadsheet(text.for_spreadsheet(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        "554 go;=1+1",
        "a; =1",
        "a;'=1",
        'a;"=1',
        "a|+1",
        "a,-1",
        "a;@x",
        "a\t=1",
        "a؛=1",
        "a；＝1",
        "a;\u3000=1",
        "a;b;=1",
    ],
)
def test_no_formula_starts_after_a_separator(value: str) -> None:
    cell = text.for_spreadsheet(value)
    for part in re.split(r"[;|,\t؛；]", cell):
        assert not part.lstrip(" \u3000\"'").startswith(("=", "+", "-", "@", "＝"))
    assert text.from_spreadsheet(cell) == value


@pytest.mark.parametrize("value", ["listed; first choice", "CN=a+O=b,C=US", "a;b=1", "a - b", "-----BEGIN X-----"])
def test_other_text_stays_readable_after_a_separator(value: str) -> None:
    assert text.for_spreadsheet(value).removeprefix("'") == value


@given(st.lists(st.one_of(st.sampled_from([";=1", 'x,"=', "|@", "\\"]), STORABLE)))
def test_json_made_harmless_means_the_same(value: list[str]) -> None:
    cell = text.for_separators(json.dumps(value))
    assert json.loads(cell) == value
    assert not re.search(r"[;|,\t][\s\"']*[=+@-]", cell)


def test_an_escape_beyond_unicode_stays_as_it_was() -> None:
    assert text.from_spreadsheet(r"\Uffffffff") == r"\Uffffffff"


@pytest.mark.parametrize(
    ("value", "stored"),
    [("a", "a"), ("a\ud800b", "a\ufffdb"), ("\udfff", "\ufffd"), ("\ud83d\ude00", "😀"), ("\0\x1b", "\0\x1b")],
)
def test_what_utf_8_cannot_hold_is_replaced(value: str, stored: str) -> None:
    assert text.storable(value) == stored


@given(ANY)
def test_storable_text_is_storable(value: str) -> None:
    stored = text.storable(value)
    assert stored.encode("utf-8").decode("utf-8") == stored
    assert text.storable(stored) == stored


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("ieft", " Did you mean 'ietf'?"),
        ("IETF", " Did you mean 'ietf'?"),
        ("Mozilla-Modren", " Did you mean 'mozilla-modern'?"),
        ("moder", " Did you mean 'mozilla-modern'?"),
        ("", ""),
        ("baseball park", ""),
        ("x" * 1_000_000, ""),
    ],
)
def test_a_misspelt_name_gets_the_closest_known_one(word: str, hint: str) -> None:
    assert text.did_you_mean(word, ["ietf", "mozilla-modern"]) == hint


def test_every_name_with_the_closest_part_is_suggested() -> None:
    known = ["ietf", "web-modern", "mail-modern"]
    assert text.did_you_mean("modr", known) == " Did you mean 'web-modern' or 'mail-modern'?"


def test_without_known_names_there_is_no_suggestion() -> None:
    assert text.did_you_mean("ietf", []) == ""
