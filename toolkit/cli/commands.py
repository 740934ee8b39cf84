"""Commands: one function each, from the arguments to an exit code."""

import argparse
import shlex
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from itertools import chain
from typing import Any, Final

import pandas as pd

import toolkit
from toolkit import reference, text
from toolkit.cli.checks import check, find_present, load_rules
from toolkit.cli.codes import FAILED, FINE, INTERRUPTED, NOTHING_REACHED
from toolkit.cli.labs import find_clock, lab, wait_for_lab
from toolkit.cli.messages import print_message
from toolkit.cli.options import DEFAULT_ROOTS
from toolkit.cli.printing import (
    MOST_ROWS,
    as_json_line,
    print_frame,
    print_json,
    print_services,
    print_survey,
    print_unfinished,
)
from toolkit.cli.reached import find_exit_code, is_interrupted, what_was_reached
from toolkit.cli.reading import keep_understood, print_understood, read_password
from toolkit.collection.clusters.clients import open_cluster
from toolkit.errors import UsageError
from toolkit.extras import require_extras
from toolkit.shipped import copy_lessons
from toolkit.store.counting import count_outcomes
from toolkit.tables import Tables, as_pem
from toolkit.target_files import find_targets
from toolkit.targets import MailDomain, Target, expand_targets

__all__ = ["check", "lab"]  # the other commands are defined here

_LOOK_COLUMNS: Final = ("service", "address", "offer", "outcome", "protocol", "suite", "group", "leaf", "note")


def cert(arguments: argparse.Namespace) -> int:
    """`tls-toolkit cert`: the certificate that a server presents, as PEM."""
    target = toolkit.parse_target(arguments.target, connect_to=arguments.connect_to, scheme=arguments.scheme)
    tables = toolkit.observe(
        target,
        offers=(arguments.offer,),
        addresses=1,
        limits=arguments.limits,
        ehlo=arguments.ehlo,
        contact=arguments.contact,
        progress=False,
    )
    if is_interrupted(tables):
        return INTERRUPTED
    (look,) = tables.observations.to_dict("records")
    chain = look["chain_sha256"]
    if not chain:
        why = f"{look['outcome']} at {look['stage']}" if look["outcome"] != "ok" else "no certificate was presented"
        print(f"tls-toolkit: {target}: {why}: {text.for_terminal(look['reason']) or '-'}", file=sys.stderr)
        return NOTHING_REACHED
    shown = chain if arguments.chain else chain[:1]
    certificates = tables.certificates.set_index("cert_sha256", drop=False).loc[list(shown)]
    if arguments.json:
        print_json(certificates)
    else:
        for der in certificates["der"]:
            sys.stdout.write(as_pem(der))
    return FINE


def observe(arguments: argparse.Namespace) -> int:
    """`tls-toolkit observe`: each target observed once, printed."""
    if arguments.dry_run:
        return _estimate(arguments)
    targets, offers = _targets(arguments), tuple(arguments.offer or ("any",))
    tables = toolkit.observe(
        targets,
        offers=offers,
        samples=arguments.samples,
        addresses=arguments.addresses,
        limits=arguments.limits,
        ehlo=arguments.ehlo,
        contact=arguments.contact,
        clock=find_clock(arguments.clock, targets),
        progress=sys.stderr.isatty(),
    )
    if tables.rounds.empty:  # a warning has said that it was interrupted before it began
        return INTERRUPTED
    looks = _in_order(tables, offers)
    if arguments.json:
        print_json(looks.drop(columns=["sent_bytes", "answer_bytes"]))
    else:
        unproven = looks["is_key_proven"].eq(False).map({True: "key not proven"})
        shown = looks.assign(leaf=looks["leaf_sha256"].str[:8], note=looks["reason"].fillna(unproven))
        print_frame(shown[list(_LOOK_COLUMNS)])
    return find_exit_code(tables)


def _in_order(tables: Tables, offers: Sequence[str]) -> pd.DataFrame:
    """The observations by service and offer in the order of the command line, then by sample; not by completion."""
    looks = tables.observations
    services = {name: place for place, name in enumerate(tables.rounds["services"].iloc[-1])}
    names = {reference.offers()[name].name: place for place, name in enumerate(offers)}
    places = looks.assign(service=looks["service"].map(services), offer=looks["offer"].map(names))
    return looks.loc[places.sort_values(["service", "address", "offer", "sample"]).index]


def _targets(arguments: argparse.Namespace) -> list[Target | MailDomain]:
    """The targets of the command line and of `--targets`, with `--connect-to` all of them at that address.

    Of more targets than `max_planned` the rest is not read: a round is then refused.
    """
    named: Iterable[str | Target | MailDomain] = arguments.targets
    if arguments.file is None and (arguments.column is not None or arguments.strict):
        raise UsageError("--column and --strict say how to read a file of targets: name it with --targets FILE.")
    if arguments.file is not None:
        source = sys.stdin.buffer if arguments.file == "-" else arguments.file
        listed = find_targets(source, column=arguments.column, scheme=arguments.scheme, strict=arguments.strict)
        named = chain(named, (target for _, target in listed))
    elif not named:
        raise UsageError("No target given: name one, such as smtp://smtp.gmail.com:587, or a file with --targets FILE.")
    if arguments.connect_to:
        parse = partial(toolkit.parse_target, connect_to=arguments.connect_to, scheme=arguments.scheme)
        named = map(parse, map(str, named))
    most = None if arguments.dry_run else arguments.limits.max_planned
    return expand_targets(named, scheme=arguments.scheme, most=most)


