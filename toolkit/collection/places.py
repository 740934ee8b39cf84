"""Places: targets at one address, or at none, which a round asks or records as not asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from toolkit.collection.limits import Limits
from toolkit.collection.names import NotResolvedError
from toolkit.targets import MailDomain, Target, parse_target


@dataclass(frozen=True, slots=True)
class Place:
    """Targets at one address. Where `outcome` is not null they are not asked, for the `reason`.

    `address` is empty where none is known.
    """

    targets: tuple[Target, ...]
    address: str
    outcome: str | None = None
    reason: str | None = None


MailServers = Mapping[Target, str | None]
"""The mail servers of a domain, each with the reason why it cannot be asked (null: it can)."""


def expand_mail_domains(
    targets: Sequence[Target | MailDomain], found: Mapping[MailDomain, MailServers | NotResolvedError]
) -> tuple[list[Target], list[Place], tuple[str, ...]]:
    """The targets with each domain replaced by its mail servers, the places that cannot be asked, and all services.

    A domain without mail servers, and a mail server that cannot be asked, are places that cannot be asked.
    """
    expanded: dict[Target, None] = {}
    failed: dict[Target, str] = {}
    services: dict[str, None] = {}
    for listed in targets:
        for target, reason in _servers(listed, found).items():
            services[target.service] = None
            if reason is None:
                expanded[target] = None
            else:
                failed.setdefault(target, reason)
    places = [Place((target,), "", "not_resolved", reason) for target, reason in failed.items()]
    return list(expanded), places, tuple(services)


def _servers(listed: Target | MailDomain, found: Mapping[MailDomain, MailServers | NotResolvedError]) -> MailServers:
    if isinstance(listed, Target):
        return {listed: None}
    servers = found[listed]
    return {parse_target(listed.service): str(servers)} if isinstance(servers, NotResolvedError) else servers


def group_by_host(targets: Sequence[Target]) -> dict[str, tuple[Target, ...]]:
    """The targets of each host whose addresses are connected to."""
    hosts: dict[str, list[Target]] = {}
    for target in targets:
        hosts.setdefault(target.connect_to[0] if target.connect_to else target.host, []).append(target)
    return {host: tuple(several) for host, several in hosts.items()}


def find_places(
    host: str, targets: tuple[Target, ...], found: Sequence[str] | NotResolvedError, *, limits: Limits, most: int | None
) -> Iterator[Place]:
    """The places of the targets of one host, which is not blocked; `found`: its addresses, or why there are none.

    `most`: addresses that are asked; null: all.
    """
    if isinstance(found, NotResolvedError):
        yield Place(targets, "", "not_resolved", str(found))
        return
    for address in found[:most]:
        is_blocked = limits.blocks(address)
        yield Place(targets, address, *(("skipped", f"{address} is on the block list") if is_blocked else ()))


def blocked_place(host: str, targets: tuple[Target, ...]) -> Place:
    """The place of the targets of a host that is on the block list: its name is not looked up."""
    return Place(targets, "", "skipped", f"{host} is on the block list")


def counted_host(target: Target, address: str) -> str:
    """The host whose connections `per_host` counts: a tunnel or a lab has one address for many hosts."""
    return target.host if target.connect_to else address
