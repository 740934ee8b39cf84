"""Evidence: what two leaves of one service, their looks and their rotations say about why both were seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.analyse.arrays import NULL, instants
from toolkit.analyse.causes.stuck import Stay, chance_of_order, find_level, find_stay
from toolkit.analyse.host_names import common_names, names_host
from toolkit.instants import has_over_half_left
from toolkit.sampling import MISS

_BY_ADDRESS: Final = 0.001
"""The chance at which leaves depend on the address."""


@dataclass(frozen=True, slots=True)
class Told:
    """A cause, how sure it is (None: unclear), and what it rests on."""

    cause: str
    confidence: float | None
    evidence: str


@dataclass(frozen=True, slots=True)
class _Certificate:
    key_type: str | None
    names: frozenset[str]
    key: str | None
    begins: int
    ends: int


_UNKNOWN: Final = _Certificate(None, frozenset(), None, NULL, NULL)


class Evidence:
    """Certificates by hash, and rotations by service and pair of certificates.

    `is_one_machine`: one machine answers each service, so that nothing can stick to one of several. `by_round`: what
    counts is the first look of each cell. `long` (µs): what stays for no longer is part of a roll-out.
    """

    def __init__(
        self, certificates: pd.DataFrame, rotations: pd.DataFrame, *, is_one_machine: bool, by_round: bool, long: int
    ) -> None:
        self.is_one_machine, self.by_round, self.long = is_one_machine, by_round, long
        begins, ends = instants(certificates["not_before"]), instants(certificates["not_after"])
        self._certificates = {
            sha: _Certificate(_or_none(key_type), _names(names, subject), _or_none(key), int(begin), int(end))
            for sha, key_type, names, subject, key, begin, end in zip(
                certificates["cert_sha256"], certificates["key_type"], certificates["names"], certificates["subject"],
                certificates["spki_sha256"], begins, ends, strict=True,
            )
        }  # fmt: skip
        units = rotations["service"].fillna(rotations["host"]).fillna("")
        self._rotations: dict[tuple[str, str, str], list[int]] = {}
        for row, key in enumerate(
            zip(units, rotations["predecessor_sha256"], rotations["successor_sha256"], strict=True)
        ):
            self._rotations.setdefault(key, []).append(row)
        self._rows = rotations
        self.stays: dict[tuple[str, str, str], list[Stay]] = {}

    def certificate(self, sha256: str) -> _Certificate:
        """What is known of a certificate; without a row, nothing."""
        return self._certificates.get(sha256, _UNKNOWN)

    def rotations(self, unit: str, old: str, new: str) -> pd.DataFrame:
        """The service's rotations from one certificate to the other."""
        return self._rows.iloc[self._rotations.get((unit, old, new), [])]

    def returns(self, unit: str, new: str, old: str) -> pd.DataFrame:
        """Those of them that went back to the old one."""
        found = self.rotations(unit, new, old)
        return found[found["is_rollback"].to_numpy(bool)]


def tell_cause(evidence: Evidence, looks: pd.DataFrame, is_in_window: pd.Series, leaf: str, other: str) -> Told:
    """Why the window shows both leaves; `looks` are all looks of the service that showed either.

    `cell` of a look is its round on its line at one address. Where cells of several looks never showed both leaves, a
    balancer may keep a source on one machine: then one look of each counts, and, where an address went back and forth,
    what one machine of several, met again, would look like is not told.
    """
    if leaf == other:
        return Told("other chain", 1.0, "one leaf, several chains")
    if None in (evidence.certificate(leaf).key_type, evidence.certificate(other).key_type):
        return Told("unclear", None, "of one only the hash is known: it may be the other half of a pair of key types")
    by_names = _by_names(evidence, looks[is_in_window], leaf, other)
    if by_names is not None:
        return by_names
    is_alike = not (evidence.by_round or evidence.is_one_machine) and _is_ever_alike(looks, leaf)
    may_stick = is_alike and _does_one_go_back(looks, leaf)
    if evidence.by_round or is_alike:
        is_first = ~looks.duplicated("cell")
        looks, is_in_window = looks[is_first], is_in_window[is_first]
    window = looks[is_in_window]
    if window.empty or looks["leaf_sha256"].nunique() < 2:
        return Told("unclear", None, "by rounds, both were not shown")
    looks = looks.sort_values("at", kind="stable")
    older, newer = _by_age(evidence, looks, leaf, other)
    return _by_return(evidence, window, older, newer, may_stick=may_stick) or _by_succession(
        evidence, looks, window, older, newer, may_stick=may_stick
    )


