"""Diagnosis: the cause for which two leaf certificates of one service were both seen.

Method: rules on names, keys and rotations; the order of all looks (Mann and Whitney 1947); and, for differences between
addresses, a test stratified by rounds (Mantel and Haenszel 1959).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from toolkit.analyse.arrays import NULL, instants
from toolkit.analyse.causes.stuck import Stay, chance_of_order, find_plateau, find_stay
from toolkit.analyse.host_names import common_names, names_host
from toolkit.instants import has_over_half_left
from toolkit.sampling import MISS, STRICT


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A cause, its confidence (None if the cause is `unclear`), and what it was inferred from."""

    cause: str
    confidence: float | None
    explanation: str


@dataclass(frozen=True, slots=True)
class _LeafFacts:
    key_type: str | None
    names: frozenset[str]
    key: str | None
    begins: int
    ends: int


_UNKNOWN: Final = _LeafFacts(None, frozenset(), None, NULL, NULL)


class Context:
    """What all diagnoses of one call share: certificates by hash, rotations by service and pair of certificates.

    `is_one_backend`: one backend answers each service, so that looks cannot stick to one of several. `by_round`: only
    the first look of each cell counts. `long` (µs): a certificate that stays no longer is part of a roll-out.
    """

    def __init__(
        self, certificates: pd.DataFrame, rotations: pd.DataFrame, *, is_one_backend: bool, by_round: bool, long: int
    ) -> None:
        self.is_one_backend, self.by_round, self.long = is_one_backend, by_round, long
        begins, ends = instants(certificates["not_before"]), instants(certificates["not_after"])
        self._certificates = {
            sha: _LeafFacts(_or_none(key_type), _names(names, subject), _or_none(key), int(begin), int(end))
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

    def certificate(self, sha256: str) -> _LeafFacts:
        """The facts about a certificate; all unknown if it has no row."""
        return self._certificates.get(sha256, _UNKNOWN)

    def rotations(self, unit: str, old: str, new: str) -> pd.DataFrame:
        """The service's rotations from one certificate to the other."""
        return self._rows.iloc[self._rotations.get((unit, old, new), [])]

    def rollbacks(self, unit: str, new: str, old: str) -> pd.DataFrame:
        """The service's roll-backs from the new certificate to the old one."""
        found = self.rotations(unit, new, old)
        return found[found["is_rollback"].to_numpy(bool)]


def diagnose(context: Context, looks: pd.DataFrame, is_in_window: pd.Series, leaf: str, other: str) -> Diagnosis:
    """Why the window shows both certificates; `looks` are all looks of the service that showed either.

    The `cell` of a look is its slot, round and address. If cells of several looks never showed both certificates, a
    load balancer may keep a source on one backend. Then one look of each cell counts; and if an address went back and
    forth, that is indistinguishable from repeat hits on one of several backends, so unclear.
    """
    if leaf == other:
        return Diagnosis("other chain", 1.0, "one leaf, several chains")
    if None in (context.certificate(leaf).key_type, context.certificate(other).key_type):
        return Diagnosis("unclear", None, "only the hash of one is known: the two may be of two key types")
    by_names = _by_names(context, looks[is_in_window], leaf, other)
    if by_names is not None:
        return by_names
    is_alike = not (context.by_round or context.is_one_backend) and _is_ever_alike(looks, leaf)
    may_stick = is_alike and _does_one_go_back(looks, leaf)
    if context.by_round or is_alike:
        is_first = ~looks.duplicated("cell")
        looks, is_in_window = looks[is_first], is_in_window[is_first]
    window = looks[is_in_window]
    if window.empty or looks["leaf_sha256"].nunique() < 2:
        return Diagnosis("unclear", None, "counted by rounds, only one was shown")
    looks = looks.sort_values("at", kind="stable")
    older, newer = _by_age(context, looks, leaf, other)
    return _by_rollback(context, window, older, newer, may_stick=may_stick) or _by_succession(
        context, looks, window, older, newer, may_stick=may_stick
    )


def _is_ever_alike(looks: pd.DataFrame, leaf: str) -> bool:
    """Whether some cells have several looks, and none of the cells showed both certificates."""
    cell = looks["cell"].to_numpy(np.int64)
    is_leaf = (looks["leaf_sha256"] == leaf).to_numpy(bool)
    one, two = np.unique(cell[is_leaf]), np.unique(cell[~is_leaf])
    return len(one) + len(two) < len(cell) and not len(np.intersect1d(one, two, assume_unique=True))


def _does_one_go_back(looks: pd.DataFrame, leaf: str) -> bool:
    """Whether an address changed more than once. If each changed once at most, each may be one backend."""
    address = pd.factorize(looks["address"], use_na_sentinel=False)[0]
    order = np.lexsort((looks["at"], address))
    is_leaf, address = (looks["leaf_sha256"] == leaf).to_numpy(bool)[order], address[order]
    is_change = (is_leaf[1:] != is_leaf[:-1]) & (address[1:] == address[:-1])
    return bool((np.bincount(address[1:][is_change]) > 1).any())


def _by_names(context: Context, window: pd.DataFrame, leaf: str, other: str) -> Diagnosis | None:
    """A cause by the names that each was shown for, and whether it covers them. The order of the two has no effect."""
    one, two = context.certificate(leaf), context.certificate(other)
    is_other = window["leaf_sha256"] == other
    asked, asked_other = set(window.loc[~is_other, "server_name"]), set(window.loc[is_other, "server_name"])
    is_for_both = _covered(one.names, asked | asked_other) & _covered(two.names, asked | asked_other)
    if one.key_type != two.key_type and (is_for_both or one.names & two.names):
        return Diagnosis("key-type pair", 1.0, f"{one.key_type} and {two.key_type} for the same name")
    if not asked & asked_other:
        fits, other_fits = bool(_covered(one.names, asked)), bool(_covered(two.names, asked_other))
        if fits and other_fits:
            return Diagnosis("names differ", 1.0, "each was shown for its own names")
        if fits or other_fits:
            return Diagnosis("default certificate", 1.0, "one was shown for other names, none of which it covers")
        return Diagnosis("unclear", None, "shown for different names, and neither covers its own")
    if one.names and two.names and not one.names & two.names and not is_for_both:
        if not any(isinstance(name, str) for name in asked & asked_other):
            return Diagnosis("unclear", None, "no name in common, and none was asked for")
        return Diagnosis("unrelated", 1.0, "no name in common, and not both cover the name asked for")
    return None


def _by_rollback(
    context: Context, window: pd.DataFrame, older: str, newer: str, *, may_stick: bool
) -> Diagnosis | None:
    """A roll-back to the certificate that is valid from earlier; the step forward again is a rotation."""
    back = context.rollbacks(_unit(window), newer, older)
    if back.empty:
        return None
    came, left = instants(back["start_max_at"]), instants(back["done_min_at"])
    seen = window["at"].to_numpy(np.int64)
    within = (np.minimum(came, left) <= seen.max()) & (np.maximum(came, left) >= seen.min())
    if not within.any():
        return None
    if back["is_ambiguous"].to_numpy(bool)[within].any():
        return Diagnosis("unclear", None, "one came back: a roll-back, or a roll-out overtaken by the next one")
    if may_stick:
        return Diagnosis(
            "unclear",
            None,
            "one came back, never both in a round: a roll-back, or repeat hits on one of several backends",
        )
    return Diagnosis("rollback", 1 - MISS, "the slot went back to its former certificate")


def _by_address(window: pd.DataFrame, leaf: str) -> Diagnosis | None:
    """Whether the certificate shown depends on the address within rounds, independently of time.

    For each address, the number of looks that showed the leaf minus the number expected from its rounds is summed over
    the rounds and standardised (Mantel and Haenszel 1959). The p-value is multiplied by the number of addresses
    tested (Bonferroni).
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
    chance = min(2 * float(special.ndtr(-score)) * int(tried.sum()), 1.0)
    if chance > STRICT:
        return None
    return Diagnosis("addresses differ", 1 - chance, "within rounds, the certificate depends on the address")


def _by_succession(
    context: Context, looks: pd.DataFrame, window: pd.DataFrame, older: str, newer: str, *, may_stick: bool
) -> Diagnosis:
    """A cause by the order of all looks. A stuck backend comes before a difference by address, which it may explain."""
    is_old = (looks["leaf_sha256"] == older).to_numpy(bool)
    at = looks["at"].to_numpy(np.int64)
    chance = chance_of_order(at[is_old], at[~is_old])
    if chance > MISS:
        return _by_address(window, older) or Diagnosis(
            "unclear", None, f"the order of their looks may be due to chance (p = {chance:.2f})"
        )
    stay = _stay(context, looks, int(window["at"].max()), older, newer)
    is_long = int(at[is_old].max() - at[~is_old].min()) > 2 * context.long
    is_of_address = stay is not None and stay.is_of_address
    if may_stick and not is_of_address and (stay is not None or is_long):
        return Diagnosis(
            "unclear", None, "a stuck backend, or looks that all reached one backend: never both in a round"
        )
    if stay is not None and stay.certainty is not None:
        return Diagnosis("stuck backend", stay.certainty, stay.explanation)
    old, new = context.certificate(older), context.certificate(newer)
    is_dated = NULL not in (old.begins, old.ends, new.begins)
    is_early = is_dated and has_over_half_left(old.begins, old.ends, new.begins)
    if old.key is not None and old.key == new.key and is_early:
        return Diagnosis("re-issue", 1 - chance, "the same key, and over half of the other's validity was left")
    if stay is not None:
        return Diagnosis("unclear", None, stay.explanation)
    return _by_address(window, older) or Diagnosis(
        "rotation", 1 - chance, "one replaces the other in the order of looks"
    )


def _stay(context: Context, looks: pd.DataFrame, until: int, older: str, newer: str) -> Stay | None:
    """Whether the old one stays by the end of the window (`until`); None once it was rolled back to."""
    unit = _unit(looks)
    back = instants(context.rollbacks(unit, newer, older)["start_max_at"])
    if len(back) and until >= int(back.min()):
        return None
    if (unit, older, newer) not in context.stays:
        before = looks[looks["at"] < back.min()] if len(back) else looks
        context.stays[unit, older, newer] = _stays(before, older, context.long)
    stays = [stay for stay in context.stays[unit, older, newer] if stay.begins < until]
    return min(stays, key=lambda stay: stay.certainty is None, default=None)


def _stays(looks: pd.DataFrame, older: str, long: int) -> list[Stay]:
    at, is_old = looks["at"].to_numpy(np.int64), (looks["leaf_sha256"] == older).to_numpy(bool)
    address = pd.factorize(looks["address"], use_na_sentinel=False)[0]
    if is_old.all() or not is_old.any():
        return []
    found = [find_stay(at, is_old, address, long)]
    if address.max() == 0 or len(np.intersect1d(address[is_old], address[~is_old])):
        found.append(find_plateau(at, is_old, long))
    return [stay for stay in found if stay is not None]


def _by_age(context: Context, looks: pd.DataFrame, leaf: str, other: str) -> tuple[str, str]:
    """The older and the newer one, by `not_before` (unknown: last), first sighting and hash, as in `find_rotations`."""
    seen = looks.drop_duplicates("leaf_sha256").set_index("leaf_sha256")["at"]
    begins = {one: context.certificate(one).begins for one in (leaf, other)}
    older, newer = sorted((leaf, other), key=lambda one: (begins[one] == NULL, begins[one], seen[one], one))
    return older, newer


def _covered(names: Iterable[str], asked: Iterable[object]) -> set[str]:
    """Those of the names asked for that a certificate with these names covers."""
    return {one for one in asked if isinstance(one, str) and any(names_host(name, one) for name in names)}


def _names(names: object, subject: object) -> frozenset[str]:
    """The names of a certificate; without a SAN its common names (RFC 6125, section 6.4.4)."""
    if isinstance(names, tuple | list | np.ndarray) and len(names):
        return frozenset(names)
    return frozenset(common_names(subject)) if isinstance(subject, str) else frozenset()


def _unit(looks: pd.DataFrame) -> str:
    return str(looks["unit"].iloc[0])


def _or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
