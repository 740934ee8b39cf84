"""The command line: a thin layer over the public functions.

Exit codes: 0 fine, 1 findings, 2 usage, 3 nothing could be reached or no handshake succeeded, 4 a file could not
be read, 70 the command failed, 74 the output could not be written, 130 interrupted, 141 the reader of the output ended
first.
"""

import errno
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from toolkit.cli.codes import FAILED, INTERRUPTED, NOT_READ, UNREADABLE, UNWRITABLE, USAGE
from toolkit.cli.messages import print_message
from toolkit.errors import (
    InterruptWarning,
    OutputError,
    ReadError,
    ReadWarning,
    SchemaError,
    StoreError,
    ToolkitError,
    UsageError,
)

_CODES: Final = (
    (UsageError, USAGE),
    (ReadError, UNREADABLE),
    (OutputError, UNWRITABLE),
    (StoreError, UNREADABLE),
    (SchemaError, UNREADABLE),
    (ToolkitError, FAILED),
)
"""The exit code of each documented error; the first class that fits decides."""

_FREE_SPACE: Final = "Free some space, or choose another place for the output."
_OTHER_PLACE: Final = "Choose another place for the output, or give this user the right to write there."

_NEXT_STEP: Final[dict[int | None, str]] = {
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EROFS: "Choose another place for the output.",
    errno.EACCES: _OTHER_PLACE,
    errno.EPERM: _OTHER_PLACE,
}
"""Number of an operating system's error → what to do about the output."""


def run() -> None:
    """The entry point of the console script: `main` with the process's arguments, its result as the exit code."""
    _open_standard_streams()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # handled like Ctrl-C
    code = main()
    try:
        sys.stdout.flush()
    except OSError:
        # `main` has reported that the output cannot be written. Without this, the interpreter would try again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


@contextmanager
def _warnings_as_messages() -> Iterator[None]:
    """Print a warning of this package on standard error, in the form of the other messages."""
    with warnings.catch_warnings():
        for ours in (InterruptWarning, ReadWarning, FutureWarning):
            warnings.filterwarnings("default", category=ours)
        show = warnings.showwarning

        def print_ours(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, (InterruptWarning, ReadWarning, FutureWarning)):
                _report(str(message))
            else:
                show(message, category, *place, **more)

        warnings.showwarning = print_ours
        yield


@_warnings_as_messages()
def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line and return its exit code; errors are reported on standard error."""
    try:
        # Imported here, so that an interrupt during the import is handled as well.
        from toolkit.cli.options import read_command  # noqa: PLC0415

        try:
            code = read_command(argv)()
        finally:
            sys.stdout.flush()  # also what --help printed, which ends the process
        return code
    except ToolkitError as error:
        _report(str(error))
        return next(code for kind, code in _CODES if isinstance(error, kind))
    except KeyboardInterrupt as interrupt:
        _report(str(interrupt) or "interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        return NOT_READ
    except OSError as error:
        if isinstance(error, FileNotFoundError) and error.filename is None:
            _report("the current folder no longer exists. Change to another folder, and run the command again.")
            return USAGE
        named = f"{error.filename}: " if error.filename else ""
        _report(f"{named}{error.strerror or error}. {_NEXT_STEP.get(error.errno, '')}".rstrip())
        return UNWRITABLE
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  a panic of a Rust library is not an `Exception`
        _report(_describe_bug(error))
        return FAILED


def _describe_bug(error: BaseException) -> str:
    """The message for an unexpected error, with the place where it was raised."""
    if os.environ.get("TLS_TOOLKIT_TRACEBACK"):
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"internal error: {type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno}). "
        "Please report it, with the command that you ran. TLS_TOOLKIT_TRACEBACK=1 shows the whole traceback."
    )


def _report(words: str) -> None:
    with suppress(OSError):  # where standard error cannot be written either, only the exit code is left
        print_message(words)


def _open_standard_streams() -> None:
    """Make the standard streams usable: open where the parent closed them, and able to encode any text.

    A descriptor below 3 that is closed would be given to the first file or socket that is opened, and be written to.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor: `number`
        stream = getattr(sys, name)
        if stream is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
        if mode == "w":
            stream.reconfigure(errors="backslashreplace")
