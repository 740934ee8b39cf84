"""Handshake messages taken apart (RFC 8446, section 4; RFC 5246, section 7.4; RFC 6101, section 5.6).

Contract: each reader is given a pen bounded to one message's body and reads all of it, or raises `MalformedError`.
Where a form depends on what was said before, the suite that a ServerHello chose tells it (ServerKeyExchange,
CertificateRequest), and where there is none, or for a Certificate, the lengths do.
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
from toolkit.wire.anatomy.fields import Pen
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


def read_message(pen: Pen) -> None:
    """One handshake message, header included."""
    kind = pen.data[pen.at] if not pen.is_at_end() else 0
    name = messages.name(kind)
    with pen.inside(name, _SECTIONS.get(kind, "RFC 8446, 4")):
        pen.number("msg_type", 1, name)
        with pen.bounded(pen.length(name="body", size=3)):
            _READERS.get(kind, _opaque)(pen)


def _opaque(pen: Pen) -> None:
    pen.rest("body")


def _client_hello(pen: Pen) -> None:
    pen.number("client_version", 2, _legacy)
    pen.take("random", 32)
    pen.vector("session_id", 1)
    with pen.within("cipher_suites", 2):
        numbered(pen, lambda name: pen.number(name, 2, names.suite))
    with pen.within("compression_methods", 1):
        numbered(pen, lambda name: pen.number(name, 1, _compression))
    if not pen.is_at_end():
        extensions(pen, OF_CLIENT)


def _server_hello(pen: Pen) -> None:
    pen.number("server_version", 2, _legacy)
    retry = pen.take("random", 32, _server_random) == messages.RETRY_RANDOM
    pen.vector("session_id", 1)
    pen.suite = pen.number("cipher_suite", 2, names.suite)
    pen.number("compression_method", 1, _compression)
    if not pen.is_at_end():
        extensions(pen, OF_RETRY if retry else OF_SERVER)


def _server_random(random: bytes) -> str:
    if random == messages.RETRY_RANDOM:
        return "the random of a HelloRetryRequest"
    marks = {b"DOWNGRD\x01": "TLS 1.3", b"DOWNGRD\x00": "TLS 1.2"}
    return f"ends in a mark: the server knows {marks[random[24:]]}" if random[24:] in marks else ""


def _legacy(code: int) -> str:
    return f"{names.version(code)}, or newer by extension" if code == 0x0303 else names.version(code)


def _compression(code: int) -> str:
    return {0: "null", 1: "DEFLATE (RFC 3749)", 64: "LZS (RFC 3943)"}.get(code, "unknown compression")


def _certificate(pen: Pen) -> None:
    """TLS 1.3 has a context before the list and extensions after each certificate."""
    is_old = pen.end - pen.at >= 3 and int.from_bytes(pen.data[pen.at : pen.at + 3]) == pen.end - pen.at - 3
    if not is_old:
        pen.vector("certificate_request_context", 1)
    with pen.within("certificate_list", 3):
        numbered(pen, lambda place: _entry(pen, place, is_old=is_old))


def _entry(pen: Pen, place: str, *, is_old: bool) -> None:
    what = "the leaf" if place == "0" else "an issuer, as served"
    with pen.inside(place):
        pen.vector("certificate", 3, lambda der: f"{what}: {len(der)} bytes of DER")
        if not is_old:
            extensions(pen, OF_CERTIFICATE)


def _server_key_exchange(pen: Pen) -> None:
    body = pen.data[pen.at : pen.end]
    suite = _chosen(pen)
    forms = (_curve, _finite_field, _temporary_rsa) if suite is None else _FORMS.get(suite.key_exchange, ())
    for form in forms:
        if _reads_whole(form, body):
            form(pen)
            return
    pen.rest("body", "of a form that is not known here")


def _chosen(pen: Pen) -> Suite | None:
    """The suite of the ServerHello before; null: none was read, or it is not known."""
    return None if pen.suite is None else suites().get(pen.suite)


def _reads_whole(form: Callable[[Pen], None], body: bytes) -> bool:
    """Whether the form fits to the last byte."""
    trial = Pen(body)
    try:
        form(trial)
    except MalformedError:
        return False
    return trial.is_at_end() and not any(field.name.endswith("unread") for field in trial.fields)


def _curve(pen: Pen) -> None:
    with pen.inside("params", "RFC 8422, 5.4"):
        if pen.number("curve_type", 1, "named_curve") != 3:
            raise MalformedError("not a named curve")
        pen.number("namedcurve", 2, names.group)
        pen.vector("public", 1)
    _signature(pen)


def _finite_field(pen: Pen) -> None:
    with pen.inside("params", "RFC 5246, 7.4.3"):
        pen.vector("dh_p", 2, lambda prime: f"a prime of {int.from_bytes(prime).bit_length()} bits")
        pen.vector("dh_g", 2, lambda generator: f"generator {int.from_bytes(generator)}" if len(generator) < 9 else "")
        pen.vector("dh_Ys", 2)
    _signature(pen)


def _temporary_rsa(pen: Pen) -> None:
    with pen.inside("params", "RFC 2246, 7.4.3"):
        pen.vector("rsa_modulus", 2, lambda modulus: f"{int.from_bytes(modulus).bit_length()} bits")
        pen.vector("rsa_exponent", 2)
    _signature(pen)


def _hint(pen: Pen) -> None:
    with pen.inside("params", "RFC 4279, 2"):
        pen.vector("psk_identity_hint", 2, as_text)


def _hint_and_finite_field(pen: Pen) -> None:
    _hint(pen)
    _finite_field(pen)


def _hint_and_curve(pen: Pen) -> None:
    _hint(pen)
    _curve(pen)


def _remote_password(pen: Pen) -> None:
    with pen.inside("params", "RFC 5054, 2.5.3"):
        pen.vector("srp_N", 2, lambda prime: f"a prime of {int.from_bytes(prime).bit_length()} bits")
        pen.vector("srp_g", 2)
        pen.vector("srp_s", 1, "the salt")
        pen.vector("srp_B", 2)
    _signature(pen)


_FORMS: Final[dict[str, tuple[Callable[[Pen], None], ...]]] = {
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


def _signature(pen: Pen) -> None:
    """None where the key exchange is anonymous."""
    if not pen.is_at_end():
        is_old = _lacks_scheme(pen)
        with pen.inside("signed_params", f"RFC {2246 if is_old else 5246}, 4.7 and 7.4.3"):
            _signed(pen, is_old=is_old)


def _lacks_scheme(pen: Pen) -> bool:
    """Before TLS 1.2 a signature stands without its scheme."""
    left = pen.data[pen.at : pen.end]
    return len(left) < 4 or int.from_bytes(left[2:4]) != len(left) - 4


def _signed(pen: Pen, *, is_old: bool) -> None:
    if not is_old:
        pen.number("algorithm", 2, names.scheme)
    pen.vector("signature", 2)


def _certificate_request(pen: Pen) -> None:
    suite = _chosen(pen)
    if suite is None:
        is_new = _reads_whole(_certificate_request_13, pen.data[pen.at : pen.end])
    else:
        is_new = "TLS 1.3" in suite.versions
    if is_new:
        _certificate_request_13(pen)
        return
    with pen.within("certificate_types", 1):
        kinds = {1: "rsa_sign", 2: "dss_sign", 3: "rsa_fixed_dh", 4: "dss_fixed_dh", 64: "ecdsa_sign"}
        numbered(pen, lambda name: pen.number(name, 1, lambda code: kinds.get(code, "unknown type")))
    size = pen.end - pen.at
    if size >= 2 and int.from_bytes(pen.data[pen.at : pen.at + 2]) != size - 2:
        with pen.within("supported_signature_algorithms", 2):
            numbered(pen, lambda name: pen.number(name, 2, names.scheme))
    with pen.within("certificate_authorities", 2):
        numbered(pen, lambda name: pen.vector(name, 2, "a distinguished name, DER"))


def _certificate_request_13(pen: Pen) -> None:
    pen.vector("certificate_request_context", 1)
    if pen.end - pen.at == 2:  # else a request of TLS 1.0 that names no authority would fit
        raise MalformedError("the extension signature_algorithms is due")
    extensions(pen, OF_CLIENT)


def _certificate_verify(pen: Pen) -> None:
    _signed(pen, is_old=_lacks_scheme(pen))


def _new_session_ticket(pen: Pen) -> None:
    pen.number("ticket_lifetime", 4, lambda seconds: f"{seconds} s")
    size = pen.end - pen.at
    if size >= 2 and int.from_bytes(pen.data[pen.at : pen.at + 2]) == size - 2:
        pen.vector("ticket", 2)
        return
    pen.number("ticket_age_add", 4)
    pen.vector("ticket_nonce", 1)
    pen.vector("ticket", 2)
    extensions(pen, {})


def _encrypted_extensions(pen: Pen) -> None:
    extensions(pen, OF_SERVER)


_READERS: Final[dict[int, Callable[[Pen], None]]] = {
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
