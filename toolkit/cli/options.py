"""Options: what a command line may contain, and which command it asks for.

Nothing here imports pandas or cryptography before the options of a command are needed: `--version`, `--help` and a
mistyped command are answered at once. `cli/commands.py`, which carries the commands out, is imported last.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import toolkit
from toolkit.cli.limits import SURVEYS_OWN, add_limits, read_limits
from toolkit.cli.parsing import Parser, Suggested, read_instant, read_instant_or_page, read_parts, read_port
from toolkit.schemes import PORTS
from toolkit.shipped import example_folder, find_source
from toolkit.targets import presets

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


CHECK_FORMATS: Final = ("text", "json", "sarif", "junit", "openmetrics", "github", "ical", "defectdojo")
"""What `check --format` takes: the last six are `toolkit.checking.FORMATS`."""

DEFAULT_POLICY: Final = "mozilla-intermediate"
"""The policy of `check` and `report` where none is given."""

DEFAULT_ROOTS: Final = "certifi"
"""The roots of `check` and `report` where none are given."""


def read_command(argv: Sequence[str] | None) -> Callable[[], int]:
    """The command that the arguments (by default the process's own) ask for, ready to be carried out.

    Ends the process with exit code 2 and a message on standard error where they do not ask for one.
    """
    words = sys.argv[1:] if argv is None else argv
    # Only the options of the command that is named are needed; `--help` and `--version` take no value.
    named = next((word for word in words if not word.startswith("-")), "")
    parser = make_parser(only=named)
    arguments = parser.parse_args(words)
    if "command" not in arguments:
        parser.error("a command is missing: tls-toolkit --help lists them")
    arguments.words = tuple(words)
    from toolkit.cli import commands  # noqa: PLC0415  imports pandas

    if "source" in arguments:
        arguments.path = find_source(arguments.source)
    if "ehlo" in arguments:
        arguments.limits = read_limits(arguments)
    command: Callable[[argparse.Namespace], int] = getattr(commands, arguments.command)
    return partial(command, arguments)


def make_parser(*, only: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command line; from it come the completion scripts and the reference pages.

    `only`: the command whose options are needed; by default every command has its options.
    """
    parser: argparse.ArgumentParser = Parser(
        prog="tls-toolkit",
        description="Observe TLS servers over time: keep what they show, judge it, and make reports of it.",
        epilog="A TARGET is a service URL (smtp://host:587, https://host), host:port, mx:domain, or a preset "
        "such as google-mail (`observe --help` lists them). Exit codes: 0 fine, 1 findings, 2 usage, 3 nothing could "
        "be reached or no handshake succeeded, 4 a file could not be read, 70 the command failed, 74 the output could "
        "not be written, 130 interrupted, 141 the reader of the output ended first (as `head` does).",
    )
    parser.add_argument("--version", action="version", version=f"tls-toolkit {toolkit.__version__}")
    # Not required: a misspelt option before it is reported first, with a suggestion.
    known = parser.add_subparsers(required=False, metavar="COMMAND")
    for name, (summary, add_options) in _COMMANDS.items():
        command = _add_command(known, name, summary)
        if only in (None, name):
            command.set_defaults(command=name)
            add_options(command)
    return parser


def _add_command(known: "_Commands", name: str, summary: str) -> argparse.ArgumentParser:
    return known.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")


def _add_cert_options(parser: argparse.ArgumentParser) -> None:
    _add_targets(parser, "target", nargs=None)
    parser.add_argument("--chain", action="store_true", help="print every certificate, as served, leaf first")
    parser.add_argument("--offer", default="any", choices=_offers(), metavar="NAME",
                        help="the ClientHello to send (default: any)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print rows of `certificates` as JSON instead of PEM")
    add_limits(parser, without={"concurrency", *SURVEYS_OWN})


def _add_collect_options(parser: argparse.ArgumentParser) -> None:
    _add_look_options(parser)
    _add_keeping_options(parser)


def _add_clock(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clock", type=Path, metavar="FILE",
                        help="date observations by the clock of a lab, which `lab --clock FILE` writes; for targets of "
                        "the lab alone (default: this computer's clock)")  # fmt: skip


def _add_watch_options(parser: argparse.ArgumentParser) -> None:
    _add_look_options(parser)
    parser.add_argument("--every", required=True, metavar="LENGTH",
                        help="from the beginning of one round to the beginning of the next, such as 30min, 1h or 1d",
                        )  # fmt: skip
    parser.add_argument("--jitter", type=float, default=0.1, metavar="SHARE",
                        help="begin each round later by up to this share of the interval, at random (default: 0.1)",
                        )  # fmt: skip
    parser.add_argument("--rounds", type=int, metavar="N", help="end after this many rounds (default: never)")
    parser.add_argument("--health", type=Path, metavar="FILE",
                        help="replace this file after each round: when it was, what was observed, when the next begins",
                        )  # fmt: skip
    _add_keeping_options(parser)


def _add_keeping_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", required=True, metavar="STORE", help="folder or URL (s3://…) of the store")
    parser.add_argument(
        "--resume",
        metavar="ROUND",
        help="make the observations that this interrupted round did not make; with its targets, or some of them",
    )
    parser.add_argument("--back-off", action="store_true",
                        help="ask a service that the last 5 rounds did not reach in every 2nd round, later in every "
                        "4th, 8th and 16th; in the others its row says that it was skipped")  # fmt: skip
    parser.add_argument("--settle", action="store_true",
                        help="while a certificate is being replaced, go on until the old one is seen, or bounded below "
                        "5 %% of the backends")  # fmt: skip
    _add_cluster_options(parser)


def _add_cluster_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("cluster", "make the observations in other processes (needs Dask)")
    group.add_argument("--cluster", metavar="ADDRESS", help="of a Dask scheduler, such as tcp://10.0.0.1:8786")
    group.add_argument("--workers", type=int, metavar="N", help="start N worker processes on this machine")


def _add_read_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a scanner's report, certificates, a store, a folder of CSV, or an example, such as google-mail",
    )
    parser.add_argument("--format", metavar="NAME",
                        help="what it is, such as nmap or testssl (default: found out from the content)")  # fmt: skip
    _add_password(parser)
    parser.add_argument("--store", metavar="STORE",
                        help="append the rows to this store while SOURCE is read, and print how many")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the services, or the numbers of rows, as JSON")


def _add_password(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--password-file", metavar="FILE", type=Path,
                        help="a file whose first line is the password of a PKCS#12 file")  # fmt: skip


def _add_store_options(parser: argparse.ArgumentParser) -> None:
    known = parser.add_subparsers(required=True, metavar="COMMAND")
    info = _add_command(known, "info", "print what a store holds: services, observations, failures and gaps")
    info.add_argument("store", metavar="STORE", help="folder or URL (s3://…) of the store")
    info.add_argument("--json", action="store_true", help="print JSON instead of a table")
    info.set_defaults(command="store_info")

    compact = _add_command(known, "compact", "join the small files of a store, and delete those replaced a week ago")
    compact.add_argument("store", metavar="STORE", help="folder or URL (s3://…) of the store")
    compact.add_argument("--exclusive", action="store_true",
                         help="also delete at once what no version of the store needs: give it only while no other "
                         "process writes to the store")  # fmt: skip
    compact.add_argument("--json", action="store_true", help="print JSON instead of a table")
    compact.set_defaults(command="store_compact")


def _add_check_options(parser: argparse.ArgumentParser) -> None:
    _add_judging_options(parser, many_policies=True)
    _add_password(parser)
    parser.add_argument("--as-of", type=read_instant, metavar="DATE",
                        help="judge everything by the rules of that day, and chains at that instant; a date without "
                        "a zone means midnight UTC (default: each row by its own day)")  # fmt: skip
    parser.add_argument("--thresholds", choices=("lifetime", "days"), default="lifetime",
                        help="when a certificate is expiring: with a third, a sixth, a twelfth of its lifetime left, "
                        "or with 30, 14, 7 days left (default: lifetime)")  # fmt: skip
    parser.add_argument("--intermediates", metavar="NAME", default="served",
                        help="served (default); held: the other CA certificates of the source may complete a chain, as "
                        "for clients that fetch or cache them; or a PEM file, which adds its own")  # fmt: skip
    output = parser.add_argument_group("output")
    formats = output.add_mutually_exclusive_group()
    formats.add_argument("--format", choices=CHECK_FORMATS, metavar="NAME",
                         help=f"{', '.join(CHECK_FORMATS)} (default: text)")  # fmt: skip
    formats.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")
    output.add_argument("--webhook", metavar="URL", help="also send the counts and the findings to this URL, as JSON")
    output.add_argument("--serve", metavar="[HOST]:PORT",
                        help="serve metrics for Prometheus until interrupted, judged again when they are a minute old "
                        "(default host: 127.0.0.1)")  # fmt: skip
    known = parser.add_argument_group("known findings")
    known.add_argument("--baseline", type=Path, metavar="FILE",
                       help="accept the findings of this file, each until its date")  # fmt: skip
    known.add_argument("--write-baseline", type=Path, metavar="FILE",
                       help="write the present findings into this file, and accept them; entries of --baseline, or of "
                       "the file where it exists, that this run does not judge are kept until their date")  # fmt: skip
    known.add_argument("--accept-until", type=read_instant, metavar="DATE", help="until when --write-baseline accepts")


def _add_report_options(parser: argparse.ArgumentParser) -> None:
    _add_judging_options(parser, many_policies=False)
    parser.add_argument("--output", type=Path, default=Path("report.html"), metavar="FILE",
                        help="the file to write: HTML, or a PDF where its name ends in .pdf, which needs Chromium, "
                        "Chrome or Edge (default: report.html)")  # fmt: skip
    parser.add_argument("--title", help="heading of the page (default: the source's name)")
    parser.add_argument("--paper", choices=("a4", "letter"), default="a4",
                        help="size of paper of the PDF, and of the page where it is printed (default: a4)")  # fmt: skip
    parser.add_argument("--since-report", type=read_instant_or_page, metavar="DATE",
                        help="say what changed since that earlier day, or since the day of an earlier report (its HTML "
                        "file); a date without a zone means midnight UTC (default: no comparison)")  # fmt: skip
    parser.add_argument("--interactive", action="store_true",
                        help="charts of rotations, expiry and ciphers that can be hovered, zoomed and filtered; the "
                        "page is 1 MB larger, and still needs no network")  # fmt: skip
    parser.add_argument("--tables", type=Path, metavar="FOLDER",
                        help="also write every table into FOLDER, as CSV, Markdown and LaTeX")  # fmt: skip


def _add_lab_options(parser: argparse.ArgumentParser) -> None:
    from toolkit.lab import NAMES  # noqa: PLC0415  imports numpy

    parser.add_argument("--scenario", default="year", choices=Suggested(NAMES), metavar="NAME",
                        help=f"what happens in the lab: {', '.join(NAMES)} (default: year)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=2026, metavar="N", help="seed of the scenario (default: 2026)")
    parser.add_argument("--port", type=read_port, default=41025, metavar="N",
                        help="port of the first address, from 1 to 64999; the next ones have the next numbers, and a "
                        "free port where that is in use (default: 41025)")  # fmt: skip
    parser.add_argument("--roots", type=Path, metavar="FILE",
                        help="write the lab's root certificates into this PEM file, for `check --roots`")  # fmt: skip
    parser.add_argument("--clock", type=Path, metavar="FILE",
                        help="write the instant that the lab's clock shows into this file, and again when it is "
                        "turned, for `collect --clock`")  # fmt: skip


def _add_lessons_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="the folder to copy to; it is created where missing"
    )


def _add_demo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, default=Path("build"), metavar="FOLDER",
                        help="the folder to write to (default: build)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=2026, metavar="N", help="seed of the lab year (default: 2026)")
    parser.add_argument("--recorded", type=Path, default=example_folder("google-mail"), metavar="FOLDER",
                        help="recorded mail data for the notebooks (default: the example google-mail)")  # fmt: skip


def _add_completion_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"),
                        help="bash: source the script in ~/.bashrc; zsh: save it as _tls-toolkit in a folder of "
                        "$fpath; fish: save it as ~/.config/fish/completions/tls-toolkit.fish")  # fmt: skip


