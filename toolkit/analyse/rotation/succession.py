"""Visits: the certificates of each line in the order in which they served, returns counted apart."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import Bools, Ints, first_and_last, instants
from toolkit.analyse.rotation.rollbacks import ByRound, Neighbours, Visits, number_visits
from toolkit.analyse.rotation.stickiness import compare_rounds
from toolkit.analyse.slots import Looks, certificate_facts, find_looks, first_of_rounds
from toolkit.tables import Tables

_LAST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Succession:
    """The looks of lines with a known key type, and which visit of which certificate each showed.

    Per look: `shown`, the number of the visit. Per visit: its `line` and `leaf` (numbers of `looks`), `visit` (0: the
    first of that certificate), `first` and `last` (positions of looks). Per neighbouring pair of a line: `old` and
    `new` (visits), and `is_ambiguous`.
    """

    looks: Looks
    shown: Ints
    line: Ints
    leaf: Ints
    visit: Ints
    first: Ints
    last: Ints
    old: Ints
    new: Ints
    is_ambiguous: Bools


def find_succession(tables: Tables, min_share: float, *, sticky: bool) -> Succession:
    """The succession of the tables' lines; certificates by `not_before`, first sighting, hash, unless one returned.

    Whether one returned is judged by looks where some round showed both; else by rounds, because looks that always
    agree may stick to one machine. By rounds, too, with `sticky`, and where stickiness is suspected.
    """
    looks = _with_known_key_types(find_looks(tables))
    leaves = max(len(looks.leaves), 1)
    shown, codes = pd.factorize(looks.line * leaves + looks.leaf)
    line, leaf = np.asarray(codes) // leaves, np.asarray(codes) % leaves
    order = _by_validity(tables, looks, shown, line, leaf)
    old, new = _neighbours(order, line)
    first, last = first_and_last(shown, len(line))
    against = looks.at[first[new]] < looks.at[first[old]]
    whole = Succession(looks, shown, line, leaf, np.zeros(len(line), np.int64), first, last, old, new, against)
    rounds = compare_rounds(shown, looks.round, old, new)
    suspected = rounds["is_sticky_suspected"].fillna(value=False).to_numpy(bool)
    is_first = first_of_rounds(looks) == np.arange(len(looks.at))
    by_round = ByRound(is_first, suspected | ~rounds["has_mixed_rounds"].to_numpy(bool) | sticky)
    visits = number_visits(Neighbours(shown, looks.line, old, new), by_round, min_share)
    return _with_returns(whole, order, visits) if visits.splits else whole


def _with_returns(found: Succession, order: Ints, visits: Visits) -> Succession:
    """The succession of visits instead of certificates; lines without a return keep their order."""
    most = int(visits.visit.max()) + 1
    number, codes = pd.factorize(found.shown * most + visits.visit)
    certificate, visit = np.asarray(codes) // most, np.asarray(codes) % most
    first, last = first_and_last(number, len(certificate))
    line = found.line[certificate]
    whole = {int(c): n for n, (c, v) in enumerate(zip(certificate, visit, strict=True)) if v == 0}
    begun_first = {pair for pair in visits.splits if first[whole[pair[1]]] < first[whole[pair[0]]]}
    visited = _in_order_of_service([whole[int(one)] for one in order], certificate, begun_first)
    # A later visit follows the visit that the line showed just before it.
    follower = dict(pairwise(visited))
    again = np.flatnonzero(visit > 0)
    for one in again[np.argsort(first[again])].tolist():
        before = int(number[first[one] - 1])
        if before in follower:
            follower[one] = follower[before]
        follower[before] = one
    sequence = visited[:1]
    while sequence[-1] in follower:
        sequence.append(follower[sequence[-1]])
    old, new = _neighbours(np.array(sequence), line)
    unclear = {pair for pair, is_ambiguous in visits.splits.items() if is_ambiguous}
    unclear |= {(b, a) for a, b in unclear}
    returning = {one for pair in unclear for one in pair}
    ambiguous = [
        (int(certificate[a]), int(certificate[b])) in unclear or (visit[b] > 0 and int(certificate[b]) in returning)
        for a, b in zip(old, new, strict=True)
    ]
    against = (found.looks.at[first[new]] < found.looks.at[first[old]]) & (visit[new] == 0) & (visit[old] == 0)
    return Succession(
        found.looks, number, line, found.leaf[certificate], visit, first, last, old, new,
        np.array(ambiguous, bool) | against,
    )  # fmt: skip


def _in_order_of_service(visited: list[int], certificate: Ints, begun_first: set[tuple[int, int]]) -> list[int]:
    """Neighbours swapped where the newer one served first and the older one came in between."""
    for i in range(len(visited) - 1):
        if (int(certificate[visited[i]]), int(certificate[visited[i + 1]])) in begun_first:
            visited[i], visited[i + 1] = visited[i + 1], visited[i]
    return visited


def _with_known_key_types(looks: Looks) -> Looks:
    known = looks.lines["key_type"].notna().to_numpy()
    if known.all():
        return looks
    kept = known[looks.line]
    return Looks(
        looks.lines, looks.leaves, looks.line[kept], looks.leaf[kept], looks.at[kept], looks.round[kept],
        looks.row[kept], looks.undated, looks.undated_line, looks.undated_leaf,
    )  # fmt: skip


def _by_validity(tables: Tables, looks: Looks, shown: Ints, line: Ints, leaf: Ints) -> Ints:
    begins = instants(certificate_facts(tables, looks.leaves, ["not_before"])["not_before"])
    begins = np.where(begins == np.iinfo(np.int64).min, _LAST, begins)
    first, _ = first_and_last(shown, len(line))
    by_hash = np.empty(len(looks.leaves), np.int64)
    by_hash[np.argsort(looks.leaves.to_numpy(object), kind="stable")] = np.arange(len(looks.leaves))
    return np.lexsort((by_hash[leaf], looks.at[first], begins[leaf], line))


def _neighbours(order: Ints, line: Ints) -> tuple[Ints, Ints]:
    same = line[order[1:]] == line[order[:-1]]
    return order[:-1][same], order[1:][same]
