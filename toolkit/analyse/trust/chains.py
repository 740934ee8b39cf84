"""Chains: the certificates served with one leaf, searched once and judged at any instant.

A chain is searched and its signatures are verified once for all looks. The outcome changes only at the
edges: where a certificate of a path begins or ends, and where a dated rule takes effect.
"""

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import Ints
from toolkit.analyse.trust.anchors import Anchors, Cause, Standing
from toolkit.analyse.trust.certificates import Certificate, Unreadable, read_certificate
from toolkit.analyse.trust.paths import Index, Search, Signatures, find_paths, readable
from toolkit.analyse.trust.problems import (
    KINDS,
    Problem,
    find_dated_problems,
    find_name_problem,
    find_usage_problems,
    find_weak_keys,
    rule_dates,
    title,
)
from toolkit.instants import microseconds

MOST_SERVED: Final = 20_000
"""Most certificates of one chain; a longer chain is not judged."""

LeafValidity = Literal["not_yet_valid", "valid", "expired"]

_CAUSES_OF_STORES: Final = frozenset(get_args(Cause))

_LATEST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The checks of one chain at one instant: the columns of `verify_chains` of the same names."""

    verdict: Literal["trusted", "untrusted", "unknown"]
    store: str | None = None
    cause: str | None = None
    assumption: str | None = None
    is_path_found: bool | None = None
    is_within_validity: bool | None = None
    is_name_match: bool | None = None
    is_key_usage_right: bool | None = None
    is_signature_acceptable: bool | None = None
    is_order_right: bool | None = None
    missing_count: int | None = None
    unneeded_count: int | None = None
    leaf_validity: LeafValidity | None = None
    broken_certificate: str | None = None
    broken_sha256: str | None = None
    reason: str | None = None
    path_sha256: tuple[str, ...] | None = None
    valid_from_at: datetime | None = None
    valid_until_at: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A path, with the checks that do not depend on the instant.

    `flaw` is a reason that rules out trust at any instant: the broken certificate, its SHA-256 and why.
    `is_flaw_certain`: it makes the chain untrusted instead of unknown. `unseen` are the positions of certificates that
    the tables hold and that were not recorded as served: the server may have sent a renewed one instead. `unjudged`
    says what could not be judged; None: nothing. `flaw_cause` is the cause of the flaw.
    """

    path: tuple[Certificate, ...]
    has_root: bool
    usage: tuple[Problem, ...]
    unjudged: str | None
    missing_count: int | None
    unneeded_count: int | None
    flaw: tuple[str, str, str] | None
    flaw_cause: str | None
    is_flaw_certain: bool
    unseen: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class SearchedChain:
    """One chain and its candidate paths: what does not depend on the host.

    `edges` are the instants at which the outcome may change; `edge_numbers` gives them in µs since 1970. `fixed` is the
    outcome where there is nothing to judge; there are no candidates then.
    """

    candidates: tuple[Candidate, ...] = ()
    edges: tuple[datetime, ...] = ()
    edge_numbers: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    is_order_right: bool | None = None
    is_exhausted: bool = False
    has_dead_ends: bool = False
    fixed: Outcome | None = None


