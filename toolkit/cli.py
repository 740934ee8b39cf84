"""The command line: thin words around the public calls.

Exit codes: 0 fine, 1 findings, 2 usage, 3 nothing reached or read.
"""

import argparse
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd

import toolkit
from toolkit import reference, text
from toolkit.errors import ReadError, StoreError, ToolkitError, UsageError
from toolkit.reference.roots import bundles, load_roots
from toolkit.reference.rules import Rule, load_policy, policies
from toolkit.tables import Tables, as_pem
from toolkit.targets import Target

FINE: Final = 0
FINDINGS: Final = 1
USAGE: Final = 2
NOTHING_REACHED: Final = 3
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells have it."""

_LOOK_COLUMNS: Final = (
    "service", "address", "offer", "outcome", "protocol", "suite", "group", "is_key_proven", "leaf", "reason",
)  # fmt: skip


def run() -> None:
    """The console entry: `main` with the process's arguments, its result as the exit code."""
    sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line and return its exit code; what goes wrong is said on standard error."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except UsageError as error:
        print(f"tls-toolkit: {text.for_terminal(error, limit=1000)}", file=sys.stderr)
        return USAGE
    except ToolkitError as error:
        print(f"tls-toolkit: {text.for_terminal(error, limit=1000)}", file=sys.stderr)
        return NOTHING_REACHED
    except KeyboardInterrupt:
        print("tls-toolkit: interrupted; what was seen until now is kept.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing more can be said, and the interpreter must not try.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tls-toolkit",
        description="Watch TLS over time: what mail and web servers show, kept, asked and charted.",
        epilog="A TARGET is a service URL (smtp://host:587, https://host), host:port, mx:domain, or a preset "
        "such as google-mail. Exit codes: 0 fine, 1 findings, 2 usage, 3 nothing could be reached or read.",
    )
    parser.add_argument("--version", action="version", version=f"tls-toolkit {toolkit.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    cert = commands.add_parser("cert", help="print the certificate that a server shows, as PEM")
    cert.add_argument("target", metavar="TARGET")
    cert.add_argument("--chain", action="store_true", help="print every certificate, as served, leaf first")
    cert.add_argument("--offer", default="any", help="which ClientHello to send (default: any)")
    cert.add_argument("--connect-to", metavar="HOST:PORT", help="dial this instead of the target's own host")
    cert.add_argument("--json", action="store_true", help="print rows of `certificates` instead")
    cert.set_defaults(command=_cert)

    observe = commands.add_parser("observe", help="look once, and print what was seen")
    _add_look_options(observe)
    observe.set_defaults(command=_observe)

    collect = commands.add_parser("collect", help="look once, and keep what was seen in a store")
    _add_look_options(collect)
    collect.add_argument("--store", required=True, metavar="STORE", help="folder (or s3:// URL) of the store")
    collect.set_defaults(command=_collect)

    survey = commands.add_parser("survey", help="find out what a server accepts, each answer proven")
    _add_survey_options(survey)
    survey.set_defaults(command=_survey)

    store = commands.add_parser("store", help="say what a store holds")
    store_commands = store.add_subparsers(required=True, metavar="COMMAND")
    info = store_commands.add_parser("info", help="services, looks, failures and gaps")
    info.add_argument("store", metavar="STORE")
    info.add_argument("--json", action="store_true", help="print JSON instead of a table")
    info.set_defaults(command=_store_info)

    check = commands.add_parser("check", help="findings of expiry, trust and a policy; exit code 1 when there are any")
    _add_judging_options(check)
    check.add_argument("--as-of", type=_instant, metavar="DATE",
                       help="judge everything by the rules of that day, and chains at that instant; a date without "
                       "a zone means midnight UTC (default: each row by its own day)")  # fmt: skip
    check.add_argument("--json", action="store_true", help="print JSON: what was judged how, and every verdict")
    check.set_defaults(command=_check)

    report = commands.add_parser("report", help="make one HTML file of a source: rotations, expiry, ciphers, findings")
    _add_judging_options(report)
    report.add_argument("--output", type=Path, default=Path("report.html"), metavar="FILE",
                        help="(default: report.html)")  # fmt: skip
    report.add_argument("--title", help="(default: the source's name)")
    report.set_defaults(command=_report)

    demo = commands.add_parser("demo", help="watch a lab year, execute the notebooks, say what to open")
    demo.add_argument("--output", type=Path, default=Path("build"), metavar="FOLDER", help="(default: build)")
    demo.add_argument("--seed", type=int, default=2026, help="of the lab year (default: 2026)")
    demo.add_argument("--recorded", type=Path, default=Path("data/google-mail"), metavar="FOLDER",
                      help="recorded mail data for the notebooks (default: data/google-mail)")  # fmt: skip
    demo.set_defaults(command=_demo)
    return parser


def _add_look_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("targets", nargs="+", metavar="TARGET")
    parser.add_argument("--offer", action="append", metavar="NAME", help="a ClientHello to send (repeatable)")
    parser.add_argument("--samples", type=int, default=1, metavar="N", help="looks at each address (default: 1)")
    parser.add_argument("--addresses", type=int, metavar="N", help="addresses of each host (default: all)")
    parser.add_argument("--connect-to", metavar="HOST:PORT", help="dial this instead of the targets' own hosts")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _add_survey_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("targets", nargs="+", metavar="TARGET")
    parser.add_argument("--parts", default="suites,groups,signature_schemes", metavar="LIST",
                        help="what to ask beside the versions (default: suites,groups,signature_schemes)")  # fmt: skip
    parser.add_argument("--concurrency", type=int, default=2, metavar="N", help="connections at a time (default: 2)")
    parser.add_argument("--rate", type=float, default=20.0, metavar="N",
                        help="connections a second to one address, 0 for no limit (default: 20)")  # fmt: skip
    parser.add_argument("--budget", type=int, default=500, metavar="N",
                        help="connections to one address at most (default: 500)")  # fmt: skip
    parser.add_argument("--splits", type=int, default=0, metavar="N",
                        help="how often to split long chains of questions, which saves time (default: 0)")  # fmt: skip
    parser.add_argument("--addresses", type=int, metavar="N", help="addresses of each host (default: all)")
    parser.add_argument("--connect-to", metavar="HOST:PORT", help="dial this instead of the target's own host")
    parser.add_argument("--store", metavar="STORE", help="keep the survey in this store as well")
    parser.add_argument("--dry-run", action="store_true", help="say what it would cost, and ask nothing")
    parser.add_argument("--json", action="store_true", help="print every question and its answer as JSON")


def _add_judging_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="a store, or anything else that toolkit.read understands")
    parser.add_argument("--policy", default="mozilla-intermediate", metavar="NAME",
                        help=f"{', '.join(sorted(policies()))}, or a CSV file of rules like those in "
                        "toolkit/reference/policies (default: mozilla-intermediate)")  # fmt: skip
    parser.add_argument("--roots", default="certifi", metavar="BUNDLE",
                        help=f"certifi, {', '.join(bundles())}, or a PEM file (default: certifi)")  # fmt: skip
    parser.add_argument("--now", type=_instant, metavar="DATE",
                        help="the day from which days are counted; a date without a zone means midnight UTC "
                        "(default: --as-of where given, else the present)")  # fmt: skip


