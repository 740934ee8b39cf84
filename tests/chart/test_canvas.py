"""Shared axes setup: harmless labels, the kind of data in titles, instants as days."""

import numpy as np
import pandas as pd
import pytest

from tests.chart.frames import HOSTILE
from toolkit import Tables, chart
from toolkit.chart import canvas
from toolkit.errors import UsageError


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_label_is_short_printable_and_not_a_formula(name: str) -> None:
    label = canvas.label(name, width=30)
    assert len(label.replace(r"\$", "$")) <= 30
    assert "$" not in label.replace(r"\$", "")
    assert label.isprintable()


def test_both_ends_of_a_long_name_stay() -> None:
    label = canvas.label("smtp://" + "x" * 300 + ".example:25", width=40)
    assert label.startswith("smtp://x")
    assert label.endswith(".example:25")
    assert len(label) == 40


def test_a_missing_glyph_is_escaped() -> None:
    assert canvas.label("邮") == "\\u90ae"


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (["lab"], "lab"),
        (["lab, live"], "lab + live"),
        (["Blog post, 2007", "lab"], "lab + recorded"),
        ([None], ""),
        (["simulated", "lab"], "lab + simulated"),
    ],
)
def test_the_word_for_where_data_came_from(sources: list, said: str) -> None:
    assert canvas.describe_source(pd.DataFrame({"source": pd.array(sources, dtype="string")})) == said


def test_no_column_no_word() -> None:
    assert canvas.describe_source(pd.DataFrame({"a": [1]})) == ""


def test_instants_as_days_reach_year_9999_and_null_is_nan() -> None:
    instants = pd.Series(pd.to_datetime(["1970-01-02", None, "9999-12-31T23:59:59"], utc=True, format="ISO8601"))
    counted = canvas.days(instants)
    assert counted[0] == 1.0
    assert np.isnan(counted[1])
    assert counted[2] == pytest.approx(2_932_896.99998843)


@pytest.mark.parametrize("name", sorted(name for name in dir(chart) if name.startswith("plot_")))
def test_another_frame_or_tables_are_refused_with_what_the_chart_draws(name):
    plot = getattr(chart, name)
    needed: dict[str, dict[str, object]] = {
        "plot_rollout": {"rotation": pd.DataFrame()},
        "plot_expiry_weeks": {"now": "2026-01-01T00:00Z"},
    }
    others = needed.get(name, {})
    with pytest.raises(UsageError, match=r"This chart draws .*, not Tables"):
        plot(Tables.from_frames(), **others)
    with pytest.raises(UsageError, match=r"This chart draws .* has no column"):
        plot(pd.DataFrame({"colour": []}), **others)


def test_axes_are_those_of_matplotlib() -> None:
    with pytest.raises(UsageError, match="ax takes matplotlib's Axes, not str"):
        canvas.open_axes("left", inches=1)


def test_a_refused_frame_names_the_function_that_makes_it() -> None:
    with pytest.raises(UsageError, match=r"call toolkit\.verify_chains for it"):
        canvas.check_frame(None, what="what `verify_chains` returns")
