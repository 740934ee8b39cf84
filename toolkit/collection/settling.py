"""When a roll-out may be called settled, and how many looks it takes to say so.

The claim is that A, the certificate before, has a share below `min_share`, at 95 %. Whoever makes it as soon as the
looks allow must count how often he tried: n_j = ⌈ln(a / (j (j + 1))) / ln(1 − x)⌉ looks of one round without A are
needed, where j − 1 rounds since B was first seen showed A, x is `min_share` and a is 0.05. The sum of a / (j (j + 1))
over all j is a, so the claim holds however long one watches; "twelve in a row" is wrong half of the time at a share
of 22 %. The looks must be independent (no source affinity), and failures must not depend on the certificate.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import pandas as pd

from toolkit.collection.last_resort import read_certificate
from toolkit.collection.observation import Look, Question
from toolkit.sampling import looks_needed_again
from toolkit.store import Store

_PATIENCE: Final = 2
"""A stream of looks that fail is left alone after so many times the looks that are needed."""

Line = tuple[str, str | None, str | None]
"""service, server name, key type of the leaf."""

_Stream = tuple[str, str | None, str, str]
"""service, server name, address, offer."""


@dataclass(slots=True)
class _Seen:
    """What one line showed: its leaves with what orders them, and the leaf of each look, by round, in time."""

    leaves: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    rounds: dict[str, list[str]] = field(default_factory=dict)


class Settling:
    """Follows the lines of a round, with what a store knows of them, and says where more looks are worth making."""

    def __init__(self, round_: str, min_share: float) -> None:
        self.min_share = min_share
        self._round = round_
        self._lines: dict[Line, _Seen] = {}
        self._lines_of: dict[_Stream, set[Line]] = {}
        self._looks_of: dict[_Stream, int] = {}
        self._facts: dict[str, tuple[str | None, datetime]] = {}

    def remember(self, store: Store, services: Iterable[str] | None) -> None:
        """Take in what the store has seen of these services; null: of all."""
        tables = store.load(services=services)
        for certificate in tables.certificates.to_dict("records"):
            self._learn(str(certificate["cert_sha256"]), certificate["key_type"], certificate["not_before"])
        looks = tables.observations
        looks = looks[looks["leaf_sha256"].notna() & looks["observed_at"].notna() & looks["service"].notna()]
        for service, server_name, leaf, round_ in looks[["service", "server_name", "leaf_sha256", "round"]].itertuples(
            index=False, name=None
        ):
            self._see(service, None if pd.isna(server_name) else server_name, leaf, round_)

    def see(self, look: Look) -> None:
        """Take in a look of this round."""
        target = look.question.target
        stream = _stream(look.question)
        self._looks_of[stream] = self._looks_of.get(stream, 0) + 1
        if not look.answer.chain:
            return
        leaf = hashlib.sha256(look.answer.chain[0]).hexdigest()
        if leaf not in self._facts:
            row, _ = read_certificate(look.answer.chain[0])
            self._learn(leaf, row["key_type"], row["not_before"])
        self._lines_of.setdefault(stream, set()).add(self._see(target.service, target.server_name, leaf, self._round))

    def wants_more(self, question: Question) -> bool:
        """Whether one look more like this one may settle a roll-out in this round."""
        stream = _stream(question)
        wanted = max((self._wanted(self._lines[line]) for line in self._lines_of.get(stream, ())), default=0)
        return wanted > 0 and self._looks_of[stream] < _PATIENCE * wanted

    def _wanted(self, seen: _Seen) -> int:
        """How many looks the line's claim takes in this round; 0 where none, no more, or none that would help."""
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

    def _see(self, service: str, server_name: str | None, leaf: str, round_: str) -> Line:
        key_type, not_before = self._facts.get(leaf, (None, _UNKNOWN))
        line = (service, server_name, key_type)
        seen = self._lines.setdefault(line, _Seen())
        seen.leaves.setdefault(leaf, (not_before, len(seen.leaves)))
        seen.rounds.setdefault(round_, []).append(leaf)
        return line

    def _learn(self, leaf: str, key_type: object, not_before: object) -> None:
        self._facts[leaf] = (
            key_type if isinstance(key_type, str) else None,
            not_before if isinstance(not_before, datetime) and not pd.isna(not_before) else _UNKNOWN,
        )


_UNKNOWN: Final = datetime.min.replace(tzinfo=UTC)
"""Sorts before every `not_before`."""


def _stream(question: Question) -> _Stream:
    target = question.target
    return (target.service, target.server_name, question.address, question.offer.name)
