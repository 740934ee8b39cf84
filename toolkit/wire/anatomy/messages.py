"""The fields of handshake messages (RFC 8446, section 4; RFC 5246, section 7.4; RFC 6101, section 5.6).

Contract: each function gets a reader limited to the body of one message and reads all of it, or raises
`MalformedError`. Where the format depends on earlier messages, the suite of the ServerHello decides (ServerKeyExchange,
CertificateRequest); without one, and for a Certificate, the lengths decide.
"""

from collections.abc import Callable
from typing import Final

from toolkit.reference import Suite, suites
from toolkit.wire import messages
from toolkit.wire.anatomy import names
from toolkit.wire.anatomy.extensions import (
    OF_CERTIFICATE,
    OF_CLIENT,
    OF_RETRY,
    OF_SERVER,
    as_text,
    certificate_status,
    extensions,
    numbered,
)
from toolkit.wire.anatomy.fields import FieldReader
from toolkit.wire.cursor import MalformedError

_SECTIONS: Final = {
    messages.HELLO_REQUEST: "RFC 5246, 7.4.1.1",
    1: "RFC 8446, 4.1.2; RFC 5246, 7.4.1.2",
    messages.SERVER_HELLO: "RFC 8446, 4.1.3; RFC 5246, 7.4.1.3",
    4: "RFC 8446, 4.6.1; RFC 5077, 3.3",
    messages.ENCRYPTED_EXTENSIONS: "RFC 8446, 4.3.1",
    messages.CERTIFICATE: "RFC 8446, 4.4.2; RFC 5246, 7.4.2",
    messages.SERVER_KEY_EXCHANGE: "RFC 5246, 7.4.3; RFC 8422, 5.4",
    messages.CERTIFICATE_REQUEST: "RFC 8446, 4.3.2; RFC 5246, 7.4.4",
    messages.SERVER_HELLO_DONE: "RFC 5246, 7.4.5",
    messages.CERTIFICATE_VERIFY: "RFC 8446, 4.4.3; RFC 5246, 7.4.8",
    16: "RFC 5246, 7.4.7; RFC 8422, 5.7",
    messages.FINISHED: "RFC 8446, 4.4.4; RFC 5246, 7.4.9",
    messages.CERTIFICATE_STATUS: "RFC 6066, 8",
    24: "RFC 8446, 4.6.3",
    25: "RFC 8879, 4",
}


def read_message(reader: FieldReader) -> None:
    """One handshake message, header included."""
    kind = reader.data[reader.at] if not reader.is_at_end() else 0
    name = messages.name(kind)
    with reader.inside(name, _SECTIONS.get(kind, "RFC 8446, 4")):
        reader.number("msg_type", 1, name)
        with reader.bounded(reader.length(name="body", size=3)):
            _READERS.get(kind, _opaque)(reader)


def _opaque(reader: FieldReader) -> None:
    reader.rest("body")


def _client_hello(reader: FieldReader) -> None:
    reader.number("client_version", 2, _legacy)
    reader.take("random", 32)
    reader.vector("session_id", 1)
    with reader.within("cipher_suites", 2):
        numbered(reader, lambda name: reader.number(name, 2, names.suite))
    with reader.within("compression_methods", 1):
        numbered(reader, lambda name: reader.number(name, 1, _compression))
    if not reader.is_at_end():
        extensions(reader, OF_CLIENT)


def _server_hello(reader: FieldReader) -> None:
    reader.number("server_version", 2, _legacy)
    retry = reader.take("random", 32, _server_random) == messages.RETRY_RANDOM
    reader.vector("session_id", 1)
    reader.suite = reader.number("cipher_suite", 2, names.suite)
    reader.number("compression_method", 1, _compression)
    if not reader.is_at_end():
        extensions(reader, OF_RETRY if retry else OF_SERVER)


def _server_random(random: bytes) -> str:
    if random == messages.RETRY_RANDOM:
        return "the random of a HelloRetryRequest"
    marks = {b"DOWNGRD\x01": "TLS 1.3", b"DOWNGRD\x00": "TLS 1.2"}
    return f"ends in a downgrade mark: the server supports {marks[random[24:]]}" if random[24:] in marks else ""


