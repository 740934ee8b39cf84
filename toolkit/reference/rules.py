"""Dated rules: what a document requires of a protocol, a suite or a certificate, and when the rule holds.

They are the rows of `policies/*.csv`. `mozilla.csv` is made by `data/make_policies.py`; the others are written by hand.
Each row names the section of the document and how its date is known.
"""

import functools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from toolkit.errors import ReadError, UsageError
from toolkit.files import not_found
from toolkit.reference.rows import FOLDER, Row, read_rows
from toolkit.reference.values import find_mistake
from toolkit.text import did_you_mean, plain, type_name

TESTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "protocol": frozenset({"among", "not_among", "accepted", "highest"}),
        "suite": frozenset({"among"}),
        "cipher": frozenset({"not_among", "accepted"}),
        "strength_bits": frozenset({"at_least"}),
        "key_exchange": frozenset({"not_among"}),
        "group": frozenset({"among"}),
        "key_type": frozenset({"among", "not_among"}),
        "key_bits": frozenset({"at_least"}),
        "key_curve": frozenset({"among"}),
        "signature_hash": frozenset({"not_among"}),
        "signature_algorithm": frozenset({"among"}),
        "lifetime": frozenset({"at_most"}),
        "names": frozenset({"present", "match", "match_san", "shared"}),
        "purposes": frozenset({"only", "includes", "allows"}),
        "scts": frozenset({"at_least", "operators_at_least", "rfc6962_at_least"}),
        "revocation": frozenset({"named_above"}),
        "serial": frozenset({"positive", "octets_at_most"}),
        "validity": frozenset({"ordered", "encoded"}),
        "host": frozenset({"answers"}),
        "issuer": frozenset({"issued_by", "rooted_in", "bundled"}),
        "rotation": frozenset({"begins_before_end", "interleaved"}),
        "client": frozenset({"uses"}),
    }
)
"""Subject of a rule → its tests. A row with another subject or test is refused when it is read."""

OF_STATEMENTS: Final = frozenset(
    {"accepted", "highest", "answers", "issued_by", "rooted_in", "bundled", "shared", "begins_before_end",
     "interleaved", "uses"}
)  # fmt: skip
"""Tests of published statements; all others are tests of rules."""

OF_CERTIFICATES: Final = frozenset(
    {"key_type", "key_bits", "key_curve", "signature_hash", "signature_algorithm", "lifetime", "names", "purposes",
     "scts", "revocation", "serial", "validity"}
)  # fmt: skip
"""Subjects of rules about certificates, which can apply by the day of issue."""

STATEMENT: Final = "statement"
"""The level of a published statement: what an operator published about its own servers."""

LEVELS: Final = ("must", "should", STATEMENT)
"""How binding a rule is: `must` and `should` of RFC 2119, or a published statement."""

DATED_BY: Final = ("observed", "issued")

