"""The notebooks as files, and a way to run their cells in this process, where a test sees what they show."""

import ast
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import nbformat
from matplotlib.figure import Figure

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


class Step(NamedTuple):
    """What a lesson showed after one of its cells. A Markdown cell has no value and no charts."""

    cell: nbformat.NotebookNode
    said: str | None
    """The text of the cell's value."""
    is_rich: bool
    """Whether the value has an HTML form, which a notebook shows."""
    titles: tuple[str, ...]
    pictures: tuple[bytes, ...]
    asked: dict[str, Any]
    """For the check of an exercise: what it was asked to check."""


@cache
def execute(path: Path, *, draw: bool = False, **parameters: object) -> tuple[Step, ...]:
    """Run the cells of a lesson one after another, once for each set of parameters.

    `parameters` replace those of the parameters cell. `draw`: whether the charts are drawn as PNG files, as a notebook
    draws them.
    """
    names: dict[str, Any] = {}
    steps = []
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            steps.append(Step(cell, None, False, (), (), {}))
            continue
        with in_folder_of(path):
            value = _run_cell(cell.source, names)
        if is_parameters(cell):
            names.update(parameters)
        figures = [plt.figure(number) for number in plt.get_fignums()]
        is_rich = hasattr(value, "_repr_html_")
        if draw and is_rich:
            value._repr_html_()
        steps.append(
            Step(
                cell,
                None if value is None else str(value),
                is_rich,
                tuple(axes.get_title("left") for figure in figures for axes in figure.axes),
                tuple(_as_png(figure) for figure in figures) if draw else (),
                _find_asked(cell.source, names) if is_check(cell) else {},
            )
        )
        plt.close("all")
    return tuple(steps)


def run(path: Path, **parameters: object) -> tuple[list[str], list[str]]:
    """Run all cells of a lesson: the text of what they show, and the titles of their charts."""
    steps = execute(path, **parameters)
    said = [step.said for step in steps if step.said is not None and step.is_rich]
    return said, [title for step in steps for title in step.titles]


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


def _find_asked(source: str, names: dict[str, Any]) -> dict[str, Any]:
    """The keywords of the call that checks an answer."""
    *_, last = ast.parse(source).body
    assert isinstance(last, ast.Expr)
    assert isinstance(last.value, ast.Call)
    return {
        str(word.arg): eval(compile(ast.Expression(word.value), "check", "eval"), names) for word in last.value.keywords
    }


def _as_png(figure: Figure) -> bytes:
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=72)
    return picture.getvalue()


def is_check(cell: nbformat.NotebookNode) -> bool:
    """The folded cell that checks the answer to an exercise."""
    return "check" in cell.metadata.get("tags", [])
