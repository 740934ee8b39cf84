"""Limits of a round: time, bytes, connections."""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from math import inf
from numbers import Real
from pathlib import Path
from typing import Any, Final, cast

from toolkit.errors import UsageError
from toolkit.files import read_regular
from toolkit.presets import without_comment
from toolkit.targets import canonical_host

LISTS: Final = ("blocked", "allowed")
"""The fields of `Limits` that are lists of host names and networks."""

_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
"""IPv4 addresses in IPv6 (RFC 4291, 2.5.5.2); a host's address is never in this form (`toolkit.hosts.address_of`)."""

_SAME: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""The unspecified addresses, to which a system connects as to itself."""

_MAY_BE_ZERO: Final = frozenset({"rate_jitter"})
_MOST_BYTES: Final = 1 << 26


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
    - `max_looks`: looks made in a round; the rest are rows with the outcome `skipped`. None: no limit.
    - `blocked`: host names and networks (`192.0.2.0/24`) that are never asked: rows with the outcome `skipped`.
    - `allowed`: host names and networks; where there are any, others are not asked. Of a target, the name or the
      address must be among them.
    - `address_rate`, `host_rate`, `provider_rate`: connections that begin in a second to one address, to one host name,
      and to one provider: the addresses of one IPv4 /24 or IPv6 /48, and the host names below one name of three labels
      or more, such as `mail.protection.outlook.com`. None: no limit. On a cluster the last two are
      divided by the threads of its workers, so that they hold while no worker joins.
    - `rate_jitter`: by up to this share, at random, a connection begins later than the rates allow.
    - `max_planned`: looks that a round may plan, with one address for each host; a larger round is a `UsageError`, so
      that a mistyped number does not become a flood. None: no limit.

    An entry `@blocked.txt` of `blocked` or `allowed` stands for the lines of that file; what follows a `#` is a
    comment.

    Some mail servers greet only after 20 or 30 seconds, to deter spam (RFC 5321, 4.5.3.2.1 asks clients to wait for
    five minutes). The default of `upgrade_seconds` includes those. It costs nothing where a host is down, because
    `connect_seconds` ends such a look.

    Raises `UsageError` for a limit that is not positive and finite (`rate_jitter` may be 0), and for an entry that is
    neither a network nor a host name. Names are compared in the form in which DNS has them: `Faß.de.` blocks
    `xn--fa-hia.de`.

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
    allowed: tuple[str, ...] = ()
    address_rate: float | None = None
    host_rate: float | None = None
    provider_rate: float | None = None
    rate_jitter: float = 0.1
    max_planned: int | None = 1_000_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in LISTS:
                object.__setattr__(self, field.name, read_list(f"Limits({field.name}=…)", value))
            elif value is not None or "None" not in str(field.type):
                check_limit(f"Limits({field.name}={value!r:.60})", field.name, value)

    def blocks(self, name: str) -> bool:
        """Whether the host name or address must not be asked.

        >>> import toolkit
        >>> limits = toolkit.Limits(blocked=("192.0.2.0/24", "mx.example.org"))
        >>> limits.blocks("192.0.2.7"), limits.blocks("mx.example.org"), limits.blocks("example.org")
        (True, True, False)
        """
        return cast("HostList", self.blocked).covers(name)

    def why_skipped(self, host: str, address: str | None = None) -> str | None:
        """Why the lists forbid to ask the host, or the host at this address; None: they do not.

        >>> import toolkit
        >>> limits = toolkit.Limits(allowed=("192.0.2.0/24", "mx.example.org"))
        >>> limits.why_skipped("www.example.org"), limits.why_skipped("www.example.org", "198.51.100.1")
        (None, 'neither www.example.org nor 198.51.100.1 is on the allow list')
        """
        if self.blocks(address or host):
            return f"{address or host} is on the block list"
        allowed = cast("HostList", self.allowed)
        if not allowed or allowed.covers(host) or (address is not None and allowed.covers(address)):
            return None
        if address is not None and address != host:
            return f"neither {host} nor {address} is on the allow list"
        # The address of a name, which is not known yet, may be on the list.
        return None if allowed.has_addresses and not canonical_host(host)[1] else f"{host} is not on the allow list"


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


def check_limit(given: str, field: str, value: object) -> None:
    """`UsageError` for a value that a field of `Limits` cannot have; `given`: the value as the user gave it."""
    if not isinstance(value, int | float):
        raise UsageError(f"{given}: must be a number.")
    if field in _MAY_BE_ZERO:
        if not 0 <= value < inf:
            raise UsageError(f"{given}: must not be negative, and must be finite.")
    elif not 0 < value < inf:
        raise UsageError(f"{given}: must be greater than 0, and finite.")


class HostList(tuple[str, ...]):
    """Host names and networks; a search takes the same time however many there are.

    Names are compared in the form in which DNS has them.
    """

    def covers(self, name: str) -> bool:
        """Whether the host name or address is among the names, or in one of the networks."""
        if not self:
            return False
        host, is_address = canonical_host(name)
        hosts = {host, _SAME.get(host, host)}
        return not hosts.isdisjoint(self._names) or (is_address and any(map(self._is_in_network, hosts)))

    def _is_in_network(self, host: str) -> bool:
        address = ipaddress.ip_address(host)
        number, width = int(address), address.max_prefixlen
        return any(
            number >> (width - bits) in numbers
            for (version, bits), numbers in self._networks.items()
            if version == address.version
        )

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(canonical_host(entry)[0] for entry in self if "/" not in entry)

    @cached_property
    def has_addresses(self) -> bool:
        """Whether there are networks, or addresses."""
        return any("/" in entry or canonical_host(entry)[1] for entry in self)

    @cached_property
    def _networks(self) -> dict[tuple[int, int], set[int]]:
        """IP version and prefix length → the prefixes as integers."""
        found: dict[tuple[int, int], set[int]] = {}
        for network in (_network(entry) for entry in self if "/" in entry):
            shift = network.max_prefixlen - network.prefixlen
            found.setdefault((network.version, network.prefixlen), set()).add(int(network.network_address) >> shift)
        return found


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The network; IPv4 addresses in IPv6 are IPv4 addresses."""
    network = ipaddress.ip_network(entry)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        return ipaddress.IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def read_list(given: str, entries: object) -> HostList:
    """The entries with files replaced by their lines; `given`: what the user gave them for.

    Raises `UsageError` for what is neither a network nor a host name.
    """
    if isinstance(entries, HostList):
        return entries
    if isinstance(entries, str) or not isinstance(entries, Iterable):
        raise UsageError(f"{given}: give a tuple of names and networks, ('a.test',), instead of {entries!r:.60}.")
    return HostList(_listed(given, entries))


def _listed(given: str, entries: Iterable[str]) -> Iterator[str]:
    for entry in entries:
        if not str(entry).startswith("@"):
            _check_entry(given, entry)
            yield entry
            continue
        if entry == "@":
            raise UsageError(f"{given}: '@' names no file: write its path behind it, such as @hosts.txt.")
        try:
            lines = read_regular(Path(entry[1:]), most=_MOST_BYTES).decode().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise UsageError(f"{given}: {entry[1:]} cannot be read ({why}). Name a text file.") from error
        for number, line in enumerate(lines, 1):
            if word := without_comment(line):
                _check_entry(f"{entry[1:]}, line {number}", word)
                yield word


def _check_entry(where: str, entry: str) -> None:
    try:
        _ = ipaddress.ip_network(entry) if "/" in entry else canonical_host(entry)
    except ValueError as error:
        raise UsageError(f"{where}: {entry!r:.60} is neither a network nor a host name: {error}") from error


POLITE: Final = Limits()
"""The default limits."""
