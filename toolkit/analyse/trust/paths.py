"""Paths: from a leaf to a root that we hold, through what was served, bounded whatever was served.

The search follows names and key identifiers as hints and keeps a step only if the signature is right. It is bounded
in elements, in signatures tried and in paths kept: ten thousand intermediates, loops of cross-certificates and
thousands of CAs of one name end it early, and then the answer is that nobody knows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from toolkit.analyse.trust.elements import Element, Name, Unreadable, is_signed_by, may_have_issued

LONGEST: Final = 12
"""Elements of a path. Public ones have two to five."""

MOST_SIGNATURES: Final = 200
MOST_STEPS: Final = 5_000
MOST_PATHS: Final = 16


@dataclass(slots=True, eq=False)
class Search:
    """What a search found: paths, each leaf first; and where it ended in vain.

    `dead_ends` holds, for each element whose issuer was not found, the element and why, nearest the leaf first.
    `is_exhausted`: the search was given up, so another path may exist that was not found.
    """

    paths: list[tuple[Element, ...]] = field(default_factory=list)
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
    """Where the search stopped: the path so far, why, and whether that is a forged or broken signature."""

    path: tuple[Element, ...]
    reason: str
    is_forged: bool


class Index:
    """Certificates by subject, so that an issuer is found without looking at all of them."""

    def __init__(self, elements: Iterable[Element]) -> None:
        self.by_subject: dict[Name, list[Element]] = {}
        seen: set[str] = set()
        for element in elements:
            if element.sha256 not in seen:
                seen.add(element.sha256)
                self.by_subject.setdefault(element.subject, []).append(element)

    def issuers(self, child: Element) -> list[Element]:
        """Those that the child's issuer name means, and that its authorityKeyIdentifier does not rule out."""
        return [issuer for issuer in self.by_subject.get(child.issuer, ()) if may_have_issued(child, issuer)]


class Signatures:
    """Verified signatures, each computed once for all chains."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], bool | None] = {}

    def check(self, child: Element, issuer: Element) -> bool | None:
        """Whether the issuer signed the child; null: not verifiable here."""
        pair = (child.sha256, issuer.sha256)
        if pair not in self._known:
            self._known[pair] = is_signed_by(child, issuer)
        return self._known[pair]


def find_paths(leaf: Element, roots: Index, others: Index, signatures: Signatures) -> Search:
    """The paths from the leaf to an anchor among the roots, those through fewest others first."""
    search = Search()
    _extend((leaf,), roots, others, signatures, search)
    search.paths.sort(key=len)
    return search


def _extend(path: tuple[Element, ...], roots: Index, others: Index, signatures: Signatures, search: Search) -> None:
    search.steps += 1
    child = path[-1]
    if child.is_anchor and any(root.sha256 == child.sha256 for root in roots.by_subject.get(child.subject, ())):
        search.paths.append(path)
        return
    anchors = [issuer for issuer in roots.issuers(child) if issuer.is_anchor]
    known = {issuer.sha256 for issuer in anchors}
    between = [issuer for issuer in [*roots.issuers(child), *others.issuers(child)] if issuer.sha256 not in known]
    used = {(element.subject, element.key) for element in path}
    verdicts: list[tuple[Element, bool | None]] = []
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


def _dead_end(path: tuple[Element, ...], verdicts: list[tuple[Element, bool | None]]) -> DeadEnd:
    child = path[-1]
    if any(verdict is None for _, verdict in verdicts):
        return DeadEnd(path, "its signature uses an algorithm that cannot be verified here", is_forged=False)
    # Only where the key identifier means this very key: a name alone may belong to several.
    if any(child.issuer_key_id is not None and child.issuer_key_id == issuer.key_id for issuer, _ in verdicts):
        return DeadEnd(path, "its signature was not made by the key of its issuer", is_forged=True)
    if verdicts:
        return DeadEnd(path, "its signature was not made by the certificates of its issuer's name", is_forged=False)
    if child.is_self_issued:
        return DeadEnd(path, "it is self-issued and not among the roots", is_forged=False)
    return DeadEnd(path, "its issuer is neither served nor among the roots", is_forged=False)


def readable(elements: Iterable[Element | Unreadable]) -> list[Element]:
    """The elements that could be read."""
    return [element for element in elements if isinstance(element, Element)]
