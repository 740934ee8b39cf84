"""The command line, against the lab and against nothing at all."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from tests.collection.servers import Loopback, Reader, Writer
from tests.conftest import ROOT
from toolkit.cli import commands, main
from toolkit.cli.options import read_command
from toolkit.errors import UsageError
from toolkit.lab import Lab

CLOSED = "tls://127.0.0.1:1"
"""A port that nothing listens on (tcpmux, RFC 1078)."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab("steady", seed=3) as running:
        yield running


@pytest.fixture
def address(lab: Lab) -> tuple[str, str]:
    target = lab.targets[0]
    assert target.connect_to is not None
    return target.service, "{}:{}".format(*target.connect_to)


def test_cert_prints_the_leaf_and_with_chain_all(
    address: tuple[str, str], lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    service, dialled = address
    assert main(["cert", service, "--connect-to", dialled]) == 0
    leaf = capsys.readouterr().out
    assert leaf.count("BEGIN CERTIFICATE") == 1
    assert main(["cert", service, "--connect-to", dialled, "--chain"]) == 0
    chain = capsys.readouterr().out
    assert chain.count("BEGIN CERTIFICATE") == 2
    assert chain.startswith(leaf)


def test_cert_as_json(address: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    service, dialled = address
    assert main(["cert", service, "--connect-to", dialled, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert len(row["cert_sha256"]) == 64
    assert bytes.fromhex(row["der"])[0] == 0x30


def test_cert_of_a_closed_port_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cert", CLOSED]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert "port_closed at connect" in said.err


def test_observe_prints_every_look(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["observe", CLOSED, "--samples", "2"]) == 3
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].split()[:4] == ["service", "address", "offer", "outcome"]
    assert len(lines) == 3
    assert all("port_closed" in line for line in lines[1:])
    assert "nothing could be reached" in said.err


def test_servers_that_answer_with_an_alert_were_reached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def refuse(reader: Reader, writer: Writer) -> None:
        await reader.read(1)
        writer.write(bytes.fromhex("15 0303 0002 02 28"))  # a fatal alert, handshake_failure

    with Loopback() as loopback:
        refusing = f"tls://127.0.0.1:{loopback.serve(refuse)}"
        assert main(["collect", refusing, CLOSED, "--store", str(tmp_path / "store")]) == 3
        assert "1 of 2 looks reached a server, and no handshake succeeded; each failed" in capsys.readouterr().err
        assert main(["observe", refusing]) == 3
        assert "1 of 1 look reached a server, and no handshake succeeded; the table" in capsys.readouterr().err
        late = f"smtp://127.0.0.1:{loopback.serve(lambda reader, writer: reader.read(-1))}"
        assert main(["observe", late, CLOSED, "--upgrade-seconds", "0.1"]) == 3
        assert "1 of 2 looks reached a server, and no handshake succeeded" in capsys.readouterr().err
    assert main(["observe", refusing, "--block", "127.0.0.1"]) == 3
    assert "tls-toolkit: nothing was asked; the table shows why." in capsys.readouterr().err


def test_observe_prints_rows_in_the_order_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["observe", "tls://127.0.0.1:2", CLOSED, "--offer", "rsa", "--offer", "any"]) == 3
    rows = [line.split()[::2][:2] for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [[target, offer] for target in ("tls://127.0.0.1:2", CLOSED) for offer in ("rsa-2026", "any-2026")]


def test_observe_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["observe", CLOSED, "--json"]) == 3
    (row,) = json.loads(capsys.readouterr().out)
    assert row["outcome"] == "port_closed"
    assert row["suite"] is None
    assert row["observed_at"].endswith("+00:00")


def test_collect_keeps_failed_looks_and_store_info_counts_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "store")
    assert main(["collect", CLOSED, "--store", store]) == 3
    assert "port_closed" in capsys.readouterr().out
    assert main(["collect", CLOSED, "--store", store, "--json"]) == 3
    (end,) = json.loads(capsys.readouterr().out)
    assert end["phase"] == "end"
    assert end["looks"] == 1
    assert end["looks_ok"] == 0
    assert main(["store", "info", store]) == 0
    shown = capsys.readouterr().out
    assert "2 port_closed" in shown
    assert max(map(len, shown.splitlines())) <= 120
    assert main(["survey", CLOSED, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "connections" in shown
    assert max(map(len, shown.splitlines())) <= 120
    (tmp_path / "README.md").touch()
    for place in ("README.md", "README.md/below"):
        assert main(["lessons", str(tmp_path / place)]) == 2
        assert "README.md is a file: name a folder" in capsys.readouterr().err
    assert main(["store", "info", store, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["service"] == "tls://127.0.0.1:1"
    assert row["looks"] == 2
    assert len(toolkit.Store(store).load().rounds) == 4


def test_store_compact_says_what_it_joined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = toolkit.Store(tmp_path / "store")
    tables = toolkit.load_example("web-series")
    for service in tables.observations["service"].unique()[:3]:
        store.append(tables.within(services=str(service)))
    assert main(["store", "compact", str(tmp_path / "store"), "--json"]) == 0
    rows = {row["table"]: row for row in json.loads(capsys.readouterr().out)}
    assert [(row["files_before"], row["files"]) for row in rows.values()] == [(3, 1), (3, 1)]
    assert rows["observations"]["rows"] == len(store.load().observations)
    replaced = len(list((tmp_path / "store" / "observations").glob("*.parquet")))
    assert main(["store", "compact", str(tmp_path / "store"), "--exclusive"]) == 0
    assert "files_before" in capsys.readouterr().out
    assert len(list((tmp_path / "store" / "observations").glob("*.parquet"))) < replaced
    assert main(["store", "compact", str(tmp_path / "nothing")]) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cert", "nonsense"], "name a port or a scheme"),
        (["cert", "gopher://example.org"], "scheme 'gopher' is not known"),
        (["cert", "example.org:4711"], "does not imply a protocol"),
        (["cert", "google-mail"], "is a preset; name one of its services: smtp://aspmx.l.google.com:25"),
        (["collect", CLOSED, "--store", ""], "a folder, or a URL"),
        (["observe", CLOSED, "--offer", "everything"], "offer 'everything' is not known"),
        (["observe", CLOSED, "--samples", "0"], "must be a whole number of at least 1"),
        (["cert", "tls://127.0.0.1:1", "--connect-to", "nowhere"], "write host:port"),
    ],
)
def test_usage_errors_name_the_fault_and_exit_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["unknown"], ["cert"], ["collect", CLOSED]])
def test_incomplete_command_lines_exit_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("on", [["--workers", "2"], ["--cluster", "tcp://127.0.0.1:1"]])
def test_a_survey_on_a_cluster_without_a_store_is_refused_before_the_cluster_is_opened(
    on: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(commands, "open_cluster")
    assert main(["survey", CLOSED, *on]) == 2
    assert "tls-toolkit: --cluster and --workers need --store" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("nonsense", "the host or the port is missing. Give a scheduler's address"),
        ("tcp://:8786", "the host or the port is missing"),
        ("http://127.0.0.1:1", "an address is tcp://host:port or tls://host:port"),
        ("inproc://127.0.0.1:1", "an address is tcp://host:port or tls://host:port"),
        ("h:x", "'x' is not a port"),
        ("tcp://127.0.0.1:99999", "'99999' is not a port (1 to 65535)"),
        ("tcp://127.0.0.1:-1", "'-1' is not a port"),
        ("tcp://10.0.0.1:8786/x", "'8786/x' is not a port"),
    ],
)
def test_what_is_not_the_address_of_a_scheduler_is_wrong_use(
    address: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed")
    assert main(["collect", CLOSED, "--store", str(tmp_path / "store"), "--cluster", address]) == 2
    assert f"tls-toolkit: --cluster '{address}': {why}" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "store").exists()


