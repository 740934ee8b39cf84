"""The servers of a lab, in a separate process: `python -m toolkit.lab.serving`, started by `Lab`.

Commands arrive pickled on standard input, answers are written to standard output. The process ends with its input, or
when its parent process is gone.
"""

import contextlib
import hashlib
import os
import pickle
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from toolkit.epoch import microseconds
from toolkit.errors import LabError
from toolkit.lab.authority import issue_all
from toolkit.lab.balancer import CLOSED, DEFERRED, RESET, SERVED, Numbers, balance
from toolkit.lab.dialogues import converse, greet
from toolkit.lab.engines import Implementation, failures, set_up
from toolkit.lab.schedule import Backend, Schedule, Service
from toolkit.schemes import UPGRADES

_CLIENT_TIMEOUT_S: Final = 10
"""Seconds after which a silent client is disconnected."""

_MOST_CONNECTIONS: Final = 200
"""Connections served at the same time; more wait in the backlog."""

_BLOCK: Final = 256
"""Connections for which backend and ending are drawn in one call."""

_Served = tuple[tuple[str | None, tuple[int, ...]], ...]
"""What a backend serves: the default first, then each known host, with the numbers of the issues."""


@dataclass(slots=True)
class LogRow:
    """One connection: a row of the log."""

    served_at: datetime
    service: int
    address: str
    connection: int
    backend: int | None = None
    ending: str = "gone"
    server_name: str | None = None
    protocol: str | None = None
    leaf_sha256: str | None = None

    def note(self, what: str, value: Any) -> None:
        """Record what an implementation reports (see `engines.Note`)."""
        if what == "der":
            self.leaf_sha256 = hashlib.sha256(value).hexdigest()
        else:
            setattr(self, what, value)


@dataclass(slots=True)
class _Station:
    """One address of one service, and the number of connections so far."""

    service: int
    address: str
    listener: socket.socket
    connections: int = 0