def _instant(words: str) -> datetime:
    """A date or an instant in ISO 8601; without a zone it is UTC, a date alone is its midnight."""
    try:
        instant = datetime.fromisoformat(words)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{words!r} is no date: write 2016-02-11 or 2016-02-11T09:30+01:00") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _cert(arguments: argparse.Namespace) -> int:
    target = toolkit.parse_target(arguments.target, connect_to=arguments.connect_to)
    tables = toolkit.observe(target, offers=(arguments.offer,), addresses=1, progress=False)
    (look,) = tables.observations.to_dict("records")
    chain = look["chain_sha256"]
    if not chain:
        why = f"{look['outcome']} at {look['stage']}" if look["outcome"] != "ok" else "no certificate was shown"
        print(f"tls-toolkit: {target}: {why}: {text.for_terminal(look['reason']) or '-'}", file=sys.stderr)
        return NOTHING_REACHED
    shown = chain if arguments.chain else chain[:1]
    certificates = tables.certificates.set_index("cert_sha256", drop=False).loc[list(shown)]
    if arguments.json:
        _print_json(certificates)
    else:
        for der in certificates["der"]:
            sys.stdout.write(as_pem(der))
    return FINE


def _observe(arguments: argparse.Namespace) -> int:
    tables = toolkit.observe(
        _targets(arguments),
        offers=tuple(arguments.offer or ("any",)),
        samples=arguments.samples,
        addresses=arguments.addresses,
        progress=sys.stderr.isatty(),
    )
    looks = tables.observations
    if arguments.json:
        _print_json(looks.drop(columns=["sent_bytes", "answer_bytes"]))
    else:
        _print_frame(looks.assign(leaf=looks["leaf_sha256"].str[:12])[list(_LOOK_COLUMNS)])
    return _reached(tables)


