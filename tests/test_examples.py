"""Every public callable shows in its docstring what a call looks like; pytest runs these examples as doctests."""

import inspect
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

import toolkit
from notebooks.book.api import public_names

CALLED = sorted({*toolkit.MODULES} - {"errors"})
"""The public packages and modules, without the one of errors, which are raised and not called."""


def public_callables() -> Iterator[tuple[str, object]]:
    """Functions and classes by their public name, each once, and the methods that a class defines itself."""
    homes = {"toolkit": toolkit, **{f"toolkit.{name}": getattr(toolkit, name) for name in CALLED}}
    seen = set()
    for home, module in homes.items():
        for name in public_names(module):
            value = getattr(module, name)
            if isinstance(value, ModuleType) or not _is_documented(value) or id(value) in seen:
                continue
            seen.add(id(value))
            yield f"{home}.{name}", value
            if inspect.isclass(value):
                for method, function in vars(value).items():
                    if not method.startswith("_") and _is_method(function):
                        yield f"{home}.{name}.{method}", getattr(value, method)


def _is_documented(value: object) -> bool:
    """Functions, also cached ones, and classes; a constant or an alias of a type has no docstring of its own."""
    return inspect.isclass(value) or inspect.isroutine(inspect.unwrap(value))


def _is_method(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, classmethod | staticmethod)


PUBLIC = dict(public_callables())


def test_the_public_callables_are_found() -> None:
    assert {"toolkit.observe", "toolkit.Store.append", "toolkit.Tables.from_frames", "toolkit.chart.say"} <= set(PUBLIC)
    assert {"toolkit.lab.Lab", "toolkit.reference.suites", "toolkit.checking.describe"} <= set(PUBLIC)


def has_example(name: str) -> bool:
    """Whether the docstring has an example; a method may also be used in the example of its class."""
    home, _, method = name.rpartition(".")
    of_class = inspect.getdoc(PUBLIC[home]) if home in PUBLIC else None
    used = re.search(rf"^(?:>>>|\.\.\.) .*\.{method}\(", of_class or "", re.MULTILINE)
    return "\n>>> " in (inspect.getdoc(PUBLIC[name]) or "") or used is not None


@pytest.mark.parametrize("name", PUBLIC)
def test_has_an_example(name: str) -> None:
    assert has_example(name), f"Add an example to the docstring of {name}."
