"""Read files into the four tables. One function per format; the format is recognised by content."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

import pandas as pd

from toolkit import text
from toolkit.errors import ReadError, ReadWarning, UsageError
from toolkit.readers import forms
from toolkit.readers.ct import is_tree
from toolkit.readers.exports import EXPORTS, PARQUET_FILES
from toolkit.readers.folders import CSV_FILES, read_folder
from toolkit.readers.pem import MOST_NAMED, PEM_SUFFIXES, list_files, listed, read_pem
from toolkit.readers.received import list_messages
from toolkit.readers.registry import READERS, Reader, find_format, readers
from toolkit.readers.zeek import find_logs, read_zeek
from toolkit.tables import UNFINISHED, Tables, is_held_alone, named_certificates


def read_reports(path: Path, *, password: str | None = None) -> Tables:
    """The tables of the files of a folder, each by its own format; `password` is that of PKCS#12 files.

    Zeek's logs are read together, also those in its folders. A file that cannot be read, and what has no known format,
    is named by a `ReadWarning`. So are the other folders in it, and what is next to logs in a folder in it; these are
    not read. Raises the `ReadError` of the first file, or one that names what was skipped, where none can be read.
    """
    parts, unreadable, skipped = [], [], []
    logs = _find_zeek(path)
    for entry in sorted([*_others(path, logs), *(log for log in logs if log.parent == path)]):
        try:
            if entry.parent != path or not entry.is_file():
                skipped.append(_named(path, entry))
            elif (found := _find_format_of_file(entry)) or entry.suffix.lower() in PEM_SUFFIXES:
                if found != "zeek" or entry not in logs:
                    parts.append(read(entry, password=password))
            else:
                skipped.append(_named(path, entry))
        except (ReadError, OSError) as error:
            unreadable.append(error if isinstance(error, ReadError) else _not_readable(entry, error))
    if logs:
        parts.append(read_zeek(path))
    if not parts:
        none = f"{path} holds no file that can be read: {listed(skipped) or 'it is empty'}. Name the folder that does."
        raise unreadable[0] if unreadable else ReadError(none)
    for reason in unreadable:
        warnings.warn(f"left out: {reason}", ReadWarning, stacklevel=4)
    if skipped:
        warnings.warn(f"{path}: skipped, and not kept: {listed(skipped)}.", ReadWarning, stacklevel=4)
    tables = Tables.concat(parts)
    if not is_held_alone(tables) and (count := _count_unseen(parts, tables)):
        words = f"{text.counted(count, 'certificate')} of its files, without an observation"
        warnings.warn(f"{path}: {words}. To judge certificates, read them alone.", ReadWarning, stacklevel=4)
    return tables


def _count_unseen(parts: list[Tables], tables: Tables) -> int:
    """The certificates in files of certificates, CAs aside, that no observation of the folder shows."""
    held = pd.concat([part.certificates for part in parts if is_held_alone(part)] or [tables.certificates[:0]])
    unseen = set(held.loc[~held["is_ca"].fillna(value=False), "cert_sha256"])
    return len(unseen - named_certificates(tables.observations))


FORMATS: Final[dict[str, Callable[[Path], Tables]]] = {
    "csv": read_folder,
    "pem": read_pem,
    "reports": read_reports,
    **{name: reader.read for name, reader in (EXPORTS | dict(READERS)).items()},
}
"""Format → its reader. `csv`, `parquet`, `json`, `sqlite`, `excel`: what `Tables.to_csv`, … wrote. `pem`: certificates
in PEM, DER, PKCS#7, PKCS#12, JKS or a Kubernetes secret, in a file, a zip archive or a folder. The others are what the
tools of that name write, and `reports` is a folder of such files; other packages may add formats, see
`toolkit.readers.registry`."""

__all__ = ["EXPORTS", "FORMATS", "Reader", "find_format_of", "read", "require_path"]

_MOST_NAMED: Final = 3
_DEEPEST: Final = 3
_MOST_LISTED: Final = 1000
"""Folders of one level that are searched."""

_MOST_TRIED: Final = 5
"""Files of a folder by whose content it is recognised, to name it."""

_MARKS: Final = (*CSV_FILES, *PARQUET_FILES, "observations", "support", "tile")
"""Names in a folder of CSV files, in a store, and in a log of Certificate Transparency."""


def read(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002  the public name, as in pandas
    password: str | None = None,
) -> Tables:
    """The tables of a file or folder; without `format`, the format is recognised by content.

    `password` is that of PKCS#12 files.

    Raises `ReadError` where the path does not exist, has an unknown form, is truncated or damaged, or is not a regular
    file: the message names file and line, what the file seems to be, and what to do. What is skipped, such as a private
    key, or a file of another format in a folder, is named by a `ReadWarning`. Raises `UsageError` for an unknown
    format.

    >>> from toolkit.readers import read
    >>> from toolkit.shipped import example_folder
    >>> len(read(example_folder("web-series")).certificates)
    170
    """
    known = FORMATS | {name: reader.read for name, reader in readers().items() if name not in FORMATS}
    if format is not None and format not in known:
        raise UsageError(text.not_known("format=", format, ("store", *known)))
    if password is not None and not isinstance(password, str):
        raise UsageError(f"read: password must be text, not {text.type_name(password)}.")
    require_path(path)
    where = Path(path)
    try:
        found = format or find_format_of(where)
        if found in ("pem", "reports"):
            tables = (read_pem if found == "pem" else read_reports)(where, password=password)
        else:
            tables = known[found](where)
        if format is None and found in _FILES_OF and where.is_dir():
            _name_others(where, _FILES_OF[found](where))
    except OSError as error:
        raise _not_readable(where, error) from error
    return tables


def _name_others(path: Path, files: list[Path]) -> None:
    """Say by a `ReadWarning` what a folder has besides its files that were read."""
    if others := _others(path, files):
        named = [_named(path, entry) for entry in others[:MOST_NAMED]]
        skipped = listed([*named, *map(str, others[MOST_NAMED:])])
        warnings.warn(f"{path}: skipped, and not kept: {skipped}.", ReadWarning, stacklevel=4)


def _others(path: Path, files: list[Path]) -> list[Path]:
    """What is in the folder, and in the folders in it that have some of the files, besides those files."""
    folders = {path, *(file.parent for file in files)}
    return sorted({entry for folder in folders for entry in folder.iterdir()}.difference(files, folders))


def _named(path: Path, entry: Path) -> str:
    """The name of an entry below `path`, and what it seems to be."""
    name = text.plain(entry.relative_to(path))
    if not entry.is_file():
        return f"{name} (a folder)" if entry.is_dir() else name
    try:
        return f"{name} ({forms.recognise(forms.read_head(entry)).words})"
    except OSError as error:
        return f"{name} ({error.strerror})"


def _find_zeek(path: Path) -> list[Path]:
    """The logs of a folder, as `find_logs`; empty where they are not Zeek's."""
    logs = find_logs(path)
    return logs if any(_find_format_of_file(log) == "zeek" for log in logs[:_MOST_NAMED]) else []