class JudgedChain:
    """One chain for one host; `edges` are the instants at which the outcome may change."""

    def __init__(self, searched: SearchedChain, host: str | None, anchors: Anchors) -> None:
        self._searched = searched
        self._host = host
        self._anchors = anchors
        self._outcomes: dict[int, Outcome] = {}

    @property
    def edges(self) -> tuple[datetime, ...]:
        """The instants at which the outcome may change."""
        return self._searched.edges

    @property
    def edge_numbers(self) -> Ints:
        """The same instants, in µs since 1970."""
        return self._searched.edge_numbers

    def at(self, instant: datetime) -> Outcome:
        """The outcome at that instant, in whole seconds; it is the same for every instant between two edges."""
        instant = instant.replace(microsecond=0)
        period = bisect_right(self.edges, instant)
        if period not in self._outcomes:
            self._outcomes[period] = self._searched.fixed or self._best(instant)
        return self._outcomes[period]

    def _best(self, instant: datetime) -> Outcome:
        """The outcome of the best path found; unknown where it fails and further paths were not tried."""
        searched = self._searched
        best = min((self._outcome(candidate, instant) for candidate in searched.candidates), key=_rank)
        if best.verdict == "untrusted" and searched.is_exhausted and not self._leaf_problems(instant):
            return replace(best, verdict="unknown", reason=f"{best.reason}; there are more paths than were tried")
        may_end_elsewhere = searched.has_dead_ends and self._anchors.has_unknown_roots
        if best.verdict == "untrusted" and may_end_elsewhere and best.cause in _CAUSES_OF_STORES:
            words = "a path may lead to a root of the store whose bytes are not known"
            return replace(best, verdict="unknown", reason=f"{best.reason}; {words}")
        return best

    def _leaf_problems(self, instant: datetime) -> list[Problem]:
        """Problems of the leaf that hold on every path to every root: its validity and its names."""
        leaf = self._searched.candidates[0].path[0]
        dated = find_dated_problems((leaf,), instant, has_root=False)
        problems = [problem for problem in dated if problem.kind == "validity"]
        if self._host is not None and (problem := find_name_problem(leaf, self._host, instant)):
            problems.append(problem)
        return problems

    def undated(self) -> Outcome:
        """The outcome for a look whose instant is not known precisely enough."""
        if self._searched.fixed:
            return self._searched.fixed
        known = self.at(self.edges[-1])
        return Outcome(
            "unknown",
            store=known.store,
            is_path_found=known.is_path_found,
            is_order_right=known.is_order_right,
            is_key_usage_right=known.is_key_usage_right,
            missing_count=known.missing_count,
            unneeded_count=known.unneeded_count,
            path_sha256=known.path_sha256,
            valid_from_at=known.valid_from_at,
            valid_until_at=known.valid_until_at,
            reason="the look is not dated precisely enough",
        )

    def _outcome(self, candidate: Candidate, instant: datetime) -> Outcome:
        path, has_root = candidate.path, candidate.has_root
        problems = find_dated_problems(path, instant, has_root=has_root) + list(candidate.usage)
        # A store decides about its roots itself.
        problems += find_weak_keys(path[:-1] if has_root and self._anchors.store else path, instant)
        of_leaf = self._leaf_problems(instant)
        problems += [problem for problem in of_leaf if problem.kind == "name"]
        # Outside of the validity of the leaf nothing depends on the store.
        is_asked = has_root and _leaf_validity(path[0], instant) == "valid"
        standing = self._anchors.standing(path[-1], path[0], instant) if is_asked else Standing(None)
        if standing.is_trusted is False:
            problems.append(Problem("root", len(path) - 1, standing.reason or "", standing.cause or ""))
        unjudged = standing.reason if is_asked and standing.is_trusted is None else candidate.unjudged
        certain = [problem for problem in problems if problem.position not in candidate.unseen]
        wrong, doubtful = {problem.kind for problem in certain}, {problem.kind for problem in problems}
        right = {kind: False if kind in wrong else None if kind in doubtful else True for kind in KINDS}
        broken = [
            (title(p.position, len(path), has_root=has_root), path[p.position].sha256, p.reason) for p in problems
        ]
        is_flawed = candidate.flaw is not None
        if candidate.flaw is not None:
            # The problem that decides the verdict comes first.
            broken.insert(0 if candidate.is_flaw_certain or not of_leaf else len(broken), candidate.flaw)
        is_unknown = unjudged is not None or self._host is None
        valid_from_at, valid_until_at = max(e.not_before for e in path), min(e.not_after for e in path)
        is_ever_valid = has_root and valid_from_at <= valid_until_at
        verdict: Literal["trusted", "untrusted", "unknown"] = "trusted"
        if is_flawed:
            verdict = "untrusted" if candidate.is_flaw_certain or of_leaf else "unknown"
        elif certain:
            verdict = "untrusted"
        elif problems or is_unknown:
            verdict = "unknown"
        reasons = [f"{certificate}: {reason}" for certificate, _, reason in broken]
        if problems and not certain:
            reasons.append("it was not recorded as served, and a renewed one may have been served")
        if unjudged is not None:
            reasons.append(unjudged)
        if self._host is None:
            reasons.append("no name was asked for")
        deciding = next(iter(certain or problems), None)
        cause = None if deciding is None else deciding.cause or deciding.kind
        if is_flawed and (candidate.is_flaw_certain or not of_leaf):
            cause = candidate.flaw_cause
        return Outcome(
            verdict,
            store=self._anchors.store.name if self._anchors.store else None,
            cause=cause,
            assumption=standing.assumption,
            is_path_found=has_root and not is_flawed,
            is_within_validity=right["validity"],
            is_name_match=None if self._host is None else right["name"],
            is_key_usage_right=None if candidate.unjudged and right["usage"] else right["usage"],
            is_signature_acceptable=right["signature"],
            is_order_right=self._searched.is_order_right,
            missing_count=candidate.missing_count,
            unneeded_count=candidate.unneeded_count,
            leaf_validity=_leaf_validity(path[0], instant),
            broken_certificate=broken[0][0] if broken else None,
            broken_sha256=broken[0][1] if broken else None,
            reason="; ".join(reasons) or None,
            path_sha256=tuple(certificate.sha256 for certificate in path) if has_root else None,
            valid_from_at=valid_from_at if is_ever_valid else None,
            valid_until_at=valid_until_at if is_ever_valid else None,
        )