def _is_ever_alike(looks: pd.DataFrame, leaf: str) -> bool:
    """Whether some cell has several looks, but none showed both leaves."""
    cell = looks["cell"].to_numpy(np.int64)
    is_leaf = (looks["leaf_sha256"] == leaf).to_numpy(bool)
    one, two = np.unique(cell[is_leaf]), np.unique(cell[~is_leaf])
    return len(one) + len(two) < len(cell) and not len(np.intersect1d(one, two, assume_unique=True))


def _does_one_go_back(looks: pd.DataFrame, leaf: str) -> bool:
    """Whether an address changed more than once; where each changes once at most, each may be one machine."""
    address = pd.factorize(looks["address"], use_na_sentinel=False)[0]
    order = np.lexsort((looks["at"], address))
    is_leaf, address = (looks["leaf_sha256"] == leaf).to_numpy(bool)[order], address[order]
    is_change = (is_leaf[1:] != is_leaf[:-1]) & (address[1:] == address[:-1])
    return bool((np.bincount(address[1:][is_change]) > 1).any())


def _by_names(evidence: Evidence, window: pd.DataFrame, leaf: str, other: str) -> Told | None:
    """Which name each was shown for, and whether it is for it: the two are judged alike, whichever was shown more."""
    one, two = evidence.certificate(leaf), evidence.certificate(other)
    is_other = window["leaf_sha256"] == other
    asked, asked_other = set(window.loc[~is_other, "server_name"]), set(window.loc[is_other, "server_name"])
    is_for_both = _covered(one.names, asked | asked_other) & _covered(two.names, asked | asked_other)
    if one.key_type != two.key_type and (is_for_both or one.names & two.names):
        return Told("key-type pair", 1.0, f"{one.key_type} and {two.key_type} for the same name")
    if not asked & asked_other:
        fits, other_fits = bool(_covered(one.names, asked)), bool(_covered(two.names, asked_other))
        if fits and other_fits:
            return Told("names differ", 1.0, "each was shown for its own names")
        if fits or other_fits:
            return Told("default certificate", 1.0, "one was shown for another name, and for none that it covers")
        return Told("unclear", None, "shown for different names, and neither is for its own")
    if one.names and two.names and not one.names & two.names and not is_for_both:
        if not any(isinstance(name, str) for name in asked & asked_other):
            return Told("unclear", None, "no name in common, and none was asked for")
        return Told("unrelated", 1.0, "no name in common, and not both for the name asked")
    return None


def _by_return(evidence: Evidence, window: pd.DataFrame, older: str, newer: str, *, may_stick: bool) -> Told | None:
    """A row back to the certificate whose validity began earlier; the way forth again is a rotation."""
    back = evidence.returns(_unit(window), newer, older)
    if back.empty:
        return None
    came, left = instants(back["start_max_at"]), instants(back["done_min_at"])
    seen = window["at"].to_numpy(np.int64)
    within = (np.minimum(came, left) <= seen.max()) & (np.maximum(came, left) >= seen.min())
    if not within.any():
        return None
    if back["is_ambiguous"].to_numpy(bool)[within].any():
        return Told("unclear", None, "one came back: a rollback, or a roll-out overtaken by the next")
    if may_stick:
        return Told("unclear", None, "one came back, never both in a round: a rollback, or one machine of several")
    return Told("rollback", 1 - MISS, "the line went back to the certificate that it had before")


def _by_address(window: pd.DataFrame, leaf: str) -> Told | None:
    """Within rounds, does the leaf depend on the address?

    For each address the sum over rounds of how often it showed the leaf beyond its part of the round, standardised
    (Mantel and Haenszel 1959): time plays no part. Every address is tried, so the chances add up.
    """
    if window["address"].nunique() < 2:
        return None
    counted = window[["round", "address"]].assign(shown=(window["leaf_sha256"] == leaf).astype("int64"))
    rounds = counted.groupby("round")["shown"].agg(["size", "sum"]).add_prefix("round_")
    cells = counted.groupby(["round", "address"])["shown"].agg(["size", "sum"]).reset_index().join(rounds, on="round")
    looks, all_looks = cells["size"].to_numpy(float), cells["round_size"].to_numpy(float)
    shown, all_shown = cells["sum"].to_numpy(float), cells["round_sum"].to_numpy(float)
    spread = looks * (all_looks - looks) * all_shown * (all_looks - all_shown)
    spread /= all_looks**2 * np.maximum(all_looks - 1, 1)
    address = pd.factorize(cells["address"])[0]
    beyond = np.bincount(address, shown - looks * all_shown / all_looks)
    deviation = np.sqrt(np.bincount(address, spread))
    tried = deviation > 0
    if not tried.any():
        return None
    score = float((np.abs(beyond[tried]) / deviation[tried]).max())
    chance = min(2 * float(stats.norm.sf(score)) * int(tried.sum()), 1.0)
    if chance > _BY_ADDRESS:
        return None
    return Told("addresses differ", 1 - chance, "within rounds, the leaf depends on the address")


