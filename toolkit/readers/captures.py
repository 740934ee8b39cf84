"""Packet captures, pcap and pcapng: the handshakes in them, read from both directions of each TCP connection.

The addresses and certificates of clients, and what is sent in clear text before TLS, are not kept.
"""

import ipaddress
import re
from pathlib import Path
from typing import Final

from toolkit import text
from toolkit.epoch import from_microseconds
from toolkit.readers.packets import read_packets
from toolkit.readers.scans import UNDATED, Scan, Times, make_server
from toolkit.readers.segments import FIN, RST, SYN, Direction, parse_segment, receiver_of, reversed_key
from toolkit.readers.spelling import HOST_NAME
from toolkit.reference import groups, signature_schemes, suites
from toolkit.reference.codes import name_of_code
from toolkit.tables import Tables
from toolkit.wire.overheard import Overheard, is_begun_hello, is_client_hello, is_old_client_hello, is_server_hello

_MOST_CONNECTIONS: Final = 200_000
"""Connections that are followed at a time; beyond, those that began first end where they are."""

_ACK: Final = 0x10

_DTLS: Final = re.compile(rb"\x16\xfe[\xff\xfd]\0\0")
"""A handshake before encryption (RFC 6347, section 4.1): its type, the version, epoch 0."""

_MOST_HEADERS: Final = 100
"""Bytes before the content of a datagram."""

_UPGRADES: Final = (
    ("ftp", re.compile(rb"^AUTH (?:TLS|SSL)", re.IGNORECASE | re.MULTILINE)),
    ("pop3", re.compile(rb"^STLS\b", re.IGNORECASE | re.MULTILINE)),
    ("imap", re.compile(rb"^\S+ STARTTLS\b", re.IGNORECASE | re.MULTILINE)),
    ("lmtp", re.compile(rb"^LHLO .*^STARTTLS\b", re.IGNORECASE | re.MULTILINE | re.DOTALL)),
    ("smtp", re.compile(rb"^(?:EHLO|HELO) .*^STARTTLS\b", re.IGNORECASE | re.MULTILINE | re.DOTALL)),
    ("postgres", re.compile(rb"\x00\x00\x00\x08\x04\xd2\x16\x2f")),
    ("ldap", re.compile(rb"1\.3\.6\.1\.4\.1\.1466\.20037")),
)
"""Protocol → how a client asks for the upgrade."""


def read_capture(path: Path) -> Tables:
    """The tables of a capture: a row per TCP connection with a hello, at the instant of the client's first byte of it.

    Instants in nanoseconds are cut to microseconds.

    TLS is recognised by its hello, on any port, at once or after an upgrade (STARTTLS). Of TLS 1.3 the certificate is
    encrypted, and of a resumed session none is sent: the leaf is null, and `reason` says so. `is_key_proven` rests on
    the signature in the handshake (TLS 1.2 and older, ephemeral key exchange). A handshake that the capture does not
    hold to its end is `closed`, with the reason. DTLS and QUIC are not read: a warning counts unencrypted handshake
    packets of DTLS, and says where no connection shows a hello. What follows damage is left out.
    """
    scan = Scan(path, "packet capture")
    connections = _Connections(scan)
    datagrams = 0
    for at, link, packet in read_packets(path, scan):
        segment = parse_segment(link, packet)
        if segment is not None:
            connections.take(at, *segment)
        elif _DTLS.search(packet, 0, _MOST_HEADERS):
            datagrams += 1
    connections.finish()
    if datagrams:
        scan.leave_out(f"{text.counted(datagrams, 'unencrypted handshake packet')} of DTLS, which is not TLS over TCP")
    if not scan.has_looks:
        scan.leave_out("no TCP connection shows a hello of TLS")
    return scan.tables()


class _CapturedConnection:
    """A connection that may be one of TLS; `client` is the key of what the client sends."""

    __slots__ = ("at", "begun", "client", "directions", "has_start", "overheard")

    def __init__(self, client: bytes, at: int, *, has_start: bool) -> None:
        self.client, self.at, self.has_start = client, at, has_start
        self.directions = {client: Direction(), reversed_key(client): Direction()}
        self.begun: dict[bytes, tuple[bytes, int]] = {}
        """Key → bytes that may begin a hello, which are held until more are there, and the instant of the first."""
        self.overheard = Overheard()


