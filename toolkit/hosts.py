"""Hosts: names in the form in which DNS is asked for them, and addresses in their usual form."""

import ipaddress
import re
import unicodedata
from typing import Final

import idna

from toolkit.errors import UsageError

_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\Z")
"""A name in DNS (RFC 2181): also with underscores, and hyphens at either end of a label, which RFC 1123 forbids."""

_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\Z")
"""A name whose last label is a number."""

_ZONE = re.compile(r"[A-Za-z0-9._~-]+\Z")

_LONGEST: Final = 1000
"""Characters of a host as it is given. A name in DNS has 253, and Unicode mapped by UTS 46 becomes hardly shorter."""


def canonical_host(host: str, *, given: str | None = None) -> tuple[str, bool]:
    """The name as DNS is asked for it, or the address; and whether it is an address.

    A name is lower case, without the trailing dot, in A-labels: UTS 46 (non-transitional) and IDNA 2008, with symbols
    such as emoji, which IDNA 2008 disallows and UTS 46 does not. What is ASCII is kept as it is, since what DNS answers
    can be asked: underscores, hyphens anywhere, A-labels that IDNA 2008 disallows. Raises `UsageError` for what is not
    a host name: an empty or overlong label, other characters, a last label that is a number, as in `127.1`, which an
    operating system reads as an address. `given` is the text that holds the host, which messages show.

    >>> from toolkit.targets import canonical_host
    >>> canonical_host("faß.de."), canonical_host("2001:DB8::1")
    (('xn--fa-hia.de', False), ('2001:db8::1', True))
    """
    if (address := address_of(host)) is not None:  # before anything is made lower case: a zone is not
        return address, True
    shown = repr(host[:100]) if given in (None, host) else f"{given[:100]!r}: {host[:100]!r}"
    if len(host) > _LONGEST:
        raise UsageError(f"{shown}… is not a host name: it has {len(host)} characters.")
    name = host.lower()
    if not host.isascii():
        try:
            name = ".".join(map(_a_label, idna.uts46_remap(host, std3_rules=False, transitional=False).split(".")))
        except idna.IDNAError as error:
            advice = "If DNS has this name, write it in A-labels (xn--…)."
            raise UsageError(f"{shown} is not a host name ({error}). {advice}") from error
    name = name.removesuffix(".")
    if (address := address_of(name)) is not None:  # written with a trailing dot, or in fullwidth digits
        return address, True
    if len(name) > 253 or not _NAME.match(name):
        raise UsageError(f"{shown} is not a host name.")
    if _NUMBER.match(name):
        raise UsageError(f"{shown} is not a host name: it ends in a number, and is not an address written in full.")
    return name, False


def address_of(host: str) -> str | None:
    """The address in its usual form (RFC 5952), a zone as it is given (`%25` as in a URL: RFC 6874); None: a name.

    An IPv4-mapped address (RFC 4291, 2.5.5.2) is the IPv4 address that a connection to it reaches.
    """
    if ":" not in host and not host[:1].isdecimal():  # a name, as most hosts are: trying to read it takes longer
        return None
    address, percent, zone = host.replace("%25", "%", 1).partition("%")
    if percent and not _ZONE.match(zone):
        return None
    try:
        found = ipaddress.ip_address(address + percent + zone)
    except ValueError:
        return None
    return str(getattr(found, "ipv4_mapped", None) or found)


def _a_label(label: str) -> str:
    """A label that UTS 46 has mapped, as A-label; raises `IDNAError`."""
    if label.isascii():
        return label
    try:
        return idna.alabel(label).decode("ascii")
    except idna.InvalidCodepoint:  # a symbol; joiners and what is written from the right are for IDNA 2008 alone
        idna.check_initial_combiner(label)
        if {"\u200c", "\u200d"} & set(label) or any(unicodedata.bidirectional(one) in {"R", "AL"} for one in label):
            raise
        return "xn--" + label.encode("punycode").decode("ascii")


def bracketed(host: str) -> str:
    """The host as a URL has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
