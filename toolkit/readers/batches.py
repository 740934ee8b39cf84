"""Where the rows of a file go: into the `Tables` that its reader returns, or in batches to a recipient.

The recipient holds for every file that is opened within `handing_over`, whatever its format, so no reader names it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

from toolkit.tables import Tables


class Recipient(NamedTuple):
    """Takes what is read of a file while it is read."""

    take: Callable[[Tables], object]
    """Takes the rows of a batch. The reader returns those that are left."""
    advance: Callable[[int], object]
    """Takes the number of bytes that were read of the file since the last call."""


_RECIPIENT: Final[ContextVar[Recipient | None]] = ContextVar("recipient", default=None)


@contextmanager
def handing_over(recipient: Recipient) -> Iterator[None]:
    """Hand the rows of files that are read within this to the recipient, as soon as a batch of them is full."""
    token = _RECIPIENT.set(recipient)
    try:
        yield
    finally:
        _RECIPIENT.reset(token)


def find_recipient() -> Recipient | None:
    """The recipient of the rows of files that are opened now; None where `Tables` are returned as a whole."""
    return _RECIPIENT.get()
