"""The servers of a lab, in a process of their own: `python -m toolkit.lab.serving`, started by `Lab`.

Commands come pickled on standard input, answers leave on standard output. The process ends when its input does,
or when its parent is gone.
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

from toolkit.errors import LabError
from toolkit.lab.authority import issue_all
from toolkit.lab.balancer import CLOSED, DEFERRED, RESET, SERVED, Numbers, balance, in_micros
from toolkit.lab.dialogues import converse, greet
from toolkit.lab.engines import Implementation, failures, set_up
from toolkit.lab.schedule import Backend, Schedule, Service
from toolkit.targets import UPGRADES

_PATIENCE_S: Final = 10
"""How long a client may be silent."""

_MOST_CONNECTIONS: Final = 200
"""Connections served at a time; more wait in the backlog."""

_BLOCK: Final = 256
"""Connections whose fates are drawn at once."""

_Served = tuple[tuple[str | None, tuple[int, ...]], ...]
"""What a backend serves: the default first, then each host that it knows, with the numbers of the issues."""


@dataclass(slots=True)
class Visit:
    """One connection, as it is logged."""

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
        """Take down what an engine says (see `engines.Note`)."""
        if what == "der":
            self.leaf_sha256 = hashlib.sha256(value).hexdigest()
        else:
            setattr(self, what, value)


@dataclass(slots=True)
class _Station:
    """One address of one service, and how many connections it has had."""

    service: int
    address: str
    listener: socket.socket
    connections: int = 0


class _Internet:
    """Everything that is served."""

    def __init__(self, schedule: Schedule, seed: int) -> None:
        self._schedule, self._seed = schedule, seed
        self._issued = issue_all(schedule, seed)
        self._key_types = {certificate.sha256: certificate.row["key_type"] for certificate in self._issued}
        self.broken: list[str] = []
        self._now = schedule.begins_at
        self._visits: list[Visit] = []
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._threads = ThreadPoolExecutor(_MOST_CONNECTIONS)
        self._busy = 0
        self._changed = threading.Condition()
        self._failures = failures({m.implementation for s in schedule.services for m in s.backends})
        self._block = lru_cache(maxsize=1024)(self._draw_block)
        self._engine = lru_cache(maxsize=None)(self._make_engine)
        self._stations = [
            _Station(number, address, _listen(address))
            for number, service in enumerate(schedule.services)
            for address in service.addresses
        ]

    def open(self) -> list[tuple[int, str, int]]:
        """Begin to accept; (service, address, port) of each station."""
        for station in self._stations:
            threading.Thread(target=self._accept, args=(station,), daemon=True).start()
        return [(s.service, s.address, s.listener.getsockname()[1]) for s in self._stations]

    def turn(self, to: datetime) -> None:
        """Set the time for the connections that come from now on."""
        self._now = to

    def log(self) -> list[dict[str, object]]:
        """The visits, when the connections in progress have ended: at most as long as a client may be silent."""
        with self._changed:
            self._changed.wait_for(lambda: self._busy == 0, timeout=_PATIENCE_S)
        return [self._row(visit) for visit in list(self._visits)]

    def _row(self, visit: Visit) -> dict[str, object]:
        return asdict(visit) | {
            "service": self._schedule.services[visit.service].service,
            "key_type": None if visit.leaf_sha256 is None else self._key_types.get(visit.leaf_sha256),
        }

    def _accept(self, station: _Station) -> None:
        while True:
            connection, source = station.listener.accept()
            visit = Visit(self._now, station.service, station.address, station.connections)
            station.connections += 1
            self._visits.append(visit)
            self._room.acquire()
            with self._changed:
                self._busy += 1
            self._threads.submit(self._receive, connection, source[0], visit)

    def _receive(self, connection: socket.socket, source: str, visit: Visit) -> None:
        try:
            with contextlib.suppress(*self._failures), connection:
                # What the client breaks off is suppressed: the log has what it was shown until then.
                # The patience is the socket's own: a time-out of Python's would make it non-blocking, and pyOpenSSL
                # does not wait for such a one.
                for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                    connection.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", _PATIENCE_S, 0))
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._serve(connection, source, visit)
        finally:
            if error := sys.exception():
                traceback.print_exception(error)
                self.broken.append(f"one broke with {type(error).__name__}: {error}.")
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()
            self._room.release()

    def _serve(self, connection: socket.socket, source: str, visit: Visit) -> None:
        service = self._schedule.services[visit.service]
        backend, ending = self._fate(visit, int.from_bytes(socket.inet_aton(source), "big"))
        if ending != SERVED:
            _turn_away(connection, service, ending, visit)
            return
        visit.backend = backend
        is_upgrade = service.scheme in UPGRADES
        if is_upgrade and not converse(service.scheme, service.host, connection, is_secure=False):
            return
        engine = self._engine_of(service.backends[visit.backend], visit.served_at)
        # An implementation that fails may close the connection; a second handle keeps it for a proper end.
        with connection.dup() as kept:
            try:
                with contextlib.closing(engine.secure(connection, visit.note)) as stream:
                    converse(service.scheme, service.host, stream, is_secure=True, is_upgraded=is_upgrade)
            finally:
                visit.ending = "refused" if visit.leaf_sha256 is None else "served"
                _leave(kept)

    def _fate(self, visit: Visit, source: int) -> tuple[int, int]:
        """The backend that a connection is given to, and how it ends."""
        if self._schedule.services[visit.service].affinity is None:
            block, place = divmod(visit.connection, _BLOCK)
            backend, ending = self._block(visit.service, visit.address, block)
            return int(backend[place]), int(ending[place])
        number, at = np.array([visit.connection]), np.array([in_micros(visit.served_at)])
        backend, ending = balance(
            self._schedule, self._seed, visit.service, visit.address, connection=number, at=at, source=source
        )
        return int(backend[0]), int(ending[0])

    def _draw_block(self, service: int, address: str, block: int) -> tuple[Numbers, NDArray[np.int8]]:
        """Without affinity a connection's number decides; drawing many at once costs as much as drawing one."""
        numbers = np.arange(block * _BLOCK, (block + 1) * _BLOCK)
        return balance(self._schedule, self._seed, service, address, connection=numbers, at=numbers)

    def _engine_of(self, backend: Backend, at: datetime) -> Implementation:
        served = tuple((host, tuple(sorted(backend.serving(at, host).values()))) for host in (None, *backend.hosts))
        with self._lock:
            return self._engine(backend.implementation, backend.settings, served)

    def _make_engine(self, implementation: str, settings: str, served: _Served) -> Implementation:
        default, *hosts = ((host, tuple(self._issued[number] for number in issues)) for host, issues in served)
        return set_up(implementation, settings, default[1], {str(host): issued for host, issued in hosts})


