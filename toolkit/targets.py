"""What to look at: a service URL, `host:port`, or a preset, read strictly.

A *service* is what a user means by "that server": `scheme://host:port`. Open to every room, like `schema.py`,
because the lab names services and the collector asks them.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from toolkit.errors import UsageError

PORTS: Final = {
    "smtp": 25,
    "smtps": 465,
    "imap": 143,
    "imaps": 993,
    "pop3": 110,
    "pop3s": 995,
    "https": 443,
    "tls": 443,
    "lmtp": 24,
    "sieve": 4190,
    "ftp": 21,
    "ldap": 389,
    "postgres": 5432,
}
"""Scheme → its registered port (IANA Service Name and Transport Protocol Port Number Registry; `tls` is bare TLS)."""

UPGRADES: Final = frozenset({"smtp", "imap", "pop3", "lmtp", "sieve", "ftp", "ldap", "postgres"})
"""Schemes that begin in clear text and upgrade: RFC 3207 (SMTP, LMTP), RFC 9051 (IMAP), RFC 2595 (POP3), RFC 5804
(ManageSieve), RFC 4217 (FTP), RFC 4511 (LDAP), and PostgreSQL's SSLRequest."""

SCHEMES_OF_PORTS: Final = {
    25: "smtp",
    587: "smtp",
    2525: "smtp",
    465: "smtps",
    143: "imap",
    993: "imaps",
    110: "pop3",
    995: "pop3s",
    443: "https",
    8443: "https",
    24: "lmtp",
    4190: "sieve",
    21: "ftp",
    389: "ldap",
    5432: "postgres",
}
"""The scheme meant by `host:port` alone. RFC 8314 for 465, 587, 993 and 995."""

PRESETS: Final = {
    "google-mail": (
        "smtp://aspmx.l.google.com:25",
        "smtp://smtp-relay.gmail.com:587",
        "smtp://smtp.gmail.com:587",
        "smtps://smtp.gmail.com:465",
    ),
}
"""Named lists of services. `google-mail`: the hosts of support.google.com/a/answer/6180220."""

LAB_DOMAIN: Final = ".lab.test"
"""Every host of the lab has a name below it, and nothing else can have one (RFC 6761 reserves `.test`)."""

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")


@dataclass(frozen=True, slots=True)
class Target:
    """One service to look at, and how.

    `server_name` is what the hello names (SNI; RFC 6066 allows host names only, so null for an IP address).
    `connect_to` (host, port) is dialled instead of the service's own. `source` goes into each row: `live`,
    or `lab` for the lab's services, also where one is named by hand.
    """

    scheme: str
    host: str
    port: int
    server_name: str | None = None
    connect_to: tuple[str, int] | None = None
    source: str = "live"

    @property
    def service(self) -> str:
        """`scheme://host:port`, an IPv6 address in brackets."""
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}"

    def __str__(self) -> str:
        return self.service


@dataclass(frozen=True, slots=True)
class MailDomain:
    """The mail servers of a domain, written `mx:example.org`; `collect` asks which they are."""

    name: str

    @property
    def service(self) -> str:
        """What stands for the domain where its servers are not known: its own SMTP service (RFC 5321, 5.1)."""
        return f"smtp://{self.name}:{PORTS['smtp']}"

    def __str__(self) -> str:
        return f"mx:{self.name}"


def parse_target(text: str, *, connect_to: str | None = None) -> Target:
    """The target that `text` names: `smtp://host:25`, `https://host`, `host:993`, `[::1]:443`.

    A trailing dot is legal and stripped. Raises `UsageError` for an unknown scheme, for a port that tells no
    scheme, and for a host that is neither an address nor a host name (RFC 1123).

    >>> parse_target("smtp.gmail.com.:587").service
    'smtp://smtp.gmail.com:587'
    """
    if text.strip() in PRESETS:
        raise UsageError(f"{text!r} is a preset; name one of its services: {', '.join(PRESETS[text.strip()])}.")
    scheme, separator, rest = text.strip().partition("://")
    if not separator:
        scheme, rest = "", text.strip()
    scheme = scheme.lower()
    if scheme and scheme not in PORTS:
        raise UsageError(f"{text!r}: unknown scheme {scheme!r}. Known: {', '.join(PORTS)}.")
    host, port = _split_port(rest.rstrip("/"), text)
    if not scheme:
        if port is None:
            raise UsageError(f"{text!r}: name a port or a scheme, such as {rest}:25 or smtp://{rest}.")
        if port not in SCHEMES_OF_PORTS:
            raise UsageError(f"{text!r}: port {port} does not tell the protocol; write smtp://{rest}, tls://{rest}, ….")
        scheme = SCHEMES_OF_PORTS[port]
    host, is_address = _checked_host(host, text)
    source = "lab" if host.endswith(LAB_DOMAIN) else "live"
    target = Target(scheme, host, PORTS[scheme] if port is None else port, None if is_address else host, None, source)
    if connect_to is None:
        return target
    dialled, dialled_port = _split_port(connect_to, connect_to)
    if dialled_port is None:
        raise UsageError(f"connect_to={connect_to!r}: write host:port.")
    return replace(target, connect_to=(_checked_host(dialled, connect_to)[0], dialled_port))


def expand_targets(
    targets: str | Target | MailDomain | Sequence[str | Target | MailDomain],
) -> list[Target | MailDomain]:
    """Every target that the list names, presets written out, repeats dropped, in order; `mx:` stays a domain.

    Raises `UsageError` as `parse_target` does, for an empty list, and for `mx:` without a domain name.
    """
    listed = list(targets) if isinstance(targets, Sequence) and not isinstance(targets, str) else [targets]
    expanded: dict[Target | MailDomain, None] = {}
    for item in listed:
        if isinstance(item, Target | MailDomain):
            expanded[item] = None
        elif not isinstance(item, str):
            raise UsageError(f"{item!r} is not a target: write a service URL, host:port or a preset.")
        elif item in PRESETS:
            expanded.update(dict.fromkeys(parse_target(service) for service in PRESETS[item]))
        elif item.startswith("mx:"):
            expanded[_parse_mail_domain(item)] = None
        else:
            expanded[parse_target(item)] = None
    if not expanded:
        raise UsageError("No target given: name at least one, such as smtp://smtp.gmail.com:587 or google-mail.")
    return list(expanded)


def _parse_mail_domain(text: str) -> MailDomain:
    name, is_address = _checked_host(text.removeprefix("mx:"), text)
    if is_address:
        raise UsageError(f"{text!r}: an address has no MX; write smtp://{name}.")
    return MailDomain(name)


def _split_port(text: str, whole: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise UsageError(f"{whole!r}: an IPv6 address is written [address]:port.")
        port = port[1:]
    elif text.count(":") > 1:
        raise UsageError(f"{whole!r}: an IPv6 address is written in brackets, [{text}]:port.")
    else:
        host, _, port = text.partition(":")
    if not port:
        return host, None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise UsageError(f"{whole!r}: {port!r} is not a port (1 to 65535).")
    return host, int(port)


def _checked_host(host: str, whole: str) -> tuple[str, bool]:
    try:
        return str(ipaddress.ip_address(host)), True
    except ValueError:
        pass
    name = host.removesuffix(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise UsageError(f"{whole!r}: {host!r} is not a host name ({error}).") from error
    if not name or len(name) > 253 or not all(_LABEL.match(label) for label in name.split(".")):
        raise UsageError(f"{whole!r}: {host!r} is not a host name.")
    return name, False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
