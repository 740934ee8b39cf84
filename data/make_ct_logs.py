"""Make toolkit/reference/ct_logs.csv: `python data/make_ct_logs.py HISTORY [FOLDER]`.

HISTORY is `ct_logs_history.csv`: the logs of Google's list (version 3) on each day from 2023-03-09 to 2026-01-03, from
the history of `log_list.json` in github.com/appmattus/certificatetransparency. FOLDER is where the table goes (default:
toolkit/reference). The same input gives the same bytes.
"""

import csv
import sys
from pathlib import Path

COLUMNS = ("log_id", "operator", "description", "kind", "source")


def make_rows(history: Path) -> list[dict[str, str]]:
    """A row per log, by operator and description; `source` is the last day on which the list named it."""
    last: dict[str, dict[str, str]] = {}
    with history.open(encoding="utf-8", newline="") as file:
        for row in sorted(csv.DictReader(file), key=lambda row: row["last_list_at"]):
            before = last.get(row["log_id"])
            if before is not None and before["operator"] != row["operator"]:
                raise ValueError(f"{row['log_id']} has had two operators: {before['operator']}, {row['operator']}")
            last[row["log_id"]] = row
    rows = [
        {
            "log_id": row["log_id"],
            "operator": row["operator"],
            "description": row["description"],
            "kind": row["kind"],
            "source": f"Google's list of logs, version 3, as of {row['last_list_at'][:10]}",
        }
        for row in last.values()
    ]
    return sorted(rows, key=lambda row: (row["operator"], row["description"], row["log_id"]))


if __name__ == "__main__":
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent.parent / "toolkit/reference"
    with (folder / "ct_logs.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(make_rows(Path(sys.argv[1])))
