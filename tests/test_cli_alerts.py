"""`check`: its formats, baselines, the webhook and the server, on the command line; traffic to loopback alone."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.analyse.made import look, now, tables
from tests.analyse.trust.minted import mint_ca, mint_leaf
from tests.checking.test_checks import OLD, VALID
from tests.checking.test_formats import CHECKS
from toolkit import checking
from toolkit.certificates import parse_certificate
from toolkit.cli import checks, main, serving
from toolkit.cli.codes import FINDINGS, FINE, UNREADABLE, UNWRITABLE, USAGE
from toolkit.cli.options import CHECK_FORMATS
from toolkit.errors import ReadError

TODAY = ["--now", "2026-02-01", "--policy", "ietf"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A service that showed a certificate, TLS 1.0 and RC4."""
    leaf = mint_leaf(mint_ca("root"))
    folder = tmp_path_factory.mktemp("source") / "looks"
    given = tables([look(leaf.sha256, "2026-01-31", **OLD)], [parse_certificate(leaf.der)])
    given.to_csv(folder)
    return str(folder)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["check", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_every_format_is_an_option_and_is_written_to_standard_output(
    source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ("text", "json", *checking.FORMATS) == CHECK_FORMATS
    _, held, _ = run(capsys, source, *TODAY, "--json")
    said = json.loads(held)
    assert run(capsys, source, *TODAY, "--format", "json")[1] == held
    code, written, _ = run(capsys, source, *TODAY, "--format", "sarif")
    assert code == FINDINGS
    (result,) = json.loads(written)["runs"]
    failed = [one for one in result["results"] if one["kind"] == "fail"]
    assert len(failed) == said["findings"] > 2
    assert {one["partialFingerprints"]["findingId/v1"] for one in failed} == {
        one["finding_id"] for one in said["checks"] if one["is_finding"]
    }
    assert set(CHECKS) == set(checking.FORMATS)


def test_a_baseline_is_written_and_accepts_until_its_date(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "baseline.json")
    assert run(capsys, source, *TODAY, "--write-baseline", file)[0] == USAGE
    code, said, _ = run(capsys, source, *TODAY, "--write-baseline", file, "--accept-until", "2026-06-01")
    assert code == FINE
    assert "\n0 findings\n" in said
    assert "accepted: " in said
    assert "until 2026-06-01: falls short: smtp://mx.example:25 (high): TLS 1.0" in said
    assert run(capsys, source, *TODAY, "--baseline", file)[0] == FINE
    later = ["--now", "2026-06-01", "--policy", "ietf", "--baseline", file]
    code, said, _ = run(capsys, source, *later)
    assert code == FINDINGS
    assert "its acceptance ended on 2026-06-01 00:00" in " ".join(said.split())
    of_other_rules = ["--now", "2026-02-01", "--policy", "baseline", "--baseline", file]
    assert "no longer found" not in run(capsys, source, *of_other_rules)[2], "the rules of ietf were not judged"
    run(capsys, source, *of_other_rules, "--write-baseline", file, "--accept-until", "2026-07-01")
    assert run(capsys, source, *TODAY, "--baseline", file)[0] == FINE
    assert run(capsys, source, *TODAY, "--baseline", str(tmp_path / "missing"))[0] == UNREADABLE
    words = ["--write-baseline", file, "--accept-until", "2026-01-01"]
    assert run(capsys, source, *TODAY, *words)[0] == USAGE


class Hook(BaseHTTPRequestHandler):
    """Keeps what it is sent; answers with the status that the path names."""

    received: list[dict[str, Any]] = []  # noqa: RUF012  shared by the requests

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append({"path": self.path, "type": self.headers["Content-Type"], "body": json.loads(body)})
        status = int(self.path.rpartition("/")[2])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def hook() -> Iterator[str]:
    Hook.received.clear()
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/secret-token"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_webhook_gets_the_findings_as_json(source: str, hook: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = run(capsys, source, *TODAY, "--json", "--webhook", f"{hook}/200")
    assert code == FINDINGS
    (sent,) = Hook.received
    assert sent["type"] == "application/json"
    body, held = sent["body"], json.loads(said)
    assert body["counts"] == {name: held[name] for name in ("findings", "accepted", "fine", "unknown")}
    assert (body["source"], body["now"]) == (source, "2026-02-01T00:00:00+00:00")
    assert [one["finding_id"] for one in body["findings"]] == [
        one["finding_id"] for one in held["checks"] if one["is_finding"]
    ]
    assert body["not_listed"] == 0
    assert "secret-token" not in said


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_refuses_is_an_error_that_keeps_the_url_secret(
    source: str, hook: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, complaint = run(capsys, source, *TODAY, "--webhook", f"{hook}/{status}")
    assert code == UNWRITABLE
    assert f"answered {status}" in complaint
    assert "secret-token" not in complaint
    assert len(Hook.received) == 1, "a redirect is not followed"


@pytest.mark.parametrize(
    ("url", "code"),
    [("file:///etc/passwd", USAGE), ("ftp://h/secret-token", USAGE), ("secret-token", USAGE), ("http://", USAGE),
     ("http://u:secret-token@127.0.0.1:1/", USAGE), ("http://[::1/secret-token", USAGE),
     ("http://127.0.0.1:1/secret-token", UNWRITABLE), ("http://127.0.0.1:99999/secret-token", USAGE)],
)  # fmt: skip
def test_a_wrong_webhook_is_an_error_that_keeps_the_url_secret(
    source: str, url: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    got, _, complaint = run(capsys, source, *TODAY, "--webhook", url)
    assert got == code
    assert "secret-token" not in complaint


def test_the_server_serves_metrics_until_it_is_interrupted(
    source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[str] = []

    def fetch() -> None:
        url = capsys.readouterr().out.split()[1].rstrip(";")
        with urlopen(url, timeout=60) as answer:
            served.append(answer.read().decode())
        raise KeyboardInterrupt

    monkeypatch.setattr(serving, "wait_for_interrupt", fetch)
    code, said, _ = run(capsys, source, *TODAY, "--serve", ":0")
    assert (code, said) == (FINE, "The server has ended.\n")
    assert 'tls_toolkit_findings{severity="high"}' in served[0]
    assert "tls_toolkit_check_success 1.0" in served[0]
    assert not [line for line in served[0].splitlines() if "python_gc" in line]


@pytest.mark.parametrize("place", ["9464", "host", ":x", ":99999", "a:b:", "²:²"])
def test_a_place_without_a_port_is_wrong_use(source: str, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    if place == "9464":
        assert serving._read_place(place) == ("127.0.0.1", 9464)
        return
    assert run(capsys, source, *TODAY, "--serve", place)[0] == USAGE


def test_metrics_are_judged_again_when_they_are_old_and_stay_where_that_fails(
    source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    time, judged = [0.0], []
    given = tables([look("aa", "2026-01-31", **OLD)], [VALID])
    first = checks.CheckRun(
        given, checking.find_in_service(given, now=now("2026-02-01")),
        checking.check(given, now=now("2026-02-01"), roots=[mint_ca("root").der], policy="ietf"), now("2026-02-01"),
    )  # fmt: skip

    def judge() -> checks.CheckRun:
        judged.append(time[0])
        if len(judged) == 2:
            raise ReadError("the file is gone")
        return first

    judging = serving.Judging(first, judge, "source", clock=lambda: time[0])

    def success() -> float:
        return float(next(iter(judging.collect())).samples[0].value)

    assert (success(), judged) == (1, [])
    time[0] = 59.9
    assert (success(), judged) == (1, [])
    time[0] = 60.0
    assert (success(), judged) == (1, [60.0])
    time[0] = 125.0
    assert (success(), judged) == (0, [60.0, 125.0])
    assert "source could not be judged again: the file is gone" in capsys.readouterr().err
    assert len(list(judging.collect())) > 3, "the last metrics stay"
    time[0] = 190.0
    assert success() == 1


def test_the_openmetrics_format_is_what_the_server_serves(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, written, _ = run(capsys, source, *TODAY, "--format", "openmetrics")
    names = {family.name for family in text_string_to_metric_families(written)}
    assert {"tls_toolkit_findings", "tls_toolkit_finding", "tls_toolkit_services"} <= names


@pytest.mark.parametrize("words", [["--format", "sarif"], ["--webhook", "http://127.0.0.1:1"], ["--serve", ":0"]])
def test_certificates_alone_are_given_out_only_with_a_policy(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "leaf.der").write_bytes(mint_leaf(mint_ca("root")).der)
    code, _, complaint = run(capsys, str(tmp_path / "leaf.der"), "--now", "2026-02-01", *words)
    assert code == USAGE
    assert f"{words[0]} needs the rules" in complaint
    _, written, _ = run(capsys, str(tmp_path / "leaf.der"), *TODAY, "--format", "sarif")
    assert {result["ruleId"].split("/")[0] for result in json.loads(written)["runs"][0]["results"]} >= {"trust"}


def test_a_wrong_webhook_is_refused_before_anything_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, said, complaint = run(capsys, str(tmp_path / "missing"), "--webhook", "ftp://example.org/hook")
    assert said == ""
    assert "--webhook needs a URL" in complaint
