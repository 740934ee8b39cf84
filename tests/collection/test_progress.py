"""The progress bar: how far a round is, from its first look to its last, and wide enough to be seen."""

import asyncio
import ssl
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import toolkit
from tests.collection.surveys.model import Model
from tests.collection.surveys.serving import serving
from tests.conftest import ROOT, not_on_windows
from toolkit.collection.progress import Bar
from toolkit.collection.surveys.address import AddressSurvey
from toolkit.collection.surveys.prober import Effort, Prober
from toolkit.reference import Offer
from toolkit.targets import parse_target
from toolkit.wire import Answer

KILLED = """
import multiprocessing, os, signal
def draw():
    from toolkit.collection.progress import Bar
    Bar(desc="Looking", unit="look", total=1, disable=True).close()
    os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    drawing = multiprocessing.get_context("spawn").Process(target=draw)
    drawing.start()
    drawing.join()
    raise SystemExit(drawing.exitcode != -signal.SIGKILL)
"""


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What was drawn: done, and of how much."""
    drawn: list[tuple[int, int]] = []
    show = Bar.show

    def note(bar: Bar, done: int, total: int, **remarks: int) -> None:
        drawn.append((done, total))
        show(bar, done, total, **remarks)

    monkeypatch.setattr(Bar, "show", note)
    return drawn


def test_a_bar_begins_with_a_total_and_may_change_it(capsys: pytest.CaptureFixture[str]) -> None:
    """In a notebook tqdm makes a bar without a total 20 pixels wide, and never moves the end of one with a total."""
    with Bar(desc="Looking", unit="look", total=0, disable=False) as bar:
        assert bar.total == 1
        drawn = SimpleNamespace(max=1)
        bar.container = SimpleNamespace(children=[None, drawn, None])
        bar.show(2, 8)
        bar.refresh()
        assert (bar.n, bar.total, drawn.max) == (2, 8, 8)
    assert "2/8" in capsys.readouterr().err


@not_on_windows("SIGKILL")
def test_a_bar_leaves_nothing_behind_in_a_process_that_is_killed(tmp_path: Path) -> None:
    """A semaphore of tqdm's lock for processes, of which Python warns when the process that started this one ends."""
    program = tmp_path / "program.py"
    program.write_text(KILLED)
    ended = subprocess.run([sys.executable, program], capture_output=True, check=True, cwd=ROOT)
    assert ended.stderr == b""


def test_a_survey_counts_topics_from_none_to_all(shown: list[tuple[int, int]]) -> None:
    with serving("ECDHE+AESGCM", ssl.TLSVersion.TLSv1_2) as port:
        target = parse_target("https://mail.example", connect_to=f"127.0.0.1:{port}")
        tables = toolkit.survey(target, rate=None, pause_seconds=0, progress=True)
    assert len(tables.observations) == len(shown)
    shares = [done / total for done, total in shown]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_half_of_the_connections_are_about_half_of_the_topics() -> None:
    shares: list[float] = []

    class Watched(Model):
        def answer(self, offer: Offer) -> Answer:
            shares.append(survey.answered_topics / survey.topics)
            return super().answer(offer)

    model = Watched({"TLS 1.2": (0xC030, 0xC02F, 0xC02B, 0xC013), "TLS 1.3": (0x1302, 0x1301)})
    survey = AddressSurvey(Prober(model.ask, Effort()))
    asyncio.run(survey.run())
    assert shares[0] == 0
    assert 0.2 < shares[len(shares) // 2] < 0.8
    assert (survey.answered_topics, shares) == (survey.topics, sorted(shares))


def test_a_round_counts_looks_of_targets_whose_addresses_are_not_known_yet(shown: list[tuple[int, int]]) -> None:
    toolkit.observe(["https://127.0.0.1:1", "https://127.0.0.2:1", "https://127.0.0.3:1"], samples=2, progress=True)
    assert all(total >= 6 for _, total in shown)
    assert shown[-1] == (6, 6)
