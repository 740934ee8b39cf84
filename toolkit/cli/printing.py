"""Printing: frames, surveys and verdicts as neutralised text or as JSON."""

import argparse
import json
import re
from collections.abc import Hashable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

import toolkit
from toolkit import reference, text
from toolkit.cli.messages import wrapped
from toolkit.cli.options import DEFAULT_ROOTS
from toolkit.columns import Column, dtypes, returns
from toolkit.store.counting import read_settings
from toolkit.store.describing import find_unfinished
from toolkit.tables import Tables, is_held_alone

if TYPE_CHECKING:
    from toolkit.checking import InService  # imports scipy

_SERVICE_COLUMNS: Final = (
    "service", "known_from_at", "known_until_at", "looks", "failures", "certificates", "longest_gap_days", "questions",
)  # fmt: skip

MOST_ENDINGS: Final = 20
"""Certificates that are printed one by one, at most."""

MOST_ROUNDS: Final = 10
"""Unfinished rounds that are printed, at most."""

MOST_ROWS: Final = 200
"""Rows of services that are printed, at most."""

SUPPORT_LINES: Final = (
    Column("protocol", "text", "the version; empty in the rows of its answers"),
    Column("what", "text", "the suite, group, signature scheme or certificate; empty in the row of the version"),
    Column("state", "text", "`accepted`, `refused` or `untested`"),
    Column("bits", "text", "key size and strength of a suite's cipher, joined by `/`; empty elsewhere", "", "bit"),
    Column("rank", "text", "place in the server's order of preference; empty where unknown"),
    Column("note", "text", "reason, and whether the answer is not sound", "no reason is known"),
)
"""The columns of `support_lines`."""


def print_survey(tables: Tables) -> None:
    """Print the survey of each address (see `support_lines`), and the number of attempts and of connections."""
    for (service, address), asked in tables.support.groupby(["service", "address"], dropna=False, sort=False):
        print(f"{text.for_terminal(service)} at {text.for_terminal(address) or 'no address'}")
        print_frame(support_lines(asked))
        print()
    end = tables.rounds.iloc[-1]
    print(f"{text.counted(end['looks'], 'attempt')}, {end['connections']} connected; the questions and their controls "
          f"need {end['connections_bound']}.")  # fmt: skip


@returns(SUPPORT_LINES)
def support_lines(asked: pd.DataFrame) -> pd.DataFrame:
    """The survey of one address as a frame to print: a row per version and per accepted answer, by preference.

    Untested questions are counted by reason; a version without any other answer has one row.
    """
    kinds = {"suite": "suite", "group": "group", "signature_scheme": "scheme", "key_type": "certificate"}
    lines: list[tuple[object, ...]] = []
    for protocol, rows in asked.groupby("protocol", sort=False):
        is_version = rows[list(kinds)].isna().all(axis=1)
        lines += [(protocol, "", row.state, "", "", row.reason) for row in rows[is_version].itertuples()]
        if (rows["state"] == "untested").all():
            continue
        for kind, word in kinds.items():
            of_kind = rows[rows[kind].notna()]
            for row in (
                of_kind[of_kind["state"] == "accepted"].sort_values("rank", na_position="last").to_dict("records")
            ):
                suite = reference.suites().get(row["suite_code"]) if kind == "suite" else None
                bits = f"{suite.key_bits}/{suite.strength_bits}" if suite else ""
                sound = "not sound" if row["is_sound"] is False else ""
                note = "; ".join(filter(None, (sound, text.plain(row["reason"]))))
                lines.append(("", f"{word} {row[kind]}", row["state"], bits, text.plain(row["rank"]), note))
            untested = of_kind[of_kind["state"] == "untested"]
            for reason, count in untested["reason"].value_counts().items():
                lines.append(("", f"{count} × {word}", "untested", "", "", reason))
    return pd.DataFrame(lines, columns=list(dtypes(SUPPORT_LINES)), dtype="string")


def print_checks(
    tables: Tables, checks: pd.DataFrame, scope: "InService", arguments: argparse.Namespace, now: datetime
) -> None:
    """Print what was judged, by which rules, and the findings, wrapped to the width of the terminal."""
    day = arguments.as_of or (now if is_held_alone(tables) else None)
    by = f"by the rules of {day:%Y-%m-%d %H:%M %Z}" if day else "each row by its own day"
    how = f"Judged {by}; days counted from {now:%Y-%m-%d %H:%M %Z}; roots: {arguments.roots or DEFAULT_ROOTS}."
    if arguments.thresholds == "days":
        how += " Expiring: 30, 14 and 7 days before the end."
    in_service = toolkit.checking.describe_in_service(scope) + toolkit.checking.describe_counted(scope.services)
    what, *where = toolkit.checking.describe_scope(tables), in_service
    if is_held_alone(tables):
        what, where = describe_held(tables.certificates), []
    lines = [
        f"{arguments.source}: {what}",
        f"{toolkit.checking.describe_span(arguments.since, arguments.until)}{how}",
        *where,
        *toolkit.checking.describe(checks),
    ]
    for line in lines:
        print(wrapped(line, limit=4000))


def print_checks_as_json(checks: pd.DataFrame, judged: dict[str, object]) -> None:
    """Print what was judged, by which rules, and every verdict, as one JSON object."""
    shown = {name: _json_value(value) for name, value in judged.items()}
    services = json_rows(toolkit.checking.count_services(checks))
    print(json.dumps({**shown, "services": services, "checks": json_rows(checks)}, indent=2))


def describe_held(certificates: pd.DataFrame) -> str:
    """How many certificates are judged that no observation shows."""
    return f"{text.counted(len(certificates), 'certificate')}, and no observation of a service"


