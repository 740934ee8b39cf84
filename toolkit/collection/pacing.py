"""Rates: how far apart the connections to one address, host name and provider begin.

Rule 1: a connection begins when each rate that concerns it allows it, and then counts for all of them.
Rule 2: what must wait is asked again when the rate that kept it waiting allows the next connection, first come first
served. Nothing is remembered of an address or name that was not connected to recently.
"""

import asyncio
import ipaddress
import random
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from toolkit.collection.limits import Limits
from toolkit.targets import Target

Key = tuple[str, str]
"""A kind of rate, and the address, name or network that it is for."""

_CallLater = Callable[[float, Callable[[], None]], object]


class Pacing:
    """Decides when the connections of a round may begin. `call_later`: that of the event loop."""

    def __init__(self, limits: Limits, call_later: _CallLater | None = None) -> None:
        self._limits = limits
        self._call_later = call_later
        self._waiting: dict[Key, deque[Callable[[], None]]] = {}
        self._is_closed = False

    def may_begin(self, target: Target, address: str, later: Callable[[], None]) -> bool:
        """Whether a connection may begin now; it then counts as begun. Otherwise `later` is called, to ask again."""
        rates = list(_rates(self._limits, target, address))
        for key, _ in rates:
            if key in self._waiting:
                self._waiting[key].append(later)
                return False
        for key, rate in rates:
            self._waiting[key] = deque()
            seconds = (1 + random.uniform(0, self._limits.rate_jitter)) / rate
            call_later = self._call_later or asyncio.get_running_loop().call_later
            call_later(seconds, partial(self._allow, key))
        return True

    async def begin(self, target: Target, address: str) -> None:
        """Wait until a connection may begin."""
        begun = asyncio.get_running_loop().create_future()

        def ask() -> None:
            if not begun.done() and self.may_begin(target, address, ask):
                begun.set_result(None)

        ask()
        await begun

    def close(self) -> None:
        """Let nothing more begin."""
        self._is_closed = True

    def _allow(self, key: Key) -> None:
        """Let those that wait for this rate ask again, until one of them begins."""
        waiting = self._waiting.pop(key)
        while waiting and key not in self._waiting and not self._is_closed:
            waiting.popleft()()
        if waiting:
            self._waiting.setdefault(key, deque()).extendleft(reversed(waiting))


def _rates(limits: Limits, target: Target, address: str) -> Iterator[tuple[Key, float]]:
    """The rates that concern a connection, in connections per second."""
    if limits.address_rate is not None:
        yield ("address", target.host if target.connect_to else address), limits.address_rate
    if limits.host_rate is not None:
        yield ("host", target.host), limits.host_rate
    if limits.provider_rate is not None:
        for provider in find_providers(target, address):
            yield ("provider", provider), limits.provider_rate


def find_providers(target: Target, address: str | None) -> tuple[str, ...]:
    """What stands for the provider of a service: the network of its address, and the name above its host name.

    The network is an IPv4 /24 or an IPv6 /48. The name is that of the host without its first label, where three
    labels or more are left: the mail servers of many customers have names below `mail.protection.outlook.com`. With
    `connect_to` the address is that of a tunnel, and has no part in it, nor has one that is not known (None).

    >>> from toolkit.targets import parse_target
    >>> find_providers(parse_target("smtp://a-org.mail.protection.outlook.com"), "192.0.2.7")
    ('192.0.2.0/24', 'mail.protection.outlook.com')
    >>> find_providers(parse_target("https://www.example.org"), "2001:db8::1")
    ('2001:db8::/48',)
    """
    found = []
    if address is not None and not target.connect_to:
        where = ipaddress.ip_address(address.partition("%")[0])
        found.append(str(ipaddress.ip_network((where, 24 if where.version == 4 else 48), strict=False)))
    above = target.host.partition(".")[2]
    if target.server_name is not None and above.count(".") >= 2:
        found.append(above)
    return tuple(found)
