"""The optional dependencies: what is missing is an error that names the extra to install."""

from collections.abc import Iterator
from contextlib import contextmanager

from toolkit.errors import UsageError


@contextmanager
def require_extras(what: str, *extras: str) -> Iterator[None]:
    """Raise `UsageError` where the block imports a module that is not installed.

    `what` needs the module, and begins the message. `extras` are those of `pyproject.toml` that bring it.

    >>> with require_extras("A table for Dask", "cluster"):
    ...     import a_module_that_is_missing
    Traceback (most recent call last):
    toolkit.errors.UsageError: A table for Dask needs the module a_module_that_is_missing, which is not installed: \
pip install 'tls-toolkit[cluster]'.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = f"{what} needs the module {error.name}, which is not installed"
        raise UsageError(f"{missing}: pip install 'tls-toolkit[{','.join(extras)}]'.") from error
