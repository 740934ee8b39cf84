"""Anchors: the roots at which a path may end, given as certificates or as a trust store with its history."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Final, Literal

import pandas as pd

from toolkit.analyse.trust.certificates import Certificate, read_certificate, read_root
from toolkit.analyse.trust.problems import Problem
from toolkit.errors import UsageError
from toolkit.reference.ct_logs import log_operators
from toolkit.reference.roots import Roots, load_roots
from toolkit.reference.stores import Announcement, Limit, Period, TrustStore, stored_roots, trust_stores

Cause = Literal["not_included", "removal", "distrust", "distrust_after", "key_age"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a store says about a root, for one leaf at one instant; `is_trusted` is None where that is not known.

    `cause` and `reason` say why the root is not trusted, or not known to be. `assumption` is what the answer supposes
    beyond the record of the store.
    """

    is_trusted: bool | None
    cause: Cause | None = None
    reason: str | None = None
    assumption: str | None = None


_TRUSTED: Final = Standing(True)
_EFFECTS: Final[dict[str, Cause]] = {"removed": "removal", "distrusted": "distrust"}
_ENDS: Final = frozenset(_EFFECTS.values())
"""The causes by which the trust in a root has ended, whatever the leaf."""
_NO_SCTS: Final = (
    "the leaf holds none that can be read (those of the handshake or of an OCSP response are not recorded)"
)