COLUMNS: Final = (
    "policy", "edition", "rule", "level", "subject", "test", "value", "since", "until", "dated_by", "required",
    "authority", "url", "date_basis",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one edition.

    It holds from `since` (inclusive, UTC; None: from an unknown day) until `until` (exclusive; None: until further
    notice). They are compared with the instant of the observation (`dated_by="observed"`) or with the certificate's
    `not_before` (`"issued"`). For a published statement, `since` is the first day on which it can have been published.
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

    def conditions(self, kind: Literal["issuer", "scheme"]) -> frozenset[str]:
        """The issuers (`O=Example CA`) or the schemes of services to which the rule is limited; empty: it is not."""
        return frozenset(part.removeprefix(f"{kind} ") for part in self.value if part.startswith(f"{kind} "))


Policy = str | Path | Iterable["Rule | str | Path"]
"""The name of a policy, the path of a file of rules, rules, or several of these."""


@functools.cache
def policies() -> Mapping[str, tuple[Rule, ...]]:
    """Policy name → its rules, in the order of the files.

    >>> [rule.rule for rule in policies()["ietf"]][:3]
    ['ssl2', 'rc4', 'ssl3']
    """
    found: dict[str, list[Rule]] = {}
    for entry in sorted((FOLDER / "policies").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".csv"):
            for rule in _read(entry, is_ours=True):
                found.setdefault(rule.policy, []).append(rule)
    return MappingProxyType({name: tuple(rules) for name, rules in found.items()})


def read_rules(path: Path | Traversable) -> tuple[Rule, ...]:
    """The rules of a user's policy file.

    Raises `ReadError`, naming file, line and column, for a missing column, an unknown subject, test or level, a text
    that is not a date, an `until` that is not after `since`, a `value` that the test cannot use or that is not known,
    and a file without a rule.
    """
    return _read(path, is_ours=False)


def _read(path: Path | Traversable, *, is_ours: bool) -> tuple[Rule, ...]:
    rules = tuple(_rule(row) for row in read_rows(path, COLUMNS, is_ours=is_ours))
    if not rules:
        raise ReadError(f"{path} has no rules: add a row for each below the header line.")
    return rules


def load_policy(policy: Policy) -> tuple[Rule, ...]:
    """The rules of a policy: by its name, by the path of a file (`read_rules`), as rules, or several of these.

    Repeated rules are dropped. Raises `UsageError` for a name that is neither a policy nor a file, for a name that is
    given twice, for a value that is not a policy, and where there are no rules; `ReadError` as `read_rules`.

    >>> len(load_policy(["ietf", "nist"])) == len(load_policy("ietf")) + len(load_policy("nist"))
    True
    """
    parts = list(policy) if isinstance(policy, Iterable) and not isinstance(policy, str) else [policy]
    names = [str(part) for part in parts if isinstance(part, str | Path)]
    if again := [name for place, name in enumerate(names) if name in names[:place]]:
        raise UsageError(f"policy: {plain(again[0])} is given more than once: give each policy once.")
    rules: dict[Rule, None] = {}
    for part in parts:
        rules.update(dict.fromkeys(_load(part)))
    if not rules:
        raise UsageError(f"policy: there are no rules in it. Name a policy: {', '.join(sorted(policies()))}.")
    return tuple(rules)


def _load(policy: object) -> tuple[Rule, ...]:
    if isinstance(policy, Rule):
        return (policy,)
    known = sorted(policies())
    if not isinstance(policy, str | Path):
        raise UsageError(
            f"policy: give the name of a policy ({', '.join(known)}), the path of a file, rules as read_rules returns "
            f"them, or a list of these, not {type_name(policy)}."
        )
    if str(policy) in policies():
        return policies()[str(policy)]
    if Path(policy).is_file():
        return read_rules(Path(policy))
    raise UsageError(not_found("policy", "policy or file of rules ", policy, known))


@dataclass(frozen=True, slots=True)
class Cap:
    """The longest validity [d] of certificates issued from `since` (inclusive) until `until` (exclusive, or None)."""

    days: int
    since: datetime
    until: datetime | None


@functools.cache
def validity_caps(policy: str = "baseline") -> tuple[Cap, ...]:
    """The caps on validity of a policy that are in days, oldest first.

    `baseline`: those of the CA/Browser Forum (ballots 193, SC31 and SC-081v3).

    >>> [cap.days for cap in validity_caps()]
    [825, 398, 200, 100, 47]
    >>> [cap.days for cap in validity_caps("lets-encrypt")]
    [64, 45]
    """
    return tuple(
        Cap(int(rule.value[0].removesuffix(" days")), rule.since, rule.until)
        for rule in policies()[policy]
        if rule.subject == "lifetime" and rule.since is not None and rule.value[0].endswith(" days")
    )


def _rule(row: Row) -> Rule:
    subject, test, value = row.text("subject"), row.text("test"), row.texts("value")
    if subject not in TESTS:
        raise _not_known(row, "subject", TESTS)
    if test not in TESTS[subject]:
        raise row.error("test", f"is not a test of {subject}; its tests: {', '.join(sorted(TESTS[subject]))}")
    if row.text("level") == "claim":
        raise row.error("level", f"is now called {STATEMENT!r}: write that word")
    if row.text("level") not in LEVELS:
        raise _not_known(row, "level", LEVELS)
    if row.text("dated_by") not in DATED_BY:
        raise _not_known(row, "dated_by", DATED_BY)
    if (row.text("level") == STATEMENT) != (test in OF_STATEMENTS):
        kind = "published statements" if test in OF_STATEMENTS else "rules (must, should)"
        raise row.error("level", f"does not go with {test}, which is a test of {kind}")
    if row.text("dated_by") == "issued" and subject not in OF_CERTIFICATES:
        raise row.error("dated_by", f"does not go with {subject}: only certificates are issued")
    if mistake := find_mistake(subject, test, value):
        raise row.error("value", mistake)
    since, until = _instant(row, "since"), _instant(row, "until")
    if since and until and until <= since:
        raise row.error("until", f"is not after since, {since:%Y-%m-%d}")
    return Rule(
        policy=row.text("policy"),
        edition=row.text("edition"),
        rule=row.text("rule"),
        level=row.text("level"),
        subject=subject,
        test=test,
        value=value,
        since=since,
        until=until,
        dated_by=row.text("dated_by"),
        required=row.text("required"),
        authority=row.text("authority"),
        url=row.text("url"),
        date_basis=row.text("date_basis"),
    )


def _not_known(row: Row, column: str, known: Collection[str]) -> ReadError:
    hint = did_you_mean(row.text(column), known)
    return row.error(column, f"is not known.{hint} Known: {', '.join(known)}")


def _instant(row: Row, column: str) -> datetime | None:
    """Midnight UTC of the day in the cell; None where it is empty."""
    if row.optional_text(column) is None:
        return None
    day = row.date(column)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
