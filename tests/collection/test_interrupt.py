"""Real signals to `tls-toolkit`: what was seen is kept or printed, and the line on how to resume works."""

import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.collection.servers import Loopback, Reader, Writer
from tests.conftest import ROOT, not_on_windows
from toolkit.cli import main
from toolkit.cli.codes import INTERRUPTED, NOTHING_REACHED
from toolkit.collection.recorder import RoundRecorder
from toolkit.store import Store

SECONDS = 60


class Pausing:
    """Answers the first connections with `greeting`; the next one gets no answer and sets `is_paused`."""

    def __init__(self, answers: int, greeting: bytes = b"421 busy\r\n") -> None:
        self.left, self.greeting = answers, greeting
        self.is_paused = threading.Event()

    async def __call__(self, reader: Reader, writer: Writer) -> None:
        if self.left:
            self.left -= 1
            writer.write(self.greeting)
        else:
            self.is_paused.set()
        await reader.read(-1)


def run_until_paused(command: list[str], server: Pausing, number: signal.Signals) -> tuple[int, str, str]:
    """The exit code and the two outputs of a command that gets a signal when the server pauses."""
    process = subprocess.Popen(
        [sys.executable, "-m", "toolkit", *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert server.is_paused.wait(SECONDS)
            process.send_signal(number)
            printed, complaints = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    return process.returncode, printed, complaints


@not_on_windows("signal that a process sends to itself or another")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_was_seen_and_says_how_to_resume(
    loopback: Loopback, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    server = Pausing(3)
    store = Store(tmp_path / "store")
    options = ["--store", store.path, "--samples", "5", "--per-host", "1", "--upgrade-seconds", str(SECONDS)]
    command = ["collect", f"smtp://127.0.0.1:{loopback.serve(server)}", *options]
    code, printed, complaints = run_until_paused(command, server, number)
    assert (code, printed) == (INTERRUPTED, "")
    (name,) = re.findall(
        r"^tls-toolkit: Interrupted: 3 looks kept in .* \(--resume (\S+)\)\.$", complaints, re.MULTILINE
    )
    kept = store.load()
    assert sorted(kept.observations["sample"]) == [0, 1, 2]
    assert kept.rounds["end_reason"].dropna().tolist() == ["interrupted"]

    server.left = 2
    assert main([*command, "--resume", name]) == NOTHING_REACHED  # 421 is not an answer in TLS
    said = capsys.readouterr().out
    assert "5 looks, 0 ok; kept" in said
    assert "This run made 2 of them, 0 ok." in said
    assert sorted(store.load().observations["sample"]) == [0, 1, 2, 3, 4]


@not_on_windows("signal that a process sends to itself or another")
@pytest.mark.parametrize(
    "command", [["observe", "--samples", "5", "--per-host", "1"], ["survey", "--parts", "suites", "--concurrency", "1"]]
)
def test_an_interrupted_command_prints_what_was_seen_and_exits_with_130(loopback: Loopback, command: list[str]) -> None:
    server = Pausing(2, b"554 no service\r\n")
    url = f"smtp://127.0.0.1:{loopback.serve(server)}"
    words = [*command, url, "--json", "--upgrade-seconds", str(SECONDS)]
    code, printed, complaints = run_until_paused(words, server, signal.SIGINT)
    assert (code, complaints) == (INTERRUPTED, "tls-toolkit: Interrupted after 2 looks; the others were not made.\n")
    assert {row["service"] for row in json.loads(printed)} == {url}


@pytest.mark.parametrize("command", ["cert", "observe", "survey"])
def test_a_command_that_is_interrupted_before_the_round_begins_says_so(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RoundRecorder, "_begin", interrupted)
    assert main([command, "tls://127.0.0.1:1"]) == INTERRUPTED
    said = "tls-toolkit: Interrupted before the round began: nothing was observed.\n"
    assert capsys.readouterr() == ("", said)
