"""A client of a Dask cluster and its workers: there must be some, and each must have this version of the toolkit."""

import sys
from typing import TYPE_CHECKING, Final

import toolkit
from toolkit import text
from toolkit.errors import ClusterError, UsageError

if TYPE_CHECKING:
    from distributed import Client

WORKER_SECONDS: Final = 120
"""How long to wait for the workers of a cluster that has none."""


def require_client(given: object) -> None:
    """Raises `UsageError` unless the argument `client` is None or a `distributed.Client`.

    >>> require_client("tcp://10.0.0.1:8786")
    Traceback (most recent call last):
    toolkit.errors.UsageError: client='tcp://10.0.0.1:8786': give a distributed.Client, such as \
distributed.Client('tcp://10.0.0.1:8786').
    """
    # Where the module was not imported, nothing is a client.
    module = sys.modules.get("distributed")
    if given is not None and (module is None or not isinstance(given, module.Client)):
        raise UsageError(
            f"client={given!r:.60}: give a distributed.Client, such as distributed.Client('tcp://10.0.0.1:8786')."
        )


def require_workers(client: "Client") -> None:
    """Wait until there are workers.

    Raises `ClusterError` where none comes, and where one does not have this version of the toolkit.
    """
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError as error:
        raise ClusterError(
            f"The cluster has had no worker for {WORKER_SECONDS} s: start some with `dask worker SCHEDULER`."
        ) from error
    here = _find_version()
    for worker, found in client.run(_find_version, on_error="return").items():
        # Sent a task that it cannot import, a worker ends and gives no reason. `OSError`: it has ended by now.
        if found != here and not isinstance(found, OSError):
            what = f"has version {found}" if isinstance(found, str) else f"cannot import the toolkit ({found})"
            raise ClusterError(
                text.plain(f"The worker at {worker} {what}. Install version {here} with the extra `cluster` there.")
            )


def _find_version() -> str:
    """The version of the toolkit; runs on each worker."""
    return toolkit.__version__
