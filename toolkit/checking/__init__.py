"""Check: what is in service, judged by reachability, expiry, trust and a policy, in one frame, and in words."""

from typing import TYPE_CHECKING

from toolkit.analyse.rounds import OBSERVED_DAYS
from toolkit.checking.baseline import accept, find_gone, write_baseline
from toolkit.checking.checks import check
from toolkit.checking.counts import count, count_services
from toolkit.checking.formats import FORMATS, render
from toolkit.checking.grouping import group_findings, list_services
from toolkit.checking.in_service import (
    SURVEYED_DAYS,
    InService,
    date_present,
    find_in_service,
    find_known,
    name_services,
)
from toolkit.checking.judgements.trust import NO_CHAIN
from toolkit.checking.verdicts import CHECKS, SEVERITIES
from toolkit.checking.words import (
    MOST_FOUND,
    MOST_RUNS,
    MOST_SERVICES,
    describe,
    describe_counted,
    describe_in_service,
    describe_scope,
    describe_span,
    was_reached,
)
from toolkit.lazy import renamed

__all__ = [
    "CHECKS",
    "FORMATS",
    "MOST_FOUND",
    "MOST_RUNS",
    "MOST_SERVICES",
    "NO_CHAIN",
    "OBSERVED_DAYS",
    "SEVERITIES",
    "SURVEYED_DAYS",
    "InService",
    "accept",
    "check",
    "count",
    "count_services",
    "date_present",
    "describe",
    "describe_counted",
    "describe_in_service",
    "describe_scope",
    "describe_span",
    "find_gone",
    "find_in_service",
    "find_known",
    "group_findings",
    "list_services",
    "name_services",
    "render",
    "was_reached",
    "write_baseline",
]

if not TYPE_CHECKING:  # a type checker would take any name for one of the module
    __getattr__ = renamed(__name__, {"MOST_STRETCHES": "toolkit.checking.MOST_RUNS"})
