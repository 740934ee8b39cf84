"""Options: what a command line may say, and which command it asks for."""

import argparse
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Final

import toolkit
from toolkit.cli import commands
from toolkit.collection import Limits
from toolkit.errors import UsageError
from toolkit.reference.roots import bundles
from toolkit.reference.rules import policies
from toolkit.shipped import example_folder

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_LIMITS: Final = {
    "resolve_seconds": ("--resolve-seconds", "for asking the addresses of a name"),
    "connect_seconds": ("--connect-seconds", "until connected"),
    "upgrade_seconds": ("--upgrade-seconds", "for the dialogue before TLS, the server's greeting included"),
    "answer_seconds": ("--answer-seconds", "from the hello until the server's flight is read"),
    "total_seconds": ("--total-seconds", "from dialling to the end, however slowly a server sends"),
    "upgrade_bytes": ("--upgrade-bytes", "bytes accepted from a server before TLS"),
    "answer_bytes": ("--answer-bytes", "bytes accepted from a server from the hello on"),
    "concurrency": ("--connections", "connections at a time in all"),
    "per_host": ("--per-host", "connections at a time to one address"),
    "max_looks": ("--max-looks", "looks made in all; the rest are rows with the outcome skipped"),
    "blocked": ("--block", "a host name or a network that is never asked (repeatable)"),
}
"""Field of `Limits` → its option, and what it says."""

_SURVEYS_OWN: Final = {"per_host", "max_looks"}
"""Fields that mean nothing to a survey, which has `--concurrency` and `--budget`."""

_PATIENCE: Final = tuple(field for field in _LIMITS if field.endswith("_seconds"))


class _Parser(argparse.ArgumentParser):
    """A parser whose help and version are an error where they cannot be written; argparse passes over that."""

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        if file is sys.stdout:
            file.write(message)
        else:
            super()._print_message(message, file)


