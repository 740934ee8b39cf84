"""The log of the lab's mail server: made again it is the same, and it holds no address of a person."""

import runpy
from pathlib import Path

import toolkit
from tests.conftest import ROOT

LOG = ROOT / "data" / "lab-logs" / "postfix.log"


def test_made_again_it_is_the_same(shared: Path, tmp_path: Path) -> None:
    made = runpy.run_path(str(ROOT / "data" / "make_lab_logs.py"))["make"]
    made(shared / "recorded" / "others" / "logs", tmp_path)
    assert (tmp_path / LOG.name).read_bytes() == LOG.read_bytes()


def test_it_reads_and_names_nobody() -> None:
    assert len(toolkit.read(LOG).observations) == len(LOG.read_text(encoding="utf-8").splitlines())
    assert "@" not in LOG.read_text(encoding="utf-8")
