"""What a lab serves when, decided before anything is served.

A schedule is plain data: certificates to be issued, and services of backends that switch from one certificate to
the next at given instants. The servers follow it, `truth.py` tells it as frames, `simulate.py` draws looks from it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from toolkit.errors import LabError
from toolkit.targets import PORTS

LOOPBACK: Final = "127.0.0.1"

IMPLEMENTATIONS: Final = ("ssl", "pyopenssl", "tlslite")
"""Whose code answers: Python's `ssl`, pyOpenSSL with its bundled OpenSSL, tlslite-ng."""


SCHEMES: Final = ("smtp", "smtps", "imap", "imaps", "pop3", "pop3s", "https", "tls")
"""What the lab's services speak; `tls` is bare TLS."""

CHAINS: Final = {
    "whole": "the leaf and the intermediate that signed it",
    "bare": "the leaf alone: the intermediate is missing",
    "crossed": "the leaf and its intermediate as another root has signed it, with the same name and key",
    "rooted": "the leaf, the intermediate and the root",
}
"""In which chains a certificate is handed out."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One certificate to be issued, and the chain (`CHAINS`) that it is handed out in.

    `key` numbers the key within its type: equal numbers are the same key, which is how a truth says key reuse.
    `issuer` names the intermediate that signs (`authority.ISSUERS`), `names` are the DNS names of its SAN.
    Issues that differ in their chain alone are one certificate.

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
    """From `at` on, a backend answers for `key_type` with `issues[issue]`; with nothing where `issue` is None.

    `server_name`: to clients that name this host; null: to everyone whose host it has no switch for, which is its
    default certificate.

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
        """The hosts that it has certificates of their own for, in order."""
        return tuple(sorted({switch.server_name for switch in self.switches if switch.server_name is not None}))

    def switches_for(self, server_name: str | None) -> tuple[Switch, ...]:
        """Its switches for clients that name this host: the default's where it does not know it.

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
        """Key type → number of the issue that the backend serves at that instant to clients that name this host.

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
    """A service as a user means it; its balancer picks one of an address's backends per connection, at random.

    With `affinity` it keeps a source on one backend for that long instead. `drop_rate` of the connections are reset
    or closed before an answer, `defer_rate` are told 421 (SMTP only, RFC 5321 section 4.2.3). `server_names` are what
    its clients ask for, one after the other; none: its host.

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
        """The server names that its clients ask for."""
        return self.server_names or (self.host,)

    @property
    def number(self) -> int:
        """The port that the service has in the lab's internet; where it listens on loopback is another one."""
        return PORTS[self.scheme] if self.port is None else self.port

    @property
    def service(self) -> str:
        """`scheme://host:port`."""
        return f"{self.scheme}://{self.host}:{self.number}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of its backends, each once, in order."""
        return tuple(dict.fromkeys(backend.address for backend in self.backends))


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a line of a service shows several leaves from `begins_at` to `ends_at`, beyond a plain rotation.

    `key_type` null: whatever the key type; `ends_at` null: to the end. `issue` is the certificate that it is about:
    the stranger's, the second of a re-issue, the one that comes in several chains; null: none in particular.

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
    """Everything that a lab serves between two instants. Raises `LabError` where it contradicts itself.

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
            raise LabError(f"Scenario {self.scenario!r} has a service without a backend; give it at least one.")
        for service in self.services:
            if service.scheme not in SCHEMES:
                raise LabError(f"The lab does not speak {service.scheme!r}; it speaks {', '.join(SCHEMES)}.")
            for backend in service.backends:
                self._check(service, backend)
            if min(service.drop_rate, service.defer_rate) < 0 or service.drop_rate + service.defer_rate > 1:
                raise LabError(f"{service.service}: drop_rate and defer_rate are shares; together at most 1.")

        if unknown := {issue.chain for issue in self.issues}.difference(CHAINS):
            raise LabError(f"There is no chain {sorted(unknown)[0]!r} in the lab; there is {', '.join(CHAINS)}.")

    def _check(self, service: Service, backend: Backend) -> None:
        if backend.implementation not in IMPLEMENTATIONS:
            raise LabError(f"{service.service}: no {backend.implementation!r}; there is {', '.join(IMPLEMENTATIONS)}.")
        if backend.implementation == "tlslite" and backend.hosts:
            raise LabError(f"{service.service}: tlslite serves one certificate to everyone; take ssl or pyopenssl.")
        if list(backend.switches) != sorted(backend.switches, key=lambda switch: switch.at):
            raise LabError(f"{service.service}: a backend's switches are not in time order.")
        for switch in backend.switches:
            if switch.issue is not None and self.issues[switch.issue].key_type != switch.key_type:
                raise LabError(f"{service.service}: issue {switch.issue} is not of key type {switch.key_type}.")