def read_command(argv: Sequence[str] | None) -> Callable[[], int]:
    """The command that the arguments (without them: the process's) ask for, ready to be carried out.

    Ends the process with exit code 2 and a word on standard error where they ask for none.
    """
    arguments = make_parser().parse_args(argv)
    if "ehlo" in arguments:
        arguments.limits = _limits(arguments)
    return partial(arguments.command, arguments)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; the reference pages are made from it."""
    parser = _Parser(
        prog="tls-toolkit",
        description="Watch TLS over time: what mail and web servers show, kept, asked and charted.",
        epilog="A TARGET is a service URL (smtp://host:587, https://host), host:port, mx:domain, or a preset "
        "such as google-mail. Exit codes: 0 fine, 1 findings, 2 usage, 3 nothing could be reached, 4 a file could not "
        "be read, 70 the command failed, 74 the output could not be written.",
    )
    parser.add_argument("--version", action="version", version=f"tls-toolkit {toolkit.__version__}")
    known = parser.add_subparsers(required=True, metavar="COMMAND")

    cert = known.add_parser("cert", help="print the certificate that a server shows, as PEM")
    cert.add_argument("target", metavar="TARGET")
    cert.add_argument("--chain", action="store_true", help="print every certificate, as served, leaf first")
    cert.add_argument("--offer", default="any", help="which ClientHello to send (default: any)")
    cert.add_argument("--connect-to", metavar="HOST:PORT", help="dial this instead of the target's own host")
    cert.add_argument("--json", action="store_true", help="print rows of `certificates` instead")
    _add_limits(cert, without={"concurrency", *_SURVEYS_OWN})
    cert.set_defaults(command=commands.cert)

    observe = known.add_parser("observe", help="look once, and print what was seen")
    _add_look_options(observe)
    observe.set_defaults(command=commands.observe)

    collect = known.add_parser("collect", help="look once, and keep what was seen in a store")
    _add_look_options(collect)
    collect.add_argument("--store", required=True, metavar="STORE", help="folder (or s3:// URL) of the store")
    collect.add_argument("--resume", metavar="ROUND", help="make the looks that an interrupted round did not make")
    collect.add_argument("--settle", action="store_true",
                         help="while a certificate is being replaced, go on until the old one is bounded below 5 %% of "
                         "the machines, or seen")  # fmt: skip
    collect.set_defaults(command=commands.collect)

    survey = known.add_parser("survey", help="find out what a server accepts, each answer proven")
    _add_survey_options(survey)
    survey.set_defaults(command=commands.survey)

    store = known.add_parser("store", help="say what a store holds")
    store_commands = store.add_subparsers(required=True, metavar="COMMAND")
    info = store_commands.add_parser("info", help="services, looks, failures and gaps")
    info.add_argument("store", metavar="STORE")
    info.add_argument("--json", action="store_true", help="print JSON instead of a table")
    info.set_defaults(command=commands.store_info)

    check = known.add_parser("check", help="findings of expiry, trust and a policy; exit code 1 when there are any")
    _add_judging_options(check)
    check.add_argument("--as-of", type=_instant, metavar="DATE",
                       help="judge everything by the rules of that day, and chains at that instant; a date without "
                       "a zone means midnight UTC (default: each row by its own day)")  # fmt: skip
    check.add_argument("--thresholds", choices=("lifetime", "days"), default="lifetime",
                       help="a certificate is expiring with a third, a sixth, a twelfth of its lifetime left, or with "
                       "the classic 30, 14, 7 days (default: lifetime)")  # fmt: skip
    check.add_argument("--json", action="store_true", help="print JSON: what was judged how, and every verdict")
    check.set_defaults(command=commands.check)

    report = known.add_parser("report", help="make one HTML file of a source: rotations, expiry, ciphers, findings")
    _add_judging_options(report)
    report.add_argument("--output", type=Path, default=Path("report.html"), metavar="FILE",
                        help="(default: report.html)")  # fmt: skip
    report.add_argument("--title", help="(default: the source's name)")
    report.set_defaults(command=commands.report)

    _add_practice_commands(known)
    return parser


def _add_practice_commands(known: "argparse._SubParsersAction[_Parser]") -> None:
    """The lab, the lessons and the demo."""
    lab = known.add_parser("lab", help="run a small internet on loopback, to try the other commands on")
    lab.add_argument("--scenario", default="year", metavar="NAME", help="of toolkit.lab.NAMES (default: year)")
    lab.add_argument("--seed", type=int, default=2026, help="of the scenario (default: 2026)")
    lab.add_argument("--roots", type=Path, metavar="FILE",
                     help="write the lab's root certificates into this PEM file, for `check --roots`")  # fmt: skip
    lab.set_defaults(command=commands.lab)

    lessons = known.add_parser("lessons", help="copy the notebooks and their data into a folder of yours")
    lessons.add_argument("folder", type=Path, metavar="FOLDER")
    lessons.set_defaults(command=commands.lessons)

    demo = known.add_parser("demo", help="watch a lab year, execute the notebooks, say what to open")
    demo.add_argument("--output", type=Path, default=Path("build"), metavar="FOLDER", help="(default: build)")
    demo.add_argument("--seed", type=int, default=2026, help="of the lab year (default: 2026)")
    demo.add_argument("--recorded", type=Path, default=example_folder("google-mail"), metavar="FOLDER",
                      help="recorded mail data for the notebooks (default: the example google-mail)")  # fmt: skip
    demo.set_defaults(command=commands.demo)


def _add_look_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("targets", nargs="+", metavar="TARGET")
    parser.add_argument("--offer", action="append", metavar="NAME", help="a ClientHello to send (repeatable)")
    parser.add_argument("--samples", type=int, default=1, metavar="N", help="looks at each address (default: 1)")
    parser.add_argument("--addresses", type=int, metavar="N", help="addresses of each host (default: all)")
    parser.add_argument("--connect-to", metavar="HOST:PORT", help="dial this instead of the targets' own hosts")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    _add_limits(parser)


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
    _add_limits(parser, without=_SURVEYS_OWN)


def _add_limits(parser: argparse.ArgumentParser, *, without: Collection[str] = ()) -> None:
    """How to introduce ourselves, and an option for each limit."""
    group = parser.add_argument_group("patience and limits")
    group.add_argument("--ehlo", metavar="NAME",
                       help="the host name or address literal that EHLO and LHLO say (default: this machine's address, "
                       "and mail.example.com where a server refuses that)")  # fmt: skip
    group.add_argument("--timeout", type=float, metavar="SECONDS",
                       help="sets every limit in seconds that is not set itself")  # fmt: skip
    defaults = {field.name: field.default for field in fields(Limits)}
    for field, (option, meaning) in _LIMITS.items():
        if field in without:
            continue
        if field == "blocked":
            group.add_argument(option, dest=field, action="append", metavar="NAME", help=meaning)
            continue
        default = defaults[field]
        known = "no limit" if default is None else f"{default:g}"
        is_time = field in _PATIENCE
        group.add_argument(option, dest=field, type=float if is_time else int, metavar="SECONDS" if is_time else "N",
                           help=f"{meaning} (default: {known})")  # fmt: skip


def _limits(arguments: argparse.Namespace) -> Limits:
    for option, field in (("--timeout", "timeout"), *((option, field) for field, (option, _) in _LIMITS.items())):
        value = getattr(arguments, field, None)
        if isinstance(value, int | float) and not 0 < value < inf:
            raise UsageError(f"{option} {value:g}: must be greater than 0, and finite.")
    given = dict.fromkeys(_PATIENCE, arguments.timeout) | {
        field: getattr(arguments, field) for field in _LIMITS if getattr(arguments, field, None) is not None
    }
    given = {field: tuple(value) if isinstance(value, list) else value for field, value in given.items()}
    return Limits(**{field: value for field, value in given.items() if value is not None})


def _add_judging_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="a store, or anything else that toolkit.read understands")
    parser.add_argument("--policy", default="mozilla-intermediate", metavar="NAME",
                        help=f"{', '.join(sorted(policies()))}, or a CSV file of rules like those in "
                        "toolkit/reference/policies (default: mozilla-intermediate)")  # fmt: skip
    parser.add_argument("--roots", default="certifi", metavar="BUNDLE",
                        help=f"certifi, {', '.join(bundles())}, or a PEM file (default: certifi)")  # fmt: skip
    parser.add_argument("--now", type=_instant, metavar="DATE",
                        help="the day from which days are counted; a date without a zone means midnight UTC "
                        "(default: the present, or the day of --as-of)")  # fmt: skip
    parser.add_argument("--history", action="store_true",
                        help="judge everything that the source holds; by default what is in service now: of each "
                        "service the last observations and the last survey")  # fmt: skip
    for option, holds in (("--since", "not before"), ("--until", "before")):
        parser.add_argument(option, type=_instant, metavar="DATE",
                            help=f"judge what was seen {holds} that instant, as far as it is dated; a date without a "
                            "zone means midnight UTC (default: everything)")  # fmt: skip


def _instant(words: str) -> datetime:
    """A date or an instant in ISO 8601; without a zone it is UTC, a date alone is its midnight."""
    try:
        instant = datetime.fromisoformat(words)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{words!r} is no date: write 2016-02-11 or 2016-02-11T09:30+01:00") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
