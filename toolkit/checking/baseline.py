"""Baselines: known findings that are accepted until a date."""

import json
import math
from pathlib import Path
from typing import Any, Final

import pandas as pd

from toolkit import text
from toolkit.checking.in_service import name_services
from toolkit.checking.verdicts import CHECKS, SEVERITIES
from toolkit.columns import dtypes, require_columns, returns
from toolkit.errors import OutputError, ReadError, UsageError
from toolkit.files import read_regular
from toolkit.instants import Instant, zoned

_MOST_BYTES: Final = 1 << 26
_RANKS: Final = {word: rank for rank, word in enumerate(SEVERITIES)}

_ABOUT: Final = ("check", "rule", "service")
"""What an entry is about, where it says so. `service` is a name of `name_services`."""


@returns(CHECKS)
def accept(checks: pd.DataFrame, baseline: str | Path, *, now: Instant) -> pd.DataFrame:
    """The rows of `check`; known findings have `accepted_until_at`, and come after the others.

    `baseline` is a file that `write_baseline` wrote. A finding is accepted where its `finding_id` is in the file, `now`
    is before the date on which that acceptance ends, and the finding is not more severe than it was when it was
    accepted. Otherwise it is a finding again, and `reason` says why.

    Raises `ReadError` for a file that is not a baseline, and `UsageError` for an instant without a zone.

    >>> from pathlib import Path
    >>> import tempfile
    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample")
    >>> tables = tables.within(since="2026-01-01T00:00:00Z", services="smtp://legacy.lab.test:25")
    >>> checks = toolkit.check(tables, now="2026-01-24T00:00Z", roots=Lab().roots, policy="ietf")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "baseline.json"
    ...     toolkit.checking.write_baseline(checks, file, until="2026-03-01T00:00Z", now="2026-01-24T00:00Z")
    ...     later = toolkit.checking.accept(checks, file, now="2026-02-01T00:00Z")
    ...     ended = toolkit.checking.accept(checks, file, now="2026-03-01T00:00Z")
    >>> toolkit.checking.count(later)["findings"], toolkit.checking.count(ended)["findings"]
    (0, 4)
    >>> ended["reason"].iloc[0]
    'its acceptance ended on 2026-03-01 00:00'
    """
    require_columns(checks, dtypes(CHECKS), call="accept", source="check")
    today, entries = zoned(now, "now"), _read(baseline)
    until, reasons = [], []
    for row in checks[["finding_id", "severity", "reason", "accepted_until_at"]].to_dict("records"):
        entry = None if pd.isna(row["finding_id"]) else entries.get(row["finding_id"])
        ended = None if entry is None else _why_not(entry, str(row["severity"]), today)
        until.append(entry["until"] if entry is not None and ended is None else row["accepted_until_at"])
        known = [] if pd.isna(row["reason"]) else [row["reason"]]
        reasons.append("; ".join([*known, ended]) if ended else row["reason"])
    types = dtypes(CHECKS)
    marked = checks.assign(
        accepted_until_at=pd.Series(until, checks.index, dtype=types["accepted_until_at"]),
        reason=pd.Series(reasons, checks.index, dtype=types["reason"]),
    )
    rank = marked["severity"].map(_RANKS).fillna(math.inf) + len(_RANKS) * marked["accepted_until_at"].notna()
    order = rank.sort_values(kind="stable").index
    return marked.loc[order].reset_index(drop=True)


def write_baseline(
    checks: pd.DataFrame, file: str | Path, *, until: Instant, now: Instant, earlier: str | Path | None = None
) -> None:
    """Write the findings of `check` into a JSON file, accepted until the instant `until`.

    Findings that are accepted already keep their date. Each entry of the file may get a `why`, and a date of its own.
    Of the baseline `earlier` (by default of `file`, where it exists) the entries that `checks` does not judge are kept
    until their date, such as those of a service that was not observed, and so is each `why`.

    Raises `UsageError` where `until` is not after `now`, `ReadError` where `earlier` is not a baseline, and
    `OutputError` where the file cannot be written. `accept` has an example.

    >>> from pathlib import Path
    >>> import json
    >>> import tempfile
    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://legacy.lab.test:25")
    >>> checks = toolkit.check(tables, now="2026-01-24T00:00Z", roots=Lab().roots, policy="ietf")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "baseline.json"
    ...     toolkit.checking.write_baseline(checks, file, until="2026-05-01T00:00Z", now="2026-01-24T00:00Z")
    ...     print(len(json.loads(file.read_text())["accepted"]))
    4
    """
    require_columns(checks, dtypes(CHECKS), call="write_baseline", source="check")
    ends, today = zoned(until, "until"), zoned(now, "now")
    if ends <= today:
        raise UsageError(f"until={ends.isoformat()} is not after {today.isoformat()}: give a later date.")
    known = _read(file if earlier is None else earlier) if earlier is not None or Path(file).exists() else {}
    found = checks[checks["is_finding"].eq(True).fillna(value=False)]
    entries = [
        {
            "finding_id": row["finding_id"],
            "until": (ends if pd.isna(row["accepted_until_at"]) else row["accepted_until_at"]).isoformat(),
            "severity": row["severity"],
            "check": row["check"],
            "rule": None if pd.isna(row["rule"]) else row["rule"],
            "service": row["name"],
            "what": text.plain(f"{row['check']}: {row['verdict']}: {row['name']}: {row['found']}"),
            "why": known.get(row["finding_id"], {}).get("why", ""),
        }
        for row in found.assign(name=name_services(found)).to_dict("records")
    ]
    entries += [
        entry | {"until": entry["until"].isoformat()}
        for entry, is_judged in _missing(known, checks)
        if entry["until"] > today and not is_judged
    ]
    try:
        Path(file).write_text(json.dumps({"accepted": entries}, indent=2) + "\n", encoding="ascii")
    except OSError as error:
        raise OutputError(f"The baseline {file} cannot be written: {error.strerror}. Name another file.") from error


