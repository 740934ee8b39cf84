"""SSL 2.0: the CLIENT-HELLO and the server's answer (draft-hickman-netscape-ssl-00; RFC 6101, appendix E).

Contract: `client_hello` makes the hello, `parse_answer` reads one answer. The handshake goes no further: SSL 2.0 has no
signature, and the client would choose the cipher.
"""

from dataclasses import dataclass
from typing import Final

from toolkit.wire.cursor import Cursor, MalformedError

_ERROR, _CLIENT_HELLO, _SERVER_HELLO = 0, 1, 4
_ERRORS: Final = {1: "no cipher in common", 2: "no certificate", 4: "bad certificate", 6: "unsupported certificate"}


@dataclass(frozen=True, slots=True)
class OldServerHello:
    """The certificate, and the cipher kinds (24 bit codes) that the server lists."""

    chain: tuple[bytes, ...]
    suites: tuple[int, ...]


def client_hello(suites: tuple[int, ...], challenge: bytes) -> bytes:
    """The CLIENT-HELLO with its record header. Raises `OverflowError` where a number or the list does not fit."""
    listed = b"".join(code.to_bytes(3) for code in suites)
    sizes = len(listed).to_bytes(2) + bytes(2) + len(challenge).to_bytes(2)
    message = bytes((_CLIENT_HELLO, 0, 2)) + sizes + listed + challenge
    return (0x8000 + len(message)).to_bytes(2) + message


def is_record(first: int) -> bool:
    """Whether a stream with this first byte can be SSL 2.0: cleartext has no padding, so the header has two bytes."""
    return first >= 0x80


def parse_answer(data: bytes | bytearray) -> OldServerHello | str | None:
    """The SERVER-HELLO, or the text of an ERROR; None until it is complete."""
    if len(data) < 2:
        return None
    size = (data[0] & 0x7F) << 8 | data[1]
    if len(data) < 2 + size:
        return None
    cursor = Cursor(bytes(data[2 : 2 + size]), "the SERVER-HELLO")
    kind = cursor.number(1)
    if kind == _ERROR:
        code = cursor.number(2)
        return f"SSL 2.0 error {code} ({_ERRORS.get(code, 'unknown')})"
    if kind != _SERVER_HELLO:
        raise MalformedError(f"an SSL 2.0 message of type {kind} where the SERVER-HELLO was due")
    cursor.number(1)  # whether a session was resumed: none was offered
    cursor.number(1)  # certificate type: X.509
    if (version := cursor.number(2)) != 2:
        raise MalformedError(f"the SERVER-HELLO has version 0x{version:04x}")
    certificate_size, listed_size, connection_size = (cursor.number(2) for _ in range(3))
    certificate, listed = cursor.take(certificate_size), cursor.take(listed_size)
    cursor.take(connection_size)
    cursor.finish()
    if listed_size % 3:
        raise MalformedError("the SERVER-HELLO lists broken cipher kinds")
    kinds = tuple(int.from_bytes(listed[at : at + 3]) for at in range(0, listed_size, 3))
    return OldServerHello((certificate,) if certificate else (), kinds)
