"""Make the pictures of the README again, from the recorded data: `.venv/bin/python notebooks/make_pictures.py`."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import toolkit
from toolkit.analyse import find_rotations, summarise_support
from toolkit.chart import plot_rotations, plot_suites, plot_support

DATA = Path(__file__).resolve().parent.parent / "data"
PICTURES = Path(__file__).resolve().parent / "pictures"
SCANNED = "smtp://smtp.gmail.com:587"


def main(folder: Path = PICTURES) -> None:
    """Write each chart into `folder` as PNG."""
    mail = toolkit.read(DATA / "google-mail")
    series = toolkit.read(DATA / "web-series")
    rotations = find_rotations(series)
    support = summarise_support(mail, now=datetime(2026, 1, 1, tzinfo=UTC))
    is_scan = (support["service"] == SCANNED) & (support["basis"] == "survey")
    charts = {
        "rotations": plot_rotations(find_rotations(mail, basis="names")),
        "rotations-seen": plot_rotations(rotations[rotations["host"].isin(["google.com", "fastly.com", "akamai.com"])]),
        "support": plot_support(support[is_scan]),
        "suites": plot_suites(mail.observations, by="cipher"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, axes in charts.items():
        # Without the version of matplotlib in it, the same data give the same file.
        axes.figure.savefig(folder / f"{name}.png", dpi=90, bbox_inches="tight", metadata={"Software": None})


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
