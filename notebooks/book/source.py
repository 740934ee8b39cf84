"""The source of the site: pages written by hand, the lessons, the data they read, and pages made from the code."""

import hashlib
import shutil
from pathlib import Path
from typing import Final

import toolkit
from notebooks.book import api, charts, columns, command_line, facts, teaching

HERE: Final = Path(__file__).resolve().parent
NOTEBOOKS: Final = HERE.parent
DATA: Final = NOTEBOOKS.parent / "data"


def write_source(folder: Path) -> None:
    """Write every page of the site, as Markdown and notebooks, into a new folder."""
    shutil.copytree(HERE / "pages", folder)
    shutil.copytree(DATA, folder / "data", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    lessons = folder / "lessons"
    lessons.mkdir()
    for path in (*lesson_paths(), NOTEBOOKS / "glossary.md"):
        shutil.copy(path, lessons)
    for name, text in made_pages().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    charts.draw(folder / "gallery")


def lesson_paths() -> list[Path]:
    """The lessons, in their order; the report is a notebook, too, and not a lesson."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]-*.ipynb"))


def made_pages() -> dict[str, str]:
    """Path in the source → the text of each page that is made from the code and the lessons."""
    return {
        **api.pages(),
        **columns.pages(),
        **command_line.pages(),
        **facts.pages(),
        **charts.pages(),
        **teaching.pages(lesson_paths()),
    }


def digest() -> str:
    """A name for the state of everything that a lesson's output depends on in addition to its own cells."""
    found = hashlib.sha256()
    package = Path(toolkit.__file__).parent
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.csv"), *DATA.rglob("*.csv"), *DATA.rglob("*.pem")]):
        found.update(path.as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
