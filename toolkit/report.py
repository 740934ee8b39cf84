"""From notebooks to documents: the report on a source, and the demo, which watches a lab year and says what it saw."""

import base64
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import nbconvert
import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from tqdm.auto import tqdm

import toolkit
from toolkit import readers, schema, text
from toolkit.analyse import find_rotations
from toolkit.collection import collect, survey
from toolkit.errors import OutputError, ToolkitError, UsageError
from toolkit.lab import Lab
from toolkit.reference.roots import bundles
from toolkit.reference.rules import policies
from toolkit.shipped import notebook_folder
from toolkit.store import Store
from toolkit.tables import Tables, as_pem

DEMO_STEP: Final = timedelta(days=2)
"""Between two rounds of the demo: short beside most roll-outs, and a year of rounds stays below half a minute."""

DEMO_SAMPLES: Final = 3
"""Looks at each service and offer in a round of the demo."""

DEMO_OFFERS: Final = ("any", "rsa")
"""What a current client offers, and RSA alone: one of the lab's hosts serves both kinds of certificate."""

DEMO_ROUNDS_PER_SURVEY: Final = 60
"""Rounds of the demo from one survey of every service to the next: four surveys in the year."""

_OFFLINE: Final = """\
{%- extends "lab/index.html.j2" -%}
{%- block html_head_js -%}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'" />
{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_css -%}
<style>
  body.jp-Notebook { padding: 1rem; }
  main { max-width: 74rem; margin: 0 auto; }
  .jp-MarkdownOutput { padding-left: 0; }
  .jp-RenderedHTMLCommon table { margin-left: 0; font-variant-numeric: tabular-nums; }
  main .jp-RenderedHTMLCommon.jp-RenderedHTMLCommon :is(td, th) { text-align: left; vertical-align: top; }
  .jp-OutputArea-output { overflow-x: auto; }
  @page { size: A4; margin: 14mm 12mm; }
  @media print {
    html, body.jp-Notebook { padding: 0; height: auto; overflow: visible; }
    main { max-width: none; }
    body, main .jp-RenderedHTMLCommon { font-size: 9pt; line-height: 1.35; }
    main .jp-RenderedHTMLCommon table { table-layout: auto; max-width: 100%; font-size: 7pt; }
    main .jp-RenderedHTMLCommon.jp-RenderedHTMLCommon :is(td, th) { padding: 1.5pt 3pt; }
    main .jp-Cell, main :is(.jp-Cell-inputWrapper, .jp-Cell-outputWrapper, .jp-InputArea, .jp-InputArea-editor,
      .jp-OutputArea, .jp-OutputArea-child, .jp-OutputArea-output) {
      display: block; overflow: visible; page-break-inside: auto; break-inside: auto; }
    main .jp-Cell { padding: 1mm 0; }
    main .jp-Cell-inputWrapper { break-inside: avoid; break-after: avoid; }
    main :is(.jp-OutputPrompt, .jp-InputPrompt, .jp-Collapser) { display: none; }
    main pre, main .highlight pre { font-size: 7.5pt; white-space: pre-wrap; overflow-wrap: anywhere; }
    main :is(h1, h2, h3, .jp-MarkdownCell) { break-after: avoid; }
    main :is(tr, img) { break-inside: avoid; }
    main img { max-width: 100%; max-height: 120mm; }
    main table + p { break-before: avoid; }
    thead { display: table-header-group; }
  }
</style>
{%- endblock -%}
"""
"""nbconvert's page without the scripts that it loads from elsewhere; browsers are told to load and run nothing."""

PICTURES_AT_ONCE: Final = 2
"""Notebooks executed side by side, one kernel each."""


