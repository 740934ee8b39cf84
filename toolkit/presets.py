"""Presets: named lists of targets, those that come with the package and those of the user's file."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from toolkit.errors import UsageError
from toolkit.files import read_regular
from toolkit.text import plain

PRESETS: Final[Mapping[str, tuple[str, ...]]] = {
    "google-mail": (
        "smtp://aspmx.l.google.com:25",
        "smtp://smtp-relay.gmail.com:587",
        "smtp://smtp.gmail.com:587",
        "smtps://smtp.gmail.com:465",
    ),
}
"""The presets that come with the package. `google-mail`: the hosts of support.google.com/a/answer/6180220."""

VARIABLE: Final = "TLS_TOOLKIT_PRESETS"
"""The environment variable that names the user's file of presets."""

_MOST_BYTES: Final = 1 << 24
_SECTION: Final = re.compile(r"\[([A-Za-z0-9._-]+)\]")


def presets() -> dict[str, tuple[str, ...]]:
    """Name → targets: the presets of the package, then those of the user's file (see `presets_file`), where it exists.

    The file is text: a line `[name]` begins a preset, and each line below it is a target. What follows a `#` at the
    start of a line or after a space is a comment. Raises `UsageError`, with file and line, for a target before the
    first name, a repeated name, a name of a preset of the package, and a preset without targets.

    >>> from toolkit.targets import presets
    >>> "google-mail" in presets()
    True
    """
    path = presets_file()
    if path is None:
        return dict(PRESETS)
    try:
        lines = read_regular(path, most=_MOST_BYTES).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as presets: {error}. Correct it, or unset {VARIABLE}.") from error
    return {**PRESETS, **_parse(path, lines)}


def presets_file() -> Path | None:
    """The user's file of presets: the one that `TLS_TOOLKIT_PRESETS` names, else `~/.config/tls-toolkit/presets.txt`.

    None: the variable is not set, and the second does not exist. `XDG_CONFIG_HOME` replaces `~/.config`.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named)
    try:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    except RuntimeError:  # the user has no home folder
        return None
    usual = folder / "tls-toolkit" / "presets.txt"
    return usual if usual.is_file() else None


def without_comment(line: str) -> str:
    """The line without surrounding blanks, and without what follows a `#` at its start or after a blank.

    >>> without_comment("mx.example.org:25  # backup"), without_comment("# all of them")
    ('mx.example.org:25', '')
    """
    return re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()


def _parse(path: Path, lines: list[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    name = ""
    for number, line in enumerate(lines, 1):
        word = without_comment(line)
        where = f"{path}, line {number}"
        if section := _SECTION.fullmatch(word):
            name = section[1]
            if name in found or name in PRESETS:
                raise UsageError(f"{where}: there is a preset {name!r} already. Choose another name.")
            found[name] = ()
        elif word:
            if not name:
                raise UsageError(f"{where}: {plain(word, limit=60)!r} comes before the first [name] of a preset.")
            found[name] += (word,)
    if empty := [name for name, targets in found.items() if not targets]:
        raise UsageError(f"{path}: the preset {empty[0]!r} has no targets. List them below its name, one a line.")
    return found