def _add_look_options(parser: argparse.ArgumentParser) -> None:
    _add_lists_of_targets(parser)
    parser.add_argument("--offer", action="append", choices=_offers(), metavar="NAME",
                        help="a ClientHello to send (repeatable; default: any)")  # fmt: skip
    parser.add_argument("--samples", type=int, default=1, metavar="N",
                        help="observations of each address and offer (default: 1)")  # fmt: skip
    parser.add_argument("--addresses", type=int, metavar="N", help="addresses of each host (default: all)")
    parser.add_argument("--dry-run", action="store_true",
                        help="estimate the observations and the time of a round, and make none")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    add_limits(parser)
    _add_clock(parser)


def _add_survey_options(parser: argparse.ArgumentParser) -> None:
    _add_lists_of_targets(parser)
    parser.add_argument("--parts", type=read_parts, default="suites,groups,signature_schemes", metavar="LIST",
                        help="what to ask about besides versions (default: all of suites,groups,signature_schemes)",
                        )  # fmt: skip
    parser.add_argument("--per-host", "--concurrency", dest="concurrency", type=int, default=2, metavar="N",
                        help="maximum number of simultaneous connections to one address (default: 2; in Python: "
                        "`concurrency`)")  # fmt: skip
    parser.add_argument("--rate", type=float, default=20.0, metavar="N",
                        help="connections per second to one address, 0 for no limit (default: 20)")  # fmt: skip
    parser.add_argument("--budget", type=int, default=500, metavar="N",
                        help="maximum number of connections to one address (default: 500)")  # fmt: skip
    parser.add_argument("--splits", type=int, default=0, metavar="N",
                        help="how often to split long chains of questions, which saves time (default: 0)")  # fmt: skip
    parser.add_argument("--addresses", type=int, metavar="N", help="addresses of each host (default: all)")
    parser.add_argument("--store", metavar="STORE", help="also keep the survey in this store")
    parser.add_argument("--dry-run", action="store_true", help="estimate the connections and the time, and open none")
    parser.add_argument("--json", action="store_true", help="print every question and its answer as JSON")
    _add_clock(parser)
    _add_cluster_options(parser)
    add_limits(parser, without=SURVEYS_OWN)


