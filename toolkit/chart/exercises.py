"""Exercises of the lessons: an answer is compared with the expected one, and a wrong one gets a hint."""

import math
from typing import Final

import numpy as np

from toolkit.chart.captions import Shown, say

_CLOSE: Final = 0.01
"""Relative difference up to which a number with decimals counts as right, since answers are rounded."""

_DIGITS: Final = 6
"""Significant digits of a number that is shown."""


def check_answer(answer: object, *, expected: object, hint: str) -> Shown:
    """Whether `answer` is the expected one, in a sentence; for a wrong answer with the hint, for `None` without it.

    A number with decimals may differ by 1 % or be rounded to two digits, and is shown with six. Whole numbers, truth
    values and words must be equal, words up to case and surrounding space. The types must agree: 1 is not an answer
    where true is expected, and neither is a column or a frame where a number is.

    >>> from toolkit.chart import check_answer
    >>> check_answer(112, expected=112, hint="Look at strength_bits.")
    Right: 112.
    >>> check_answer(168, expected=112, hint="Look at strength_bits.")
    Not yet: 168. Hint: Look at strength_bits.
    >>> check_answer("112", expected=112, hint="Look at strength_bits.")
    Not yet: '112' is a text, and the answer is a number. Hint: Look at strength_bits.
    >>> check_answer(None, expected=112, hint="Look at strength_bits.")
    Not answered yet.
    """
    answer, expected = (value.item() if isinstance(value, np.generic) else value for value in (answer, expected))
    if answer is None:
        return say("Not answered yet.")
    shown = float(f"{answer:.{_DIGITS}g}") if isinstance(answer, float) else answer
    shown = str(answer) if isinstance(answer, int) else shown  # 2017 is a year, 2,017 is not
    if _is_right(answer, expected):
        return say("Right: {answer}.", answer=shown)
    given, wanted = _kind(answer), _kind(expected)
    if given and wanted and given != wanted:
        shown = f"{answer!r} is {given}, and the answer is {wanted}"
    return say("Not yet: {answer}. Hint: {hint}", answer=shown, hint=hint)


def _kind(value: object) -> str | None:
    """What a learner calls values of this type; None for other types."""
    kinds = {bool: "a truth value", int: "a number", float: "a number", str: "a text"}
    return kinds.get(type(value))


def _is_right(answer: object, expected: object) -> bool:
    if isinstance(expected, bool) or isinstance(answer, bool):
        return answer is expected
    if isinstance(expected, float) and isinstance(answer, int | float):
        return math.isclose(answer, expected, rel_tol=_CLOSE) or math.isclose(answer, float(f"{expected:.2g}"))
    if isinstance(expected, str) and isinstance(answer, str):
        return answer.strip().casefold() == expected.strip().casefold()
    is_number = isinstance(expected, int | float) and isinstance(answer, int | float)
    return (is_number or type(answer) is type(expected)) and bool(answer == expected)
