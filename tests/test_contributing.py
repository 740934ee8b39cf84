"""The recipes of CONTRIBUTING.md work: each is applied to a copy of the project, and what it adds is used."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SECTIONS = dict(re.findall(r"(?ms)^### (.*?)\n(.*?)(?=^##)", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))

USES = {
    "A reader": """
        from pathlib import Path
        import toolkit
        line = '{"monitor": "m1", "at": "2026-11-01T06:00:00Z", "service": "https://a.example:443", "tls": "TLS 1.3"}'
        Path("seen.log").write_text(line + chr(10))
        tables = toolkit.read("seen.log")
        assert tables.observations["protocol"].tolist() == ["TLS 1.3"]
        Path("torn.log").write_text(line[:40] + chr(10))
        try:
            toolkit.read("torn.log")
        except toolkit.errors.ReadError as error:
            assert "torn.log, line 1" in str(error)
        else:
            raise AssertionError("a torn line was read")
    """,
    "A policy": """
        import toolkit
        tables = toolkit.load_example("lab-sample").within(services="smtp://legacy.lab.test:25")
        found = toolkit.judge(tables, "house", as_of="2026-02-01T00:00:00Z")
        assert set(found["rule"]) == {"tls12", "rsa-2048"}
        assert {"meets", "falls short"} <= set(found["verdict"])
    """,
    "An offer": """
        import sys
        from pathlib import Path
        sys.path.insert(0, "data")
        import make_reference
        from toolkit.reference import offer, offers
        make_reference.write(Path("toolkit/reference/offers.csv"), offer.COLUMNS, make_reference.OFFERS)
        import toolkit
        assert len(offers()["aead"].suites) == 9
        looks = toolkit.observe("tls://127.0.0.1:1", offers=("aead",), progress=False).observations
        assert looks["offer"].tolist() == ["aead-2026"]
    """,
    "An upgrade protocol": """
        import toolkit
        from toolkit.wire import Upgrade
        target = toolkit.parse_target("acap://box.example.org")
        assert (target.scheme, target.port) == ("acap", 674)
        upgrade = Upgrade("acap", host="box.example.org", client_name="client.example")
        assert upgrade.start() == b""
        assert upgrade.receive(b"* ACAP ready\\r\\n") == b"a1 STARTTLS\\r\\n"
        upgrade.receive(b"a1 OK go ahead\\r\\n")
        assert upgrade.outcome == "ok"
        upgrade = Upgrade("acap", host="box.example.org", client_name="client.example")
        upgrade.start()
        upgrade.receive(b"* ACAP ready\\r\\n")
        upgrade.receive(b"a1 BAD not here\\r\\n")
        assert upgrade.outcome == "no_starttls", upgrade.outcome
    """,
    "A chart": """
        import matplotlib
        matplotlib.use("Agg")
        import toolkit
        ax = toolkit.chart.plot_outcomes(toolkit.load_example("lab-sample").observations)
        assert [label.get_text() for label in ax.get_yticklabels()][0] == "ok"
        assert toolkit.chart.plot_outcomes(toolkit.Tables.from_frames().observations).get_title("left")
        from notebooks.book import api, charts
        assert "plot_outcomes" in {charts.function_of(script) for script in charts.scripts()}
        assert "reference/api/chart.plot_outcomes.md" in api.pages()
    """,
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project without its notebooks; with its bytecode, or each recipe would compile everything anew."""
    for name in ("toolkit", "notebooks", "data"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.ipynb"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_every_recipe_is_tried() -> None:
    assert set(SECTIONS) == set(USES)


@pytest.mark.parametrize("section", USES)
def test_the_recipe_works(section: str, copy: Path) -> None:
    for block in re.findall(r"(?s)```diff\n(.*?)```", SECTIONS[section]):
        apply(block, copy)
    code = "\n".join(line.removeprefix(" " * 8) for line in USES[section].splitlines())
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    used = subprocess.run(
        [sys.executable, "-c", code],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert used.returncode == 0, used.stderr
    for command in (("check",), ("format", "--check")):
        checked = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=copy, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert checked.returncode == 0, checked.stdout + checked.stderr


def apply(block: str, folder: Path) -> None:
    """Change the file that the first line names: the lines with ` ` and `-` stand in it once, as they are."""
    head, *lines = block.splitlines()
    path = folder / head.removeprefix("+++ ")
    old = "\n".join(line[1:] for line in lines if line[:1] != "+")
    new = "\n".join(line[1:] for line in lines if line[:1] != "-")
    if not old:
        assert not path.exists(), path
        path.write_text(f"{new}\n", encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name}: not once there, so CONTRIBUTING.md is old:\n{old}"
    path.write_text(text.replace(old, new), encoding="utf-8")
