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
def test_a_number_is_shown_with_six_digits(answer: float) -> None:
    assert str(check_answer(answer, expected=0.8562, hint="")) == "Right: 0.856209."
    assert str(check_answer(12345.678, expected=1.0, hint="Add.")) == "Not yet: 12345.7. Hint: Add."
