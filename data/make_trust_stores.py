"""Make toolkit/reference/stores/{roots,history,records}.csv: `python data/make_trust_stores.py TRUST [FOLDER]`.

TRUST is a folder with the recorded histories and root certificates (`mozilla_nss_history.csv`, `distrust_after.csv`,
`certifi_history.csv`, `certifi_releases.csv`, `trust_stores.csv`, `trust_stores_looks.csv`, `roots/`); FOLDER is where
the tables go (default: toolkit/reference/stores). Chrome's store comes from `chrome_roots.py`. The same input gives the
same bytes. It needs the project's environment: `.venv/bin/python`.
"""

import argparse
import base64
import csv
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import chrome_roots

from toolkit import pem
from toolkit.certificates import parse_certificate
from toolkit.reference.roots import bundles
from toolkit.reference.stores import CERTIFICATE_COLUMNS, HISTORY_COLUMNS, RECORD_COLUMNS

Row = dict[str, str]

TITLES = {
    "mozilla": "NSS, for websites",
    "certifi": "certifi, newest release",
    "chrome": "Chrome Root Store",
    "apple": "Apple (iOS 11 to 12, then all platforms)",
    "microsoft": "Microsoft Windows",
    "android": "Android (AOSP)",
    "java": "OpenJDK",
    "oracle-java": "Oracle Java",
}

OBSERVATORY = "trust_stores_observatory 5be93b952294"
OBSERVATORY_URL = "https://github.com/nabla-c0d3/trust_stores_observatory"
NSS_URL = "https://github.com/nss-dev/nss/blob/master/lib/ckfw/builtins/certdata.txt"

# Store of ours → the platforms of the observatory that record it, in order of time. The lists of iOS and macOS were the
# same until Apple published one list for both.
PLATFORMS = {
    "apple": ("apple_ios", "apple"),
    "microsoft": ("microsoft_windows",),
    "android": ("google_aosp",),
    "java": ("openjdk",),
    "oracle-java": ("oracle_java",),
}


def make_tables(folder: Path) -> tuple[list[Row], list[Row], list[Row]]:
    """The rows of the three tables: roots, history and records."""
    certificates = _read_roots(folder / "roots")
    history: list[Row] = []
    records: list[Row] = []
    for rows, record in (
        _mozilla(folder),
        _certifi(folder),
        _chrome(sorted(certificates)),
        *(_platform(folder, store, names) for store, names in PLATFORMS.items()),
    ):
        history += rows
        records.append(record)
    # A certificate that a store never trusted for servers and whose bytes are not known cannot be met in a path.
    trusted = {(row["store"], row["cert_sha256"]) for row in history if row["state"] == "trusted"}
    history = [
        row for row in history if row["cert_sha256"] in certificates or (row["store"], row["cert_sha256"]) in trusted
    ]
    of_google = {split for roots in bundles().values() for split in roots}
    kept = [row for row in certificates.values() if base64.b64decode(row["der"]) not in of_google]
    order = ("store", "cert_sha256", "since", "until_before")
    return kept, sorted(history, key=lambda row: [row[name] for name in order]), records


def _read_roots(folder: Path) -> dict[str, Row]:
    found = {}
    for path in sorted(folder.glob("*.pem")):
        (block,) = pem.split_blocks(pem.split_lines(path.read_bytes()))
        der = block.content
        facts = parse_certificate(der)
        found[str(facts["cert_sha256"])] = {
            "cert_sha256": str(facts["cert_sha256"]),
            "subject": str(facts["subject"]),
            "not_before": f"{facts['not_before']:%Y-%m-%dT%H:%M:%SZ}",
            "not_after": f"{facts['not_after']:%Y-%m-%dT%H:%M:%SZ}",
            "der": base64.b64encode(der).decode("ascii"),
        }
    return found


