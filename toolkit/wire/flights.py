"""Reads the server's first flight after the ServerHello.

Contract: messages are given in order, each with its header; `read` returns whether the flight is complete. Facts go
into the answer. A malformed or misplaced message raises `MalformedError`; a broken rule that leaves the flight readable
is a fault.
"""

import hashlib
import hmac
from contextlib import suppress
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from toolkit.reference import Offer, Suite, signature_schemes
from toolkit.wire import messages
from toolkit.wire.answer import Answer
from toolkit.wire.cursor import Cursor, MalformedError, TooLargeError
from toolkit.wire.groups import finite_field, is_usable
from toolkit.wire.hello import (
    CODES,
    SIGNATURE_ALGORITHMS,
    SIGNED_CERTIFICATE_TIMESTAMP,
    STATUS_REQUEST,
    SUPPORTED_GROUPS,
    is_listed,
)
from toolkit.wire.keys import HandshakeKeys
from toolkit.wire.signatures import UnverifiableError, fits_scheme, fits_suite, load_key, verify

_PSK_HINTS: Final = {"PSK", "RSA_PSK", "DHE_PSK", "ECDHE_PSK"}  # RFC 4279, 2 to 4; RFC 5489, 2
_STATIC: Final = {"RSA", "DH", "DH_EXPORT", "ECDH", "VKO", "KRB5", "KRB5_EXPORT"}
_SIGNED: Final = {"RSA", "DSS", "ECDSA"}
_WITHOUT_CERTIFICATE: Final = {"anon", "PSK", "KRB5", "SRP", "ECCPWD", "NULL"}


class Flight(Protocol):
    """The rest of a server's first flight."""

    def read(self, kind: int, message: bytes) -> bool:
        """Read a handshake message, header included; true: it was the last one."""


class ClassicFlight:
    """SSL 3.0 to TLS 1.2: Certificate, CertificateStatus, ServerKeyExchange, CertificateRequest, ServerHelloDone.

    RFC 5246, 7.3: in this order, each at most once; the suite decides which of them are required.
    """

    _ORDER: Final = (
        messages.SERVER_HELLO,
        messages.CERTIFICATE,
        messages.CERTIFICATE_STATUS,
        messages.SERVER_KEY_EXCHANGE,
        messages.CERTIFICATE_REQUEST,
        messages.SERVER_HELLO_DONE,
    )

    def __init__(self, answer: Answer, offer: Offer, version: int, randoms: bytes, suite: Suite | None) -> None:
        self._answer, self._offer, self._version, self._randoms = answer, offer, version, randoms
        # Of an unknown suite every message is accepted, and none is required.
        self._exchange = suite.key_exchange if suite else ""
        self._authentication = suite.authentication if suite else ""
        self._place = 0
        self._has_exchanged = False

    def read(self, kind: int, message: bytes) -> bool:
        """See `Flight.read`."""
        if kind not in self._ORDER or (place := self._ORDER.index(kind)) <= self._place:
            raise MalformedError(f"{messages.name(kind)} after {messages.name(self._ORDER[self._place])}")
        self._place = place
        answer = self._answer
        # RFC 5246, 7.4.2 and 7.4.4; RFC 6101, 5.6.4; RFC 4279, 2.
        is_certificate = kind in {messages.CERTIFICATE, messages.CERTIFICATE_REQUEST}
        if is_certificate and self._authentication in _WITHOUT_CERTIFICATE:
            answer.add_fault("certificate_out_of_place")
        if kind == messages.CERTIFICATE:
            _keep_chain(answer, messages.parse_certificate(message[4:]))
            answer.stage = "finished"
            with suppress(UnverifiableError):  # noted where a signature is checked; without one it does not matter
                if not fits_suite(load_key(answer.chain[0]), self._exchange, self._authentication):
                    answer.add_fault("key_unfit")
            return False
        if not answer.chain and self._authentication not in {*_WITHOUT_CERTIFICATE, ""}:
            raise MalformedError(f"{messages.name(kind)} where the Certificate was due")
        answer.stage = "finished"
        if kind == messages.CERTIFICATE_STATUS:
            answer.has_ocsp_staple = bool(messages.parse_certificate_status(message[4:]))
        elif kind == messages.SERVER_KEY_EXCHANGE:
            self._has_exchanged = True
            self._read_key_exchange(Cursor(message, "the ServerKeyExchange", 4))
        elif kind == messages.SERVER_HELLO_DONE:
            if len(message) > 4:
                raise MalformedError("the ServerHelloDone has content")
            if self._exchange.startswith(("DHE", "ECDHE", "SRP")) and not self._has_exchanged:
                raise MalformedError("ServerHelloDone where the ServerKeyExchange was due")
            answer.has_ocsp_staple = bool(answer.has_ocsp_staple)
        return kind == messages.SERVER_HELLO_DONE

    def _read_key_exchange(self, cursor: Cursor) -> None:
        exchange = self._exchange
        if exchange in _STATIC:
            raise MalformedError("a ServerKeyExchange, which the suite does not have")
        if exchange in _PSK_HINTS:
            cursor.vector(2)
        if exchange.startswith("ECDHE"):
            self._read_curve(cursor)
        elif exchange.startswith("DHE"):
            self._read_finite_field(cursor)
        elif exchange.startswith("RSA_EXPORT"):  # RFC 2246, 7.4.3: modulus and exponent
            self._answer.exchange_bits = int.from_bytes(cursor.vector(2)).bit_length()
            cursor.vector(2)
        elif exchange == "SRP":  # RFC 5054, 2.5.3: N, g, s, B
            for size in (2, 2, 1, 2):
                cursor.vector(size)
        elif exchange not in _PSK_HINTS:
            return  # an unknown encoding
        if self._authentication in _SIGNED and exchange not in _PSK_HINTS:
            signed = self._randoms + cursor.data[4 : cursor.at]
            scheme = cursor.number(2) if self._version >= CODES["TLS 1.2"] else None
            signature = cursor.vector(2)
            cursor.finish()
            _prove(self._answer, self._offer, scheme, signature, signed)
        cursor.finish()

    def _read_curve(self, cursor: Cursor) -> None:
        """RFC 8422, 5.4."""
        if (kind := cursor.number(1)) != 3:
            raise MalformedError(f"the ServerKeyExchange has curve parameters of type {kind}, not a named curve")
        group = self._answer.group_code = cursor.number(2)
        point = cursor.vector(1)
        if not point:
            raise MalformedError("the ServerKeyExchange has an empty point")
        if not is_usable(group, point):
            self._answer.add_fault("share_unusable")
        if not is_listed(self._offer, SUPPORTED_GROUPS) or group not in self._offer.groups:
            self._answer.add_fault("group_not_offered", f" (0x{group:04x})")

    def _read_finite_field(self, cursor: Cursor) -> None:
        """RFC 5246, 7.4.3; RFC 7919 for primes with a code point."""
        prime, generator, public = (int.from_bytes(cursor.vector(2)) for _ in range(3))
        if not (prime and generator and public):
            raise MalformedError("the ServerKeyExchange has empty Diffie-Hellman parameters")
        if not 1 < public < prime - 1:  # RFC 7919, 5.1
            self._answer.add_fault("share_unusable")
        self._answer.exchange_bits = prime.bit_length()
        self._answer.group_code = finite_field(prime)


