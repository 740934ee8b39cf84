"""The optional dependencies: what is missing is an error that names the extra to install."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from toolkit.errors import UsageError

_DISTRIBUTIONS: Final = {"OpenSSL": "pyOpenSSL"}
"""Module → the distribution that has it, where the two have different names."""


@contextmanager
def require_extras(what: str, *extras: str) -> Iterator[None]:
    """Raise `UsageError` where the block imports a module that is not installed.

    `what` needs the module, and begins the message. `extras` are those of `pyproject.toml` that bring it.

    >>> with require_extras("A table for Dask", "cluster"):
    ...     import a_module_that_is_missing
    Traceback (most recent call last):
    toolkit.errors.UsageError: A table for Dask needs a_module_that_is_missing, which is not installed: \
pip install 'tls-toolkit[cluster]'.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = _DISTRIBUTIONS.get(str(error.name), error.name)
        raise UsageError(
            f"{what} needs {missing}, which is not installed: pip install 'tls-toolkit[{','.join(extras)}]'."
        ) from error
