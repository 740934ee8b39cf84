"""Findings for DefectDojo: the JSON of its "Generic Findings Import"."""

import json
from typing import Any, Final

from toolkit.checking.formats.judged import CheckRow, Judged
from toolkit.errors import UsageError
from toolkit.targets import parse_target

_LONGEST_TITLE: Final = 511
"""Characters of `Finding.title` in DefectDojo."""


def write(judged: Judged) -> str:
    """Findings and accepted findings, with the counts of all rows in the description of the test."""
    findings = [_finding(row, judged) for row in judged.findings]
    test = {"name": "tls-toolkit check", "type": "tls-toolkit", "dynamic_tool": True, "static_tool": False,
            "description": judged.summary, "findings": findings}  # fmt: skip
    return json.dumps(test, indent=2) + "\n"


def _finding(row: CheckRow, judged: Judged) -> dict[str, Any]:
    return {
        "title": f"{row.title}: {row.service}"[:_LONGEST_TITLE],
        "description": row.message,
        "severity": row.severity.capitalize(),
        "mitigation": row.advice,
        "references": row.authority,
        "date": f"{row.last_at or judged.now:%Y-%m-%d}",
        "active": row.state == "finding",
        "verified": False,
        "risk_accepted": row.state == "accepted",
        "static_finding": False,
        "dynamic_finding": True,
        "unique_id_from_tool": row.finding_id,
        "vuln_id_from_tool": row.kind,
        "nb_occurences": max(row.rows, 1),
        "service": row.service,
        "tags": ["tls", row.check],
        "endpoints": _endpoints(row.service),
    }


def _endpoints(service: str) -> list[dict[str, object]]:
    """The service as an endpoint; none where it is not one that could be observed, which DefectDojo would refuse."""
    try:
        target = parse_target(service)
    except UsageError:
        return []
    return [{"protocol": target.scheme, "host": target.host, "port": target.port}]
