"""Host names: which names of a certificate match a host. One rule for trust, policies, causes and rotations.

RFC 9525, section 6.3. An asterisk counts as the complete left-most label only, and matches exactly one label of
letters, digits and hyphens. At least two labels follow it: directly below a top level (`*.test`) it matches
nothing. Below other public suffixes (`*.co.uk`) it matches, as in OpenSSL: the list of public suffixes changes daily.

The host is compared in the form in which it is looked up in DNS (`canonical_host`): lower case, A-labels, no trailing
dot. In the name from the certificate only ASCII letters are lowered, so that a U-label or a trailing dot in it matches
nothing. An address matches the same address only, without its zone, which is local to the client.
"""

import re
from functools import lru_cache
from typing import Final

from toolkit.errors import UsageError
from toolkit.targets import canonical_host

_LABEL: Final = re.compile(r"[a-z0-9-]+\Z")
_BETWEEN: Final = re.compile(r"(?<!\\),\s*")
_COMMON_NAME: Final = re.compile(r"(?:^|,)CN=((?:[^,\\]|\\.)*)")


def names_host(name: str, host: str) -> bool:
    """Whether a dNSName, or an iPAddress as text, matches the host; nothing matches what is not a host name.

    >>> names_host("*.example.org", "mx.example.org"), names_host("*.example.org", "a.mx.example.org")
    (True, False)
    >>> names_host("*.org", "example.org"), names_host("m*.example.org", "mx.example.org")
    (False, False)
    """
    return comparable(name) in names_for(host)


def comparable(name: str) -> str:
    """The name of a certificate in the form of `names_for`. A name that is not ASCII stays as it is."""
    return name.lower() if name.isascii() else name


@lru_cache(maxsize=1 << 16)
def names_for(host: str) -> tuple[str, ...]:
    """All names that match the host, in lower case: itself, and the wildcard for its left-most label.

    >>> names_for("MX.Example.org."), names_for("example.org"), names_for("192.0.2.1")
    (('mx.example.org', '*.example.org'), ('example.org',), ('192.0.2.1',))
    """
    compared, is_address = compared_host(host)
    if compared is None:
        return ()
    label, _, parent = compared.partition(".")
    has_wildcard = "." in parent and _LABEL.match(label) and not is_address
    return (compared, f"*.{parent}") if has_wildcard else (compared,)


@lru_cache(maxsize=1 << 16)
def compared_host(host: str) -> tuple[str | None, bool]:
    """The host as it is compared (None: it is not a host name), and whether it is an address; without a zone."""
    try:
        name, is_address = canonical_host(host)
    except UsageError:
        return None, False
    return name.partition("%")[0], is_address


def host_of(name: str) -> str:
    """The host to ask for where the name of a certificate is known and no host: itself, or one below a wildcard.

    >>> host_of("mx.example.org"), host_of("*.example.org")
    ('mx.example.org', 'any.example.org')
    """
    return f"any{name[1:]}" if name.startswith("*.") else name


def common_names(subject: str) -> list[str]:
    """The common names of a subject in the notation of RFC 4514.

    >>> common_names("CN=mx.example.org,O=Example")
    ['mx.example.org']
    """
    return [match.replace("\\", "") for match in _COMMON_NAME.findall(subject)]


def name_parts(name: object) -> frozenset[str]:
    """The attributes of a distinguished name, without their order and spacing.

    >>> sorted(name_parts("CN=R10,O=Let's Encrypt,C=US"))
    ['C=US', 'CN=R10', "O=Let's Encrypt"]
    """
    return frozenset(part.strip() for part in _BETWEEN.split(str(name)))
