"""The parser of a command line, which suggests what a mistyped word may mean, and readers of the values of options."""

import argparse
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit import text

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class _Help(argparse.HelpFormatter):
    """Help that does not break names such as google-mail over two lines."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


class Parser(argparse.ArgumentParser):
    """A parser that suggests the closest choice or option.

    It raises `OSError` where help or version cannot be written.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=_Help, **settings)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The parsed arguments. A command reports what it does not know itself, with the option that is closest."""
        parsed, strange = super().parse_known_args(args, namespace)
        if strange:
            options = [option for action in self._actions for option in action.option_strings]
            hint = text.did_you_mean(strange[0].partition("=")[0], options) if strange[0].startswith("-") else ""
            self.error(f"unrecognized arguments: {' '.join(strange)}{hint and '.'}{hint}")
        return parsed, strange

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        if file is sys.stdout:
            file.write(message)
        else:
            super()._print_message(message, file)

    def _check_value(self, action: argparse.Action, value: object) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            if hint := text.did_you_mean(str(value), map(str, action.choices or ())):
                error.message += f".{hint}"
            raise


class Suggested(tuple[str, ...]):
    """Names that completion offers for an option; any other word, such as the path of a file, is accepted as well."""

    __slots__ = ()

    def __contains__(self, word: object) -> bool:
        return True


def read_port(words: str) -> int:
    """The port of the lab's first address; the next ones need room above it."""
    if not words.isdecimal() or not 1 <= int(words[:6]) < 65000:
        raise argparse.ArgumentTypeError(f"{words!r:.20} is not a port from 1 to 64999")
    return int(words)


def read_parts(words: str) -> tuple[str, ...]:
    """The parts of a survey, in a list with commas."""
    from toolkit.collection.surveys.address import PARTS  # noqa: PLC0415  imports pandas

    parts = tuple(part.strip() for part in words.split(","))
    for part in parts:
        if part not in PARTS:
            raise argparse.ArgumentTypeError(text.not_known("part ", part, PARTS))
    return parts


def read_instant(words: str) -> datetime:
    """A date or an instant in ISO 8601; without a zone it is UTC, a date alone is its midnight."""
    from toolkit.instants import read_iso  # noqa: PLC0415  imports pandas

    try:
        instant = read_iso(words)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{words!r} is not a date: write 2016-02-11 or 2016-02-11T09:30+01:00"
        ) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def read_instant_or_page(words: str) -> datetime | Path:
    """A date or an instant as `read_instant` reads it, or the HTML file of a report."""
    return Path(words) if words.lower().endswith((".html", ".htm")) else read_instant(words)
