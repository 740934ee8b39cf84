"""Certificates in a zip archive. Nothing is unpacked to disk, so no name in it leads anywhere."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final

from toolkit import text
from toolkit.errors import ReadError

MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")

LARGEST_MEMBER: Final = 1 << 26
"""Bytes of one file of an archive, decompressed."""

LARGEST_ALL: Final = 1 << 28
"""Bytes of all files that are read, decompressed."""

_LARGEST_DIRECTORY: Final = 1 << 23
_END: Final = b"PK\x05\x06"
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


def read_members(data: bytes, where: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, bytes | ReadError]]:
    """Name and content of each file with one of the suffixes; in place of one that cannot be read, the error.

    Raises `ReadError` where the archive is damaged, has too many files, or holds more than `LARGEST_ALL` bytes.
    """
    end = data.rfind(_END)
    # Python's zipfile keeps an object for each entry of the directory; this is the directory's size.
    if end < 0 or int.from_bytes(data[end + 12 : end + 16], "little") > _LARGEST_DIRECTORY:
        raise ReadError(f"{where}: the zip archive is cut short, or has too many files. Unpack it.")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _DAMAGED as error:
        raise ReadError(f"{where}: the zip archive is damaged ({text.plain(error)}). Get the file again.") from error
    left = LARGEST_ALL
    with archive:
        for member in archive.infolist():
            if not member.filename.lower().endswith(suffixes):
                continue
            shown = f"{where}: {text.plain(member.filename)}"
            try:
                with archive.open(member) as file:
                    content = file.read(min(LARGEST_MEMBER, left) + 1)
            except _DAMAGED as error:
                yield member.filename, ReadError(f"{shown} cannot be read ({text.plain(error)}).")
                continue
            left -= len(content)
            if left < 0:
                raise ReadError(f"{where}: its files hold more than {LARGEST_ALL:,} bytes. Unpack it, and split it.")
            if len(content) > LARGEST_MEMBER:
                yield member.filename, ReadError(f"{shown} has more than {LARGEST_MEMBER:,} bytes.")
            else:
                yield member.filename, content