def _add_lists_of_targets(parser: argparse.ArgumentParser) -> None:
    _add_targets(parser, "targets", nargs="*")
    parser.add_argument("--targets", dest="file", metavar="FILE",
                        help="a file of targets, one a line (with --scheme, hosts alone too), or CSV whose first "
                        "line names its columns (target, or host with scheme or port); - is the standard input",
                        )  # fmt: skip
    parser.add_argument("--column", metavar="NAME", help="the column of that file that names the targets")
    parser.add_argument("--strict", action="store_true",
                        help="do nothing where a line of that file is not a target (default: such a line is reported "
                        "and left out)")  # fmt: skip


def _add_targets(parser: argparse.ArgumentParser, name: str, *, nargs: str | None) -> None:
    known = presets()
    parser.add_argument(name, nargs=nargs, choices=Suggested((*known, *(f"{scheme}://" for scheme in PORTS))),
                        metavar="TARGET", help="service URL, host:port, mx:domain or preset ("
                        f"{', '.join(known).replace('%', '%%')})")  # fmt: skip
    parser.add_argument("--scheme", choices=Suggested(PORTS), metavar="NAME",
                        help="that of targets which name none: a host alone (default: refused)")  # fmt: skip
    parser.add_argument("--connect-to", metavar="HOST:PORT", help="connect to this instead of the target's own host")


