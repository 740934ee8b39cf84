"""A real handshake with a Google MX, as its capture holds it."""

import struct
from pathlib import Path


def read_conversation(shared: Path) -> list[tuple[bool, bytes]]:
    """The payloads of a real STARTTLS session with a Google MX, and whether the client sent them."""
    whole = (shared / "recorded" / "captures" / "smtp-starttls.pcap").read_bytes()
    at, found = 24, []
    while at < len(whole):
        size = struct.unpack_from("<I", whole, at + 8)[0]
        packet = whole[at + 16 : at + 16 + size]
        at += 16 + size
        tcp = 14 + (packet[14] & 15) * 4
        payload = packet[tcp + (packet[tcp + 12] >> 4) * 4 : 14 + int.from_bytes(packet[16:18])]
        if payload:
            found.append((int.from_bytes(packet[tcp + 2 : tcp + 4]) == 25, payload))
    return found
