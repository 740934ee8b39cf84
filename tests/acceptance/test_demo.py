"""The main job, end to end: what the demo says and draws is computed from what was kept, and changes with it.

One lesson and a year of fewer rounds stand for all here, since kernels and rounds cost seconds: `.ci/run` runs
`make demo` itself.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest

import toolkit
from tests.acceptance.pages import Page, assert_it_loads_nothing
from tests.conftest import ROOT
from toolkit.errors import ReadError, ToolkitError, UsageError
from toolkit.lab import SamplingPlan, scenario, simulate
from toolkit.report import execute_notebook
from toolkit.report.demo import DEMO_OFFERS, DEMO_SAMPLES, DEMO_STEP, describe, describe_recorded, run_demo
from toolkit.report.pages import load_exporter, render_page

RECORDED = ROOT / "data" / "google-mail"


STEP = timedelta(days=36)
"""Between two rounds of the demo here."""

ROUNDS_PER_SURVEY = 3
SEED = 2026

LESSONS = ("02-rotation-overlaps.ipynb",)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The demo with one lesson, into a folder of its own: the folder, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(ROOT / "data" / "lab-sample", folder / "data" / "lab-sample")
    (folder / "notebooks").mkdir()
    for name in (*LESSONS, "glossary.md"):
        shutil.copy(ROOT / "notebooks" / name, folder / "notebooks")
    output = folder / "build"
    run = (
        "from datetime import timedelta; from pathlib import Path; from toolkit.report import demo;"
        f"demo.DEMO_STEP = timedelta(days={STEP.days}); demo.DEMO_ROUNDS_PER_SURVEY = {ROUNDS_PER_SURVEY};"
        f"demo.run_demo(Path({str(output)!r}), recorded=Path({str(RECORDED)!r}), seed={SEED}, "
        "notebooks=Path('notebooks'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", run],
        cwd=folder, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return output, done.stdout


def test_every_notebook_becomes_a_page_with_its_charts(demo: tuple[Path, str]) -> None:
    output, said = demo
    for notebook in map(Path, LESSONS):
        page = (output / notebook.name).with_suffix(".html")
        assert str(page) in said
        text = page.read_text(encoding="utf-8")
        charts = list(output.glob(f"{notebook.stem}-*.png"))
        assert text.count('src="data:image/png;base64,') == len(charts)
        assert charts, f"{notebook.name} draws nothing"
        assert all(chart.read_bytes().startswith(b"\x89PNG") for chart in charts)
        assert 'data-mime-type="application/vnd.jupyter.stderr"' not in text, "an error, a warning or a message"
        parsed = Page(page)
        assert_it_loads_nothing(parsed)
        assert re.search(r"import toolkit|from toolkit", parsed.text), "a lesson shows its code"
        assert not [a for tag, a in parsed.tags if tag == "a" and str(a.get("href")).endswith(".ipynb")]


def test_the_report_is_about_the_lab_year(demo: tuple[Path, str]) -> None:
    output, said = demo
    report = output / "report.html"
    assert f"Open: {report}" in said
    text = report.read_text(encoding="utf-8")
    services = toolkit.Store(output / "lab-year").load().observations["service"].unique()
    assert [service for service in services if service not in text.replace("<wbr/>", "")] == []
    assert "lab data" in text


def test_the_last_lines_are_computed_from_the_store(demo: tuple[Path, str]) -> None:
    output, said = demo
    tables = toolkit.Store(output / "lab-year").load()
    numbers = re.search(r"Saw \(lab\): (\d+) services, (\d+) looks \((\d+) refused\), (\d+) leaf .*, (\d+) rot", said)
    assert numbers, said
    assert [int(number) for number in numbers.groups()] == [
        tables.observations["service"].nunique(),
        len(tables.observations),
        int((tables.observations["outcome"] == "refused").sum()),
        tables.observations["leaf_sha256"].nunique(),
        len(toolkit.find_rotations(tables)),
    ]
    assert set(tables.observations["source"]) == {"lab"}
    judged = re.search(r"Judge: tls-toolkit check .* --now (\S+)\n", said)
    assert judged
    until_end = datetime.fromisoformat(judged[1]).replace(tzinfo=UTC) - tables.observations["observed_at"].max()
    assert timedelta(0) <= until_end <= 2 * STEP


def test_every_service_is_surveyed_four_times_in_the_year(demo: tuple[Path, str]) -> None:
    output, _ = demo
    tables = toolkit.Store(output / "lab-year").load()
    answered = tables.support[tables.support["state"] != "untested"]
    dates = answered.groupby("service")["observed_at"].agg(lambda at: at.dt.date.nunique())
    assert set(dates.index) == set(tables.observations["service"])
    assert (dates == 4).all()


def test_the_readme_shows_what_the_demo_says(demo: tuple[Path, str], tmp_path: Path) -> None:
    """Of the lab year by the same rounds without handshakes: `tests/lab/test_observed.py` compares the two."""
    schedule = scenario("year").schedule(SEED)
    plan = SamplingPlan.every(DEMO_STEP, schedule.begins_at, schedule.ends_at, samples=DEMO_SAMPLES)
    store = toolkit.Store(tmp_path / "year")
    store.append(simulate(schedule, SEED, replace(plan, offers=DEMO_OFFERS)))
    printed = [line.replace("Saw (simulated)", "Saw (lab)") for line in describe(store)]
    printed += [line for line in demo[1].splitlines() if line.startswith("Recorded")]
    assert len(printed) == 4
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in printed if line not in readme] == []


def test_the_last_lines_change_with_the_store(demo: tuple[Path, str], tmp_path: Path) -> None:
    output, _ = demo
    kept = toolkit.Store(output / "lab-year")
    tables = kept.load()
    lost = tables.observations["leaf_sha256"].dropna().iloc[len(tables.observations) // 2]
    fewer = toolkit.Store(tmp_path / "fewer")
    fewer.append(
        toolkit.Tables.from_frames(
            tables.observations[tables.observations["leaf_sha256"] != lost], tables.certificates, rounds=tables.rounds
        )
    )
    assert describe(fewer)[0] != describe(kept)[0]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RECORDED, tmp_path / "google-mail"))


def test_without_one_certificate_the_numbers_are_others(copy: Path, tmp_path: Path) -> None:
    # smtp.gmail.com's certificate of 2016-04-07: one of the four recorded overlaps is between it and its successor.
    (lost,) = copy.glob("certificates/70251b402d3d*.pem")
    lost.unlink()
    # A missing certificate is refused, as a damaged copy, unless the folder says that it was never there.
    with pytest.raises(ReadError, match="is not whole"):
        toolkit.read(copy)
    with (copy / "certificates-not-held.txt").open("a", encoding="utf-8") as not_held:
        not_held.write(f"{lost.stem}\n")
    assert describe_recorded(copy) != describe_recorded(RECORDED)


def test_with_another_date_the_numbers_are_others(copy: Path, tmp_path: Path) -> None:
    looks = copy / "observations.csv"
    text = looks.read_text(encoding="utf-8")
    assert "2007-07-23T20:54:53" in text
    looks.write_text(text.replace("2007-07-23T20:54:53", "2004-07-23T20:54:53"), encoding="utf-8")
    assert describe_recorded(copy) != describe_recorded(RECORDED)


def test_a_notebook_that_fails_is_named_with_its_error(tmp_path: Path) -> None:
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    broken.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(broken, tmp_path / "99-broken.ipynb")
    (tmp_path / "build").mkdir()
    with pytest.raises(ToolkitError, match=r"99-broken\.ipynb failed: ZeroDivisionError"):
        execute_notebook(tmp_path / "99-broken.ipynb", tmp_path / "build", parameters={})


def test_the_state_of_widgets_is_left_out_of_a_page() -> None:
    document = nbformat.v4.new_notebook(metadata={"widgets": {"application/vnd.jupyter.widget-state+json": {}}})
    assert "<script" not in render_page(document, load_exporter(has_code=True), title="a panel")


def test_a_demo_without_notebooks_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name a folder that holds them"):
        run_demo(tmp_path / "build", recorded=RECORDED, seed=1, notebooks=tmp_path)


def test_recorded_data_that_cannot_be_read_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="nope"):
        run_demo(tmp_path / "build", recorded=tmp_path / "nope", seed=1)
    assert not (tmp_path / "build").exists()