_FILES_OF: Final[dict[str, Callable[[Path], list[Path]]]] = {
    "zeek": find_logs,
    "pem": list_files,
    "ct-tile": lambda folder: [folder / "tile", folder / "checkpoint"],
    "mail": lambda folder: [folder / "cur", folder / "new", folder / "tmp"],
}
"""Format of a folder → what of it is read, or is known to have nothing to read."""


def _not_readable(path: Path, error: OSError) -> ReadError:
    return ReadError(f"{error.filename or path} cannot be read: {error.strerror}.")


def require_path(path: object) -> None:
    """Raises `UsageError` where `path` is empty, or neither text nor a `Path`.

    >>> from toolkit.readers import require_path
    >>> require_path("scan.xml")
    >>> require_path(["a.xml", "b.xml"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    toolkit.errors.UsageError: toolkit.read takes one path (str or Path), not list. Read them one by one, ...
    """
    if not isinstance(path, str | Path):
        many = " Read them one by one, and join them: toolkit.Tables.concat(map(toolkit.read, paths))."
        advice = many if isinstance(path, list | tuple | set) else ""
        if hasattr(path, "load"):
            advice = " A store is loaded: store.load()."
        raise UsageError(f"toolkit.read takes one path (str or Path), not {text.type_name(path)}.{advice}")
    if not str(path).strip():
        raise UsageError("The path is empty: name a store, a file or a folder; the current folder is '.'.")


