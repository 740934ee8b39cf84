"""Ctrl-C and SIGTERM as a request to end soon, instead of an exception at any point of the program."""

import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from toolkit import text
from toolkit.errors import InterruptWarning


class RoundInterrupt(KeyboardInterrupt):
    """An interrupt that ended a round, or a watch, whose looks are kept in a store.

    `round`: the identifier with which the round is resumed; None where no round is open. `looks`: how many were kept.
    """

    def __init__(self, words: str, *, round_: str | None, looks: int) -> None:
        super().__init__(words)
        self.round, self.looks = round_, looks


@contextmanager
def warns_of_interrupt(end_row: Callable[[], Mapping[str, object]]) -> Iterator[None]:
    """Within the context an interrupt becomes an `InterruptWarning`, for calls that return what was seen until then.

    `end_row` returns the end row of the round, or an empty one if the round was not begun.
    """
    try:
        yield
    except KeyboardInterrupt:
        row = end_row()
        words = "Interrupted before the round began: nothing was observed."
        if row:
            words = f"Interrupted after {text.counted(int(str(row['looks'])), 'look')}; the others were not made."
        warnings.warn(words, InterruptWarning, stacklevel=4)


@contextmanager
def interrupts(end_soon: Callable[[], None]) -> Iterator[threading.Event]:
    """Within the context the first interrupt calls `end_soon` and sets the event; the next one raises as usual.

    Without this, `KeyboardInterrupt` could be raised between receiving a look and keeping it. Only the main thread of a
    script or notebook receives interrupts; a signal that the program handles in its own way is left alone. SIGTERM
    counts as an interrupt where it has Python's handler for SIGINT, which the command line sets.
    """
    interrupted = threading.Event()
    ours = [
        number
        for number in (signal.SIGINT, signal.SIGTERM)
        if threading.current_thread() is threading.main_thread()
        and signal.getsignal(number) is signal.default_int_handler
    ]

    def handle(number: int, frame: FrameType | None) -> None:
        restore()
        interrupted.set()
        end_soon()

    def restore() -> None:
        for number in ours:
            signal.signal(number, signal.default_int_handler)

    for number in ours:
        signal.signal(number, handle)
    try:
        yield interrupted
    finally:
        restore()
