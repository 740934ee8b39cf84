"""The dialogues before TLS of protocols without lines: LDAP, PostgreSQL, MySQL, RDP.

The contract is that of `toolkit.wire.dialogues`; the unit of a reply is an LDAP message or a byte.
"""

from collections.abc import Generator
from typing import Final

from toolkit.wire.cursor import Cursor, MalformedError
from toolkit.wire.der import element
from toolkit.wire.dialogue_state import GO_AHEAD, Dialogue, DialogueState, shown


def ldap(state: DialogueState) -> Dialogue:
    """RFC 4511, section 4.14: an ExtendedRequest, answered by an ExtendedResponse; each is one unit."""
    oid = b"1.3.6.1.4.1.1466.20037"
    request = b"\x77" + bytes((len(oid) + 2,)) + b"\x80" + bytes((len(oid),)) + oid
    answer = yield b"\x30" + bytes((len(request) + 3,)) + b"\x02\x01\x01" + request
    what = "the LDAP answer"
    try:
        _, at, end = element(answer, 0, len(answer), what)
        at = element(answer, at, end, what)[2]  # messageID; a notice of disconnection has 0 (4.4.1)
        tag, at, end = element(answer, at, end, what)
        if tag != 0x78:
            return "not_tls", f"an LDAP answer of type 0x{tag:02x}, not an ExtendedResponse"
        _, at, stop = element(answer, at, end, what)
        if stop - at > 4:
            raise MalformedError(f"an LDAP answer with a result code of {stop - at} bytes")
        code = int.from_bytes(answer[at:stop])
        stop = element(answer, stop, end, what)[2]  # matchedDN
        _, at, stop = element(answer, stop, end, what)
    except MalformedError as error:
        return "not_tls", str(error)
    words = f"LDAP result {code}: {shown(answer[at:stop])}"
    # RFC 4511, 4.14.2 and appendix A.2: protocolError where StartTLS is not known; busy, unavailable.
    outcome = {0: "ok", 2: "no_starttls", 51: "deferred", 52: "deferred"}.get(code, "rejected")
    return outcome, None if outcome == "ok" else words


def postgres(state: DialogueState) -> Dialogue:
    """SSLRequest, answered by one byte (PostgreSQL documentation, Message Flow, SSL Session Encryption)."""
    answer = yield (8).to_bytes(4) + (80877103).to_bytes(4)
    return {
        b"S": GO_AHEAD,
        b"N": ("no_starttls", "the server answered N to SSLRequest"),
        b"E": ("rejected", "the server answered SSLRequest with an error"),
    }.get(answer, ("not_tls", f"the server answered SSLRequest with {answer!r}"))


def ldap_message(buffer: bytearray) -> int | None:
    """Length of the LDAP message at the start of the buffer (RFC 4511, 5.1); None: incomplete, 0: not LDAP."""
    if len(buffer) < 2:
        return None
    cursor = Cursor(bytes(buffer[:6]), "the LDAP message", 1)
    length = cursor.number(1)
    if length >= 0x80:
        size = length & 0x7F
        if not 0 < size <= 4 or buffer[0] != 0x30:
            return 0
        if len(buffer) < 2 + size:
            return None
        length = cursor.number(size)
    return cursor.at + length if buffer[0] == 0x30 else 0


def mysql(state: DialogueState) -> Dialogue:
    """MySQL documentation, Connection Phase: a greeting with flags, then SSLRequest, which has no answer."""
    head = yield from _take(4)
    size = int.from_bytes(head[:3], "little")
    if head[3] != 0 or not 4 < size < 1024:
        return "not_tls", f"not MySQL: {shown(head)}"
    greeting = yield from _take(size)
    if greeting[0] == 0xFF:
        number = int.from_bytes(greeting[1:3], "little")
        words = f"MySQL error {number}: {shown(greeting[3:])}"
        return ("deferred" if number in _MYSQL_BUSY else "rejected"), words
    version, _, rest = greeting[1:].partition(b"\0")
    if greeting[0] != 10 or len(rest) < 15:  # thread id, 8 bytes of salt, a filler, the lower flags
        return "not_tls", f"not MySQL: {shown(greeting[:40])}"
    if not int.from_bytes(rest[13:15], "little") & _CLIENT_SSL:
        return "no_starttls", f"MySQL {shown(version)} does not offer TLS: its greeting lacks the flag CLIENT_SSL"
    flags = _CLIENT_SSL | 0x0200 | 0x8000  # CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION
    body = flags.to_bytes(4, "little") + (1 << 24).to_bytes(4, "little") + b"\x21" + bytes(23)
    state.last_words = len(body).to_bytes(3, "little") + b"\x01" + body
    return GO_AHEAD


_CLIENT_SSL: Final = 0x0800
_MYSQL_BUSY: Final = {1040, 1041, 1053, 1203}
"""ER_CON_COUNT_ERROR, ER_OUT_OF_RESOURCES, ER_SERVER_SHUTDOWN, ER_TOO_MANY_USER_CONNECTIONS."""


def rdp(state: DialogueState) -> Dialogue:
    """MS-RDPBCGR, section 2.2.1: an X.224 connection request that asks for TLS, alone or under CredSSP."""
    negotiation = b"\x01\x00\x08\x00" + (0x01 | 0x02).to_bytes(4, "little")
    head = yield from _take(4, b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00" + negotiation)
    size = int.from_bytes(head[2:4])
    if head[:2] != b"\x03\x00" or not 11 <= size <= 512:
        return "not_tls", f"not RDP: {shown(head)}"
    confirm = yield from _take(size - 4)
    if confirm[1] & 0xF0 != 0xD0:
        return "not_tls", f"an X.224 answer of type 0x{confirm[1]:02x}, not a connection confirm"
    if len(confirm) < 15:
        return "no_starttls", "the server confirmed the connection without negotiating: it has RDP's own security only"
    kind, value = confirm[7], int.from_bytes(confirm[11:15], "little")
    if kind == 0x02:
        return GO_AHEAD if value in {1, 2, 8} else ("no_starttls", f"the server chose security protocol {value}")
    if kind != 0x03:
        return "not_tls", f"an RDP negotiation of type 0x{kind:02x}"
    return ("no_starttls" if value in {2, 3} else "rejected"), f"RDP negotiation failure {value}"


def _take(count: int, command: bytes = b"") -> Generator[bytes, bytes, bytes]:
    """The next `count` bytes of the server, after the command."""
    taken = yield command
    while len(taken) < count:
        taken += yield b""
    return taken
