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
    its own way, that stands.
    """
    interrupted = threading.Event()
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupted.set()
        end_soon()

    if is_ours:
        signal.signal(signal.SIGINT, handle)
    try:
        yield interrupted
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
