"""Every public callable shows in its docstring what a call looks like; pytest runs these examples as doctests."""

import builtins
import inspect
import re
from collections.abc import Iterator
from doctest import DocTestParser
from symtable import symtable
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


def undefined_names(docstring: str) -> set[str]:
    """The names that the examples use before they import or assign them: they fail when pasted into a new session."""
    defined, undefined = set(dir(builtins)), set()
    for example in DocTestParser().get_examples(docstring):
        used = symtable(example.source, "example", "exec")
        scopes = [used]
        for scope in scopes:
            scopes += scope.get_children()
        defined |= {name.get_name() for name in used.get_symbols() if name.is_assigned() or name.is_imported()}
        undefined |= {name.get_name() for scope in scopes for name in scope.get_symbols() if name.is_global()} - defined
        undefined |= {name.get_name() for name in used.get_symbols() if name.is_referenced()} - defined
    return undefined


def test_names_that_an_example_does_not_define_are_found() -> None:
    example = ">>> from a import b\n>>> b(c)\n>>> def d(e):\n...     return e + f\n>>> [g for g in d]"
    assert undefined_names(example) == {"c", "f"}


@pytest.mark.parametrize("name", PUBLIC)
def test_has_an_example_that_can_be_pasted(name: str) -> None:
    assert has_example(name), f"Add an example to the docstring of {name}."
    undefined = undefined_names(inspect.getdoc(PUBLIC[name]) or "")
    assert not undefined, f"Import {', '.join(sorted(undefined))} in the example of {name}."
