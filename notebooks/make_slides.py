"""Say of each cell of the lessons where its slide begins: `.venv/bin/python notebooks/make_slides.py`.

`jupyter nbconvert --to slides` reads this in the metadata of the cells (`slideshow`, `slide_type`). The page for
instructors in the book has the command.
"""

import json
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parent
_LEFT_OUT: Final = {"parameters", "check"}
"""Tags of cells that slides leave out: the paths of the data, and the solutions."""


def slide_types(cells: list[dict[str, Any]]) -> list[str]:
    """The slide type of each cell of a lesson, in their order.

    A heading begins a slide; code and exercises begin one below it; other text stands with what it follows. Imports,
    parameters and solutions are left out.
    """
    return [_slide_type(number, cell) for number, cell in enumerate(cells)]


def _slide_type(number: int, cell: dict[str, Any]) -> str:
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return "slide" if text.startswith("#") else "subslide" if text.startswith("**Exercise") else "-"
    if number == 1 or _LEFT_OUT.intersection(cell["metadata"].get("tags", ())):
        return "skip"
    return "-" if text.endswith(" = None") else "subslide"


def main() -> None:
    """Write the slide types into every lesson."""
    for path in sorted(FOLDER.glob("[0-9][0-9]-*.ipynb")):
        lesson = json.loads(path.read_text(encoding="utf-8"))
        for cell, slide_type in zip(lesson["cells"], slide_types(lesson["cells"]), strict=True):
            cell["metadata"]["slideshow"] = {"slide_type": slide_type}
        path.write_text(json.dumps(lesson, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
