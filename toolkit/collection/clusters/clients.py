"""Clients of Dask clusters for the command line: of a scheduler that runs, or of a cluster on this machine."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Final

from toolkit import text
from toolkit.errors import ClusterError, UsageError
from toolkit.extras import require_extras
from toolkit.targets import split_port
from toolkit.workers import WORKER_SECONDS

if TYPE_CHECKING:
    from distributed import Client

RETRIES: Final = 2
"""A shard is made at most three times."""

_SILENT_SECONDS: Final = 60
"""After this time without an answer, or twice as long, the scheduler gives up a worker; another one makes its shard."""

_CONNECT_SECONDS: Final = 10
"""How long to wait for the answer of a scheduler."""

_SCHEMES: Final = ("tcp", "tls", "ws", "wss")
"""Protocols of Dask whose addresses have a host and a port."""

_EXAMPLE: Final = "Give a scheduler's address, such as tcp://10.0.0.1:8786."

_OF_LOCAL_CLUSTER: Final = {
    "distributed.scheduler.allowed-failures": RETRIES,
    "distributed.scheduler.worker-ttl": f"{_SILENT_SECONDS}s",
    "distributed.scheduler.no-workers-timeout": f"{WORKER_SECONDS}s",
    "distributed.deploy.lost-worker-timeout": "1h",
    "distributed.worker.preload": [__name__],
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    "distributed.nanny.pre-spawn-environ.ARROW_DEFAULT_MEMORY_POOL": "system",
    "distributed.worker.profile.enabled": False,
}
"""Settings of a cluster of this machine: a shard whose worker ended three times fails, and so does one that no worker
can make. A worker is given up an hour after it ended: by default that is 15 s, and a restart may take longer.
Each worker calls `dask_setup`, and is not profiled, which costs as much as all else that an idle worker does. Its
allocator keeps its own threshold: by that of Dask each freed array is given back to the system, and `find_rotations`
takes 1.4 times as long. Arrow uses this allocator, too: its own gives memory back as well, which takes 1.1 times as
long."""


_INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM)


def dask_setup(worker: object) -> None:
    """Leave interrupts to the process that started this worker: a terminal sends Ctrl-C to all of them."""
    for number in _INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Handle an interrupt at the end: Dask cannot close a cluster that is half started.

    The threads and processes that begin within the context never see one: a worker may get it before `dask_setup`.
    """
    seen: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _: seen.append(number)) for number in _INTERRUPTS}
    if sys.platform != "win32":
        resource_tracker.ensure_running()  # its start, by the first worker, would unblock the signals
        signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
    try:
        yield
    finally:
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTS)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if seen:
        signal.raise_signal(seen[0])


@contextmanager
def open_cluster(address: str | None, workers: int | None) -> "Iterator[Client | None]":
    """A client of the scheduler at that address, or of a new cluster of `workers` processes here; else None.

    Raises `UsageError` for what is not an address with a port, `ClusterError` where the scheduler cannot be reached.
    """
    if address is None and workers is None:
        yield None
        return
    if address is not None and workers is not None:
        raise UsageError("--cluster and --workers: give one of them.")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers}: must be at least 1.")
    with require_extras("A cluster", "cluster"):
        import dask  # noqa: PLC0415  an extra, and slow to import
        import distributed  # noqa: PLC0415
    if address is not None:
        _require_address(address)
        with _connect(address) as client:
            yield client
        return
    with dask.config.set(_OF_LOCAL_CLUSTER):
        stack = ExitStack()
        try:
            with _interrupts_held():
                cluster = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=workers,
                        threads_per_worker=1,
                        host="127.0.0.1",
                        dashboard_address="127.0.0.1:0",
                        silence_logs="CRITICAL",
                    )
                )
                client = stack.enter_context(distributed.Client(cluster))
            yield client
        finally:
            # All is over: another Ctrl-C would only replace what the first one said.
            with suppress(KeyboardInterrupt), _interrupts_held():
                stack.close()


def _require_address(address: str) -> None:
    from distributed import Security  # noqa: PLC0415  an extra

    shown = f"{address:.60}"
    scheme, separator, place = address.rpartition("://")
    try:
        if separator and scheme not in _SCHEMES:
            raise UsageError(f"{shown!r}: an address is tcp://host:port or tls://host:port.")
        if not all(split_port(place, shown)):
            raise UsageError(f"{shown!r}: the host or the port is missing.")
    except UsageError as error:
        raise UsageError(f"--cluster {error} {_EXAMPLE}") from error
    if scheme in {"tls", "wss"} and Security().get_connection_args("client")["ssl_context"] is None:
        raise UsageError(
            f"--cluster {shown!r}: TLS needs the settings of Dask under distributed.comm.tls: "
            "https://distributed.dask.org/en/stable/tls.html"
        )


def _connect(address: str) -> "Client":
    from distributed import Client  # noqa: PLC0415  an extra
    from distributed.comm.core import CommClosedError  # noqa: PLC0415  an extra
    from tornado.iostream import StreamClosedError  # noqa: PLC0415  comes with the extra

    try:
        asyncio.run(_greet(address))
        return Client(address, timeout=_CONNECT_SECONDS)
    except TypeError as error:  # the other side's: it does not know what a scheduler is asked
        raise UsageError(
            f"--cluster {address!r:.60}: a worker of Dask answers there, or a scheduler of another version. {_EXAMPLE}"
        ) from error
    except (OSError, ValueError, MemoryError) as error:
        cause = _first_cause(error)
        why = getattr(cause, "strerror", None) or text.plain(str(cause))
        if isinstance(error, MemoryError):  # the first bytes of another protocol, read as the length of a message
            why = "another program answers"
        elif isinstance(cause, (CommClosedError, StreamClosedError)):
            why = "another program answers, or it closed the connection"
        elif not why:
            why = f"there was no answer in {_CONNECT_SECONDS} s"
        raise ClusterError(
            f"No scheduler answers at {address}: {why}. Start one with `dask scheduler`, and give its address, such as "
            "tcp://10.0.0.1:8786."
        ) from error


def _first_cause(error: BaseException) -> BaseException:
    """What was raised first: Dask says only that the time is up, and tries again until then."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


async def _greet(address: str) -> None:
    """Exchange greetings with a scheduler in a limited time: a `Client` waits for them for as long as it takes."""
    from distributed import Security  # noqa: PLC0415  an extra
    from distributed.comm.addressing import parse_address  # noqa: PLC0415  an extra
    from distributed.comm.core import connect  # noqa: PLC0415  an extra
    from distributed.comm.registry import get_backend  # noqa: PLC0415  an extra

    encryption = Security().get_connection_args("client")
    try:
        async with asyncio.timeout(_CONNECT_SECONDS + 1):  # Dask's own limit names the cause
            await (await connect(address, timeout=_CONNECT_SECONDS, **encryption)).close()
    except OSError:
        # Dask tries again until its time is up, which may cut off the last try: one more names the cause.
        scheme, place = parse_address(address)
        async with asyncio.timeout(1):
            connection = await get_backend(scheme).get_connector().connect(place, **encryption)
        connection.abort()
        raise
