"""Checks of a path at an instant, certificate by certificate.

RFC 5280, section 6.1, and what TLS clients require in addition: purposes are nested (a CA's extendedKeyUsage binds the
certificates below it), the root must be valid too (`reference/stores/behaviour.csv` has the exceptions), and hashes and
names follow dated rules (`reference/policies/clients.csv`).
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final, Literal, get_args

from toolkit.analyse.host_names import host_of
from toolkit.analyse.trust.certificates import Certificate
from toolkit.analyse.trust.names import find_forbidden_name, match_host
from toolkit.reference.rules import Rule, policies

Kind = Literal["validity", "name", "usage", "signature", "key", "root"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Problem:
    """A failed check: its kind, the position of the certificate in the path (0 is the leaf), why, and the cause.

    The cause is a word of the column `cause` of `verify_chains`; by default it is the kind.
    """

    kind: Kind
    position: int
    reason: str
    cause: str = ""


def title(position: int, length: int, *, has_root: bool) -> str:
    """The name of a position in a path: `leaf`, `intermediate 1` (counted from the leaf), `root`."""
    if position == 0:
        return "leaf"
    return "root" if has_root and position == length - 1 else f"intermediate {position}"


def find_usage_problems(path: tuple[Certificate, ...], *, has_root: bool) -> tuple[list[Problem], str | None]:
    """The problems that do not depend on the instant, and what could not be judged (None: nothing)."""
    found = []
    for position, certificate in enumerate(path):
        if certificate.unknown_critical:
            reason = f"its critical extension {certificate.unknown_critical[0]} is not one that clients process"
            found.append(Problem("usage", position, reason))
        # OpenSSL's rule (X509_V_ERR_EC_KEY_EXPLICIT_PARAMS): a path of one certificate is a root, which is exempt.
        if certificate.has_explicit_curve and len(path) > 1:
            found.append(Problem("usage", position, "its key has explicit curve parameters, not a named curve"))
        if certificate.is_proxy:
            found.append(Problem("usage", position, "it is a proxy certificate (RFC 3820)"))
        if certificate.is_for_servers is False:
            found.append(Problem("usage", position, "its extendedKeyUsage does not list serverAuth"))
    if path[0].may_serve is False:
        found.append(Problem("usage", 0, "its keyUsage allows neither signing nor key exchange"))
    if path[0].is_netscape_server is False:
        found.append(Problem("usage", 0, "its netscape-cert-type does not allow a server"))
    below = 0
    for position, certificate in enumerate(path[1:], start=1):
        is_anchor = has_root and position == len(path) - 1
        if certificate.is_ca is not True and not (is_anchor and certificate.version == 0):
            found.append(Problem("usage", position, "its basicConstraints do not say that it is a CA"))
        if certificate.may_sign is False:
            found.append(Problem("usage", position, "its keyUsage does not allow signing certificates"))
        if certificate.path_length is not None and below > certificate.path_length:
            found.append(
                Problem("usage", position, f"{below} CAs are below it, its path length is {certificate.path_length}")
            )
        below += not certificate.is_self_issued
    forbidden = find_forbidden_name(path)
    if forbidden is not None and forbidden != "unjudged":
        certificate, reason = forbidden
        found.append(Problem("usage", path.index(certificate), reason))
    if forbidden == "unjudged":
        return found, "name constraints of a kind that is not compared here"
    # OpenSSL compares resources with those of each issuer, and accepts a leaf that lists none.
    return found, "addresses or AS numbers (RFC 3779), which are not compared here" if path[0].has_resources else None


def find_dated_problems(
    path: tuple[Certificate, ...],
    instant: datetime,
    *,
    has_root: bool,
    bounding: tuple[Certificate, ...],
    accepted: frozenset[str],
) -> list[Problem]:
    """The problems at that instant: not yet or no longer valid, or a hash that clients refused by then.

    `bounding` are the certificates of the path whose end is checked, `accepted` the hashes that the store's clients
    accept though other clients refuse them.
    """
    found = []
    for position, certificate in enumerate(path):
        if instant < certificate.not_before:
            reason = f"it is valid only from {_shown(certificate.not_before)}"
            found.append(Problem("validity", position, reason, "not_yet_valid"))
        elif instant > certificate.not_after and certificate in bounding:
            found.append(Problem("validity", position, f"it expired on {_shown(certificate.not_after)}", "expiry"))
    below_root = path[:-1] if has_root else path
    for position, certificate in enumerate(below_root):
        for since, hashes in hash_rules():
            if instant >= since and certificate.hash_name in hashes and certificate.hash_name not in accepted:
                reason = f"its signature over {certificate.hash_name} is refused since {since:%Y-%m-%d}"
                found.append(Problem("signature", position, reason))
    return found


def find_weak_keys(path: tuple[Certificate, ...], instant: datetime, *, accepted: frozenset[str]) -> list[Problem]:
    """The certificates whose key clients refused by that instant; `accepted` are key types that are not refused."""
    return [
        Problem("key", position, reason)
        for position, certificate in enumerate(path)
        if certificate.key_type not in accepted
        for reason in _weak_keys(certificate, instant)
    ]


def _weak_keys(certificate: Certificate, instant: datetime) -> list[str]:
    """Why clients refuse the key of a certificate at that instant."""
    found = []
    for rule in _rules("key_type", "key_curve", "key_bits"):
        if rule.since is None or instant < rule.since:
            continue
        if rule.subject == "key_type":
            is_refused = certificate.key_type in rule.value
        elif rule.subject == "key_curve":
            is_refused = certificate.key_curve is not None and certificate.key_curve not in rule.value
        else:
            least = dict(part.split("=") for part in rule.value).get(certificate.key_type or "")
            is_refused = bool(least and certificate.key_bits and certificate.key_bits < int(least))
        if is_refused:
            key = certificate.key_curve or " ".join(
                str(part) for part in (certificate.key_type, certificate.key_bits) if part
            )
            found.append(f"its key ({key}) is refused since {rule.since:%Y-%m-%d}: {rule.required}")
    return found


def find_name_problem(leaf: Certificate, host: str, instant: datetime) -> Problem | None:
    """Why the leaf does not name the host at that instant, or for a wildcard a host below it; None where it does."""
    where = match_host(leaf, host_of(host))
    if where == "cn" and instant >= common_name_ends():
        return Problem("name", 0, f"it names {host} in its common name only, which no longer counts")
    wanted = f"a host that matches {host}" if host.startswith("*.") else host
    return None if where else Problem("name", 0, f"it does not name {wanted}")


@cache
def rule_dates() -> frozenset[datetime]:
    """The dates of the rules of clients: what is refused may change there."""
    return frozenset(rule.since for rule in policies()["clients"] if rule.since)


@cache
def _rules(*subjects: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in policies()["clients"] if rule.subject in subjects)


@cache
def hash_rules() -> tuple[tuple[datetime, tuple[str, ...]], ...]:
    """Dates, each with the hashes that clients refuse in signatures from then on."""
    return tuple((rule.since, rule.value) for rule in _rules("signature_hash") if rule.since)


@cache
def common_name_ends() -> datetime:
    """The date from which clients ignore the common name."""
    return next(rule.since for rule in _rules("names") if rule.since)


def _shown(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
