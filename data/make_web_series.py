"""Convert the series of web hosts into `Tables`: `python data/make_web_series.py` → data/web-series/.

Reads `../shared/recorded/web_series`, which is not part of the project: certificates of eight hosts from the history
of `limbo/_assets/online` in C2SP/x509-limbo. What its script (`limbo/testcases/online.py`) does decides what a row
may say: it connects to port 443 over IPv4 with the host as server name, and keeps the chain that OpenSSL *verified*,
without its root. So the chain as served is not known, and null; its intermediate is among the certificates.

A commit comes after the look that it records. The earliest instant that is known to be later than the look is the one
at which the commit was authored. It is an upper bound only: where a person merged the bot's change (the instant is then
in that person's time zone), it is the instant of the merge.
"""

import csv
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from toolkit import schema
from toolkit.certificates import parse_certificate
from toolkit.readers.pem import read_certificates
from toolkit.tables import Tables
from toolkit.targets import parse_target

ROOT: Final = Path(__file__).resolve().parent.parent
RECORD: Final = ROOT.parent / "shared" / "recorded" / "web_series"
FOLDER: Final = ROOT / "data" / "web-series"


def make(record: Path) -> Tables:
    """The series as `Tables`: a row per host and commit, with the leaf; leaves and intermediates."""
    with (record / "observations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    intermediates = {(row["host"], row["source_commit"]): row["sha256"] for row in rows if row["role"] != "leaf"}
    looks = [_look(row, intermediates[row["host"], row["source_commit"]]) for row in rows if row["role"] == "leaf"]
    looks.sort(key=lambda look: (str(look["host"]), str(look["observed_until"])))
    certificates = [parse_certificate(der) for der in read_certificates(record / "certificates.pem")]
    certificates.sort(key=lambda row: str(row["cert_sha256"]))
    return Tables.from_frames(
        observations=schema.frame("observations", looks), certificates=schema.frame("certificates", certificates)
    )


def _look(row: dict[str, str], intermediate: str) -> dict[str, object]:
    target = parse_target(f"https://{row['host']}:{row['port']}")
    return {
        "observed_until": datetime.fromisoformat(row["authored_on"]).astimezone(UTC),
        "date_basis": f"until: commit {row['source_commit']} was authored then; the look itself came before",
        "round": f"web-series-{row['source_commit'][:12]}",
        "sample": 0,
        "source": "C2SP/x509-limbo limbo/_assets/online (Apache-2.0)",
        "service": target.service,
        "host": target.host,
        "port": target.port,
        "server_name": target.server_name,
        "outcome": "ok",
        "reason": f"verified by the source through the intermediate {intermediate}",
        "leaf_sha256": row["sha256"],
    }


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    make(RECORD).to_csv(FOLDER)
