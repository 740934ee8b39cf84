"""The dialogues before and in TLS: small servers for SMTP, IMAP, POP3 and HTTP, sufficient for a client to continue.

They accept no mail and no login. What a client sent after its STARTTLS and before the handshake is thrown away
(RFC 3207, section 4.2; RFC 9051, section 11.2).
"""

from collections.abc import Callable, Iterator
from typing import Final, Protocol

_LONGEST: Final = 2000
_MOST_LINES: Final = 200
"""Most bytes of a line, and most lines of a dialogue."""

_GO_ON, _UPGRADE, _LEAVE = range(3)

Reply = tuple[bytes, int]


class Stream(Protocol):
    """A connection, in plain text or through TLS."""

    def recv(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""
        ...

    def sendall(self, data: bytes, /) -> object:
        """Send everything."""
        ...

    def close(self) -> object:
        """End the connection."""
        ...


def converse(scheme: str, host: str, stream: Stream, *, is_secure: bool, is_upgraded: bool = False) -> bool:
    """Serve the dialogue until the client leaves (False) or asks for TLS (True).

    No upgrade is offered through TLS. After an upgrade there is no second greeting, and HTTP has no greeting.
    """
    if _protocol(scheme) not in _REPLIES:
        _serve_page(stream)
        return False
    if not is_upgraded:
        greet(scheme, host, stream)
    reply = _REPLIES[_protocol(scheme)][1]
    for line in _lines(stream):
        answer, then = reply(line, is_secure)
        stream.sendall(answer.replace(b"HOST", host.encode()))
        if then != _GO_ON:
            return then == _UPGRADE
    return False


def greet(scheme: str, host: str, stream: Stream) -> None:
    """Send the greeting of the protocol."""
    stream.sendall(_REPLIES[_protocol(scheme)][0].replace(b"HOST", host.encode()))


def _protocol(scheme: str) -> str:
    return scheme.removesuffix("s")


def _smtp(line: bytes, is_secure: bool) -> Reply:
    # RFC 5321; the extension STARTTLS: RFC 3207.
    verb = _word(line, 0)
    if verb == b"EHLO":
        return b"250-HOST lab\r\n" + (b"" if is_secure else b"250-STARTTLS\r\n") + b"250 8BITMIME\r\n", _GO_ON
    if verb == b"STARTTLS" and not is_secure:
        return b"220 2.0.0 go ahead\r\n", _UPGRADE
    if verb == b"QUIT":
        return b"221 2.0.0 bye\r\n", _LEAVE
    if verb in {b"HELO", b"NOOP", b"RSET"}:
        return b"250 HOST\r\n", _GO_ON
    if verb in {b"MAIL", b"RCPT", b"DATA"}:
        return b"550 5.7.1 a lab takes no mail\r\n", _GO_ON
    return b"502 5.5.1 not known here\r\n", _GO_ON


def _imap(line: bytes, is_secure: bool) -> Reply:
    # RFC 9051, sections 6.1 and 6.2.1.
    tag, verb = line.split(b" ", 1)[0][:40] or b"*", _word(line, 1)
    if verb == b"CAPABILITY":
        listed = b"" if is_secure else b" STARTTLS LOGINDISABLED"
        return b"* CAPABILITY IMAP4rev1" + listed + b"\r\n" + tag + b" OK done\r\n", _GO_ON
    if verb == b"STARTTLS" and not is_secure:
        return tag + b" OK go ahead\r\n", _UPGRADE
    if verb == b"LOGOUT":
        return b"* BYE lab\r\n" + tag + b" OK done\r\n", _LEAVE
    return tag + (b" OK done\r\n" if verb == b"NOOP" else b" NO the lab accepts no login\r\n"), _GO_ON


def _pop3(line: bytes, is_secure: bool) -> Reply:
    # RFC 1939; CAPA: RFC 2449; STLS: RFC 2595.
    verb = _word(line, 0)
    if verb == b"CAPA":
        return b"+OK\r\n" + (b"" if is_secure else b"STLS\r\n") + b"USER\r\n.\r\n", _GO_ON
    if verb == b"STLS" and not is_secure:
        return b"+OK go ahead\r\n", _UPGRADE
    if verb == b"QUIT":
        return b"+OK bye\r\n", _LEAVE
    return b"-ERR the lab accepts no login\r\n", _GO_ON


_REPLIES: Final[dict[str, tuple[bytes, Callable[[bytes, bool], Reply]]]] = {
    "smtp": (b"220 HOST ESMTP lab\r\n", _smtp),
    "imap": (b"* OK HOST IMAP4rev1 lab\r\n", _imap),
    "pop3": (b"+OK HOST lab\r\n", _pop3),
}


def _serve_page(stream: Stream) -> None:
    """Answer one request with one page; the connection ends after it (RFC 9112, section 9.6)."""
    for line in _lines(stream):
        if not line:
            page = b"This is a lab.\n"
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(page)}\r\n"
            stream.sendall(head.encode() + b"Connection: close\r\n\r\n" + page)
            return


def _lines(stream: Stream) -> Iterator[bytes]:
    """Lines without their ends, until a line or the dialogue is too long."""
    buffer = b""
    for _ in range(_MOST_LINES):
        while b"\n" not in buffer:
            received = stream.recv(4096)
            if not received or len(buffer) > _LONGEST:
                return
            buffer += received
        line, _, buffer = buffer.partition(b"\n")
        yield line.rstrip(b"\r")


def _word(line: bytes, place: int) -> bytes:
    words = line.split()
    return words[place].upper() if place < len(words) else b""
