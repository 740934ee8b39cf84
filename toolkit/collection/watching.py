"""`watch`: a round of looks again and again, one at a time, at regular intervals.

Rule 1: one rule for every delay. Where several rounds are due (the machine slept, or a round took longer than the
interval), one is made and the others are reported as missed; rounds are never made up for in a burst.
Rule 2: one watch for each store and machine, by a lock that the operating system releases when the process ends.
"""

import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from inspect import get_annotations, signature
from pathlib import Path
from tempfile import gettempdir
from typing import Final, Unpack

import pandas as pd
from filelock import FileLock, Timeout

from toolkit import text
from toolkit.arguments import require_parameters, require_whole
from toolkit.collection.interrupt import RoundInterrupt
from toolkit.collection.planning import check_clock
from toolkit.collection.recorder import now
from toolkit.collection.resuming import how_to_resume
from toolkit.collection.rounds import CollectOptions, collect
from toolkit.columns import Column, dtypes, returns
from toolkit.errors import OutputError, UsageError
from toolkit.files import replace_text
from toolkit.store import Store, as_store
from toolkit.targets import Targets

_LONGEST_WAIT_SECONDS: Final = 30.0
"""How often the clock is read while waiting: a wait is suspended while the machine sleeps, and the clock is not."""

_MOST_JITTER: Final = 0.5
_SHORTEST: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(days=366)

_LENGTH: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(s|min|m|h|d)")
_UNITS: Final = {"s": "seconds", "min": "minutes", "m": "minutes", "h": "hours", "d": "days"}

WATCHED: Final = (
    Column("round", "text", "identifier of the round"),
    Column("began_at", "instant", "when the round began"),
    Column("ended_at", "instant", "when its end row was written"),
    Column("observed", "integer", "looks made"),
    Column("failed", "integer", "looks without a complete answer"),
    Column("missed", "integer", "rounds that were due before this one and were not made"),
    Column("next_at", "instant", "when the next round begins"),
)
"""The columns of `watch`."""


@dataclass(frozen=True, slots=True)
class WatchedRound:
    """One round of a watch, with the columns of `watch` as attributes. As text it is one line.

    >>> from datetime import UTC, datetime, timedelta
    >>> from toolkit.collection import WatchedRound
    >>> at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> print(WatchedRound("20260101T120000Z-00c0ffee", at, at, 8, 1, 2, at + timedelta(hours=1)))
    2026-01-01 12:00:00 UTC: 8 looks, 1 failed, 2 rounds missed before; next 2026-01-01 13:00:00 UTC
    """

    round: str
    began_at: datetime
    ended_at: datetime
    observed: int
    failed: int
    missed: int
    next_at: datetime

    def __str__(self) -> str:
        missed = f", {text.counted(self.missed, 'round')} missed before" if self.missed else ""
        return (
            f"{self.began_at:%Y-%m-%d %H:%M:%S %Z}: {text.counted(self.observed, 'look')}, {self.failed:,} failed"
            f"{missed}; next {self.next_at:%Y-%m-%d %H:%M:%S %Z}"
        )


@returns(WATCHED)
def watch(
    targets: Targets,
    store: Store | str | os.PathLike[str],
    *,
    every: str | timedelta,
    jitter: float = 0.1,
    rounds: int | None = None,
    each: Callable[[WatchedRound], object] | None = None,
    health: str | os.PathLike[str] | None = None,
    resume: str | None = None,
    clock: Callable[[], datetime] = now,
    wait: Callable[[float], object] = time.sleep,
    progress: bool = False,
    **collecting: Unpack[CollectOptions],
) -> pd.DataFrame:
    """Collect a round at once, then one per interval, until it is interrupted; a row for each round.

    - `targets`, `store` and `collecting`: as in `collect`, which makes each round.
    - `every`: the interval between the beginnings of two rounds: `"1h"`, `"30min"`, `"1d"`, or a timedelta; at least a
      second, at most 366 days.
    - `jitter`: each round after the first begins later by up to this share of the interval, at random, so that many
      watches do not observe at the same second; from 0 to 0.5.
    - `rounds`: how many rounds are made; None: no limit, and the frame is never returned.
    - `each`: called with each `WatchedRound` (`each=print` prints a line for each).
    - `health`: a file that is replaced after each round, with one JSON object: `round`, `began_at`, `ended_at`,
      `observed`, `failed`, `missed`, `next_at`. A `next_at` in the past shows a monitor that a watch has stopped.
    - `resume`: the identifier of a round that was interrupted; the first round makes the looks that it lacks.
    - `clock`, `wait`: return the present, and wait for a number of seconds; a test or a lab has its own.

    Rounds never run at the same time. Where rounds became due while the machine slept, or while a round was running,
    one is made at once and the others count as `missed`. A second watch of the same store on this machine is a
    `UsageError`; `collect` may add rounds meanwhile.

    Ctrl-C (in a notebook: interrupt) ends the watch. What was seen is kept, and `KeyboardInterrupt` says how many looks
    are kept and how to resume. Raises `UsageError` and `StoreError` as `collect` does, and `OutputError` where the
    health file cannot be written.

    >>> import toolkit
    >>> from datetime import UTC, datetime, timedelta
    >>> from tempfile import TemporaryDirectory
    >>> time = [datetime(2026, 1, 1, tzinfo=UTC)]
    >>> def wait(seconds):
    ...     time[0] += timedelta(seconds=seconds)
    >>> with TemporaryDirectory() as folder:
    ...     made = toolkit.watch("tls://127.0.0.1:1", folder, every="6h", jitter=0, rounds=2, each=print,
    ...                          clock=lambda: time[0], wait=wait)
    2026-01-01 00:00:00 UTC: 1 look, 1 failed; next 2026-01-01 06:00:00 UTC
    2026-01-01 06:00:00 UTC: 1 look, 1 failed; next 2026-01-01 12:00:00 UTC
    >>> made[["observed", "failed", "missed"]].values.tolist()
    [[1, 1, 0], [1, 1, 0]]
    """
    if rounds is not None:
        require_whole("rounds", rounds)
    check_clock(clock)
    known = {*signature(watch).parameters, *get_annotations(CollectOptions)} - {"collecting"}
    require_parameters("watch", collecting, known)
    if health is not None and not Path(health).parent.is_dir():
        raise _not_written(Path(health), "its folder does not exist")
    schedule = _RoundSchedule(_interval(every), jitter, clock, wait)
    store = as_store(store)
    made: list[WatchedRound] = []
    count = looks = 0
    try:
        with _only_watch_of(store):
            while rounds is None or count < rounds:
                missed, began_at = schedule.begin(), clock()
                end = collect(targets, store, clock=clock, resume=resume, progress=progress, **collecting)
                observed, resume = int(end["looks"]), None
                count, looks = count + 1, looks + observed
                failed = observed - int(end["looks_ok"])
                done = WatchedRound(end["round"], began_at, clock(), observed, failed, missed, schedule.end())
                if rounds is not None:
                    made.append(done)
                if health is not None:
                    _write_health(Path(health), done)
                if each is not None:
                    each(done)
                if count != rounds:
                    schedule.wait()
    except KeyboardInterrupt as interrupt:
        raise _interrupted(interrupt, store, count, looks) from None
    return pd.DataFrame(map(asdict, made), columns=list(dtypes(WATCHED))).astype(dtypes(WATCHED))


