"""Two scans of one server in one file are two rounds: what the second one found does not repeat the first."""

import json
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from tests.readers.test_scanners_hostile import CSV, FLAT, NMAP, SHODAN, SSLSCAN, SSLYZE, SSLYZE_XML, TLS_SCAN, read
from toolkit.errors import ReadWarning


def twice(text: str, first: str, last: str, old: str, new: str) -> str:
    """The text with the part from `first` to `last` again, in which `old` is `new`."""
    end = text.index(last) + len(last)
    return text[:end] + text[text.index(first) : end].replace(old, new) + text[end:]


def accepts(protocol: str) -> str:
    return json.dumps(
        {"host": "a.test", "port": "443", "probe_status": True, "tls_version": "tls12", "version_enum": [protocol]}
    )


_TLS_SCANS = [json.dumps(json.loads(TLS_SCAN) | {"tlsVersions": [version]}) for version in ("TLSv1.2", "TLSv1.1")]
_SSLYZE = json.loads(SSLYZE)
_SUITES = {"status": "COMPLETED", "result": {"accepted_cipher_suites": [{"cipher_suite": {"name": "AES128-SHA"}}]}}
_SSLYZE["server_scan_results"] += [
    _SSLYZE["server_scan_results"][0] | {"scan_result": {"tls_1_2_cipher_suites": _SUITES}}
]

_OFF = ('version="1.2" enabled="1"', 'version="1.2" enabled="0"')

FILES = {
    "nmap": (twice(NMAP, "<host ", "</host>", "TLSv1.2", "TLSv1.1"), "TLS 1.1"),
    "sslscan": (twice(SSLSCAN, "<ssltest", "</ssltest>", *_OFF), "TLS 1.2"),
    "sslyze": (json.dumps(_SSLYZE), "TLS 1.2"),
    "sslyze-xml": (twice(SSLYZE_XML, "<target", "</target>", "acceptedC", "otherC"), "TLS 1.2"),
    "testssl": (json.dumps([*json.loads(FLAT), *json.loads(FLAT.replace("not offered", "offered"))]), "SSL 3.0"),
    "testssl-csv": (CSV + CSV.replace("offered", "not offered"), "TLS 1.2"),
    "tls-scan": ("\n".join(_TLS_SCANS), "TLS 1.2"),
    "tlsx": (accepts("tls12") + "\n" + accepts("tls13"), "TLS 1.3"),
    "shodan": (SHODAN + "\n" + SHODAN.replace("-SSLv2", "SSLv2"), "SSL 2.0"),
}  # fmt: skip


@pytest.mark.parametrize("tool", FILES)
def test_a_second_scan_of_a_server_is_a_round_of_its_own(tool: str, tmp_path: Path) -> None:
    content, protocol = FILES[tool]
    tables = read(tmp_path / "given", content)
    about = tables.support[(tables.support["protocol"] == protocol) & tables.support["suite"].isna()]
    first, second = tables.support["round"].unique()
    assert second == f"{first}, scan 2"
    assert about["state"].nunique() == 2 or (tool == "tlsx" and about["round"].tolist() == [second])
    assert set(tables.observations["round"]) <= {first, second}


def test_what_testssl_says_after_a_failure_is_another_scan(tmp_path: Path) -> None:
    failed = '"scanProblem","a.test/192.0.2.1","443","FATAL","Can\'t connect to 192.0.2.1:443","",""\n'
    service = '"service","a.test/192.0.2.1","443","INFO","HTTP","",""\n'
    tables = read(tmp_path / "given", CSV.replace('"TLS1_2"', failed + service + '"TLS1_2"'))
    assert tables.observations["outcome"].tolist() == ["unreachable", "ok"]


def test_a_contradicting_answer_of_one_round_is_not_dropped_without_a_word() -> None:
    answers = pd.DataFrame(
        {"round": "r", "service": "https://a.test:443", "protocol": "TLS 1.2", "state": ["refused", "accepted"]}
    )
    with pytest.warns(ReadWarning, match="1 answer left out that an earlier one of its round contradicts"):
        assert toolkit.Tables.from_frames(support=answers).support["state"].tolist() == ["refused"]
