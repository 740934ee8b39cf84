"""Decides when a roll-out is settled, and how many looks that takes.

A roll-out from certificate A to B is settled when the share of A is bounded below `min_share` with 95 % confidence.
Every round is another attempt to show that, so the test is sequential: attempt j needs
n_j = ⌈ln(a / (j (j + 1))) / ln(1 − x)⌉ looks of one round without A, where x is `min_share`, a is 0.05, and j − 1 is
the number of rounds since B was first seen that showed A. The sum of a / (j (j + 1)) over all j is a, so the confidence
holds however many rounds are made. ("Twelve looks in a row" would be wrong half of the time at a share of 22 %.)

Assumptions: the looks are independent (no source affinity), and failures do not depend on the certificate.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import pandas as pd

from toolkit.collection.last_resort import read_certificate
from toolkit.collection.observation import Look, LookRequest
from toolkit.sampling import looks_needed_again
from toolkit.store import Store

_MOST_LOOKS: Final = 2
"""Looks made at one address with one offer are at most this multiple of the looks needed, since some may fail."""

_Slot = tuple[str, str | None, str | None]
"""service, server name, key type of the leaf."""

_Stream = tuple[str, str | None, str, str]
"""service, server name, address, offer."""


@dataclass(slots=True)
class _Seen:
    """The leaves of one slot with what orders them, and the leaf of each look, by round, in order of time."""

    leaves: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    rounds: dict[str, list[str]] = field(default_factory=dict)


class Settling:
    """Follows the slots of a round, with what the store has of them, and decides where more looks are made."""

    def __init__(self, round_: str, min_share: float) -> None:
        self.min_share = min_share
        self._round = round_
        self._slots: dict[_Slot, _Seen] = {}
        self._slots_of: dict[_Stream, set[_Slot]] = {}
        self._looks_of: dict[_Stream, int] = {}
        self._facts: dict[str, tuple[str | None, datetime]] = {}

    def add_stored(self, store: Store, services: Iterable[str] | None) -> None:
        """Add the looks that the store has of these services; None: of all."""
        tables = store.load(services=services)
        for certificate in tables.certificates.to_dict("records"):
            self._add_facts(str(certificate["cert_sha256"]), certificate["key_type"], certificate["not_before"])
        looks = tables.observations
        looks = looks[looks["leaf_sha256"].notna() & looks["observed_at"].notna() & looks["service"].notna()]
        for service, server_name, leaf, round_ in looks[["service", "server_name", "leaf_sha256", "round"]].itertuples(
            index=False, name=None
        ):
            self._add_leaf(service, None if pd.isna(server_name) else server_name, leaf, round_)

    def add(self, look: Look) -> None:
        """Add a look of this round."""
        target = look.request.target
        stream = _stream(look.request)
        self._looks_of[stream] = self._looks_of.get(stream, 0) + 1
        if not look.answer.chain:
            return
        leaf = hashlib.sha256(look.answer.chain[0]).hexdigest()
        if leaf not in self._facts:
            row, _ = read_certificate(look.answer.chain[0])
            self._add_facts(leaf, row["key_type"], row["not_before"])
        slot = self._add_leaf(target.service, target.server_name, leaf, self._round)
        self._slots_of.setdefault(stream, set()).add(slot)

    def wants_more(self, request: LookRequest) -> bool:
        """Whether one more look like this one may settle a roll-out in this round."""
        stream = _stream(request)
        needed = max((self._looks_needed(self._slots[slot]) for slot in self._slots_of.get(stream, ())), default=0)
        return needed > 0 and self._looks_of[stream] < _MOST_LOOKS * needed

    def _looks_needed(self, seen: _Seen) -> int:
        """The looks that settle the slot in this round; 0 where it has no roll-out, is settled, or cannot be settled.

        A round that shows the old certificate cannot settle it.
        """
        if len(seen.leaves) < 2:
            return 0
        newest = max(seen.leaves, key=seen.leaves.__getitem__)
        attempt, is_settled, is_begun = 1, False, False
        for name, leaves in seen.rounds.items():
            if name == self._round or not (is_begun or newest in leaves):
                continue
            since = leaves if is_begun else leaves[leaves.index(newest) :]
            is_begun = True
            if any(leaf != newest for leaf in since):
                attempt, is_settled = attempt + 1, False
            elif len(since) >= looks_needed_again(self.min_share, attempt):
                is_settled = True
        now = seen.rounds.get(self._round, [])
        needed = looks_needed_again(self.min_share, attempt)
        return 0 if is_settled or len(now) >= needed or any(leaf != newest for leaf in now) else needed

    def _add_leaf(self, service: str, server_name: str | None, leaf: str, round_: str) -> _Slot:
        key_type, not_before = self._facts.get(leaf, (None, _UNKNOWN))
        slot = (service, server_name, key_type)
        seen = self._slots.setdefault(slot, _Seen())
        seen.leaves.setdefault(leaf, (not_before, len(seen.leaves)))
        seen.rounds.setdefault(round_, []).append(leaf)
        return slot

    def _add_facts(self, leaf: str, key_type: object, not_before: object) -> None:
        self._facts[leaf] = (
            key_type if isinstance(key_type, str) else None,
            not_before if isinstance(not_before, datetime) and not pd.isna(not_before) else _UNKNOWN,
        )


_UNKNOWN: Final = datetime.min.replace(tzinfo=UTC)
"""Sorts before every `not_before`."""


def _stream(request: LookRequest) -> _Stream:
    target = request.target
    return (target.service, target.server_name, request.address, request.offer.name)
