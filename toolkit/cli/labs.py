"""`tls-toolkit lab`, and its clock in another process, by which the commands that observe date observations."""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from toolkit import text
from toolkit.cli.codes import FINE
from toolkit.cli.printing import print_frame
from toolkit.collection.recorder import now
from toolkit.errors import LabError, UsageError
from toolkit.tables import as_pem
from toolkit.targets import MailDomain, Target

if TYPE_CHECKING:
    from toolkit.lab import Lab  # the lab is imported when it is used


def find_clock(file: Path | None, targets: Iterable[Target | MailDomain]) -> Callable[[], datetime]:
    """The clock of observations: this computer's, or with a file the one of the lab that writes it.

    Raises `UsageError` where a file is given and a target is not of a lab: such an observation would get a wrong date.
    """
    if file is None:
        return now
    from toolkit.lab.clock import read_clock  # noqa: PLC0415  other commands do not need it

    if real := [str(target) for target in targets if isinstance(target, MailDomain) or target.source != "lab"]:
        raise UsageError(f"--clock dates observations of a lab alone, and {real[0]} is not in a lab: leave it out.")
    return partial(read_clock, file)


def wait_for_lab(seconds: float) -> None:
    """Wait for the clock of a lab, which may be turned at any moment: a second at most."""
    time.sleep(min(seconds, 1.0))


def lab(arguments: argparse.Namespace) -> int:
    """`tls-toolkit lab`: run a lab until it is interrupted.

    Its year begins now, so that what is collected from it can be checked today. The museum shows servers of 2015.
    """
    from toolkit.lab import Lab, scenario  # noqa: PLC0415  other commands do not need it
    from toolkit.lab.clock import write_clock  # noqa: PLC0415  other commands do not need it

    asked = scenario(arguments.scenario)
    if asked.name != "museum":
        asked = replace(asked, begins_at=datetime.now(UTC).replace(microsecond=0))
    with Lab(asked, seed=arguments.seed, first_port=arguments.port) as running:
        if arguments.roots:
            arguments.roots.write_text("".join(as_pem(root) for root in running.roots), encoding="ascii")
        if arguments.clock:
            write_clock(arguments.clock, running.clock())
        try:
            _print_what_to_try(running, arguments)
            for line in sys.stdin:
                _turn_clock(running, line.strip() or "1", arguments)
            threading.Event().wait()  # without standard input, until the process is ended
        except KeyboardInterrupt:
            print("The lab has ended.")
        finally:
            if arguments.clock:
                arguments.clock.unlink(missing_ok=True)
    return FINE


def _print_what_to_try(running: "Lab", arguments: argparse.Namespace) -> None:
    dialled = [(target.service, "{}:{}".format(*target.connect_to or ())) for target in running.targets]
    service, address = dialled[0]
    print_frame(pd.DataFrame(dialled, columns=["service", "connect-to"]))
    print(f"\nThe lab {arguments.scenario!r} runs; its clock shows {_shown(running)}. Try in another terminal:")
    for words in ("cert", "observe", "survey"):
        print(f"  tls-toolkit {words} {service} --connect-to {address}")
    if arguments.roots or arguments.clock:
        clock = f" --clock {arguments.clock}" if arguments.clock else ""
        print(f"  tls-toolkit collect {service} --connect-to {address} --store lab-observations{clock}")
        print(_check_line(running, arguments))
    if not arguments.clock:
        print("Observations are dated by the clock of this computer, which the lab's clock shows until you turn it. "
              "Start the lab with --clock FILE to date them by the lab's clock.")  # fmt: skip
    print("Type a number of days to turn the clock (Enter: one day). Ctrl-C ends the lab.", flush=True)


def _check_line(running: "Lab", arguments: argparse.Namespace) -> str:
    roots = f" --roots {arguments.roots}" if arguments.roots else ""
    now = f" --now '{_shown(running)}'" if arguments.clock else ""
    return f"  tls-toolkit check lab-observations{roots}{now}"


def _turn_clock(running: "Lab", days: str, arguments: argparse.Namespace) -> None:
    from toolkit.lab.clock import write_clock  # noqa: PLC0415  as above

    try:
        now = running.clock.advance(timedelta(days=float(days)))
    except (ValueError, OverflowError, LabError):
        print(f"{text.for_terminal(days)!r} is not a positive number of days: write 1, 30 or 0.5.", flush=True)
        return
    print(f"The lab's clock shows {_shown(running)}.", flush=True)
    if arguments.clock:
        write_clock(arguments.clock, now)
        print(f"Collect again, then:\n{_check_line(running, arguments)}", flush=True)


def _shown(running: "Lab") -> str:
    return f"{running.clock():%Y-%m-%d %H:%M:%S} UTC"
