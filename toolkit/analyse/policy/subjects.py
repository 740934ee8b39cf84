"""The rows that a rule can judge. Each distinct fact is judged once, however many rows show it."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from toolkit.analyse.arrays import Bools, Ints, Texts, instants
from toolkit.analyse.host_names import host_of
from toolkit.analyse.policy.evidence import find_certificates, find_shown, find_versions
from toolkit.analyse.policy.violations import (
    applies_to_certificate,
    breaks_certificate,
    breaks_protocol,
    breaks_suite,
    describe_certificate,
)
from toolkit.analyse.support.summary import suite_of
from toolkit.errors import UsageError
from toolkit.reference import groups
from toolkit.reference.rules import OF_CERTIFICATES, STATEMENT, Rule
from toolkit.tables import Tables

OF_SUITES: Final = frozenset({"suite", "cipher", "strength_bits", "key_exchange"})
OF_NAMES: Final = frozenset({"match", "match_san"})
"""Tests that compare a certificate with the name that was asked for."""


class EvidenceRows:
    """Rows of evidence, and as arrays what decides about a rule: their state and the bounds of their day."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.state = frame["state"].to_numpy(dtype=object)
        self.earliest, self.latest = instants(frame["earliest"]), instants(frame["latest"])


@dataclass(frozen=True, slots=True, eq=False)
class NumberedRows:
    """Rows with the number of the fact that each shows: `facts[codes[n]]` is the fact of row n."""

    rows: EvidenceRows
    codes: Ints
    facts: list[Any]


@dataclass(frozen=True, slots=True, eq=False)
class RuledRows:
    """The rows that a rule applies to: their positions in `rows`, and for each whether it breaks the rule, and how."""

    rows: EvidenceRows
    positions: Ints
    is_broken: Bools
    is_unknown: Bools
    """Whether it is not known if the row breaks the rule."""
    found: Texts


class Subjects:
    """The rows of the tables by subject of a rule; the rows of each subject are prepared once."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._certificates = tables.certificates

    @cached_property
    def shown(self) -> pd.DataFrame:
        """The rows that can be judged, as `find_shown` returns them."""
        return find_shown(self._tables)

    def judge(self, rule: Rule) -> RuledRows:
        """The rows that the rule applies to, judged fact by fact."""
        numbered = self._numbered(rule)
        verdicts = [self._verdict(rule, fact) for fact in numbered.facts]
        applies = np.array([verdict is not None for verdict in verdicts], dtype=bool)
        broken = np.array([verdict is not None and verdict[0] is True for verdict in verdicts], dtype=bool)
        unknown = np.array([verdict is not None and verdict[0] is None for verdict in verdicts], dtype=bool)
        words = np.array([verdict[1] if verdict else None for verdict in verdicts], dtype=object)
        is_ruled = applies[numbered.codes]
        if schemes := rule.conditions("scheme"):
            is_ruled &= numbered.rows.frame["service"].str.partition("://")[0].isin(schemes).to_numpy()
        positions = np.flatnonzero(is_ruled)
        codes = numbered.codes[positions]
        return RuledRows(numbered.rows, positions, broken[codes], unknown[codes], words[codes])

    def _numbered(self, rule: Rule) -> NumberedRows:
        if rule.subject == "protocol":
            return self._versions
        if rule.subject == "group":
            return self._groups
        if rule.subject in OF_SUITES:
            return self._suites
        if rule.subject not in OF_CERTIFICATES:
            raise UsageError(f"{rule.policy}, {rule.rule}: only the level {STATEMENT!r} goes with {rule.subject}.")
        rows = self._issued if rule.dated_by == "issued" else self._served
        return self._with_facts(rows, is_named=rule.test in OF_NAMES)

    def _verdict(self, rule: Rule, fact: Any) -> tuple[bool | None, str] | None:
        """Whether the fact breaks the rule (None: not known), and what it is; None where the rule does not apply."""
        if rule.subject == "protocol":
            return breaks_protocol(rule, fact), fact
        if rule.subject == "group":
            return fact not in rule.value, fact
        if rule.subject in OF_SUITES:
            return breaks_suite(rule, suite_of(*fact)), fact[0]
        if not applies_to_certificate(rule, fact):
            return None
        return breaks_certificate(rule, fact), describe_certificate(rule, fact)

    @cached_property
    def _versions(self) -> NumberedRows:
        rows = find_versions(self.shown)
        return _number(EvidenceRows(rows), rows["protocol"])

    @cached_property
    def _groups(self) -> NumberedRows:
        # Rules about curves do not apply to finite-field groups, which have sizes.
        curves = [group.name for group in groups().values() if group.kind != "FFDHE"]
        rows = self.shown[self.shown["group"].isin(curves)]
        return _number(EvidenceRows(rows), rows["group"])

    @cached_property
    def _suites(self) -> NumberedRows:
        rows = self.shown[self.shown["suite"].notna()]
        pairs = list(zip(rows["suite"], rows["suite_code"].fillna(-1), strict=True))
        return _number(EvidenceRows(rows), _as_objects(pairs))

    @cached_property
    def _served(self) -> EvidenceRows:
        return EvidenceRows(self.shown[self.shown["leaf_sha256"].isin(self._certificates["cert_sha256"])])

    @cached_property
    def _issued(self) -> EvidenceRows:
        return EvidenceRows(find_certificates(self.shown, self._certificates))

    @cached_property
    def _by_sha256(self) -> dict[str, dict[Hashable, Any]]:
        shown_by = self.shown.groupby("leaf_sha256")["observed_until"].min()
        certificates = self._certificates.assign(shown_by=self._certificates["cert_sha256"].map(shown_by))
        return {str(record["cert_sha256"]): record for record in certificates.to_dict("records")}

    def _with_facts(self, rows: EvidenceRows, *, is_named: bool) -> NumberedRows:
        """The rows by certificate, and where `is_named` also by the name that was asked for."""
        leaves = rows.frame["leaf_sha256"]
        if not is_named:
            numbered = _number(rows, leaves)
            return replace(numbered, facts=[self._by_sha256[sha256] for sha256 in numbered.facts])
        asked = rows.frame["server_name"].fillna(rows.frame["host"]).fillna("")
        numbered = _number(rows, _as_objects(list(zip(leaves, asked, strict=True))))
        facts = [self._by_sha256[sha256] | {"asked": host_of(name) or None} for sha256, name in numbered.facts]
        return replace(numbered, facts=facts)


def _number(rows: EvidenceRows, facts: "pd.Series | Texts") -> NumberedRows:
    codes, distinct = pd.factorize(facts)
    return NumberedRows(rows, np.asarray(codes, dtype=np.int64), list(distinct))


def _as_objects(values: list[Any]) -> Texts:
    """The values as an array of objects, also where they are tuples."""
    objects = np.empty(len(values), dtype=object)
    objects[:] = values
    return objects
