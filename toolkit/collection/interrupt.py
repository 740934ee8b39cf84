"""Ctrl-C as a wish to end soon, instead of an exception in the middle of anything."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts(end_soon: Callable[[], None]) -> Iterator[threading.Event]:
    """Within the context an interrupt calls `end_soon` and sets the event; a second one raises as it always does.

    `KeyboardInterrupt` may come between any two steps, also between taking a look from the engine and keeping it.
    Only the main thread is ever interrupted, in a script and in a notebook; and where a program handles SIGINT in
    its own way, that stands. SIGTERM is an interrupt where the program says so, by the same handler: the command line.
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
