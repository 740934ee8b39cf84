"""Make toolkit/reference/bundles/*.csv: `python data/make_roots.py ROOTS [FOLDER]`.

ROOTS is a folder with the PEM files named in `BUNDLES`; FOLDER is where the tables go (default:
toolkit/reference/bundles). One table holds each distinct certificate once, the other says which bundle held it on
which day. The same input gives the same bytes. It needs the project's environment: `.venv/bin/python`.
"""

import argparse
import base64
import csv
from pathlib import Path

from toolkit.certificates import parse_certificate
from toolkit.reference.roots import BUNDLE_COLUMNS, CERTIFICATE_COLUMNS, split_pem

# File → (bundle, day, where it was published).
BUNDLES = {
    "pki.goog_roots_2017-09-08.pem": ("google-2017-09-08", "2017-09-08", "https://pki.goog/roots.pem"),
    "pki.goog_roots_2018-12-03.pem": ("google-2018-12-03", "2018-12-03", "https://pki.goog/roots.pem"),
    "GS_Root_R2.pem": ("google-trust-services", "", "https://pki.goog/repository/"),
    "GTS_Root_R1.pem": ("google-trust-services", "", "https://pki.goog/repository/"),
    "GTS_Root_R2.pem": ("google-trust-services", "", "https://pki.goog/repository/"),
    "GTS_Root_R3.pem": ("google-trust-services", "", "https://pki.goog/repository/"),
    "GTS_Root_R4.pem": ("google-trust-services", "", "https://pki.goog/repository/"),
}


def main() -> None:
    """Write both tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("roots", type=Path)
    arguments.add_argument("folder", type=Path, nargs="?", default=Path("toolkit/reference/bundles"))
    given = arguments.parse_args()
    certificates: dict[str, dict[str, object]] = {}
    members: list[dict[str, object]] = []
    for name, (bundle, day, source) in BUNDLES.items():
        for der in split_pem((given.roots / name).read_bytes(), name):
            facts = parse_certificate(der)
            sha = str(facts["cert_sha256"])
            certificates[sha] = {
                "cert_sha256": sha,
                "subject": facts["subject"],
                "not_before": f"{facts['not_before']:%Y-%m-%dT%H:%M:%SZ}",
                "not_after": f"{facts['not_after']:%Y-%m-%dT%H:%M:%SZ}",
                "der": base64.b64encode(der).decode("ascii"),
            }
            members.append({"bundle": bundle, "date": day, "cert_sha256": sha, "source": source})
    given.folder.mkdir(parents=True, exist_ok=True)
    _write(given.folder / "certificates.csv", CERTIFICATE_COLUMNS, [certificates[sha] for sha in sorted(certificates)])
    _write(given.folder / "members.csv", BUNDLE_COLUMNS, members)


def _write(path: Path, columns: tuple[str, ...], rows: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
