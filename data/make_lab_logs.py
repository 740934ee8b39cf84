"""Take what Postfix logged about TLS in a lab: `python data/make_lab_logs.py` → data/lab-logs/.

Reads `../shared/recorded/others/logs`, which is not part of the project: the log of our own run on loopback, where
scanners and mail servers connected to a Postfix on 28 November 2026. Only lines about TLS are kept.
"""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
RECORD: Final = ROOT.parent / "shared" / "recorded" / "others" / "logs"
FOLDER: Final = ROOT / "data" / "lab-logs"

_ABOUT_TLS: Final = re.compile(r"TLS connection established|SSL_connect error")


def make(record: Path, folder: Path) -> None:
    """Write the lines about TLS."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (record / "postfix-3.10.13.log").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if _ABOUT_TLS.search(line)]
    (folder / "postfix.log").write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


if __name__ == "__main__":
    make(RECORD, FOLDER)
