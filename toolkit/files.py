"""Files of unknown origin, opened safely: regular files only, and at most as many bytes as the caller allows.

Also the replacement of a small file that other processes read.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Final

from toolkit.errors import ReadError
from toolkit.text import not_known, plain

_KINDS: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def not_found(name: str, what: str, given: str | Path, known: Iterable[str]) -> str:
    """The message for what is neither a known name nor a file; `name` is the parameter, `what` as in `not_known`.

    >>> not_found("roots", "root bundle or file ", "./mine.pem", ["certifi"])
    'roots: the file ./mine.pem does not exist: check the spelling, and its folder.'
    >>> not_found("roots", "root bundle or file ", "certify", ["certifi"])
    "root bundle or file 'certify' is not known. Did you mean 'certifi'? Known: certifi."
    """
    path = Path(given)
    if path.is_dir():
        return f"{name}: {plain(given)} is a folder: name a file in it."
    if isinstance(given, Path) or path.name != given or path.suffix:
        return f"{name}: the file {plain(given)} does not exist: check the spelling, and its folder."
    return not_known(what, given, known)


def open_regular(path: Path) -> BinaryIO:
    """The file, opened for reading in binary mode; symbolic links are followed.

    Raises `ReadError` for a named pipe, a socket and a device, which may block or never end, and `OSError` like `open`.
    """
    _check_regular(path, path.stat().st_mode)
    # The file may have been replaced since; opening a named pipe without O_NONBLOCK waits for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _check_regular(path, os.fstat(file.fileno()).st_mode)
    except ReadError:
        file.close()
        raise
    return file


def read_regular(path: Path, *, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes.

    Raises `ReadError` like `open_regular`, and for a longer file; `OSError` like `open`.
    """
    with open_regular(path) as file:
        check_size(path, file, most=most)
        data = file.read(most + 1)
    if len(data) > most:  # it grew, or it is a file of /proc, which has no size
        raise ReadError(_too_long(path, len(data), most))
    return data


def replace_text(path: Path, words: str) -> None:
    """Replace the file by these words (ASCII) in one step, so that a reader never sees a part of it.

    Raises `OSError` where the folder cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    part.write_text(words, encoding="ascii")
    part.replace(path)


def check_size(path: Path, file: BinaryIO, *, most: int) -> None:
    """Raises `ReadError` where the opened file has more than `most` bytes."""
    size = os.fstat(file.fileno()).st_size
    if size > most:
        raise ReadError(_too_long(path, size, most))


def _too_long(path: Path, size: int, most: int) -> str:
    return (
        f"{path} has {size:,} bytes; a file of this kind is read up to {most:,} bytes. Split it, or name another file."
    )


def _check_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    for is_kind, words in _KINDS:
        if is_kind(mode):
            raise ReadError(f"{path} is {words}, and only regular files are read. Save the content to a file first.")