def _by_succession(
    evidence: Evidence, looks: pd.DataFrame, window: pd.DataFrame, older: str, newer: str, *, may_stick: bool
) -> Told:
    """By the order of all looks; what stays is told before what differs by address, which may be because it stays."""
    is_old = (looks["leaf_sha256"] == older).to_numpy(bool)
    at = looks["at"].to_numpy(np.int64)
    chance = chance_of_order(at[is_old], at[~is_old])
    if chance > MISS:
        return _by_address(window, older) or Told(
            "unclear", None, f"the order of their looks may be chance ({chance:.2f})"
        )
    stay = _stay(evidence, looks, int(window["at"].max()), older, newer)
    is_long = int(at[is_old].max() - at[~is_old].min()) > 2 * evidence.long
    is_of_address = stay is not None and stay.is_of_address
    if may_stick and not is_of_address and (stay is not None or is_long):
        return Told("unclear", None, "a stuck machine, or looks that stuck to one machine: never both in a round")
    if stay is not None and stay.certainty is not None:
        return Told("stuck machine", stay.certainty, stay.words)
    old, new = evidence.certificate(older), evidence.certificate(newer)
    is_dated = NULL not in (old.begins, old.ends, new.begins)
    is_early = is_dated and has_over_half_left(old.begins, old.ends, new.begins)
    if old.key is not None and old.key == new.key and is_early:
        return Told("re-issue", 1 - chance, "the same key, begun with over half of the other's life left")
    if stay is not None:
        return Told("unclear", None, stay.words)
    return _by_address(window, older) or Told("rotation", 1 - chance, "one replaces the other in the order of looks")


def _stay(evidence: Evidence, looks: pd.DataFrame, until: int, older: str, newer: str) -> Stay | None:
    """How the old one stays where it does by the end of the window (`until`); not told once the line went back."""
    unit = _unit(looks)
    back = instants(evidence.returns(unit, newer, older)["successor_first_seen_at"])
    if len(back) and until >= int(back.min()):
        return None
    if (unit, older, newer) not in evidence.stays:
        before = looks[looks["at"] < back.min()] if len(back) else looks
        evidence.stays[unit, older, newer] = _stays(before, older, evidence.long)
    stays = [stay for stay in evidence.stays[unit, older, newer] if stay.begins < until]
    return min(stays, key=lambda stay: stay.certainty is None, default=None)


def _stays(looks: pd.DataFrame, older: str, long: int) -> list[Stay]:
    at, is_old = looks["at"].to_numpy(np.int64), (looks["leaf_sha256"] == older).to_numpy(bool)
    address = pd.factorize(looks["address"], use_na_sentinel=False)[0]
    if is_old.all() or not is_old.any():
        return []
    found = [find_stay(at, is_old, address, long)]
    if address.max() == 0 or len(np.intersect1d(address[is_old], address[~is_old])):
        found.append(find_level(at, is_old, long))
    return [stay for stay in found if stay is not None]


def _by_age(evidence: Evidence, looks: pd.DataFrame, leaf: str, other: str) -> tuple[str, str]:
    """The older one and the newer: by `not_before` (unknown: last), first sighting, hash, as `find_rotations`."""
    seen = looks.drop_duplicates("leaf_sha256").set_index("leaf_sha256")["at"]
    begins = {one: evidence.certificate(one).begins for one in (leaf, other)}
    older, newer = sorted((leaf, other), key=lambda one: (begins[one] == NULL, begins[one], seen[one], one))
    return older, newer


def _covered(names: Iterable[str], asked: Iterable[object]) -> set[str]:
    """Those of the names asked for that a certificate with these names is for."""
    return {one for one in asked if isinstance(one, str) and any(names_host(name, one) for name in names)}


def _names(names: object, subject: object) -> frozenset[str]:
    """The names of a certificate: without any, its common names stand for them (RFC 6125, section 6.4.4)."""
    if isinstance(names, tuple | list | np.ndarray) and len(names):
        return frozenset(names)
    return frozenset(common_names(subject)) if isinstance(subject, str) else frozenset()


def _unit(looks: pd.DataFrame) -> str:
    return str(looks["unit"].iloc[0])


def _or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
