"""Notebooks executed and made into HTML pages that load nothing."""

import base64
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path
from typing import Final

import nbconvert
import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from tqdm.auto import tqdm
from traitlets.config import Config

from toolkit import text
from toolkit.chart.interactive import Scripts
from toolkit.errors import ToolkitError, UsageError
from toolkit.report.layout import DAY_NAME, template

_SHOWN: Final = ["text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/plain"]
"""The forms of an output that a page without scripts shows, the first one that there is."""

_MOST_BYTES_OF_HEAD: Final = 100_000
"""How much of a page is read to find the day of a report, which stands before the styles."""

NOTEBOOKS_AT_ONCE: Final = 2
"""Notebooks executed at the same time, one kernel each."""


def execute_notebooks(notebooks: Iterable[Path], output: Path, *, parameters: dict[str, object]) -> list[Path]:
    """Execute the lessons of a folder; the HTML files, in the same order.

    Each lesson gets those of the `parameters` that it has. HTML and PNG files are written to `output`. The current
    folder of the process is the notebooks' folder meanwhile: kernels start in it, and the notebooks name their data
    relative to it.

    >>> from pathlib import Path
    >>> from toolkit.report import execute_notebooks
    >>> lessons = sorted(Path("lessons/notebooks").glob("0*.ipynb"))  # what `tls-toolkit lessons` copied
    >>> pages = execute_notebooks(lessons, Path("pages"), parameters={})  # doctest: +SKIP
    """
    listed = [notebook.resolve() for notebook in notebooks]
    output = output.resolve()
    with chdir(listed[0].parent), ThreadPoolExecutor(NOTEBOOKS_AT_ONCE) as pool:
        made = pool.map(lambda path: execute_notebook(path, output, parameters=_own(path, parameters)), listed)
        return list(tqdm(made, total=len(listed), desc="Executing notebooks", unit="notebook", disable=None))


def _own(notebook: Path, parameters: dict[str, object]) -> dict[str, object]:
    """Those of the parameters that the cell of parameters of this notebook sets."""
    known = papermill.inspect_notebook(str(notebook))
    return {name: value for name, value in parameters.items() if name in known}


def execute_notebook(notebook: Path, output: Path, *, parameters: dict[str, object]) -> Path:
    """Execute one notebook in the current folder; the HTML file, next to which its charts are written as PNG.

    Raises `ToolkitError`, naming the notebook and the error, where a cell fails; and where nbconvert's templates are
    not found.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import nbformat
    >>> from toolkit.report import execute_notebook
    >>> cells = [nbformat.v4.new_code_cell("DAYS = 1", metadata={"tags": ["parameters"]})]
    >>> kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    >>> with TemporaryDirectory() as folder:
    ...     lesson = Path(folder, "lesson.ipynb")
    ...     nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lesson)
    ...     execute_notebook(lesson, Path(folder), parameters={"DAYS": 2}).name
    'lesson.html'
    """
    exporter = load_exporter(has_code=True)
    executed = output / notebook.name
    try:
        document = run_notebook(notebook, parameters=parameters, executed=executed)
    except PapermillExecutionError as error:
        raise ToolkitError(f"{explain_failure(notebook, error)} See {executed}.") from error
    written = executed.with_suffix(".html")
    page = render_page(document, exporter, title=notebook.stem)
    # Lessons link to notebooks and to the glossary; their pages link to each other.
    written.write_text(re.sub(r'href="([\w-]+)\.(?:ipynb|md)"', r'href="\1.html"', page), encoding="utf-8")
    executed.unlink()
    for number, picture in enumerate(_pictures(document), 1):
        executed.with_name(f"{notebook.stem}-{number}.png").write_bytes(picture)
    return written


def explain_failure(notebook: Path, error: PapermillExecutionError) -> str:
    """The notebook that failed and the error of its cell, as a sentence."""
    return f"{notebook.name} failed: {error.ename}: {error.evalue.removesuffix('.')}."


