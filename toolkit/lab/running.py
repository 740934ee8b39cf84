"""`Lab`: runs the servers of a scenario."""

import os
import pickle
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Final, Self

import pandas as pd

from toolkit.columns import Column, returns
from toolkit.errors import LabError
from toolkit.lab.authority import roots
from toolkit.lab.clock import Clock
from toolkit.lab.engines import check_installed
from toolkit.lab.scenarios import Scenario
from toolkit.lab.schedule import Schedule
from toolkit.lab.simulation import as_schedule
from toolkit.lab.truth import Truth, framed, tell_truth
from toolkit.targets import Target

LOG: Final = (
    Column("served_at", "instant", "the lab's time when the connection came"),
    Column("service", "text", "`scheme://host:port`"),
    Column("address", "text", "loopback address that was dialled"),
    Column("connection", "integer", "number of the connection at that address, from 0"),
    Column("backend", "integer", "backend that answered, from 0 within its service", "the connection reached none"),
    Column("server_name", "text", "host name in the ClientHello", "none was sent, or it was not read"),
    Column("key_type", "text", "key type of the certificate that was sent", "no certificate was sent"),
    Column("leaf_sha256", "text", "certificate that was sent", "no certificate was sent"),
    Column("protocol", "text", "version negotiated", "no version was negotiated"),
    Column("ending", "text", "`served`, `refused`, `dropped`, `deferred`, or `gone`: the client left early"),
)
"""Columns of `Lab.log`: one row per connection, in the order in which they came."""

_LEAVE_S: Final = 5
"""Seconds that the server process may take to end before it is killed."""


class Lab:
    """Servers on loopback that follow a scenario; a context manager.

    `scenario` is a name of `toolkit.lab.NAMES`, a `Scenario` with other parameters, or a `Schedule`. The same scenario
    and seed (modulo 2^64) give the same certificates byte for byte, the same switch times, and the same backend for the
    n-th connection to an address. The private keys are derived from public numbers: never trust a lab's root
    certificate outside of it.

    The servers run in a separate process, which ends with the context or with this process.

    `clock` starts at `begins_at`; after `ends_at` it can be turned on, but nothing changes. `schedule` is what the
    servers follow.

    `first_port`: the port of the first address; the next ones have the next numbers, and a free port where that is in
    use. Without it every port is a free one.

    Raises `LabUsageError` for an unknown scenario, `LabError` if the servers cannot start, and `UsageError` where the
    extra `lab` is not installed.

    >>> import toolkit
    >>> from datetime import timedelta
    >>> from toolkit.lab import Lab, scenario
    >>> with Lab(scenario("slow-rollout", services=1, backends=2), seed=7) as lab:
    ...     before = toolkit.observe(lab.targets, clock=lab.clock, progress=False)
    ...     now = lab.clock.advance(timedelta(days=180))
    ...     after = toolkit.observe(lab.targets, clock=lab.clock, progress=False)
    >>> sightings = toolkit.find_sightings(toolkit.Tables.concat([before, after]))
    >>> print(toolkit.chart.tabulate(sightings, columns=["service", "first_seen_at", "looks"]))
                  service first_seen_at looks
    smtp://mx.lab.test:25    2026-01-01     1
    smtp://mx.lab.test:25    2026-06-30     1
    """

    def __init__(
        self, scenario: str | Scenario | Schedule = "year", seed: int = 0, *, first_port: int | None = None
    ) -> None:
        self.seed = seed
        self._first_port = first_port
        self.schedule = as_schedule(scenario, seed)
        self.begins_at: datetime = self.schedule.begins_at
        self.ends_at: datetime = self.schedule.ends_at
        self.clock = Clock(self.begins_at, lambda to: self._ask("turn", to))
        self._servers: _Servers | None = None

    @cached_property
    def truth(self) -> Truth:
        """What is served and when, computed from the schedule."""
        return tell_truth(self.schedule, self.seed)

    @property
    def roots(self) -> list[bytes]:
        """The lab's root certificates (DER). They are not served."""
        return roots()

    @property
    def targets(self) -> list[Target]:
        """One target per service, address and server name, on loopback, with `source="lab"`.

        Raises `LabError` while the lab is not running, because it has no ports then.
        """
        services = self.schedule.services
        return [
            Target(
                services[number].scheme,
                services[number].host,
                services[number].number,
                server_name,
                (address, port),
                "lab",
            )
            for number, address, port in self._running().stations
            for server_name in services[number].asked
        ]

    @returns(LOG)
    def log(self) -> pd.DataFrame:
        """The log of the servers: one row per connection, in the order of arrival.

        Waits for open connections to end, at most ten seconds; then the servers close them.

        >>> import toolkit
        >>> from toolkit.lab import Lab, scenario
        >>> with Lab(scenario("slow-rollout", services=1), seed=7) as lab:
        ...     tables = toolkit.observe(lab.targets, clock=lab.clock, progress=False)
        ...     lab.log()[["service", "connection", "key_type", "ending"]].values.tolist()
        [['smtp://mx.lab.test:25', 0, 'RSA', 'served']]
        """
        return framed(self._ask("log", None), LOG)

    def __enter__(self) -> Self:
        if self._servers is not None:
            raise LabError("This lab is already running; create another one: Lab(scenario, seed).")
        check_installed({backend.implementation for s in self.schedule.services for backend in s.backends})
        self._servers = _Servers(self.schedule, self.seed, self._first_port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        servers, self._servers = self._running(), None
        servers.stop()

    def _running(self) -> "_Servers":
        if self._servers is None:
            raise LabError("This lab is not running; use it as a context manager: with Lab(…) as lab: …")
        return self._servers

    def _ask(self, command: str, value: object) -> Any:
        return self._running().ask(command, value)


class _Servers:
    """The server process and its standard error."""

    def __init__(self, schedule: Schedule, seed: int, first_port: int | None) -> None:
        with ExitStack() as stack:
            self._complaints = stack.enter_context(tempfile.TemporaryFile())
            # Some libraries read certificates only from files; this folder is removed with the lab.
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-"))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "toolkit.lab.serving"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                start_new_session=True,
                env=os.environ | {"TMPDIR": folder},
            )
            stack.callback(self._end)
            self.stations: list[tuple[int, str, int]] = self.ask(schedule, (seed, first_port))
            self._left = stack.pop_all()

    def ask(self, command: object, value: object) -> Any:
        """Send a command and wait for its answer. Raises `LabError` if the servers failed or ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump((command, value), self._process.stdin)
            self._process.stdin.flush()
            is_fine, answer = pickle.load(self._process.stdout)
        except (BrokenPipeError, EOFError) as error:
            raise LabError(f"The lab's servers ended unexpectedly: {self._last_words()}. Start another lab.") from error
        if not is_fine:
            raise LabError(f"The lab's servers failed: {answer} Their output: {self._last_words()}")
        return answer

    def stop(self) -> None:
        """End the process and remove its files."""
        self._left.close()

    def _end(self) -> None:
        """Close the input of the process, which ends it; kill it if it does not end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LEAVE_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()

    def _last_words(self) -> str:
        self._complaints.seek(0)
        return self._complaints.read()[-4000:].decode("utf-8", "replace").strip() or "no output"
