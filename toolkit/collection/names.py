"""Resolves names: the addresses of a host, the mail servers of a domain.

The operating system resolves addresses (with its hosts file and search order), unless a resolver is given; dnspython
resolves mail servers. A name that cannot be resolved raises `NotResolvedError`, whose message becomes a row's reason.
"""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from toolkit.errors import ToolkitError, UsageError
from toolkit.hosts import address_of
from toolkit.schemes import PORTS
from toolkit.targets import MailDomain, Target, canonical_host, parse_target

Resolver = dns.asyncresolver.Resolver

RESOLVED_AT_A_TIME: Final = 32

Name = TypeVar("Name")
Found = TypeVar("Found")


class NotResolvedError(ToolkitError):
    """A name has no address, or the lookup failed; the message says which."""


async def find_addresses(host: str, *, seconds: float, resolver: Resolver | None) -> list[str]:
    """Every IPv4 and IPv6 address of the host, without repeats, in the order of the answer.

    An address is returned as it is. Raises `NotResolvedError`.
    """
    if (address := address_of(host)) is not None:
        return [address]
    # glibc does not look up a name that begins with a hyphen, but DNS may have it.
    by_system = resolver is None and not host.startswith("-")
    found = await (_ask_system(host, seconds) if by_system else _ask_dns(host, seconds, resolver))
    return list(dict.fromkeys(address_of(address) or address for address in found))


async def find_mail_servers(
    domain: MailDomain, *, seconds: float, resolver: Resolver | None
) -> dict[Target, str | None]:
    """The domain's mail servers, most preferred first: its MX records, else the domain itself (RFC 5321, 5.1).

    Each has a reason why it cannot be asked (an MX must be a host name), or None. Raises `NotResolvedError`, also for a
    domain that declares that it accepts no mail (RFC 7505).
    """
    try:
        asked = resolver or dns.asyncresolver.Resolver()
        answer = await asked.resolve(domain.name, dns.rdatatype.MX, lifetime=seconds)
    except dns.resolver.NoAnswer:
        return {parse_target(f"smtp://{domain.name}"): None}
    except (dns.exception.DNSException, OSError) as error:
        raise NotResolvedError(f"asking for the MX of {domain.name}: {_why(error)}") from error
    records = sorted(answer, key=lambda record: (record.preference, record.exchange))
    hosts = [record.exchange.to_text(omit_final_dot=True) for record in records if record.exchange != dns.name.root]
    if not hosts:
        raise NotResolvedError(f"{domain.name} accepts no mail: its MX is null (RFC 7505)")
    servers: dict[Target, str | None] = {}
    for host in hosts:
        try:
            name, is_address = canonical_host(host)
            server = parse_target(f"smtp://{name}")
        except UsageError as error:
            servers[Target("smtp", host, PORTS["smtp"])] = f"an MX of {domain.name}: {error}"
            continue
        reason = f"an MX of {domain.name}: {name} is an address, and an MX is a host name (RFC 5321, 5.1)"
        servers[server] = reason if is_address else None
    return servers


async def find_each(
    names: Iterable[Name], find: Callable[[Name], Awaitable[Found]]
) -> dict[Name, Found | NotResolvedError]:
    """What `find` finds for each name, or its `NotResolvedError`; several names are looked up at a time."""
    waiting = iter(names)
    found: dict[Name, Found | NotResolvedError] = {}

    async def work() -> None:
        for name in waiting:
            try:
                found[name] = await find(name)
            except NotResolvedError as error:
                found[name] = error

    async with asyncio.TaskGroup() as group:
        for _ in range(RESOLVED_AT_A_TIME):
            group.create_task(work())
    return found


async def _ask_dns(host: str, seconds: float, resolver: Resolver | None) -> list[str]:
    types = (dns.rdatatype.AAAA, dns.rdatatype.A)
    try:
        asked = resolver or dns.asyncresolver.Resolver()
    except dns.exception.DNSException as error:
        raise NotResolvedError(f"asking for the addresses of {host}: {_why(error)}") from error
    answers = await asyncio.gather(
        *(asked.resolve(host, kind, lifetime=seconds) for kind in types), return_exceptions=True
    )
    found, errors = [], []
    for answer in answers:
        if isinstance(answer, dns.exception.DNSException | OSError):
            errors.append(answer)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found += [record.to_text() for record in answer]
    if not found:
        # The error of the A record explains more than a missing AAAA record.
        raise NotResolvedError(f"asking for the addresses of {host}: {_why(errors[-1])}")
    return found


async def _ask_system(host: str, seconds: float) -> list[str]:
    """Resolve in a daemon thread, which may outlive `seconds`: `getaddrinfo` has no timeout."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Sequence[tuple[object, ...]]] = loop.create_future()

    def answer(result: Sequence[tuple[object, ...]] | OSError) -> None:
        if not answered.done():
            if isinstance(result, OSError):
                answered.set_exception(result)
            else:
                answered.set_result(result)

    def ask() -> None:
        result: Sequence[tuple[object, ...]] | OSError
        try:
            result = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as error:
            result = error
        except UnicodeError as error:
            result = OSError(f"not a host name: {error}")
        # The round may have ended meanwhile; its loop is closed then.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(answer, result)

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            entries = await answered
    except TimeoutError:
        raise NotResolvedError(f"asking for the addresses of {host}: no answer within {seconds:g} s") from None
    except OSError as error:
        raise NotResolvedError(f"asking for the addresses of {host}: {error.strerror or error}") from error
    return [str(entry[4][0]) for entry in entries if isinstance(entry[4], tuple)]


def _why(error: BaseException) -> str:
    if isinstance(error, dns.resolver.NXDOMAIN):
        return "the name does not exist (NXDOMAIN)"
    if isinstance(error, dns.resolver.NoAnswer):
        return "it has none"
    if isinstance(error, dns.exception.Timeout):
        return "no answer in time"
    if isinstance(error, dns.resolver.NoNameservers):
        # The text of the exception names the resolver, which discloses where we are.
        answered = dict.fromkeys(_answered(failure) for _, _, _, failure, _ in error.kwargs["errors"])
        return f"no usable answer ({', '.join(answered) or 'no server could be asked'})"
    return str(error) or type(error).__name__


def _answered(failure: Exception | str) -> str:
    """A DNS server's failure without its address: the response code, or the error."""
    if isinstance(failure, OSError):
        return failure.strerror or type(failure).__name__
    return failure if isinstance(failure, str) else type(failure).__name__
