"""Certificate Transparency: entries of a log (`get-entries`, RFC 6962, section 4.6), and data tiles."""

import base64
import binascii
from pathlib import Path
from typing import Final

from toolkit import text
from toolkit.errors import ReadError
from toolkit.readers.json_lines import read_objects
from toolkit.readers.opening import LARGEST_WHOLE, open_plain
from toolkit.readers.scans import Scan
from toolkit.tables import Tables

_DATA: Final = "tile/data"
"""Where a log keeps its data tiles (C2SP static-ct-api)."""

_X509: Final = 0
_PRECERT: Final = 1
_FINGERPRINT: Final = 32


class _ShortError(ValueError):
    """The bytes end too early."""


def read_entries(path: Path) -> Tables:
    """The certificates and pre-certificates of the entries, and the certificates of their chains.

    There are no observations: a log says when it was given a certificate, not where that was served. An entry that
    cannot be read is left out with its number.
    """
    scan = Scan(path, "a Certificate Transparency log")
    number = 0
    for _, document in read_objects(path, scan):
        entries = document.get("entries", [document])
        for entry in entries if isinstance(entries, list) else []:
            number += 1
            try:
                _read_entry(scan, entry)
            except (TypeError, KeyError, ValueError) as error:
                scan.leave_out(f"entry {number} cannot be read ({error})", is_damage=True)
    return scan.tables()


def read_tile(path: Path) -> Tables:
    """The certificates and pre-certificates of a data tile (C2SP static-ct-api), or of all in the folder of a log.

    It names issuers by hash alone. What follows an entry that cannot be read is left out. Raises `ReadError` where none
    can.
    """
    scan = Scan(path, "a Certificate Transparency log")
    tiles = sorted(filter(Path.is_file, path.glob(f"{_DATA}/**/*"))) if path.is_dir() else [path]
    if not tiles:
        raise ReadError(f"{path / _DATA} holds no tile: get the data tiles of the log.")
    for tile in tiles:
        _read_tile(scan, tile, "the tile" if tile == path else text.plain(tile.relative_to(path)))
    return scan.tables()


def _read_tile(scan: Scan, path: Path, name: str) -> None:
    with open_plain(path, most=LARGEST_WHOLE) as file:
        entries = _Bytes(file.readall() or b"")
    number = 0
    while entries.is_left():
        number += 1
        try:
            leaf = _timestamped(entries)
            scan.add_certificate(entries.vector(3) if leaf is None else leaf)
            entries.vector(2)
        except _ShortError as error:
            scan.leave_out(f"{name} ends in entry {number}: {error}", is_damage=True)
            break


def is_tree(folder: Path) -> bool:
    """Whether the folder is that of a log, with its data tiles."""
    return (folder / _DATA).is_dir()


def is_tile(head: bytes) -> bool:
    """Whether the bytes begin with an entry: an instant of this century, its type, and where a certificate begins."""
    begins = {_X509: 13, _PRECERT: 45}.get(int.from_bytes(head[8:10]))
    # Milliseconds since 1970 in 8 bytes: 00 00 01 from 2004 to 2039.
    return begins is not None and head[:3] == b"\0\0\1" and head[begins : begins + 2] == b"\x30\x82"


class _Bytes:
    """A position in bytes; reading past the end raises `_ShortError`."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def is_left(self) -> bool:
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        begin, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise _ShortError("it is cut short")
        return self._data[begin : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))


def _read_entry(scan: Scan, entry: dict[str, object]) -> None:
    leaf_input, extra = (_Bytes(_decoded(entry[name])) for name in ("leaf_input", "extra_data"))
    if leaf_input.number(2) != 0:  # RFC 6962, section 3.4: v1, timestamped_entry
        raise ValueError("it is of another version or type")
    leaf = _timestamped(leaf_input)
    scan.add_certificate(extra.vector(3) if leaf is None else leaf)
    chain = _Bytes(extra.vector(3))
    while chain.is_left():
        scan.add_certificate(chain.vector(3))


def _timestamped(entry: _Bytes) -> bytes | None:
    """The certificate of a TimestampedEntry (RFC 6962, section 3.4); None for a pre-certificate, which is elsewhere."""
    entry.take(8)
    kind = entry.number(2)
    if kind not in (_X509, _PRECERT):
        raise _ShortError(f"its type is {kind}")
    if kind == _PRECERT:
        entry.take(_FINGERPRINT)
    content = entry.vector(3)
    entry.vector(2)  # extensions
    return content if kind == _X509 else None


def _decoded(encoded: object) -> bytes:
    if not isinstance(encoded, str):
        raise ValueError("it is not base64")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
