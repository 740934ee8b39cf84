"""The demo: a lab year, observed, kept and reported on; the lessons as pages; and what was found in a few lines."""

import os
import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tqdm.auto import tqdm

from toolkit import readers, schema
from toolkit.analyse import find_rotations
from toolkit.collection import collect, survey
from toolkit.errors import UsageError
from toolkit.lab import Lab
from toolkit.report.pages import execute_notebooks, write_markdown
from toolkit.report.writing import write_report
from toolkit.shipped import notebook_folder
from toolkit.store import Store
from toolkit.tables import Tables, as_pem

DEMO_STEP: Final = timedelta(days=2)
"""Between two rounds of the demo: shorter than most roll-outs, and a year of rounds takes less than half a minute."""

DEMO_SAMPLES: Final = 3
"""Looks per service and offer in a round of the demo."""

DEMO_OFFERS: Final = ("any", "rsa")
"""A current client's offer, and one with RSA only: one of the lab's hosts has certificates of both key types."""

POLICY: Final = "mozilla-intermediate"
"""The policy by which the report judges the lab year."""

DEMO_ROUNDS_PER_SURVEY: Final = 60
"""Rounds between two surveys of every service: four surveys in the year."""


def run_demo(output: Path, *, recorded: Path, seed: int, notebooks: Path | None = None) -> None:
    """Observe a lab year and report on it, execute the lessons, print what was found and which files to open.

    Writes the store `output/lab-year`, the report on it `output/report.html`, the lessons as pages `output/NN-….html`
    with their charts `output/NN-…-K.png`, the glossary `output/glossary.html`, and the lab's root certificates
    `output/lab-roots.pem`. The lessons show the data that their prose describes, which come with the package.
    `recorded`: a folder of recorded data for the lessons. `seed`: of the lab. `notebooks`: the folder of the lessons;
    by default the one that comes with the package.

    Raises `UsageError` where that folder has no notebooks, the error of `toolkit.read` where `recorded` cannot be read
    (both before the lab year is observed), and `ToolkitError`, naming the notebook and its error, where one fails.
    """
    notebooks = notebooks or notebook_folder()
    found = sorted(notebooks.glob("[0-9][0-9]-*.ipynb"))
    if not found:
        raise UsageError(f"{notebooks.resolve()} holds no notebooks: name a folder that holds them.")
    recorded_summary = describe_recorded(recorded)  # raises where it cannot be read, before the year is observed
    output.mkdir(parents=True, exist_ok=True)
    kept = output / "lab-year"
    shutil.rmtree(kept, ignore_errors=True)
    store = Store(kept)
    watch_lab_year(store, seed=seed)
    roots = output / "lab-roots.pem"
    year = Lab("year", seed=seed)
    roots.write_text("".join(as_pem(root) for root in year.roots), encoding="ascii")
    report = output / "report.html"
    print("Writing the report on the lab year ...", flush=True)
    write_report(kept, report, now=year.ends_at, policy=POLICY, roots=roots, title="TLS report: a lab year")
    # Relative to the notebooks, because the pages show their parameters: no path of this machine belongs there.
    documents = execute_notebooks(found, output, parameters={"RECORDED": os.path.relpath(recorded, found[0].parent)})
    if (notebooks / "glossary.md").is_file():
        write_markdown(notebooks / "glossary.md", output / "glossary.html")
    print("\n".join([*describe(store), recorded_summary]))
    print("Open: " + "\n      ".join(str(output / document.name) for document in [report, *documents]))
    print(f"Judge: tls-toolkit check {kept} --roots {roots} --policy {POLICY} --now {year.ends_at:%Y-%m-%d}")


def watch_lab_year(store: Store, *, seed: int) -> None:
    """Observe every service of the lab's `year` in rounds `DEMO_STEP` apart, and survey each four times, into `store`.

    Only the last survey asks about groups, which takes longest. The answers of the surveys are kept, not their
    handshakes. The surveys use a second lab: how many connections a survey opens depends on the installed OpenSSL, and
    each connection changes which backend of the first lab would answer next.
    """
    with Lab("year", seed=seed) as lab:
        instants = list(_instants(lab.begins_at, lab.ends_at))
        for instant in tqdm(instants, desc="Observing a lab year", unit="round", disable=None):
            lab.clock.turn(instant)
            collect(lab.targets, store, offers=DEMO_OFFERS, samples=DEMO_SAMPLES, clock=lab.clock, progress=False)
    with Lab("year", seed=seed) as lab:
        for instant in tqdm(
            instants[::-DEMO_ROUNDS_PER_SURVEY][::-1], desc="Surveying it", unit="survey", disable=None
        ):
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


def describe(store: Store) -> list[str]:
    """What a store holds, in one to three lines: services, looks, certificates, rotations and their overlaps."""
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
            f"Old and new certificate were both observed in service in {len(caught)} rotations, for at least "
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
    """What a folder of recorded data holds, in one line: looks, leaf certificates, rotations, overlaps of validity."""
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
