"""The page for instructors: what each lesson teaches, from the lessons, with courses of several lengths and slides."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from notebooks.book.docstrings import in_cell

COURSES: Final = {
    "90 minutes: certificates that rotate": (0, 2, 13, 3),
    "Two hours: what an attacker on the path sees and changes": (1, 14, 15),
    "A day on certificates": (0, 2, 3, 13, 6, 9, 16, 17, 12),
    "A day on protocols and ciphers": (0, 1, 4, 14, 15, 5, 18, 11, 8),
}
"""Title → the lessons of a course, in their order."""

_BEFORE: Final = """\
# For instructors

Each lesson needs only those that the table names, runs without a network, and has exercises that check themselves.
Participants need a computer with Python 3.11 or newer, no account and no server. Install before the course:

```console
$ python -m pip install ".[lab,notebooks]"
$ tls-toolkit lessons mine
$ jupyter lab mine/notebooks
```

## The lessons

| lesson | minutes | exercises | participants learn | needs |
|---|---|---|---|---|
"""

_AFTER: Final = """
The minutes are for reading, running the cells and solving the exercises alone. In a group, add a quarter.

## Exercises and their answers

An exercise is a cell with `answer = None`. The folded cell below it checks the answer: a right one is confirmed, a
wrong one gets a hint. The solution is the expression `expected=…` in that cell; open it with a click on the three
dots. Answers that depend on the data are computed from it. If you set `SOURCE` to observations of your own, the
exercises that read it have other answers, and the cells check those.

`jupyter nbconvert --to html` does not fold these cells. Leave them out of the pages that participants get; what the
cells print stays:

```text
$ jupyter nbconvert --to html --TagRemovePreprocessor.enabled=True \\
    --TagRemovePreprocessor.remove_input_tags=check 17-*.ipynb
```

Good questions after an exercise: What would have to be observed for another answer? Which of the numbers is a bound,
and which was observed? What is not known?

{courses}
## Slides

Each lesson can be shown as slides: a heading begins a slide, the code and the exercises follow below it (arrow down),
and imports, paths and solutions are left out. The result is one file per lesson. It contains the outputs and loads
nothing, so it is shown without a network.

`jupyter nbconvert` makes the slides with the template in the folder `slides`. The template writes reveal.js 4.0.2
(MIT) into the file. It does not come with the package; fetch it once, with npm, in the folder of the lessons:

```text
$ cd mine/notebooks
$ npm pack reveal.js@4.0.2
$ tar -xzf reveal.js-4.0.2.tgz -C slides
$ jupyter nbconvert --to slides --execute --template slides --TemplateExporter.extra_template_basedirs=. 02-*.ipynb
```

The second and the third command put the files into `slides/package`. On a machine without a network, copy this folder
from another one. Without `--template`, nbconvert writes a page that loads reveal.js, RequireJS, jQuery and MathJax from
the network whenever it is shown.

The charts put their text alternative (`toolkit.chart.describe_chart`) into the metadata of the output. This template
and the pages of `tls-toolkit demo` show it to a screen reader, and so does `jupyter nbconvert --template classic`.
JupyterLab 4 and the other templates of nbconvert 7 leave it out.
"""


def pages(lessons: Iterable[Path]) -> dict[str, str]:
    """Path → text of the page, made from the first cell and the exercises of each lesson."""
    described = [_describe(path) for path in lessons]
    rows = "".join(f"| {' | '.join(map(in_cell, _cells(lesson)))} |\n" for lesson in described)
    courses = "".join(_course(title, [described[number] for number in chosen]) for title, chosen in COURSES.items())
    return {"teaching.md": _BEFORE + rows + _AFTER.replace("{courses}", f"## Courses\n\n{courses}")}


def _describe(path: Path) -> dict[str, Any]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    first = re.sub(r"\]\(([\w-]+\.(?:ipynb|md))\)", r"](lessons/\1)", " ".join("".join(cells[0]["source"]).split()))
    parts = dict(re.findall(r"\*\*([\w ]+?):?\*\* (.*?)(?= \*\*|\Z)", first))
    return {
        "link": f"[{first[2 : first.index('?') + 1]}](lessons/{path.name})",
        "minutes": int(parts["Time"].split()[0]),
        "exercises": sum("check" in cell["metadata"].get("tags", ()) for cell in cells),
        "learns": parts["You will learn"].split(". ")[0].rstrip("."),
        "needs": re.split(r"; the \[glossary|\.(?: |$)", parts["You need"])[0],
    }


def _cells(lesson: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(lesson[column]) for column in ("link", "minutes", "exercises", "learns", "needs"))


def _course(title: str, lessons: list[dict[str, Any]]) -> str:
    minutes = sum(lesson["minutes"] for lesson in lessons)
    steps = "".join(f"1. {lesson['link']}, {lesson['minutes']} minutes\n" for lesson in lessons)
    return f"**{title}** ({minutes} minutes alone)\n\n{steps}\n"
