"""The schedule of a lab: what it serves and when, fixed in advance.

A schedule is plain data: certificates to issue, and services whose backends switch from one certificate to the next
at given instants. The servers follow it, `truth.py` turns it into frames, `simulate.py` draws observations from it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from toolkit.errors import LabUsageError
from toolkit.schemes import PORTS
from toolkit.text import not_known

LOOPBACK: Final = "127.0.0.1"

DAY: Final = timedelta(days=1)

IMPLEMENTATIONS: Final = ("ssl", "pyopenssl", "tlslite")
"""TLS implementations: Python's `ssl`, pyOpenSSL with its bundled OpenSSL, tlslite-ng."""


SCHEMES: Final = ("smtp", "smtps", "imap", "imaps", "pop3", "pop3s", "https", "tls")
"""Protocols of the lab's services; `tls` is TLS without another protocol."""

CHAINS: Final = {
    "whole": "the leaf and the intermediate that signed it",
    "bare": "the leaf alone: the intermediate is missing",
    "crossed": "the leaf and its intermediate as another root has signed it, with the same name and key",
    "rooted": "the leaf, the intermediate and the root",
}
"""The chains with which a certificate can be served."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One certificate to issue, and the chain (`CHAINS`) with which it is served.

    `key` numbers the keys of a type: equal numbers are the same key, so key reuse is visible in the schedule.
    `issuer` names the intermediate that signs (`authority.ISSUERS`), `names` are the DNS names of its SAN.
    Issues that differ only in their chain are one certificate.

    >>> from datetime import UTC, datetime
    >>> from toolkit.lab import Issue
    >>> from toolkit.lab.authority import ISSUERS
    >>> begins_at, ends_at = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    >>> Issue(("mx.lab.test",), "RSA", 1, list(ISSUERS)[0], begins_at, ends_at).chain
    'whole'
    """

    names: tuple[str, ...]
    key_type: str
    key: int
    issuer: str
    not_before: datetime
    not_after: datetime
    chain: str = "whole"


