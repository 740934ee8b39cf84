"""Make toolkit/reference/museum.csv from the recorded survey of 2015: `python data/make_museum.py`.

The rows are the accepted ones of data/google-mail/support.csv, and nothing else; the same input gives the same bytes.
"""

import csv
from pathlib import Path

from toolkit.reference.museum import COLUMNS

_HERE = Path(__file__).resolve().parent
_ROUND = "google-mail-support-2015-11-25"


def make_museum(support: Path) -> list[dict[str, str]]:
    """What smtp.gmail.com:587 accepted, protocol by protocol; first choices first, the rest as it was listed."""
    with support.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["round"] == _ROUND and row["state"] == "accepted"]
    made = [
        {
            "protocol": row["protocol"],
            "suite": row["suite"],
            "is_first": "true" if row["rank"] == "1" else "false",
            "source": row["reason"].split("; ")[-1],
            "date": _ROUND[-10:],
        }
        for row in rows
    ]
    return sorted(made, key=lambda row: (row["protocol"], row["is_first"] == "false"))


if __name__ == "__main__":
    with (_HERE.parent / "toolkit" / "reference" / "museum.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(make_museum(_HERE / "google-mail" / "support.csv"))
