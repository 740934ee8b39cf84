"""Splits a series of hellos into parts that run at the same time, where connections are free.

A series takes one handshake for each item that is accepted, one after the other. Parts with about as many accepted
items each take less time, and one refusal more for each split.
"""

from collections.abc import Callable
from typing import Final

from toolkit.collection.surveys.offers import Codes, common_suites, popular_first

_HEAVY: Final = 14
"""A series is split before a connection is free if each part would still have about this many accepted items."""
_AHEAD: Final = 2
"""Parts that may wait for a connection, so that none is idle when another part ends."""


class Splits:
    """The splits of one address: at most `most`; `idle` says how many more connections could be open now."""

    def __init__(self, most: int, idle: Callable[[], int]) -> None:
        self._most, self._idle = most, idle
        self.made = 0
        self.waiting: set[Codes] = set()
        """Parts that were split off and have not asked yet."""
        self.running: list[float] = []
        """Weights of the parts that are asking."""

    @property
    def are_left(self) -> bool:
        """Whether more splits are allowed."""
        return self.made < self._most

    def parts(self, weight: float) -> int:
        """The number of parts into which a series of this weight is split; 1: it is not.

        Each free connection goes to the running part with the most weight per connection (the D'Hondt method), unless
        a part would then weigh less than one handshake. Parts beyond the free connections must be heavy.
        """
        weights = [weight, *self.running]
        counts = [1] * len(weights)
        idle = self._idle() - len(self.waiting) - 1
        for given in range(min(idle + _AHEAD, self._most - self.made)):
            heaviest = max(range(len(weights)), key=lambda part: weights[part] / counts[part])
            if weights[heaviest] / (counts[heaviest] + 1) < (1 if given < idle else _HEAVY):
                break
            counts[heaviest] += 1
        return counts[0]

    def add(self, parts: list[Codes]) -> None:
        """A series was split into these parts."""
        self.made += len(parts) - 1
        self.waiting.update(parts)


class Likelihoods:
    """Suites of one version by how likely a server accepts them: guessed from other versions and from usual servers."""

    def __init__(self, protocol: str, suites: Codes, *, accepted: frozenset[int], refused: set[int]) -> None:
        asked = frozenset(suites)
        self._suites, self._popular = suites, popular_first(protocol)
        accepted = asked & accepted
        refused_here = (asked & refused) - accepted
        common = (asked & common_suites(protocol)) - accepted - refused_here
        self._groups = ((accepted, 0.9), (common, 0.7), (refused_here, 0.02))

    def weight(self) -> float:
        """The number of suites that are probably accepted."""
        return sum(likelihood * len(codes) for codes, likelihood in self._groups)

    def divide(self, count: int) -> list[Codes]:
        """`count` parts with about as many accepted suites each; each part keeps the order of the suites."""
        likely = [code for codes, _ in self._groups for code in self._popular if code in codes]
        part = {code: n % count for n, code in enumerate(dict.fromkeys([*likely, *self._suites]))}
        return [tuple(code for code in self._suites if part[code] == n) for n in range(count)]
