"""Messages of the command line: wrapped lines of neutralised text."""

import shutil
import sys
import textwrap

from toolkit import text


def wrapped(line: str, *, limit: int) -> str:
    """The line as neutralised text of at most `limit` characters, wrapped to the width of the terminal.

    Where the output is not a terminal, the width is `COLUMNS` or 100. No word is broken.
    """
    return textwrap.fill(
        text.for_terminal(line, limit=limit),
        shutil.get_terminal_size((100, 24)).columns,
        subsequent_indent=" " * (len(line) - len(line.lstrip()) + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )


def print_message(words: str) -> None:
    """Print an error, a warning or a note on standard error: wrapped on a terminal, elsewhere one line of a log."""
    show = wrapped if sys.stderr.isatty() else text.for_terminal
    print(show(f"tls-toolkit: {words}", limit=1000), file=sys.stderr, flush=True)
