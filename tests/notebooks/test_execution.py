"""Every notebook runs: on the repository's data in a kernel, on a lab's store, and on data that lack something.

A kernel costs seconds, so variations run in this process.
"""

import re
import shutil
from datetime import timedelta
from pathlib import Path

import nbformat
import papermill
import pytest

import toolkit
from tests.notebooks.pages import FOLDER, PATHS, run
from toolkit.lab import Lab, Plan, simulate
from toolkit.tables import NOT_HELD

RECORDED = FOLDER.parent / "data" / "google-mail"

on_source = [path for path in PATHS if not path.name.startswith("01-")]
"""Lesson 01 makes its own data."""


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
@pytest.mark.timeout(180)
def test_it_runs_in_a_kernel_on_the_data_beside_it(path: Path, tmp_path: Path) -> None:
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
def test_it_runs_on_a_store_in_which_every_look_failed(path: Path, tmp_path: Path) -> None:
    store = toolkit.Store(tmp_path / "failed")
    target = toolkit.parse_target("smtp://nobody.test:25", connect_to="127.0.0.1:1")
    toolkit.collect(target, store, progress=False)
    said, titles = run(path, SOURCE=str(tmp_path / "failed"))
    assert said
    assert titles


@pytest.mark.parametrize(
    ("count", "name", "verdict"),
    [
        ("42", '"TLS_AES_256_GCM_SHA384"', "0 of 2 answers are right."),
        ("None", "None", "0 of 2 answers are right."),
        ("None", '"TLS_AES_128"', "0 of 2 answers are right."),
        ("len(offers()['any'].suites)", '"T"', "1 of 2 answers are right. suites_offered"),
        ("len(offers()['any'].suites)", '"TLS_AES_128_GCM_SHA256"', "2 of 2 answers are right. suites_offered, first"),
    ],
)
def test_an_exercise_tells_right_from_wrong(count: str, name: str, verdict: str, tmp_path: Path) -> None:
    (path,) = [path for path in PATHS if path.name.startswith("04-")]
    page = nbformat.read(path, as_version=4)
    (cell,) = [cell for cell in page.cells if "first_suite = None" in cell.source]
    cell.source = f"suites_offered = {count}\nfirst_suite = {name}"
    nbformat.write(page, tmp_path / path.name)
    said, _ = run(tmp_path / path.name, SOURCE=str(RECORDED), RECORDED=str(RECORDED))
    assert any(verdict in words for words in said)


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
    (before,) = [words for words in run(path)[0] if "They begin with" in words]
    (after,) = [words for words in run(path, RECORDED=str(folder))[0] if "They begin with" in words]
    assert "in 2007 and" in before
    assert "in 2005 and" in after


def test_lessons_say_whether_both_were_caught_being_served(tmp_path: Path) -> None:
    """The web series never shows the old one again; five looks an hour at a roll-out of a day do."""
    store = toolkit.Store(tmp_path / "watched")
    begins = Lab("steady", seed=4).begins_at
    plan = Plan.every(timedelta(hours=1), begins, begins + timedelta(days=60), samples=5)
    store.append(simulate("steady", 4, plan))
    for name, words in (
        ("00-start-here", "of them the looks prove that old and new were served"),
        ("02-rotation-overlaps", "the looks caught both being served, for at least"),
    ):
        path = FOLDER / f"{name}.ipynb"
        caught = " ".join(run(path, SOURCE=str(tmp_path / "watched"))[0])
        assert words in caught
        assert "In none of" not in caught
        assert words in " ".join(run(path)[0]), "by default, on the lab sample"
        silent = " ".join(run(path, SOURCE="../data/web-series")[0])
        assert words not in silent
        assert "In none of" in silent