def _targets(arguments: argparse.Namespace) -> list[str | Target]:
    """The targets as they are named, or each dialled at the one address given."""
    if not arguments.connect_to:
        return list(arguments.targets)
    return [toolkit.parse_target(target, connect_to=arguments.connect_to) for target in arguments.targets]


def _collect(arguments: argparse.Namespace) -> int:
    store = toolkit.Store(arguments.store)
    end = toolkit.collect(
        _targets(arguments),
        store,
        offers=tuple(arguments.offer or ("any",)),
        samples=arguments.samples,
        addresses=arguments.addresses,
        progress=sys.stderr.isatty(),
    )
    looks = store.load(services=list(end["services"])).observations
    looks = looks[looks["round"] == end["round"]]
    if arguments.json:
        _print_json(pd.DataFrame([end]))
    else:
        _print_frame(looks.groupby(["service", "outcome"], dropna=False).size().to_frame("looks").reset_index())
        print(f"{end['looks']} looks, {end['looks_ok']} answered; kept in {arguments.store}, round {end['round']}.")
    if end["looks_ok"] == 0:
        print("tls-toolkit: nothing could be reached; each failed look is kept, with its reason:", file=sys.stderr)
        for reason, count in looks["reason"].value_counts().head(3).items():
            print(f"  {count} × {text.for_terminal(reason)}", file=sys.stderr)
        return NOTHING_REACHED
    return FINE


def _survey(arguments: argparse.Namespace) -> int:
    targets = _targets(arguments)
    settings = {
        "parts": tuple(arguments.parts.split(",")),
        "concurrency": arguments.concurrency,
        "rate": arguments.rate or None,
        "budget": arguments.budget,
        "splits": arguments.splits,
        "addresses": arguments.addresses,
    }
    if arguments.dry_run:
        estimate = toolkit.survey(targets, dry_run=True, **settings)
        (_print_json if arguments.json else _print_frame)(estimate)
        return FINE
    tables = toolkit.survey(targets, progress=sys.stderr.isatty(), **settings)
    if arguments.store:
        toolkit.Store(arguments.store).append(tables)
    if arguments.json:
        _print_json(tables.support)
    else:
        _print_survey(tables)
    return _reached(tables)


def _print_survey(tables: Tables) -> None:
    """What was accepted, and how much was refused or could not be asked, address by address."""
    for (service, address), asked in tables.support.groupby(["service", "address"], sort=False):
        print(f"{text.for_terminal(service)} at {text.for_terminal(address)}")
        _print_frame(support_lines(asked))
        print()
    end = tables.rounds.iloc[-1]
    print(f"{end['connections']} connections; the questions and their controls need {end['connections_bound']}.")


def support_lines(asked: pd.DataFrame) -> pd.DataFrame:
    """A survey of one address for reading: a line for each version and each thing accepted, in order of preference.

    Columns, all text: `protocol`, `what` (version, suite, group, signature scheme or certificate), `state` (with the
    number refused and untested in the line of the version), `bits` (of the cipher: key/strength), `rank`, `note`.
    """
    kinds = {"suite": "suite", "group": "group", "signature_scheme": "scheme", "key_type": "certificate"}
    lines: list[tuple[object, ...]] = []
    for protocol, rows in asked.groupby("protocol", sort=False):
        is_version = rows[list(kinds)].isna().all(axis=1)
        lines += [(protocol, "", row.state, "", "", row.reason) for row in rows[is_version].itertuples()]
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
    return pd.DataFrame(lines, columns=["protocol", "what", "state", "bits", "rank", "note"], dtype="string")


def _store_info(arguments: argparse.Namespace) -> int:
    overview = toolkit.Store(arguments.store).load().overview()
    if arguments.json:
        _print_json(overview)
    else:
        _print_frame(overview)
    return FINE


