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
