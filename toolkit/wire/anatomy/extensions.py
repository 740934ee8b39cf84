"""Extensions of handshake messages taken apart (RFC 8446, section 4.2), by the message in which they stand.

Contract: as in `anatomy`; an extension that is not known here is one field named `data`.
"""

from collections.abc import Callable, Mapping
from typing import Final

from toolkit.wire.anatomy import names
from toolkit.wire.anatomy.fields import Pen

Readers = Mapping[int, Callable[[Pen], None]]


def extensions(pen: Pen, readers: Readers) -> None:
    """The list, to the end of what the pen is bounded to."""
    with pen.within("extensions", 2):
        while not pen.is_at_end():
            code = int.from_bytes(pen.data[pen.at : pen.at + 2])
            name, section = names.extension(code)
            with pen.inside(name, section):
                pen.number("extension_type", 2, name)
                with pen.bounded(pen.length("extension_data", 2)):
                    readers.get(code, _data)(pen)


def _data(pen: Pen) -> None:
    pen.rest("data")


def numbered(pen: Pen, entry: Callable[[str], object]) -> None:
    """Entries up to the bound, each told its place."""
    place = 0
    while not pen.is_at_end():
        entry(str(place))
        place += 1


def _list(name: str, size: int, width: int, meaning: Callable[[int], str]) -> Callable[[Pen], None]:
    """A vector of numbers."""

    def read(pen: Pen) -> None:
        with pen.within(name, size):
            numbered(pen, lambda place: pen.number(place, width, meaning))

    return read


def _names_of_server(pen: Pen) -> None:
    if pen.is_at_end():  # the server's acknowledgement
        return
    with pen.within("server_name_list", 2):
        while not pen.is_at_end():
            pen.number("name_type", 1, lambda code: "host_name" if code == 0 else "unknown type")
            pen.vector("host_name", 2, as_text)


def as_text(value: bytes) -> str:
    """What a client or a server meant as text."""
    return value.decode("utf-8", "backslashreplace")


def _status_request(pen: Pen) -> None:
    if pen.is_at_end():
        return
    pen.number("status_type", 1, lambda code: "ocsp" if code == 1 else "unknown type")
    pen.vector("responder_id_list", 2)
    pen.vector("request_extensions", 2)


def _protocols(pen: Pen) -> None:
    with pen.within("protocol_name_list", 2):
        numbered(pen, lambda place: pen.vector(place, 1, as_text))


def _client_shares(pen: Pen) -> None:
    with pen.within("client_shares", 2):
        numbered(pen, lambda place: _share(pen, place))


def _share(pen: Pen, place: str) -> None:
    with pen.inside(place):
        _server_share(pen)


def _server_share(pen: Pen) -> None:
    pen.number("group", 2, names.group)
    pen.vector("key_exchange", 2)


def _selected_group(pen: Pen) -> None:
    pen.number("selected_group", 2, names.group)


def _selected_version(pen: Pen) -> None:
    pen.number("selected_version", 2, names.version)


def _cookie(pen: Pen) -> None:
    pen.vector("cookie", 2)


def _renegotiation(pen: Pen) -> None:
    pen.vector("renegotiated_connection", 1)


def _point_format(code: int) -> str:
    formats = {0: "uncompressed", 1: "ansiX962_compressed_prime", 2: "ansiX962_compressed_char2"}
    return formats.get(code, "unknown format")


def _psk_mode(code: int) -> str:
    return {0: "psk_ke", 1: "psk_dhe_ke"}.get(code, "unknown mode")


def certificate_status(pen: Pen) -> None:
    """RFC 6066, 8: a message of its own before TLS 1.3, an extension of each certificate since."""
    pen.number("status_type", 1, lambda code: {1: "ocsp", 2: "ocsp_multi"}.get(code, "unknown type"))
    pen.vector("response", 3, lambda der: f"an OCSP response: {len(der)} bytes of DER")


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
