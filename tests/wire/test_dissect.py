"""Every byte in exactly one field, whatever the bytes are; and the right names, not only on our own messages."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, strategies as st

import toolkit
from tests.wire.capture import records, streams
from tests.wire.crafted import (
    DONE,
    RANDOM,
    certificate,
    certificate_13,
    drip,
    extension,
    message,
    named_curve,
    record,
    retry,
    server_hello,
    vector,
)  # fmt: skip
from tests.wire.peers import InMemory, context, converse, credentials, settings, tlslite
from toolkit.columns import dtypes
from toolkit.dissection import MESSAGE_FIELDS
from toolkit.errors import UsageError
from toolkit.reference import offers
from toolkit.text import type_name
from toolkit.wire import Handshake
from toolkit.wire.anatomy.dissect import dissect
from toolkit.wire.anatomy.fields import Field


def covering(data: bytes) -> tuple[Field, ...]:
    """The fields, after checking that they are the bytes again."""
    fields = dissect(data)
    at = 0
    for field in fields:
        assert (field.offset, field.length) == (at, len(field.value) // 2)
        assert field.length > 0
        assert field.name
        at += field.length
    assert "".join(field.value for field in fields) == data.hex()
    return fields


def whole(data: bytes) -> dict[str, Field]:
    """The fields by name; none of them unread."""
    fields = covering(data)
    assert not [field for field in fields if field.name.endswith("unread")]
    assert all(field.section for field in fields)
    return {field.name: field for field in fields}


def test_every_message_of_the_capture_of_2014(shared: Path) -> None:
    for stream in streams(shared / "recorded" / "captures" / "smtp-starttls.pcap"):
        whole(stream)
        for kind, content in records(stream)[:4]:
            if kind == 22 and content[0] in {1, 2, 11, 12, 14, 16}:
                whole(content)
    client, server = streams(shared / "recorded" / "captures" / "smtp-starttls.pcap")
    hello = whole(client)
    assert hello["ClientHello.client_version"].meaning.startswith("TLS 1.2")
    assert hello["ClientHello.cipher_suites.34"].meaning == "TLS_RSA_WITH_3DES_EDE_CBC_SHA (3DES 168/112 bits)"
    assert hello["ClientHello.extensions.heartbeat.data"].section == "RFC 6520, 2"
    said = whole(server)
    assert said["ServerHello.cipher_suite"].value == "c02f"
    assert said["ServerKeyExchange.params.namedcurve"].meaning == "secp256r1"
    assert said["ServerKeyExchange.signed_params.algorithm"].meaning == "rsa_pkcs1_sha512"
    assert said["Certificate.certificate_list.0.certificate"].length == 1672
    assert said["NewSessionTicket.ticket_lifetime"].meaning == "100800 s"
    assert said["handshake.encrypted"].meaning == "encrypted"


@pytest.mark.parametrize("name", sorted({offer.name for offer in offers().values()}))
def test_our_own_hellos(name: str) -> None:
    offer = offers()[name]
    fields = whole(Handshake(offer, server_name="mx.lab.test").start())
    assert fields["ClientHello.extensions.server_name.server_name_list.host_name"].meaning == "mx.lab.test"
    listed = [key for key in fields if key.startswith("ClientHello.cipher_suites.") and not key.endswith("length")]
    assert [int(fields[key].value, 16) for key in listed] == list(offer.suites)
    if "TLS 1.3" in offer.versions:
        assert fields["ClientHello.extensions.key_share.client_shares.0.group"].meaning == "X25519MLKEM768"
        assert fields["ClientHello.extensions.supported_versions.versions.0"].meaning == "TLS 1.3"


@pytest.mark.parametrize("is_retried", [False, True])
def test_both_sides_of_a_tls_13_flight(is_retried: bool) -> None:
    offer = replace(offers()["tls13"], key_shares=()) if is_retried else offers()["any"]
    handshake = Handshake(offer, server_name="mx.lab.test")
    sent, received = converse(handshake, InMemory(context("RSA")))
    whole(sent)
    fields = whole(received)
    assert fields["application_data.encrypted"].meaning == "encrypted"
    assert fields["ServerHello.extensions.supported_versions.selected_version"].meaning == "TLS 1.3"
    assert ("ServerHello.extensions.key_share.selected_group" in fields) == is_retried
    assert fields["ServerHello.extensions.key_share.group"].meaning == "x25519"


def test_a_finite_field_and_ssl_3() -> None:
    offer = replace(offers()["tls12"], suites=(0x0033,), versions=("SSL 3.0",))
    with tlslite("RSA", settings((3, 0))) as peer:
        sent, received = converse(Handshake(offer, server_name=None), peer)
    whole(sent)
    fields = whole(received)
    assert fields["ServerKeyExchange.params.dh_p"].meaning == "a prime of 2048 bits"
    assert fields["ServerKeyExchange.signed_params.signature"].section == "RFC 2246, 4.7 and 7.4.3"


LEAF = credentials("EC").der
MEANING = f"an issuer, as served: {len(LEAF)} bytes of DER"


@pytest.mark.parametrize(
    ("data", "name", "meaning"),
    [
        (certificate(LEAF, LEAF),
         "Certificate.certificate_list.1.certificate", MEANING),
        (certificate_13(LEAF, extensions=extension(5, b"\x01" + vector(3, b"staple"))),
         "Certificate.certificate_list.0.extensions.status_request.response", "an OCSP response: 6 bytes of DER"),
        (named_curve(29, b"\x01" * 256), "ServerKeyExchange.signed_params.algorithm", "rsa_pkcs1_sha256"),
        (named_curve(0x11EC, b"\x01" * 70, None), "ServerKeyExchange.params.namedcurve", "X25519MLKEM768"),
        (message(12, b"\x03\x00\x17" + vector(1, bytes(65))), "ServerKeyExchange.params.namedcurve", "secp256r1"),
        (message(12, vector(2, b"\xff" * 64) + vector(2, b"\x01\x00\x01") + vector(2, bytes(128))),
         "ServerKeyExchange.params.dh_p", "a prime of 512 bits"),
        (message(12, vector(2, b"\x80" + bytes(63)) + vector(2, b"\x01\x00\x01") + b"\x04\x01" + vector(2, bytes(128))),
         "ServerKeyExchange.params.rsa_modulus", "512 bits"),
        (message(12, b"\x01\x02\x03"), "ServerKeyExchange.body", "of an unknown format"),
        (message(13, b"\x02\x01\x40" + vector(2, b"\x04\x03") + vector(2, vector(2, b"name"))),
         "CertificateRequest.supported_signature_algorithms.0", "ecdsa_secp256r1_sha256"),
        (message(13, b"\x02\x01\x40" + vector(2, vector(2, b"name"))),
         "CertificateRequest.certificate_types.1", "ecdsa_sign"),
        (message(13, b"\x00" + vector(2, extension(13, vector(2, b"\x08\x04")))),
         "CertificateRequest.extensions.signature_algorithms.supported_signature_algorithms.0", "rsa_pss_rsae_sha256"),
        (server_hello(0x0003)
         + message(12, vector(2, b"\x80" + bytes(63)) + vector(2, b"\x01\x00\x01") + vector(2, b"s")),
         "ServerKeyExchange.params.rsa_modulus", "512 bits"),
        (server_hello(0x0090)
         + message(12, vector(2, b"") + vector(2, b"\xff" * 64) + vector(2, b"\x02") + vector(2, b"y")),
         "ServerKeyExchange.params.dh_p", "a prime of 512 bits"),
        (server_hello(0xEEEE) + message(12, b"\x03\x00\x17" + vector(1, bytes(65))),
         "ServerKeyExchange.params.namedcurve", "secp256r1"),
        (server_hello(0x002F) + message(12, b"\x03\x00\x17" + vector(1, bytes(65))),
         "ServerKeyExchange.body", "of an unknown format"),
        (message(13, b"\x03\x01\x02\x40\x00\x00"), "CertificateRequest.certificate_types.2", "ecdsa_sign"),
        (server_hello(0xC018) + message(13, b"\x01\x40" + vector(2, vector(2, b"\x00\x14" + bytes(20)))),
         "CertificateRequest.certificate_types.0", "ecdsa_sign"),
        (server_hello(0x1301) + message(13, b"\x00" + vector(2, extension(13, vector(2, b"\x08\x04")))),
         "CertificateRequest.extensions.signature_algorithms.supported_signature_algorithms.0", "rsa_pss_rsae_sha256"),
        (message(15, b"\x08\x07" + vector(2, bytes(64))), "CertificateVerify.algorithm", "ed25519"),
        (message(15, vector(2, bytes(256))), "CertificateVerify.signature", ""),
        (message(22, b"\x01" + vector(3, b"staple")), "CertificateStatus.status_type", "ocsp"),
        (message(4, bytes(4) + bytes(4) + vector(1, b"n") + vector(2, b"t") + bytes(2)),
         "NewSessionTicket.ticket_nonce", ""),
        (message(8, vector(2, extension(16, vector(2, vector(1, b"h2"))))),
         "EncryptedExtensions.extensions.application_layer_protocol_negotiation.protocol_name_list.0", "h2"),
        (message(20, bytes(12)), "Finished.body", ""),
        (message(99, b"x"), None, ""),
        (DONE, "ServerHelloDone.body.length", "0 bytes follow"),
        (server_hello(0x1301, server_random=RANDOM[:24] + b"DOWNGRD\x01"), "ServerHello.random",
         "ends in a downgrade mark: the server supports TLS 1.3"),
        (server_hello(0x0A0A), "ServerHello.cipher_suite", "GREASE (RFC 8701)"),
        (record(b"\x02\x28", 21), "alert.description", "handshake_failure"),
        (record(b"\x01", 20), "change_cipher_spec.type", "change_cipher_spec"),
    ],
    # A signature's length is drawn by lot; what names a test must not be.
    ids=lambda value: "" if isinstance(value, bytes) or value == MEANING else None,
)  # fmt: skip
def test_the_rest_of_the_messages(data: bytes, name: str | None, meaning: str) -> None:
    if name is None:
        assert covering(data)[0].meaning == "neither a record nor a handshake message"
    else:
        assert whole(data)[name].meaning == meaning


def test_a_retry_is_recognised_by_its_random() -> None:
    hello = Handshake(offers()["tls13"], server_name=None, entropy=drip(1)).start()
    fields = whole(retry(hello, extension(51, b"\x00\x17"), extension(44, vector(2, b"cookie"))))
    assert fields["ServerHello.random"].meaning == "the random of a HelloRetryRequest"
    assert fields["ServerHello.extensions.key_share.selected_group"].meaning == "secp256r1"


def test_messages_across_records_are_one() -> None:
    said = server_hello(0xC02F) + certificate(LEAF) + DONE
    cut = b"".join(record(said[at : at + 50]) for at in range(0, len(said), 50))
    fields = covering(cut)
    assert not [field for field in fields if field.name.endswith("unread")]
    der = "".join(
        field.value for field in fields if field.name.removesuffix(" (continued)").endswith("list.0.certificate")
    )
    assert der == LEAF.hex()


def test_ssl_2() -> None:
    offer = replace(offers()["tls10"], versions=("SSL 2.0",), suites=(0x010080, 0x0700C0))
    fields = whole(Handshake(offer, server_name=None).start())
    assert fields["CLIENT-HELLO.cipher_specs.0"].meaning.startswith("SSL_CK_RC4_128_WITH_MD5")
    assert fields["CLIENT-HELLO.version"].meaning == "SSL 2.0"
    answer = b"\x04\x00\x01\x00\x02" + len(LEAF).to_bytes(2) + b"\x00\x03\x00\x10" + LEAF + b"\x01\x00\x80" + bytes(16)
    fields = whole((0x8000 | len(answer)).to_bytes(2) + answer)
    assert fields["SERVER-HELLO.certificate"].value == LEAF.hex()


def _flights() -> list[bytes]:
    offer = replace(offers()["any"], versions=("TLS 1.2",))
    sent, received = converse(Handshake(offer, server_name="mx.lab.test", entropy=drip(1)), InMemory(context("EC")))
    return [sent, received, received[5:], sent[5:]]


FLIGHTS = _flights()


@given(st.sampled_from(FLIGHTS), st.data())
def test_damage_is_covered_too(flight: bytes, data: st.DataObject) -> None:
    changed = bytearray(flight[: data.draw(st.integers(0, len(flight)))])
    for _ in range(3):
        if changed:
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    covering(bytes(changed))


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\x16\x03\x03", b"\x01", b"\x02", b"\x0b", b"\x0c", b"\x80\x20\x01"]),
)
def test_noise_is_covered_too(noise: bytes, prefix: bytes) -> None:
    covering(prefix + noise)


def test_the_frame() -> None:
    frame = toolkit.dissect(FLIGHTS[1])
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == dtypes(MESSAGE_FIELDS)
    assert "".join(frame["value"]) == FLIGHTS[1].hex()
    assert frame["length"].sum() == len(FLIGHTS[1])
    assert not frame.isna().any().any()
    assert list(toolkit.dissect(b"").columns) == list(dtypes(MESSAGE_FIELDS))


@pytest.mark.parametrize("wrong", [None, pd.NA, 5, "1603", bytearray(b"x")])
def test_a_value_that_is_not_bytes_is_refused(wrong: object) -> None:
    with pytest.raises(UsageError, match=rf"not {type_name(wrong)}"):
        toolkit.dissect(wrong)  # type: ignore[arg-type]  # that is the test
