"""Returned frames: no wider than a person can read; `describe_*` functions have the rest."""

import pytest

import toolkit
from toolkit.columns import MOVED
from toolkit.errors import UsageError

MOST = 25
"""Columns of a frame."""

FRAMES = {name: function.columns for name in toolkit.__all__ if hasattr(function := getattr(toolkit, name), "columns")}


@pytest.mark.parametrize("name", sorted(set(FRAMES) - {"summarise_support"}))
def test_a_frame_can_be_read(name: str) -> None:
    assert len(FRAMES[name]) <= MOST or name.startswith("describe_")


@pytest.mark.parametrize("by", ["cipher", "protocol", "group", "signature_scheme"])
def test_a_summary_of_support_has_the_columns_of_its_question_only(by: str) -> None:
    support = toolkit.summarise_support(toolkit.Tables.from_frames(), now="2026-01-24T00:00Z", by=by)
    assert len(support.columns) <= MOST
    assert set(support.columns) < {column.name for column in FRAMES["summarise_support"]}


@pytest.mark.parametrize("name", MOVED)
def test_a_column_that_moved_is_found_by_the_message(name: str) -> None:
    assert name in {column.name for column in FRAMES[MOVED[name]]}
    with pytest.raises(UsageError, match=f"among the columns of {MOVED[name]}"):
        toolkit.chart.tabulate(toolkit.Tables.from_frames().rounds, columns=[name])