def run_demo(output: Path, *, recorded: Path, seed: int, notebooks: Path | None = None) -> None:
    """Watch a lab year into `output/lab-year`, execute the notebooks on it, print what was seen and what to open.

    Writes `output/NN-….html`, the charts as `output/NN-…-K.png`, and the lab's roots as `output/lab-roots.pem`.
    The notebooks are those that come with the package, or of the folder `notebooks`. Raises `UsageError` where there
    are none, `ToolkitError` where one of them fails, naming it and its error.
    """
    notebooks = notebooks or notebook_folder()
    found = sorted(notebooks.glob("[0-9][0-9]-*.ipynb"))
    if not found:
        raise UsageError(f"No notebooks in {notebooks.resolve()}: name a folder that holds them.")
    output.mkdir(parents=True, exist_ok=True)
    kept = output / "lab-year"
    shutil.rmtree(kept, ignore_errors=True)
    store = Store(kept)
    watch_lab_year(store, seed=seed)
    roots = output / "lab-roots.pem"
    year = Lab("year", seed=seed)
    roots.write_text("".join(as_pem(root) for root in year.roots), encoding="ascii")
    documents = execute_notebooks(
        found,
        output,
        # As seen from the notebooks: the pages show their parameters, and nobody needs to know where this machine
        # keeps them.
        parameters={
            name: os.path.relpath(path, found[0].parent) for name, path in (("SOURCE", kept), ("RECORDED", recorded))
        },
    )
    if (notebooks / "glossary.md").is_file():
        _write_glossary(notebooks / "glossary.md", output / "glossary.html")
    print("\n".join([*describe(store), describe_recorded(recorded)]))
    print("Open: " + "\n      ".join(str(output / document.name) for document in documents))
    print(f"Judge: tls-toolkit check {kept} --roots {roots} --policy mozilla-intermediate "
          f"--now {year.ends_at:%Y-%m-%d}")  # fmt: skip


def watch_lab_year(store: Store, *, seed: int) -> None:
    """Look at every service of the lab's `year`, round after round, while its clock turns; keep all in `store`.

    Then survey every service four times, the last time with its groups, which take longest. Of the surveys the answers
    are kept, not the handshakes. They ask a lab of their own: how many connections a survey takes depends on the
    installed OpenSSL, and each connection moves the balancers on.
    """
    with Lab("year", seed=seed) as lab:
        instants = list(_instants(lab.begins_at, lab.ends_at))
        for instant in tqdm(instants, desc="Watching a lab year", unit="round"):
            lab.clock.turn(instant)
            collect(lab.targets, store, offers=DEMO_OFFERS, samples=DEMO_SAMPLES, clock=lab.clock, progress=False)
    with Lab("year", seed=seed) as lab:
        for instant in tqdm(instants[::-DEMO_ROUNDS_PER_SURVEY][::-1], desc="Surveying it", unit="survey"):
            lab.clock.turn(instant)
            found = survey(
                lab.targets,
                parts=("suites", "groups") if instant == instants[-1] else ("suites",),
                rate=None,
                clock=lab.clock,
                progress=False,
            )
            store.append(Tables.from_frames(support=found.support, rounds=found.rounds))
    store.compact()


def execute_notebooks(notebooks: Iterable[Path], output: Path, *, parameters: dict[str, object]) -> list[Path]:
    """Execute each notebook of a folder with the parameters; HTML and PNG go to `output`; the HTML files are returned.

    The process stands in the folder meanwhile, because kernels start where it stands and notebooks name their data
    from where they lie.
    """
    listed = [notebook.resolve() for notebook in notebooks]
    output = output.resolve()
    with chdir(listed[0].parent), ThreadPoolExecutor(PICTURES_AT_ONCE) as pool:
        made = pool.map(lambda notebook: execute_notebook(notebook, output, parameters=parameters), listed)
        return list(tqdm(made, total=len(listed), desc="Executing notebooks", unit="notebook"))


def execute_notebook(notebook: Path, output: Path, *, parameters: dict[str, object]) -> Path:
    """Execute one notebook in the current folder; return the HTML file made of it, beside which its charts lie as PNG.

    Raises `ToolkitError` naming the notebook and the error of the cell that failed, and where nbconvert's templates are
    not found.
    """
    exporter = _exporter(has_code=True)
    executed = output / notebook.name
    document = _execute(notebook, parameters=parameters, executed=executed)
    written = executed.with_suffix(".html")
    # Lessons link to each other and to the glossary as files; here they stand side by side as pages.
    page = re.sub(r'href="([\w-]+)\.(?:ipynb|md)"', r'href="\1.html"', _page(document, exporter, title=notebook.stem))
    written.write_text(page, encoding="utf-8")
    executed.unlink()
    for number, picture in enumerate(_pictures(document), 1):
        executed.with_name(f"{notebook.stem}-{number}.png").write_bytes(picture)
    return written


