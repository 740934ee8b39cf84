"""SMTP TLS reports: what senders observed, as observations of theirs."""

import gzip
import json
import warnings
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from toolkit import Tables, schema
from toolkit.errors import ReadError, ReadWarning


@pytest.fixture
def reports(shared: Path) -> Path:
    return shared / "recorded" / "others" / "tlsrpt"


def test_the_example_of_the_rfc(reports: Path, tmp_path: Path) -> None:
    looks = toolkit.read(reports / "rfc8460.json").observations
    schema.check("observations", looks)
    assert looks["host"].tolist() == [
        "company-y.example", "mx1.mail.company-y.example", "mx2.mail.company-y.example",
        "mx-backup.mail.company-y.example",
    ]  # fmt: skip
    assert looks["outcome"].tolist() == ["ok", "ok", "no_starttls", "closed"]
    assert looks["reason"][0].startswith("5,326 sessions succeeded")
    assert looks["reason"][1].startswith("certificate-expired: 100 sessions")
    assert looks["reason"][2].startswith("starttls-not-supported: 200 sessions")
    assert looks["reason"][3].startswith("validation-failure: 3 sessions")
    assert looks["service"].isna().tolist() == [True, False, False, False]
    assert looks["address"][2] == "203.0.113.56"
    assert set(looks["vantage"]) == {"Company-X"}
    assert set(looks["observed_until"]) == {pd.Timestamp("2016-04-01T23:59:59Z")}
    (tmp_path / "a.json.gz").write_bytes(gzip.compress((reports / "rfc8460.json").read_bytes()))
    packed = toolkit.read(tmp_path / "a.json.gz").observations
    assert packed["reason"].tolist() == looks["reason"].tolist()


def test_no_address_of_a_person_or_a_sender_is_kept(reports: Path) -> None:
    for file in reports.glob("*.json"):
        kept = toolkit.read(file).observations.to_csv()
        report = json.loads(file.read_text())
        assert report["contact-info"] not in kept
        assert all(word not in kept for word in ("sending-mta", "2001:db8:abcd:0012::1", "@"))


def test_a_failure_of_the_policy_is_not_one_of_a_server(reports: Path) -> None:
    looks = toolkit.read(reports / "mail.ru.json").observations
    assert looks["outcome"].tolist() == ["skipped", "skipped"]
    assert "bad https response code: 404" in looks["reason"][0]


def test_reports_of_one_day_stay_apart(reports: Path) -> None:
    parts = [toolkit.read(file) for file in sorted(reports.glob("*.json"))]
    together = Tables.concat(parts)
    assert len(together.observations) == sum(len(part.observations) for part in parts)


def test_addresses_and_invisible_characters_in_a_reporters_words_are_not_kept(reports: Path, tmp_path: Path) -> None:
    report = json.loads((reports / "rfc8460.json").read_text())
    words = "550-5.7.1 <alice@example.org> from 198.51.100.62, [2001:db8::62] or 2001:db8::63: code 404\x1b[2J"
    report["policies"][0]["failure-details"] = [
        {"result-type": "validation-failure\x1b[31m", "failed-session-count": -5, "failure-reason-code": words}
    ]
    (tmp_path / "report.json").write_text(json.dumps(report))
    kept = toolkit.read(tmp_path / "report.json").observations["reason"].iloc[1]
    assert kept == (
        "validation-failure\\x1b[31m: an unknown number of sessions; policy sts; "
        "550-5.7.1 … from …, … or … code 404\\x1b[2J"
    )


@pytest.mark.parametrize("indent", [None, 2])
def test_of_a_report_that_is_cut_short_the_whole_policies_are_read(
    reports: Path, tmp_path: Path, indent: int | None
) -> None:
    report = json.loads((reports / "rfc8460.json").read_text())
    report["policies"] *= 2
    report["policies"][1] = report["policies"][1] | {"summary": {"total-successful-session-count": 7, "x": "]},{"}}
    document, path = json.dumps(report, indent=indent), tmp_path / "cut.json"
    policies = document.index('"policies"')
    path.write_text(document[: policies + (len(document) - policies) * 3 // 4])
    with pytest.warns(ReadWarning, match="cut short or damaged after the last member that is whole"):
        looks = toolkit.read(path).observations
    assert len(looks) == 4
    assert looks["observed_until"].notna().all()
    for end in range(policies, len(document) - 1, 41):
        path.write_text(document[:end])
        with warnings.catch_warnings(record=True, action="always") as said:
            try:
                counted = len(toolkit.read(path).observations)
            except ReadError:
                counted = 0
        assert counted in {0, 4, 8}
        assert said or not counted


def test_what_is_missing_stays_unknown(reports: Path, tmp_path: Path) -> None:
    looks = toolkit.read(reports / "stalwart-rpt03.json").observations
    assert looks["host"].isna().all()
    path = tmp_path / "given"
    path.write_text(
        json.dumps({"organization-name": 5, "policies": [{}, 7, {"failure-details": [{"result-type": []}]}]})
    )
    looks = toolkit.read(path).observations
    assert looks[["outcome", "host"]].fillna("").to_numpy().tolist() == [["closed", ""]]
    assert "an unknown number of sessions" in looks["reason"][0]