def _listen(address: str) -> socket.socket:
    try:
        return socket.create_server((address, 0), backlog=512)
    except OSError as error:
        raise LabError(
            f"Nothing can listen on {address} ({error}). A lab needs loopback addresses, 127.0.0.1 and on; "
            "where the system has only the first, take a scenario with one address."
        ) from error


def _turn_away(connection: socket.socket, service: Service, ending: int, visit: Visit) -> None:
    """End a connection without a handshake."""
    visit.ending = "deferred" if ending == DEFERRED else "dropped"
    if ending == DEFERRED:
        connection.sendall(f"421 4.3.2 {service.host} lab: try again later\r\n".encode())
        return
    if service.scheme in UPGRADES:
        if ending == CLOSED:
            return
        # Reset once the client has spoken: it has then seen that it is connected.
        greet(service.scheme, service.host, connection)
    connection.recv(1 << 16)
    if ending == RESET:
        # Closing with a linger time of nothing sends a reset: socket(7).
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _leave(connection: socket.socket) -> None:
    """Say that nothing more comes, and read what the client still sends.

    Closing while something is unread sends a reset, and a reset may overtake the alert that was sent before it
    (RFC 1122, section 4.2.2.13; nginx calls it a lingering close).
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 1, 0))
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        for _ in range(16):
            if not connection.recv(1 << 16):
                return


def _leave_with(parent: int) -> None:
    """End this process when its parent is gone, even where something else holds the pipe open."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def serve(commands: BinaryIO, answers: BinaryIO) -> None:
    """Serve the schedule that comes first, then obey: `("turn", instant)`, `("log", None)`; ends with the input.

    Every answer is (whether it worked, value or complaint). A thread that broke is complained about at the next
    command: a lab whose servers are wrong must not go on.
    """

    def answer(value: object, broken: Sequence[str] = ()) -> None:
        pickle.dump((False, broken[0]) if broken else (True, value), answers)
        answers.flush()

    schedule, seed = pickle.load(commands)
    try:
        internet = _Internet(schedule, seed)
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
    """The process; see the module."""
    # Ctrl-C in a terminal reaches every process there; it is the parent that decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # whatever a library prints must not look like an answer
        serve(sys.stdin.buffer, answers)
    # Threads may be in the middle of a handshake; nothing of theirs is worth waiting for.
    os._exit(0)


if __name__ == "__main__":
    main()
