"""TCP in captured packets: the segments of IPv4 and IPv6, and each direction of a connection put in order.

No maintained library with a permissive licence does this: dpkt (BSD) takes packets apart and does not reassemble, and
scapy, which does, is under the GPL.
"""

import struct
from typing import Final, NamedTuple

FIN, SYN, RST = 0x01, 0x02, 0x04

MOST_HELD: Final = 1 << 20
"""Bytes that wait for a segment that is missing, in one direction."""

_MOST_WAITING: Final = 1024
_SEQUENCE: Final = 1 << 32
_TCP: Final = 6
_VLAN: Final = (0x8100, 0x88A8, 0x9100)
_EXTENSIONS: Final = (0, 43, 60)
"""IPv6 headers before TCP: hop-by-hop options, routing, destination options (RFC 8200)."""

# Link types of tcpdump.org whose header has a fixed size before the IP packet.
_FIXED: Final = {0: 4, 108: 4, 12: 0, 14: 0, 101: 0, 228: 0, 229: 0, 113: 16, 276: 20}
_ETHERNET: Final = 1


class Segment(NamedTuple):
    """`key`: addresses and ports, from the sender to the receiver."""

    key: bytes
    sequence: int
    flags: int
    payload: bytes


def parse_segment(link: int, packet: bytes) -> Segment | None:
    """The TCP segment of a packet; None for everything else, and for fragments of IP."""
    if link == _ETHERNET:
        if len(packet) < 34:
            return None
        at, kind = 14, packet[12] << 8 | packet[13]
        while kind in _VLAN and len(packet) > at + 4:
            kind = packet[at + 2] << 8 | packet[at + 3]
            at += 4
    else:
        fixed = _FIXED.get(link)
        if fixed is None:
            return None
        at = fixed
    if len(packet) < at + 40:
        return None
    first = packet[at]
    if first >> 4 == 4:
        if packet[at + 9] != _TCP or (packet[at + 6] & 0x3F) | packet[at + 7]:
            return None
        size = packet[at + 2] << 8 | packet[at + 3]
        tcp = at + ((first & 0x0F) << 2)
        end = at + size if size else len(packet)  # 0: the network card cuts the packet (TCP segmentation offload)
        key = packet[at + 12 : at + 20] + packet[tcp : tcp + 4]
    elif first >> 4 == 6:
        found = _skip_extensions(packet, at)
        if found is None:
            return None
        size = packet[at + 4] << 8 | packet[at + 5]
        tcp, end = found, at + 40 + size if size else len(packet)
        key = packet[at + 8 : at + 40] + packet[tcp : tcp + 4]
    else:
        return None
    if len(packet) < tcp + 20:
        return None
    sequence = int.from_bytes(packet[tcp + 4 : tcp + 8])
    return Segment(key, sequence, packet[tcp + 13], packet[tcp + (packet[tcp + 12] >> 4 << 2) : end])


def reversed_key(key: bytes) -> bytes:
    """The key of the other direction."""
    size = 4 if len(key) == 12 else 16
    return key[size : 2 * size] + key[:size] + key[2 * size + 2 :] + key[2 * size : 2 * size + 2]


def receiver_of(key: bytes) -> tuple[bytes, int]:
    """Address (4 or 16 bytes) and port that the key goes to."""
    size = 4 if len(key) == 12 else 16
    return key[size : 2 * size], int(struct.unpack_from(">H", key, 2 * size + 2)[0])


class Direction:
    """The bytes of one direction, in order; of bytes that are sent twice the first ones count."""

    __slots__ = ("_size", "_waiting", "next")

    def __init__(self) -> None:
        self.next: int | None = None
        """The sequence number of the next byte; None before the first segment."""
        self._waiting: dict[int, bytes] = {}
        self._size = 0

    @property
    def is_waiting(self) -> bool:
        """Whether later bytes are there, and earlier ones are missing."""
        return bool(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether more bytes wait than are held."""
        return self._size > MOST_HELD or len(self._waiting) > _MOST_WAITING

    def take(self, sequence: int, payload: bytes) -> list[bytes]:
        """Add a segment; the pieces that are now in order."""
        if self.next is None:
            self.next = sequence
        ahead = self._ahead(sequence)
        if ahead == 0 and not self._waiting:
            self.next = (sequence + len(payload)) % _SEQUENCE
            return [payload]
        if ahead >= 0:
            known = self._waiting.get(sequence, b"")
            if len(payload) > len(known):
                self._size += len(payload) - len(known)
                self._waiting[sequence] = known + payload[len(known) :]
        elif payload := payload[-ahead:]:
            self._size += len(payload) - len(self._waiting.get(self.next, b""))
            self._waiting[self.next] = max(payload, self._waiting.get(self.next, b""), key=len)
        return self._in_order()

    def _in_order(self) -> list[bytes]:
        pieces = []
        while self._waiting:
            due = min(self._waiting, key=self._ahead)
            if (ahead := self._ahead(due)) > 0:  # a segment is missing
                break
            payload = self._waiting.pop(due)
            self._size -= len(payload)
            if payload := payload[-ahead:] if ahead else payload:
                pieces.append(payload)
                self.next = ((self.next or 0) + len(payload)) % _SEQUENCE
        return pieces

    def _ahead(self, sequence: int) -> int:
        """How far the sequence number is after the next byte; negative: before it. Numbers wrap around."""
        return (sequence - (self.next or 0) + _SEQUENCE // 2) % _SEQUENCE - _SEQUENCE // 2


def _skip_extensions(packet: bytes, at: int) -> int | None:
    kind, tcp = packet[at + 6], at + 40
    while kind in _EXTENSIONS and len(packet) > tcp + 8:
        kind, tcp = packet[tcp], tcp + 8 * (packet[tcp + 1] + 1)
    return tcp if kind == _TCP else None
