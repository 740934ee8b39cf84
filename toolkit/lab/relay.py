"""`Relay`: an attacker between a client and a server of the lab, on loopback.

The attacks are those that a network can make on what is not encrypted: on the dialogue before STARTTLS, and on the
ClientHello. A relay has no key of the server, so it can neither read nor change what is encrypted.
"""

import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from socketserver import BaseRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Final, Self

from toolkit.errors import LabError, LabUsageError
from toolkit.lab.schedule import LOOPBACK
from toolkit.targets import Target
from toolkit.text import not_known

Change = Callable[[bytes], bytes | None]
"""Bytes that one side sent at once → the bytes to pass on; None ends the connection."""

_TIMEOUT_S: Final = 10
"""Seconds without a byte after which a connection ends."""

_POLL_S: Final = 0.02
"""Seconds after which a relay that was stopped ends, at most."""

_OFFERS_TLS13: Final = re.compile(rb"\A\x16\x03.{30,}?(\x00\x2b)(?=\x00..(?:..){0,9}?\x03\x04)", re.DOTALL)
"""A ClientHello with the extension `supported_versions` (type 43: RFC 8446, 4.2.1) that lists TLS 1.3."""

_UNASSIGNED: Final = b"\xee\xee"
"""An extension type that is not assigned; servers ignore it (RFC 8446, 4.2)."""


@dataclass(frozen=True, slots=True)
class _Attack:
    from_client: Change = bytes
    from_server: Change = bytes


def _overwrite(data: bytes) -> bytes:
    return data.replace(b"STARTTLS", b"XXXXXXXX")


def _add_command(data: bytes) -> bytes:
    return data + b"NOOP\r\n" if data == b"STARTTLS\r\n" else data


def _add_reply(data: bytes) -> bytes:
    return data + b"250 injected\r\n" if data.startswith(b"220 ") and b"go ahead" in data else data


def _hide_tls13(data: bytes) -> bytes:
    found = _OFFERS_TLS13.match(data)
    return data[: found.start(1)] + _UNASSIGNED + data[found.end(1) :] if found else data


def _refuse_tls13(data: bytes) -> bytes | None:
    return None if _OFFERS_TLS13.match(data) else data


_ATTACKS: Final = {
    "hide-starttls": _Attack(from_server=_overwrite),
    "strip-starttls": _Attack(_overwrite, _overwrite),
    "add-command": _Attack(_add_command),
    "add-reply": _Attack(from_server=_add_reply),
    "hide-tls13": _Attack(_hide_tls13),
    "refuse-tls13": _Attack(_refuse_tls13),
}


class Relay:
    """An attacker on the path to a server of a lab; a context manager. `target` is the same service through it.

    `target`: one of `Lab.targets`. `attack`, on a service with STARTTLS in SMTP for the first four:

    - `hide-starttls`: STARTTLS is overwritten in what the server sends.
    - `strip-starttls`: STARTTLS is overwritten in what either side sends.
    - `add-command`: a command follows the client's STARTTLS, in plain text (CVE-2011-0411).
    - `add-reply`: a reply follows the server's go-ahead, in plain text.
    - `hide-tls13`: the ClientHello no longer offers TLS 1.3.
    - `refuse-tls13`: a connection whose ClientHello offers TLS 1.3 is closed.

    Raises `LabUsageError` for an unknown attack and for a target that is not of a lab.

    >>> import toolkit
    >>> from toolkit.lab import Lab, Relay
    >>> with Lab("modern", seed=1) as lab, Relay(lab.targets[0], "strip-starttls") as relay:
    ...     direct = toolkit.observe(lab.targets[0], clock=lab.clock, progress=False).observations
    ...     relayed = toolkit.observe(relay.target, clock=lab.clock, progress=False).observations
    >>> [*direct["outcome"], *relayed["outcome"]]
    ['ok', 'no_starttls']
    """

    def __init__(self, target: Target, attack: str) -> None:
        if attack not in _ATTACKS:
            raise LabUsageError(not_known("attack ", attack, _ATTACKS))
        if target.source != "lab" or target.connect_to is None or not target.connect_to[0].startswith("127."):
            raise LabUsageError(f"{target.service} is not a service of a lab: choose one of Lab.targets.")
        self._behind, self._there, self._attack = target, target.connect_to, _ATTACKS[attack]
        self._server: _RelayServer | None = None

    @property
    def target(self) -> Target:
        """The same service through the relay. Raises `LabError` while the relay is not running."""
        return replace(self._behind, connect_to=(LOOPBACK, self._running().server_address[1]))

    def __enter__(self) -> Self:
        if self._server is not None:
            raise LabError("This relay is already running; create another one: Relay(target, attack).")
        self._server = _RelayServer(self._there, self._attack)
        threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        server, self._server = self._running(), None
        server.shutdown()
        server.server_close()

    def _running(self) -> "_RelayServer":
        if self._server is None:
            raise LabError("This relay is not running; use it as a context manager: with Relay(…) as relay: …")
        return self._server


class _RelayServer(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, behind: tuple[str, int], attack: _Attack) -> None:
        super().__init__((LOOPBACK, 0), _RelayedConnection)
        self.behind, self.attack = behind, attack


class _RelayedConnection(BaseRequestHandler):
    """One connection: a thread for each direction, until both sides have ended it."""

    server: _RelayServer
    request: socket.socket

    def handle(self) -> None:
        attack = self.server.attack
        with socket.create_connection(self.server.behind, _TIMEOUT_S) as behind:
            self.request.settimeout(_TIMEOUT_S)
            back = threading.Thread(target=_pass_on, args=(behind, self.request, attack.from_server), daemon=True)
            back.start()
            _pass_on(self.request, behind, attack.from_client)
            back.join()


def _pass_on(source: socket.socket, sink: socket.socket, change: Change) -> None:
    """Pass on what `source` sends until it ends or fails, then end what is sent to `sink`."""
    with suppress(OSError):
        while data := source.recv(1 << 16):
            passed = change(data)
            if passed is None:
                source.shutdown(socket.SHUT_RDWR)
                break
            sink.sendall(passed)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