class Chains:
    """The certificates of the tables and the roots, each parsed once; `judge` judges each distinct chain once.

    `uses_held`: the CA certificates of the tables may complete a path. The server may have sent a renewed one instead,
    so that a check that fails only with such a certificate leaves the chain unknown.
    """

    def __init__(self, certificates: pd.DataFrame, anchors: Anchors, *, uses_held: bool) -> None:
        self._ders: dict[str, bytes] = dict(zip(certificates["cert_sha256"], certificates["der"], strict=True))
        self._certificates: dict[str, Certificate | Unreadable] = {}
        self._signatures = Signatures()
        self._anchors = anchors
        self._roots = Index(anchors.certificates)
        self._uses_held = uses_held
        may_issue = certificates.loc[certificates["is_ca"].fillna(True).astype(bool), "cert_sha256"]
        self._held = Index(readable(self._certificate(sha256) for sha256 in may_issue))
        self._searched: dict[tuple[str, tuple[str, ...] | None], SearchedChain] = {}
        self._judged: dict[tuple[str, tuple[str, ...] | None, str | None], JudgedChain] = {}

    def judge(self, leaf: str, chain: tuple[str, ...] | None, host: str | None) -> JudgedChain:
        """Judge the chain as served for that host; `chain` is None where it was not recorded."""
        key = (leaf, chain, host)
        if key not in self._judged:
            if (leaf, chain) not in self._searched:
                self._searched[leaf, chain] = self._search(leaf, chain)
            self._judged[key] = JudgedChain(self._searched[leaf, chain], host, self._anchors)
        return self._judged[key]

    def _search(self, leaf_sha256: str, chain: tuple[str, ...] | None) -> SearchedChain:
        if chain is None and not self._uses_held:
            return self._fixed("the chain was not recorded as served")
        served_sha256 = chain or (leaf_sha256,)
        if len(served_sha256) > MOST_SERVED:
            return self._fixed(
                f"the chain has {len(served_sha256)} certificates, more than the {MOST_SERVED} that are judged"
            )
        leaf = self._certificate(leaf_sha256)
        if isinstance(leaf, Unreadable):
            return self._fixed(f"leaf: it cannot be read ({leaf.reason})", "leaf", leaf_sha256)
        served = [self._certificate(sha256) for sha256 in served_sha256]
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
        edges = self._edges(candidates)
        numbers = np.array([microseconds(edge) for edge in edges], dtype=np.int64)
        return SearchedChain(
            tuple(candidates), edges, numbers, is_order_right=order, is_exhausted=search.is_exhausted,
            has_dead_ends=bool(search.dead_ends),
        )  # fmt: skip

    def _edges(self, candidates: list[Candidate]) -> tuple[datetime, ...]:
        """The instants at which a certificate begins or ends, a rule takes effect or a store decides anew."""
        paths = [certificate for candidate in candidates for certificate in candidate.path]
        edges = {certificate.not_before for certificate in paths} | rule_dates()
        edges |= {_second_after(certificate.not_after) for certificate in paths}
        with_root = [candidate.path[-1] for candidate in candidates if candidate.has_root]
        return tuple(sorted(edges.union(*(self._anchors.edges(root) for root in with_root))))

    def _fixed(self, reason: str, broken: str | None = None, sha256: str | None = None) -> SearchedChain:
        """A chain whose outcome does not depend on the instant."""
        store = self._anchors.store.name if self._anchors.store else None
        return SearchedChain(
            fixed=Outcome("unknown", store=store, reason=reason, broken_certificate=broken, broken_sha256=sha256)
        )

    def _with_root(
        self, path: tuple[Certificate, ...], served: tuple[str, ...] | None, *, is_completed: bool
    ) -> Candidate:
        usage, unjudged = find_usage_problems(path, has_root=True)
        absent = [certificate for certificate in path[1:-1] if certificate.sha256 not in (served or ())]
        unseen = frozenset(path.index(certificate) for certificate in absent if self._uses_held)
        if served is None:
            return Candidate(path, True, tuple(usage), unjudged, None, None, None, None, True, unseen)
        on_path = {certificate.sha256 for certificate in path}
        flaw = None
        if is_completed and absent:
            name = title(path.index(absent[0]), len(path), has_root=True)
            flaw = (name, absent[0].sha256, "it was not served")
        needed = len({sha256 for sha256 in served if sha256 in on_path})
        return Candidate(
            path, True, tuple(usage), unjudged, len(absent), len(served) - needed, flaw, "not_served", True, unseen
        )

    def _without_root(self, leaf: Certificate, search: Search, served: list[Certificate | Unreadable]) -> Candidate:
        """The longest path that the search reached, and why it ended there."""
        ends = sorted(search.dead_ends, key=lambda end: (end.is_forged, -len(end.path)))
        is_forged = bool(ends) and ends[0].is_forged  # then every path is
        path = ends[0].path if ends else (leaf,)
        usage, unjudged = find_usage_problems(path, has_root=False)
        position = len(path) - 1
        name, sha256 = title(position, len(path), has_root=False), path[-1].sha256
        unread = [(number, one) for number, one in enumerate(served, start=1) if isinstance(one, Unreadable)]
        if search.is_exhausted:
            flaw, is_certain = (
                (name, sha256, "the search for its issuer reached its limit: there are too many candidates"),
                False,
            )
        elif unread:
            number, unreadable = unread[0]
            flaw = (f"served certificate {number}", unreadable.sha256, f"it cannot be read ({unreadable.reason})")
            is_certain = False
        else:
            flaw, is_certain = (name, sha256, ends[0].reason if ends else "it was not searched"), is_forged
        cause = "forged" if is_certain else "no_path"
        return Candidate(path, False, tuple(usage), unjudged, None, None, flaw, cause, is_certain)

    def _certificate(self, sha256: str) -> Certificate | Unreadable:
        if sha256 not in self._certificates:
            der = self._ders.get(sha256)
            known = Unreadable(sha256, "its bytes are not in the tables") if not der else read_certificate(der)
            self._certificates[sha256] = known
        return self._certificates[sha256]

    def _is_in_order(self, served: list[Certificate | Unreadable]) -> bool | None:
        """RFC 8446, section 4.4.2, and RFC 5246, section 7.4.2: each certificate certifies the previous one."""
        certificates = readable(served)
        if len(certificates) < len(served):
            return None
        for child, issuer in pairwise(certificates):
            if child.issuer != issuer.subject or not self._signatures.check(child, issuer):
                return False
        return len({certificate.sha256 for certificate in certificates}) == len(certificates)


class _Both(Index):
    """Two indexes combined; issuers from the first come first."""

    def __init__(self, first: Index, second: Index) -> None:
        self._parts = (first, second)

    def issuers(self, child: Certificate) -> list[Certificate]:
        found = {issuer.sha256: issuer for part in self._parts for issuer in part.issuers(child)}
        return list(found.values())


def _rank(outcome: Outcome) -> tuple[int, int]:
    """Sort key of outcomes: by verdict, then by the number of reasons."""
    return (
        {"trusted": 0, "unknown": 1, "untrusted": 2}[outcome.verdict],
        outcome.reason.count("; ") if outcome.reason else 0,
    )


def _leaf_validity(leaf: Certificate, instant: datetime) -> LeafValidity:
    if instant < leaf.not_before:
        return "not_yet_valid"
    return "expired" if instant > leaf.not_after else "valid"


def _second_after(instant: datetime) -> datetime:
    return _LATEST if instant >= _LATEST - timedelta(seconds=1) else instant + timedelta(seconds=1)
