"""Every lesson runs: on the data that ship, in a kernel; on a lab's store; and on data that lack something.

A kernel costs seconds, so variations run in this process.
"""

import ast
import re
import shutil
from datetime import timedelta
from pathlib import Path

import nbformat
import papermill
import pytest

import toolkit
from tests.notebooks.pages import FOLDER, PATHS, is_check, run, walk
from toolkit.chart import check_answer
from toolkit.lab import Lab, Plan, simulate
from toolkit.tables import NOT_HELD

RECORDED = FOLDER.parent / "data" / "google-mail"

on_source = [path for path in PATHS if not path.name.startswith("01-")]
"""Lesson 01 makes its own data."""


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
@pytest.mark.timeout(180)
def test_it_runs_in_a_kernel_on_the_data_of_the_repository(path: Path, tmp_path: Path) -> None:
    executed = tmp_path / path.name
    papermill.execute_notebook(str(path), str(executed), cwd=str(path.parent), progress_bar=False)
    page = nbformat.read(executed, as_version=4)
    outputs = [output for cell in page.cells for output in cell.get("outputs", ())]
    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []
    charts = sum("image/png" in output.get("data", {}) for output in outputs)
    plots = sum(cell.source.count("plot_") for cell in page.cells if cell.cell_type == "code")
    assert charts >= 1
    assert plots >= charts


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
    said, titles = run(path, SOURCE=str(lab_store))
    assert any(re.search(r"\blab\b", words) for words in said)
    assert any(title.endswith(("lab data", "simulated data")) for title in titles)
    assert all(re.search(r"(lab|simulated|recorded) data$", title) for title in titles if "·" in title)


@pytest.mark.parametrize("path", on_source, ids=lambda path: path.stem)
def test_it_runs_on_a_store_in_which_every_observation_failed(path: Path, tmp_path: Path) -> None:
    store = toolkit.Store(tmp_path / "failed")
    target = toolkit.parse_target("smtp://nobody.test:25", connect_to="127.0.0.1:1")
    toolkit.collect(target, store, progress=False)
    said, titles = run(path, SOURCE=str(tmp_path / "failed"))
    assert said
    assert titles


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_its_numbers_and_exercises_agree_with_the_data(path: Path) -> None:
    """A bold number of the prose was shown before it; right answers are right, and wrong ones get the hint."""
    shown: set[str] = set()
    for cell, value, _, names in walk(path):
        if cell.cell_type == "markdown":
            bold = re.findall(r"\*\*(-?\d[\d.,]*)\*\*", cell.source)
            assert {number.replace(",", "") for number in bold} <= shown
        elif is_check(cell):
            assert str(value) == "Not answered yet."
            assert_checked(cell.source, names)
        elif value is not None:
            shown.update(word.replace(",", "") for word in re.findall(r"-?\d[\d.,]*", str(value)))


def assert_checked(source: str, names: dict[str, object]) -> None:
    """The check takes the expected value, written as a literal, and refuses another."""
    *_, last = ast.parse(source).body
    assert isinstance(last, ast.Expr)
    assert isinstance(last.value, ast.Call)
    keywords = {
        word.arg: eval(compile(ast.Expression(word.value), "check", "eval"), names) for word in last.value.keywords
    }
    expected = keywords["expected"]
    expected = expected.item() if hasattr(expected, "item") else expected
    right = ast.literal_eval(repr(expected))
    wrong = f"not {right}" if isinstance(right, str) else right + 1
    assert str(check_answer(right, **keywords)).startswith("Right: ")
    assert str(check_answer(wrong, **keywords)).endswith(f"Hint: {keywords['hint']}")


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
    for name in ("02-rotation-overlaps", "03-expiry-timelines", "04-ciphers-and-key-lengths"):
        path = FOLDER / f"{name}.ipynb"
        assert run(path)[0] != run(path, RECORDED=without)[0]
    (pairs,) = [words for words in run(FOLDER / "02-rotation-overlaps.ipynb")[0] if "pairs overlap" in words]
    (fewer,) = [
        words for words in run(FOLDER / "02-rotation-overlaps.ipynb", RECORDED=without)[0] if "pairs overlap" in words
    ]
    assert pairs.startswith("4 of 11 pairs")
    assert fewer.startswith("3 of 10 pairs")


def test_another_date_changes_the_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(RECORDED, folder)
    looks = folder / "observations.csv"
    text = looks.read_text(encoding="utf-8")
    assert text.count("2007-08-10T23:16:41") == 1
    looks.write_text(text.replace("2007-08-10T23:16:41", "2005-08-10T23:16:41"), encoding="utf-8")
    path = FOLDER / "04-ciphers-and-key-lengths.ipynb"
    (before,) = [words for words in run(path)[0] if "first_year" in words]
    (after,) = [words for words in run(path, RECORDED=str(folder))[0] if "first_year" in words]
    assert re.search(r"3DES\S+ +2007 ", before)
    assert re.search(r"3DES\S+ +2005 ", after)


@pytest.mark.parametrize("name", ["00-start-here", "02-rotation-overlaps"])
def test_lessons_count_the_overlaps_that_are_certain(name: str, tmp_path: Path) -> None:
    """Five observations an hour during a roll-out of a day prove overlaps; the web series proves none."""
    store = toolkit.Store(tmp_path / "observed")
    begins = Lab("steady", seed=4).begins_at
    plan = Plan.every(timedelta(hours=1), begins, begins + timedelta(days=60), samples=5)
    store.append(simulate("steady", 4, plan))

    def certain(**parameters: object) -> int:
        words = " ".join(run(FOLDER / f"{name}.ipynb", **parameters)[0])
        (count,) = re.findall(r"in (\d+) of them both certificates were certainly in service", words)
        return int(count)

    assert certain() == 14, "the lab sample"
    assert certain(SOURCE=str(tmp_path / "observed")) > 0
    assert certain(SOURCE="../data/web-series") == 0
