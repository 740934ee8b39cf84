"""`tls-toolkit check`: what is in service, judged, and given out in a format, to a URL, or to Prometheus."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

import toolkit
from toolkit import text
from toolkit.cli.codes import FINDINGS, FINE, NOTHING_REACHED
from toolkit.cli.messages import print_message
from toolkit.cli.options import DEFAULT_POLICY, DEFAULT_ROOTS
from toolkit.cli.printing import print_checks, print_checks_as_json, print_endings, print_endings_as_json
from toolkit.cli.reading import read_password
from toolkit.errors import ReadError, UsageError
from toolkit.extras import require_extras
from toolkit.reference.roots import Roots, load_roots
from toolkit.reference.rules import Rule, load_policy
from toolkit.reference.stores import trust_stores
from toolkit.tables import Tables, is_held_alone

if TYPE_CHECKING:
    from toolkit.checking import InService


@dataclass(frozen=True, slots=True)
class CheckRun:
    """One run of `check`: the tables, the rows that were judged, the verdicts, and the instant that was judged."""

    tables: Tables
    scope: "InService"
    checks: pd.DataFrame
    now: datetime


def check(arguments: argparse.Namespace) -> int:
    """`tls-toolkit check`: findings of reachability, expiry, rotation, trust and policies."""
    if bool(arguments.write_baseline) != bool(arguments.accept_until):
        raise UsageError("--write-baseline FILE and --accept-until DATE belong together: give both.")
    if arguments.webhook:
        from toolkit.cli.webhook import host_of, post  # noqa: PLC0415  the other commands do not need urllib

        host_of(arguments.webhook)
    if arguments.serve and arguments.format:
        raise UsageError("--serve gives Prometheus its own format: leave out --format and --json.")
    arguments.format = arguments.format or "text"
    is_by_rules = bool(arguments.policy or arguments.roots)
    rules = load_rules(arguments)
    tables = _read(arguments)
    if is_held_alone(tables) and not is_by_rules:
        return _check_endings(tables, arguments)
    run = _judge(tables, rules, arguments)
    if arguments.serve:
        with require_extras("--serve", "metrics"):
            from toolkit.cli.serving import serve  # noqa: PLC0415  other commands do not need it

        return serve(arguments.serve, run, lambda: _judge(_read(arguments), rules, arguments), arguments.source)
    _print(run, arguments)
    counts = toolkit.checking.count(run.checks)
    if arguments.webhook:
        post(arguments.webhook, run.checks, now=run.now, source=arguments.source)
    scope = run.scope
    if scope.is_outdated and scope.newest is not None:
        print_message(f"{arguments.source}: the newest observation is of {scope.newest:%Y-%m-%d %H:%M} UTC, "
             f"{text.lasting(scope.now - scope.newest)} before {run.now:%Y-%m-%d}, and says little about that "
             "day. Run `tls-toolkit collect`, or give the day to judge with --now.")  # fmt: skip
    if counts["findings"]:
        return FINDINGS
    why = _find_why_nothing_is_judged(tables, scope, counts, is_limited=bool(arguments.since or arguments.until))
    if why is None:
        return FINE
    print_message(f"{arguments.source}: {why}")
    return NOTHING_REACHED


def _read(arguments: argparse.Namespace) -> Tables:
    return toolkit.read(
        arguments.path,
        since=arguments.since,
        until=arguments.until,
        password=read_password(arguments.password_file),
    )


def _judge(tables: Tables, rules: tuple[Roots, Sequence[Rule]], arguments: argparse.Namespace) -> CheckRun:
    """The verdicts, with what the baseline accepts; a new baseline is written first, and accepts what it holds."""
    from toolkit.checking.checks import judge_in_service  # noqa: PLC0415  slow to import

    roots, policy = rules
    now = arguments.now or arguments.as_of or find_present(tables)
    scope = toolkit.checking.find_in_service(tables, now=now, history=arguments.history)
    checks = judge_in_service(
        scope,
        tables,
        roots=roots,
        policy=policy,
        as_of=arguments.as_of or "observed",
        thresholds=arguments.thresholds,
        intermediates=arguments.intermediates,
        clock=toolkit.checking.date_present(tables, clock=datetime.now(UTC)),
    )
    if arguments.baseline:
        checks = toolkit.checking.accept(checks, arguments.baseline, now=now)
        gone = toolkit.checking.find_gone(checks, arguments.baseline)
        if gone:
            print_message(f"{arguments.baseline}: {text.counted(len(gone), 'accepted finding')} no longer found; "
                       f"--write-baseline writes it without them. The first: {gone[0]}")  # fmt: skip
    if arguments.write_baseline:
        file = arguments.write_baseline
        if not checks["is_finding"].notna().any():
            raise UsageError(
                f"Nothing could be judged, so the baseline {file} is not written: it would accept nothing."
            )
        toolkit.checking.write_baseline(checks, file, until=arguments.accept_until, now=now, earlier=arguments.baseline)
        checks = toolkit.checking.accept(checks, file, now=now)
    return CheckRun(tables, scope, checks, now)


def _print(run: CheckRun, arguments: argparse.Namespace) -> None:
    scope, checks, now = run.scope, run.checks, run.now
    if arguments.format == "text":
        print_checks(run.tables, checks, scope, arguments, now)
    elif arguments.format == "json":
        names = ("source", "since", "until", "policy", "roots", "intermediates", "thresholds", "history", "baseline")
        asked = {name: getattr(arguments, name) for name in names}
        asked |= {"policy": arguments.policy or [DEFAULT_POLICY], "roots": arguments.roots or DEFAULT_ROOTS}
        as_of = arguments.as_of or (now if is_held_alone(run.tables) else "observed")
        window = {
            "newest": scope.newest, "observed_since": scope.since, "surveyed_since": scope.surveyed_since,
            "left_out": scope.left_out,
        }  # fmt: skip
        counts = toolkit.checking.count(checks)
        print_checks_as_json(checks, {**asked, "now": now, "as_of": as_of, **window, **counts})
    else:
        sys.stdout.write(toolkit.checking.render(checks, arguments.format, now=now, source=arguments.source))


def _find_why_nothing_is_judged(
    tables: Tables, scope: "InService", counts: dict[str, int], *, is_limited: bool
) -> str | None:
    """Why a check without findings proves nothing about the services; None where some verdict is fine."""
    if is_held_alone(tables):
        if not any(counts[kind] for kind in ("fine", "accepted", "unknown")):
            return (
                "no certificate in it is a leaf, so there is nothing to judge by a policy; without --policy, the end "
                "of each certificate is judged."
            )
    elif not toolkit.checking.was_reached(tables):
        return (
            f"no look{' in that time' if is_limited else ''} got an answer, so there is nothing to judge; "
            "`tls-toolkit store info` counts the failures of a store."
        )
    elif not toolkit.checking.was_reached(scope.tables):
        return (
            f"nothing is known to be in service on {scope.now:%Y-%m-%d}, so there is nothing to judge; --now judges as "
            "of another day, --history judges all rows."
        )
    return (
        None
        if counts["fine"] or counts["accepted"]
        else "every verdict is unknown, so nothing is known to be fine; each has its reason."
    )


def _check_endings(tables: Tables, arguments: argparse.Namespace) -> int:
    """Judge certificates by their dates alone, where no service was observed and no rules are given."""
    from toolkit.cli import endings  # noqa: PLC0415  needs scipy, which other commands do not

    given = [option for option, value in (
        ("--format", arguments.format not in ("text", "json")), ("--serve", arguments.serve),
        ("--webhook", arguments.webhook), ("--baseline", arguments.baseline),
        ("--write-baseline", arguments.write_baseline),
    ) if value]  # fmt: skip
    if given:
        raise UsageError(
            f"{arguments.source} holds certificates and no observation of a service; {given[0]} needs the rules "
            "by which to judge them, such as --policy baseline."
        )
    now = arguments.now or arguments.as_of or find_present(tables)
    found = endings.find_endings(tables.certificates, now, arguments.thresholds)
    if arguments.format == "json":
        asked = {"source": arguments.source, "now": now, "thresholds": arguments.thresholds}
        print_endings_as_json(found, asked)
    else:
        print_endings(found, arguments.source, now)
    return FINDINGS if found["state"].isin(endings.FINDINGS).any() else FINE


def find_present(tables: Tables) -> datetime:
    """The day from which `check` and `report` count by default; warns where the clock is behind."""
    clock = datetime.now(UTC)
    present = toolkit.checking.date_present(tables, clock=clock)
    if present > clock:
        print_message(f"days are counted from {present:%Y-%m-%d %H:%M} UTC, the newest row, which is dated "
             f"{text.lasting(present - clock)} after this machine's clock: set one of the two clocks "
             "(NTP).")  # fmt: skip
    return present


def load_rules(arguments: argparse.Namespace) -> tuple[Roots, Sequence[Rule]]:
    """The roots (the name of a trust store, or certificates) and the policy of the options.

    Raises `UsageError` where one of the options is wrong.
    """
    if arguments.since and arguments.until and arguments.since >= arguments.until:
        raise UsageError(
            f"--since {arguments.since.isoformat()} is not before --until {arguments.until.isoformat()}, so nothing "
            "can lie between them: swap them, or leave one out."
        )
    named = arguments.roots or DEFAULT_ROOTS
    try:
        return named if named in trust_stores() else load_roots(named), load_policy(arguments.policy or DEFAULT_POLICY)
    except ReadError as error:
        raise UsageError(str(error)) from error
