"""The commands and replies before TLS, protocol by protocol.

Contract: a dialogue is a generator. It yields the bytes to send (mostly one command, or nothing) and is sent one unit
of the server's reply: a line without its line end, an LDAP message, or a byte. It returns the outcome and the reason.
It never looks ahead, so the pieces in which a reply arrives make no difference.

Every server is asked for the upgrade, even if it does not list it: some list it only in their greeting, some are behind
a firewall that hides it, some have no command that lists capabilities. Only a refusal of the upgrade itself is
`no_starttls`.
"""

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final

from toolkit.wire.cursor import Cursor, MalformedError
from toolkit.wire.der import element

Ending = tuple[str, str | None]
Dialogue = Generator[bytes, bytes, Ending]


@dataclass(slots=True)
class DialogueState:
    """State that a dialogue shares with `Upgrade`.

    `names`: the names that EHLO and LHLO give, in the order in which they are tried.
    `host`: the name of the host, which XMPP sends.
    `last_words`: sent with the outcome `ok`, where the server does not answer the request before TLS (MySQL).
    `remark`: begins the reason, however the dialogue ends, also with `ok`. Null: no remark.
    `refusal`: the ending if the server does not reply any more, because it has refused and was asked once more. Null:
        it has not refused.
    """

    names: tuple[str, ...]
    host: str = ""
    last_words: bytes = b""
    remark: str | None = None
    refusal: Ending | None = None


_GO_AHEAD: Final[Ending] = ("ok", None)
_REPLY: Final = re.compile(rb"[1-5]\d\d(?:[ -]|\Z)")
_CAPABILITIES: Final = re.compile(rb"(?:\A\* |\[)CAPABILITY ([^\]]*)")


def shown(line: bytes) -> str:
    """The server's bytes as text; bytes that are not UTF-8 are escaped."""
    return line.decode("utf-8", "backslashreplace")


def smtp(state: DialogueState) -> Dialogue:
    """RFC 3207."""
    return _mail(state, "EHLO")


def lmtp(state: DialogueState) -> Dialogue:
    """RFC 2033, with RFC 3207."""
    return _mail(state, "LHLO")


def _mail(state: DialogueState, verb: str) -> Dialogue:
    code, lines = yield from _reply(b"")
    if code != b"220":
        return _judge(code, lines, "SMTP")
    for name in state.names:
        code, lines = yield from _reply(f"{verb} {name}\r\n".encode("ascii"))
        if code == b"421" or code[:1] not in {b"4", b"5"}:
            break
        state.refusal = _judge(code, lines, "SMTP")
    if code != b"250" and code[:1] != b"5":
        return _judge(code, lines, "SMTP")
    is_listed = False
    if code == b"250":
        if state.refusal is not None:
            state.remark, state.refusal = f"{verb} was accepted under the second name only", None
        is_listed = any(line[4:].split(None, 1)[:1] == [b"STARTTLS"] for line in map(bytes.upper, lines[1:]))
        if not is_listed:
            state.remark = f"{verb} did not list STARTTLS"
    answer, words = yield from _reply(b"STARTTLS\r\n")
    if answer == b"220":
        return _GO_AHEAD
    if state.refusal is not None and code not in {b"500", b"502"}:  # other than: not known, not implemented
        return state.refusal
    return _refused(_judge(answer, words, "SMTP"), is_listed=is_listed)


def ftp(state: DialogueState) -> Dialogue:
    """RFC 4217, section 4, and the mechanism `SSL` of older servers; FEAT is not asked, since it may need a login."""
    code, lines = yield from _reply(b"", is_ftp=True)
    if code == b"120":  # RFC 959, 4.2: ready in some minutes
        return "deferred", shown(lines[0])
    if code != b"220":
        return _judge(code, lines, "FTP")
    code, lines = yield from _reply(b"AUTH TLS\r\n", is_ftp=True)
    if code[:1] == b"5":
        is_unknown = code in {
            b"500",
            b"502",
            b"504",
        }  # RFC 2228, 3: not understood, not implemented, not this mechanism
        state.refusal = ("no_starttls", shown(lines[0])) if is_unknown else _judge(code, lines, "FTP")
        state.remark = "AUTH TLS was refused"
        code, lines = yield from _reply(b"AUTH SSL\r\n", is_ftp=True)
    if code in {b"234", b"334"}:  # RFC 2228, 3: both accept; 334 asks for security data, which TLS does not use
        return _GO_AHEAD
    return state.refusal or _judge(code, lines, "FTP")


