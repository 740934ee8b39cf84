"""Outcomes: one searched chain, judged for a host at any instant.

The outcome changes only at the edges: where a certificate of a path begins or ends, and where a dated rule takes
effect. What does not depend on the host is judged once for each period between two edges.
"""

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal, get_args

import numpy as np

from toolkit.analyse.arrays import Ints
from toolkit.analyse.trust.anchors import Anchors, Cause, Standing
from toolkit.analyse.trust.certificates import Certificate
from toolkit.analyse.trust.problems import (
    KINDS,
    Problem,
    find_dated_problems,
    find_name_problem,
    find_weak_keys,
    title,
)

LeafValidity = Literal["not_yet_valid", "valid", "expired"]

_CAUSES_OF_STORES: Final = frozenset(get_args(Cause))

NOT_DATED: Final = "it is not dated precisely enough; as_of= chooses an instant"
"""Why a chain has no verdict at the instants at which it was observed."""


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
    _dated: dict[int, list["DatedCandidate"]] = field(default_factory=dict)

    def period(self, instant: datetime) -> int:
        """The number of the period between two edges that the instant lies in."""
        return bisect_right(self.edges, instant)

    def dated(self, instant: datetime, anchors: Anchors) -> list["DatedCandidate"]:
        """The candidates at the instant, judged once for each period between two edges."""
        period = self.period(instant)
        if period not in self._dated:
            self._dated[period] = [_dated(candidate, instant, anchors) for candidate in self.candidates]
        return self._dated[period]


@dataclass(frozen=True, slots=True, eq=False)
class DatedCandidate:
    """A path at an instant, for any host: its problems, those of the validity of its leaf, and whether the store
    trusts its root (`standing`; None: there is no root, or the leaf is not valid, so that nothing depends on it).
    """

    candidate: Candidate
    problems: tuple[Problem, ...]
    of_leaf: tuple[Problem, ...]
    standing: Standing | None
    leaf_validity: LeafValidity


def _dated(candidate: Candidate, instant: datetime, anchors: Anchors) -> DatedCandidate:
    path, has_root = candidate.path, candidate.has_root
    accepted, bounding = anchors.accepted(instant), anchors.bounding(path, has_root=has_root)
    dated = find_dated_problems(path, instant, has_root=has_root, bounding=bounding, accepted=accepted)
    # A store decides about its roots itself.
    weak = find_weak_keys(path[:-1] if has_root and anchors.store else path, instant, accepted=accepted)
    of_leaf = tuple(problem for problem in dated if problem.kind == "validity" and problem.position == 0)
    validity = _leaf_validity(path[0], instant)
    standing = anchors.standing(path, instant) if has_root and validity == "valid" else None
    distrusted = anchors.find_distrusted(path[:-1] if has_root else path, instant)
    return DatedCandidate(candidate, (*dated, *distrusted, *candidate.usage, *weak), of_leaf, standing, validity)


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
        period = self._searched.period(instant)
        if period not in self._outcomes:
            self._outcomes[period] = self._searched.fixed or self._best(instant)
        return self._outcomes[period]

    def _best(self, instant: datetime) -> Outcome:
        """The outcome of the best path found; unknown where it fails and further paths were not tried."""
        searched = self._searched
        dated = searched.dated(instant, self._anchors)
        # What is wrong with the name holds on every path to every root, as the validity of the leaf does.
        leaf = searched.candidates[0].path[0]
        of_name = None if self._host is None else find_name_problem(leaf, self._host, instant)
        best = min((self._outcome(candidate, of_name) for candidate in dated), key=_rank)
        if best.verdict == "untrusted" and searched.is_exhausted and not (of_name or dated[0].of_leaf):
            return replace(best, verdict="unknown", reason=f"{best.reason}; there are more paths than were tried")
        may_end_elsewhere = searched.has_dead_ends and self._anchors.has_unknown_roots
        if best.verdict == "untrusted" and may_end_elsewhere and best.cause in _CAUSES_OF_STORES:
            words = "a path may lead to a root of the store whose bytes are not known"
            return replace(best, verdict="unknown", reason=f"{best.reason}; {words}")
        return best

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
            reason=NOT_DATED,
        )

    def _outcome(self, dated: DatedCandidate, of_name: Problem | None) -> Outcome:
        candidate, standing = dated.candidate, dated.standing or Standing(None)
        path, has_root = candidate.path, candidate.has_root
        problems = list(dated.problems)
        if of_name is not None:
            problems.append(of_name)
        of_root = Problem("root", len(path) - 1, standing.reason or "", standing.cause or "")
        if standing.is_trusted is False:
            problems.append(of_root)
        has_leaf_problem = bool(of_name or dated.of_leaf)
        is_undecided = dated.standing is not None and standing.is_trusted is None
        unjudged = standing.reason if is_undecided else candidate.unjudged
        certain = [problem for problem in problems if problem.position not in candidate.unseen]
        wrong, doubtful = {problem.kind for problem in certain}, {problem.kind for problem in problems}
        right = {kind: False if kind in wrong else None if kind in doubtful else True for kind in KINDS}
        broken = [
            (title(p.position, len(path), has_root=has_root), path[p.position].sha256, p.reason) for p in problems
        ]
        is_flawed = candidate.flaw is not None
        if candidate.flaw is not None:
            # The problem that decides the verdict comes first.
            broken.insert(0 if candidate.is_flaw_certain or not has_leaf_problem else len(broken), candidate.flaw)
        is_unknown = unjudged is not None or self._host is None
        valid_from_at = max(certificate.not_before for certificate in path)
        bounding = self._anchors.bounding(path, has_root=has_root)
        valid_until_at = min(certificate.not_after for certificate in bounding)
        is_ever_valid = has_root and valid_from_at <= valid_until_at
        verdict: Literal["trusted", "untrusted", "unknown"] = "trusted"
        if is_flawed:
            verdict = "untrusted" if candidate.is_flaw_certain or has_leaf_problem else "unknown"
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
        if is_flawed and (candidate.is_flaw_certain or not has_leaf_problem):
            cause = candidate.flaw_cause
        # What fails whatever the store decides supposes nothing about it.
        rests_on_store = verdict != "untrusted" or (deciding is of_root and not is_flawed)
        return Outcome(
            verdict,
            store=self._anchors.store.name if self._anchors.store else None,
            cause=cause,
            assumption=standing.assumption if rests_on_store else None,
            is_path_found=has_root and not is_flawed,
            is_within_validity=right["validity"],
            is_name_match=None if self._host is None else right["name"],
            is_key_usage_right=None if candidate.unjudged and right["usage"] else right["usage"],
            is_signature_acceptable=right["signature"],
            is_order_right=self._searched.is_order_right,
            missing_count=candidate.missing_count,
            unneeded_count=candidate.unneeded_count,
            leaf_validity=dated.leaf_validity,
            broken_certificate=broken[0][0] if broken else None,
            broken_sha256=broken[0][1] if broken else None,
            reason="; ".join(reasons) or None,
            path_sha256=tuple(certificate.sha256 for certificate in path) if has_root else None,
            valid_from_at=valid_from_at if is_ever_valid else None,
            valid_until_at=valid_until_at if is_ever_valid else None,
        )


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
