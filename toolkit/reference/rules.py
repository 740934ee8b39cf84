"""Rules with dates: what a document asks of a protocol, a suite or a certificate, and from when to when.

The rows lie in `policies/*.csv`; `mozilla.csv` is made by `data/make_policies.py`, the others are written by hand,
each row with the section that it comes from and how its date is known.
"""

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from types import MappingProxyType
from typing import Final

from toolkit.errors import ReadError

TESTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "protocol": frozenset({"among", "not_among", "accepted", "highest"}),
        "suite": frozenset({"among"}),
        "cipher": frozenset({"not_among", "accepted"}),
        "strength_bits": frozenset({"at_least"}),
        "key_exchange": frozenset({"not_among"}),
        "group": frozenset({"among"}),
        "key_type": frozenset({"among"}),
        "key_bits": frozenset({"at_least"}),
        "key_curve": frozenset({"among"}),
        "signature_hash": frozenset({"not_among"}),
        "signature_algorithm": frozenset({"among"}),
        "lifetime": frozenset({"at_most"}),
        "names": frozenset({"present", "match", "match_san", "shared"}),
        "serial": frozenset({"positive", "octets_at_most"}),
        "validity": frozenset({"ordered", "years"}),
        "host": frozenset({"answers"}),
        "issuer": frozenset({"issued_by", "rooted_in", "bundled"}),
        "rotation": frozenset({"begins_before_end", "interleaved"}),
        "client": frozenset({"uses"}),
    }
)
"""What may be judged → how. A row that asks for anything else is refused when it is read."""

LEVELS: Final = ("must", "should", "claim")
"""How binding a rule is: RFC 2119's words, or a sentence that somebody published about his own servers."""

COLUMNS: Final = (
    "policy", "edition", "rule", "level", "subject", "test", "value", "since", "until", "dated_by", "required",
    "authority", "url", "date_basis",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one edition.

    It holds from `since` on and before `until` (UTC; none: from an unknown day on, until further notice). That
    instant is the look's (`dated_by="observed"`) or the certificate's `not_before` (`"issued"`).
    """

    policy: str
    edition: str
    rule: str
    level: str
    subject: str
    test: str
    value: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    dated_by: str
    required: str
    authority: str
    url: str
    date_basis: str


@functools.cache
def policies() -> Mapping[str, tuple[Rule, ...]]:
    """Policy name → its rules, in the order of the files.

    >>> [rule.rule for rule in policies()["ietf"]][:3]
    ['ssl2', 'rc4', 'ssl3']
    """
    found: dict[str, list[Rule]] = {}
    folder = resources.files("toolkit.reference").joinpath("policies")
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".csv"):
            for rule in parse_rules(entry.read_text(encoding="utf-8"), entry.name):
                found.setdefault(rule.policy, []).append(rule)
    return MappingProxyType({name: tuple(rules) for name, rules in found.items()})


def parse_rules(text: str, name: str) -> tuple[Rule, ...]:
    """The rules of a policy file; `name` is used in messages.

    Raises `ReadError`, naming the line, for a missing column, an unknown subject, test or level, a date that
    is none, and a `value` that the test cannot use.
    """
    reader = csv.DictReader(text.splitlines())
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ReadError(f"{name}: its columns must be {', '.join(COLUMNS)}.")
    return tuple(_rule(row, f"{name}, line {reader.line_num}") for row in reader)


@dataclass(frozen=True, slots=True)
class Cap:
    """The longest validity allowed for certificates issued from `since` on and before `until`."""

    days: int
    since: datetime
    until: datetime | None


@functools.cache
def validity_caps() -> tuple[Cap, ...]:
    """The caps of the CA/Browser Forum that are counted in days, oldest first (ballots 193, SC31 and SC-081v3).

    >>> [cap.days for cap in validity_caps()]
    [825, 398, 200, 100, 47]
    """
    return tuple(
        Cap(int(rule.value[0].removesuffix(" days")), rule.since, rule.until)
        for rule in policies()["baseline"]
        if rule.subject == "lifetime" and rule.since is not None and rule.value[0].endswith(" days")
    )


def _rule(row: dict[str, str], place: str) -> Rule:
    if None in row or None in row.values():
        raise ReadError(f"{place}: it must have {len(COLUMNS)} cells.")
    if row["subject"] not in TESTS:
        raise ReadError(f"{place}: unknown subject {row['subject']!r}; known: {', '.join(TESTS)}.")
    if row["test"] not in TESTS[row["subject"]]:
        known = ", ".join(sorted(TESTS[row["subject"]]))
        raise ReadError(f"{place}: unknown test {row['test']!r} of {row['subject']}; known: {known}.")
    if row["level"] not in LEVELS:
        raise ReadError(f"{place}: unknown level {row['level']!r}; known: {', '.join(LEVELS)}.")
    if row["dated_by"] not in ("observed", "issued"):
        raise ReadError(f"{place}: dated_by may be observed or issued, not {row['dated_by']!r}.")
    value = tuple(row["value"].split("|")) if row["value"] else ()
    _check_value(row["test"], row["subject"], value, place)
    return Rule(
        **{name: row[name] for name in COLUMNS if name not in ("value", "since", "until")},
        value=value,
        since=_date(row["since"], place),
        until=_date(row["until"], place),
    )


def _check_value(test: str, subject: str, value: tuple[str, ...], place: str) -> None:
    needs_none = test in ("present", "match", "match_san", "shared", "positive", "ordered") or subject == "rotation"
    if needs_none == bool(value):
        raise ReadError(f"{place}: {test} of {subject} takes {'no value' if needs_none else 'a value'}.")
    numbers: tuple[str, ...] = ()
    if test == "at_least":
        numbers = tuple(part.rpartition("=")[2] for part in value)
    elif test == "at_most":
        count, _, unit = value[0].partition(" ")
        numbers = (count if unit in ("days", "months") else unit,)
    elif test == "octets_at_most":
        numbers = value
    elif test == "years":
        numbers = tuple(value[0].partition("-")[::2])
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise ReadError(f"{place}: {test} of {subject} cannot use {'|'.join(value)!r}.")


def _date(cell: str, place: str) -> datetime | None:
    if not cell:
        return None
    try:
        return datetime.strptime(cell, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise ReadError(f"{place}: {cell!r} is not a date (YYYY-MM-DD).") from error
