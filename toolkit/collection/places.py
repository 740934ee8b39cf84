"""Places: targets at one address, or at none, which a round asks or records as not asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from toolkit.collection.limits import Limits
from toolkit.collection.names import NotResolvedError
from toolkit.targets import MailDomain, Target, parse_target


@dataclass(frozen=True, slots=True)
class Place:
    """Targets at one address. Where `outcome` is not None they are not asked, for the `reason`.

    `address` is empty where none is known.
    """

    targets: tuple[Target, ...]
    address: str
    outcome: str | None = None
    reason: str | None = None


MailServers = Mapping[Target, str | None]
"""The mail servers of a domain, each with the reason why it cannot be asked (None: it can)."""


def expand_mail_domains(
    targets: Sequence[Target | MailDomain],
    found: Mapping[MailDomain, MailServers | NotResolvedError],
    resting: Mapping[str, str],
) -> tuple[list[Target], list[Place], tuple[str, ...]]:
    """The targets with each domain replaced by its mail servers, the places that are not asked, and all services.

    A domain without mail servers, and a mail server that cannot be asked, are places that are not asked. So are the
    services of `resting`, for the reasons there.
    """
    expanded: dict[Target, None] = {}
    failed: dict[Target, tuple[str, str]] = {}
    services: dict[str, None] = {}
    for listed in targets:
        for target, reason in _servers(listed, found).items():
            services[target.service] = None
            rests = resting.get(target.service)
            if reason is not None:
                failed.setdefault(target, ("not_resolved", reason))
            elif rests is not None:
                failed.setdefault(target, ("skipped", rests))
            else:
                expanded[target] = None
    places = [Place((target,), "", *why) for target, why in failed.items()]
    return list(expanded), places, tuple(services)


def _servers(listed: Target | MailDomain, found: Mapping[MailDomain, MailServers | NotResolvedError]) -> MailServers:
    if isinstance(listed, Target):
        return {listed: None}
    servers = found[listed]
    return {parse_target(listed.service): str(servers)} if isinstance(servers, NotResolvedError) else servers


def group_by_host(targets: Sequence[Target]) -> Iterator[tuple[str, tuple[Target, ...]]]:
    """Each host whose addresses are connected to, with its targets; only hosts with several take memory meanwhile."""
    seen: set[str] = set()
    several: dict[str, list[Target]] = {}
    for host in map(_dialled, targets):
        if host in seen:
            several[host] = []
        seen.add(host)
    del seen
    for target in targets:
        if (together := several.get(_dialled(target))) is not None:
            together.append(target)
    for target in targets:
        host = _dialled(target)
        if host not in several:
            yield host, (target,)
        elif several[host]:
            yield host, tuple(several[host])
            several[host] = []


def _dialled(target: Target) -> str:
    return target.connect_to[0] if target.connect_to else target.host


def find_places(
    host: str, targets: tuple[Target, ...], found: Sequence[str] | NotResolvedError, *, limits: Limits, most: int | None
) -> Iterator[Place]:
    """The places of the targets of one host that may be asked; `found`: its addresses, or why there are none.

    `most`: addresses that are asked; None: all.
    """
    if isinstance(found, NotResolvedError):
        yield Place(targets, "", "not_resolved", str(found))
        return
    for address in found[:most]:
        reason = limits.why_skipped(host, address)
        yield Place(targets, address) if reason is None else Place(targets, address, "skipped", reason)


def skipped_place(host: str, targets: tuple[Target, ...], limits: Limits) -> Place | None:
    """The place of the targets of a host that the lists forbid to ask: its name is not looked up. None: it is."""
    reason = limits.why_skipped(host)
    return None if reason is None else Place(targets, "", "skipped", reason)


def counted_host(target: Target, address: str) -> str:
    """The host whose connections `per_host` counts: a tunnel or a lab has one address for many hosts."""
    return target.host if target.connect_to else address
