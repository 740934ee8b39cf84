"""SARIF 2.1.0 (OASIS, 2020): one run with a result for each finding and for each unknown row."""

import json
from typing import Any, Final
from urllib.parse import quote

from toolkit import __version__
from toolkit.checking.formats.judged import CheckRow, Judged
from toolkit.checking.verdicts import SEVERITIES

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
_SCORES: Final = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}
"""Severity → `security-severity`, by which GitHub orders alerts: within the bands that GitHub names the same."""


def write(judged: Judged) -> str:
    """The findings are results of kind `fail`, accepted ones with a suppression; unknown rows are of kind `review`."""
    listed = [row for row in judged.rows() if row.state != "fine"]
    kinds = {row.kind: row for row in reversed(listed)}
    places = {kind: place for place, kind in enumerate(kinds)}
    driver = {
        "name": "tls-toolkit",
        "version": __version__,
        "rules": [_rule(kind, row) for kind, row in kinds.items()],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(row, places[row.kind]) for row in listed],
        "properties": {"source": judged.harmless_source, "now": judged.now.isoformat(), "counts": judged.counts},
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(kind: str, row: CheckRow) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": kind,
        "shortDescription": {"text": row.required or row.title},
        "fullDescription": {"text": row.authority or SEVERITIES.get(row.severity, row.title)},
        "help": {"text": f"{row.required or row.title}. The message of each result says what to do."},
    }
    if row.severity:
        rule["defaultConfiguration"] = {"level": _LEVELS[row.severity]}
        rule["properties"] = {"security-severity": _SCORES[row.severity], "tags": ["security", "tls"]}
    return rule


def _result(row: CheckRow, place: int) -> dict[str, Any]:
    is_unknown = row.state == "unknown"
    result: dict[str, Any] = {
        "ruleId": row.kind,
        "ruleIndex": place,
        "kind": "review" if is_unknown else "fail",
        "level": "none" if is_unknown else _LEVELS[row.severity],
        "message": {"text": f"{row.message}. {row.advice or 'Observe again: what is there does not decide.'}"},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": quote(row.service, safe=":/[]")}},
                "logicalLocations": [{"fullyQualifiedName": row.service, "kind": "resource"}],
            }
        ],
        "properties": {"observations": row.rows} | ({"severity": row.severity} if row.severity else {}),
    }
    if row.finding_id:
        result["partialFingerprints"] = {"findingId/v1": row.finding_id}
    if row.accepted_until_at is not None:
        words = f"accepted until {row.accepted_until_at.isoformat()}"
        result["suppressions"] = [{"kind": "external", "justification": words}]
    return result
