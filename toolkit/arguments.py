"""Arguments that a function cannot use: one error for each kind of mistake, which names the parameter and the fix."""

from collections.abc import Collection, Iterable
from numbers import Integral

import numpy as np

from toolkit.errors import UsageError
from toolkit.text import not_known, type_name


def require_choice(name: str, given: object, known: Collection[str]) -> None:
    """Raises `UsageError` unless `given` is one of the known names.

    >>> require_choice("basis", "lokks", ("looks", "names"))
    Traceback (most recent call last):
    toolkit.errors.UsageError: basis='lokks' is not known. Did you mean 'looks'? Known: looks, names.
    """
    if not isinstance(given, str) or given not in known:
        raise UsageError(not_known(f"{name}=", given, known))


def require_parameters(call: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises `UsageError` unless each name given by keyword is a parameter of the function `call`.

    >>> require_parameters("watch", ["sample"], ["samples", "offers"])
    Traceback (most recent call last):
    toolkit.errors.UsageError: watch: parameter 'sample' is not known. Did you mean 'samples'? Known: offers, samples.
    """
    known = sorted(known)
    for name in given:
        if name not in known:
            raise UsageError(not_known(f"{call}: parameter ", name, known))


def require_boolean(name: str, given: object) -> None:
    """Raises `UsageError` unless `given` is True or False (Python's, or NumPy's).

    >>> require_boolean("sticky", "no")
    Traceback (most recent call last):
    toolkit.errors.UsageError: sticky='no': must be True or False.
    """
    if not isinstance(given, bool | np.bool_):
        raise UsageError(f"{name}={given!r:.60}: must be True or False.")


def require_type(call: str, given: object, kind: type, *, such_as: str = "") -> None:
    """Raises `UsageError` unless the argument of the function `call` is of the type. `such_as`: an example of one.

    >>> require_type("find_suite", None, str)
    Traceback (most recent call last):
    toolkit.errors.UsageError: find_suite takes str, not None.
    """
    if not isinstance(given, kind):
        example = f" such as {such_as}" if such_as else ""
        raise UsageError(f"{call} takes {kind.__name__}{example}, not {type_name(given)}.")


def require_whole(name: str, given: object, *, least: int = 1, most: int | None = None) -> None:
    """Raises `UsageError` unless `given` is a whole number from `least` to `most` (None: without a limit).

    >>> require_whole("years", 2.5, most=30)
    Traceback (most recent call last):
    toolkit.errors.UsageError: years=2.5: must be a whole number from 1 to 30.
    """
    is_whole = isinstance(given, Integral) and not isinstance(given, bool)
    if not is_whole or int(given) < least or (most is not None and int(given) > most):  # type: ignore[call-overload]
        span = f"of at least {least}" if most is None else f"from {least} to {most:,}"
        raise UsageError(f"{name}={given!r:.60}: must be a whole number {span}.")
