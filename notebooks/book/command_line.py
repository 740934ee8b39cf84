"""The pages of the command line: what each command's own `--help` prints."""

import argparse
import os
from collections.abc import Iterator
from typing import Final
from unittest import mock

from toolkit.cli.options import make_parser

FOLDER: Final = "reference/command-line"
_WIDTH: Final = "100"


def commands() -> dict[str, argparse.ArgumentParser]:
    """The words of each command → its parser; a command that only groups others is not one."""
    return dict(_commands("", make_parser()))


def help_of(parser: argparse.ArgumentParser) -> str:
    """What `--help` prints on a terminal of 100 columns."""
    with mock.patch.dict(os.environ, {"COLUMNS": _WIDTH, "NO_COLOR": "1"}):
        return parser.format_help()


def pages() -> dict[str, str]:
    """Path → text: an overview, and a page for each command."""
    known = commands()
    made = {f"{FOLDER}/{_slug(name)}.md": f"# tls-toolkit {name}\n\n```text\n{help_of(parser)}```\n"
            for name, parser in known.items()}  # fmt: skip
    entries = "\n".join(_slug(name) for name in known)
    made[f"{FOLDER}/index.md"] = (
        "# Command line\n\nEach page is what the command prints with `--help`.\n\n"
        f"```text\n{help_of(make_parser())}```\n\n```{{toctree}}\n{entries}\n```\n"
    )
    return made


def _commands(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield name, parser
    for group in groups:
        for word, below in group.choices.items():
            yield from _commands(f"{name} {word}".strip(), below)


def _slug(name: str) -> str:
    return name.replace(" ", "-")
