"""What to observe: a service URL, `host:port`, a preset, or many of them, read strictly.

A *service* is `scheme://host:port`. Like `schema/`, every package may import this module: the lab names services, and
`collection` observes them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from sys import intern
from typing import TYPE_CHECKING, Final, TypeAlias, Union

from toolkit.errors import UsageError
from toolkit.hosts import address_of, bracketed, canonical_host
from toolkit.lazy import renamed
from toolkit.presets import PRESETS, presets
from toolkit.schemes import PORTS, SCHEMES_OF_PORTS, require_scheme
from toolkit.text import did_you_mean, for_html, for_terminal, not_known, type_name

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "LAB_DOMAIN",
    "PRESETS",
    "MailDomain",
    "Target",
    "Targets",
    "canonical_host",
    "compose_target",
    "expand_targets",
    "make_expander",
    "parse_target",
    "presets",
    "service_names",
]

LAB_DOMAIN: Final = ".lab.test"
"""The parent domain of all hosts of the lab; no other host can have such a name (RFC 6761 reserves `.test`)."""


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """One service to observe.

    - `server_name`: sent as SNI; None for an IP address, because RFC 6066 allows host names only.
    - `connect_to`: host and port to connect to instead of the service's own; None: the service's own.
    - `source`: written into each row; `live`, or `lab` for the lab's services.

    >>> import toolkit
    >>> target = toolkit.Target("smtp", "mx.example.org", 25, server_name="mx.example.org")
    >>> target.service, target.source
    ('smtp://mx.example.org:25', 'live')
    """

    scheme: str
    host: str
    port: int
    server_name: str | None = None
    connect_to: tuple[str, int] | None = None
    source: str = "live"

    def __post_init__(self) -> None:
        require_scheme("Target", self.scheme)
        if not isinstance(self.host, str) or not self.host:
            raise UsageError(f"Target(host={self.host!r:.60}): give a host name or an address as text.")
        if not isinstance(self.port, int) or not 0 < self.port < 65536:
            raise UsageError(f"Target(port={self.port!r:.60}): give a whole number from 1 to 65535.")

    @property
    def service(self) -> str:
        """`scheme://host:port`, an IPv6 address in brackets."""
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"

    def __str__(self) -> str:
        return self.service

    def __repr__(self) -> str:
        """The service, and the fields that differ from those `parse_target` would set."""
        usual = Target(self.scheme, self.host, self.port, None if address_of(self.host) else self.host)
        unusual = [
            f", {field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if getattr(self, field.name) != getattr(usual, field.name)
        ]
        return for_terminal(f"Target({self.service!r}{''.join(unusual)})")

    def _repr_html_(self) -> str:
        return f"<code>{for_html(repr(self))}</code>"


@dataclass(frozen=True, slots=True)
class MailDomain:
    """The mail servers of a domain, written `mx:example.org`; they are looked up when a round starts.

    >>> from toolkit.targets import MailDomain
    >>> domain = MailDomain("example.org")
    >>> str(domain), domain.service
    ('mx:example.org', 'smtp://example.org:25')
    """

    name: str

    @property
    def service(self) -> str:
        """The SMTP service of the domain itself: used where its mail servers are not known (RFC 5321, 5.1)."""
        return f"smtp://{self.name}:{PORTS['smtp']}"

    def __str__(self) -> str:
        return f"mx:{self.name}"


Targets: TypeAlias = Union[str, Target, MailDomain, Iterable[str | Target | MailDomain], "pd.DataFrame"]
"""What `expand_targets` takes: one target, any iterable of targets (a Series as well), or a frame."""


def parse_target(text: str, *, connect_to: str | None = None, scheme: str | None = None) -> Target:
    """The target that `text` names: `smtp://host:25`, `https://host`, `host:993`, `[::1]:443`.

    `scheme`: that of a text which names none, and no port that implies one. Without it such a text is refused: a host
    alone may be a mail or a web server. The host is in the form of `canonical_host`. Raises `UsageError` for an unknown
    scheme, and for a host that is neither an address nor a host name.

    >>> from toolkit import parse_target
    >>> parse_target("smtp.gmail.com.:587").service
    'smtp://smtp.gmail.com:587'

    >>> import toolkit
    >>> toolkit.parse_target("https://[::1]:8443")
    Target('https://[::1]:8443')
    >>> toolkit.parse_target("mx.lab.test:25", connect_to="127.0.0.1:2525")
    Target('smtp://mx.lab.test:25', connect_to=('127.0.0.1', 2525), source='lab')
    >>> toolkit.parse_target("www.example.org", scheme="https")
    Target('https://www.example.org:443')
    """
    if not isinstance(text, str):
        raise UsageError(f"parse_target takes text such as smtp://smtp.gmail.com:587, not {type_name(text)}.")
    if scheme is not None:
        require_scheme("parse_target", scheme)
    target = _parse(text, scheme, presets)
    if connect_to is None:
        return target
    if not isinstance(connect_to, str):
        raise UsageError(f"connect_to is text, host:port, not {type_name(connect_to)}.")
    other_host, other_port = split_port(connect_to, connect_to)
    if other_port is None:
        raise UsageError(f"connect_to={connect_to!r}: write host:port.")
    return replace(target, connect_to=(_named_host(other_host, connect_to)[0], other_port))


_Presets = Callable[[], Mapping[str, tuple[str, ...]]]


def _parse(text: str, scheme: str | None, known: _Presets) -> Target:
    """The target that `text` names; `known` gives the presets where they are needed, since they are in a file."""
    written, separator, rest = text.strip().partition("://")
    if "@" in rest:  # the text is not shown, because it may hold a password
        raise UsageError("A target has no user name or password: write scheme://host:port.")
    if not separator:
        written, rest = "", text.strip()
    written = intern(written.lower())  # one object for the many targets of a round
    if written and written not in PORTS:
        raise UsageError(not_known(f"{text!r}: scheme ", written, PORTS))
    if text.strip().removeprefix("mx:") not in ("", text.strip()):
        raise UsageError(f"{text!r} is a mail domain: give it to observe or collect, which look up its servers.")
    host, port = split_port(rest.rstrip("/"), text)
    scheme = written or _implied_scheme(text, rest, port, scheme, known)
    host, is_address = _named_host(host, text)
    source = "lab" if host.endswith(LAB_DOMAIN) else "live"
    return Target(scheme, host, PORTS[scheme] if port is None else port, None if is_address else host, None, source)


def _implied_scheme(text: str, rest: str, port: int | None, otherwise: str | None, presets: _Presets) -> str:
    """The scheme of a target that names none: by its port, else `otherwise`."""
    if port is None:
        if rest in PORTS:
            raise UsageError(f"{text!r} is a scheme: write it with a host, such as {rest}://mx.example.org.")
        known = presets()
        if rest in known:
            raise UsageError(f"{text!r} is a preset; name one of its services: {', '.join(known[rest])}.")
        if not rest or rest.endswith(":") or "/" in rest:
            raise UsageError(f"{text!r} is not a target: write host:port or scheme://host.{did_you_mean(rest, known)}")
        if otherwise is None:
            _named_host(rest, text)  # where it is not a host name, neither a port nor a scheme helps
            raise UsageError(
                f"{text!r}: name a port or a scheme, such as {rest}:25 or smtp://{rest}, or one scheme for all "
                f"(--scheme, read_targets(scheme=…)).{did_you_mean(rest, known)}"
            )
    implied = otherwise if port is None else SCHEMES_OF_PORTS.get(port, otherwise)
    if implied is None:
        raise UsageError(f"{text!r}: port {port} does not imply a protocol; write smtp://{rest}, tls://{rest}, ….")
    return implied


def make_expander(scheme: str | None = None) -> Callable[[object], list[Target | MailDomain]]:
    """The function that `expand_targets` applies to each target; it reads the presets once, when the first needs them.

    `scheme`: as for `parse_target`. The function raises `UsageError` as `parse_target` does.

    >>> from toolkit.targets import make_expander
    >>> expand = make_expander("https")
    >>> expand("www.example.org"), expand("mx:example.org")
    ([Target('https://www.example.org:443')], [MailDomain(name='example.org')])
    """
    return partial(_expand, scheme=scheme, known=cache(presets))


def expand_targets(
    targets: Targets, *, scheme: str | None = None, most: int | None = None
) -> list[Target | MailDomain]:
    """Every target named, with presets replaced by their services, without repeats, in order; `mx:` stays a domain.

    `targets`: one target, or any iterable of targets, which is read once: a list, a generator, a file of lines, a
    Series. Or a frame: with a column `target`, with a column `host` and one of `scheme` and `port`, or both, or with a
    column `service`, as the frames that this package returns have it. `scheme`: as for `parse_target`. `most`: where
    there are more targets than so many, the rest is not read, nor are those read compared with each other, for a caller
    that refuses them. None: all are read.

    Raises `UsageError` as `parse_target` does, with the place of the wrong target (`target 3`, or the label of the row
    in a Series or frame), for an empty iterable, for `mx:` without a domain name, and for one service by two ways
    (`connect_to`), whose observations could not be distinguished.

    >>> from toolkit.targets import expand_targets
    >>> import pandas as pd
    >>> inventory = pd.DataFrame({"host": ["mx.example.org", "2001:db8::1"], "port": [25, 465], "owner": ["a", "b"]})
    >>> [target.service for target in expand_targets(inventory)]
    ['smtp://mx.example.org:25', 'smtps://[2001:db8::1]:465']
    >>> expand_targets(["https://a.test", "htps://b.test"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    toolkit.errors.UsageError: target 2: 'htps://b.test': scheme 'htps' is not known. Did you mean 'https'? ...
    """
    expanded: dict[Target | MailDomain, None] = {}
    expand = make_expander(scheme)
    for place, item in _listed(targets):
        try:
            expanded.update(dict.fromkeys(expand(item)))
        except UsageError as error:
            raise UsageError(f"{place}{error}") from error
        if most is not None and len(expanded) > most:
            return list(expanded)
    if not expanded:
        raise UsageError("No target given: name at least one, such as smtp://smtp.gmail.com:587 or google-mail.")
    listed = list(expanded)
    del expanded  # a round may have many targets, and more memory than for them is not needed
    _require_one_way([target for target in listed if isinstance(target, Target)])
    return listed


def _require_one_way(targets: Sequence[Target]) -> None:
    """`UsageError` where a service is to be asked by two ways at one address: rows do not say the port."""
    if len({target.source for target in targets}) < 2 and not any(target.connect_to for target in targets):
        return
    ways: dict[tuple[str, str | None, str | None], Target] = {}
    for target in targets:
        address = target.connect_to[0] if target.connect_to else None
        other = ways.setdefault((target.service, target.server_name, address), target)
        if other != target:
            raise UsageError(
                f"{other!r} and {target!r} are one service by two ways, and observations do not say which: observe "
                "each in a call of its own."
            )


def _listed(targets: Targets) -> Iterator[tuple[str, object]]:
    """Each target as it is given, with its place as a prefix for messages."""
    if isinstance(targets, str | Target | MailDomain):
        yield "", targets
        return
    import pandas as pd  # noqa: PLC0415  takes long to import, and a single target does not need it

    if isinstance(targets, pd.Series | pd.DataFrame):
        series = targets if isinstance(targets, pd.Series) else _as_series(targets)
        for label, item in series.astype(object).where(series.notna(), None).items():
            yield f"row {label}: ", item
    elif isinstance(targets, Iterable) and not isinstance(targets, bytes | Mapping):
        for number, item in enumerate(targets, 1):
            yield f"target {number}: ", item
    else:
        yield "", targets


def _as_series(frame: "pd.DataFrame") -> "pd.Series":
    """The target of each row: from `target`, composed from `host`, `scheme` and `port`, or from `service`."""
    if "target" in frame:
        return frame["target"]
    if "host" not in frame or not ("scheme" in frame or "port" in frame):
        if "service" in frame:
            return frame["service"]
        columns = ", ".join(map(for_terminal, frame.columns)) or "none"
        raise UsageError(
            "A frame of targets needs a column `target`, `host` with `scheme` or `port`, or `service`. "
            f"It has: {columns}."
        )
    composed = frame.reindex(columns=["scheme", "host", "port"]).astype(object)
    return composed.where(composed.notna(), None).apply(lambda row: compose_target(*row), axis=1)


def compose_target(scheme: object, host: object, port: object) -> object:
    """The target as text, of parts that may be None; a host that is not text is returned as it is, to be refused.

    >>> from toolkit.targets import compose_target
    >>> compose_target("smtp", "mx.example.org", 25.0), compose_target(None, "2001:db8::1", 443)
    ('smtp://mx.example.org:25', '[2001:db8::1]:443')
    """
    if not isinstance(host, str):
        return host
    prefix = "" if scheme is None else f"{scheme}://"
    if isinstance(port, float) and port.is_integer():
        port = int(port)  # from a column of integers with nulls
    name = host.strip()
    if name.count(":") > 1 and not name.startswith("["):
        name = f"[{name}]"
    return f"{prefix}{name}" + ("" if port is None else f":{port}")


def _expand(item: object, scheme: str | None, known: _Presets) -> list[Target | MailDomain]:
    if isinstance(item, Target | MailDomain):
        return [item]
    if not isinstance(item, str):
        raise UsageError(f"A target is a service URL, host:port, mx:domain or preset, not {type_name(item)}.")
    text = item.strip()
    named = [text] if ":" in text else known().get(text, (text,))
    return [_parse_mail_domain(one) if one.startswith("mx:") else _parse(one, scheme, known) for one in named]


def service_names(services: str | Target | Iterable[str | Target] | None) -> set[str] | None:
    """The full names (`smtp://host:25`) of the services that limit a selection; None: no limit.

    Raises `UsageError` for anything but text, a `Target`, or several of them.

    >>> from toolkit.targets import parse_target, service_names
    >>> service_names(parse_target("https://a.test"))
    {'https://a.test:443'}
    """
    if services is None:
        return None
    listed = [services] if isinstance(services, str | Target) else services
    named = list(listed) if isinstance(listed, Iterable) else [listed]
    if not all(isinstance(one, str | Target) for one in named):
        raise UsageError("services: give names such as smtp://smtp.gmail.com:587, or targets.")
    return {str(one) for one in named}


def _parse_mail_domain(text: str) -> MailDomain:
    name, is_address = _named_host(text.removeprefix("mx:"), text)
    if is_address:
        raise UsageError(f"{text!r}: an address has no MX; write smtp://{name}.")
    return MailDomain(name)


def _named_host(host: str, given: str) -> tuple[str, bool]:
    """The host of a target as `canonical_host` returns it. A leading hyphen is a mistyped option, so it is refused."""
    if host.startswith("-"):
        raise UsageError(f"{given[:100]!r} is not a target: host names do not begin with a hyphen; options do.")
    return canonical_host(host, given=given)


_number = cache(int)
"""The number of a port: one object for equal ports, since a round has many targets."""


def split_port(text: str, whole: str) -> tuple[str, int | None]:
    """The host, and the port where there is one; an error shows `whole`."""
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise UsageError(f"{whole!r}: an IPv6 address is written [address]:port.")
        port = port[1:]
    elif text.count(":") > 1:
        if all(character in "0123456789abcdefABCDEF:." for character in text.partition("%")[0]):
            raise UsageError(f"{whole!r}: an IPv6 address is written in brackets, [{text}]:port.")
        raise UsageError(f"{whole!r}: has more than one colon after the scheme; write scheme://host:port.")
    else:
        host, _, port = text.partition(":")
    if not port:
        return host, None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise UsageError(f"{whole!r}: {port!r} is not a port (1 to 65535).")
    return host, _number(port)


if not TYPE_CHECKING:  # a type checker would take any name for one of the module
    __getattr__ = renamed(__name__, {"UPGRADES": "toolkit.schemes.UPGRADES"})
