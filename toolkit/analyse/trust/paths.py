"""Paths: from a leaf to a known root, through the certificates that were served.

The search follows names and key identifiers, and keeps a step only if the signature is right. Path length, signatures
tried, steps and paths kept are bounded: with ten thousand intermediates, loops of cross-certificates or thousands of
CAs of one name it stops early, and the outcome is unknown.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from toolkit.analyse.trust.certificates import Certificate, Name, Unreadable, is_signed_by, may_have_issued

LONGEST: Final = 12
"""Most certificates of a path. Public ones have two to five."""

MOST_SIGNATURES: Final = 200
MOST_STEPS: Final = 5_000
MOST_PATHS: Final = 16


@dataclass(slots=True, eq=False)
class Search:
    """The result of a search: `paths`, each leaf first, and the `dead_ends` where no issuer was found.

    `is_exhausted`: the search reached a limit, so that a path may exist that was not found.
    """

    paths: list[tuple[Certificate, ...]] = field(default_factory=list)
    dead_ends: list["DeadEnd"] = field(default_factory=list)
    is_exhausted: bool = False
    signatures: int = 0
    steps: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether no further step may be taken."""
        return self.steps >= MOST_STEPS or self.signatures >= MOST_SIGNATURES or len(self.paths) >= MOST_PATHS


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """A path whose last certificate has no issuer, the reason, and whether that is a forged or broken signature."""

    path: tuple[Certificate, ...]
    reason: str
    is_forged: bool


class Index:
    """Certificates by subject, to find issuers."""

    def __init__(self, certificates: Iterable[Certificate]) -> None:
        self.by_subject: dict[Name, list[Certificate]] = {}
        seen: set[str] = set()
        for certificate in certificates:
            if certificate.sha256 not in seen:
                seen.add(certificate.sha256)
                self.by_subject.setdefault(certificate.subject, []).append(certificate)

    def issuers(self, child: Certificate) -> list[Certificate]:
        """Certificates with the child's issuer name that its authorityKeyIdentifier does not rule out."""
        return [issuer for issuer in self.by_subject.get(child.issuer, ()) if may_have_issued(child, issuer)]


class Signatures:
    """Verified signatures, each computed once for all chains."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], bool | None] = {}

    def check(self, child: Certificate, issuer: Certificate) -> bool | None:
        """Whether the issuer signed the child; None: the algorithm is not supported."""
        pair = (child.sha256, issuer.sha256)
        if pair not in self._known:
            self._known[pair] = is_signed_by(child, issuer)
        return self._known[pair]


def find_paths(leaf: Certificate, roots: Index, others: Index, signatures: Signatures) -> Search:
    """The paths from the leaf to an anchor among the roots, the shortest first."""
    search = Search()
    _extend((leaf,), roots, others, signatures, search)
    search.paths.sort(key=len)
    return search


def _extend(path: tuple[Certificate, ...], roots: Index, others: Index, signatures: Signatures, search: Search) -> None:
    search.steps += 1
    child = path[-1]
    if child.is_anchor and any(root.sha256 == child.sha256 for root in roots.by_subject.get(child.subject, ())):
        search.paths.append(path)
        return
    anchors = [issuer for issuer in roots.issuers(child) if issuer.is_anchor]
    known = {issuer.sha256 for issuer in anchors}
    between = [issuer for issuer in [*roots.issuers(child), *others.issuers(child)] if issuer.sha256 not in known]
    used = {(certificate.subject, certificate.key) for certificate in path}
    verdicts: list[tuple[Certificate, bool | None]] = []
    for issuer in [*anchors, *dict.fromkeys(between)]:
        is_root = issuer.sha256 in known
        if issuer.sha256 == child.sha256 or (not is_root and (issuer.subject, issuer.key) in used):
            continue
        if search.is_spent or (not is_root and len(path) >= LONGEST):
            search.is_exhausted = True
            return
        search.signatures += 1
        verdict = signatures.check(child, issuer)
        verdicts.append((issuer, verdict))
        if verdict and is_root:
            search.paths.append((*path, issuer))
        elif verdict:
            _extend((*path, issuer), roots, others, signatures, search)
    if not any(verdict for _, verdict in verdicts):
        search.dead_ends.append(_dead_end(path, verdicts))


def _dead_end(path: tuple[Certificate, ...], verdicts: list[tuple[Certificate, bool | None]]) -> DeadEnd:
    child = path[-1]
    if any(verdict is None for _, verdict in verdicts):
        return DeadEnd(path, "its signature uses an algorithm that cannot be verified here", is_forged=False)
    # Forged only where the key identifier names this very key: several keys may share a name.
    if any(child.issuer_key_id is not None and child.issuer_key_id == issuer.key_id for issuer, _ in verdicts):
        return DeadEnd(path, "its signature was not made by the key of its issuer", is_forged=True)
    if verdicts:
        return DeadEnd(
            path, "its signature was not made by any known certificate with its issuer's name", is_forged=False
        )
    if child.is_self_issued:
        return DeadEnd(path, "it is self-issued and not among the roots", is_forged=False)
    return DeadEnd(path, "its issuer is neither served nor among the roots", is_forged=False)


def readable(certificates: Iterable[Certificate | Unreadable]) -> list[Certificate]:
    """The certificates that could be read."""
    return [certificate for certificate in certificates if isinstance(certificate, Certificate)]
