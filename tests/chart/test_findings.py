"""Verdicts of rules: the worst verdict of each service and rule, and how many rows gave it."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tests.chart.frames import HOSTILE, drawn, typed, words
from toolkit.chart import plot_findings
from toolkit.chart.canvas import MOST_ROWS
from toolkit.chart.findings import VERDICTS
from toolkit.chart.palette import BAD, FINE, GRID


def finding(service: str | None, rule: str, verdict: str, **facts: object) -> dict:
    row = {"policy": "ietf", "service": service, "host": "mx.example", "rule": rule, "verdict": verdict,
           "evidence_row": 3, "source": "lab"}  # fmt: skip
    return row | facts


def frame(*rows: dict) -> pd.DataFrame:
    return typed(pd.DataFrame(list(rows)).astype({"evidence_row": "Int64", "rule": "string", "policy": "string"}))


MIXED = (
    finding("smtp://a:25", "rc4", "meets"), finding("smtp://a:25", "rc4", "falls short"),
    finding("smtp://a:25", "rc4", "falls short"), finding("smtp://b:25", "rc4", "unknown", evidence_row=None),
    finding("smtp://b:25", "sslv3", "meets"), finding("smtp://b:25", "tls1", "meets"),
)  # fmt: skip


def test_the_worst_verdict_stands_with_the_number_of_rows_that_gave_it() -> None:
    axes = plot_findings(frame(*MIXED))
    assert len(drawn(axes, "cell-falls short")) == 1
    assert len(drawn(axes, "cell-unknown")) == 1
    assert len(drawn(axes, "cell-meets")) == 2
    assert {"× 2", "?", "✓ 1", "nothing on record"} <= set(words(axes))


def test_unmet_advice_is_distinguished_from_a_broken_rule() -> None:
    axes = plot_findings(
        frame(finding("smtp://a:25", "rc4", "falls short", level="must"),
              finding("smtp://a:25", "strength", "falls short", level="should"))
    )  # fmt: skip
    assert len(drawn(axes, "cell-falls short")) == len(drawn(axes, "cell-falls short of advice")) == 1
    assert "! falls short of advice (should)" in words(axes)


def test_rules_are_the_columns_unless_they_are_many_and_services_are_fewer() -> None:
    axes = plot_findings(frame(*MIXED))
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["smtp://a:25", "smtp://b:25"]
    many = [finding(f"smtp://{name}:25", f"rule {n}", "meets") for n in range(13) for name in "ab"]
    axes = plot_findings(frame(*many))
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["smtp://a:25", "smtp://b:25"]


def test_a_summary_is_drawn_by_its_counts() -> None:
    summary = frame(finding("smtp://a:25", "rc4", "falls short", evidence_count=17)).drop(columns="evidence_row")
    assert "× 17" in words(plot_findings(summary))


def test_several_policies_are_distinguished_and_a_missing_service_is_named() -> None:
    axes = plot_findings(frame(finding(None, "rc4", "meets"), finding("smtp://a:25", "rc4", "meets", policy="nist")))
    rules = {tick.get_text() for tick in (*axes.get_yticklabels(), *axes.get_xticklabels())}
    assert {"ietf: rc4", "nist: rc4", "mx.example", "smtp://a:25"} == rules


def test_every_verdict_looks_different() -> None:
    assert len({style.sign for style in VERDICTS.values()}) == len(VERDICTS)
    assert len({(style.fill, style.edge, style.sign) for style in VERDICTS.values()}) == len(VERDICTS)


def test_no_findings_are_said() -> None:
    _, given = plt.subplots()
    assert plot_findings(frame(*MIXED).iloc[:0], ax=given) is given
    assert "There is no verdict: no rule applies to what was observed." in words(given)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_drawn_harmless(name: str) -> None:
    axes = plot_findings(frame(finding(name, name, "meets", policy=name), finding("b", "rc4", "meets", policy=name)))
    axes.figure.draw_without_rendering()
    assert all("$" not in text.replace(r"\$", "") for text in words(axes))


def test_findings_alone_are_filled_and_what_is_unknown_has_no_colour() -> None:
    assert {name for name, style in VERDICTS.items() if style.fill == BAD} == {"falls short", "contradicted"}
    assert VERDICTS["confirmed"].edge == VERDICTS["meets"].edge == FINE
    assert VERDICTS["unknown"].edge == GRID


def test_those_with_the_most_findings_come_first_and_others_by_number() -> None:
    rows = [finding(f"smtp://mx{n}:25", rule, "meets") for n in (10, 9, 8) for rule in ("tls1", "rc4")]
    worse = [finding("smtp://mx10:25", "tls1", "falls short"), finding("smtp://mx8:25", "tls1", "unknown")]
    axes = plot_findings(frame(*rows, *worse))
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels == ["smtp://mx10:25", "smtp://mx8:25", "smtp://mx9:25"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["tls1", "rc4"]


def test_many_services_with_the_same_verdicts_share_a_row_and_what_does_not_fit_is_counted() -> None:
    many = [finding(f"smtp://mx{n}:25", "rc4", "falls short" if n == 99 else "meets") for n in range(100)]
    axes = plot_findings(frame(*many))
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["smtp://mx99:25", "smtp://mx0:25 and 98 more"]
    differ = [finding(f"smtp://mx{n}:25", "rc4", "meets") for n in range(100) for _ in range(n % 50 + 1)]
    axes = plot_findings(frame(*differ))
    assert len(axes.get_yticks()) == MOST_ROWS
    assert any("and 20 services more, left out" in said for said in words(axes))


@pytest.mark.parametrize("services", [12, 60])
def test_turned_labels_keep_clear_of_the_legend_and_are_not_cut_where_there_is_room(services: int) -> None:
    name = "smtp://alt1.gmail-smtp-in.l.google.com:25"
    rules = [f"a-rule-with-a-name-{number}" for number in range(20)]
    axes = plot_findings(frame(*(finding(f"{name}{n}", rule, "meets") for n in range(services) for rule in rules)))
    axes.figure.draw_without_rendering()
    labels = {tick.get_text() for tick in (*axes.get_xticklabels(), *axes.get_yticklabels())}
    assert labels & {f"{name}0", "smtp://alt1.gmail-smt…le.com:250 and 59 more"}
    legend = axes.get_legend()
    assert legend is not None
    below = [tick.label1 for tick in axes.xaxis.get_major_ticks() if tick.label1.get_visible()]
    assert not [text for text in below if text.get_window_extent().overlaps(legend.get_window_extent())]


def test_what_a_check_calls_gained_is_drawn_as_what_falls_short() -> None:
    axes = plot_findings(frame(finding("smtp://a:25", "rc4", "gained", level="must")))
    assert len(drawn(axes, "cell-falls short")) == 1


def test_a_single_column_is_not_as_wide_as_the_page() -> None:
    axes = plot_findings(frame(finding("smtp://a:25", "rc4", "meets")))
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    (left, _), (right, _) = axes.transData.transform([(0, 0), (1, 0)])
    assert 1 < (right - left) / figure.dpi < 2.5
