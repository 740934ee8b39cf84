"""Observe TLS servers over time, keep the observations in DataFrames, analyse and chart them.

Every public name is imported when it is first used (PEP 562), so `import toolkit` is fast, and an observation imports
neither scipy nor matplotlib. Type checkers see the imports below.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

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
    from toolkit.dissection import dissect
    from toolkit.exporting import flat
    from toolkit.panel import LabPanel
    from toolkit.reading import load_example, read
    from toolkit.settling import settle
    from toolkit.store import Store
    from toolkit.tables import Tables
    from toolkit.target_files import read_targets
    from toolkit.targets import Target, parse_target

__version__ = "0.2.0.dev0"

_HOMES: Final = {
    "ask": "toolkit.asking",
    "compare_tools": "toolkit.analyse",
    "describe_chains": "toolkit.analyse",
    "describe_rotations": "toolkit.analyse",
    "describe_usual_leads": "toolkit.analyse",
    "estimate_shares": "toolkit.analyse",
    "explain_leaves": "toolkit.analyse",
    "find_changes": "toolkit.analyse",
    "find_lineages": "toolkit.analyse",
    "find_rotations": "toolkit.analyse",
    "find_sharing": "toolkit.analyse",
    "find_sightings": "toolkit.analyse",
    "forecast_renewals": "toolkit.analyse",
    "judge": "toolkit.analyse",
    "lint_certificates": "toolkit.analyse",
    "rehearse": "toolkit.analyse",
    "replay_trust": "toolkit.analyse",
    "summarise_expiry": "toolkit.analyse",
    "summarise_findings": "toolkit.analyse",
    "summarise_negotiated": "toolkit.analyse",
    "summarise_support": "toolkit.analyse",
    "verify_chains": "toolkit.analyse",
    "check": "toolkit.checking",
    "Limits": "toolkit.collection",
    "collect": "toolkit.collection",
    "estimate_round": "toolkit.collection",
    "estimate_survey": "toolkit.collection",
    "observe": "toolkit.collection",
    "survey": "toolkit.collection",
    "watch": "toolkit.collection",
    "compare_verifiers": "toolkit.comparing",
    "dissect": "toolkit.dissection",
    "flat": "toolkit.exporting",
    "LabPanel": "toolkit.panel",
    "load_example": "toolkit.reading",
    "read": "toolkit.reading",
    "read_targets": "toolkit.target_files",
    "settle": "toolkit.settling",
    "Store": "toolkit.store",
    "Tables": "toolkit.tables",
    "Target": "toolkit.targets",
    "parse_target": "toolkit.targets",
}
"""Public name → the module that defines it."""

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
"""The public packages and modules. `from toolkit import *` leaves them out: users have variables `store` and `text`."""

__all__ = [
    "LabPanel",
    "Limits",
    "Store",
    "Tables",
    "Target",
    "ask",
    "check",
    "collect",
    "compare_tools",
    "compare_verifiers",
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
    "lint_certificates",
    "load_example",
    "observe",
    "parse_target",
    "read",
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

    def __getattr__(name: str) -> Any:
        """A public name, imported from the module that defines it; or a package or module of the toolkit."""
        if name in _HOMES:
            value = getattr(import_module(_HOMES[name]), name)
        elif name in MODULES:
            value = import_module(f"toolkit.{name}")
        else:
            from toolkit.text import did_you_mean  # noqa: PLC0415  only a misspelt name needs it

            known = [each for each in __dir__() if not each.startswith("_")]
            reason = f"module 'toolkit' has no attribute {name!r}.{did_you_mean(name, known)}"
            raise AttributeError(reason, name=name, obj=None)  # without `obj`, Python adds no second suggestion
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Every public name, also those that are not imported yet."""
    return sorted({*__all__, *MODULES, *(name for name in globals() if name.startswith("__"))})
