"""Completion for shells: a script that the shell sources, made from the parser of the command line."""

import argparse
from collections.abc import Iterator
from typing import Final

import shtab

from toolkit.cli.options import make_parser

_PATHS: Final = {
    "FILE": shtab.FILE,
    "SOURCE": shtab.FILE,
    "FOLDER": shtab.DIRECTORY,
    "STORE": shtab.DIRECTORY,
}
"""Metavar of an option that takes a path → what completes it."""


def make_script(shell: str) -> str:
    """The script for `bash`, `zsh` or `fish` that completes commands, options, their choices, names and paths."""
    parser = make_parser()
    for action in _actions(parser):
        if action.metavar in _PATHS:
            action.complete = _PATHS[str(action.metavar)]  # type: ignore[attr-defined]
    return shtab.complete(parser, shell)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