def _offers() -> Suggested:
    from toolkit import reference  # noqa: PLC0415  reads CSV files

    return Suggested(reference.offers())


def _add_judging_options(parser: argparse.ArgumentParser, *, many_policies: bool) -> None:
    from toolkit.reference.roots import root_sources  # noqa: PLC0415  imports cryptography
    from toolkit.reference.rules import policies  # noqa: PLC0415  imports pandas

    parser.add_argument("source", metavar="SOURCE", help="a store, another path that toolkit.read reads, or an "
                        "example, such as google-mail")  # fmt: skip
    known, roots = Suggested(sorted(policies())), Suggested(root_sources())
    again = "; give the option again for several" if many_policies else ""
    parser.add_argument("--policy", default=None if many_policies else DEFAULT_POLICY, choices=known, metavar="NAME",
                        action="append" if many_policies else "store",
                        help=f"{', '.join(known)}, or a CSV file of rules like those in toolkit/reference/policies "
                        f"(default: {DEFAULT_POLICY}{again})")  # fmt: skip
    parser.add_argument("--roots", choices=roots, metavar="BUNDLE",
                        help=f"{', '.join(roots)}, or a PEM file (default: {DEFAULT_ROOTS}); a trust store, such as "
                        "mozilla, is judged with its history")  # fmt: skip
    parser.add_argument("--now", type=read_instant, metavar="DATE",
                        help="the day from which days are counted; a date without a zone means midnight UTC "
                        f"(default: the present{', or the day of --as-of' if many_policies else ''})")  # fmt: skip
    parser.add_argument("--history", action="store_true",
                        help="judge every observation until now (default: what is in service now, by the last "
                        "observations and the last survey of each service)")  # fmt: skip
    for option, holds in (("--since", "at or after"), ("--until", "before")):
        parser.add_argument(option, type=read_instant, metavar="DATE",
                            help=f"judge observations made {holds} that instant, and undated ones; a date without a "
                            "zone means midnight UTC (default: all)")  # fmt: skip


_COMMANDS: Final[dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]]] = {
    "cert": ("print the certificate that a server presents, as PEM", _add_cert_options),
    "observe": ("observe each target once, and print the observations", _add_look_options),
    "collect": ("observe each target once, and keep the observations in a store", _add_collect_options),
    "watch": ("collect again and again: a round every hour or day, until interrupted", _add_watch_options),
    "survey": ("find out what a server accepts: versions, cipher suites, groups, schemes", _add_survey_options),
    "read": ("read a file of another tool, and print what was understood of it", _add_read_options),
    "store": ("print what a store holds, or compact it", _add_store_options),
    "check": ("judge expiry, trust and a policy; exit code 1 where there are findings", _add_check_options),
    "report": ("make one HTML or PDF file of a source: findings, rotations, expiry, ciphers", _add_report_options),
    "lab": ("run a small internet on loopback, to try the other commands on", _add_lab_options),
    "lessons": ("copy the notebooks and their data into a folder", _add_lessons_options),
    "demo": ("observe a lab year, report on it, execute the lessons, print which files to open", _add_demo_options),
    "completion": ("print a script that completes command lines in a shell", _add_completion_options),
}
"""Command → its summary, and what adds its options. The function in `cli/commands.py` has the command's name."""
