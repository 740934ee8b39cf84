"""The recorded STARTTLS session of 2014, read from its pcap: two byte streams, by hand, since it is one small file."""

import struct
from pathlib import Path


def streams(pcap: Path) -> tuple[bytes, bytes]:
    """What the client and the server sent after the go-ahead, in the order of TCP's sequence numbers."""
    data = pcap.read_bytes()
    magic, link = struct.unpack_from("<I", data)[0], struct.unpack_from("<I", data, 20)[0]
    assert (magic, link) == (0xA1B2C3D4, 1)  # microseconds, little-endian; Ethernet
    at = 24
    pieces: dict[bool, dict[int, bytes]] = {True: {}, False: {}}
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16 : at + 16 + size]
        at += 16 + size
        ip = packet[14:]
        tcp = ip[(ip[0] & 15) * 4 : int.from_bytes(ip[2:4])]
        payload = tcp[(tcp[12] >> 4) * 4 :]
        if payload:
            to_server = tcp[2:4] == (25).to_bytes(2)
            pieces[to_server].setdefault(int.from_bytes(tcp[4:8]), payload)
    client, server = (b"".join(payload for _, payload in sorted(pieces[side].items())) for side in (True, False))
    return _after(client, b"STARTTLS\r\n"), _after(server, b"220 2.0.0 Ready to start TLS\r\n")


def _after(stream: bytes, words: bytes) -> bytes:
    return stream[stream.index(words) + len(words) :]


def records(stream: bytes) -> list[tuple[int, bytes]]:
    """Content type and content of each record."""
    found, at = [], 0
    while at < len(stream):
        size = int.from_bytes(stream[at + 3 : at + 5])
        found.append((stream[at], stream[at + 5 : at + 5 + size]))
        at += 5 + size
    return found
