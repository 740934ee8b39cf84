"""Each format of `check` is read by its own schema or parser, also where servers chose hostile names."""

import json
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote

import icalendar
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from junitparser import JUnitXml
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as SarifLog

from toolkit import checking, text
from toolkit.checking.advice import identify
from toolkit.checking.formats.judged import Judged
from toolkit.checking.formats.openmetrics import MOST_SERIES
from toolkit.columns import dtypes
from toolkit.errors import UsageError
from toolkit.targets import parse_target

NOW = datetime(2026, 2, 1, tzinfo=UTC)
ACCEPTED = datetime(2026, 9, 1, tzinfo=UTC)
HOSTILE = (
    "a\nb\r\n::error::x", "]]><x y='\"&", "\x1b[2J\u202eevil\u2028", "x" * 5000, 'q"\\\n} 1', "%0A%25,:;\\,",
    "BEGIN:VEVENT\r\nEND:VCALENDAR", "", " ", "\ufffe\uffff\x00", "https://[::1]:443/" + "é€" * 80,
    "javascript:alert(1)",
)  # fmt: skip


def frame(names: tuple[str, ...] = ("https://a.example:443",)) -> pd.DataFrame:
    """For each name findings of each severity, one of them accepted, a fine and an unknown row."""
    rows: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        facts = {"service": name, "host": name, "server_name": name, "found": name, "reason": name, "source": name,
                 "evidence_count": 3, "first_at": NOW - timedelta(days=2), "last_at": NOW}  # fmt: skip
        cases: list[dict[str, Any]] = [
            {"check": "trust", "verdict": "untrusted", "severity": "critical"},
            {"check": "expiry", "verdict": "expiring", "severity": "medium", "ends_at": NOW + timedelta(days=9),
             "leaf_sha256": f"aa{number}"},
            {"check": "ietf", "rule": "rc4", "level": "must", "verdict": "falls short", "severity": "high",
             "required": name, "authority": name},
            {"check": "ietf", "rule": "pq", "level": "should", "verdict": "falls short", "severity": "low",
             "required": "a post-quantum group"},
            {"check": "trust", "verdict": "key_not_proven", "severity": "critical", "accepted_until_at": ACCEPTED},
            {"check": "expiry", "verdict": "valid", "ends_at": datetime(9999, 12, 31, 23, tzinfo=UTC)},
            {"check": "rotation", "verdict": "unknown"},
        ]  # fmt: skip
        for case in cases:
            is_finding = True if "severity" in case else None if case["verdict"] == "unknown" else False
            rows.append(facts | case | {"is_finding": is_finding, "advice": f"mend {name}" if is_finding else None})
    made = pd.DataFrame(rows, columns=list(dtypes(checking.CHECKS))).astype(dtypes(checking.CHECKS))
    ids = identify(made.assign(about=pd.array([str(number) for number in range(len(made))], dtype="string")))
    return made.assign(finding_id=ids.where(made["is_finding"].fillna(value=False)))


def rendered(format_: str, checks: pd.DataFrame) -> str:
    return checking.render(checks, format_, now=NOW, source="store\n::error::\x1b")


def judged(checks: pd.DataFrame) -> Judged:
    return Judged(checks, pd.Timestamp(NOW), "store")


