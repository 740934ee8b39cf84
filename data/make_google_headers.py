"""Convert the record of `Received:` headers into `Tables`: `python data/make_google_headers.py` → data/google-headers/.

Reads `../shared/recorded/others/mail_headers`, which is not part of the project. A header that Google's server wrote
when it took a mail in is a look at that server, by the client that sent the mail. The record holds the time, the
server, protocol, suite and bits of each header, and nothing else of the mails.
"""

import csv
import gzip
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from toolkit import schema
from toolkit.readers.mail_suites import describe_handshake
from toolkit.reference import find_suite
from toolkit.tables import Tables

ROOT: Final = Path(__file__).resolve().parent.parent
RECORD: Final = ROOT.parent / "shared" / "recorded" / "others" / "mail_headers"
FOLDER: Final = ROOT / "data" / "google-headers"

ARCHIVES: Final = (
    "linux-mailinglist-archives on GitHub: kasan-dev.googlegroups.com.0@93a690373100 and "
    "linux-ext4.vger.kernel.org.0@934fee7b906a, Received headers"
)
"""Where the 28,305 headers, and those of all servers by month, were published."""

MONTHLY: Final = (
    "month", "archive", "received_by", "wording", "protocol", "suite", "key_bits", "strength_bits", "bits_text",
    "group", "headers", "first_at", "last_at",
)  # fmt: skip


def make(record: Path) -> Tables:
    """The looks: every header of the archives (round `google-headers`), then single ones (`google-headers-single`)."""
    with gzip.open(record / "google_headers_2019_2026.csv.gz", "rt", encoding="utf-8", newline="") as file:
        looks = [_look("google-headers", ARCHIVES, row) for row in csv.DictReader(file)]
    looks += [
        _look("google-headers-single", row["source"], row)
        for row in _rows(record / "header_sightings.csv")
        if row["written_by"] == "google"
    ]
    observations = schema.frame("observations", looks)
    key = [name for name in schema.OBSERVATION_KEY if name != "sample"]
    observations["sample"] = observations.groupby(key, dropna=False).cumcount().astype("Int64")
    return Tables.from_frames(observations)


def write_monthly(record: Path, path: Path) -> None:
    """Write the headers of all servers, counted by month, as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, MONTHLY, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_monthly(record))


def _monthly(record: Path) -> Iterator[dict[str, object]]:
    """The headers of all servers, by month, archive, receiving host, wording, protocol, suite and bits."""
    for row in _rows(record / "headers_monthly_2019_2026.csv"):
        said = describe_handshake(
            row["protocol_text"], row["cipher_text"] or None, None, group=row["key_exchange_text"] or None
        )
        suite = find_suite(str(said["suite"])) if said["suite"] else None
        yield {
            **{name: row[name] for name in MONTHLY if name in row},
            "protocol": said["protocol"],
            "suite": said["suite"],
            "key_bits": suite.key_bits if suite else None,
            "strength_bits": suite.strength_bits if suite else None,
            "group": said["group"],
        }


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _look(series: str, source: str, row: dict[str, str]) -> dict[str, object]:
    cipher = row["cipher_text"]
    is_named = cipher != "OTHER"  # what Google's servers wrote until 2016 for suites that they had no name for
    said = describe_handshake(row["protocol_text"], cipher if is_named else None, row["bits_text"] or None)
    reasons = (said["reason"], None if is_named else f"suite: {cipher}")
    return said | {
        "observed_at": datetime.fromisoformat(row["received_at"]).astimezone(UTC),
        "date_basis": "observed",
        "round": series,
        "sample": 0,
        "source": source,
        "tool": "Google",
        "host": row["received_by"],
        "outcome": "ok",
        "reason": "; ".join(str(reason) for reason in reasons if reason) or None,
    }


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    make(RECORD).to_parquet(FOLDER)
    write_monthly(RECORD, FOLDER / "monthly.csv")
