"""Disputed questions: what tools disagree on, asked again with our own handshakes."""

from collections.abc import Mapping
from dataclasses import replace
from inspect import get_annotations
from typing import Final, Unpack

from toolkit import schema
from toolkit.analyse.support.tools import QUESTION, compare_tools
from toolkit.arguments import require_parameters
from toolkit.collection import survey
from toolkit.collection.surveys.address import Part
from toolkit.collection.surveys.surveying import SurveyOptions
from toolkit.errors import UsageError
from toolkit.tables import Tables, require_tables
from toolkit.targets import Targets, expand_targets

_PARTS: Final[dict[str, Part]] = {
    "group": "groups",
    "signature_scheme": "signature_schemes",
    "key_type": "signature_schemes",
}
"""Column of a question → the part of a survey that asks it, besides suites."""


def settle(
    tables: Tables,
    *,
    aliases: Mapping[str, str] | None = None,
    targets: Targets | None = None,
    **options: Unpack[SurveyOptions],
) -> Tables:
    """Ask the questions on which tools disagree again, by a survey of the services concerned.

    `aliases`: as in `compare_tools`. `targets`: where to connect, for services that are not to be asked under their own
    name and port, such as `parse_target("tls://a.test:443", connect_to="127.0.0.1:4433")`; only those with a disputed
    question are asked. `options`: those of `survey`, such as `limits`, `rate` and `progress`.

    Returns what the survey found; its `support` holds the disputed questions alone. A question that it cannot answer is
    `untested`, with the reason. Without a disputed question nothing is asked, and the tables are empty. The answer is
    that of today: where tools looked at different times, both may have been right. Raises `UsageError` as
    `compare_tools` and `survey` do.

    >>> import toolkit
    >>> disputed = toolkit.load_example("tools-sample")
    >>> there = toolkit.parse_target("tls://museum.lab.example:4435", connect_to="127.0.0.1:1")
    >>> answers = toolkit.settle(disputed, targets=there, progress=False)
    >>> answers.support[["protocol", "state"]].values.tolist()
    [['TLS 1.2', 'untested']]
    """
    require_tables(tables, "settle")
    known = {"aliases", "targets", *get_annotations(SurveyOptions)}
    require_parameters("settle", options, known)
    compared = compare_tools(tables, aliases=aliases)
    disputed = compared.loc[compared["agreement"] == "disputed", list(QUESTION)].drop_duplicates()
    services = set(disputed["service"])
    if not services:
        return Tables.from_frames()
    named = expand_targets(sorted(services) if targets is None else targets)
    chosen = [target for target in named if target.service in services]
    if not chosen:
        raise UsageError(f"None of the targets has a disputed question; these have: {', '.join(sorted(services))}.")
    parts: list[Part] = [
        "suites",
        *dict.fromkeys(part for name, part in _PARTS.items() if disputed[name].notna().any()),
    ]
    found = survey(chosen, parts=parts, **options)
    asked = found.support.merge(disputed, on=list(QUESTION))[list(found.support.columns)]
    return replace(found, support=schema.conform("support", asked))
