"""The command line: thin words around the public calls.

Exit codes: 0 fine, 1 findings, 2 usage, 3 nothing reached or read, 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence

from toolkit import text
from toolkit.cli.codes import FINE, INTERRUPTED, NOTHING_REACHED, USAGE
from toolkit.cli.options import read_command
from toolkit.errors import ToolkitError, UsageError


def run() -> None:
    """The console entry: `main` with the process's arguments, its result as the exit code."""
    sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line and return its exit code; what goes wrong is said on standard error."""
    try:
        return read_command(argv)()
    except UsageError as error:
        print(f"tls-toolkit: {text.for_terminal(error, limit=1000)}", file=sys.stderr)
        return USAGE
    except ToolkitError as error:
        print(f"tls-toolkit: {text.for_terminal(error, limit=1000)}", file=sys.stderr)
        return NOTHING_REACHED
    except KeyboardInterrupt:
        print("tls-toolkit: interrupted; what was seen until now is kept.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing more can be said, and the interpreter must not try.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
