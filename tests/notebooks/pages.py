"""The notebooks as files, and a way to run their cells in this process, where a test can look at what they show."""

import ast
import os
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat

from tests.conftest import ROOT

FOLDER = ROOT / "notebooks"
PATHS = sorted(FOLDER.glob("[0-9]*.ipynb"))
"""The lessons; other notebooks (the report) follow no lesson plan."""


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def is_parameters(cell: nbformat.NotebookNode) -> bool:
    return "parameters" in cell.metadata.get("tags", [])


def run(path: Path, **parameters: object) -> tuple[list[str], list[str]]:
    """Run the page's cells one after another: what its sentences and tables said, and the titles of its charts."""
    names: dict[str, Any] = {}
    said: list[str] = []
    titles: list[str] = []
    with beside(path):
        for cell in code_cells(path):
            value = _run_cell(cell.source, names)
            if is_parameters(cell):
                names.update(parameters)
            if value is not None and hasattr(value, "_repr_html_"):
                said.append(str(value))
            for number in plt.get_fignums():
                titles += [axes.get_title("left") for axes in plt.figure(number).axes]
            plt.close("all")
    return said, titles


@contextmanager
def beside(path: Path) -> Any:
    """Relative paths of a page are read from where it lies."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        yield
    finally:
        os.chdir(before)


def _run_cell(source: str, names: Mapping[str, Any]) -> Any:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)  # type: ignore[arg-type]
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None  # type: ignore[arg-type]