def _estimate(arguments: argparse.Namespace) -> int:
    """Print what a round would make, and make nothing."""
    estimate = toolkit.estimate_round(
        _targets(arguments),
        offers=tuple(arguments.offer or ("any",)),
        samples=arguments.samples,
        limits=arguments.limits,
        **({"store": arguments.store, "resume": arguments.resume} if "resume" in arguments else {}),
    )
    (print_json if arguments.json else print_frame)(estimate)
    return FINE


def collect(arguments: argparse.Namespace) -> int:
    """`tls-toolkit collect`: each target observed once, kept in a store."""
    if arguments.dry_run:
        return _estimate(arguments)
    store, targets = toolkit.Store(arguments.store), _targets(arguments)
    clock = find_clock(arguments.clock, targets)
    with _collecting(arguments) as settings:
        end = toolkit.collect(targets, store, clock=clock, progress=sys.stderr.isatty(), **settings)
    outcomes = count_outcomes(store, end["round"])
    looks_ok = outcomes.loc[outcomes["outcome"] == "ok", "looks"].sum()
    if arguments.json:
        print_json(pd.DataFrame([end]))
    else:
        by = ["service", "outcome"] if len(end["services"]) <= MOST_ROWS else ["outcome"]
        print_frame(outcomes.groupby(by, dropna=False)["looks"].sum().reset_index())
        looked = text.counted(int(outcomes["looks"].sum()), "look")
        print(f"{looked}, {looks_ok:,} ok; kept in {arguments.store}, round {end['round']}.")
        if arguments.resume is not None:
            print(f"This run made {end['looks']:,} of them, {end['looks_ok']:,} ok.")
    if end["end_reason"] != "finished":
        why = str(end["end_reason"]).rstrip(".")
        print_message(f"{why}. To make the rest, collect again with --resume {end['round']}.")
        return FAILED
    if looks_ok == 0:
        print_message(f"{what_was_reached(outcomes)}; each failed look is kept, with its reason:")
        for reason, count in outcomes.groupby("reason")["looks"].sum().nlargest(3).items():
            print(f"  {count:,} × {text.for_terminal(reason)}", file=sys.stderr)
        return NOTHING_REACHED
    return FINE


def watch(arguments: argparse.Namespace) -> int:
    """`tls-toolkit watch`: a round again and again, a line for each, until interrupted."""
    if arguments.dry_run:
        return _estimate(arguments)
    from toolkit.collection import WatchedRound  # noqa: PLC0415  other commands do not need the collector
    from toolkit.collection.interrupt import RoundInterrupt  # noqa: PLC0415  other commands do not need the collector

    looks = answered = made = 0
    targets = _targets(arguments)
    clock = find_clock(arguments.clock, targets)

    def show(done: WatchedRound) -> None:
        nonlocal looks, answered, made
        made += 1
        looks, answered = looks + done.observed, answered + done.observed - done.failed
        print(as_json_line(asdict(done)) if arguments.json else done, flush=True)

    try:
        with _collecting(arguments) as settings:
            toolkit.watch(
                targets,
                arguments.store,
                every=arguments.every,
                jitter=arguments.jitter,
                rounds=arguments.rounds,
                health=arguments.health,
                each=show,
                clock=clock,
                wait=time.sleep if arguments.clock is None else wait_for_lab,
                **settings,
            )
    except RoundInterrupt as interrupt:
        print_message(f"{interrupt} Go on with:")
        rounds = None if arguments.rounds is None else arguments.rounds - made
        print(f"  {_line_to_resume(arguments.words, interrupt.round, rounds)}", file=sys.stderr)
        return INTERRUPTED
    return FINE if answered or not looks else NOTHING_REACHED