class _Connections:
    """The connections that are open, by both keys; a finished one is None there, so that its rest is passed over."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._open: dict[bytes, _CapturedConnection | None] = {}

    def take(self, at: int, key: bytes, sequence: int, flags: int, payload: bytes) -> None:
        """Take a segment."""
        connection = self._open.get(key)
        is_opening = flags & (SYN | _ACK) == SYN
        if connection is None and key in self._open and not is_opening:
            return
        if connection is None or (is_opening and connection.directions[key].next not in (None, sequence + 1)):
            if not payload and not flags & SYN:
                return
            connection = self._begin(key, at, flags)
        direction = connection.directions[key]
        if flags & SYN:
            if direction.next is None:
                direction.next = (sequence + 1) & 0xFFFFFFFF
            sequence += 1
        if payload:
            for piece in direction.take(sequence, payload):
                self._feed(connection, key, piece, at)
        overheard = connection.overheard
        if direction.is_full:
            overheard.end("closed", "the capture lacks bytes")
        if flags & RST:
            overheard.end("reset", "the connection was reset")
        elif flags & FIN and not direction.is_waiting and key != connection.client:
            overheard.end("closed", "the connection ended")
        if overheard.is_done:
            self._finish(connection)

    def finish(self) -> None:
        """Take what is known of the connections that are open."""
        for key, connection in list(self._open.items()):
            if connection is not None and key == connection.client:
                self._close(connection)

    def _begin(self, key: bytes, at: int, flags: int) -> _CapturedConnection:
        if (old := self._open.get(key)) is not None:
            self._close(old)
        if len(self._open) >= 2 * _MOST_CONNECTIONS:
            for first in list(self._open)[:_MOST_CONNECTIONS]:
                if (oldest := self._open.pop(first)) is not None:
                    self._close(oldest)
        client = reversed_key(key) if flags & (SYN | _ACK) == SYN | _ACK else key
        connection = _CapturedConnection(client, at, has_start=bool(flags & SYN))
        for one in connection.directions:
            self._open.pop(one, None)
            self._open[one] = connection
        return connection

    def _feed(self, connection: _CapturedConnection, key: bytes, piece: bytes, at: int) -> None:
        overheard = connection.overheard
        if not overheard.has_hello or key in connection.begun:
            held, first_at = connection.begun.pop(key, (b"", at))
            whole = held + piece
            if is_begun_hello(whole):
                connection.begun[key] = whole, first_at
                return
            if is_client_hello(whole) or is_old_client_hello(whole):
                if not overheard.has_hello or key == connection.client:
                    connection.client, connection.at = key, first_at
            elif is_server_hello(whole):
                if not overheard.has_hello:
                    connection.client, connection.at = reversed_key(key), first_at
            elif held:
                self._hear(connection, key, held)
                self._feed(connection, key, piece, at)
                return
            piece = whole
        self._hear(connection, key, piece)

    def _hear(self, connection: _CapturedConnection, key: bytes, piece: bytes) -> None:
        overheard = connection.overheard
        if key == connection.client:
            overheard.from_client(piece)
        else:
            overheard.from_server(piece)

    def _close(self, connection: _CapturedConnection) -> None:
        is_waiting = any(direction.is_waiting for direction in connection.directions.values())
        reason = "the capture lacks bytes" if is_waiting else "the capture ends before the answer was complete"
        connection.overheard.end("closed", reason)
        self._finish(connection)

    def _finish(self, connection: _CapturedConnection) -> None:
        for key in connection.directions:
            self._open[key] = None
        if connection.overheard.has_hello:
            _look_at(self._scan, connection)


def _look_at(scan: Scan, connection: _CapturedConnection) -> None:
    overheard, answer = connection.overheard, connection.overheard.answer
    raw, port = receiver_of(connection.client)
    address, name = str(ipaddress.ip_address(raw)), overheard.server_name
    host = name if name and HOST_NAME.fullmatch(name) else address
    server = make_server(host, port, address=address, server_name=name, starttls=_upgrade_of(connection))
    if server is None:
        scan.leave_out("a connection whose port cannot be one")
        return
    chain = tuple(map(scan.add_certificate, answer.chain))
    scan.look(
        server, UNDATED if connection.at < 0 else Times(from_microseconds(connection.at)),
        outcome=answer.outcome or "closed", stage=answer.stage, reason=answer.reason, protocol=answer.protocol,
        suite=name_of_code(suites(), answer.suite_code), suite_code=answer.suite_code,
        group=name_of_code(groups(), answer.group_code),
        signature_scheme=name_of_code(signature_schemes(), answer.signature_scheme_code),
        leaf_sha256=chain[0] if chain else None, chain_sha256=chain or None, is_key_proven=answer.is_key_proven,
        has_ocsp_staple=answer.has_ocsp_staple, has_sct=answer.has_sct,
    )  # fmt: skip


def _upgrade_of(connection: _CapturedConnection) -> str | None:
    """The protocol that was upgraded, empty where TLS began at once; None where the capture does not say."""
    said = connection.overheard.clear_text
    found = next((protocol for protocol, pattern in _UPGRADES if pattern.search(said)), None)
    return found or (None if said or not connection.has_start else "")