def imap(state: DialogueState) -> Dialogue:
    """RFC 9051, section 6.2.1."""
    greeting = yield b""
    status = greeting.upper().split()[:2]
    if status == [b"*", b"BYE"]:
        return _temporary_or_not(greeting)
    if status == [b"*", b"PREAUTH"]:
        words = f"STARTTLS is only for clients that are not logged in: {shown(greeting)}"
        state.refusal = ("no_starttls", words)
    elif status != [b"*", b"OK"]:
        return "not_tls", f"not IMAP: {shown(greeting)}"
    answer, lines = yield from _tagged(b"a1", b"CAPABILITY")
    if answer[0] == b"BYE":
        return state.refusal or _temporary_or_not(lines[-1])
    lists = (_CAPABILITIES.search(line.upper()) for line in (greeting, *lines))
    is_listed = any(b"STARTTLS" in found[1].split() for found in lists if found)
    if not is_listed:
        state.remark = "CAPABILITY did not list STARTTLS"
        if answer[0] != b"OK":
            state.remark += f" ({shown(lines[-1])})"
    answer, lines = yield from _tagged(b"a2", b"STARTTLS")
    if answer[0] == b"OK":
        return _GO_AHEAD
    return state.refusal or _refused(_temporary_or_not(lines[-1]), is_listed=is_listed or answer[0] == b"BYE")


def _tagged(tag: bytes, command: bytes) -> Generator[bytes, bytes, tuple[list[bytes], list[bytes]]]:
    """The words after the tag, and every line up to that one; a `* BYE` ends the reply as well."""
    lines = [(yield tag + b" " + command + b"\r\n")]
    while True:
        words = lines[-1].upper().split()
        if words[:1] == [tag.upper()] and len(words) > 1:
            return words[1:], lines
        if words[:2] == [b"*", b"BYE"] or words[:1] not in ([b"*"], [b"+"]):
            return [b"BYE"], lines
        lines.append((yield b""))


def pop3(state: DialogueState) -> Dialogue:
    """RFC 2595, section 4, with CAPA of RFC 2449."""
    greeting = yield b""
    if greeting.startswith(b"-ERR"):
        return _temporary_or_not(greeting)
    if not greeting.startswith(b"+OK"):
        return "not_tls", f"not POP3: {shown(greeting)}"
    answer = yield b"CAPA\r\n"
    is_listed = False
    if answer.startswith(b"+OK"):
        while (line := (yield b"")) != b".":
            is_listed |= line.upper().split()[:1] == [b"STLS"]
    if not is_listed:
        state.remark = f"CAPA did not list STLS ({shown(answer)})"
    answer = yield b"STLS\r\n"
    if answer.startswith(b"+OK"):
        return _GO_AHEAD
    return _refused(_temporary_or_not(answer), is_listed=is_listed or not answer.startswith(b"-ERR"))


def sieve(state: DialogueState) -> Dialogue:
    """RFC 5804, sections 1.7 and 2.2: the greeting lists the capabilities and ends with OK."""
    is_listed = False
    line = yield b""
    while line[:1] == b'"':
        is_listed |= line.upper().startswith(b'"STARTTLS"')
        line = yield b""
    status = line.upper().split()[:1]
    if status in ([b"NO"], [b"BYE"]):
        return _temporary_or_not(line)
    if status != [b"OK"]:
        return "not_tls", f"not ManageSieve: {shown(line)}"
    if not is_listed:
        state.remark = "the capabilities did not list STARTTLS"
    answer = yield b"STARTTLS\r\n"
    status = answer.upper().split()[:1]
    if status == [b"OK"]:
        return _GO_AHEAD
    return _refused(_temporary_or_not(answer), is_listed=is_listed or status != [b"NO"])


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
        b"S": _GO_AHEAD,
        b"N": ("no_starttls", "the server answered N to SSLRequest"),
        b"E": ("rejected", "the server answered SSLRequest with an error"),
    }.get(answer, ("not_tls", f"the server answered SSLRequest with {answer!r}"))


