"""Trust stores with their history: which roots a program trusted, from when until when, and with which limits.

The tables of `stores/` are made by `data/make_trust_stores.py`. Three are written by hand: `announced.csv` holds what a
program has announced, `exempt_keys.csv` the keys of the CAs to which that does not apply, `behaviour.csv` what its
clients do differently from others, all with the page that says so. A store is only known for the time of its record.
"""

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, cast, get_args

import certifi

from toolkit import pem
from toolkit.errors import UsageError
from toolkit.reference.rows import FOLDER, Row, read_rows

CERTIFICATE_COLUMNS: Final = ("cert_sha256", "subject", "not_before", "not_after", "der")
HISTORY_COLUMNS: Final = (
    "store", "cert_sha256", "state", "since_after", "since", "until", "until_before", "condition", "source", "then",
)  # fmt: skip
RECORD_COLUMNS: Final = ("store", "title", "since", "until", "source", "url", "licence")
ANNOUNCED_COLUMNS: Final = (
    "store", "cert_sha256", "key_from", "key_until", "effect", "since", "condition", "exempt", "unclear", "words",
    "authority", "url",
)  # fmt: skip
EXEMPT_COLUMNS: Final = ("exempt", "key_sha256", "name", "authority", "url")
BEHAVIOUR_COLUMNS: Final = ("store", "behaviour", "value", "since", "words", "authority", "url")

_BEHAVIOURS: Final = "checks_root_expiry, lists_limited_as_distrusted, requires_scts, accepts"

State = Literal["trusted", "distrusted"]
Effect = Literal["added", "removed", "distrusted", "limited", "unknown"]


@dataclass(frozen=True, slots=True)
class Limit:
    """The last instant that a leaf may have, or the first: of its `not_before`, or of its earliest SCT (`sct`)."""

    of: Literal["not_before", "sct"]
    instant: datetime
    is_last: bool = True

    def allows(self, stamp: datetime) -> bool:
        """Whether a leaf may have this instant."""
        return stamp <= self.instant if self.is_last else stamp >= self.instant

    def __str__(self) -> str:
        words = "notBefore" if self.of == "not_before" else "earliest SCT"
        return f"{words} at the {'latest' if self.is_last else 'earliest'} {self.instant:%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a root certainly had a state: from `since` (inclusive) until `until` (exclusive).

    `since_after`: the end of the last look without this state (None: the start is exact, or lies before the record).
    Between `until` and `until_before` the state is not known; they are equal where the change is dated, and None where
    the state still held at the end of the record. `source` and `then` say what shows the start and the end.
    """

    state: State
    since_after: datetime | None
    since: datetime
    until: datetime | None
    until_before: datetime | None
    limit: Limit | None
    source: str
    then: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a program has announced for one root (`cert_sha256`), or for roots whose key was created in a time.

    From `since` on, the `effect` is `added` (after the record), `removed`, `distrusted` (the root stays in the store),
    `limited` by `limit`, or `unknown`: sources that follow the store differ, or give no day.
    `key_from` and `key_until` bound the creation of the key, both inclusive. `key_years`: a root is removed when its
    key is so old, from `since` on at the earliest. It does not apply below a CA with one of the keys `exempt`; whether
    it applies below one with a key of `unclear` is not known (both: SHA-256 of the subjectPublicKeyInfo).
    """

    cert_sha256: str | None
    key_from: datetime | None
    key_until: datetime | None
    effect: Effect
    since: datetime
    limit: Limit | None
    words: str
    authority: str
    url: str
    key_years: int | None = None
    exempt: frozenset[str] = frozenset()
    unclear: frozenset[str] = frozenset()

    def concerns(self, cert_sha256: str, key_created: datetime) -> bool:
        """Whether the announcement is about that root, whose key was created by then."""
        if self.cert_sha256 is not None:
            return self.cert_sha256 == cert_sha256
        after = self.key_from is None or self.key_from <= key_created
        return after and (self.key_until is None or key_created <= self.key_until)

    def of_key(self, key_created: datetime) -> "Announcement":
        """The announcement for a root whose key was created by then: with the day on which it takes effect.

        A day after the year 9999 becomes the last instant of that year.
        """
        if self.key_years is None:
            return self
        is_leap_day = (key_created.month, key_created.day) == (2, 29)
        counted_from = key_created + timedelta(days=1) if is_leap_day else key_created
        aged_in = counted_from.year + self.key_years
        aged = counted_from.replace(year=aged_in) if aged_in <= MAXYEAR else datetime.max.replace(tzinfo=UTC)
        return replace(self, since=max(self.since, aged))


