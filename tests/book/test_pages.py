"""The pages that are written by hand: their code runs, their commands exist, their links lead somewhere."""

import doctest
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import toolkit
from notebooks.book.source import HERE, NOTEBOOKS, lesson_paths, made_pages
from tests.conftest import ROOT, need
from toolkit.cli import main
from toolkit.cli.options import make_parser

PAGES = sorted((HERE / "pages").rglob("*.md"))
CLOSED = "tls://127.0.0.1:1"
"""A target that answers at once: its port is closed."""

each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(HERE / "pages").as_posix())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with what a reader has: the project's data, a list of hosts and an inventory."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "data" / "google-mail", tmp_path / "data" / "google-mail")
    (tmp_path / "blocked.txt").write_text("192.0.2.0/24\n")
    (tmp_path / "hosts.txt").write_text(f"# comment\n{CLOSED}\nhttps://127.0.0.1:1\n")
    (tmp_path / "names.txt").write_text("127.0.0.1:1\n")
    inventory = "host,port,scheme,owner\n127.0.0.1,1,tls,mail team\n127.0.0.2,1,tls,web team\n"
    (tmp_path / "inventory.csv").write_text(inventory)
    return tmp_path


@each_page
def test_the_python_of_the_page_runs(path: Path, folder: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S)
    examples = "\n\n".join(block for block in blocks if ">>>" in block)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(doctest.DocTestParser().get_doctest(examples, {}, path.name, str(path), 0))
    assert runner.summarize(verbose=False).failed == 0


def commands() -> Iterator[tuple[str, str]]:
    """Page and command of every line that a page shows after a prompt."""
    for path in PAGES:
        for block in re.findall(r"```console\n(.*?)```", path.read_text(encoding="utf-8"), re.S):
            for line in re.findall(r"(?m)^\$ (.*)$", block):
                yield path.stem, line


COMMANDS = sorted(set(commands()))
OURS = [line for _, line in COMMANDS if line.startswith("tls-toolkit ")]


def test_other_programs_are_few() -> None:
    others = {line for _, line in COMMANDS} - set(OURS)
    assert others == {"jupyter lab mine/notebooks", 'python -m pip install ".[lab,notebooks]"'}


@pytest.mark.parametrize("line", OURS)
def test_a_command_of_the_pages_runs(line: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(line)[1:]
    arguments = make_parser().parse_args(words)
    given = getattr(arguments, "targets", None) or [getattr(arguments, "target", None)]
    words = [CLOSED if word in given else word for word in words]
    if words[0] == "report":
        return  # tests/acceptance/test_report.py makes reports; here the options are known to exist
    if words[0] in {"check", "store"}:
        toolkit.Store("observations").append(toolkit.load_example("lab-sample"))
    expected = {"cert": 3, "collect": 3, "survey": 3, "check": 1, "store": 0, "lessons": 0}
    assert main(words) == (0 if "--dry-run" in words else expected[words[0]]), capsys.readouterr()


def unit_files() -> dict[str, str]:
    """Name → text of the unit files that the page on cron and systemd shows."""
    text = (HERE / "pages" / "how-to" / "collect-every-day.md").read_text(encoding="utf-8")
    return dict(re.findall(r"`([\w-]+\.(?:service|timer))`:\n\n```ini\n(.*?)```", text, re.S))


def test_the_unit_files_are_valid(tmp_path: Path) -> None:
    units = unit_files()
    assert set(units) == {"tls-collect.service", "tls-collect.timer", "tls-watch.service"}
    for name, text in units.items():
        # The program and the user of the page do not exist on this machine.
        (tmp_path / name).write_text(re.sub(r"/srv/tls/\S+/tls-toolkit", "/bin/true", text).replace("User=tls\n", ""))
    command = [need("systemd-analyze"), "verify", *(str(tmp_path / name) for name in units)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_commands_of_cron_and_systemd_exist() -> None:
    text = (HERE / "pages" / "how-to" / "collect-every-day.md").read_text(encoding="utf-8")
    (cron,) = re.findall(r"(?m)^\d+ \d+ \* \* \* cd \S+ && \.venv/bin/tls-toolkit (.*?) > last-run.txt 2>&1$", text)
    units = re.findall(r"(?m)^ExecStart=/srv/tls/.venv/bin/tls-toolkit (.*)$", text)
    assert len(units) == 2
    for line in (cron, *units):
        assert make_parser().parse_args(shlex.split(line)).store == "observations"


def test_every_link_leads_to_a_page() -> None:
    source = {Path(path): text for path, text in made_pages().items()}
    source |= {path.relative_to(HERE / "pages"): path.read_text(encoding="utf-8") for path in PAGES}
    known = {*source, Path("data/README.md"), Path("lessons/glossary.md")}
    known |= {Path("lessons") / path.name for path in lesson_paths()}
    assert (NOTEBOOKS.parent / "data" / "README.md").is_file()
    for path, text in source.items():
        for link in re.findall(r"\]\(([^)#:\s]+\.(?:md|ipynb))(?:#[^)]*)?\)", text):
            there = Path(link.lstrip("/")) if link.startswith("/") else path.parent / link
            assert Path(*_normal(there)) in known, f"{path}: {link}"


def _normal(path: Path) -> list[str]:
    parts: list[str] = []
    for part in path.parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return parts


class Loaded(HTMLParser):
    """Addresses of what a page loads: scripts, styles, pictures, frames; not of what it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        for name in ("src", "srcset", "data", "poster", "href"):
            if values.get(name) and (tag != "a" or name != "href"):
                self.addresses.append(str(values[name]))


def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """The lessons are shown here without their outputs; `make book` executes them."""
    site = tmp_path / "book"
    command = [sys.executable, "-m", "notebooks.book", str(site), "--no-execute"]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(PAGES) + len(lesson_paths())
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert loaded.addresses
        assert [address for address in loaded.addresses if re.match(r"(?:https?:)?//", address)] == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style
    assert (site / "searchindex.js").stat().st_size > 100_000
    assert "<math" in (site / "explanation" / "statistics.html").read_text(encoding="utf-8")
