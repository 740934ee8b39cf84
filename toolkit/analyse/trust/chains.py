"""Chains: what was served for one leaf, searched once, judged at any instant.

A chain is searched and its signatures are verified once, whatever the number of looks. What a client makes of it
changes only at the edges: where a certificate of a path begins or ends, and where a dated rule takes effect.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, Literal

import pandas as pd

from toolkit.analyse.trust.elements import Element, Unreadable, read_element
from toolkit.analyse.trust.paths import Index, Search, Signatures, find_paths, readable
from toolkit.analyse.trust.problems import (
    KINDS,
    Problem,
    common_name_ends,
    find_dated_problems,
    find_name_problem,
    find_usage_problems,
    hash_rules,
    title,
)

MOST_SERVED: Final = 20_000
"""Certificates of one chain that are read; a chain with more is not judged."""

_LATEST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The checks of one chain at one instant: the columns of `verify_chains` of the same names."""

    verdict: Literal["trusted", "untrusted", "unknown"]
    is_path_found: bool | None = None
    is_within_validity: bool | None = None
    is_name_match: bool | None = None
    is_key_usage_right: bool | None = None
    is_signature_acceptable: bool | None = None
    is_order_right: bool | None = None
    missing: int | None = None
    extra: int | None = None
    broken_element: str | None = None
    broken_sha256: str | None = None
    reason: str | None = None
    path_sha256: tuple[str, ...] | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A path with what is true of it on any day.

    `flaw` is what rules out that it is trusted, whatever the day. `unseen` are the places of elements that we hold and
    that nobody saw served: what is wrong with one of them may be wrong with this edition only. `unjudged` is what could
    not be judged, in words; null: nothing.
    """

    path: tuple[Element, ...]
    has_root: bool
    usage: tuple[Problem, ...]
    unjudged: str | None
    missing: int | None
    extra: int | None
    flaw: tuple[str, str, str] | None  # element, sha256, reason
    is_flaw_certain: bool
    unseen: frozenset[int] = frozenset()


class Judged:
    """One chain for one host; `edges` are the instants at which an outcome may change."""

    def __init__(
        self,
        candidates: list[Candidate],
        host: str | None,
        *,
        is_order_right: bool | None = None,
        is_exhausted: bool = False,
        fixed: Outcome | None = None,
    ) -> None:
        self._candidates = candidates
        self._host = host
        self._is_order_right = is_order_right
        self._fixed = fixed
        self._is_exhausted = is_exhausted
        elements = {element.sha256: element for candidate in candidates for element in candidate.path}.values()
        edges = {element.not_before for element in elements}
        edges |= {_second_after(element.not_after) for element in elements}
        edges |= {since for since, _ in hash_rules()} | {common_name_ends()} if candidates else set()
        self.edges = sorted(edges)
        self._outcomes: dict[int, Outcome] = {}

    def at(self, instant: datetime) -> Outcome:
        """The outcome at that instant; the same for every instant between two edges. A second counts whole."""
        instant = instant.replace(microsecond=0)
        stretch = bisect_right(self.edges, instant)
        if stretch not in self._outcomes:
            self._outcomes[stretch] = self._fixed or self._best(instant)
        return self._outcomes[stretch]

    def _best(self, instant: datetime) -> Outcome:
        """Of the paths that were found the one with the fewest problems; another may be right that was not."""
        best = min((self._outcome(candidate, instant) for candidate in self._candidates), key=_rank)
        if best.verdict == "untrusted" and self._is_exhausted and not self._leaf_problems(instant):
            return replace(best, verdict="unknown", reason=f"{best.reason}; there are more paths than were tried")
        return best

    def _leaf_problems(self, instant: datetime) -> list[Problem]:
        """What is wrong with the leaf on every path to every root: its validity and its names."""
        leaf = self._candidates[0].path[0]
        dated = find_dated_problems((leaf,), instant, has_root=False)
        problems = [problem for problem in dated if problem.kind == "validity"]
        if self._host is not None and (problem := find_name_problem(leaf, self._host, instant)):
            problems.append(problem)
        return problems

    def undated(self) -> Outcome:
        """The outcome for a look whose instant is not known well enough."""
        if self._fixed:
            return self._fixed
        known = self.at(self.edges[-1])
        return Outcome(
            "unknown",
            is_path_found=known.is_path_found,
            is_order_right=known.is_order_right,
            is_key_usage_right=known.is_key_usage_right,
            missing=known.missing,
            extra=known.extra,
            path_sha256=known.path_sha256,
            valid_from=known.valid_from,
            valid_until=known.valid_until,
            reason="the look is not dated well enough",
        )

    def _outcome(self, candidate: Candidate, instant: datetime) -> Outcome:
        path, has_root = candidate.path, candidate.has_root
        problems = find_dated_problems(path, instant, has_root=has_root) + list(candidate.usage)
        of_leaf = self._leaf_problems(instant)
        problems += [problem for problem in of_leaf if problem.kind == "name"]
        certain = [problem for problem in problems if problem.position not in candidate.unseen]
        wrong, doubtful = {problem.kind for problem in certain}, {problem.kind for problem in problems}
        right = {kind: False if kind in wrong else None if kind in doubtful else True for kind in KINDS}
        broken = [
            (title(p.position, len(path), has_root=has_root), path[p.position].sha256, p.reason) for p in problems
        ]
        is_flawed = candidate.flaw is not None
        if candidate.flaw is not None:
            # What decides the verdict comes first.
            broken.insert(0 if candidate.is_flaw_certain or not of_leaf else len(broken), candidate.flaw)
        is_unknown = candidate.unjudged is not None or self._host is None
        valid_from, valid_until = max(e.not_before for e in path), min(e.not_after for e in path)
        is_ever_valid = has_root and valid_from <= valid_until
        verdict: Literal["trusted", "untrusted", "unknown"] = "trusted"
        if is_flawed:
            verdict = "untrusted" if candidate.is_flaw_certain or of_leaf else "unknown"
        elif certain:
            verdict = "untrusted"
        elif problems or is_unknown:
            verdict = "unknown"
        reasons = [f"{element}: {reason}" for element, _, reason in broken]
        if problems and not certain:
            reasons.append("it was not recorded as served, and another edition of it may have been")
        if candidate.unjudged is not None:
            reasons.append(candidate.unjudged)
        if self._host is None:
            reasons.append("no name was asked for")
        return Outcome(
            verdict,
            is_path_found=has_root and not is_flawed,
            is_within_validity=right["validity"],
            is_name_match=None if self._host is None else right["name"],
            is_key_usage_right=None if candidate.unjudged and right["usage"] else right["usage"],
            is_signature_acceptable=right["signature"],
            is_order_right=self._is_order_right,
            missing=candidate.missing,
            extra=candidate.extra,
            broken_element=broken[0][0] if broken else None,
            broken_sha256=broken[0][1] if broken else None,
            reason="; ".join(reasons) or None,
            path_sha256=tuple(element.sha256 for element in path) if has_root else None,
            valid_from=valid_from if is_ever_valid else None,
            valid_until=valid_until if is_ever_valid else None,
        )


class Chains:
    """The certificates of the tables and the roots, read once; `judge` gives each chain, judged once.

    `uses_held`: the CA certificates of the tables may fill a path. Another edition of what fills it may have been
    served, so what is wrong with ours leaves the chain unknown.
    """

    def __init__(self, certificates: pd.DataFrame, roots: list[Element], *, uses_held: bool) -> None:
        self._ders: dict[str, bytes] = dict(zip(certificates["cert_sha256"], certificates["der"], strict=True))
        self._elements: dict[str, Element | Unreadable] = {}
        self._signatures = Signatures()
        self._roots = Index(roots)
        self._uses_held = uses_held
        may_issue = certificates.loc[certificates["is_ca"].fillna(True).astype(bool), "cert_sha256"]
        self._held = Index(readable(self._element(sha256) for sha256 in may_issue))
        self._judged: dict[tuple[str, tuple[str, ...] | None, str | None], Judged] = {}

    def judge(self, leaf: str, chain: tuple[str, ...] | None, host: str | None) -> Judged:
        """The chain as served for that host; None: not recorded as served."""
        key = (leaf, chain, host)
        if key not in self._judged:
            self._judged[key] = self._judge(leaf, chain, host)
        return self._judged[key]

    def _judge(self, leaf_sha256: str, chain: tuple[str, ...] | None, host: str | None) -> Judged:
        if chain is None and not self._uses_held:
            return _fixed("the chain was not recorded as served", host)
        served_sha256 = chain or (leaf_sha256,)
        if len(served_sha256) > MOST_SERVED:
            return _fixed(f"the chain has {len(served_sha256)} elements, too many to judge", host)
        leaf = self._element(leaf_sha256)
        if isinstance(leaf, Unreadable):
            return _fixed(f"leaf: it cannot be read ({leaf.reason})", host, "leaf", leaf_sha256)
        served = [self._element(sha256) for sha256 in served_sha256]
        order = self._is_in_order(served) if chain else None
        offered = Index(readable(served[1:]))
        search = find_paths(leaf, self._roots, offered, self._signatures)
        is_completed = False
        if not search.paths and not search.is_exhausted:
            wider = find_paths(leaf, self._roots, _Both(offered, self._held), self._signatures)
            if wider.paths or self._uses_held:
                search, is_completed = wider, not self._uses_held
        candidates = [self._with_root(path, chain, is_completed=is_completed) for path in search.paths]
        if not candidates:
            candidates = [self._without_root(leaf, search, served)]
        return Judged(candidates, host, is_order_right=order, is_exhausted=search.is_exhausted)

    def _with_root(self, path: tuple[Element, ...], served: tuple[str, ...] | None, *, is_completed: bool) -> Candidate:
        usage, unjudged = find_usage_problems(path, has_root=True)
        absent = [element for element in path[1:-1] if element.sha256 not in (served or ())]
        unseen = frozenset(path.index(element) for element in absent if self._uses_held)
        if served is None:
            return Candidate(path, True, tuple(usage), unjudged, None, None, None, True, unseen)
        on_path = {element.sha256 for element in path}
        flaw = None
        if is_completed and absent:
            name = title(path.index(absent[0]), len(path), has_root=True)
            flaw = (name, absent[0].sha256, "it was not served")
        needed = len({sha256 for sha256 in served if sha256 in on_path})
        return Candidate(path, True, tuple(usage), unjudged, len(absent), len(served) - needed, flaw, True, unseen)

    def _without_root(self, leaf: Element, search: Search, served: list[Element | Unreadable]) -> Candidate:
        """The longest stretch that the search came along, with why it ended there."""
        ends = sorted(search.dead_ends, key=lambda end: (end.is_forged, -len(end.path)))
        is_forged = bool(ends) and ends[0].is_forged  # then every branch is
        path = ends[0].path if ends else (leaf,)
        usage, unjudged = find_usage_problems(path, has_root=False)
        position = len(path) - 1
        name, sha256 = title(position, len(path), has_root=False), path[-1].sha256
        unread = [(number, element) for number, element in enumerate(served) if isinstance(element, Unreadable)]
        if search.is_exhausted:
            flaw, is_certain = (name, sha256, "the search for its issuer was given up, there are too many"), False
        elif unread:
            number, element = unread[0]
            flaw = (f"served certificate {number + 1}", element.sha256, f"it cannot be read ({element.reason})")
            is_certain = False
        else:
            flaw, is_certain = (name, sha256, ends[0].reason if ends else "it was not searched"), is_forged
        return Candidate(path, False, tuple(usage), unjudged, None, None, flaw, is_certain)

    def _element(self, sha256: str) -> Element | Unreadable:
        if sha256 not in self._elements:
            der = self._ders.get(sha256)
            known = Unreadable(sha256, "its bytes are not in the tables") if not der else read_element(der)
            self._elements[sha256] = known
        return self._elements[sha256]

    def _is_in_order(self, served: list[Element | Unreadable]) -> bool | None:
        """RFC 8446, section 4.4.2, and RFC 5246, section 7.4.2: each certificate certifies the one before."""
        elements = readable(served)
        if len(elements) < len(served):
            return None
        for child, issuer in pairwise(elements):
            if child.issuer != issuer.subject or not self._signatures.check(child, issuer):
                return False
        return len({element.sha256 for element in elements}) == len(elements)


class _Both(Index):
    """Two indexes as one, the first one's issuers first."""

    def __init__(self, first: Index, second: Index) -> None:
        self._parts = (first, second)

    def issuers(self, child: Element) -> list[Element]:
        found = {issuer.sha256: issuer for part in self._parts for issuer in part.issuers(child)}
        return list(found.values())


def _fixed(reason: str, host: str | None, element: str | None = None, sha256: str | None = None) -> Judged:
    outcome = Outcome("unknown", reason=reason, broken_element=element, broken_sha256=sha256)
    return Judged([], host, fixed=outcome)


def _rank(outcome: Outcome) -> tuple[int, int]:
    """Trusted before anything else, then the fewest things wrong; the first of equals stands."""
    return (
        {"trusted": 0, "unknown": 1, "untrusted": 2}[outcome.verdict],
        outcome.reason.count("; ") if outcome.reason else 0,
    )


def _second_after(instant: datetime) -> datetime:
    return _LATEST if instant >= _LATEST - timedelta(seconds=1) else instant + timedelta(seconds=1)
