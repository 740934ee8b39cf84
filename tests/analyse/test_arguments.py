"""Functions of tables refuse a path and a frame with an error that says what to give."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import toolkit
from toolkit import Tables
from toolkit.errors import UsageError

REQUIRED: dict[str, Any] = {
    "now": "2026-01-01T00:00Z", "since": "2026-01-01T00:00Z", "until": "2026-01-02T00:00Z", "roots": "certifi",
    "policy": "ietf", "options": {},
}  # fmt: skip
"""A value for each parameter without a default."""


def functions_of_tables() -> Iterator[str]:
    for name in sorted(toolkit.__all__):
        value = getattr(toolkit, name)
        parameters = [*inspect.signature(value).parameters.values()] if inspect.isfunction(value) else []
        if parameters and parameters[0].name == "tables" and parameters[0].annotation is Tables:
            yield name


FUNCTIONS = tuple(functions_of_tables())


def test_the_functions_are_found() -> None:
    assert {"summarise_expiry", "describe_usual_leads", "verify_chains", "compare_verifiers"} <= {
        *functions_of_tables()
    }


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("mx.csv", r"toolkit\.read\('mx\.csv'\)"),
        (Path("store"), r"toolkit\.read\('store'\)"),
        (toolkit.find_sightings(Tables.from_frames()), r"Tables\.from_frames"),
        (None, r"toolkit\.read"),
    ],
    ids=["text", "path", "frame", "null"],
)
def test_something_else_than_tables_is_an_error_that_says_what_to_give(name: str, given: Any, advice: str) -> None:
    function = getattr(toolkit, name)
    named = list(inspect.signature(function).parameters.values())[1:]
    values = {each.name: REQUIRED[each.name] for each in named if each.default is inspect.Parameter.empty}
    with pytest.raises(UsageError, match=rf"{name} takes Tables, not .*{advice}"):
        function(given, **values)
