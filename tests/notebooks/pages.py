"""The notebooks as files, and a way to run their cells in this process, where a test sees what they show."""

import ast
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat

from tests.conftest import ROOT

FOLDER = ROOT / "notebooks"
PATHS = sorted(FOLDER.glob("[0-9]*.ipynb"))
"""The lessons. The report is a notebook as well, but not a lesson."""


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def is_parameters(cell: nbformat.NotebookNode) -> bool:
    return "parameters" in cell.metadata.get("tags", [])


def walk(path: Path, **parameters: object) -> Iterator[tuple[nbformat.NotebookNode, Any, list[str], dict[str, Any]]]:
    """Run the cells of a lesson one after another: the cell, its value, the titles of its charts, all names so far.

    A Markdown cell has no value and no charts. `parameters` replace those of the parameters cell.
    """
    names: dict[str, Any] = {}
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            yield cell, None, [], names
            continue
        with in_folder_of(path):
            value = _run_cell(cell.source, names)
        if is_parameters(cell):
            names.update(parameters)
        titles = [axes.get_title("left") for number in plt.get_fignums() for axes in plt.figure(number).axes]
        plt.close("all")
        yield cell, value, titles, names


def run(path: Path, **parameters: object) -> tuple[list[str], list[str]]:
    """Run all cells of a lesson: the text of what they show, and the titles of their charts."""
    steps = [(value, titles) for _, value, titles, _ in walk(path, **parameters)]
    shown = [str(value) for value, _ in steps if value is not None and hasattr(value, "_repr_html_")]
    return shown, [title for _, titles in steps for title in titles]


@contextmanager
def in_folder_of(path: Path) -> Iterator[None]:
    """The lesson's folder as the current one, since its paths are relative to it."""
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


def is_check(cell: nbformat.NotebookNode) -> bool:
    """The folded cell that checks the answer to an exercise."""
    return "check" in cell.metadata.get("tags", [])
