"""The command line with streams that are closed, full or narrow, with errors of its own, and the lab that it starts."""

import errno
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import toolkit
from tests.certificates import der
from tests.conftest import ROOT, not_on_windows
from toolkit.cli import main
from toolkit.tables import as_pem

RUN = [sys.executable, "-m", "toolkit"]
GOOGLE = str(ROOT / "data" / "google-mail")


def in_shell(words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command line of ours behind the shell's redirections; its exit code."""
    command = words.replace("tls-toolkit", f"'{sys.executable}' -m toolkit")
    return subprocess.run(
        ["sh", "-c", command],
        check=False,
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        encoding="latin-1",
    )


@not_on_windows("POSIX shell and no /dev/full")
@pytest.mark.parametrize(
    ("redirected", "code"),
    [(">&-", 3), (">&- 2>&-", 3), ("<&- >&- 2>&-", 3), (">/dev/full", 74), (">/dev/full 2>/dev/full", 74)],
)
def test_streams_that_cannot_be_written_leave_a_clear_exit_code(redirected: str, code: int) -> None:
    ended = in_shell(f"tls-toolkit observe tls://127.0.0.1:1 {redirected}", PYTHONPROFILEIMPORTTIME="1")
    assert ended.returncode == code
    assert "Traceback" not in ended.stderr
    if redirected == ">/dev/full":
        assert "No space left on device" in ended.stderr
        assert "pandas" in ended.stderr
        assert not re.search("scipy|toolkit.analyse", ended.stderr), "what observes does not import what analyses"


@not_on_windows("POSIX shell and no /dev/full")
def test_help_that_cannot_be_written_leaves_a_clear_exit_code() -> None:
    for words in ("--help", "check --help", "--version"):
        ended = in_shell(f"tls-toolkit {words} >/dev/full")
        assert (ended.returncode, ended.stderr.count("\n")) == (74, 1)
        assert "No space left on device. Free some space" in ended.stderr


@not_on_windows("way to delete the current folder")
def test_a_current_folder_that_was_deleted_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(["report", GOOGLE]) == 2
    assert capsys.readouterr().err.startswith("tls-toolkit: the current folder no longer exists. Change to another")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, " Free some space"), (errno.EACCES, " Choose another place"), (errno.EIO, None)],
)
def test_the_advice_fits_the_error(
    number: int, advice: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "out.html")

    monkeypatch.setattr(toolkit, "observe", fail)
    assert main(["observe", "tls://127.0.0.1:1"]) == 74
    said = capsys.readouterr().err
    expected = f"tls-toolkit: out.html: {os.strerror(number)}."
    assert said.startswith(expected + advice) if advice else said == f"{expected}\n"


@not_on_windows("POSIX shell")
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_the_terminal_cannot_show_is_escaped(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "site\u2013new.pem"  # a dash that neither encoding has
    file.write_text(as_pem(der.certificate()))
    ended = in_shell(f"tls-toolkit check '{file}' --now 2020-01-01", PYTHONIOENCODING=encoding, PYTHONUTF8="1")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert r"site\u2013new.pem: 1 certificate" in ended.stdout


def test_an_error_that_no_code_expected_has_an_exit_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class PanicException(BaseException):
        """What a panic of a library written in Rust becomes: not an `Exception`."""

    for error in (KeyError("x\x1b[2J"), PanicException("index out of range")):

        def fail(*_: object, error: BaseException = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(toolkit, "observe", fail)
        assert main(["observe", "tls://127.0.0.1:1"]) == 70
        said = capsys.readouterr().err
        assert f"internal error: {type(error).__name__}" in said
        assert "Please report it" in said
        assert "\x1b" not in said
        assert "Traceback" not in said
    monkeypatch.setenv("TLS_TOOLKIT_TRACEBACK", "1")
    main(["observe", "tls://127.0.0.1:1"])
    assert "Traceback" in capsys.readouterr().err


def test_a_source_that_cannot_be_read_ends_with_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("nothing of ours")
    for words in (["check", str(tmp_path / "none")], ["check", str(tmp_path / "notes.txt")], ["store", "info", GOOGLE]):
        assert main(words) == 4
        assert capsys.readouterr().err.startswith("tls-toolkit: ")


@not_on_windows("signal that is Ctrl-C for one process")
@pytest.mark.timeout(120)
def test_a_lab_runs_and_says_what_to_try(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = tmp_path / "clock"
    lab = subprocess.Popen(
        [*RUN, "lab", "--scenario", "steady", "--roots", str(tmp_path / "roots.pem"), "--clock", str(clock)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True,
    )  # fmt: skip
    assert lab.stdin is not None
    assert lab.stdout is not None
    said = []
    for line in lab.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            break
    (tried,) = re.findall(r"  tls-toolkit observe (\S+) --connect-to (\S+)", "".join(said))
    store, roots = str(tmp_path / "store"), str(tmp_path / "roots.pem")
    assert main(["collect", tried[0], "--connect-to", tried[1], "--store", store]) == 0
    assert main(["check", store, "--roots", roots, "--policy", "baseline"]) == 0, "nothing is wrong with a lab of today"
    capsys.readouterr()
    assert main(["observe", tried[0], "--connect-to", tried[1]]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    (example,) = re.findall(r"tls-toolkit observe smtp.*\n(.*)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert heading.split() == example.split(), "the example of the README"
    assert max(len(heading), len(row)) <= 120
    assert toolkit.observe(toolkit.parse_target(tried[0], connect_to=tried[1])).observations["source"].eq("lab").all()
    lab.stdin.write("\n30\nnan\n")
    lab.stdin.flush()
    answers = [lab.stdout.readline() for _ in range(7)]
    days = [line.split()[4] for line in (answers[0], answers[3])]
    assert days[0] < days[1]
    assert "is not a positive number of days" in answers[6]
    watched = ["watch", tried[0], "--connect-to", tried[1], "--store", store, "--every", "1h", "--rounds", "1"]
    assert main([*watched, "--clock", str(clock)]) == 0
    assert main(["collect", tried[0], "--connect-to", tried[1], "--store", store, "--clock", str(clock)]) == 0
    turned_to = toolkit.read(store).observations["observed_at"].max()
    assert f"{turned_to:%Y-%m-%d}" == days[1], "the observation is dated by the clock of the lab"
    (checked,) = re.findall(r"  tls-toolkit (check .*)", answers[5])
    assert shlex.split(checked)[-2:] == ["--now", f"{turned_to:%Y-%m-%d %H:%M:%S} UTC"]
    capsys.readouterr()
    assert main(["check", store, "--policy", "baseline", *shlex.split(checked)[2:]]) in {0, 1}
    judged = capsys.readouterr().out
    assert "reachable, 1 service" in judged
    assert "dated ahead" not in judged, "the clock of the lab is turned on purpose"
    assert "BEGIN CERTIFICATE" in (tmp_path / "roots.pem").read_text()
    lab.send_signal(signal.SIGINT)
    assert lab.communicate(timeout=60) == ("The lab has ended.\n", "")
    assert lab.returncode == 0
    assert not clock.exists()