@dataclass(frozen=True, slots=True)
class TrustStore:
    """A store; its record goes from `since` until `until` (exclusive). `periods` are by SHA-256, in order of time.

    `checks_root_expiry`: clients with this store reject a path whose root has expired. `accepts` are the key types and
    hashes that web clients refuse and clients with this store accept, each with the date since when (None: always).
    `requires_scts_since`: a leaf is trusted with SCTs only if it was issued on that day or later; where
    `is_sct_required_by_issue` is false, every leaf is from that day on. `lists_limited_as_distrusted`: the state
    `distrusted` may also mean that only leaves issued later are refused.
    """

    name: str
    title: str
    since: datetime
    until: datetime
    periods: Mapping[str, tuple[Period, ...]]
    announced: tuple[Announcement, ...]
    source: str
    url: str
    checks_root_expiry: bool = True
    accepts: Mapping[str, datetime | None] = field(default_factory=dict)
    requires_scts_since: datetime | None = None
    is_sct_required_by_issue: bool = True
    lists_limited_as_distrusted: bool = False

    def announced_for(self, cert_sha256: str, key_created: datetime) -> list[Announcement]:
        """What is announced for that root, whose key was created by then, each with the day on which it takes effect.

        Raises `UsageError` where `key_created` has no zone.

        >>> from datetime import UTC, datetime
        >>> isrg_root_x1 = "96bcec06264976f37460779acf28c5a7cfe8a3c0aae11a8ffcee05c0bddf08c6"
        >>> rules = trust_stores()["chrome"].announced_for(isrg_root_x1, datetime(2015, 6, 4, tzinfo=UTC))
        >>> [(rule.effect, f"{rule.since:%Y-%m-%d}") for rule in rules]
        [('removed', '2030-06-04')]
        """
        if key_created.tzinfo is None:
            raise UsageError(f"key_created={key_created.isoformat()} has no zone: give a datetime with a zone.")
        return [rule.of_key(key_created) for rule in self.announced if rule.concerns(cert_sha256, key_created)]


@cache
def trust_stores() -> Mapping[str, TrustStore]:
    """The stores by name.

    >>> sorted(trust_stores())
    ['android', 'apple', 'certifi', 'chrome', 'java', 'microsoft', 'mozilla', 'oracle-java']
    >>> [f"{trust_stores()[name].since:%Y-%m-%d}" for name in ("mozilla", "certifi", "apple")]
    ['2000-09-06', '2011-12-28', '2017-12-26']
    >>> [name for name, store in trust_stores().items() if not store.checks_root_expiry]
    ['android']
    """
    periods: dict[str, dict[str, list[Period]]] = {}
    for row in read_rows(FOLDER / "stores" / "history.csv", HISTORY_COLUMNS):
        periods.setdefault(row.text("store"), {}).setdefault(row.text("cert_sha256"), []).append(_period(row))
    announced: dict[str, list[Announcement]] = {}
    for row in read_rows(FOLDER / "stores" / "announced.csv", ANNOUNCED_COLUMNS):
        announced.setdefault(row.text("store"), []).append(_announcement(row))
    behaviours: dict[str, list[Row]] = {}
    for row in read_rows(FOLDER / "stores" / "behaviour.csv", BEHAVIOUR_COLUMNS):
        behaviours.setdefault(row.text("store"), []).append(row)
    found = {}
    for row in read_rows(FOLDER / "stores" / "records.csv", RECORD_COLUMNS):
        name = row.text("store")
        found[name] = TrustStore(
            name=name,
            title=row.text("title"),
            since=_instant(row, "since"),
            until=_instant(row, "until"),
            periods=MappingProxyType({sha256: tuple(of_root) for sha256, of_root in periods[name].items()}),
            announced=tuple(announced.get(name, ())),
            source=row.text("source"),
            url=row.text("url"),
        )
        for behaviour in behaviours.get(name, ()):
            found[name] = _with_behaviour(found[name], behaviour)
    found["certifi"] = with_release(found["certifi"], version("certifi"), _installed_roots().keys())
    return MappingProxyType(found)


def with_release(store: TrustStore, release: str, roots: Collection[str]) -> TrustStore:
    """The store of certifi with a release that is newer than its record, as one more look at it.

    `roots` are the SHA-256 of the roots of the release, which is named by its date (`2026.10.19`).
    """
    parts = release.split(".")[:3]
    if len(parts) < 3 or not all(part.isdecimal() for part in parts):
        return store
    day = datetime(int(parts[0]), int(parts[1]), int(parts[2]), tzinfo=UTC)
    if day <= store.until:
        return store
    name, periods = f"certifi {release}", dict(store.periods)
    last = {sha256 for sha256, of_root in periods.items() if of_root[-1].until is None}
    for sha256 in last.difference(roots):
        ended = replace(periods[sha256][-1], until=store.until, until_before=day, then=name)
        periods[sha256] = (*periods[sha256][:-1], ended)
    for sha256 in set(roots) - last:
        added = Period("trusted", store.until, day, None, None, None, name, "")
        periods[sha256] = (*periods.get(sha256, ()), added)
    return replace(store, until=day, periods=MappingProxyType(periods))


