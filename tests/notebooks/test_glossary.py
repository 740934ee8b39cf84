"""The glossary names what there is: its code names exist, and each term has one short entry."""

import inspect
import re
from collections.abc import Iterator

import toolkit
from tests.notebooks.pages import FOLDER
from toolkit import analyse, chart, checking, lab, sampling, schema
from toolkit.reference import groups, offers
from toolkit.reference.rules import policies
from toolkit.targets import PRESETS

TEXT = (FOLDER / "glossary.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^- \*\*([^*]+)\*\*: (.+(?:\n  .+)*)", TEXT, re.MULTILINE))

EXAMPLES = ("smtp://smtp.gmail.com:587", "host:port")
"""Written as code, and not a name of the toolkit."""


def names() -> Iterator[str]:
    """Every name that the glossary may use: public names, their parameters, columns, and the values of columns."""
    for module in (toolkit, analyse, chart, lab, sampling):
        for name in dir(module):
            if not name.startswith("_"):
                yield name
                value = getattr(module, name)
                if inspect.isfunction(value):
                    yield from inspect.signature(value).parameters
                elif inspect.isclass(value):
                    yield from (part for part in vars(value) if not part.startswith("_"))
    tables = toolkit.load_example("lab-sample").within(services="smtps://submit.lab.test:465")
    now = tables.observations["observed_at"].max()
    findings = toolkit.judge(tables, "ietf")
    frames = (
        *(getattr(tables, name) for name in schema.TABLES),
        toolkit.find_sightings(tables), toolkit.describe_rotations(toolkit.find_rotations(tables), tables),
        toolkit.find_sharing(tables), toolkit.describe_usual_leads(tables, now=now),
        toolkit.summarise_expiry(tables, now=now), toolkit.summarise_support(tables, now=now),
        findings, analyse.summarise_findings(findings), analyse.explain_leaves(tables),
    )  # fmt: skip
    for frame in frames:
        yield from frame.columns
    yield from (column.name for column in checking.CHECKS)
    yield from (*schema.TABLES, *schema.OUTCOMES, *schema.STAGES, *schema.STATES, *schema.DATE_BASES)
    yield from (*PRESETS, *policies(), *offers(), *(offer.name for offer in offers().values()))
    yield from (group.name for group in groups().values())
    yield from ("live", "lab", "simulated")
    yield from ("settled", "meets", "falls short", "trusted", "untrusted", "unknown", "unclear")


def test_names_in_code_style_exist() -> None:
    written = set(re.findall(r"`([^`]+)`", TEXT)) - {"code style", *EXAMPLES}
    assert written - set(names()) == set()


def test_each_entry_is_short_and_each_term_has_one() -> None:
    terms = [term.casefold() for term in re.findall(r"^- \*\*([^*]+)\*\*", TEXT, re.MULTILINE)]
    assert len(terms) == len(set(terms)) == len(ENTRIES)
    assert len(terms) > 60
    for term, meaning in ENTRIES.items():
        sentences = re.findall(r"[.!?](?:\s|$)", re.sub(r"`[^`]*`", "x", meaning))
        assert 1 <= len(sentences) <= 2, f"{term}: {len(sentences)} sentences"
