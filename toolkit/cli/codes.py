"""What a process ends with."""

from typing import Final

FINE: Final = 0
FINDINGS: Final = 1
USAGE: Final = 2
NOTHING_REACHED: Final = 3
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells have it."""