class Anchors:
    """The roots, and the store that decides about them; without a store every root is trusted at every instant."""

    def __init__(self, certificates: list[Certificate], store: TrustStore | None = None) -> None:
        self.certificates = certificates
        self.store = store
        self._created: dict[bytes, datetime] = {}
        for certificate in certificates:
            known = self._created.get(certificate.key)
            self._created[certificate.key] = min(known or certificate.not_before, certificate.not_before)

    @property
    def has_unknown_roots(self) -> bool:
        """Whether the store trusted roots whose bytes are not known: a path to one of them cannot be found."""
        held = {certificate.sha256 for certificate in self.certificates}
        return self.store is not None and not held.issuperset(self.store.periods)

    def bounding(self, path: tuple[Certificate, ...], *, has_root: bool) -> tuple[Certificate, ...]:
        """The certificates whose end is the end of the path: all, except for a root whose expiry is not checked."""
        is_root_exempt = self.store is not None and not self.store.checks_root_expiry
        return path[:-1] if is_root_exempt and has_root and len(path) > 1 else path

    def edges(self, root: Certificate, leaf: Certificate) -> set[datetime]:
        """The instants at which the standing of a root may change for that leaf."""
        if self.store is None:
            return set()
        found = {self.store.since, self.store.until}
        for period in self.store.periods.get(root.sha256, ()):
            found |= {edge for edge in (period.since_after, period.since, period.until, period.until_before) if edge}
        found |= {since for since in self.store.accepts.values() if since}
        since = self.store.requires_scts_since
        if since is not None and not self.store.is_sct_required_by_issue and not leaf.scts:
            found.add(since)
        return found | {announced.since for announced in self._announced(root)}

    def edges_of_distrust(self, certificate: Certificate) -> set[datetime]:
        """The instants at which the store begins and ends to list the certificate as distrusted."""
        periods = self.store.periods.get(certificate.sha256, ()) if self.store else ()
        distrusted = [period for period in periods if period.state == "distrusted"]
        return {edge for period in distrusted for edge in (period.since, period.until) if edge}

    def accepted(self, instant: datetime) -> frozenset[str]:
        """The key types and hashes that clients with the store accept at that instant though web clients do not."""
        accepts = self.store.accepts if self.store else {}
        return frozenset(name for name, since in accepts.items() if since is None or instant >= since)

    def standing(self, path: tuple[Certificate, ...], instant: datetime) -> Standing:
        """Whether the store trusted the root of the path, its last certificate, for the leaf at that instant."""
        if self.store is None:
            return _TRUSTED
        leaf, since = path[0], self.store.requires_scts_since
        found = self._of_root(self.store, path, instant)
        if found.is_trusted:
            listed = (self._listed_as_distrusted(below, leaf, instant) for below in path[:-1])
            found = next((other for other in listed if other and other.is_trusted is None), found)
        by_issue = self.store.is_sct_required_by_issue
        if not found.is_trusted or leaf.scts or since is None or (leaf.not_before if by_issue else instant) < since:
            return found
        of = "of leaves issued since" if by_issue else "since"
        words = f"{self.store.name} requires SCTs {of} {_day(since)}, and {_NO_SCTS}"
        return Standing(None, None, words, found.assumption)

    def _of_root(self, store: TrustStore, path: tuple[Certificate, ...], instant: datetime) -> Standing:
        if instant < store.since:
            known = self._as_announced(path, instant, self._announced(path[-1]))
            return known or Standing(None, None, f"the record of {store.name} begins on {_day(store.since)}")
        last = self._recorded(path, instant)
        if instant < store.until or last.cause in _ENDS:
            return last
        later = [announced for announced in self._announced(path[-1]) if announced.since >= store.until]
        if (found := self._as_announced(path, instant, later)) is not None:
            return found
        if last.is_trusted is None or last.assumption is not None:
            return last
        return replace(last, assumption=f"{store.name} has not changed since its record ended on {_day(store.until)}")

    def find_distrusted(self, path: tuple[Certificate, ...], instant: datetime) -> list[Problem]:
        """The certificates below the root that the store lists as distrusted, such as forged ones."""
        return [
            Problem("root", position, found.reason or "", "distrust")
            for position, certificate in enumerate(path)
            if (found := self._listed_as_distrusted(certificate, path[0], instant)) and found.is_trusted is False
        ]

    def _listed_as_distrusted(self, certificate: Certificate, leaf: Certificate, instant: datetime) -> Standing | None:
        """What follows for the leaf from the list of distrusted certificates; None: it does not have this one.

        A list that also has roots which are limited by the leaf's date says nothing about leaves that are older.
        """
        if self.store is None:
            return None
        for period in self.store.periods.get(certificate.sha256, ()):
            if period.state == "distrusted" and _holds(period, instant):
                words = f"{self.store.name} lists it as distrusted since {_day(period.since)}{_by(period.source)}"
                if not self.store.lists_limited_as_distrusted or leaf.not_before >= period.since:
                    return Standing(False, "distrust", words)
                return Standing(None, None, f"{words}, which may mean leaves issued later only")
        return None

    def _recorded(self, path: tuple[Certificate, ...], instant: datetime) -> Standing:
        assert self.store is not None
        root, leaf = path[-1], path[0]
        periods = self.store.periods.get(root.sha256, ())
        if listed := self._listed_as_distrusted(root, leaf, instant):
            return self._refused(path, instant, listed)
        for period in periods:
            if not _holds(period, instant):
                continue
            if period.limit is not None:
                found = _limited(self.store.name, period.limit, leaf, period.source)
                if not found.is_trusted:
                    return found
            return self._as_announced(path, instant, self._unrecorded(root, period)) or _TRUSTED
        for period in periods:
            if period.until and period.until_before and period.until <= instant < period.until_before:
                return Standing(
                    None, None, _between("removed from", self.store.name, period.until, period.until_before)
                )
            if period.since_after and period.since_after <= instant < period.since:
                words = _between("added to", self.store.name, period.since_after, period.since)
                return Standing(None, None, words)
        earlier = [period for period in periods if period.until_before and period.until_before <= instant]
        if earlier:
            ended = earlier[-1]
            words = (
                f"it was removed from {self.store.name} by {_day(ended.until_before or ended.since)}{_by(ended.then)}"
            )
            return self._refused(path, instant, Standing(False, "removal", words))
        later = f"until {_day(periods[0].since)}" if periods else "at any time of its record"
        return self._refused(path, instant, Standing(False, "not_included", f"it is not in {self.store.name} {later}"))

    def _refused(self, path: tuple[Certificate, ...], instant: datetime, recorded: Standing) -> Standing:
        """For a root that the record does not show as trusted.

        After the record, a root that it never held may have been added; one that the store removed or distrusted is
        taken to be refused until an announcement adds it.
        """
        assert self.store is not None
        is_over = instant >= self.store.until
        if recorded.is_trusted is False and not is_over:
            return recorded
        added = [rule for rule in self._announced(path[-1]) if rule.effect == "added" and rule.since <= instant]
        if recorded.cause in _ENDS and not added:
            words = f"has not added the root again since its record ended on {_day(self.store.until)}"
            return replace(recorded, assumption=f"{self.store.name} {words}")
        if announced := self._as_announced(path, instant, self._announced(path[-1])):
            return announced
        if is_over and added:
            words = f"since it added the root on {_day(added[-1].since)}{_by(added[-1].authority)}"
            return Standing(True, assumption=f"{self.store.name} has not changed {words}")
        since = f"; whether it was added after the record ended on {_day(self.store.until)} is not known"
        return Standing(None, None, f"{recorded.reason}{since if recorded.cause == 'not_included' else ''}")

    def _announced(self, root: Certificate) -> list[Announcement]:
        assert self.store is not None
        return self.store.announced_for(root.sha256, self._created.get(root.key, root.not_before))

    def _unrecorded(self, root: Certificate, period: Period) -> list[Announcement]:
        """What was announced for this root, and a period of trust does not contradict.

        Most lists of roots show no limit by the leaf's date, nor a rule that clients have built in. A root that was
        added after the announcement is trusted again. The record itself shows whether keys were removed for their age.
        """
        assert self.store is not None
        added = period.since
        for earlier in reversed(self.store.periods[root.sha256]):
            if earlier.state == "trusted" and earlier.until == earlier.until_before == added:
                added = earlier.since
        begins = self.store.since
        return [
            announced
            for announced in self._announced(root)
            if announced.cert_sha256 is not None and added <= max(announced.since, begins)
        ]

    def _as_announced(
        self, path: tuple[Certificate, ...], instant: datetime, among: list[Announcement]
    ) -> Standing | None:
        """The first announcement in effect that rules out trust, or leaves it unknown; None: nothing does."""
        name = self.store.name if self.store else ""
        keys = {hashlib.sha256(certificate.key).hexdigest() for certificate in path[1:-1]}
        for announced in among:
            if announced.effect == "added" or instant < announced.since or keys & announced.exempt:
                continue
            if announced.limit is not None:
                found = _limited(name, announced.limit, path[0], announced.authority)
            elif announced.effect == "unknown":
                words = f"whether {name} trusts it since {_day(announced.since)} is not known: {announced.words}"
                found = Standing(None, None, f"{words}{_by(announced.authority)}")
            else:
                effect = _EFFECTS[announced.effect]
                words = f"{name} announced for {_day(announced.since)}: {announced.words}{_by(announced.authority)}"
                cause = effect if announced.cert_sha256 else "key_age"
                found = Standing(False, cause, words, f"{name} does on that day what it announced")
            if found.is_trusted is False and keys & announced.unclear:
                words = f"{name} exempts some CAs from this, and whether one of the path is among them is not known"
                found = Standing(None, None, f"{found.reason}; {words}")
            if not found.is_trusted:
                return found
        return None


