"""Packages whose public names are imported when they are first used (PEP 562), and names that they had before."""

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def importer(package: str, homes: Mapping[str, Iterable[str]], modules: Iterable[str] = ()) -> Callable[[str], Any]:
    """The `__getattr__` of a package: a public name is imported from the module that defines it, when it is first used.

    `homes`: module → its public names. `modules`: public packages and modules inside the package.

    >>> importer("toolkit.lab", {"toolkit.lab.clock": ("Clock",)})("Clock").__name__
    'Clock'
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    public = sorted({*home_of, *modules})

    def import_name(name: str) -> Any:
        if name in home_of:
            value = getattr(import_module(home_of[name]), name)
        elif name in public:
            value = import_module(f"{package}.{name}")
        else:
            from toolkit.text import did_you_mean  # noqa: PLC0415  only a misspelt name needs it

            suggestion = "" if name.startswith("_") else did_you_mean(name, public)  # pytest and pickle ask for many
            reason = f"module {package!r} has no attribute {name!r}.{suggestion}"
            raise AttributeError(reason, name=name, obj=None)  # without `obj`, Python adds no second suggestion
        setattr(sys.modules[package], name, value)
        return value

    return import_name


def renamed(
    module: str, names: Mapping[str, str], otherwise: Callable[[str], Any] | None = None
) -> Callable[[str], Any]:
    """The `__getattr__` of a module that had other names: they still work, with a `DeprecationWarning`.

    `names`: former name → where it is now, such as `"toolkit.columns.Column"`. `otherwise` is asked for other names.

    >>> find = renamed("toolkit.lab", {"Machine": "toolkit.lab.schedule.Backend"})
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     find("Machine").__name__
    'Backend'
    """

    def find_name(name: str) -> Any:
        if name in names:
            home, _, new = names[name].rpartition(".")
            warnings.warn(f"{module}.{name} is now {names[name]}.", DeprecationWarning, stacklevel=2)
            return getattr(import_module(home), new)
        if otherwise is not None:
            return otherwise(name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)

    return find_name
