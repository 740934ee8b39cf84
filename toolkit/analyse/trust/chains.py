"""Chains: the certificates served with one leaf, searched once; their signatures are verified once for all looks."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from toolkit.analyse.trust.anchors import Anchors
from toolkit.analyse.trust.certificates import Certificate, Unreadable, read_certificate
from toolkit.analyse.trust.outcomes import Candidate, JudgedChain, Outcome, SearchedChain
from toolkit.analyse.trust.paths import Index, Search, Signatures, find_paths, readable
from toolkit.analyse.trust.problems import find_usage_problems, rule_dates, title
from toolkit.epoch import microseconds

MOST_SERVED: Final = 20_000
"""Most certificates of one chain; a longer chain is not judged."""

_LATEST: Final = datetime.max.replace(tzinfo=UTC)


class Chains:
    """The certificates of the tables and the roots, each parsed once; `judge` judges each distinct chain once.

    `ders` are the known certificates by SHA-256, `issuers` the SHA-256 of those that may have issued others.
    `uses_held`: the CA certificates of the tables, and those `given` in DER, may complete a path. The server may have
    sent a renewed one instead, so that a check that fails only with such a certificate leaves the chain unknown.
    `is_all_held`: nothing was observed, and the certificates of the tables are judged as if they were served together.
    """

    def __init__(
        self,
        certificates: pd.DataFrame,
        anchors: Anchors,
        *,
        given: Iterable[bytes],
        uses_held: bool,
        is_all_held: bool,
    ) -> None:
        certificates = certificates[certificates["der"].notna()]
        added = {hashlib.sha256(der).hexdigest(): der for der in given}
        self.ders = dict(zip(certificates["cert_sha256"], certificates["der"], strict=True)) | added
        may_issue = certificates.loc[certificates["is_ca"].fillna(True).astype(bool), "cert_sha256"]
        self.issuers = tuple(dict.fromkeys([*may_issue, *added]))
        self._certificates: dict[str, Certificate | Unreadable] = {}
        self._signatures = Signatures()
        self._anchors = anchors
        self._roots = Index(anchors.certificates)
        self._uses_held = uses_held
        self._as_served = frozenset(certificates["cert_sha256"]) if is_all_held else frozenset()
        self._held = Index(readable(self.certificate(sha256) for sha256 in self.issuers))
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

    def certificate(self, sha256: str) -> Certificate | Unreadable:
        """The certificate, or why it cannot be read."""
        if sha256 not in self._certificates:
            der = self.ders.get(sha256)
            known = Unreadable(sha256, "its bytes are not in the tables") if not der else read_certificate(der)
            self._certificates[sha256] = known
        return self._certificates[sha256]

    def _search(self, leaf_sha256: str, chain: tuple[str, ...] | None) -> SearchedChain:
        if chain is None and not self._uses_held:
            return self._fixed("the chain was not recorded as served")
        served_sha256 = chain or (leaf_sha256,)
        if len(served_sha256) > MOST_SERVED:
            return self._fixed(
                f"the chain has {len(served_sha256)} certificates, more than the {MOST_SERVED} that are judged"
            )
        leaf = self.certificate(leaf_sha256)
        if isinstance(leaf, Unreadable):
            return self._fixed(f"leaf: it cannot be read ({leaf.reason})", "leaf", leaf_sha256)
        served = [self.certificate(sha256) for sha256 in served_sha256]
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
        """The instants at which a certificate begins or ends, a rule takes effect or a store changes its decision."""
        paths = [certificate for candidate in candidates for certificate in candidate.path]
        edges = {certificate.not_before for certificate in paths} | rule_dates()
        edges |= {_second_after(certificate.not_after) for certificate in paths}
        with_root = [(candidate.path[-1], candidate.path[0]) for candidate in candidates if candidate.has_root]
        edges |= {edge for certificate in paths for edge in self._anchors.edges_of_distrust(certificate)}
        return tuple(sorted(edges.union(*(self._anchors.edges(root, leaf) for root, leaf in with_root))))

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
        doubtful = [one for one in absent if self._uses_held and one.sha256 not in self._as_served]
        unseen = frozenset(path.index(certificate) for certificate in doubtful)
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


def _second_after(instant: datetime) -> datetime:
    return _LATEST if instant >= _LATEST - timedelta(seconds=1) else instant + timedelta(seconds=1)