def write_markdown(markdown: Path, output: Path) -> None:
    """Write a Markdown file, such as the glossary, as the HTML file `output` in the style of the notebooks."""
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(markdown.read_text(encoding="utf-8"))])
    page = render_page(document, load_exporter(has_code=True), title=markdown.stem)
    output.write_text(page, encoding="utf-8")


def run_notebook(
    notebook: Path, *, parameters: dict[str, object], executed: Path | None = None, progress: bool = False
) -> nbformat.NotebookNode:
    """The notebook with its outputs, executed in the current folder.

    `executed`: a file to save it in, also where a cell fails. `progress`: show a progress bar. Raises papermill's
    `PapermillExecutionError` where a cell fails, and `ToolkitError` where the kernel ends by itself.
    """
    try:
        document: nbformat.NotebookNode = papermill.execute_notebook(
            str(notebook),
            str(executed) if executed else None,
            parameters=parameters,
            progress_bar={"desc": "Writing", "disable": not progress},
            # The kernel's own messages (its transport, its shutdown) would break our progress bar; an error in a cell
            # is raised regardless. Charts are embedded in the page with any MPLBACKEND.
            extra_arguments=["--IPKernelApp.log_level=CRITICAL", "--matplotlib=inline"],
        )
    except DeadKernelError as error:
        raise ToolkitError(
            f"{notebook.name} failed: its kernel ended by itself. It may have run out of memory: choose a shorter time "
            "with --since and --until."
        ) from error
    return document


def load_exporter(*, has_code: bool, paper: str = "a4") -> nbconvert.HTMLExporter:
    """The converter of notebooks to pages. Raises `ToolkitError` where nbconvert's templates are not found."""
    try:
        return nbconvert.HTMLExporter(
            config=Config({"NbConvertBase": {"display_data_priority": _SHOWN}}),
            raw_template=template(paper),
            exclude_input=not has_code,
            exclude_input_prompt=not has_code,
            exclude_output_prompt=not has_code,
            exclude_anchor_links=not has_code,
            extra_template_basedirs=[],  # by default the current folder, whose templates may be anything
        )
    except ValueError as error:
        raise ToolkitError(
            f"nbconvert does not find its templates ({str(error).splitlines()[0]}). They are installed under "
            "share/jupyter: reinstall it (pip install --force-reinstall nbconvert), or set JUPYTER_PATH to that folder."
        ) from error


def render_page(
    document: nbformat.NotebookNode,
    exporter: nbconvert.HTMLExporter,
    *,
    title: str,
    day: str | None = None,
    scripts: Scripts = Scripts("", ""),  # noqa: B008  it cannot be changed
) -> str:
    """The executed notebook as one HTML page that loads nothing and runs `scripts` alone, whatever its outputs are.

    Widgets need a running kernel: their state is left out, and what they show as text or HTML stays. `day`: the instant
    of a report, which `read_day` reads back.
    """
    document.metadata["title"] = text.plain(title)
    document.metadata.pop("widgets", None)
    resources = {"scripts": scripts.html, "script_policy": scripts.policy, "day": day}
    page, _ = exporter.from_notebook_node(document, resources)
    return str(page)


def read_day(page: Path) -> str:
    """The instant of a report, from the metadata of its page. Raises `UsageError` where it cannot be read."""
    try:
        with page.open("rb") as file:
            head = file.read(_MOST_BYTES_OF_HEAD)
    except OSError as error:
        raise UsageError(
            f"{page} cannot be read: {error.strerror}. Name an earlier report, or give its day."
        ) from error
    day = re.search(
        rf'<meta (?=[^>]{{0,80}}name="{DAY_NAME}")[^>]{{0,80}}content="([0-9T:.+-]{{1,40}})"'.encode(), head
    )
    if day is None:
        raise UsageError(
            f"{page} does not say its day, as the HTML of a report of this version does. Give the day itself, such as "
            "2026-01-31."
        )
    return day[1].decode("ascii")


def _pictures(document: nbformat.NotebookNode) -> Iterable[bytes]:
    for cell in document.cells:
        for output in cell.get("outputs", ()):
            picture = output.get("data", {}).get("image/png")
            if picture is not None:
                yield base64.b64decode(picture)
