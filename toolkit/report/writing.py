"""The report on a source: `notebooks/report.ipynb`, executed on it and written as one HTML file."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import chdir, suppress
from datetime import datetime
from pathlib import Path

from papermill.exceptions import PapermillExecutionError

from toolkit import errors, readers
from toolkit.errors import OutputError, ToolkitError, UsageError
from toolkit.instants import zoned, zoned_limits
from toolkit.reference.roots import root_sources
from toolkit.reference.rules import policies
from toolkit.report.pages import load_exporter, render_page, run_notebook
from toolkit.shipped import notebook_folder


def write_report(
    source: str | Path,
    output: str | Path,
    *,
    now: datetime | str,
    policy: str | Path,
    roots: str | Path,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    history: bool = False,
    title: str | None = None,
) -> None:
    """Write the report on a source as one HTML file that loads nothing from elsewhere.

    The report is `notebooks/report.ipynb`, executed in an empty folder of its own: files of the current folder (a
    `pandas.py`, a `matplotlibrc`) do not become part of it.

    `source`: a store, or a path that `toolkit.read` reads. `output`: the HTML file, replaced where it exists.
    `now`: the day from which days are counted. `policy`: a policy's name, or a file of rules. `roots`: a root bundle's
    name, or a file of certificates. `since` (inclusive) and `until` (exclusive) choose the observations, as in
    `toolkit.read`. `history=True` judges every observation; by default only what is in service at `now` is judged.
    `title`: the heading; by default the source's name.

    Raises `UsageError` where the folder of `output` does not exist, where `output` is a folder, and for an instant
    without a zone; `OutputError` where the file cannot be written, before the notebook is executed if that is known
    then; the error of `toolkit.read`, `load_policy` or `load_roots` where these cannot read what they are given; and
    `ToolkitError` where the notebook fails, or nbconvert's templates are not found.
    """
    readers.require_path(source)
    source, output = str(source), Path(output)
    if output.is_dir():
        raise UsageError(f"{output} is a folder: name a file in it, such as {output / 'report.html'}.")
    if not output.resolve().parent.is_dir():
        raise UsageError(f"{output.parent} is not a folder: create it, or choose another folder.")
    begins, ends = zoned_limits(since, until)
    shown = title or f"TLS report: {Path(source).name or source}"
    parameters: dict[str, object] = {
        "SOURCE": _absolute(source, known=()),
        "SOURCE_NAME": source,
        "NOW": zoned(now, "now").isoformat(),
        "POLICY": _absolute(str(policy), known=policies()),
        "ROOTS": _absolute(str(roots), known=root_sources()),
        "SINCE": begins and begins.isoformat(),
        "UNTIL": ends and ends.isoformat(),
        "HISTORY": history,
        "TITLE": shown,
    }
    exporter = load_exporter(has_code=False)
    _write(output, "")  # a file that cannot be written is found out before the notebook is executed
    notebook = notebook_folder() / "report.ipynb"
    with tempfile.TemporaryDirectory(prefix="report-") as empty, chdir(empty):
        try:
            document = run_notebook(notebook, parameters=parameters)
        except PapermillExecutionError as error:
            raise _error_of(error, notebook) from error
    _write(output, render_page(document, exporter, title=shown))


def _error_of(error: PapermillExecutionError, notebook: Path) -> ToolkitError:
    """The error that a cell raised: as it is where it is one of this package, else with the notebook's name."""
    kind = getattr(errors, error.ename, None)
    if isinstance(kind, type) and issubclass(kind, ToolkitError):
        return kind(error.evalue)
    return ToolkitError(f"{notebook.name} failed: {error.ename}: {error.evalue}.")


def _absolute(named: str, *, known: Iterable[str]) -> str:
    """The path made absolute; URLs and the `known` names stay as they are."""
    return named if named in known or "://" in named else str(Path(named).resolve())


def _write(output: Path, page: str) -> None:
    """Write the page through a temporary file; with an empty page, only check that the file can be written."""
    target = output.resolve()
    is_plain = target.is_file() or not target.exists()
    path = target.with_name(f".{target.name}.{os.getpid()}") if is_plain else target
    try:
        path.write_text(page, encoding="utf-8")
        if is_plain and page:
            path.replace(target)
    except OSError as error:
        raise OutputError(
            f"{output} cannot be written: {error.strerror}. Choose another place for it, or free some space."
        ) from error
    finally:
        if is_plain:
            with suppress(OSError):
                path.unlink()
