"""Read: files → the same tables that looking makes. One function per format, found by what the files hold."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

from toolkit import text
from toolkit.errors import ReadError, UsageError
from toolkit.readers import forms
from toolkit.readers.folders import CSV_FILES, read_folder
from toolkit.readers.pem import PEM_SUFFIXES, read_pem
from toolkit.tables import UNFINISHED, Tables

FORMATS: Final[dict[str, Callable[[Path], Tables]]] = {"csv": read_folder, "pem": read_pem}
"""Format → its reader. `csv`: a folder that `Tables.to_csv` wrote. `pem`: certificates in PEM, DER or PKCS#7, in a file
or in a folder of files."""

_MOST_NAMED: Final = 3


def read(path: str | Path, *, format: str | None = None) -> Tables:  # noqa: A002  the public name, as in pandas
    """The tables that the file or folder holds; without `format` it is found out from what lies there.

    Raises `ReadError` where there is nothing, nothing known, something cut short or damaged, or what is not a regular
    file: the message names file and line, what a file of another form seems to be, and the next step. What is skipped,
    such as a private key, is named by a `ReadWarning`. Raises `UsageError` for an unknown format.
    """
    if format is not None and format not in FORMATS:
        raise UsageError(f"format={format!r} is not known. Known: {', '.join(FORMATS)}.")
    where = Path(path)
    try:
        return FORMATS[format or _format_of(where)](where)
    except OSError as error:
        raise ReadError(f"{error.filename or where} cannot be read: {error.strerror}.") from error


def _format_of(path: Path) -> str:
    if not path.is_dir():
        if path.is_symlink() and not path.exists():
            raise ReadError(f"{path} is a symbolic link that leads to no file: correct it, or name the file itself.")
        if not path.exists():
            raise ReadError(f"{path} does not exist: check the spelling, and the folder it is relative to.")
        if path.name in CSV_FILES:
            raise ReadError(f"{path} is one file of several: name its folder, {path.parent}.")
        return "pem"
    if any((path / name).is_file() for name in CSV_FILES):
        return "csv"
    entries = sorted(path.iterdir())
    if any(entry.suffix.lower() in PEM_SUFFIXES for entry in entries):
        return "pem"
    raise ReadError(f"{path} holds neither {', '.join(CSV_FILES)} nor a PEM file: {_advice(entries)}")


def _advice(entries: list[Path]) -> str:
    """What to do about a folder in which nothing is known."""
    if any(entry.name.startswith(UNFINISHED) for entry in entries):
        return "Tables.to_csv was cut off while it wrote here. Write the folder again."
    seen = ((entry, forms.recognise(forms.read_head(entry))) for entry in entries if entry.is_file())
    foreign = [
        f"{text.plain(entry.name)} seems to be {form.words}" for entry, form in islice(seen, 20) if form.is_foreign
    ]
    if foreign:
        return f"{', '.join(foreign[:_MOST_NAMED])}, which is not read yet. What is read: {forms.READ_FORMS}."
    folders = [text.plain(entry.name) for entry in entries if entry.is_dir()]
    if folders:
        return f"name one of its folders, such as {', '.join(folders[:_MOST_NAMED])}."
    return "name the folder that does."