def _check(arguments: argparse.Namespace) -> int:
    now = arguments.now or arguments.as_of or datetime.now(UTC)
    roots, policy = _load_rules(arguments)
    try:
        tables = toolkit.read(arguments.source)
    except (ReadError, StoreError) as error:
        print(f"tls-toolkit: {text.for_terminal(error, limit=1000)}", file=sys.stderr)
        return NOTHING_REACHED
    checks = toolkit.checking.check(tables, now=now, roots=roots, policy=policy, as_of=arguments.as_of or "observed")
    counts = toolkit.checking.count(checks)
    if arguments.json:
        judged = {"source": arguments.source, "now": now, "as_of": arguments.as_of or "observed",
                  "policy": arguments.policy, "roots": arguments.roots, **counts}  # fmt: skip
        print(json.dumps({**{k: _json_value(v) for k, v in judged.items()}, "checks": _json_rows(checks)}, indent=2))
    else:
        _print_checks(tables, checks, arguments, now)
    if not toolkit.checking.was_reached(tables):
        print(f"tls-toolkit: {text.for_terminal(arguments.source)}: no look came to an answer, so there is nothing to "
              "judge; `tls-toolkit store info` counts the failures of a store.", file=sys.stderr)  # fmt: skip
        return NOTHING_REACHED
    return FINDINGS if counts["findings"] else FINE


def _load_rules(arguments: argparse.Namespace) -> tuple[Sequence[bytes], Sequence[Rule]]:
    """The roots and the policy asked for; what is wrong with either is a wrong use of the command."""
    try:
        return load_roots(arguments.roots), load_policy(arguments.policy)
    except ReadError as error:
        raise UsageError(str(error)) from error


def _print_checks(tables: Tables, checks: pd.DataFrame, arguments: argparse.Namespace, now: datetime) -> None:
    by = f"by the rules of {arguments.as_of:%Y-%m-%d %H:%M %Z}" if arguments.as_of else "each row by its own day"
    lines = [
        f"{arguments.source}: {toolkit.checking.describe_scope(tables)}",
        f"Judged {by}; days counted from {now:%Y-%m-%d %H:%M %Z}; roots: {arguments.roots}.",
        *toolkit.checking.describe(checks),
    ]
    width = shutil.get_terminal_size((100, 24)).columns
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        print(textwrap.fill(text.for_terminal(line, limit=4000), width, subsequent_indent=indent,
                            drop_whitespace=True, break_long_words=False, break_on_hyphens=False))  # fmt: skip


def _report(arguments: argparse.Namespace) -> int:
    _load_rules(arguments)
    try:
        from toolkit import report  # noqa: PLC0415  needs the extra `notebooks`, which other commands do not
    except ModuleNotFoundError as error:
        raise UsageError(
            f"A report needs {error.name}, which is not installed: pip install 'tls-toolkit[notebooks]'."
        ) from error
    try:
        toolkit.read(arguments.source)
    except (ReadError, StoreError) as error:
        print(f"tls-toolkit: {text.for_terminal(error, limit=1000)}", file=sys.stderr)
        return NOTHING_REACHED
    report.write_report(
        arguments.source,
        arguments.output,
        now=arguments.now or datetime.now(UTC),
        policy=arguments.policy,
        roots=arguments.roots,
        title=arguments.title,
    )
    print(f"Open: {arguments.output}")
    return FINE


def _demo(arguments: argparse.Namespace) -> int:
    try:
        from toolkit import report  # noqa: PLC0415  needs the extras `lab` and `notebooks`, which other commands do not
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The demo needs {error.name}, which is not installed: pip install 'tls-toolkit[lab,notebooks]'."
        ) from error

    report.run_demo(arguments.output, recorded=arguments.recorded, seed=arguments.seed)
    return FINE


def _reached(tables: Tables) -> int:
    if (tables.observations["outcome"] == "ok").any():
        return FINE
    print("tls-toolkit: nothing could be reached; the table says why, look by look.", file=sys.stderr)
    return NOTHING_REACHED


def _print_frame(frame: pd.DataFrame) -> None:
    """The frame as a table of harmless text, one line a row; numbers and instants as exact as one reads them."""
    shown = frame.astype(object).map(_for_reading)
    widths = {name: max([len(name), *shown[name].str.len()]) for name in shown.columns}
    print("  ".join(name.ljust(widths[name]) for name in shown.columns).rstrip())
    for row in shown.itertuples(index=False):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths.values(), strict=True)).rstrip())


def _for_reading(value: object) -> str:
    if isinstance(value, datetime) and not pd.isna(value):
        return value.isoformat(sep=" ", timespec="seconds")
    return f"{value:.4g}" if isinstance(value, float) else text.for_terminal(value)


def _print_json(frame: pd.DataFrame) -> None:
    """The rows as a JSON array; instants in ISO 8601, bytes in hex, null as null, ASCII only."""
    print(json.dumps(_json_rows(frame), indent=2))


def _json_rows(frame: pd.DataFrame) -> list[dict[Hashable, object]]:
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
    return value
