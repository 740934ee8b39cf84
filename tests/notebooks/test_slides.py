"""Each lesson says where its slides begin, and its slides are one file that loads nothing."""

import json
import re
import shutil
from pathlib import Path

import pytest
from nbconvert.exporters import SlidesExporter
from nbformat.v4 import new_code_cell, new_output

from notebooks.make_slides import slide_types
from tests.notebooks.pages import FOLDER, PATHS


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_its_cells_say_where_slides_begin(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    said = [cell["metadata"].get("slideshow", {}).get("slide_type") for cell in cells]
    assert said == slide_types(cells), "run notebooks/make_slides.py"
    assert said[0] == "slide"
    assert not [cell for cell in cells if cell["cell_type"] == "markdown" and "\n#" in "".join(cell["source"])], (
        "a heading begins a cell, so that it begins a slide"
    )
    assert said.count("skip") == 2 + sum("check" in cell["metadata"].get("tags", []) for cell in cells)


def test_slides_load_nothing_and_show_no_solution(tmp_path: Path) -> None:
    """With a reveal.js of two lines in place of the real one, which is not part of the project."""
    shutil.copytree(FOLDER / "slides", tmp_path / "slides", ignore=shutil.ignore_patterns("package"))
    (tmp_path / "slides" / "package" / "dist").mkdir(parents=True)
    (tmp_path / "slides" / "package" / "dist" / "reveal.js").write_text("var Reveal = {};")
    (tmp_path / "slides" / "package" / "dist" / "reveal.css").write_text(".reveal {}")
    exporter = SlidesExporter(template_name="slides", extra_template_basedirs=[str(tmp_path)])
    page, _ = exporter.from_filename(str(FOLDER / "02-rotation-overlaps.ipynb"))
    assert "var Reveal = {};" in page
    assert re.findall(r"""(?:src|import|<link[^>]*href)\s*=?\s*["'](?:https?:)?//[^"']+""", page) == []
    assert re.findall(r"@import[^;]*//|url\([\"']?(?:https?:)?//", page) == []
    assert "expected" not in page
    cells = json.loads((FOLDER / "02-rotation-overlaps.ipynb").read_text(encoding="utf-8"))["cells"]
    headings = slide_types(cells).count("slide")
    assert len(re.findall(r"<section>\s*<section>", page)) == headings > 3


def test_a_picture_is_named_by_the_call_that_drew_it() -> None:
    cell = new_code_cell("x = 1\nplot_bytes(a < b);\nx", outputs=[new_output("display_data", {"image/png": "aGk="})])
    exporter = SlidesExporter(template_name="slides", extra_template_basedirs=[str(FOLDER)])
    template = exporter.environment.get_template(str(exporter.template_file))
    picture = template.blocks["data_png"](template.new_context({"cell": cell, "output": cell.outputs[0]}))
    assert 'alt="Chart: plot_bytes(a &lt; b). The text below it reads it."' in "".join(picture)
