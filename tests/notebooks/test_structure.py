"""Every lesson asks a question, says what it needs, is short, reads its charts, has exercises, and holds no outputs."""

import ast
import re
from pathlib import Path

import pytest

from tests.notebooks.pages import FOLDER, PATHS, code_cells, is_check, is_parameters, read

RECORDED = "../data/google-mail"

pages = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def test_the_lessons_are_numbered_without_holes() -> None:
    assert [path.name[:3] for path in PATHS] == [f"{number:02d}-" for number in range(len(PATHS))]
    assert all(re.fullmatch(r"\d\d(-[a-z0-9]+)+\.ipynb", path.name) for path in PATHS)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_outputs_in_git(path: Path) -> None:
    for cell in code_cells(path):
        assert cell.outputs == []
        assert cell.execution_count is None


@pages
def test_it_opens_with_a_question_and_what_one_does_learns_and_needs(path: Path) -> None:
    first = read(path).cells[0]
    assert first.cell_type == "markdown"
    title = first.source.splitlines()[0]
    assert title.startswith(f"# {path.name[:2]} ")
    assert title.endswith("?")
    for part in ("**You will** ", "**You will learn** ", "**You need** ", "**Time:** ", "**Data:** "):
        assert part in first.source
    assert re.search(r"\*\*Time:\*\* \d+ minutes", first.source)


@pages
def test_imports_come_second_and_nowhere_else(path: Path) -> None:
    second, *rest = read(path).cells[1:]
    assert second.cell_type == "code"
    assert all(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(second.source).body)
    for cell in rest:
        if cell.cell_type == "code":
            assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(ast.parse(cell.source)))


@pages
def test_parameters_are_the_third_cell_and_are_used_and_their_data_exists(path: Path) -> None:
    """The demo names other recorded mail data for `RECORDED`, so that is what it holds in every lesson."""
    first, second, third, *rest = read(path).cells
    assert not any(map(is_parameters, [first, second, *rest]))
    names: dict[str, str] = {}
    if is_parameters(third):
        exec(third.source, {}, names)
        assert names.get("RECORDED", RECORDED) == RECORDED
    code = " ".join(cell.source for cell in rest if cell.cell_type == "code")
    assert [name for name in names if not re.search(rf"\b{name}\b", code)] == []
    paths = [value for value in names.values() if isinstance(value, str) and value.startswith("../")]
    assert all((FOLDER / value).exists() for value in paths)


@pages
def test_it_is_short_and_its_functions_live_in_the_toolkit(path: Path) -> None:
    cells = code_cells(path)
    assert len(cells) <= 25
    for cell in cells:
        assert len(cell.source.splitlines()) <= 15, cell.source
        nodes = list(ast.walk(ast.parse(cell.source)))
        assert not any(isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda) for node in nodes)


@pages
def test_prose_reads_each_chart(path: Path) -> None:
    awaited = None
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            assert awaited is None or not cell.source.startswith("#"), f"nothing reads the chart of {awaited}"
            awaited = None
        elif re.search(r"^ *plot_\w+\(", cell.source, re.MULTILINE):
            assert awaited is None, f"nothing reads the chart of {awaited}"
            awaited = cell.source
    assert awaited is None


@pages
def test_it_is_prose_and_not_templates(path: Path) -> None:
    code = "\n".join(cell.source for cell in code_cells(path))
    assert len(re.findall(r"\bsay\(", code)) <= 2
    assert "shell=True" not in code
    assert "__enter__" not in code


@pages
def test_it_has_exercises_whose_checks_are_folded(path: Path) -> None:
    cells = read(path).cells
    checks = [number for number, cell in enumerate(cells) if is_check(cell)]
    assert len(checks) >= 3
    words = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert [int(number) for number in re.findall(r"\*\*Exercise (\d+)\.\*\*", words)] == [
        number + 1 for number in range(len(checks))
    ]
    for number in checks:
        assert cells[number].metadata["jupyter"] == {"source_hidden": True}
        assert re.match(r"\w+ = None\b", cells[number - 1].source), "the cell before it takes the answer"


@pages
def test_it_links_to_the_glossary(path: Path) -> None:
    assert "](glossary.md)" in read(path).cells[0].source


@pages
def test_it_ends_with_a_summary_and_links_that_lead_somewhere(path: Path) -> None:
    cells = read(path).cells
    assert cells[-1].cell_type == "markdown"
    assert "## What you have seen, and where to go next" in cells[-1].source
    links = [
        link
        for cell in cells
        if cell.cell_type == "markdown"
        for link in re.findall(r"\]\(([^)]+)\)", cell.source)
        if not link.startswith("https://")
    ]
    assert any(link.endswith(".ipynb") for link in links)
    for link in links:
        assert (FOLDER / link).is_file(), link


@pages
def test_a_link_says_the_question_of_the_lesson_it_leads_to(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            for words, target in re.findall(r"\[(\d\d [^\]]+)\]\(([\w-]+\.ipynb)\)", cell.source):
                title = read(FOLDER / target).cells[0].source.splitlines()[0].removeprefix("# ")
                assert " ".join(words.split()) == title


def test_each_lesson_leads_to_the_next_and_the_first_to_all() -> None:
    for path, following in zip(PATHS, [*PATHS[1:], PATHS[0]], strict=True):
        assert f"]({following.name})" in read(path).cells[-1].source
    first = read(PATHS[0]).cells[-1].source
    assert all(f"]({path.name})" in first for path in PATHS[1:])


@pages
def test_the_lessons_that_one_needs_are_links(path: Path) -> None:
    (needs,) = re.findall(r"\*\*You need\*\* (.*?)\. ", read(path).cells[0].source, re.DOTALL)
    assert not re.search(r"(?<!\[)\b\d\d\b(?!-)", needs), needs
