"""Read: files → the same tables that looking makes. One function per format, found by what the files hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from toolkit.errors import ReadError, UsageError
from toolkit.readers.folders import CSV_FILES, read_folder
from toolkit.readers.pem import PEM_SUFFIXES, has_pem, read_pem
from toolkit.tables import Tables

FORMATS: Final[dict[str, Callable[[Path], Tables]]] = {"csv": read_folder, "pem": read_pem}
"""Format → its reader. `csv`: a folder that `Tables.to_csv` wrote. `pem`: a PEM file, or a folder of them."""


def read(path: str | Path, *, format: str | None = None) -> Tables:  # noqa: A002  the public name, as in pandas
    """The tables that the file or folder holds; without `format` it is found out from what lies there.

    Raises `ReadError` where there is nothing, nothing known, or something cut short or damaged: the message names
    file and line and the next step. Raises `UsageError` for an unknown format.
    """
    if format is not None and format not in FORMATS:
        raise UsageError(f"format={format!r} is not known. Known: {', '.join(FORMATS)}.")
    where = Path(path)
    try:
        return FORMATS[format or _format_of(where)](where)
    except OSError as error:
        raise ReadError(f"{error.filename or where} cannot be read: {error.strerror}.") from error


def _format_of(path: Path) -> str:
    if path.is_dir():
        if any((path / name).is_file() for name in CSV_FILES):
            return "csv"
        if any(entry.suffix.lower() in PEM_SUFFIXES for entry in path.iterdir()):
            return "pem"
        raise ReadError(f"{path} holds neither {', '.join(CSV_FILES)} nor a PEM file: name the folder that does.")
    if not path.exists():
        raise ReadError(f"{path} does not exist: check the spelling, and the folder it is relative to.")
    if has_pem(path):
        return "pem"
    if path.name in CSV_FILES:
        raise ReadError(f"{path} is one file of several: name its folder, {path.parent}.")
    raise ReadError(
        f"{path} is of no known format ({', '.join(FORMATS)}). "
        f"A certificate in DER becomes PEM with: openssl x509 -inform der -in {path.name} -out {path.stem}.pem"
    )
