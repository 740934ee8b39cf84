"""Answers to exercises: whatever a learner gives is answered, with the hint where it is wrong."""

import numpy as np
import pandas as pd
import pytest

from toolkit.chart import check_answer

WRONG = [pd.Series([112, 112]), pd.DataFrame({"a": [112]}), np.array([112, 112]), pd.NA, [112], {112}, "112", 1.5]


@pytest.mark.parametrize("answer", WRONG, ids=lambda answer: type(answer).__name__)
@pytest.mark.parametrize("expected", [112, "AES", True, 0.5])
def test_a_wrong_answer_of_any_type_gets_the_hint(answer: object, expected: object) -> None:
    assert str(check_answer(answer, expected=expected, hint="Look again.")).endswith("Hint: Look again.")


@pytest.mark.parametrize("answer", [131 / 153, np.float64(131 / 153)])
def test_a_number_may_be_rounded_and_is_shown_with_six_digits(answer: float) -> None:
    assert str(check_answer(answer, expected=0.8562, hint="")) == "Right: 0.856209."
    assert str(check_answer(0.22, expected=13 / 60, hint="")) == "Right: 0.22."
    assert str(check_answer(0.33, expected=1 / 3, hint="")) == "Right: 0.33."
    assert str(check_answer(0.3, expected=1 / 3, hint="Wait.")) == "Not yet: 0.3. Hint: Wait."
    assert str(check_answer(12345.678, expected=1.0, hint="Add.")) == "Not yet: 12345.7. Hint: Add."


def test_an_answer_of_another_kind_is_called_so_and_a_year_has_no_comma() -> None:
    asked = {"expected": 2017, "hint": "Count."}
    assert str(check_answer(2017, **asked)) == "Right: 2017."
    assert str(check_answer("2017", **asked)) == "Not yet: '2017' is a text, and the answer is a number. Hint: Count."
    assert "True is a truth value, and the answer is a number" in str(check_answer(True, **asked))
    assert str(check_answer(2016.0, **asked)) == "Not yet: 2016.0. Hint: Count."