def _legacy(code: int) -> str:
    return f"{names.version(code)}, or newer by extension" if code == 0x0303 else names.version(code)


def _compression(code: int) -> str:
    return {0: "null", 1: "DEFLATE (RFC 3749)", 64: "LZS (RFC 3943)"}.get(code, "unknown compression")


def _certificate(reader: FieldReader) -> None:
    """TLS 1.3 has a context before the list and extensions after each certificate."""
    left = reader.data[reader.at : reader.end]
    is_old = len(left) >= 3 and int.from_bytes(left[:3]) == len(left) - 3
    if not is_old:
        reader.vector("certificate_request_context", 1)
    with reader.within("certificate_list", 3):
        numbered(reader, lambda place: _entry(reader, place, is_old=is_old))


def _entry(reader: FieldReader, place: str, *, is_old: bool) -> None:
    what = "the leaf" if place == "0" else "an issuer, as served"
    with reader.inside(place):
        reader.vector("certificate", 3, lambda der: f"{what}: {len(der)} bytes of DER")
        if not is_old:
            extensions(reader, OF_CERTIFICATE)


def _server_key_exchange(reader: FieldReader) -> None:
    body = reader.data[reader.at : reader.end]
    suite = _chosen(reader)
    forms = (_curve, _finite_field, _temporary_rsa) if suite is None else _FORMS.get(suite.key_exchange, ())
    for form in forms:
        if _reads_whole(form, body):
            form(reader)
            return
    reader.rest("body", "of an unknown format")


def _chosen(reader: FieldReader) -> Suite | None:
    """The suite of the ServerHello before; None: none was read, or it is not known."""
    return None if reader.suite is None else suites().get(reader.suite)


def _reads_whole(form: Callable[[FieldReader], None], body: bytes) -> bool:
    """Whether the form fits to the last byte."""
    trial = FieldReader(body)
    try:
        form(trial)
    except MalformedError:
        return False
    return trial.is_at_end() and not any(field.name.endswith("unread") for field in trial.fields)


def _curve(reader: FieldReader) -> None:
    with reader.inside("params", "RFC 8422, 5.4"):
        if reader.number("curve_type", 1, "named_curve") != 3:
            raise MalformedError("not a named curve")
        reader.number("namedcurve", 2, names.group)
        reader.vector("public", 1)
    _signature(reader)


def _finite_field(reader: FieldReader) -> None:
    with reader.inside("params", "RFC 5246, 7.4.3"):
        reader.vector("dh_p", 2, lambda prime: f"a prime of {int.from_bytes(prime).bit_length()} bits")
        reader.vector("dh_g", 2, lambda value: f"generator {int.from_bytes(value)}" if len(value) < 9 else "")
        reader.vector("dh_Ys", 2)
    _signature(reader)


def _temporary_rsa(reader: FieldReader) -> None:
    with reader.inside("params", "RFC 2246, 7.4.3"):
        reader.vector("rsa_modulus", 2, lambda modulus: f"{int.from_bytes(modulus).bit_length()} bits")
        reader.vector("rsa_exponent", 2)
    _signature(reader)


def _hint(reader: FieldReader) -> None:
    with reader.inside("params", "RFC 4279, 2"):
        reader.vector("psk_identity_hint", 2, as_text)


def _hint_and_finite_field(reader: FieldReader) -> None:
    _hint(reader)
    _finite_field(reader)


def _hint_and_curve(reader: FieldReader) -> None:
    _hint(reader)
    _curve(reader)


def _remote_password(reader: FieldReader) -> None:
    with reader.inside("params", "RFC 5054, 2.5.3"):
        reader.vector("srp_N", 2, lambda prime: f"a prime of {int.from_bytes(prime).bit_length()} bits")
        reader.vector("srp_g", 2)
        reader.vector("srp_s", 1, "the salt")
        reader.vector("srp_B", 2)
    _signature(reader)


