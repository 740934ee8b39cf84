"""Limits of a round: time, bytes, connections."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import lru_cache
from math import inf
from numbers import Integral, Real
from typing import Any, Final

from toolkit.errors import UsageError
from toolkit.targets import canonical_host


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of every look and of the round. The defaults are polite: two connections at a time to one host.

    - `resolve_seconds`: to resolve a name.
    - `connect_seconds`: until connected.
    - `upgrade_seconds`: for the dialogue before TLS, with the server's greeting.
    - `answer_seconds`: from the ClientHello until the server's flight is complete.
    - `total_seconds`: for the whole look, however slowly a server sends.
    - `upgrade_bytes`, `answer_bytes`: accepted from a server before TLS, and from the ClientHello on.
    - `concurrency`: connections at a time, at most a quarter of the files that a process may open (`ulimit -n`).
    - `per_host`: connections at a time to one address; with `connect_to` to one host name, because many services may be
      behind one tunnel.
    - `max_looks`: looks made in a round; the rest are rows with the outcome `skipped`. Null: no limit.
    - `blocked`: host names and networks (`192.0.2.0/24`) that are never asked: rows with the outcome `skipped`.

    Some mail servers greet only after 20 or 30 seconds, to deter spam (RFC 5321, 4.5.3.2.1 asks clients to wait for
    five minutes). The default of `upgrade_seconds` includes those. It costs nothing where a host is down, because
    `connect_seconds` ends such a look.

    Raises `UsageError` for a limit that is not positive and finite, and for a blocked entry that is neither a network
    nor a host name. Names are compared in the form in which DNS has them: `Faß.de.` blocks `xn--fa-hia.de`.

    >>> import toolkit
    >>> limits = toolkit.Limits(connect_seconds=2, blocked=("127.0.0.0/8",))
    >>> looks = toolkit.observe("tls://127.0.0.1:1", limits=limits, progress=False).observations
    >>> looks[["service", "outcome"]].values.tolist()
    [['tls://127.0.0.1:1', 'skipped']]
    """

    resolve_seconds: float = 10.0
    connect_seconds: float = 10.0
    upgrade_seconds: float = 40.0
    answer_seconds: float = 15.0
    total_seconds: float = 60.0
    upgrade_bytes: int = 1 << 16
    answer_bytes: int = 1 << 18
    concurrency: int = 64
    per_host: int = 2
    max_looks: int | None = None
    blocked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "blocked" or (value is None and field.default is None):
                continue
            if not isinstance(value, int | float):
                raise UsageError(f"Limits({field.name}={value!r:.60}): must be a number.")
            if not 0 < value < inf:
                raise UsageError(f"Limits({field.name}={value}): must be greater than 0, and finite.")
        blocked: object = self.blocked
        if isinstance(blocked, str) or not isinstance(blocked, Iterable):
            raise UsageError(f"Limits(blocked={self.blocked!r:.60}): give a tuple of names and networks, ('a.test',).")
        for entry in self.blocked:
            try:
                _ = ipaddress.ip_network(entry) if "/" in entry else canonical_host(entry)
            except ValueError as error:
                raise UsageError(
                    f"Limits(blocked=…): {entry!r} is neither a network nor a host name: {error}"
                ) from error

    def blocks(self, name: str) -> bool:
        """Whether the host name or address must not be asked.

        >>> import toolkit
        >>> limits = toolkit.Limits(blocked=("192.0.2.0/24", "mx.example.org"))
        >>> limits.blocks("192.0.2.7"), limits.blocks("mx.example.org"), limits.blocks("example.org")
        (True, True, False)
        """
        if not self.blocked:
            return False
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return canonical_host(name)[0] in _names(self.blocked)
        return any(_covers(entry, address) for entry in self.blocked)


POLITE: Final = Limits()
"""The default limits."""


def check_counts(**numbers: Any) -> None:
    """`UsageError` for a number that is not whole and at least 1; null means no limit."""
    for name, number in numbers.items():
        if number is not None and not isinstance(number, Integral):
            raise UsageError(f"{name}={number!r:.60}: must be a whole number, such as {name}=1.")
        if number is not None and float(number) < 1:
            raise UsageError(f"{name}={number}: must be at least 1.")


def check_positive(**numbers: Any) -> None:
    """`UsageError` for a number that is not above 0; null means no limit."""
    for name, number in numbers.items():
        if number is not None and not isinstance(number, Real):
            raise UsageError(f"{name}={number!r:.60}: must be a number, such as {name}=20.")
        if number is not None and not float(number) > 0:
            raise UsageError(f"{name}={number}: must be greater than 0.")


def check_not_negative(**numbers: Any) -> None:
    """`UsageError` for a number below 0."""
    for name, number in numbers.items():
        if not isinstance(number, Real):
            raise UsageError(f"{name}={number!r:.60}: must be a number, such as {name}=2.")
        if not float(number) >= 0:
            raise UsageError(f"{name}={number}: must not be negative.")


@lru_cache(maxsize=8)
def _names(blocked: tuple[str, ...]) -> frozenset[str]:
    """The blocked host names, in the form in which DNS has them."""
    return frozenset(canonical_host(entry)[0] for entry in blocked if "/" not in entry)


def _covers(entry: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(entry)
    except ValueError:
        return False
