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
from typing import Final

from toolkit.wire.binary_dialogues import ldap, mysql, postgres, rdp
from toolkit.wire.dialogue_state import GO_AHEAD, Dialogue, DialogueState, Ending, shown

_REPLY: Final = re.compile(rb"[1-5]\d\d(?:[ -]|\Z)")
_CAPABILITIES: Final = re.compile(rb"(?:\A\* |\[)CAPABILITY ([^\]]*)")


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
        return GO_AHEAD
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
        return GO_AHEAD
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
    listed = {capability for found in lists if found for capability in found[1].split()}
    is_listed = b"STARTTLS" in listed
    if not is_listed:
        state.remark = "CAPABILITY did not list STARTTLS"
        if answer[0] != b"OK":
            state.remark += f" ({shown(lines[-1])})"
    if state.contact is not None and b"ID" in listed:
        line = yield _introduction(state.contact)
        # Whatever the server answers, the upgrade goes on, unless it ends the session.
        while (status := line.upper().split()[:2])[:1] != [b"I1"]:
            if status == [b"*", b"BYE"]:
                return state.refusal or _temporary_or_not(line)
            line = yield b""
    answer, lines = yield from _tagged(b"a2", b"STARTTLS")
    if answer[0] == b"OK":
        return GO_AHEAD
    return state.refusal or _refused(_temporary_or_not(lines[-1]), is_listed=is_listed or answer[0] == b"BYE")


def _introduction(contact: str) -> bytes:
    """RFC 2971, section 3.1: who asks, and how to reach them."""
    quoted = re.sub(r'(["\\])', r"\\\1", contact)
    return f'i1 ID ("name" "tls-toolkit" "support-url" "{quoted}")\r\n'.encode("ascii")


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
        return GO_AHEAD
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
        return GO_AHEAD
    return _refused(_temporary_or_not(answer), is_listed=is_listed or status != [b"NO"])


def nntp(state: DialogueState) -> Dialogue:
    """RFC 4642, section 2.2."""
    code, lines = yield from _reply(b"")
    if code not in {b"200", b"201"}:  # RFC 3977, 5.1.1: ready, with or without the right to post
        return _judge(code, lines, "NNTP")
    code, lines = yield from _reply(b"STARTTLS\r\n")
    is_known = code not in {b"500", b"502"}  # RFC 3977, 3.2.1: unknown command; not permitted, or TLS runs already
    return GO_AHEAD if code == b"382" else _refused(_judge(code, lines, "NNTP"), is_listed=is_known)


def irc(state: DialogueState) -> Dialogue:
    """The command STARTTLS of IRCv3 (specification `tls`), sent before anything else; notices may come first."""
    line = yield b"STARTTLS\r\n"
    while True:
        words = line.split()
        words = words[1:] if words and words[0].startswith(b":") else words
        command = words[0].upper() if words else b""
        if command == b"670":  # RPL_STARTTLS
            return GO_AHEAD
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
        return GO_AHEAD
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