def _mozilla(folder: Path) -> tuple[list[Row], Row]:
    """NSS's certdata.txt, commit by commit; after its last recorded commit the looks of the observatory."""
    dated = [row for row in _read(folder / "distrust_after.csv") if row["server_distrust_after"]]
    limits = {row["root_sha256"]: row for row in reversed(dated)}
    changes = _read(folder / "mozilla_nss_history.csv")
    states = {"trusted": "trusted", "distrusted": "distrusted"}
    rows = []
    for row in changes:
        if row["state"] in states:
            since, until = _instant(row["since"]), _instant(row["until"])
            entry = _entry(
                "mozilla",
                row["root_sha256"],
                states[row["state"]],
                since=since,
                until=until,
                source=_nss(row["since_release"], row["since_bug"]),
                then=_nss(row["until_release"], row["until_bug"]),
            )
            rows += _limited(entry, limits.get(row["root_sha256"])) if entry["state"] == "trusted" else [entry]
    begins = min(_instant(row["since"]) for row in changes)
    ends = max(max(_instant(row["since"]), _instant(row["until"])) for row in changes)
    looked = [
        row for row in _read(folder / "trust_stores.csv") if row["store"] == "mozilla_nss" and row["list"] == "trusted"
    ]
    known = {row["cert_sha256"]: row for row in rows if not row["until_before"] and row["state"] == "trusted"}
    for row in looked:
        sha, open_row = row["root_sha256"], known.get(row["root_sha256"])
        if open_row and row["gone_fetched_on"]:
            open_row |= {
                "until": _after(row["last_fetched_on"]),
                "until_before": _after(row["gone_fetched_on"]),
                "then": f"gone in the list of {row['gone_fetched_on']}",
            }
        elif not open_row and row["is_still_there"] == "yes" and _day(row["first_fetched_on"]) > ends:
            rows.append(
                _entry(
                    "mozilla",
                    sha,
                    "trusted",
                    since_after=_instant(row["not_yet_there_at"]),
                    since=_day(row["first_fetched_on"]),
                    source=f"list of {row['first_fetched_on']}",
                )
            )
    last = max(row["last_fetched_on"] for row in looked)
    return rows, _record(
        "mozilla",
        begins,
        _after(last),
        url=NSS_URL,
        licence="MPL-2.0",
        source=f"certdata.txt, every commit until {ends[:10]}; then the lists that {OBSERVATORY} fetched",
    )


def _limited(entry: Row, limit: Row | None) -> list[Row]:
    """The period of trust, in two where a distrust-after date is set within it; it then stays until the end."""
    begins = _instant(limit["set_on"]) if limit else "9"
    if limit is None or not begins < (entry["until_before"] or "9"):
        return [entry]
    reason = _nss(limit["set_in_release"], limit["set_bug"])
    limited = entry | {"condition": f"not_before <= {limit['server_distrust_after']}", "source": reason}
    if begins <= entry["since"]:
        return [limited]
    return [entry | {"until": begins, "until_before": begins, "then": reason}, limited | {"since": begins}]


def _nss(release: str, bug: str) -> str:
    return ", ".join(part for part in (f"NSS {release}" if release else "", bug) if part)


def _certifi(folder: Path) -> tuple[list[Row], Row]:
    """Releases on the package index: a release is the newest one until the next."""
    releases = {row["release"]: row for row in _read(folder / "certifi_releases.csv")}
    dates = [(_instant(row["date"] + "+00:00"), name) for name, row in releases.items()]
    rows = []
    for row in _read(folder / "certifi_history.csv"):
        absent = set(row["absent_in_between"].split(";")) - {""}
        last = dates[-1][1] if row["is_still_there"] == "yes" else row["last_release"]
        first_at, last_at = (_instant(releases[name]["date"] + "+00:00") for name in (row["first_release"], last))
        has = [(at, name, first_at <= at <= last_at and name not in absent) for at, name in dates]
        for is_there, part in groupby(enumerate(has), key=lambda item: item[1][2]):
            numbers = [number for number, _ in part]
            if not is_there:
                continue
            following = has[numbers[-1] + 1] if numbers[-1] + 1 < len(has) else None
            until = following[0] if following else ""
            rows.append(
                _entry(
                    "certifi",
                    row["root_sha256"],
                    "trusted",
                    since=has[numbers[0]][0],
                    until=until,
                    source=f"certifi {has[numbers[0]][1]}",
                    then=f"certifi {following[1]}" if following else "",
                )
            )
    return rows, _record(
        "certifi",
        dates[0][0],
        dates[-1][0],
        url="https://github.com/certifi/python-certifi",
        licence="MPL-2.0",
        source="releases; the date is that of the newest file in each",
    )


