"""`tls-toolkit read`: what a file of another tool holds, and what was understood of it."""

import json
import sys
from pathlib import Path

import pytest

from tests.readers.test_scanners_hostile import NMAP, TLSX
from toolkit import cli
from toolkit.cli.codes import FINE, UNREADABLE, USAGE


def test_it_says_the_format_the_tool_and_the_services(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "scan"
    path.write_text(NMAP)
    assert cli.main(["read", str(path)]) == FINE
    printed = capsys.readouterr().out
    assert printed.startswith("Read as: an nmap XML report (--format nmap)\nRecorded by: nmap 7.80\nTables\n")
    assert "https://192.0.2.1:443" in printed
    assert "1 port_closed" in printed
    assert cli.main(["read", str(path), "--json"]) == FINE
    services = json.loads(capsys.readouterr().out)
    assert [row["service"] for row in services] == ["https://192.0.2.1:443", "tls://192.0.2.1:444"]


@pytest.mark.parametrize("example", ["google-mail", "web-series", "tools-sample"])
def test_the_services_of_an_example_fit_120_columns(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["read", example]) == FINE
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 120
    unnamed = [line.split() for line in lines if line.startswith("(without a service)")]
    expected = [["(without", "a", "service)", "2008-03-01", "2026-09-23", "4", "0", "0"]]
    assert unnamed == (expected if example == "google-mail" else [])


def test_what_was_left_out_is_said_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lines"
    path.write_text(f"{TLSX}\n{TLSX[:40]}\n")
    assert cli.main(["read", str(path)]) == FINE
    said = capsys.readouterr().err
    assert "line 2: it is not a JSON object" in said
    assert said.count("\n") == 1
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    assert cli.main(["read", str(path)]) == FINE
    wrapped = capsys.readouterr().err
    assert wrapped.split() == said.split()
    assert max(len(line) for line in wrapped.splitlines() if str(path) not in line) <= 60
    assert wrapped.count("\n") > 1


def test_a_store_certificates_and_what_is_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from toolkit import Store, load_example  # noqa: PLC0415

    Store(tmp_path / "store").append(load_example("web-series"))
    assert cli.main(["read", str(tmp_path / "store")]) == FINE
    assert capsys.readouterr().out.startswith("Read as: a store\n")
    (tmp_path / "given").write_text("version: STSv1\nmode: none\n")
    assert cli.main(["read", str(tmp_path / "given")]) == UNREADABLE
    assert "an MTA-STS policy (RFC 8461), which is not read yet" in capsys.readouterr().err
    assert cli.main(["read", str(tmp_path / "given"), "--format", "nmpa"]) == USAGE
    assert "Did you mean 'nmap'?" in capsys.readouterr().err