def _write_glossary(glossary: Path, output: Path) -> None:
    """Write the glossary, a Markdown file, as the page `output` in the style of the lessons."""
    words = glossary.read_text(encoding="utf-8")
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(words)])
    output.write_text(_page(document, _exporter(has_code=True), title="Glossary"), encoding="utf-8")


def write_report(
    source: str,
    output: Path,
    *,
    now: datetime,
    policy: str,
    roots: str,
    since: datetime | None = None,
    until: datetime | None = None,
    history: bool = False,
    title: str | None = None,
) -> None:
    """Write the report on a source as one HTML file that loads nothing: `notebooks/report.ipynb` executed on it.

    `source`, `policy` and `roots` are names or paths, as `toolkit.read`, `load_policy` and `load_roots` take them;
    `since` and `until` limit it to what was seen in that time, as `toolkit.read` does; `history` judges all of it, not
    only what is in service at `now`.
    The notebook runs in an empty folder of its own, so that no file of the current folder (a `pandas.py`, a
    `matplotlibrc`) becomes part of it.

    Raises `UsageError` where the file's folder does not exist or the file is a folder itself, `OutputError` where the
    file cannot be written (found out before the notebook is executed, as far as it can be), and `ToolkitError` where
    the source cannot be read, the notebook fails, or nbconvert's templates are not found.
    """
    if output.is_dir():
        raise UsageError(f"{output} is a folder: name a file in it with --output, such as {output / 'report.html'}.")
    if not output.resolve().parent.is_dir():
        raise UsageError(f"{output.parent} is not a folder: make it, or name another with --output.")
    toolkit.read(source)  # what is wrong with it is said better here than by a notebook that fails
    shown = title or f"TLS report: {Path(source).name or source}"
    parameters: dict[str, object] = {
        "SOURCE": _absolute(source, known=()),
        "SOURCE_NAME": source,
        "NOW": now.isoformat(),
        "POLICY": _absolute(policy, known=policies()),
        "ROOTS": _absolute(roots, known=("certifi", *bundles())),
        "SINCE": since and since.isoformat(),
        "UNTIL": until and until.isoformat(),
        "HISTORY": history,
        "TITLE": shown,
    }
    exporter = _exporter(has_code=False)
    _write(output, "")  # what is wrong with the place is said before the notebook is executed
    with tempfile.TemporaryDirectory(prefix="report-") as empty, chdir(empty):
        document = _execute(notebook_folder() / "report.ipynb", parameters=parameters, executed=None)
    _write(output, _page(document, exporter, title=shown))


def _absolute(named: str, *, known: Iterable[str]) -> str:
    """A path as it reads from any folder; URLs and the `known` names stay as they are."""
    return named if named in known or "://" in named else str(Path(named).resolve())


def _write(output: Path, page: str) -> None:
    """Write the page; a file that is there is replaced at the end, and stays as it is for an empty page."""
    target = output.resolve()
    is_plain = target.is_file() or not target.exists()
    path = target.with_name(f".{target.name}.{os.getpid()}") if is_plain else target
    try:
        path.write_text(page, encoding="utf-8")
        if is_plain and page:
            path.replace(target)
    except OSError as error:
        raise OutputError(
            f"{output} cannot be written: {error.strerror}. Choose another place with --output, or free some space."
        ) from error
    finally:
        if is_plain:
            with suppress(OSError):
                path.unlink()


def _execute(notebook: Path, *, parameters: dict[str, object], executed: Path | None) -> nbformat.NotebookNode:
    """The notebook with its outputs; `executed` keeps it as a file, also as far as it came before it failed."""
    try:
        document: nbformat.NotebookNode = papermill.execute_notebook(
            str(notebook),
            str(executed) if executed else None,
            parameters=parameters,
            progress_bar=False,
            # The kernel's remarks (that it speaks over loopback, that it was told to end) would stand between the lines
            # of our progress bar; what goes wrong in a cell comes as an error all the same.
            # Charts go into the page, whatever MPLBACKEND says.
            extra_arguments=["--IPKernelApp.log_level=CRITICAL", "--matplotlib=inline"],
        )
    except DeadKernelError as error:
        raise ToolkitError(
            f"{notebook.name} failed: its kernel ended by itself. It may have run out of memory: choose a shorter time "
            "with --since and --until."
        ) from error
    except PapermillExecutionError as error:
        kept = f" See {executed}." if executed else ""
        raise ToolkitError(f"{notebook.name} failed: {error.ename}: {error.evalue}.{kept}") from error
    return document