@cache
def _installed_roots() -> Mapping[str, bytes]:
    """The roots of the installed certifi, in DER, by SHA-256."""
    blocks = pem.split_blocks(pem.split_lines(Path(certifi.where()).read_bytes()))
    return {hashlib.sha256(block.content).hexdigest(): block.content for block in blocks if block.content}


@cache
def stored_roots() -> Mapping[str, bytes]:
    """The roots of stores, bundles and the installed certifi, in DER, by SHA-256; of others the bytes are not known."""
    found = dict(_installed_roots())
    for path in (FOLDER / "stores" / "roots.csv", FOLDER / "bundles" / "certificates.csv"):
        for row in read_rows(path, CERTIFICATE_COLUMNS):
            found[row.text("cert_sha256")] = base64.b64decode(row.text("der"), validate=True)
    return MappingProxyType(found)


def _with_behaviour(store: TrustStore, row: Row) -> TrustStore:
    """The store with what a row says about its clients."""
    behaviour = row.text("behaviour")
    if behaviour == "checks_root_expiry":
        return replace(store, checks_root_expiry=row.boolean("value"))
    if behaviour == "lists_limited_as_distrusted":
        return replace(store, lists_limited_as_distrusted=row.boolean("value"))
    if behaviour == "requires_scts":
        if row.text("value") not in ("issued", "observed"):
            raise row.error("value", "is neither issued nor observed")
        is_at_issue = row.text("value") == "issued"
        return replace(store, requires_scts_since=_instant(row, "since"), is_sct_required_by_issue=is_at_issue)
    if behaviour != "accepts":
        raise row.error("behaviour", f"is not one of {_BEHAVIOURS}")
    since = _optional_instant(row, "since")
    return replace(store, accepts=MappingProxyType({**store.accepts, **dict.fromkeys(row.texts("value"), since)}))


def _period(row: Row) -> Period:
    state = row.text("state")
    if state not in ("trusted", "distrusted"):
        raise row.error("state", "is neither trusted nor distrusted")
    return Period(
        state="trusted" if state == "trusted" else "distrusted",
        since_after=_optional_instant(row, "since_after"),
        since=_instant(row, "since"),
        until=_optional_instant(row, "until"),
        until_before=_optional_instant(row, "until_before"),
        limit=_limit(row),
        source=row.optional_text("source") or "",
        then=row.optional_text("then") or "",
    )


def _announcement(row: Row) -> Announcement:
    effect = row.text("effect")
    if effect not in get_args(Effect):
        raise row.error("effect", "must be added, removed, distrusted, limited or unknown")
    years = _key_years(row)
    return Announcement(
        cert_sha256=row.optional_text("cert_sha256"),
        key_from=_optional_instant(row, "key_from"),
        key_until=_optional_instant(row, "key_until"),
        effect=cast(Effect, effect),
        since=_instant(row, "since"),
        limit=None if years else _limit(row),
        words=row.text("words"),
        authority=row.text("authority"),
        url=row.text("url"),
        key_years=years,
        exempt=_keys(row, "exempt"),
        unclear=_keys(row, "unclear"),
    )


def _keys(row: Row, column: str) -> frozenset[str]:
    """The keys of the set that the cell names."""
    if (name := row.optional_text(column)) is None:
        return frozenset()
    if name not in _exempt_keys():
        raise row.error(column, "is not a set of exempt_keys.csv")
    return _exempt_keys()[name]


@cache
def _exempt_keys() -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for row in read_rows(FOLDER / "stores" / "exempt_keys.csv", EXEMPT_COLUMNS):
        name = row.text("exempt")
        found[name] = found.get(name, frozenset()) | {row.text("key_sha256")}
    return MappingProxyType(found)


def _key_years(row: Row) -> int | None:
    """The years in a condition such as `key_age <= 15 years`; None: the condition is another."""
    of, _, years = (row.optional_text("condition") or "").partition(" <= ")
    if of != "key_age":
        return None
    if not years.removesuffix(" years").isdecimal():
        raise row.error("condition", "is not written like key_age <= 15 years")
    return int(years.removesuffix(" years"))


def _limit(row: Row) -> Limit | None:
    text = row.optional_text("condition")
    if text is None:
        return None
    of, _, rest = text.partition(" ")
    operator, _, instant = rest.partition(" ")
    if of not in ("not_before", "sct") or operator not in ("<=", ">=") or not instant:
        raise row.error("condition", "is not written like not_before <= 2024-11-30T23:59:59Z")
    return Limit("not_before" if of == "not_before" else "sct", _parsed(row, "condition", instant), operator == "<=")


def _instant(row: Row, column: str) -> datetime:
    return _parsed(row, column, row.text(column))


def _optional_instant(row: Row, column: str) -> datetime | None:
    text = row.optional_text(column)
    return None if text is None else _parsed(row, column, text)


def _parsed(row: Row, column: str, text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise row.error(column, "is not an instant such as 2024-11-30T23:59:59Z") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