@dataclass(frozen=True, slots=True)
class Switch:
    """From `at` on, a backend serves `issues[issue]` for `key_type`, or no certificate if `issue` is None.

    `server_name`: only to clients that ask for this host. None: to all clients that ask for a host without a switch of
    its own (the default certificate).

    >>> from datetime import UTC, datetime
    >>> from toolkit.lab import Backend, Switch
    >>> switch = Switch(datetime(2026, 1, 1, tzinfo=UTC), "RSA", issue=0)
    >>> Backend((switch,)).serving(datetime(2026, 1, 2, tzinfo=UTC))
    {'RSA': 0}
    """

    at: datetime
    key_type: str
    issue: int | None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Backend:
    """One backend behind an address: its switches in order of time, and the TLS implementation that it runs.

    `settings` names the versions and suites that it accepts (`tls_settings.TLS_SETTINGS`). It serves one certificate
    per key type and known host; the client's offer and server name decide between them.

    >>> from datetime import UTC, datetime
    >>> from toolkit.lab import Backend, Switch
    >>> old = Switch(datetime(2026, 1, 1, tzinfo=UTC), "RSA", issue=0)
    >>> new = Switch(datetime(2026, 2, 1, tzinfo=UTC), "RSA", issue=1)
    >>> backend = Backend((old, new))
    >>> backend.address, backend.implementation, backend.settings
    ('127.0.0.1', 'ssl', 'current')
    """

    switches: tuple[Switch, ...]
    address: str = LOOPBACK
    implementation: str = "ssl"
    settings: str = "current"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts for which it has their own certificates, sorted."""
        return tuple(sorted({switch.server_name for switch in self.switches if switch.server_name is not None}))

    def switches_for(self, server_name: str | None) -> tuple[Switch, ...]:
        """The switches for clients that ask for this host; the default ones for an unknown host.

        >>> from datetime import UTC, datetime
        >>> from toolkit.lab import Backend, Switch
        >>> begins_at = datetime(2026, 1, 1, tzinfo=UTC)
        >>> backend = Backend((Switch(begins_at, "EC", 0), Switch(begins_at, "EC", 1, server_name="mx.lab.test")))
        >>> [switch.issue for switch in backend.switches_for("mx.lab.test")]
        [1]
        """
        host = server_name if server_name in self.hosts else None
        return tuple(switch for switch in self.switches if switch.server_name == host)

    def serving(self, at: datetime, server_name: str | None = None) -> dict[str, int]:
        """Key type → number of the issue that is served at that instant to clients that ask for this host.

        >>> from datetime import UTC, datetime
        >>> from toolkit.lab import Backend, Switch
        >>> old = Switch(datetime(2026, 1, 1, tzinfo=UTC), "RSA", issue=0)
        >>> new = Switch(datetime(2026, 2, 1, tzinfo=UTC), "RSA", issue=1)
        >>> backend = Backend((old, new))
        >>> backend.serving(datetime(2026, 1, 31, tzinfo=UTC)), backend.serving(datetime(2026, 2, 1, tzinfo=UTC))
        ({'RSA': 0}, {'RSA': 1})
        """
        served: dict[str, int] = {}
        for switch in self.switches_for(server_name):
            if switch.at > at:
                break
            if switch.issue is None:
                served.pop(switch.key_type, None)
            else:
                served[switch.key_type] = switch.issue
        return served


@dataclass(frozen=True, slots=True)
class Service:
    """A service. Its load balancer picks one of the backends of an address at random for each connection.

    With `affinity`, a source address stays on one backend for that long. A share `drop_rate` of the connections is
    reset or closed before an answer; a share `defer_rate` gets reply 421 (SMTP only, RFC 5321 section 4.2.3). Clients
    ask for each of `server_names`; if empty, for the host.

    >>> from datetime import UTC, datetime
    >>> from toolkit.lab import Backend, Service, Switch
    >>> backend = Backend((Switch(datetime(2026, 1, 1, tzinfo=UTC), "RSA", issue=0),))
    >>> service = Service("smtp", "mx.lab.test", (backend, backend), defer_rate=0.03)
    >>> service.service, service.asked
    ('smtp://mx.lab.test:25', ('mx.lab.test',))
    """

    scheme: str
    host: str
    backends: tuple[Backend, ...]
    port: int | None = None
    affinity: timedelta | None = None
    drop_rate: float = 0.0
    defer_rate: float = 0.0
    server_names: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """The server names that clients ask for."""
        return self.server_names or (self.host,)

    @property
    def number(self) -> int:
        """The port in the name of the service; the port on loopback is another one."""
        return PORTS[self.scheme] if self.port is None else self.port

    @property
    def service(self) -> str:
        """`scheme://host:port`."""
        return f"{self.scheme}://{self.host}:{self.number}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of its backends, each once, in order of the backends."""
        return tuple(dict.fromkeys(backend.address for backend in self.backends))


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a slot shows several leaves from `begins_at` to `ends_at`, other than a rotation.

    `key_type` None: every key type. `ends_at` None: to the end. `issue` is the certificate that the cause is about:
    that of an unrelated server, or the second of a re-issue; None: no particular one.

    >>> from datetime import UTC, datetime
    >>> from toolkit.lab import Cause
    >>> begins_at, ends_at = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 15, tzinfo=UTC)
    >>> Cause(0, "RSA", "rollback", begins_at, ends_at).cause
    'rollback'
    """

    service: int
    key_type: str | None
    cause: str
    begins_at: datetime
    ends_at: datetime | None
    issue: int | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything that a lab serves between two instants. Raises `LabUsageError` if it contradicts itself.

    >>> from toolkit.lab import scenario
    >>> schedule = scenario("slow-rollout", services=2, backends=3).schedule(seed=7)
    >>> [(service.service, len(service.backends)) for service in schedule.services]
    [('smtp://mx1.lab.test:25', 3), ('smtp://mx2.lab.test:25', 3)]
    """

    scenario: str
    begins_at: datetime
    ends_at: datetime
    issues: tuple[Issue, ...]
    services: tuple[Service, ...]
    causes: tuple[Cause, ...] = ()

    def __post_init__(self) -> None:
        if not self.services or any(not service.backends for service in self.services):
            raise LabUsageError(f"Scenario {self.scenario!r} has a service without a backend; add at least one.")
        for service in self.services:
            if service.scheme not in SCHEMES:
                raise LabUsageError(not_known("scheme ", service.scheme, SCHEMES))
            for backend in service.backends:
                self._check(service, backend)
            if min(service.drop_rate, service.defer_rate) < 0 or service.drop_rate + service.defer_rate > 1:
                raise LabUsageError(f"{service.service}: drop_rate and defer_rate are shares; together at most 1.")

        if unknown := {issue.chain for issue in self.issues}.difference(CHAINS):
            raise LabUsageError(not_known("chain ", min(unknown), CHAINS))

    def _check(self, service: Service, backend: Backend) -> None:
        if backend.implementation not in IMPLEMENTATIONS:
            raise LabUsageError(
                not_known(f"{service.service}: implementation ", backend.implementation, IMPLEMENTATIONS)
            )
        if backend.implementation == "tlslite" and backend.hosts:
            raise LabUsageError(
                f"{service.service}: tlslite serves one certificate to all clients; use ssl or pyopenssl."
            )
        if list(backend.switches) != sorted(backend.switches, key=lambda switch: switch.at):
            raise LabUsageError(f"{service.service}: a backend's switches are not in time order.")
        for switch in backend.switches:
            if switch.issue is not None and self.issues[switch.issue].key_type != switch.key_type:
                raise LabUsageError(f"{service.service}: issue {switch.issue} is not of key type {switch.key_type}.")