class Tls13Flight:
    """TLS 1.3: EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished (RFC 8446, 2)."""

    _ORDER: Final = (
        messages.SERVER_HELLO,
        messages.ENCRYPTED_EXTENSIONS,
        messages.CERTIFICATE_REQUEST,
        messages.CERTIFICATE,
        messages.CERTIFICATE_VERIFY,
        messages.FINISHED,
    )

    def __init__(self, answer: Answer, offer: Offer, keys: HandshakeKeys, transcript: "hashlib._Hash") -> None:
        self._answer, self._offer, self._keys, self._transcript = answer, offer, keys, transcript
        self._place = 0

    def read(self, kind: int, message: bytes) -> bool:
        """See `Flight.read`."""
        order, before = self._ORDER, self._place
        if kind not in order or not before < order.index(kind) <= before + (2 if before == 1 else 1):
            raise MalformedError(f"{messages.name(kind)} after {messages.name(order[before])}")
        self._place = order.index(kind)
        answer = self._answer
        if kind == messages.ENCRYPTED_EXTENSIONS:
            messages.parse_encrypted_extensions(message[4:])
        elif kind == messages.CERTIFICATE:
            chain, extensions = messages.parse_certificate_13(message[4:])
            _keep_chain(answer, chain)
            staple = extensions.get(STATUS_REQUEST)
            answer.has_ocsp_staple = staple is not None and bool(messages.parse_certificate_status(staple))
            answer.has_sct = bool(extensions.get(SIGNED_CERTIFICATE_TIMESTAMP))
            answer.stage = "finished"
        elif kind == messages.CERTIFICATE_VERIFY:
            scheme, signature = messages.parse_certificate_verify(message[4:])
            # RFC 8446, 4.4.3: 64 spaces, the context, a zero, the transcript so far.
            signed = b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + self._transcript.digest()
            _prove(answer, self._offer, scheme, signature, signed)
        elif kind == messages.FINISHED:
            if not hmac.compare_digest(message[4:], self._keys.finished(self._transcript.digest())):
                raise MalformedError("the server's Finished does not match the transcript")
            return True
        self._transcript.update(message)
        return False


def _keep_chain(answer: Answer, chain: tuple[bytes, ...]) -> None:
    """Keep the chain; raises `TooLargeError` where it is too long to be kept as a whole."""
    answer.chain = chain[: messages.MOST_CERTIFICATES]
    if len(chain) > len(answer.chain):
        raise TooLargeError(f"a chain of {len(chain)} certificates, of which the first {len(answer.chain)} are kept")


def _prove(answer: Answer, offer: Offer, scheme: int | None, signature: bytes, signed: bytes) -> None:
    """Verify the handshake signature with the leaf's key, and note the result."""
    answer.signature_scheme_code = scheme
    if scheme is not None and is_listed(offer, SIGNATURE_ALGORITHMS) and scheme not in offer.signature_schemes:
        answer.add_fault("scheme_not_offered", f" (0x{scheme:04x})")
    known = None if scheme is None else signature_schemes().get(scheme)
    if known is not None and answer.protocol not in known.versions:
        answer.add_fault("scheme_of_another_version", f" ({known.name})")
    try:
        key: PublicKeyTypes = load_key(answer.chain[0])
        if known is not None and answer.protocol == "TLS 1.3" and not fits_scheme(key, known.code):
            answer.add_fault("key_unfit", f" ({known.name})")
        answer.is_key_proven = verify(key, scheme, signature, signed)
    except UnverifiableError as error:
        answer.is_unchecked = True
        answer.note(str(error))
        return
    if not answer.is_key_proven:
        answer.add_fault("signature_wrong")
