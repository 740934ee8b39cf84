"""The fields of extensions (RFC 8446, section 4.2), by the message that contains them.

Contract: as in `messages`; an unknown extension is one field named `data`.
"""

from collections.abc import Callable, Mapping
from typing import Final

from toolkit.wire.anatomy import names
from toolkit.wire.anatomy.fields import FieldReader

Readers = Mapping[int, Callable[[FieldReader], None]]


def extensions(reader: FieldReader, readers: Readers) -> None:
    """The list of extensions."""
    with reader.within("extensions", 2):
        while not reader.is_at_end():
            code = int.from_bytes(reader.data[reader.at : reader.at + 2])
            name, section = names.extension(code)
            with reader.inside(name, section):
                reader.number("extension_type", 2, name)
                with reader.bounded(reader.length("extension_data", 2)):
                    readers.get(code, _data)(reader)


def _data(reader: FieldReader) -> None:
    reader.rest("data")


def numbered(reader: FieldReader, entry: Callable[[str], object]) -> None:
    """Entries up to the limit; `entry` gets the index of each as its name."""
    place = 0
    while not reader.is_at_end():
        entry(str(place))
        place += 1


def _list(name: str, size: int, width: int, meaning: Callable[[int], str]) -> Callable[[FieldReader], None]:
    """A vector of numbers."""

    def read(reader: FieldReader) -> None:
        with reader.within(name, size):
            numbered(reader, lambda place: reader.number(place, width, meaning))

    return read


def _names_of_server(reader: FieldReader) -> None:
    if reader.is_at_end():  # the server's acknowledgement
        return
    with reader.within("server_name_list", 2):
        while not reader.is_at_end():
            reader.number("name_type", 1, lambda code: "host_name" if code == 0 else "unknown type")
            reader.vector("host_name", 2, as_text)


def as_text(value: bytes) -> str:
    """The bytes as text; bytes that are not UTF-8 are escaped."""
    return value.decode("utf-8", "backslashreplace")


def _status_request(reader: FieldReader) -> None:
    if reader.is_at_end():
        return
    reader.number("status_type", 1, lambda code: "ocsp" if code == 1 else "unknown type")
    reader.vector("responder_id_list", 2)
    reader.vector("request_extensions", 2)


def _protocols(reader: FieldReader) -> None:
    with reader.within("protocol_name_list", 2):
        numbered(reader, lambda place: reader.vector(place, 1, as_text))


def _client_shares(reader: FieldReader) -> None:
    with reader.within("client_shares", 2):
        numbered(reader, lambda place: _share(reader, place))


def _share(reader: FieldReader, place: str) -> None:
    with reader.inside(place):
        _server_share(reader)


def _server_share(reader: FieldReader) -> None:
    reader.number("group", 2, names.group)
    reader.vector("key_exchange", 2)


def _selected_group(reader: FieldReader) -> None:
    reader.number("selected_group", 2, names.group)


def _selected_version(reader: FieldReader) -> None:
    reader.number("selected_version", 2, names.version)


def _cookie(reader: FieldReader) -> None:
    reader.vector("cookie", 2)


def _renegotiation(reader: FieldReader) -> None:
    reader.vector("renegotiated_connection", 1)


def _point_format(code: int) -> str:
    formats = {0: "uncompressed", 1: "ansiX962_compressed_prime", 2: "ansiX962_compressed_char2"}
    return formats.get(code, "unknown format")


def _psk_mode(code: int) -> str:
    return {0: "psk_ke", 1: "psk_dhe_ke"}.get(code, "unknown mode")


def certificate_status(reader: FieldReader) -> None:
    """RFC 6066, 8: a message of its own before TLS 1.3, an extension of each certificate since."""
    reader.number("status_type", 1, lambda code: {1: "ocsp", 2: "ocsp_multi"}.get(code, "unknown type"))
    reader.vector("response", 3, lambda der: f"an OCSP response: {len(der)} bytes of DER")


_schemes = _list("supported_signature_algorithms", 2, 2, names.scheme)
_formats = _list("ec_point_format_list", 1, 1, _point_format)

OF_CLIENT: Final[Readers] = {
    0: _names_of_server,
    5: _status_request,
    10: _list("named_group_list", 2, 2, names.group),
    11: _formats,
    13: _schemes,
    16: _protocols,
    43: _list("versions", 1, 2, names.version),
    44: _cookie,
    45: _list("ke_modes", 1, 1, _psk_mode),
    50: _schemes,
    51: _client_shares,
    0xFF01: _renegotiation,
}
OF_SERVER: Final[Readers] = {
    0: _names_of_server,
    10: _list("named_group_list", 2, 2, names.group),
    11: _formats,
    16: _protocols,
    43: _selected_version,
    51: _server_share,
    0xFF01: _renegotiation,
}
OF_RETRY: Final[Readers] = {43: _selected_version, 44: _cookie, 51: _selected_group}
OF_CERTIFICATE: Final[Readers] = {5: certificate_status}
