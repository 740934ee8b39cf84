"""The colour of what a server accepts: how the rules of the day of the answer judge it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from toolkit.analyse.policy.violations import breaks_protocol, breaks_suite
from toolkit.analyse.support.summary import suite_of
from toolkit.chart.palette import BAD, CAUTION, FINE, NEUTRAL
from toolkit.reference import groups
from toolkit.reference.rules import Policy, Rule, load_policy


@dataclass(frozen=True, slots=True)
class Judgement:
    """Text and colours of a judgement; `ink` is legible on `colour`."""

    words: str
    colour: str
    ink: str


JUDGEMENTS: Final = {
    "prohibited": Judgement("prohibited", BAD, "#FFFFFF"),
    "discouraged": Judgement("discouraged", CAUTION, "#000000"),
    "allowed": Judgement("allowed", FINE, "#FFFFFF"),
    "not judged": Judgement("not judged", NEUTRAL, "#000000"),
}
"""Judgement → how it looks, the worst first."""

WORST_FIRST: Final = {name: place for place, name in enumerate(JUDGEMENTS)}

_BROKEN: Final = {"must": "prohibited", "should": "discouraged"}
_OF_SUITES: Final = ("suite", "cipher", "strength_bits", "key_exchange")


class Judge:
    """Judges accepted versions, suites and groups by a policy, without its rules about certificates and its statements.

    `prohibited`: a rule of level `must` that was in force on the day is broken; `discouraged`: one of level `should`;
    `allowed`: rules were in force and none is broken; `not judged`: no rule was in force, or the day is not known well
    enough to choose the rules.
    """

    def __init__(self, policy: Policy) -> None:
        self._rules = [rule for rule in load_policy(policy) if rule.level in _BROKEN]
        self.name = ", ".join(dict.fromkeys(rule.policy for rule in self._rules))
        self._known: dict[tuple[Any, ...], str] = {}

    def judge(
        self, *, protocol: object, suites: Iterable[str] = (), group: object = None, first: Any, last: Any
    ) -> str:
        """The judgement of one answer between two instants (null: not known): that of its worst suite."""
        key = (_text(protocol), tuple(suites), _text(group), _instant(first), _instant(last))
        if key not in self._known:
            self._known[key] = self._judged(*key)
        return self._known[key]

    def _judged(self, protocol: str | None, suites: tuple[str, ...], group: str | None, first: Any, last: Any) -> str:
        if first is None or last is None:
            return "not judged"
        found = set()
        is_open = False
        for rule in self._rules:
            is_broken = _breaks(rule, protocol, suites, group)
            if is_broken is None or (rule.since and last < rule.since) or (rule.until and first >= rule.until):
                continue
            if (rule.since and first < rule.since) or (rule.until and last >= rule.until):
                is_open |= is_broken  # in force on a part of the possible days
            else:
                found.add(_BROKEN[rule.level] if is_broken else "allowed")
        worst = min(found, key=WORST_FIRST.__getitem__, default="not judged")
        return "not judged" if is_open and worst != "prohibited" else worst


def _breaks(rule: Rule, protocol: str | None, suites: tuple[str, ...], group: str | None) -> bool | None:
    """Whether accepting these breaks the rule; None where the rule is not about them."""
    if rule.subject == "protocol":
        return None if protocol is None else breaks_protocol(rule, protocol)
    if rule.subject in _OF_SUITES:
        broken = [breaks_suite(rule, suite_of(name, None)) for name in suites]
        known = [is_broken for is_broken in broken if is_broken is not None]
        return any(known) if known else None
    if rule.subject == "group" and group is not None:
        return group not in rule.value if group in _curves() else None
    return None


def _curves() -> set[str]:
    """The groups that rules about groups apply to: all but the finite-field groups."""
    return {group.name for group in groups().values() if group.kind != "FFDHE"}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _instant(value: Any) -> Any:
    return None if pd.isna(value) else value