def _chrome(known: list[str]) -> tuple[list[Row], Row]:
    def whole(digits: str) -> str:
        (found,) = (sha for sha in known if sha.startswith(digits))
        return found

    limits = {whole(digits): "" for digits in chrome_roots.UNLIMITED.split()}
    for digits, seconds in chrome_roots.LIMITED.items():
        limits[whole(digits)] = f"sct <= {datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    day = _day(chrome_roots.READ_ON)
    rows = [
        _entry("chrome", sha, "trusted", since=day, condition=condition, source=chrome_roots.VERSION)
        for sha, condition in limits.items()
    ]
    return rows, _record(
        "chrome",
        day,
        _after(chrome_roots.READ_ON),
        url=chrome_roots.URL,
        licence="facts",
        source="version 36 alone; the file has no date, and was read on the day of the record",
    )


def _platform(folder: Path, store: str, names: tuple[str, ...]) -> tuple[list[Row], Row]:
    """Looks at a platform's list, which are up to 18 months apart: between two of them a change is not dated."""
    looks = _read(folder / "trust_stores_looks.csv")
    lists = _read(folder / "trust_stores.csv")
    seen: dict[tuple[str, str], list[str]] = defaultdict(list)  # list and root → days of the looks that held it
    days: list[str] = []
    for name in names:
        mine = []
        for look in sorted(
            (look for look in looks if look["store"] == name), key=lambda look: _instant(look["committed_at"])
        ):
            day = look["fetched_on"]
            # A look without a list, or with an older list than the look before it, says nothing new. Apple's lists of
            # two days hold the trusted roots as blocked too: they were read wrongly.
            if day and int(look["trusted"]) and not (days and day <= days[-1]) and look["trusted"] != look["blocked"]:
                days.append(day)
                mine.append((_instant(look["committed_at"]), look["committed_at"][:10], day))
        for row in lists:
            if row["store"] != name:
                continue
            first, last = _instant(row["first_seen_at"]), _instant(row["last_seen_at"])
            absent = set(row["absent_at"].split(";"))
            seen[row["list"], row["root_sha256"]] += [
                day for at, date, day in mine if first <= at <= last and date not in absent
            ]
    rows = []
    for (kind, sha), held in seen.items():
        state = {"trusted": "trusted", "blocked": "distrusted"}[kind]
        for is_there, part in groupby(range(len(days)), key=lambda number, held=frozenset(held): days[number] in held):
            numbers = list(part)
            if is_there:
                before, after = numbers[0] - 1, numbers[-1] + 1
                is_open = after == len(days)
                rows.append(
                    _entry(
                        store,
                        sha,
                        state,
                        since_after=_after(days[before]) if before >= 0 else "",
                        since=_day(days[numbers[0]]),
                        until="" if is_open else _after(days[numbers[-1]]),
                        until_before="" if is_open else _day(days[after]),
                        source=f"list of {days[numbers[0]]}",
                        then="" if is_open else f"list of {days[after]}",
                    )
                )
    return rows, _record(
        store,
        _day(days[0]),
        _after(days[-1]),
        url=OBSERVATORY_URL,
        licence="MIT",
        source=f"{len(days)} lists that {OBSERVATORY} fetched",
    )


def _entry(
    store: str,
    sha: str,
    state: str,
    *,
    since: str,
    since_after: str = "",
    until: str = "",
    until_before: str = "",
    condition: str = "",
    source: str = "",
    then: str = "",
) -> Row:
    """A row of the history; without `until_before` the change at `until` is dated exactly."""
    return {
        "store": store,
        "cert_sha256": sha,
        "state": state,
        "since_after": since_after,
        "since": since,
        "until": until,
        "until_before": until_before or until,
        "condition": condition,
        "source": source,
        "then": then,
    }


def _record(store: str, since: str, until: str, *, url: str, licence: str, source: str) -> Row:
    return {
        "store": store,
        "title": TITLES[store],
        "since": since,
        "until": until,
        "source": source,
        "url": url,
        "licence": licence,
    }


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _instant(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if text else ""


def _day(text: str) -> str:
    return f"{text}T00:00:00Z"


def _after(day: str) -> str:
    """The end of the day: the next midnight."""
    return f"{datetime.fromisoformat(day) + timedelta(days=1):%Y-%m-%d}T00:00:00Z"


def main() -> None:
    """Write the three tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("trust", type=Path)
    arguments.add_argument("folder", type=Path, nargs="?", default=Path("toolkit/reference/stores"))
    given = arguments.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    roots, history, records = make_tables(given.trust)
    tables = {
        "roots": (CERTIFICATE_COLUMNS, roots),
        "history": (HISTORY_COLUMNS, history),
        "records": (RECORD_COLUMNS, records),
    }
    for name, (columns, rows) in tables.items():
        with (given.folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