def test_a_store_that_is_none_is_an_error_with_a_next_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "info", str(tmp_path / "nothing")]) == 4
    assert str(tmp_path / "nothing") in capsys.readouterr().err


def test_a_closed_pipe_gives_no_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from toolkit.cli import run; run()", "observe", *["tls://127.0.0.1:1"], "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as complaints:
        assert b"Traceback" not in complaints.read()
    assert process.wait(timeout=60) == 141


def test_nothing_printed_moves_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "".join(map(chr, (27, 91, 50, 74, 0x202E, 10)))
    row = {"round": "r", "sample": 0, "source": "lab", "host": "h", "outcome": "ok", "date_basis": "undated"}
    store = toolkit.Store(tmp_path / "store")
    store.append(toolkit.Tables.from_frames(observations=pd.DataFrame([row | {"service": hostile}])))
    assert main(["store", "info", str(tmp_path / "store")]) == 0
    shown = capsys.readouterr().out
    assert re.fullmatch(r"[\x20-\x7e\n]*", shown)
    assert r"\x1b[2J\u202e\n" in shown


def test_of_many_services_the_first_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"round": "r", "sample": 0, "source": "lab", "outcome": "ok", "date_basis": "undated"}
    looks = [row | {"service": f"tls://h{number:04}.test:1", "host": f"h{number:04}.test"} for number in range(1_300)]
    store = toolkit.Store(tmp_path / "store")
    store.append(toolkit.Tables.from_frames(observations=pd.DataFrame(looks)))
    command = ["store", "info", str(tmp_path / "store")]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines() if line.startswith("tls://")] == [
        f"tls://h{number:04}.test:1" for number in range(200)
    ]
    assert shown.endswith("… and 1,100 more; --json lists all.\n")
    assert main([*command, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1_300


def test_store_info_lists_rounds_to_resume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = toolkit.Store(tmp_path / "store")
    finished = toolkit.collect(CLOSED, store, progress=False)["round"]
    start, end = (store.load().rounds.query("phase == @phase") for phase in ("start", "end"))
    assert main(["store", "info", store.path]) == 0
    assert "unfinished" not in capsys.readouterr().out

    def append(rows: pd.DataFrame, name: str, at: int, **facts: object) -> None:
        written_at = rows["written_at"] + pd.Timedelta(days=at)
        store.append(toolkit.Tables.from_frames(rounds=rows.assign(round=name, written_at=written_at, **facts)))

    append(start, "survey", 1, settings='{"parts": ["suites"]}')
    for number in range(12):
        append(start, f"killed-{number:02}", 2 + number)
    append(start, "stopped", 20)
    append(end, "stopped", 21, end_reason="interrupted")
    append(start, "resumed", 22)
    append(end, "resumed", 23, end_reason="interrupted")
    append(end, "resumed", 24)
    assert "16 rounds, 14 unfinished" in repr(store)
    assert main(["store", "info", store.path]) == 0
    above, heading, *rounds, more, how = capsys.readouterr().out.partition("13 unf")[2].splitlines()
    assert (above, heading.split()) == ("inished rounds:", ["round", "began_at", "services", "end"])
    assert [line.split()[0] for line in rounds] == [f"killed-{number:02}" for number in range(3, 12)] + ["stopped"]
    assert all(line.endswith("  1         no end row: killed, or still running") for line in rounds[:-1])
    assert rounds[-1].endswith("  1         interrupted")
    assert more == "… and 3 older."
    assert "collect its targets again with --resume NAME" in how
    assert finished not in "".join(rounds)


def read_limits(*words: str) -> toolkit.Limits:
    command = read_command(["observe", CLOSED, *words])
    assert isinstance(command, partial)
    limits: toolkit.Limits = command.args[0].limits
    return limits


def test_every_limit_is_an_option() -> None:
    assert read_limits() == toolkit.Limits()
    for field in fields(toolkit.Limits):
        option = {"concurrency": "--connections", "blocked": "--block", "allowed": "--allow"}.get(field.name)
        option = option or f"--{field.name.replace('_', '-')}"
        said, limit = ("mx.test", ("mx.test",)) if option in ("--block", "--allow") else ("7", 7)
        assert read_limits(option, said) == replace(toolkit.Limits(), **{field.name: limit})


def test_only_a_jitter_may_be_none_at_all() -> None:
    assert read_limits("--rate-jitter", "0").rate_jitter == 0
    for words, said in (
        (["--rate-jitter=-0.1"], "--rate-jitter -0.1: must not be negative"),
        (["--rate-jitter=nan"], "--rate-jitter nan: must not be negative, and must be finite"),
        (["--address-rate=0"], "--address-rate 0: must be greater than 0"),
    ):
        with pytest.raises(UsageError, match=said):
            read_limits(*words)
    with pytest.raises(UsageError, match=r"Limits\(rate_jitter=-1\): must not be negative"):
        toolkit.Limits(rate_jitter=-1)


def test_a_timeout_sets_every_limit_in_seconds_but_those_that_are_set() -> None:
    limits = read_limits("--timeout", "2.5", "--connect-seconds", "1", "--block", "a.test", "--block", "10.0.0.0/8")
    seconds = {field.name: getattr(limits, field.name) for field in fields(limits) if field.name.endswith("_seconds")}
    assert seconds.pop("connect_seconds") == 1
    assert set(seconds.values()) == {2.5}
    assert limits.blocked == ("a.test", "10.0.0.0/8")


@pytest.mark.parametrize("command", [["cert"], ["observe"], ["collect", "--store", "unused"], ["survey"]])
def test_a_name_and_a_limit_that_make_no_sense_are_refused(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for option, value in (
        ("--timeout", "0"),
        ("--timeout", "nan"),
        ("--answer-seconds", "inf"),
        ("--timeout", "1e400"),
    ):
        assert main([*command, CLOSED, option, value]) == 2
        assert re.match(rf"tls-toolkit: {option} \w+: must be greater than 0, and finite", capsys.readouterr().err)
    for option in ("--block", "--allow"):
        for value, why in (
            ("a/b", "'a/b' is neither a network nor"),
            ("@missing", "missing cannot be read"),
            ("@", "'@' names no"),
        ):
            assert main([*command, CLOSED, option, value]) == 2
            assert f"tls-toolkit: {option}: {why}" in capsys.readouterr().err
    assert main([*command, CLOSED, "--ehlo", "two words"]) == 2
    assert "tls-toolkit: --ehlo 'two words' cannot be given by EHLO" in capsys.readouterr().err
    assert main([*command, CLOSED, "--contact", "two\nlines"]) == 2
    assert "tls-toolkit: --contact 'two\\nlines': write one line" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["observe"], ["collect", "--store", "unused"], ["watch", "--store", "unused", "--every", "1h"]]
)
def test_a_dry_run_estimates_and_asks_nothing(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, CLOSED, "--samples", "6", "--provider-rate", "0.5", "--dry-run", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["looks"], row["seconds_min"], row["limited_by"]) == (6, 10, "127.0.0.0/24")
    assert not Path("unused").exists()


def test_limits_reach_the_look(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["observe", CLOSED, "--block", "127.0.0.1", "--json"]) == 3
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["outcome"], row["reason"]) == ("skipped", "127.0.0.1 is on the block list")
    assert main(["survey", CLOSED, "--block", "127.0.0.1"]) == 3
    assert "127.0.0.1 is on the block list" in capsys.readouterr().out