class _Internet:
    """All services of the lab."""

    def __init__(self, schedule: Schedule, seed: int, first_port: int | None) -> None:
        self._schedule, self._seed = schedule, seed
        self._issued = issue_all(schedule, seed)
        self._key_types = {certificate.sha256: certificate.row["key_type"] for certificate in self._issued}
        self.broken: list[str] = []
        self._now = schedule.begins_at
        self._log: list[LogRow] = []
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._threads = ThreadPoolExecutor(_MOST_CONNECTIONS)
        self._busy = 0
        self._changed = threading.Condition()
        self._failures = failures({m.implementation for s in schedule.services for m in s.backends})
        self._block = lru_cache(maxsize=1024)(self._draw_block)
        self._implementation = lru_cache(maxsize=None)(self._set_up)
        places = [(n, address) for n, service in enumerate(schedule.services) for address in service.addresses]
        self._stations = [
            _Station(number, address, _listen(address, 0 if first_port is None else first_port + place))
            for place, (number, address) in enumerate(places)
        ]

    def open(self) -> list[tuple[int, str, int]]:
        """Start accepting connections; (service, address, port) of each station."""
        for station in self._stations:
            threading.Thread(target=self._accept, args=(station,), daemon=True).start()
        return [(s.service, s.address, s.listener.getsockname()[1]) for s in self._stations]

    def turn(self, to: datetime) -> None:
        """Set the time for new connections."""
        self._now = to

    def log(self) -> list[dict[str, object]]:
        """The log, once the open connections have ended or the timeout for silent clients has passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._busy == 0, timeout=_CLIENT_TIMEOUT_S)
        return [self._as_dict(row) for row in list(self._log)]

    def _as_dict(self, row: LogRow) -> dict[str, object]:
        return asdict(row) | {
            "service": self._schedule.services[row.service].service,
            "key_type": None if row.leaf_sha256 is None else self._key_types.get(row.leaf_sha256),
        }

    def _accept(self, station: _Station) -> None:
        while True:
            connection, source = station.listener.accept()
            row = LogRow(self._now, station.service, station.address, station.connections)
            station.connections += 1
            self._log.append(row)
            self._room.acquire()
            with self._changed:
                self._busy += 1
            self._threads.submit(self._receive, connection, source[0], row)

    def _receive(self, connection: socket.socket, source: str, row: LogRow) -> None:
        try:
            with contextlib.suppress(*self._failures), connection:
                # Errors caused by the client are suppressed: the log holds what it was sent until then. The timeout is
                # the kernel's: one set by Python would make the socket non-blocking, which pyOpenSSL does not support.
                for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                    connection.setsockopt(socket.SOL_SOCKET, option, _timeout(_CLIENT_TIMEOUT_S))
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._serve(connection, source, row)
        finally:
            if error := sys.exception():
                traceback.print_exception(error)
                self.broken.append(f"a connection failed with {type(error).__name__}: {error}.")
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()
            self._room.release()

    def _serve(self, connection: socket.socket, source: str, row: LogRow) -> None:
        service = self._schedule.services[row.service]
        backend, ending = self._outcome(row, int.from_bytes(socket.inet_aton(source), "big"))
        if ending != SERVED:
            _turn_away(connection, service, ending, row)
            return
        row.backend = backend
        is_upgrade = service.scheme in UPGRADES
        if is_upgrade and not converse(service.scheme, service.host, connection, is_secure=False):
            return
        implementation = self._implementation_of(service.backends[row.backend], row.served_at)
        # An implementation that fails may close the connection; the duplicate keeps it open for an orderly end.
        with connection.dup() as kept:
            try:
                with contextlib.closing(implementation.secure(connection, row.note)) as stream:
                    converse(service.scheme, service.host, stream, is_secure=True, is_upgraded=is_upgrade)
            finally:
                row.ending = "refused" if row.leaf_sha256 is None else "served"
                _close(kept)

    def _outcome(self, row: LogRow, source: int) -> tuple[int, int]:
        """The backend that answers a connection, and how the connection ends."""
        if self._schedule.services[row.service].affinity is None:
            block, place = divmod(row.connection, _BLOCK)
            backend, ending = self._block(row.service, row.address, block)
            return int(backend[place]), int(ending[place])
        number, at = np.array([row.connection]), np.array([microseconds(row.served_at)])
        backend, ending = balance(
            self._schedule, self._seed, row.service, row.address, connection=number, at=at, source=source
        )
        return int(backend[0]), int(ending[0])

    def _draw_block(self, service: int, address: str, block: int) -> tuple[Numbers, NDArray[np.int8]]:
        """Without affinity the number of the connection decides; drawing many costs as much as drawing one."""
        numbers = np.arange(block * _BLOCK, (block + 1) * _BLOCK)
        return balance(self._schedule, self._seed, service, address, connection=numbers, at=numbers)

    def _implementation_of(self, backend: Backend, at: datetime) -> Implementation:
        served = tuple((host, tuple(sorted(backend.serving(at, host).values()))) for host in (None, *backend.hosts))
        with self._lock:
            return self._implementation(backend.implementation, backend.settings, served)

    def _set_up(self, implementation: str, settings: str, served: _Served) -> Implementation:
        default, *hosts = ((host, tuple(self._issued[number] for number in issues)) for host, issues in served)
        return set_up(implementation, settings, default[1], {str(host): issued for host, issued in hosts})


def _listen(address: str, port: int) -> socket.socket:
    """Listen on the port, or on a free one where it is 0 or in use."""
    try:
        with contextlib.suppress(OSError):
            return socket.create_server((address, port), backlog=512)
        return socket.create_server((address, 0), backlog=512)
    except OSError as error:
        raise LabError(
            f"Cannot listen on {address} ({error}). A lab needs loopback addresses from 127.0.0.1 on; on a "
            "system with only the first, choose a scenario with one address."
        ) from error


def _turn_away(connection: socket.socket, service: Service, ending: int, row: LogRow) -> None:
    """End a connection without a handshake."""
    row.ending = "deferred" if ending == DEFERRED else "dropped"
    if ending == DEFERRED:
        connection.sendall(f"421 4.3.2 {service.host} lab: try again later\r\n".encode())
        return
    if service.scheme in UPGRADES:
        if ending == CLOSED:
            return
        # Reset after the client's first command, so that the client has seen the connection.
        greet(service.scheme, service.host, connection)
    connection.recv(1 << 16)
    if ending == RESET:
        # Closing with a linger time of 0 sends a reset: socket(7).
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _timeout(seconds: int) -> bytes:
    """The value of SO_RCVTIMEO and SO_SNDTIMEO: milliseconds on Windows, a `struct timeval` elsewhere."""
    return struct.pack("L", 1000 * seconds) if sys.platform == "win32" else struct.pack("ll", seconds, 0)


def _close(connection: socket.socket) -> None:
    """Shut down writing, then read what the client still sends (a lingering close, as in nginx).

    Closing with unread data sends a reset, which may discard an alert that was sent before it (RFC 1122, section
    4.2.2.13).
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeout(1))
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        for _ in range(16):
            if not connection.recv(1 << 16):
                return


def _exit_with(parent: int) -> None:
    """End this process when its parent is gone, even if another process holds the pipe open."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def serve(commands: BinaryIO, answers: BinaryIO) -> None:
    """Read a schedule and serve it; then answer `("turn", instant)` and `("log", None)` until the input ends.

    Each answer is (True, value) or (False, message). If a thread failed, the next command is answered with its error:
    a lab whose servers are wrong must not continue.
    """

    def answer(value: object, broken: Sequence[str] = ()) -> None:
        pickle.dump((False, broken[0]) if broken else (True, value), answers)
        answers.flush()

    schedule, (seed, first_port) = pickle.load(commands)
    try:
        internet = _Internet(schedule, seed, first_port)
    except LabError as error:
        answer(None, [str(error)])
        return
    answer(internet.open())
    while True:
        try:
            command, value = pickle.load(commands)
        except EOFError:
            return
        if command == "turn":
            internet.turn(value)
            answer(None, internet.broken)
        else:
            answer(internet.log(), internet.broken)


def main() -> None:
    """Run the servers; see the module."""
    # Ctrl-C in a terminal reaches all its processes; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with, args=(os.getppid(),), daemon=True).start()
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # output of a library must not be mixed with the answers
        serve(sys.stdin.buffer, answers)
    # Do not wait for threads that are in a handshake.
    os._exit(0)


if __name__ == "__main__":
    main()
