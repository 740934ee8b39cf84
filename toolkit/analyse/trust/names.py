"""Names: whether a certificate names a host, and whether the CAs above may issue for its names."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from cryptography import x509
from cryptography.x509.oid import NameOID

from toolkit.analyse.host_names import comparable, compared_host, names_for
from toolkit.analyse.trust.certificates import Certificate, Name, comparable_name

_COMPARED = (x509.DNSName, x509.IPAddress, x509.DirectoryName, x509.RFC822Name, x509.UniformResourceIdentifier)
_URI_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^@/?#]*@)?([^:/?#]+)")

MOST_COMPARISONS: Final = 1 << 20
"""Most comparisons of names with constraints in one path; OpenSSL has the same limit."""


def match_host(certificate: Certificate, host: str) -> Literal["san", "cn"] | None:
    """Where the certificate names the host (`host_names`): in the subjectAltName, in the common name, or nowhere.

    An address matches an iPAddress only, a name a dNSName. The common name counts where there is no dNSName (RFC 6125,
    section 6.4.4; no longer in RFC 9525: whether it may still count is the caller's to say).
    """
    wanted, names = names_for(host), certificate.names or ()
    if compared_host(host)[1]:
        return "san" if any(isinstance(name, x509.IPAddress) and str(name.value) in wanted for name in names) else None
    dns_names = [name.value for name in names if isinstance(name, x509.DNSName)]
    if any(comparable(name) in wanted for name in dns_names):
        return "san"
    if not dns_names and any(comparable(name) in wanted for name in certificate.common_names):
        return "cn"
    return None


def find_forbidden_name(path: tuple[Certificate, ...]) -> tuple[Certificate, str] | Literal["unjudged"] | None:
    """The first certificate of a path (leaf first) with a name that a CA above it may not give, and why.

    RFC 5280, section 4.2.1.10: names of each certificate against the constraints of every one above, self-issued
    intermediates aside. `unjudged`: a constrained name of a kind that is not compared here (otherName, …), constraints
    with a minimum or maximum, or too many names.
    """
    comparisons = 0
    for depth, certificate in enumerate(path):
        if depth and certificate.is_self_issued:
            continue
        above = [issuer.constraints for issuer in path[depth + 1 :] if issuer.constraints is not None]
        if not above:
            continue
        if any(issuer.has_bounded_constraints for issuer in path[depth + 1 :]):
            return "unjudged"
        for name in _names_of(certificate, is_leaf=depth == 0):
            for constraints in above:
                comparisons += len(constraints.permitted_subtrees or ()) + len(constraints.excluded_subtrees or ())
                if comparisons > MOST_COMPARISONS:
                    return "unjudged"
                verdict = _check(name, constraints)
                if verdict == "unjudged":
                    return "unjudged"
                if verdict is not None:
                    return certificate, verdict
    return None


def _names_of(certificate: Certificate, *, is_leaf: bool) -> Iterator[x509.GeneralName]:
    """What constraints apply to: the subject, the alternative names, and, without those, the common name."""
    names = certificate.names or ()
    if certificate.subject:
        yield x509.DirectoryName(certificate.subject_name)
    yield from names
    if not any(isinstance(name, x509.RFC822Name) for name in names):
        for attribute in certificate.subject_name.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
            if isinstance(attribute.value, str) and attribute.value.isascii():
                yield x509.RFC822Name(attribute.value)
    if is_leaf and not any(isinstance(name, x509.DNSName) for name in names):
        for common_name in certificate.common_names:
            if common_name.isascii() and "." in common_name and " " not in common_name:
                yield x509.DNSName(common_name)


def _check(name: x509.GeneralName, constraints: x509.NameConstraints) -> str | None:
    """Why the name is forbidden; `unjudged`; None where it is allowed."""
    permitted = [tree for tree in constraints.permitted_subtrees or () if type(tree) is type(name)]
    excluded = [tree for tree in constraints.excluded_subtrees or () if type(tree) is type(name)]
    if not permitted and not excluded:
        return None
    if not isinstance(name, _COMPARED):
        return "unjudged"
    shown = name.value.rfc4514_string() if isinstance(name, x509.DirectoryName) else str(name.value)
    if any(_is_within(name, tree) or _may_become(name, tree) for tree in excluded):
        return f"{shown} is excluded by the name constraints of a CA above"
    if permitted and not any(_is_within(name, tree) for tree in permitted):
        return f"{shown} is outside the name constraints of a CA above"
    return None


def _is_within(name: x509.GeneralName, tree: x509.GeneralName) -> bool:
    if isinstance(name, x509.DNSName) and isinstance(tree, x509.DNSName):
        value, suffix = name.value.lower(), tree.value.lower()
        if not suffix:
            return True
        return value.endswith(suffix) if suffix.startswith(".") else value == suffix or value.endswith("." + suffix)
    if isinstance(name, x509.IPAddress) and isinstance(tree, x509.IPAddress):
        network = tree.value
        if not isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network):
            return False
        return isinstance(name.value, ipaddress.IPv4Address | ipaddress.IPv6Address) and name.value in network
    if isinstance(name, x509.RFC822Name) and isinstance(tree, x509.RFC822Name):
        local, _, host = name.value.rpartition("@")
        if "@" in tree.value:
            wanted, _, wanted_host = tree.value.rpartition("@")
            return (local, host.lower()) == (wanted, wanted_host.lower())
        return _is_host_within(host, tree.value)
    if isinstance(name, x509.UniformResourceIdentifier) and isinstance(tree, x509.UniformResourceIdentifier):
        authority = _URI_HOST.match(name.value)
        return authority is not None and _is_host_within(authority[1], tree.value)
    if isinstance(name, x509.DirectoryName) and isinstance(tree, x509.DirectoryName):
        return _starts_with(comparable_name(name.value), comparable_name(tree.value))
    return False


def _is_host_within(host: str, constraint: str) -> bool:
    """RFC 5280, section 4.2.1.10, for mailboxes and URIs: a host means itself, a leading dot every host below."""
    host, constraint = host.lower(), constraint.lower()
    return host.endswith(constraint) if constraint.startswith(".") else host == constraint


def _may_become(name: x509.GeneralName, tree: x509.GeneralName) -> bool:
    """Whether an asterisk could stand for an excluded host: `*.example.org` for `mail.example.org`."""
    if not (isinstance(name, x509.DNSName) and isinstance(tree, x509.DNSName) and name.value.startswith("*.")):
        return False
    return tree.value.lower().lstrip(".").partition(".")[2] == name.value[2:].lower()


def _starts_with(name: Name, prefix: Iterable[object]) -> bool:
    wanted = tuple(prefix)
    return name[: len(wanted)] == wanted
