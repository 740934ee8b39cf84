"""Packets of captures: pcap and pcapng, in parts, with the link type and the instant of each."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from toolkit.readers.opening import open_plain
from toolkit.readers.scans import Scan

PCAP: Final = {b"\xa1\xb2\xc3\xd4": (">", 1), b"\xd4\xc3\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1000),
               b"\x4d\x3c\xb2\xa1": ("<", 1000)}  # fmt: skip
"""First bytes of a pcap file → the order of its bytes, and the parts of a microsecond that it counts in."""

PCAPNG: Final = b"\n\r\r\n"

Packet = tuple[int, int, bytes]
"""Microseconds since 1970 (nanoseconds are cut off, not rounded), the link type, the bytes that were captured."""

_CHUNK: Final = 1 << 22
_LONGEST: Final = 1 << 24
"""Bytes of one packet or block."""

_INTERFACE, _SIMPLE, _ENHANCED, _SECTION = 1, 3, 6, 0x0A0D0D0A
_TSRESOL: Final = 9
_MOST_INTERFACES: Final = 4096


def read_packets(path: Path, scan: Scan) -> Iterator[Packet]:
    """The packets of a capture, in order. What follows damage is left out."""
    with open_plain(path) as file:
        first = file.read(4) or b""
        rest = _Rest(file, first)
        if first in PCAP:
            yield from _from_pcap(rest, *PCAP[first], scan)
        else:
            yield from _from_pcapng(rest, scan)
        if file.damage:
            scan.leave_out(file.damage, is_damage=True)


class _Rest:
    """The bytes of a file that are not used yet."""

    def __init__(self, file: object, first: bytes) -> None:
        self._file, self.data, self.at = file, first, 0

    def fill(self, size: int) -> bool:
        """Have `size` bytes at `at`; false where the file ends before."""
        while len(self.data) - self.at < size:
            more = self._file.read(max(_CHUNK, size))  # type: ignore[attr-defined]
            if not more:
                return False
            self.data = self.data[self.at :] + more
            self.at = 0
        return True


def _from_pcap(rest: _Rest, order: str, parts: int, scan: Scan) -> Iterator[Packet]:
    if not rest.fill(24):
        scan.leave_out("the header of the capture is cut short", is_damage=True)
        return
    link = struct.unpack_from(f"{order}I", rest.data, 20)[0] & 0xFFFF
    rest.at = 24
    unpack = struct.Struct(f"{order}IIII").unpack_from
    number = 0
    while rest.fill(16):
        number += 1
        data, at, end = rest.data, rest.at, len(rest.data)
        while at + 16 <= end:
            seconds, fraction, size, _ = unpack(data, at)
            if size > _LONGEST:
                scan.leave_out(f"packet {number} announces {size:,} bytes, and what follows it", is_damage=True)
                return
            if at + 16 + size > end:
                break
            yield seconds * 1_000_000 + fraction // parts, link, data[at + 16 : at + 16 + size]
            at += 16 + size
            number += 1
        number -= at != rest.at
        rest.at = at
        if at + 16 <= end and not rest.fill(16 + unpack(data, at)[2]):
            scan.leave_out(f"packet {number} is cut short", is_damage=True)
            return
    if rest.at < len(rest.data):
        scan.leave_out("the header of the last packet is cut short", is_damage=True)


def _from_pcapng(rest: _Rest, scan: Scan) -> Iterator[Packet]:
    order = "<"
    links: list[tuple[int, int, int]] = []
    while rest.fill(12):
        kind = struct.unpack_from("<I", rest.data, rest.at)[0]
        if kind == _SECTION:
            order = "<" if rest.data[rest.at + 8 : rest.at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
        kind, size = struct.unpack_from(f"{order}II", rest.data, rest.at)
        if size < 12 or size % 4 or size > _LONGEST:
            scan.leave_out(f"a block announces {size:,} bytes, and what follows it", is_damage=True)
            return
        if not rest.fill(size):
            break
        body = rest.at + 8
        if kind == _ENHANCED and size >= 32:
            interface, high, low, captured = struct.unpack_from(f"{order}IIII", rest.data, body)
            if interface < len(links) and captured <= size - 32:
                link, numerator, denominator = links[interface]
                instant = (high << 32 | low) * numerator // denominator
                yield instant, link, rest.data[body + 20 : body + 20 + captured]
        elif kind == _SIMPLE and links and size >= 16:
            original = struct.unpack_from(f"{order}I", rest.data, body)[0]
            yield -1, links[0][0], rest.data[body + 4 : body + 4 + min(original, size - 16)]
        elif kind == _INTERFACE and size >= 20 and len(links) < _MOST_INTERFACES:
            link = struct.unpack_from(f"{order}H", rest.data, body)[0]
            links.append((link, *_resolution(rest.data[body + 8 : rest.at + size - 4], order)))
        rest.at += size
    if rest.at < len(rest.data):
        scan.leave_out("the last block is cut short", is_damage=True)


def _resolution(options: bytes, order: str) -> tuple[int, int]:
    """What a time stamp is multiplied and divided by to give microseconds (option if_tsresol; default 10^-6)."""
    at = 0
    while at + 4 <= len(options):
        code, size = struct.unpack_from(f"{order}HH", options, at)
        if code == _TSRESOL and size == 1:
            exponent = options[at + 4] & 0x7F
            return 1_000_000, (2**exponent if options[at + 4] & 0x80 else 10**exponent)
        if code == 0:
            break
        at += 4 + size + -size % 4
    return 1, 1