def find_gone(checks: pd.DataFrame, baseline: str | Path) -> list[str]:
    """What the baseline accepts and `check` judges and no longer finds, in words: entries that can be deleted.

    Entries about what `check` did not judge, such as a service that was not observed, are not among them.

    >>> from pathlib import Path
    >>> import tempfile
    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://legacy.lab.test:25")
    >>> checks = toolkit.check(tables, now="2026-01-24T00:00Z", roots=Lab().roots, policy="ietf")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "baseline.json"
    ...     toolkit.checking.write_baseline(checks, file, until="2026-05-01T00:00Z", now="2026-01-24T00:00Z")
    ...     renewed = checks.assign(finding_id=checks["finding_id"].mask(checks["verdict"] == "expired"))
    ...     gone = toolkit.checking.find_gone(renewed, file)
    >>> gone[0][:44]
    'expiry: expired: smtp://legacy.lab.test:25: '
    """
    require_columns(checks, dtypes(CHECKS), call="find_gone", source="check")
    missing = _missing(_read(baseline), checks)
    return [str(entry.get("what", entry["finding_id"])) for entry, is_judged in missing if is_judged]


def are_judged(earlier: pd.DataFrame, checks: pd.DataFrame) -> "pd.Series[bool]":
    """Whether `checks` judges what each earlier row is about: the same check of the same service, by the same rule.

    Where the check is also unknown for the service as a whole, as where its last survey is too old, it does not.
    """
    is_unknown = checks["is_finding"].isna()
    whole = checks[is_unknown & checks[["rule", "leaf_sha256"]].isna().all(axis=1)]
    by_rule, by_service = ["check", "rule", "name"], ["check", "name"]
    is_judged = _subjects(earlier, by_rule).isin(_subjects(checks[~is_unknown], by_rule))
    return pd.Series(is_judged & ~_subjects(earlier, by_service).isin(_subjects(whole, by_service)), earlier.index)


def _subjects(rows: pd.DataFrame, by: list[str]) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(rows.assign(name=name_services(rows))[by].fillna(""))


def _missing(entries: dict[str, dict[str, Any]], checks: pd.DataFrame) -> list[tuple[dict[str, Any], bool]]:
    """The entries that `checks` does not find, each with whether it judges what they are about."""
    present = set(checks["finding_id"].dropna())
    missing = [entry for name, entry in entries.items() if name not in present]
    about = pd.DataFrame(missing, columns=[*_ABOUT, "host"], dtype="string")
    return list(zip(missing, are_judged(about, checks), strict=True))


def _why_not(entry: dict[str, Any], severity: str, today: pd.Timestamp) -> str | None:
    """Why the acceptance does not hold; None where it does."""
    if today >= entry["until"]:
        return f"its acceptance ended on {entry['until']:%Y-%m-%d %H:%M}"
    if _RANKS[severity] < _RANKS[entry["severity"]]:
        return f"it was accepted as {entry['severity']}, and is {severity} now"
    return None


def _read(baseline: str | Path) -> dict[str, dict[str, Any]]:
    """`finding_id` → the entry, `until` as an instant."""
    if not isinstance(baseline, str | Path):
        raise UsageError(f"baseline: name a file that write_baseline wrote, not {text.type_name(baseline)}.")
    file = Path(baseline)
    advice = "Write it with `tls-toolkit check --write-baseline`."
    try:
        entries = json.loads(read_regular(file, most=_MOST_BYTES))["accepted"]
        read = {str(entry["finding_id"]): _as_entry(file, entry) for entry in entries}
        wrong = [entry["severity"] for entry in read.values() if entry["severity"] not in _RANKS]
    except OSError as error:
        raise ReadError(f"The baseline {file} cannot be read: {error.strerror}. {advice}") from error
    except ReadError:
        raise
    except json.JSONDecodeError as error:
        raise ReadError(f"{file} is not a baseline: line {error.lineno} is not JSON ({error.msg}). {advice}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        wanted = "an object with the list `accepted`, whose entries have `finding_id`, `until` and `severity`"
        raise ReadError(f"{file} is not a baseline, which is {wanted}. {advice}") from error
    if wrong:
        raise ReadError(text.not_known(f"{file}: severity ", wrong[0], SEVERITIES))
    return read


def _as_entry(file: Path, entry: dict[str, Any]) -> dict[str, Any]:
    about = {name: str(entry[name]) for name in _ABOUT if entry.get(name) is not None}
    until = entry["until"]
    if isinstance(until, str) and len(until) == len("2026-01-31"):
        until += "T00:00Z"  # a day is its midnight, as on the command line
    try:
        until = zoned(until, "until")
    except UsageError as error:
        raise ReadError(f"{file}, entry {text.plain(entry['finding_id'])}: {error} Correct that entry.") from error
    return entry | about | {"until": until}
