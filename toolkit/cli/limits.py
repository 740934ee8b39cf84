"""The options for `Limits`: one for each limit, `--ehlo`, `--contact`, and `--timeout` for all that are in seconds."""

import argparse
from collections.abc import Collection
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from toolkit.collection import Limits

_LIMITS: Final = {
    "resolve_seconds": ("--resolve-seconds", "to resolve a host name"),
    "connect_seconds": ("--connect-seconds", "to connect"),
    "upgrade_seconds": ("--upgrade-seconds", "for the dialogue before TLS, including the server's greeting"),
    "answer_seconds": ("--answer-seconds", "from the ClientHello until the server's first flight is read"),
    "total_seconds": ("--total-seconds", "for a whole observation, however slowly the server sends"),
    "upgrade_bytes": ("--upgrade-bytes", "maximum number of bytes read from a server before TLS"),
    "answer_bytes": ("--answer-bytes", "maximum number of bytes read from a server after the ClientHello"),
    "concurrency": ("--connections", "maximum number of simultaneous connections in all (in Python: `concurrency`)"),
    "per_host": ("--per-host", "maximum number of simultaneous connections to one address"),
    "max_looks": ("--max-looks", "maximum number of observations; the rest become rows with the outcome skipped"),
    "blocked": ("--block", "a host name or a network that is never contacted, or @FILE with one a line (repeatable)"),
    "allowed": ("--allow", "a host name or a network, or @FILE: nothing else is contacted (repeatable)"),
    "address_rate": ("--address-rate", "maximum number of connections that begin per second to one address"),
    "host_rate": ("--host-rate", "maximum number of connections that begin per second to one host name"),
    "provider_rate": ("--provider-rate", "the same to one IPv4 /24 or IPv6 /48, and to all hosts below one name"),
    "rate_jitter": ("--rate-jitter", "begin each connection later than the rates allow by up to this share, at random"),
    "max_planned": ("--max-planned", "refuse a round that would make more observations than this"),
}
"""Field of `Limits` → its option and what that sets."""

SURVEYS_OWN: Final = {"per_host", "max_looks", "address_rate"}
"""Fields that do not apply to a survey, which has its own `--per-host` and `--rate`, and `--budget`."""

_TIME_LIMITS: Final = tuple(field for field in _LIMITS if field.endswith("_seconds"))


def add_limits(parser: argparse.ArgumentParser, *, without: Collection[str] = ()) -> None:
    """`--ehlo`, `--contact`, and an option for each limit."""
    from toolkit.collection.limits import LISTS, Limits  # noqa: PLC0415  imports pandas

    group = parser.add_argument_group("limits")
    group.add_argument("--ehlo", metavar="NAME",
                       help="host name or address literal to send in EHLO and LHLO (default: this machine's address, "
                       "or mail.example.com where a server refuses that)")  # fmt: skip
    group.add_argument("--contact", metavar="TEXT",
                       help="how to reach you, such as a URL: kept with the round, and said by IMAP's ID where the "
                       "server lists it (default: nothing)")  # fmt: skip
    group.add_argument("--timeout", type=float, metavar="SECONDS",
                       help="set every limit in seconds that is not set on its own")  # fmt: skip
    defaults = {field.name: field.default for field in fields(Limits)}
    for field, (option, meaning) in _LIMITS.items():
        if field in without:
            continue
        if field in LISTS:
            group.add_argument(option, dest=field, action="append", metavar="NAME", help=meaning)
            continue
        default = defaults[field]
        known = "no limit" if default is None else f"{default:,}".removesuffix(".0")
        is_time = field in _TIME_LIMITS
        kind = float if is_time or "rate" in field.split("_") else int
        group.add_argument(option, dest=field, type=kind, metavar="SECONDS" if is_time else "N",
                           help=f"{meaning} (default: {known})")  # fmt: skip


def read_limits(arguments: argparse.Namespace) -> "Limits":
    """The limits that the arguments set.

    Raises `UsageError`, which names the option, for one that makes no sense, also behind `--ehlo` and `--contact`.
    """
    from toolkit.collection.limits import LISTS, Limits, check_limit, read_list  # noqa: PLC0415  imports pandas
    from toolkit.wire import check_client_name, check_contact  # noqa: PLC0415  imports cryptography

    if arguments.ehlo is not None:
        check_client_name(arguments.ehlo, "--ehlo ")
    if arguments.contact is not None:
        check_contact(arguments.contact, "--contact ")
    given: dict[str, Any] = {}
    if arguments.timeout is not None:
        check_limit(f"--timeout {arguments.timeout:g}", "timeout", arguments.timeout)
        given |= dict.fromkeys(_TIME_LIMITS, arguments.timeout)
    for field, (option, _) in _LIMITS.items():
        value = getattr(arguments, field, None)
        if value is None:
            continue
        if field in LISTS:
            value = read_list(option, value)
        else:
            check_limit(f"{option} {value:g}", field, value)
        given[field] = value
    return Limits(**given)