def print_endings(endings: pd.DataFrame, source: str, now: datetime) -> None:
    """Print when certificates expire that no service was observed to serve; the first `MOST_ENDINGS`."""
    print(f"{text.for_terminal(source, limit=4000)}: {describe_held(endings)}. Judged by their ends; days counted "
          f"from {now:%Y-%m-%d %H:%M %Z}.")  # fmt: skip
    shown = endings.assign(days_left=endings["days_left"].round(1))
    print_frame(shown.head(MOST_ENDINGS)[["subject", "not_after", "days_left", "state", "threshold"]])
    if len(endings) > MOST_ENDINGS:
        print(f"… and {text.counted(len(endings) - MOST_ENDINGS, 'more certificate')}, which end later.")


def print_endings_as_json(endings: pd.DataFrame, judged: dict[str, object]) -> None:
    """Print from which day days are counted, and every certificate, as one JSON object."""
    shown = {name: _json_value(value) for name, value in judged.items()}
    print(json.dumps({**shown, "certificates": json_rows(endings)}, indent=2))


def print_services(overview: pd.DataFrame) -> None:
    """Print the frame of `Tables.overview` with dates instead of instants; its row without a service says so.

    Of more than `MOST_ROWS`, the first are printed, and how many more there are.
    """
    shown = overview.head(MOST_ROWS)
    dates = {name: shown[name].dt.date for name in ("known_from_at", "known_until_at")}
    named = shown["service"].fillna("(without a service)")
    print_frame(shown.assign(service=named, **dates)[list(_SERVICE_COLUMNS)], narrow=True)
    if len(overview) > MOST_ROWS:
        print(f"… and {len(overview) - MOST_ROWS:,} more; --json lists all.")


def print_unfinished(rounds: pd.DataFrame) -> None:
    """Print the rounds that can be resumed, if any, and how: the newest `MOST_ROUNDS`, and how many older there are.

    Rounds of surveys are left out, because they cannot be resumed.
    """
    first = rounds.sort_values("written_at", kind="stable").drop_duplicates("round").set_index("round", drop=False)
    reasons = find_unfinished(rounds)
    begun = first[first.index.isin(reasons.index)]
    begun = begun[["parts" not in read_settings(each) for each in begun["settings"]]]
    if begun.empty:
        return
    shown = begun.tail(MOST_ROUNDS)
    ended = reasons.reindex(shown.index).fillna("no end row: killed, or still running")
    print(f"\n{text.counted(len(begun), 'unfinished round')}:")
    print_frame(pd.DataFrame({
        "round": shown["round"], "began_at": shown["written_at"], "services": shown["services"].map(len), "end": ended,
    }))  # fmt: skip
    if len(begun) > MOST_ROUNDS:
        print(f"… and {len(begun) - MOST_ROUNDS:,} older.")
    print("To make the rest of a round that is not running, collect its targets again with --resume NAME.")


def print_frame(frame: pd.DataFrame, *, narrow: bool = False) -> None:
    """Print the frame as a table of neutralised text, one line per row; numbers and instants are rounded.

    `narrow`: a heading that is wider than its column takes two lines.
    """
    shown = frame.astype(object).map(_for_reading)
    widths = {name: max([0, *shown[name].str.len()]) for name in shown.columns}
    headings = [_broken(name, width) if narrow else [name] for name, width in widths.items()]
    height = max(map(len, headings), default=1)
    above = zip(*([""] * (height - len(lines)) + lines for lines in headings), strict=True)
    rows = [*above, *shown.itertuples(index=False)]
    full = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, full, strict=True)).rstrip())


def _broken(heading: str, width: int) -> list[str]:
    """The lines of a heading: broken before the `_` nearest to its middle where it is longer than `width`.

    >>> _broken("longest_gap_days", 4), _broken("known_from_at", 13)
    (['longest', '_gap_days'], ['known_from_at'])
    """
    if len(heading) <= width:
        return [heading]
    halves = ([heading[: cut.start()], heading[cut.start() :]] for cut in re.finditer(r"(?<=.)_", heading))
    return min(halves, key=lambda lines: max(map(len, lines)), default=[heading])


def _for_reading(value: object) -> str:
    if isinstance(value, datetime) and not pd.isna(value):
        return value.isoformat(sep=" ", timespec="seconds")
    return _rounded(value) if isinstance(value, float) else text.for_terminal(value)


def _rounded(number: float) -> str:
    """The number with about four digits, of which at most three are decimals, and without an exponent.

    >>> [_rounded(number) for number in (27.04166, 1.5, 0.000061, 0.0, 1234567.0)]
    ['27.04', '1.5', '0.000', '0', '1234567']
    """
    whole = len(f"{abs(number):.0f}")
    shown = f"{number:.{max(0, min(3, 4 - whole))}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown and (float(shown) or not number) else shown


def print_json(frame: pd.DataFrame) -> None:
    """Print the rows as a JSON array; instants in ISO 8601, bytes in hex, null as null, ASCII only."""
    print(json.dumps(json_rows(frame), indent=2))


def as_json_line(values: Mapping[str, object]) -> str:
    """One JSON object on one line, ASCII only."""
    return json.dumps({name: _json_value(value) for name, value in values.items()})


def json_rows(frame: pd.DataFrame) -> list[dict[Hashable, object]]:
    """The rows as JSON has them: instants in ISO 8601, bytes in hex, null as null."""
    return [{name: _json_value(value) for name, value in row.items()} for row in frame.to_dict("records")]


def _json_value(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, bytes):
        return value.hex()
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value