def nntp(state: DialogueState) -> Dialogue:
    """RFC 4642, section 2.2."""
    code, lines = yield from _reply(b"")
    if code not in {b"200", b"201"}:  # RFC 3977, 5.1.1: ready, with or without the right to post
        return _judge(code, lines, "NNTP")
    code, lines = yield from _reply(b"STARTTLS\r\n")
    is_known = code not in {b"500", b"502"}  # RFC 3977, 3.2.1: unknown command; not permitted, or TLS runs already
    return _GO_AHEAD if code == b"382" else _refused(_judge(code, lines, "NNTP"), is_listed=is_known)


def irc(state: DialogueState) -> Dialogue:
    """The command STARTTLS of IRCv3 (specification `tls`), sent before anything else; notices may come first."""
    line = yield b"STARTTLS\r\n"
    while True:
        words = line.split()
        words = words[1:] if words and words[0].startswith(b":") else words
        command = words[0].upper() if words else b""
        if command == b"670":  # RPL_STARTTLS
            return _GO_AHEAD
        if command == b"691":  # ERR_STARTTLS
            return "rejected", shown(line)
        if command in {b"421", b"451"}:  # unknown command; not registered
            return "no_starttls", shown(line)
        if command == b"ERROR":
            return ("deferred" if b"throttl" in line.lower() else "rejected"), shown(line)
        if command not in {b"NOTICE", b"PING", b"020"}:
            return "not_tls", f"not IRC: {shown(line)}"
        line = yield (b"PONG " + words[-1] + b"\r\n" if command == b"PING" else b"")


def xmpp(state: DialogueState) -> Dialogue:
    """RFC 6120, section 5.4, as a client."""
    return _xmpp(state, "jabber:client")


def xmpp_server(state: DialogueState) -> Dialogue:
    """RFC 6120, section 5.4, as another server."""
    return _xmpp(state, "jabber:server")