class _RoundSchedule:
    """When rounds begin: at regular intervals from the first, each later by a random part of `jitter`."""

    def __init__(
        self, interval: timedelta, jitter: float, clock: Callable[[], datetime], wait: Callable[[float], object]
    ) -> None:
        if not 0 <= jitter <= _MOST_JITTER:
            raise UsageError(f"jitter={jitter}: must be a share of the interval from 0 to {_MOST_JITTER}.")
        self._interval, self._jitter, self._clock, self._wait = interval, jitter, clock, wait
        self._due = self._begins_at = clock()

    def begin(self) -> int:
        """Begin the round that became due last; returns how many others became due before it."""
        missed = max(int((self._clock() - self._due) / self._interval), 0)
        self._due += missed * self._interval
        return missed

    def end(self) -> datetime:
        """End the round; returns when the next one begins."""
        self._due += self._interval
        later = self._interval * random.uniform(0, self._jitter)
        self._begins_at = max(self._due + later, self._clock())
        return self._begins_at

    def wait(self) -> None:
        """Wait until the next round begins; stop waiting if the clock was set back by more than an interval."""
        while (left := self._begins_at - self._clock()) > timedelta(0):
            if left > 2 * self._interval:
                self._due = self._clock()
                return
            self._wait(min(left.total_seconds(), _LONGEST_WAIT_SECONDS))


def _interval(every: str | timedelta) -> timedelta:
    """The interval that was given; `UsageError` where it is not one, or is shorter than a second."""
    if isinstance(every, timedelta):
        length = every
    else:
        read = _LENGTH.fullmatch(every.strip()) if isinstance(every, str) else None
        if read is None:
            raise UsageError(f"every={every!r:.60} is not a length of time: write 30min, 1h or 1d.")
        length = timedelta(**{_UNITS[read[2]]: float(read[1])})
    if not _SHORTEST <= length <= _LONGEST:
        raise UsageError(f"every={every!r:.60}: must be between 1 second and 366 days.")
    return length


@contextmanager
def _only_watch_of(store: Store) -> Iterator[None]:
    """Within the context, no other watch of the store runs on this machine.

    The lock is a file in the store's folder, or, of a store at a URL, in the folder for temporary files.
    """
    store.prepare()
    if "://" in store.path:
        lock = Path(gettempdir()) / f"tls-toolkit-{sha256(store.path.encode()).hexdigest()[:16]}.lock"
    else:
        lock = Path(store.path) / "watch.lock"
    try:
        with FileLock(lock, blocking=False):
            yield
    except Timeout:
        raise UsageError(
            f"Another watch of {store.path} is running (it holds {lock}). End it first, or choose another store."
        ) from None


def _write_health(file: Path, done: WatchedRound) -> None:
    """Replace the health file by the facts of the round that was done."""
    values = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(done).items()}
    try:
        replace_text(file, json.dumps(values) + "\n")
    except OSError as error:
        raise _not_written(file, str(error.strerror)) from error


def _not_written(file: Path, why: str) -> OutputError:
    return OutputError(f"The health file {file} cannot be written: {why}. Name a file in a folder that can be written.")


def _interrupted(interrupt: KeyboardInterrupt, store: Store, count: int, looks: int) -> RoundInterrupt:
    """What is kept of the whole watch, and how to go on."""
    name, of_last = (interrupt.round, interrupt.looks) if isinstance(interrupt, RoundInterrupt) else (None, 0)
    kept = f"{text.counted(looks + of_last, 'look')} in {text.counted(count + (name is not None), 'round')}"
    rest = f"the last round is not complete: watch again with {how_to_resume(name)}" if name else "no round is open"
    return RoundInterrupt(f"Interrupted: {kept} kept in {store.path}; {rest}.", round_=name, looks=looks + of_last)