@contextmanager
def _collecting(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The arguments of `toolkit.collect` that `collect` and `watch` have options for."""
    with open_cluster(arguments.cluster, arguments.workers) as client:
        yield {
            "offers": tuple(arguments.offer or ("any",)),
            "samples": arguments.samples,
            "addresses": arguments.addresses,
            "limits": arguments.limits,
            "ehlo": arguments.ehlo,
            "contact": arguments.contact,
            "resume": arguments.resume,
            "settle": arguments.settle,
            "back_off": arguments.back_off,
            "client": client,
        }


def _line_to_resume(words: Sequence[str], round_: str | None, rounds: int | None) -> str:
    """The command line again, with the round to resume and the rounds that are left in place of earlier ones."""
    kept, given = list(words), {"--resume": round_, "--rounds": rounds}
    for option in given:
        while option in kept:
            place = kept.index(option)
            del kept[place : place + 2]
        kept = [word for word in kept if not word.startswith(f"{option}=")]
    for option, value in given.items():
        kept += [] if value is None else [option, str(value)]
    return text.for_terminal(shlex.join(["tls-toolkit", *kept]), limit=10_000)


def survey(arguments: argparse.Namespace) -> int:
    """`tls-toolkit survey`: what each target accepts."""
    targets = _targets(arguments)
    asked = {
        "parts": arguments.parts,
        "budget": arguments.budget,
        "rate": arguments.rate or None,
    }
    if arguments.dry_run:
        estimate = toolkit.estimate_survey(targets, **asked)
        if arguments.json:
            print_json(estimate)
        else:
            print_frame(estimate, narrow=True)
        return FINE
    if arguments.store is None and (arguments.cluster, arguments.workers) != (None, None):
        raise UsageError("--cluster and --workers need --store: the workers keep what they find out there.")
    clock = find_clock(arguments.clock, targets)
    with open_cluster(arguments.cluster, arguments.workers) as client:
        tables = toolkit.survey(
            targets,
            **asked,
            concurrency=arguments.concurrency,
            splits=arguments.splits,
            addresses=arguments.addresses,
            limits=arguments.limits,
            ehlo=arguments.ehlo,
            contact=arguments.contact,
            clock=clock,
            progress=sys.stderr.isatty(),
            store=arguments.store,
            client=client,
        )
    if tables.rounds.empty:  # as in `observe`
        return INTERRUPTED
    if arguments.json:
        print_json(tables.support)
    else:
        print_survey(tables)
    return find_exit_code(tables)


def store_info(arguments: argparse.Namespace) -> int:
    """`tls-toolkit store info`: what a store holds."""
    tables = toolkit.Store(arguments.store).load()
    overview = tables.overview()
    if arguments.json:
        print_json(overview)
    else:
        print(tables, end="\n\n")
        print_services(overview)
        print_unfinished(tables.rounds)
    return FINE


def store_compact(arguments: argparse.Namespace) -> int:
    """`tls-toolkit store compact`: join small files; print how many files each table had before and has now."""
    store = toolkit.Store(arguments.store)
    before = store.info()
    store.compact(exclusive=arguments.exclusive)
    after = store.info()
    done = before.merge(after, on="table", suffixes=("_before", ""))
    done = done[["table", "rows", "files_before", "files", "size_bytes_before", "size_bytes"]]
    (print_json if arguments.json else print_frame)(done)
    return FINE


def read(arguments: argparse.Namespace) -> int:
    """`tls-toolkit read`: what a file of another tool, or anything else that is read, holds; `--store` keeps it."""
    password = read_password(arguments.password_file)
    if arguments.store:
        keep_understood(arguments.path, arguments.format, password, arguments.store, as_json=arguments.json)
        return FINE
    print_understood(arguments.path, arguments.format, password, as_json=arguments.json)
    return FINE


def report(arguments: argparse.Namespace) -> int:
    """`tls-toolkit report`: one page on a source."""
    load_rules(arguments)
    with require_extras("A report", "notebooks"):
        from toolkit.report import write_report  # noqa: PLC0415  other commands do not need it
    # Read here as well, so that a source that cannot be read, and what is left out of it, is reported at once.
    tables = toolkit.read(arguments.path, since=arguments.since, until=arguments.until)
    now = arguments.now or find_present(tables)
    write_report(
        arguments.source,
        arguments.output,
        now=now,
        since=arguments.since,
        until=arguments.until,
        policy=arguments.policy,
        roots=arguments.roots or DEFAULT_ROOTS,
        history=arguments.history,
        title=arguments.title,
        since_report=arguments.since_report,
        tables=arguments.tables,
        paper=arguments.paper,
        interactive=arguments.interactive,
        progress=sys.stderr.isatty(),
    )
    print(f"Open: {arguments.output}")
    return FINE


def lessons(arguments: argparse.Namespace) -> int:
    """`tls-toolkit lessons`: copy the notebooks and their data."""
    copied = copy_lessons(arguments.folder)
    print(f"Copied {len(copied)} lessons and their data. Open them: jupyter lab {copied[0].parent}")
    if find_spec("jupyterlab") is None:
        print("JupyterLab is not installed: pip install 'tls-toolkit[lab,notebooks]'.")
    return FINE


def demo(arguments: argparse.Namespace) -> int:
    """`tls-toolkit demo`: a lab year observed and reported on, and the lessons executed."""
    with require_extras("The demo", "lab", "notebooks"):
        from toolkit.report.demo import run_demo  # noqa: PLC0415  other commands do not need it

    run_demo(arguments.output, recorded=arguments.recorded, seed=arguments.seed)
    return FINE


def completion(arguments: argparse.Namespace) -> int:
    """`tls-toolkit completion`: a script for a shell."""
    from toolkit.cli.completion import make_script  # noqa: PLC0415  the other commands do not need shtab

    print(make_script(arguments.shell))
    return FINE