_FORMS: Final[dict[str, tuple[Callable[[FieldReader], None], ...]]] = {
    "ECDHE": (_curve,),
    "DHE": (_finite_field,),
    "DHE_EXPORT": (_finite_field,),
    "DHE_EXPORT1024": (_finite_field,),
    "RSA_EXPORT": (_temporary_rsa,),
    "RSA_EXPORT1024": (_temporary_rsa,),
    "PSK": (_hint,),
    "RSA_PSK": (_hint,),
    "DHE_PSK": (_hint_and_finite_field,),
    "ECDHE_PSK": (_hint_and_curve,),
    "SRP": (_remote_password,),
}
"""By the key exchange of the suite chosen; others have no ServerKeyExchange, or one of a form not known here."""


def _signature(reader: FieldReader) -> None:
    """None where the key exchange is anonymous."""
    if not reader.is_at_end():
        is_old = _lacks_scheme(reader)
        with reader.inside("signed_params", f"RFC {2246 if is_old else 5246}, 4.7 and 7.4.3"):
            _signed(reader, is_old=is_old)


def _lacks_scheme(reader: FieldReader) -> bool:
    """Whether the signature has no scheme in front of it, as before TLS 1.2."""
    left = reader.data[reader.at : reader.end]
    return len(left) < 4 or int.from_bytes(left[2:4]) != len(left) - 4


def _signed(reader: FieldReader, *, is_old: bool) -> None:
    if not is_old:
        reader.number("algorithm", 2, names.scheme)
    reader.vector("signature", 2)


def _certificate_request(reader: FieldReader) -> None:
    suite = _chosen(reader)
    if suite is None:
        is_new = _reads_whole(_certificate_request_13, reader.data[reader.at : reader.end])
    else:
        is_new = "TLS 1.3" in suite.versions
    if is_new:
        _certificate_request_13(reader)
        return
    with reader.within("certificate_types", 1):
        kinds = {1: "rsa_sign", 2: "dss_sign", 3: "rsa_fixed_dh", 4: "dss_fixed_dh", 64: "ecdsa_sign"}
        numbered(reader, lambda name: reader.number(name, 1, lambda code: kinds.get(code, "unknown type")))
    size = reader.end - reader.at
    if size >= 2 and int.from_bytes(reader.data[reader.at : reader.at + 2]) != size - 2:
        with reader.within("supported_signature_algorithms", 2):
            numbered(reader, lambda name: reader.number(name, 2, names.scheme))
    with reader.within("certificate_authorities", 2):
        numbered(reader, lambda name: reader.vector(name, 2, "a distinguished name, DER"))


def _certificate_request_13(reader: FieldReader) -> None:
    reader.vector("certificate_request_context", 1)
    if reader.end - reader.at == 2:  # else a request of TLS 1.0 that names no authority would fit
        raise MalformedError("the extension signature_algorithms is due")
    extensions(reader, OF_CLIENT)


def _certificate_verify(reader: FieldReader) -> None:
    _signed(reader, is_old=_lacks_scheme(reader))


def _new_session_ticket(reader: FieldReader) -> None:
    reader.number("ticket_lifetime", 4, lambda seconds: f"{seconds} s")
    size = reader.end - reader.at
    if size >= 2 and int.from_bytes(reader.data[reader.at : reader.at + 2]) == size - 2:
        reader.vector("ticket", 2)
        return
    reader.number("ticket_age_add", 4)
    reader.vector("ticket_nonce", 1)
    reader.vector("ticket", 2)
    extensions(reader, {})


def _encrypted_extensions(reader: FieldReader) -> None:
    extensions(reader, OF_SERVER)


_READERS: Final[dict[int, Callable[[FieldReader], None]]] = {
    1: _client_hello,
    messages.SERVER_HELLO: _server_hello,
    4: _new_session_ticket,
    messages.ENCRYPTED_EXTENSIONS: _encrypted_extensions,
    messages.CERTIFICATE: _certificate,
    messages.SERVER_KEY_EXCHANGE: _server_key_exchange,
    messages.CERTIFICATE_REQUEST: _certificate_request,
    messages.CERTIFICATE_VERIFY: _certificate_verify,
    messages.CERTIFICATE_STATUS: certificate_status,
}