def _exporter(*, has_code: bool) -> nbconvert.HTMLExporter:
    """What makes a page of a notebook, asked for first: without templates there is no use in executing one."""
    try:
        return nbconvert.HTMLExporter(
            raw_template=_OFFLINE,
            exclude_input=not has_code,
            exclude_input_prompt=not has_code,
            exclude_output_prompt=not has_code,
            exclude_anchor_links=not has_code,
            extra_template_basedirs=[],  # by default the current folder, whose templates are not ours
        )
    except ValueError as error:
        raise ToolkitError(
            f"nbconvert does not find its templates ({str(error).splitlines()[0]}). They are installed under "
            "share/jupyter: install it anew (pip install --force-reinstall nbconvert), or name that folder in "
            "JUPYTER_PATH."
        ) from error


def _page(document: nbformat.NotebookNode, exporter: nbconvert.HTMLExporter, *, title: str) -> str:
    """The executed notebook as one HTML file that loads and runs nothing, whatever its outputs hold."""
    document.metadata["title"] = text.plain(title)
    page, _ = exporter.from_notebook_node(document)
    return str(page)


def describe(store: Store) -> list[str]:
    """A few lines on what a store holds: services, looks, certificates, rotations and their overlaps."""
    tables = store.load()
    looks = tables.observations
    rotations = find_rotations(tables)
    leaves = looks["leaf_sha256"].nunique()
    failed = looks.loc[looks["outcome"] != "ok", "outcome"].value_counts()
    failures = ", ".join(f"{count} {outcome}" for outcome, count in failed.items()) or "none failed"
    sources = "+".join(sorted(looks["source"].unique())) or "empty"
    lines = [
        (
            f"Saw ({sources}): {looks['service'].nunique()} services, {len(looks)} looks ({failures}), "
            f"{leaves} leaf certificates, {len(rotations)} rotations."
        )
    ]
    caught = rotations.loc[(rotations["overlap_min_days"] > 0) & ~rotations["is_ambiguous"], "overlap_min_days"]
    if len(caught):
        lines.append(
            f"Old and new certificate were both caught being served in {len(caught)} rotations, for at least "
            f"{caught.min():.1f} to {caught.max():.1f} days (median {caught.median():.1f})."
        )
    bounded = rotations["overlap_max_days"].dropna()
    if len(bounded):
        share = rotations.loc[bounded.index, "min_share"].iloc[0]
        lines.append(
            f"At most {bounded.max():.1f} days in {len(bounded)} of {len(rotations)} rotations "
            f"(95 % each, for shares of at least {share:.0%})."
        )
    return lines


def describe_recorded(folder: Path) -> str:
    """One line on a folder of recorded data: sightings, leaf certificates, and the overlaps of their validity."""
    tables = readers.read(folder)
    rotations = find_rotations(tables, basis="names")
    overlaps = rotations.loc[rotations["validity_overlap_days"] > 0, "validity_overlap_days"]
    looks = tables.observations
    dated = looks[schema.INSTANTS].stack().dropna()
    line = (
        f"Recorded ({folder.name}): {len(looks)} looks, {looks['leaf_sha256'].nunique()} leaf certificates, "
        f"{len(rotations)} rotations by names"
    )
    if len(dated):
        line += f", {dated.min():%Y-%m-%d} to {dated.max():%Y-%m-%d}"
    if len(overlaps):
        line += f"; {len(overlaps)} overlap in validity, by {overlaps.min():.1f} to {overlaps.max():.1f} days"
    return f"{line}."


def _instants(begins_at: datetime, ends_at: datetime) -> Iterable[datetime]:
    instant = begins_at
    while instant < ends_at:
        yield instant
        instant += DEMO_STEP


def _pictures(document: nbformat.NotebookNode) -> Iterable[bytes]:
    for cell in document.cells:
        for output in cell.get("outputs", ()):
            picture = output.get("data", {}).get("image/png")
            if picture is not None:
                yield base64.b64decode(picture)
