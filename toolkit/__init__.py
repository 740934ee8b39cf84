"""Observe TLS servers over time, keep the observations in DataFrames, analyse and chart them.

Every public name is imported when it is first used (PEP 562), so `import toolkit` is fast, and an observation imports
neither scipy nor matplotlib. Type checkers see the imports below.
"""

from typing import TYPE_CHECKING, Final

from toolkit.lazy import importer

if TYPE_CHECKING:
    from toolkit import (
        analyse as analyse,
        asking as asking,
        certificates as certificates,
        chart as chart,
        checking as checking,
        collection as collection,
        comparing as comparing,
        errors as errors,
        exporting as exporting,
        lab as lab,
        readers as readers,
        reference as reference,
        schema as schema,
        store as store,
        tables as tables,
        targets as targets,
        text as text,
        wire as wire,
    )
    from toolkit.analyse import (
        compare_tools,
        describe_chains,
        describe_rotations,
        describe_usual_leads,
        estimate_shares,
        explain_leaves,
        find_changes,
        find_lineages,
        find_rotations,
        find_sharing,
        find_sightings,
        forecast_renewals,
        judge,
        lint_certificates,
        rehearse,
        replay_trust,
        summarise_expiry,
        summarise_findings,
        summarise_negotiated,
        summarise_support,
        verify_chains,
    )
    from toolkit.asking import ask
    from toolkit.checking import check
    from toolkit.collection import Limits, collect, estimate_round, estimate_survey, observe, survey, watch
    from toolkit.comparing import compare_verifiers
    from toolkit.disputes import settle
    from toolkit.dissection import decrypt_answer, derive_keys, dissect
    from toolkit.exporting import flat
    from toolkit.panel import LabPanel
    from toolkit.reading import load_example, read
    from toolkit.store import Store
    from toolkit.streaming import read_into
    from toolkit.tables import Tables
    from toolkit.target_files import read_targets
    from toolkit.targets import Target, parse_target

__version__ = "0.2.0.dev0"

_HOMES: Final = {
    "toolkit.asking": ("ask",),
    "toolkit.analyse": (
        "compare_tools",
        "describe_chains",
        "describe_rotations",
        "describe_usual_leads",
        "estimate_shares",
        "explain_leaves",
        "find_changes",
        "find_lineages",
        "find_rotations",
        "find_sharing",
        "find_sightings",
        "forecast_renewals",
        "judge",
        "lint_certificates",
        "rehearse",
        "replay_trust",
        "summarise_expiry",
        "summarise_findings",
        "summarise_negotiated",
        "summarise_support",
        "verify_chains",
    ),
    "toolkit.checking": ("check",),
    "toolkit.collection": (
        "Limits",
        "collect",
        "estimate_round",
        "estimate_survey",
        "observe",
        "survey",
        "watch",
    ),
    "toolkit.comparing": ("compare_verifiers",),
    "toolkit.disputes": ("settle",),
    "toolkit.dissection": ("decrypt_answer", "derive_keys", "dissect"),
    "toolkit.exporting": ("flat",),
    "toolkit.panel": ("LabPanel",),
    "toolkit.reading": (
        "load_example",
        "read",
    ),
    "toolkit.target_files": ("read_targets",),
    "toolkit.store": ("Store",),
    "toolkit.streaming": ("read_into",),
    "toolkit.tables": ("Tables",),
    "toolkit.targets": (
        "Target",
        "parse_target",
    ),
}
"""Module → the public names that it defines."""

MODULES: Final = (
    "analyse",
    "asking",
    "certificates",
    "chart",
    "checking",
    "collection",
    "comparing",
    "errors",
    "exporting",
    "lab",
    "readers",
    "reference",
    "schema",
    "store",
    "tables",
    "targets",
    "text",
    "wire",
)
"""The public packages and modules.

`from toolkit import *` gives `chart` and `lab` alone: users have variables with the other names, such as `store`.
"""

__all__ = [
    "LabPanel",
    "Limits",
    "Store",
    "Tables",
    "Target",
    "ask",
    "chart",
    "check",
    "collect",
    "compare_tools",
    "compare_verifiers",
    "decrypt_answer",
    "derive_keys",
    "describe_chains",
    "describe_rotations",
    "describe_usual_leads",
    "dissect",
    "estimate_round",
    "estimate_shares",
    "estimate_survey",
    "explain_leaves",
    "find_changes",
    "find_lineages",
    "find_rotations",
    "find_sharing",
    "find_sightings",
    "flat",
    "forecast_renewals",
    "judge",
    "lab",
    "lint_certificates",
    "load_example",
    "observe",
    "parse_target",
    "read",
    "read_into",
    "read_targets",
    "rehearse",
    "replay_trust",
    "settle",
    "summarise_expiry",
    "summarise_findings",
    "summarise_negotiated",
    "summarise_support",
    "survey",
    "verify_chains",
    "watch",
]


if not TYPE_CHECKING:  # a type checker would take any name for one of the toolkit
    __getattr__ = importer(__name__, _HOMES, MODULES)


def __dir__() -> list[str]:
    """Every public name, also those that are not imported yet."""
    return sorted({*__all__, *MODULES, *(name for name in globals() if name.startswith("__"))})
