"""Real signals to `tls-toolkit collect`: what was seen is kept, and the line on how to resume works."""

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
from toolkit.store import Store

SECONDS = 60


class Pausing:
    """Answers the first connections with 421; the next one gets no answer and sets `is_paused`."""

    def __init__(self, answers: int) -> None:
        self.left = answers
        self.is_paused = threading.Event()

    async def __call__(self, reader: Reader, writer: Writer) -> None:
        if self.left:
            self.left -= 1
            writer.write(b"421 busy\r\n")
        else:
            self.is_paused.set()
        await reader.read(-1)


@not_on_windows("signal that a process sends to itself or another")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_was_seen_and_says_how_to_resume(
    loopback: Loopback, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    server = Pausing(3)
    store = Store(tmp_path / "store")
    options = ["--store", store.path, "--samples", "5", "--per-host", "1", "--upgrade-seconds", str(SECONDS)]
    command = ["collect", f"smtp://127.0.0.1:{loopback.serve(server)}", *options]
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
    assert (process.returncode, printed) == (INTERRUPTED, "")
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
