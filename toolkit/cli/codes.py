"""The exit codes of the command line."""

from typing import Final

FINE: Final = 0
FINDINGS: Final = 1
USAGE: Final = 2
NOTHING_REACHED: Final = 3
UNREADABLE: Final = 4
"""A source, a store or another file could not be read."""

FAILED: Final = 70
"""The command failed: a round did not finish, or an internal error; EX_SOFTWARE of BSD's sysexits."""

UNWRITABLE: Final = 74
"""The output could not be written; EX_IOERR of BSD's sysexits."""

INTERRUPTED: Final = 130
"""128 + SIGINT, as in shells."""

NOT_READ: Final = 141
"""The reader of the output ended before all of it was written (`| head`): 128 + SIGPIPE, as in shells."""