def find_format_of(path: Path) -> str:
    """The format of a file or folder, by its content. Raises `ReadError` and `OSError` like `read`.

    >>> from toolkit.readers import find_format_of
    >>> from toolkit.shipped import example_folder
    >>> find_format_of(example_folder("google-mail"))
    'csv'
    """
    require_path(path)
    if not path.is_dir():
        if path.is_symlink() and not path.exists():
            raise ReadError(f"{path} is a symbolic link that leads to no file: correct it, or name the file itself.")
        if not path.exists():
            raise ReadError(f"{path} does not exist: check the spelling, and the folder it is relative to.")
        if path.name in (*CSV_FILES, *PARQUET_FILES):
            raise ReadError(f"{path} is one file of several: name its folder, {path.parent}.")
        return _find_format_of_file(path) or "pem"
    if any((path / name).is_file() for name in CSV_FILES):
        return "csv"
    if any((path / name).is_file() for name in PARQUET_FILES):
        return "parquet"
    if is_tree(path):
        return "ct-tile"
    entries = sorted(path.iterdir())
    logs = _find_zeek(path)
    has_certificates = any(entry.suffix.lower() in PEM_SUFFIXES for entry in entries)
    if any(map(_is_report, set(entries).difference(logs))) or (logs and has_certificates):
        return "reports"
    if has_certificates:
        return "pem"
    if logs:
        return "zeek"
    if list_messages(path):
        return "mail"
    if not any(entry.name.startswith(UNFINISHED) for entry in entries) and list_files(path):
        return "pem"
    raise ReadError(f"{path} holds neither {', '.join(CSV_FILES)} nor a PEM file: {_advice(path, entries)}")


def _find_format_of_file(path: Path) -> str | None:
    """The format of a file, except that of certificates; None where it is not known."""
    head = forms.telling_head(path)
    return next((name for name, export in EXPORTS.items() if export.recognises(head)), None) or find_format(head)


def _is_report(file: Path) -> bool:
    """Whether it is a file of a known format that is not named as one of certificates."""
    with suppress(ReadError, OSError):  # such as one that this user may not read
        return file.suffix.lower() not in PEM_SUFFIXES and file.is_file() and _find_format_of_file(file) is not None
    return False


def _advice(path: Path, entries: list[Path]) -> str:
    """What to do about a folder without a known form."""
    if any(entry.name.startswith(UNFINISHED) for entry in entries):
        return "Tables.to_csv was cut off while it wrote here. Write the folder again."
    folders = [text.plain(folder.relative_to(path)) for folder in islice(_folders_below(path), _MOST_NAMED)]
    if folders:
        return f"name one of its folders, such as {', '.join(folders)}."
    seen = ((entry, forms.recognise(forms.read_head(entry))) for entry in entries if entry.is_file())
    few = list(islice(seen, 20))
    reports = [f"{text.plain(entry.name)} ({form.words})" for entry, form in few if form.is_report]
    if reports:
        return f"name one of its files, such as {', '.join(reports[:_MOST_NAMED])}."
    foreign = [f"{text.plain(entry.name)} seems to be {form.words}" for entry, form in few if form.is_foreign]
    if foreign:
        return f"{', '.join(foreign[:_MOST_NAMED])}, which is not read yet. What is read: {forms.READ_FORMS}."
    return "name the folder that does."


def _folders_below(path: Path) -> Iterator[Path]:
    """Folders with a known form, at most `_DEEPEST` levels below `path`, the upper ones first."""
    level = [path]
    for _ in range(_DEEPEST):
        below: list[Path] = []
        for folder in level:
            with suppress(OSError):  # such as one that this user may not list
                below += (entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.is_symlink())
        level = below[:_MOST_LISTED]
        for folder in level:
            with suppress(OSError):
                entries = list(folder.iterdir())
                if any(entry.name in _MARKS or entry.suffix.lower() in PEM_SUFFIXES for entry in entries) or any(
                    map(_is_report, entries[:_MOST_TRIED])
                ):
                    yield folder