def _xmpp(state: DialogueState, namespace: str) -> Dialogue:
    opened = (
        f"<?xml version='1.0'?><stream:stream to='{state.host}' version='1.0' xmlns='{namespace}' "
        "xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    said = yield from _until(opened.encode("utf-8"), _XMPP_FEATURES)
    if _XMPP_FEATURES.search(said) is None or _XMPP_ERROR.search(said):
        return _judge_xmpp(said)
    is_listed = b"<starttls" in said
    if not is_listed:
        state.remark = "the stream features did not list starttls"
    said = yield from _until(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", _XMPP_ANSWER)
    if re.search(rb"<proceed\b", said):
        return _GO_AHEAD
    if re.search(rb"<failure\b", said):
        return _refused(("rejected", shown(said)), is_listed=is_listed)
    return _judge_xmpp(said) if is_listed else _refused(_judge_xmpp(said), is_listed=False)


def _until(command: bytes, end: re.Pattern[bytes]) -> Generator[bytes, bytes, bytes]:
    """What the server says after the command: up to a tag that ends it, or up to what is not XML."""
    said = bytearray((yield command))
    while said[0] in b"< \t\r\n" and not (said.endswith(b">") and end.search(said, max(len(said) - _LONGEST_TAG, 0))):
        said += yield b""
    return bytes(said)


_LONGEST_TAG: Final = 256
"""Bytes of a tag that ends an answer of XMPP, with its attributes."""


def _judge_xmpp(said: bytes) -> Ending:
    """RFC 6120, 4.9.3: two of the conditions of a stream error are temporary."""
    if not said.lstrip().startswith(b"<") or _XMPP_ERROR.search(said) is None:
        return "not_tls", f"not XMPP: {shown(said[:80])}"
    is_temporary = any(condition in said for condition in (b"<resource-constraint", b"<system-shutdown"))
    return "deferred" if is_temporary else "rejected", shown(said[-300:])


_XMPP_ERROR: Final = re.compile(rb"</(?:\w+:)?error\s*>|</(?:\w+:)?stream\s*>")
_XMPP_FEATURES: Final = re.compile(rb"</(?:\w+:)?features\s*>|<(?:\w+:)?features\s*/>|" + _XMPP_ERROR.pattern)
_XMPP_ANSWER: Final = re.compile(
    rb"<proceed\b[^>]*/>|</proceed\s*>|<failure\b[^>]*/>|</failure\s*>|" + _XMPP_ERROR.pattern
)


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
    return _GO_AHEAD


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
        return _GO_AHEAD if value in {1, 2, 8} else ("no_starttls", f"the server chose security protocol {value}")
    if kind != 0x03:
        return "not_tls", f"an RDP negotiation of type 0x{kind:02x}"
    return ("no_starttls" if value in {2, 3} else "rejected"), f"RDP negotiation failure {value}"


def _take(count: int, command: bytes = b"") -> Generator[bytes, bytes, bytes]:
    """The next `count` bytes of the server, after the command."""
    taken = yield command
    while len(taken) < count:
        taken += yield b""
    return taken


def _reply(command: bytes, *, is_ftp: bool = False) -> Generator[bytes, bytes, tuple[bytes, list[bytes]]]:
    """Code and lines of one reply (RFC 5321, 4.2.1; RFC 959, 4.2, which allows any text in the lines between).

    A line that cannot be part of a reply ends it; it is then the only line, and the code is empty.
    """
    lines = [(yield command)]
    code = lines[0][:3]
    if _REPLY.match(lines[0]) is None:
        return b"", lines
    while lines[-1][:4] not in {code, code + b" "}:
        line = yield b""
        if not is_ftp and line[:4] not in {code, code + b" ", code + b"-"}:
            return b"", [line]
        lines.append(line)
    return code, lines


def _judge(code: bytes, lines: list[bytes], protocol: str) -> Ending:
    """The outcome of a negative reply. RFC 5321, 4.2.1: 4yz is transient, 5yz is permanent."""
    words = " / ".join(shown(line) for line in lines[:4])
    outcome = {b"4": "deferred", b"5": "rejected"}.get(code[:1])
    return ("not_tls", f"not {protocol}: {words}") if outcome is None else (outcome, words)


def _refused(ending: Ending, *, is_listed: bool) -> Ending:
    """The outcome of a refused upgrade: a server that did not list it has none, unless the refusal is temporary."""
    outcome, words = ending
    return ("no_starttls", words) if outcome == "rejected" and not is_listed else ending


def _temporary_or_not(line: bytes) -> Ending:
    """A refusal, temporary by its response code: RFC 5530 (IMAP), RFC 3206 (POP3), RFC 5804 (ManageSieve)."""
    temporary = (b"[UNAVAILABLE]", b"[INUSE]", b"[SYS/TEMP]", b"[IN-USE]", b"(TRYLATER)")
    return ("deferred" if any(code in line.upper() for code in temporary) else "rejected"), shown(line)


def ldap_message(buffer: bytearray) -> int | None:
    """Length of the LDAP message at the start of the buffer (RFC 4511, 5.1); null: incomplete, 0: not LDAP."""
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


DIALOGUES: Final[dict[str, tuple[Callable[[DialogueState], Dialogue], str, bytes]]] = {
    "smtp": (smtp, "line", b"QUIT\r\n"),
    "lmtp": (lmtp, "line", b"QUIT\r\n"),
    "imap": (imap, "line", b"a3 LOGOUT\r\n"),
    "pop3": (pop3, "line", b"QUIT\r\n"),
    "sieve": (sieve, "line", b"LOGOUT\r\n"),
    "ftp": (ftp, "line", b"QUIT\r\n"),
    "ldap": (ldap, "message", b"\x30\x05\x02\x01\x02\x42\x00"),
    "postgres": (postgres, "byte", b""),
    "nntp": (nntp, "line", b"QUIT\r\n"),
    "irc": (irc, "line", b"QUIT\r\n"),
    "xmpp": (xmpp, "byte", b"</stream:stream>"),
    "xmpp-server": (xmpp_server, "byte", b"</stream:stream>"),
    "mysql": (mysql, "byte", b""),
    "rdp": (rdp, "byte", b""),
}
"""Scheme → dialogue, its unit, and the command that ends the session without TLS (QUIT)."""
