"""The parser of a command line, which suggests what a mistyped word may mean."""

import argparse
import sys
import textwrap
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
