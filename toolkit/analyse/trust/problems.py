"""Checks: what is wrong with a path at an instant, element by element.

RFC 5280, section 6.1, with what TLS clients ask besides: purposes are nested (a CA's extendedKeyUsage binds what is
below), the root's own validity counts, and hashes and names follow dated rules (`reference/policies/clients.csv`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from toolkit.analyse.trust.elements import Element
from toolkit.analyse.trust.names import find_forbidden_name, match_host
from toolkit.reference.rules import policies

Kind = Literal["validity", "name", "usage", "signature"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: of which kind, with which element of the path (0 is the leaf), and why."""

    kind: Kind
    position: int
    reason: str


def title(position: int, length: int, *, has_root: bool) -> str:
    """How an element is called: leaf, intermediate 1 (counted from the leaf), root."""
    if position == 0:
        return "leaf"
    return "root" if has_root and position == length - 1 else f"intermediate {position}"


def find_usage_problems(path: tuple[Element, ...], *, has_root: bool) -> tuple[list[Problem], str | None]:
    """What the certificates may not be used for, whatever the day; and what could not be judged (null: nothing)."""
    found = []
    for position, element in enumerate(path):
        if element.unknown_critical:
            reason = f"its critical extension {element.unknown_critical[0]} is not one that clients process"
            found.append(Problem("usage", position, reason))
        # OpenSSL's rule (X509_V_ERR_EC_KEY_EXPLICIT_PARAMS): a certificate that stands alone is its own root.
        if element.has_explicit_curve and len(path) > 1:
            found.append(Problem("usage", position, "its key has explicit curve parameters, not a named curve"))
        if element.is_proxy:
            found.append(Problem("usage", position, "it is a proxy certificate (RFC 3820)"))
        if element.is_for_servers is False:
            found.append(Problem("usage", position, "its extendedKeyUsage does not list serverAuth"))
    if path[0].may_serve is False:
        found.append(Problem("usage", 0, "its keyUsage allows neither signing nor key exchange"))
    if path[0].is_netscape_server is False:
        found.append(Problem("usage", 0, "its netscape-cert-type does not allow a server"))
    below = 0
    for position, element in enumerate(path[1:], start=1):
        is_anchor = has_root and position == len(path) - 1
        if element.is_ca is not True and not (is_anchor and element.version == 0):
            found.append(Problem("usage", position, "its basicConstraints do not say that it is a CA"))
        if element.may_sign is False:
            found.append(Problem("usage", position, "its keyUsage does not allow signing certificates"))
        if element.path_length is not None and below > element.path_length:
            found.append(
                Problem("usage", position, f"{below} CAs are below it, its path length is {element.path_length}")
            )
        below += not element.is_self_issued
    forbidden = find_forbidden_name(path)
    if forbidden is not None and forbidden != "unjudged":
        element, reason = forbidden
        found.append(Problem("usage", path.index(element), reason))
    if forbidden == "unjudged":
        return found, "name constraints of a kind that is not compared here"
    # OpenSSL compares them with those of each issuer, and passes a leaf that lists none.
    return found, "addresses or AS numbers (RFC 3779), which are not compared here" if path[0].has_resources else None


def find_dated_problems(path: tuple[Element, ...], instant: datetime, *, has_root: bool) -> list[Problem]:
    """What is wrong on that day: not yet or no longer valid, or signed over a hash that clients refused by then."""
    found = []
    for position, element in enumerate(path):
        if instant < element.not_before:
            found.append(Problem("validity", position, f"it is valid only from {_shown(element.not_before)}"))
        elif instant > element.not_after:
            found.append(Problem("validity", position, f"it ended on {_shown(element.not_after)}"))
    below_root = path[:-1] if has_root else path
    for position, element in enumerate(below_root):
        for since, hashes in hash_rules():
            if instant >= since and element.hash_name in hashes:
                reason = f"its signature over {element.hash_name} is refused since {since:%Y-%m-%d}"
                found.append(Problem("signature", position, reason))
    return found


def find_name_problem(leaf: Element, host: str, instant: datetime) -> Problem | None:
    """Why the leaf is not for that host on that day; null where it is."""
    where = match_host(leaf, host)
    if where == "cn" and instant >= common_name_ends():
        return Problem("name", 0, f"it names {host} in its common name only, which no longer counts")
    return None if where else Problem("name", 0, f"it does not name {host}")


def hash_rules() -> list[tuple[datetime, tuple[str, ...]]]:
    """From when on clients refuse signatures over which hashes."""
    rules = policies()["clients"]
    return [(rule.since, rule.value) for rule in rules if rule.subject == "signature_hash" and rule.since]


def common_name_ends() -> datetime:
    """From when on a common name no longer stands for a dNSName."""
    return next(rule.since for rule in policies()["clients"] if rule.subject == "names" and rule.since)


def _shown(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