def find_anchors(roots: Roots, certificates: pd.DataFrame) -> Anchors:
    """The anchors that `roots` names; those of a store include self-issued certificates of the tables that it lists.

    Raises `UsageError` where a root cannot be read, and as `load_roots`.
    """
    if isinstance(roots, str) and roots in trust_stores():
        store = trust_stores()[roots]
        known = _known_roots()
        held = certificates["cert_sha256"].isin(store.periods.keys() - known.keys())
        return Anchors([*known.values(), *_readable(certificates.loc[held, "der"].dropna())], store)
    anchors = []
    for number, der in enumerate(load_roots(roots)):
        certificate = read_root(der)
        if not isinstance(certificate, Certificate):
            raise UsageError(f"roots: certificate {number + 1} cannot be read ({certificate.reason}). Remove it.")
        anchors.append(certificate)
    return Anchors(anchors)


@cache
def _known_roots() -> dict[str, Certificate]:
    """The roots of all stores that can be read, by SHA-256."""
    return {certificate.sha256: certificate for certificate in _readable(stored_roots().values())}


def _readable(ders: Iterable[bytes]) -> list[Certificate]:
    read = (read_certificate(der) for der in ders)
    return [certificate for certificate in read if isinstance(certificate, Certificate)]


def _holds(period: Period, instant: datetime) -> bool:
    return period.since <= instant and (period.until is None or instant < period.until)


def _limited(store: str, limit: Limit, leaf: Certificate, source: str) -> Standing:
    """Trust that depends on the leaf's `not_before`, or on an SCT of a known log (SCTNotAfter in Chromium)."""
    name, stamp = "notBefore", leaf.not_before
    if limit.of == "sct":
        if not leaf.scts:
            return Standing(None, None, f"{store} trusts its root by the earliest SCT, and {_NO_SCTS}")
        name, stamp = "earliest SCT", min(sct.at for sct in leaf.scts)
        is_known = any(limit.allows(sct.at) for sct in leaf.scts if sct.log in log_operators())
        if limit.allows(stamp) and not is_known:
            words = f"no SCT of a known log is from {_day(limit.instant)} or earlier, and others are"
            return Standing(None, None, f"{store} trusts its root by the earliest SCT: {words}")
    if limit.allows(stamp):
        return _TRUSTED
    words = f"{store} trusts it for leaves with {limit}, and the leaf's {name} is {_day(stamp)}{_by(source)}"
    return Standing(False, "distrust_after", words)


def _between(verb: str, store: str, first: datetime, last: datetime) -> str:
    return f"the root was {verb} {store} between {_day(first)} and {_day(last)}, on a day that is not recorded"


def _by(source: str) -> str:
    return f" ({source})" if source else ""


def _day(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d}"