def check_sarif(written: str, checks: pd.DataFrame) -> None:
    SarifLog.model_validate_json(written)
    (run,) = json.loads(written)["runs"]
    assert run["properties"]["counts"] == checking.count(checks)
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert all(rule["help"]["text"] for rule in rules), "code scanning shows it, and asks for it"
    listed = [row for row in judged(checks).rows() if row.state != "fine"]
    assert len(run["results"]) == len(listed)
    for row, result in zip(listed, run["results"], strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == row.kind
        assert result["message"]["text"].startswith(f"{row.message}. {row.advice or 'Observe again'}")
        assert (result["kind"], result["level"] == "none") == (
            ("review", True) if row.state == "unknown" else ("fail", False)
        )
        assert bool(result.get("suppressions")) == (row.state == "accepted")
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert uri.isascii()
        assert not set(uri) & set(' "<>\\^`{|}\n')
        assert unquote(uri) == row.service


def check_junit(written: str, checks: pd.DataFrame) -> None:
    report = JUnitXml.fromstring(written.encode())
    counts = checking.count(checks)
    assert report.tests or sum(suite.tests for suite in report) == len(checks)
    assert sum(suite.failures for suite in report) == counts["findings"]
    assert sum(suite.skipped for suite in report) == counts["accepted"] + counts["unknown"]
    failures = [(case.classname, result.text) for suite in report for case in suite for result in case.result
                if type(result).__name__ == "Failure"]  # fmt: skip
    outputs = [case.system_out or "" for suite in report for case in suite if not case.result]
    assert sorted(outputs) == sorted(row.reason for row in judged(checks).rows() if row.state == "fine")
    open_rows = [row for row in judged(checks).rows() if row.state == "finding"]
    assert sorted(failures) == sorted((row.service, f"{row.message}. {row.advice}") for row in open_rows)


def check_openmetrics(written: str, checks: pd.DataFrame) -> None:
    families = {family.name: family for family in text_string_to_metric_families(written)}
    found = families["tls_toolkit_finding"].samples
    listed = judged(checks).findings[:MOST_SERIES]
    keys = [(one.labels["finding_id"], one.labels["service"], one.labels["severity"], one.value) for one in found]
    assert keys == [(row.finding_id, row.service, row.severity, row.rows) for row in listed]
    counted = {one.labels["severity"]: one.value for one in families["tls_toolkit_findings"].samples}
    assert sum(counted.values()) == checking.count(checks)["findings"]
    assert families["tls_toolkit_judged_timestamp_seconds"].samples[0].value == NOW.timestamp()
    states = [one for one in families["tls_toolkit_services"].samples if one.labels["state"] == "unknown"]
    assert bool(states) == bool(len(checks))


def check_github(written: str, checks: pd.DataFrame) -> None:
    lines = written.removesuffix("\n").split("\n")
    rows = [row for row in judged(checks).rows() if row.state == "finding"]
    assert len(lines) == 1 + len(rows)
    for line, row in zip(lines[1:], rows, strict=True):
        command, properties, data = line[2:].split(" ", 1)[0], *line[2:].split(" ", 1)[1].split("::", 1)
        assert command == {"critical": "error", "high": "error", "medium": "warning", "low": "notice"}[row.severity]
        assert not set(":,") & set(properties.removeprefix("title="))
        assert data.replace("%25", "%") == f"{row.message}. {row.advice} [{row.finding_id}]"
        title = properties.removeprefix("title=").replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
        assert title == row.title
    assert str(checking.count(checks)["unknown"]) in lines[0]


def check_ical(written: str, checks: pd.DataFrame) -> None:
    assert all(len(line.encode()) <= 75 for line in written.split("\r\n"))
    assert "\n" not in written.replace("\r\n", "")
    calendar = icalendar.Calendar.from_ical(written)
    events = calendar.walk("VEVENT")
    assert len(calendar.walk()) == 1 + len(events), "no name starts a component"
    uids = [str(event["uid"]) for event in events]
    assert len(set(uids)) == len(uids)
    open_rows = [row for row in judged(checks).rows() if row.state == "finding" and row.ends_at is None]
    by_uid = {str(event["uid"]): event for event in events}
    for row in open_rows:
        event = by_uid[f"{row.finding_id}@tls-toolkit"]
        assert str(event["summary"]) == f"{row.service}: {row.title}"
        assert str(event["description"]) == f"{row.message}\n{row.advice}\n{row.finding_id}"
    ends = {row.ends_at.date() for row in judged(checks).rows() if row.ends_at}
    assert ends <= {event.decoded("dtstart") for event in events}


# The fields that DefectDojo's parser of this format requires, and those of the others that we write and it allows
# (dojo/tools/generic/json_parser.py, read in 2026-11); it refuses a file with another field.
DOJO_REQUIRED = {"title", "severity", "description"}
DOJO_ALLOWED = DOJO_REQUIRED | {
    "mitigation", "references", "date", "active", "verified", "risk_accepted", "static_finding", "dynamic_finding",
    "unique_id_from_tool", "vuln_id_from_tool", "nb_occurences", "service", "tags", "endpoints",
}  # fmt: skip


def check_defectdojo(written: str, checks: pd.DataFrame) -> None:
    test = json.loads(written)
    counts = checking.count(checks)
    assert len(test["findings"]) == counts["findings"] + counts["accepted"]
    for finding in test["findings"]:
        assert set(finding) >= DOJO_REQUIRED
        assert set(finding) <= DOJO_ALLOWED
        assert finding["severity"] in {"Critical", "High", "Medium", "Low", "Info"}
        assert datetime.fromisoformat(finding["date"])
        assert len(finding["title"]) <= 511
        for endpoint in finding["endpoints"]:
            assert parse_target(finding["service"]).host == endpoint["host"]
    assert sum(finding["risk_accepted"] for finding in test["findings"]) == counts["accepted"]


CHECKS = {"sarif": check_sarif, "junit": check_junit, "openmetrics": check_openmetrics, "github": check_github,
          "ical": check_ical, "defectdojo": check_defectdojo}  # fmt: skip


@pytest.mark.parametrize("format_", checking.FORMATS)
def test_what_is_written_is_read_by_its_own_parser(format_: str) -> None:
    assert set(CHECKS) == set(checking.FORMATS)
    for checks in (frame(), frame(())):
        written = rendered(format_, checks)
        CHECKS[format_](written, checks)
        assert written == rendered(format_, checks)
        assert written.endswith("\n")


@pytest.mark.parametrize("format_", checking.FORMATS)
def test_known_attacks_stay_text(format_: str) -> None:
    checks = frame(HOSTILE)
    written = rendered(format_, checks)
    CHECKS[format_](written, checks)
    assert not {"\x1b", "\u202e", "\u2028", "\x00"} & set(written)


@pytest.mark.parametrize("format_", checking.FORMATS)
@given(names=st.lists(st.text(st.characters(), max_size=90), min_size=1, max_size=8, unique=True))
@settings(max_examples=10)  # to write a frame costs more than its names do
def test_any_name_stays_text(format_: str, names: list[str]) -> None:
    checks = frame(tuple(text.storable(name) for name in names))
    CHECKS[format_](rendered(format_, checks), checks)


def test_metrics_are_bounded_and_say_what_they_do_not_list() -> None:
    checks = pd.concat([frame()] * 300, ignore_index=True)
    checks["finding_id"] = checks["finding_id"].mask(checks["finding_id"].notna(), [f"{n:016x}" for n in checks.index])
    families = {family.name: family for family in text_string_to_metric_families(rendered("openmetrics", checks))}
    assert len(families["tls_toolkit_finding"].samples) == MOST_SERIES
    assert families["tls_toolkit_findings_not_listed"].samples[0].value == 5 * 300 - MOST_SERIES


def test_the_newest_row_is_not_one_that_is_dated_after_the_instant_judged() -> None:
    checks = frame()
    checks.loc[0, "last_at"] = NOW + timedelta(days=300)
    newest = rendered("openmetrics", checks).partition("\ntls_toolkit_newest_row_timestamp_seconds ")[2]
    assert float(newest.split()[0]) == NOW.timestamp()


def test_an_unknown_format_gets_a_suggestion_and_a_missing_extra_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="Did you mean 'sarif'"):
        rendered("sariff", frame())

    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name, name="icalendar")

    assert find_spec("icalendar")
    monkeypatch.setattr("toolkit.checking.formats.writing.import_module", missing)
    with pytest.raises(UsageError, match=r"needs the module icalendar, .* pip install 'tls-toolkit\[formats\]'"):
        rendered("ical", frame())
