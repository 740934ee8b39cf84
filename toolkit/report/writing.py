"""The report on a source: `notebooks/report.ipynb`, executed on it and written as one HTML or PDF file."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import chdir, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import pandas as pd
from papermill.exceptions import PapermillExecutionError

from toolkit import errors, readers
from toolkit.arguments import require_choice
from toolkit.chart.interactive import Scripts, vega_scripts
from toolkit.errors import OutputError, ToolkitError, UsageError
from toolkit.instants import zoned, zoned_limits
from toolkit.reference.roots import root_sources
from toolkit.reference.rules import policies
from toolkit.report.layout import PAPERS
from toolkit.report.pages import explain_failure, load_exporter, read_day, render_page, run_notebook
from toolkit.report.printing import find_browser, print_page
from toolkit.shipped import find_source, notebook_folder

_ENDINGS: Final = ("", ".html", ".htm", ".pdf")
"""What the name of a report may end in."""


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
    since_report: datetime | str | Path | None = None,
    tables: str | Path | None = None,
    paper: str = "a4",
    interactive: bool = False,
    progress: bool = False,
) -> None:
    """Write the report on a source as one file: HTML that loads nothing from elsewhere, or PDF.

    The report is `notebooks/report.ipynb`, executed in an empty folder of its own: files of the current folder (a
    `pandas.py`, a `matplotlibrc`) do not become part of it.

    `source`: a store, or a path that `toolkit.read` reads. `output`: the file, replaced where it exists;
    a PDF where its name ends in `.pdf`, which Chromium, Chrome or Edge prints.
    `now`: the day from which days are counted. `policy`: a policy's name, or a file of rules. `roots`: a root bundle's
    name, or a file of certificates. `since` (inclusive) and `until` (exclusive) choose the observations, as in
    `toolkit.read`. `history=True` judges every observation until `now`; by default only what is in service then.
    `title`: the heading; by default the source's name. `since_report`: an earlier day, or the HTML file of an earlier
    report, whose day it is; a section says what changed since, by the rules of this report.
    `tables`: a folder into which every table is written as CSV (all columns, all rows), Markdown and LaTeX.
    `paper`: `a4` or `letter`, for the PDF and for printing the page. `interactive=True`: the charts of rotations,
    expiry and ciphers can be hovered, zoomed and filtered on a screen; the page is 1 MB larger, and needs no network. A
    PDF has the pictures.
    `progress=True` shows a progress bar.

    Raises `UsageError` where the folder of `output` does not exist, where `output` is a folder or ends in anything but
    `.html`, `.htm` or `.pdf`, for an unknown paper,
    and for an instant without a zone; `OutputError` where the file cannot be written, or no browser prints a PDF,
    before the notebook is executed if that is known then; the error of `toolkit.read`, `load_policy` or `load_roots`
    where these cannot read what they are given; and `ToolkitError` where the notebook fails, the browser does not
    print, or nbconvert's templates are not found.

    >>> from toolkit.report import write_report
    >>> terms = {"now": "2026-09-24T00:00Z", "policy": "ietf", "roots": "certifi"}
    >>> write_report("google-mail", "report.html", **terms)  # doctest: +SKIP
    >>> write_report("google-mail", "report.docx", **terms)
    Traceback (most recent call last):
    toolkit.errors.UsageError: report.docx: a report is HTML or PDF. Name a file that ends in .html or .pdf.
    """
    readers.require_path(source)
    source, output = str(source), Path(output)
    if output.is_dir():
        raise UsageError(f"{output} is a folder: name a file in it, such as {output / 'report.html'}.")
    if not output.resolve().parent.is_dir():
        raise UsageError(f"{output.parent} is not a folder: create it, or choose another folder.")
    if output.suffix.lower() not in _ENDINGS:
        raise UsageError(f"{output}: a report is HTML or PDF. Name a file that ends in .html or .pdf.")
    require_choice("paper", paper, PAPERS)
    browser = find_browser() if output.suffix.lower() == ".pdf" else None
    is_interactive = interactive and browser is None
    scripts = vega_scripts() if is_interactive else Scripts("", "")
    begins, ends = zoned_limits(since, until)
    today = zoned(now, "now")
    earlier = None if since_report is None else _day_of(since_report)
    if earlier and earlier >= today:
        raise UsageError(f"since_report={earlier.isoformat()} is not before now: name an earlier day.")
    shown = title or f"TLS report: {Path(source).name or source}"
    parameters: dict[str, object] = {
        "SOURCE": _absolute(find_source(source), known=()),
        "SOURCE_NAME": source,
        "NOW": today.isoformat(),
        "POLICY": _absolute(str(policy), known=policies()),
        "ROOTS": _absolute(str(roots), known=root_sources()),
        "SINCE": begins and begins.isoformat(),
        "UNTIL": ends and ends.isoformat(),
        "HISTORY": history,
        "SINCE_REPORT": earlier and earlier.isoformat(),
        "INTERACTIVE": is_interactive,
        "TABLES": None if tables is None else str(Path(tables).resolve()),
        "TITLE": shown,
    }
    exporter = load_exporter(has_code=False, paper=paper)
    _write(output, b"")  # a file that cannot be written is found out before the notebook is executed
    notebook = notebook_folder() / "report.ipynb"
    with tempfile.TemporaryDirectory(prefix="report-") as empty, chdir(empty):
        try:
            document = run_notebook(notebook, parameters=parameters, progress=progress)
        except PapermillExecutionError as error:
            raise _error_of(error, notebook) from error
    page = render_page(document, exporter, title=shown, day=today.isoformat(), scripts=scripts)
    _write(output, print_page(page, browser=browser) if browser else page.encode())


def _day_of(since_report: datetime | str | Path) -> pd.Timestamp:
    """The earlier day; of a report (a path, or text that ends in `.html` or `.htm`) the day that its page says."""
    if isinstance(since_report, Path) or (
        isinstance(since_report, str) and since_report.lower().endswith((".html", ".htm"))
    ):
        since_report = read_day(Path(since_report))
    return zoned(since_report, "since_report")


def _error_of(error: PapermillExecutionError, notebook: Path) -> ToolkitError:
    """The error that a cell raised: as it is where it is one of this package, else with the notebook's name."""
    kind = getattr(errors, error.ename, None)
    if isinstance(kind, type) and issubclass(kind, ToolkitError):
        return kind(error.evalue)
    return ToolkitError(explain_failure(notebook, error))


def _absolute(named: str, *, known: Iterable[str]) -> str:
    """The path made absolute; URLs and the `known` names stay as they are."""
    return named if named in known or "://" in named else str(Path(named).resolve())


def _write(output: Path, page: bytes) -> None:
    """Write the page through a temporary file; with an empty page, only check that the file can be written."""
    target = output.resolve()
    is_plain = target.is_file() or not target.exists()
    path = target.with_name(f".{target.name}.{os.getpid()}") if is_plain else target
    try:
        path.write_bytes(page)
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
