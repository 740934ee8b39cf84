"""Each lesson says where its slides begin, and its slides are one file that loads nothing."""

import json
import re
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from bs4 import BeautifulSoup
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure
from nbconvert.exporters import SlidesExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output

from notebooks.make_slides import slide_types
from tests.notebooks.pages import FOLDER, PATHS
from toolkit.chart import describe_chart, style_axes
from toolkit.report.pages import load_exporter


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_its_cells_say_where_slides_begin(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    said = [cell["metadata"].get("slideshow", {}).get("slide_type") for cell in cells]
    assert said == slide_types(cells), "run notebooks/make_slides.py"
    assert said[0] == "slide"
    assert not [cell for cell in cells if cell["cell_type"] == "markdown" and "\n#" in "".join(cell["source"])], (
        "a heading begins a cell, so that it begins a slide"
    )
    tags = [set(cell["metadata"].get("tags", [])) for cell in cells]
    assert said.count("skip") == 1 + sum(bool(each & {"parameters", "check"}) for each in tags)


@pytest.fixture
def slides(tmp_path: Path) -> SlidesExporter:
    """With a reveal.js of two lines in place of the real one, which is not part of the project."""
    shutil.copytree(FOLDER / "slides", tmp_path / "slides", ignore=shutil.ignore_patterns("package"))
    (tmp_path / "slides" / "package" / "dist").mkdir(parents=True)
    (tmp_path / "slides" / "package" / "dist" / "reveal.js").write_text("var Reveal = {};")
    (tmp_path / "slides" / "package" / "dist" / "reveal.css").write_text(".reveal {}")
    return SlidesExporter(template_name="slides", extra_template_basedirs=[str(tmp_path)])


def test_slides_load_nothing_and_show_no_solution(slides: SlidesExporter) -> None:
    page, _ = slides.from_filename(str(FOLDER / "02-rotation-overlaps.ipynb"))
    assert "var Reveal = {};" in page
    assert re.findall(r"""(?:src|import|<link[^>]*href)\s*=?\s*["'](?:https?:)?//[^"']+""", page) == []
    assert re.findall(r"@import[^;]*//|url\([\"']?(?:https?:)?//", page) == []
    assert "expected" not in page
    cells = json.loads((FOLDER / "02-rotation-overlaps.ipynb").read_text(encoding="utf-8"))["cells"]
    headings = slide_types(cells).count("slide")
    assert len(re.findall(r"<section>\s*<section>", page)) == headings > 3


def test_a_picture_has_the_description_of_its_charts(slides: SlidesExporter) -> None:
    """As IPython shows a figure: matplotlib gives the picture, the charts its metadata."""
    figure, (left, right, _) = plt.subplots(1, 3)
    style_axes(left, title='<b> & "quoted"')
    style_axes(right, title="Right")
    formatter = DisplayFormatter()
    formatter.formatters["image/png"].for_type(Figure, lambda _: "aGk=")
    data, metadata = formatter.format(figure)
    assert data["image/png"] == "aGk="
    outputs = [new_output("display_data", data, metadata=said) for said in (metadata, {})]
    for exporter in (slides, load_exporter(has_code=True)):
        page, _ = exporter.from_notebook_node(new_notebook(cells=[new_code_cell(outputs=outputs)]))
        said = [picture["alt"] for picture in BeautifulSoup(page, "html.parser").select("img")]
        assert said == [f"{describe_chart(left)} {describe_chart(right)}", ""]
        assert str(said[0]).startswith('Chart: <b> & "quoted". ')
