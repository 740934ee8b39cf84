"""`estimate_survey`: what a survey would cost, without asking anything."""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from toolkit import schema
from toolkit.collection.limits import check_positive
from toolkit.collection.surveys.address import PARTS, Part, chosen_parts
from toolkit.collection.surveys.offers import asked_groups, asked_schemes, asked_suites
from toolkit.columns import Column, dtypes, returns
from toolkit.targets import Targets, expand_targets

SURVEY_ESTIMATES: Final = (
    Column("service", "text", "the service; of `mx:` the SMTP service of the domain itself, since no name is resolved"),
    Column(
        "questions",
        "integer",
        "most questions to each address: suites, groups and signature schemes",
    ),
    Column(
        "connections_min", "integer", "connections to each address where nothing is accepted: the fewest of any server"
    ),
    Column("connections_typical", "integer", "connections to each address with a configuration of today (nginx)"),
    Column("connections_permissive", "integer", "connections to each address with everything switched on (JSSE)"),
    Column("connections_max", "integer", "connections to each address where every question is accepted"),
    Column("seconds_typical", "number", "time for the typical connections at `rate`", "`rate` is None", "s"),
    Column("seconds_permissive", "number", "time for the permissive connections at `rate`", "`rate` is None", "s"),
)
"""The columns of `estimate_survey`."""

_TYPICAL: Final = {"suites": 18, "groups": 18, "signature_schemes": 24}
_PERMISSIVE: Final = {"suites": 170, "groups": 25, "signature_schemes": 25}
"""Handshakes measured: nginx with two kinds of certificate as configured today; JSSE with everything switched on."""

_CONTROLS: Final = 4
"""Most handshakes on top of those of a question: one for the order of preference, three to confirm a silent refusal."""


@returns(SURVEY_ESTIMATES)
def estimate_survey(
    targets: Targets, *, parts: Part | Sequence[Part] = PARTS, budget: int = 500, rate: float | None = 20.0
) -> pd.DataFrame:
    """The number of connections that `survey` would make, one row per service; nothing is asked, no name is resolved.

    `targets`, `parts`, `budget` and `rate`: as in `survey`. No number of connections exceeds `budget`; questions beyond
    it would be `untested`. Raises `UsageError` as `survey` does.

    >>> import toolkit
    >>> estimate = toolkit.estimate_survey("smtp://mail.example:25", rate=10)
    >>> estimate[["connections_min", "connections_typical", "seconds_typical"]].values.tolist()
    [[6, 60, 6.0]]
    """
    asked = chosen_parts(parts)
    check_positive(budget=budget, rate=rate)
    listed = _questions(asked)
    counts = {
        "connections_min": len(schema.PROTOCOLS),
        "connections_typical": sum(_TYPICAL[part] for part in asked),
        "connections_permissive": sum(_PERMISSIVE[part] for part in asked),
        # SSL 2.0 takes one connection.
        "connections_max": 1 + sum(len(items) + 1 for items in listed[1:]) + _CONTROLS * len(listed),
    }
    fixed: dict[str, object] = {name: min(count, budget) for name, count in counts.items()}
    fixed["questions"] = sum(map(len, listed))
    for kind in ("typical", "permissive"):
        fixed[f"seconds_{kind}"] = None if rate is None else min(counts[f"connections_{kind}"], budget) / rate
    rows = [{"service": target.service} | fixed for target in expand_targets(targets)]
    return pd.DataFrame(rows, columns=list(dtypes(SURVEY_ESTIMATES))).astype(dtypes(SURVEY_ESTIMATES))


def _questions(parts: tuple[Part, ...]) -> list[tuple[int, ...]]:
    """What is asked together: the suites of each version (SSL 2.0 first), groups, signature schemes."""
    listed = [asked_suites(protocol) for protocol in schema.PROTOCOLS]
    if "groups" in parts:
        listed += [asked_groups("TLS 1.3"), asked_groups("TLS 1.2"), asked_groups("TLS 1.2", is_finite_field=True)]
    if "signature_schemes" in parts:
        listed += [asked_schemes("TLS 1.3"), asked_schemes("TLS 1.2")]
    return listed
