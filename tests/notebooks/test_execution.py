"""Every lesson runs: on the data that ship, on a lab's store, and on data that lack something.

A kernel costs seconds, so lessons run in this process. `tests/acceptance` runs the demo, which executes every lesson in
a kernel.
"""

import ast
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import toolkit
from tests.notebooks.pages import FOLDER, PATHS, execute, is_check, run
from toolkit.chart import check_answer
from toolkit.lab import Lab, SamplingPlan, simulate
from toolkit.tables import NOT_HELD

RECORDED = FOLDER.parent / "data" / "google-mail"

own_data = ("01-", "10-", "11-", "13-", "14-", "15-", "16-", "17-", "18-")
on_source = [path for path in PATHS if not path.name.startswith(own_data)]
"""Lessons 01, 13, 14, 15 and 18 make their own data, 10 reads a log, 11 reports of scanners, 16 and 17 other data that
ship. Lesson 06 also simulates `SERVICES` services, on any source."""


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_its_charts_numbers_and_exercises_agree_with_the_data_of_the_repository(path: Path) -> None:
    """Charts are drawn, a bold number of the prose was shown before it, and answers are checked rightly."""
    steps = execute(path, draw=True)
    charts = sum(len(step.pictures) for step in steps)
    plots = sum(step.cell.source.count("plot_") for step in steps if step.cell.cell_type == "code")
    assert 1 <= charts <= plots
    shown: set[str] = set()
    for step in steps:
        if step.cell.cell_type == "markdown":
            bold = re.findall(r"\*\*(-?\d[\d.,]*)\*\*", step.cell.source)
            assert {number.replace(",", "") for number in bold} <= shown
        elif is_check(step.cell):
            assert step.said == "Not answered yet."
            assert_checked(step.asked)
        elif step.said is not None:
            shown.update(word.replace(",", "") for word in re.findall(r"-?\d[\d.,]*", step.said))


@pytest.fixture(scope="module")
def lab_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of some rounds of a lab year."""
    folder = tmp_path_factory.mktemp("lab")
    store = toolkit.Store(folder)
    with Lab("year", seed=11) as lab:
        for _ in range(8):
            toolkit.collect(lab.targets, store, samples=2, clock=lab.clock, progress=False)
            lab.clock.advance(timedelta(days=12))
    return folder


@pytest.mark.parametrize("path", on_source, ids=lambda path: path.stem)
def test_it_runs_on_a_store_and_says_lab_where_lab_is_shown(path: Path, lab_store: Path) -> None:
    said, titles = run(path, SOURCE=str(lab_store), SERVICES=2)
    assert any(re.search(r"\blab\b", words) for words in [*said, *titles])
    assert any(title.endswith(("lab data", "simulated data")) for title in titles)
    assert all(re.search(r"(lab|simulated|recorded) data$", title) for title in titles if "·" in title)


@pytest.fixture(scope="module")
def failed_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of one observation, which failed."""
    folder = tmp_path_factory.mktemp("failed")
    target = toolkit.parse_target("smtp://nobody.test:25", connect_to="127.0.0.1:1")
    toolkit.collect(target, toolkit.Store(folder), progress=False)
    return folder


@pytest.mark.parametrize("path", on_source, ids=lambda path: path.stem)
def test_it_runs_on_a_store_in_which_every_observation_failed(path: Path, failed_store: Path) -> None:
    said, titles = run(path, SOURCE=str(failed_store), SERVICES=2)
    assert said
    assert titles


def assert_checked(asked: dict[str, Any]) -> None:
    """The check takes the expected value, written as a literal, and refuses another."""
    expected = asked["expected"]
    expected = expected.item() if hasattr(expected, "item") else expected
    right = ast.literal_eval(repr(expected))
    wrong = f"not {right}" if isinstance(right, str) else right + 1
    assert str(check_answer(right, **asked)).startswith("Right: ")
    assert str(check_answer(wrong, **asked)).endswith(f"Hint: {asked['hint']}")


def said_and_drawn(name: str, **parameters: str) -> tuple[str, set[bytes]]:
    """What a lesson says, and its charts."""
    path = FOLDER / f"{name}.ipynb"
    pictures = {picture for step in execute(path, draw=True, **parameters) for picture in step.pictures}
    return "\n".join(run(path, draw=True, **parameters)[0]), pictures


def changed_copy(folder: Path, certificate: str) -> str:
    """The recorded mail data without one certificate."""
    shutil.copytree(RECORDED, folder)
    (pem,) = (folder / "certificates").glob(f"{certificate}*.pem")
    pem.unlink()
    (folder / NOT_HELD).write_text(f"{pem.stem}\n", encoding="ascii")
    return str(folder)


def test_a_certificate_less_changes_numbers_and_charts(tmp_path: Path) -> None:
    # smtp.gmail.com's certificate of 2014-07-15, which overlaps with that of 2013-09-10.
    without = changed_copy(tmp_path / "copy", "9f5307dde514")
    name = "02-rotation-overlaps"
    (said, drawn), (said_without, drawn_without) = said_and_drawn(name), said_and_drawn(name, RECORDED=without)
    assert "4 of 11 pairs" in said
    assert "3 of 10 pairs" in said_without
    assert drawn_without - drawn


def test_another_date_changes_numbers_and_charts(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(RECORDED, folder)
    looks = folder / "observations.csv"
    text = looks.read_text(encoding="utf-8")
    assert text.count("2007-08-10T23:16:41") == 1
    looks.write_text(text.replace("2007-08-10T23:16:41", "2005-08-10T23:16:41"), encoding="utf-8")
    name = "04-ciphers-and-key-lengths"
    (before, drawn), (after, drawn_after) = said_and_drawn(name), said_and_drawn(name, RECORDED=str(folder))
    assert re.search(r"3DES\S+ +2007 ", before)
    assert re.search(r"3DES\S+ +2005 ", after)
    assert drawn_after - drawn


@pytest.mark.parametrize("name", ["00-start-here", "02-rotation-overlaps"])
def test_lessons_count_the_overlaps_that_are_certain(name: str, tmp_path: Path) -> None:
    """Five observations an hour during a roll-out of a day prove overlaps; the web series proves none."""
    store = toolkit.Store(tmp_path / "observed")
    begins = Lab("steady", seed=4).begins_at
    plan = SamplingPlan.every(timedelta(hours=1), begins, begins + timedelta(days=60), samples=5)
    store.append(simulate("steady", 4, plan))

    def certain(**parameters: object) -> int:
        words = " ".join(run(FOLDER / f"{name}.ipynb", **parameters)[0])
        (count,) = re.findall(r"in (\d+) of them both certificates were certainly in service", words)
        return int(count)

    assert certain(draw=True) == 14, "the lab sample"
    assert certain(SOURCE=str(tmp_path / "observed")) > 0
    assert certain(SOURCE="../data/web-series") == 0
