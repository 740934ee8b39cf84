"""Arguments that a function cannot use: one error for each kind of mistake, which names the parameter and the fix."""

from collections.abc import Collection
from numbers import Integral

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


def require_type(call: str, given: object, kind: type) -> None:
    """Raises `UsageError` unless the argument of the function `call` is of the type.

    >>> require_type("find_suite", None, str)
    Traceback (most recent call last):
    toolkit.errors.UsageError: find_suite takes str, not None.
    """
    if not isinstance(given, kind):
        raise UsageError(f"{call} takes {kind.__name__}, not {type_name(given)}.")


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
