"""A TLS message, or a stream of records, taken apart into fields.

Contract: the fields cover every byte exactly once, in order, so that their values put together are the bytes again.
Nothing raises for what the bytes are: what cannot be read is a field named `unread`, and its meaning says why.

A message that is cut into several records is read as one; a field that crosses from one record to the next is two
fields, the second with `(continued)` behind its name.
"""

from collections.abc import Callable
from typing import Final

from toolkit.wire import alerts, messages
from toolkit.wire.anatomy import names
from toolkit.wire.anatomy.fields import Field, Pen
from toolkit.wire.anatomy.messages import read_message
from toolkit.wire.cursor import MalformedError
from toolkit.wire.records import ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE

_KINDS: Final = {
    CHANGE_CIPHER_SPEC: "change_cipher_spec",
    ALERT: "alert",
    HANDSHAKE: "handshake",
    APPLICATION_DATA: "application_data",
}
_RECORD: Final = "RFC 8446, 5.1; RFC 5246, 6.2.1"

Stretch = tuple[int, int]
"""Start and end, in the bytes given."""


def dissect(data: bytes) -> tuple[Field, ...]:
    """The fields of records, of bare handshake messages, or of an SSL 2.0 hello, whichever the first bytes are."""
    if len(data) > 2 and data[0] in _KINDS and data[1] == 3:
        return tuple(_read_records(data))
    pen = Pen(data)
    if len(data) > 2 and data[0] & 0x80 and data[2] in {1, 4}:
        _attempt(pen, _read_old)
    elif data[:1] and data[0] in messages.NAMES:
        _attempt(pen, _read_messages)
    pen.leave("neither a record nor a handshake message")
    return tuple(pen.fields)


def _attempt(pen: Pen, read: Callable[[Pen], None]) -> None:
    end = pen.end
    try:
        read(pen)
    except MalformedError as error:
        pen.forget()
        pen.end = end
        pen.leave(str(error))


def _read_messages(pen: Pen) -> None:
    while not pen.is_at_end():
        read_message(pen)


def _read_records(data: bytes) -> list[Field]:
    pen = Pen(data)
    said: list[Stretch] = []  # the handshake messages in clear text, whose fields are written when all is together
    is_encrypted = False
    while not pen.is_at_end():
        try:
            kind, size = _read_header(pen)
        except MalformedError as error:
            pen.forget()
            pen.leave(str(error))
            break
        content = data[pen.at : pen.at + size]
        if kind == HANDSHAKE and (not is_encrypted or _is_hello(content)):
            said.append((pen.at, pen.at + len(content)))
            pen.at += len(content)
            continue
        is_encrypted |= kind == CHANGE_CIPHER_SPEC
        with pen.inside(_KINDS[kind], _RECORD):
            _read_content(pen, kind, content, is_encrypted=is_encrypted and kind != CHANGE_CIPHER_SPEC)
    return sorted(pen.fields + _placed(data, said), key=lambda field: field.offset)


def _read_header(pen: Pen) -> tuple[int, int]:
    with pen.inside("record", _RECORD):
        if pen.end - pen.at < 5 or pen.data[pen.at] not in _KINDS:
            raise MalformedError("not a record")
        kind = pen.number("type", 1, lambda code: _KINDS[code])
        pen.number("version", 2, names.version)
        return kind, pen.length("fragment", 2)


def _read_content(pen: Pen, kind: int, content: bytes, *, is_encrypted: bool) -> None:
    if is_encrypted or kind == APPLICATION_DATA:
        pen.take("encrypted", len(content), "encrypted")
    elif kind == ALERT and len(content) == 2:
        pen.number("level", 1, lambda code: {alerts.WARNING: "warning", alerts.FATAL: "fatal"}.get(code, "unknown"))
        pen.number("description", 1, lambda code: alerts.NAMES.get(code, "unassigned"))
    elif kind == CHANGE_CIPHER_SPEC and content == b"\x01":
        pen.number("type", 1, "change_cipher_spec")
    else:
        pen.take("unread", len(content), "of an unknown form")


def _is_hello(content: bytes) -> bool:
    """After ChangeCipherSpec only TLS 1.3's hellos are still in clear text (RFC 8446, D.4)."""
    is_whole = len(content) > 6 and int.from_bytes(content[1:4]) == len(content) - 4
    return is_whole and content[0] in {1, messages.SERVER_HELLO} and content[4:6] == b"\x03\x03"


def _placed(data: bytes, said: list[Stretch]) -> list[Field]:
    """The messages' fields, where they lie in the stream."""
    pen = Pen(b"".join(data[start:end] for start, end in said))
    _attempt(pen, _read_messages)
    placed: list[Field] = []
    stretches = iter(said)
    start, end = next(stretches, (0, 0))
    before = 0  # bytes of the messages in the records before this one
    for field in pen.fields:
        done = 0
        while done < field.length:
            at = field.offset + done - before
            if start + at >= end:
                before += end - start
                start, end = next(stretches)
                continue
            size = min(field.length - done, end - start - at)
            name = field.name if done == 0 else f"{field.name} (continued)"
            value = field.value[2 * done : 2 * (done + size)]
            placed.append(Field(start + at, size, name, value, field.meaning, field.section))
            done += size
    return placed


def _read_old(pen: Pen) -> None:
    """SSL 2.0 (draft-hickman-netscape-ssl-00; RFC 6101, E.1)."""
    with pen.inside("record", "RFC 6101, E.1"):
        size = pen.number("length", 2, lambda value: f"{value & 0x7FFF} bytes follow") & 0x7FFF
    is_client = pen.data[pen.at] == 1
    with pen.inside("CLIENT-HELLO" if is_client else "SERVER-HELLO", "RFC 6101, E.1"), pen.bounded(size):
        pen.number("msg_type", 1, "CLIENT-HELLO" if is_client else "SERVER-HELLO")
        if not is_client:
            pen.number("session_id_hit", 1)
            pen.number("certificate_type", 1, lambda code: "X.509" if code == 1 else "unknown type")
        pen.number("version", 2, names.version)
        if is_client:
            listed, other, last = (
                pen.number(f"{part}_length", 2) for part in ("cipher_specs", "session_id", "challenge")
            )
            _read_kinds(pen, listed)
            pen.take("session_id", other)
            pen.take("challenge", last)
        else:
            first, listed, last = (
                pen.number(f"{part}_length", 2) for part in ("certificate", "cipher_specs", "connection_id")
            )
            pen.take("certificate", first, f"{first} bytes of DER")
            _read_kinds(pen, listed)
            pen.take("connection_id", last)


def _read_kinds(pen: Pen, size: int) -> None:
    with pen.inside("cipher_specs"), pen.bounded(size):
        place = 0
        while pen.end - pen.at >= 3:
            pen.number(str(place), 3, names.suite)
            place += 1
