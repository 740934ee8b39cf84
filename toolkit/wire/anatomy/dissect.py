"""The fields of a TLS message, or of a stream of records.

Contract: the fields cover every byte exactly once, in order, so their values joined are the input. No input raises an
error: bytes that cannot be read are a field named `unread`, and its meaning says why.

A message fragmented into several records is read as one. A field that crosses a record boundary becomes two fields; the
name of the second ends in `(continued)`.
"""

from collections.abc import Callable
from typing import Final

from toolkit.wire import alerts, messages
from toolkit.wire.anatomy import names
from toolkit.wire.anatomy.fields import Field, FieldReader
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

Span = tuple[int, int]
"""Start and end, as offsets in the input."""


def dissect(data: bytes) -> tuple[Field, ...]:
    """The fields of records, of bare handshake messages, or of an SSL 2.0 hello; the first bytes decide which."""
    if len(data) > 2 and data[0] in _KINDS and data[1] == 3:
        return tuple(_read_records(data))
    reader = FieldReader(data)
    if len(data) > 2 and data[0] & 0x80 and data[2] in {1, 4}:
        _attempt(reader, _read_old)
    elif data[:1] and data[0] in messages.NAMES:
        _attempt(reader, _read_messages)
    reader.add_unread("neither a record nor a handshake message")
    return tuple(reader.fields)


def _attempt(reader: FieldReader, read: Callable[[FieldReader], None]) -> None:
    end = reader.end
    try:
        read(reader)
    except MalformedError as error:
        reader.reset()
        reader.end = end
        reader.add_unread(str(error))


def _read_messages(reader: FieldReader) -> None:
    while not reader.is_at_end():
        read_message(reader)


def _read_records(data: bytes) -> list[Field]:
    reader = FieldReader(data)
    messages_at: list[Span] = []  # the cleartext handshake messages, whose fields are added when all are complete
    is_encrypted = False
    while not reader.is_at_end():
        try:
            kind, size = _read_header(reader)
        except MalformedError as error:
            reader.reset()
            reader.add_unread(str(error))
            break
        content = data[reader.at : reader.at + size]
        if kind == HANDSHAKE and (not is_encrypted or _is_hello(content)):
            messages_at.append((reader.at, reader.at + len(content)))
            reader.at += len(content)
            continue
        is_encrypted |= kind == CHANGE_CIPHER_SPEC
        with reader.inside(_KINDS[kind], _RECORD):
            _read_content(reader, kind, content, is_encrypted=is_encrypted and kind != CHANGE_CIPHER_SPEC)
    return sorted(reader.fields + _placed(data, messages_at), key=lambda field: field.offset)


def _read_header(reader: FieldReader) -> tuple[int, int]:
    with reader.inside("record", _RECORD):
        if reader.end - reader.at < 5 or reader.data[reader.at] not in _KINDS:
            raise MalformedError("not a record")
        kind = reader.number("type", 1, lambda code: _KINDS[code])
        reader.number("version", 2, names.version)
        return kind, reader.length("fragment", 2)


def _read_content(reader: FieldReader, kind: int, content: bytes, *, is_encrypted: bool) -> None:
    if is_encrypted or kind == APPLICATION_DATA:
        reader.take("encrypted", len(content), "encrypted")
    elif kind == ALERT and len(content) == 2:
        reader.number("level", 1, lambda code: {alerts.WARNING: "warning", alerts.FATAL: "fatal"}.get(code, "unknown"))
        reader.number("description", 1, lambda code: alerts.NAMES.get(code, "unassigned"))
    elif kind == CHANGE_CIPHER_SPEC and content == b"\x01":
        reader.number("type", 1, "change_cipher_spec")
    else:
        reader.take("unread", len(content), "of an unknown format")


def _is_hello(content: bytes) -> bool:
    """After ChangeCipherSpec only the hellos of TLS 1.3 are still cleartext (RFC 8446, D.4)."""
    is_whole = len(content) > 6 and int.from_bytes(content[1:4]) == len(content) - 4
    return is_whole and content[0] in {1, messages.SERVER_HELLO} and content[4:6] == b"\x03\x03"


def _placed(data: bytes, messages_at: list[Span]) -> list[Field]:
    """The fields of the messages, at their offsets in the stream."""
    reader = FieldReader(b"".join(data[start:end] for start, end in messages_at))
    _attempt(reader, _read_messages)
    placed: list[Field] = []
    spans = iter(messages_at)
    start, end = next(spans, (0, 0))
    before = 0  # bytes of the messages in the records before this one
    for field in reader.fields:
        done = 0
        while done < field.length:
            at = field.offset + done - before
            if start + at >= end:
                before += end - start
                start, end = next(spans)
                continue
            size = min(field.length - done, end - start - at)
            name = field.name if done == 0 else f"{field.name} (continued)"
            value = field.value[2 * done : 2 * (done + size)]
            placed.append(Field(start + at, size, name, value, field.meaning, field.section))
            done += size
    return placed


def _read_old(reader: FieldReader) -> None:
    """SSL 2.0 (draft-hickman-netscape-ssl-00; RFC 6101, E.1)."""
    with reader.inside("record", "RFC 6101, E.1"):
        size = reader.number("length", 2, lambda value: f"{value & 0x7FFF} bytes follow") & 0x7FFF
    is_client = reader.data[reader.at] == 1
    with reader.inside("CLIENT-HELLO" if is_client else "SERVER-HELLO", "RFC 6101, E.1"), reader.bounded(size):
        reader.number("msg_type", 1, "CLIENT-HELLO" if is_client else "SERVER-HELLO")
        if not is_client:
            reader.number("session_id_hit", 1)
            reader.number("certificate_type", 1, lambda code: "X.509" if code == 1 else "unknown type")
        reader.number("version", 2, names.version)
        if is_client:
            listed, other, last = (
                reader.number(f"{part}_length", 2) for part in ("cipher_specs", "session_id", "challenge")
            )
            _read_kinds(reader, listed)
            reader.take("session_id", other)
            reader.take("challenge", last)
        else:
            first, listed, last = (
                reader.number(f"{part}_length", 2) for part in ("certificate", "cipher_specs", "connection_id")
            )
            reader.take("certificate", first, f"{first} bytes of DER")
            _read_kinds(reader, listed)
            reader.take("connection_id", last)


def _read_kinds(reader: FieldReader, size: int) -> None:
    with reader.inside("cipher_specs"), reader.bounded(size):
        place = 0
        while reader.end - reader.at >= 3:
            reader.number(str(place), 3, names.suite)
            place += 1
