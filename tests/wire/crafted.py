"""Servers' bytes made by hand, for what no honest implementation sends."""

import hashlib
import random
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519

from tests.wire.peers import credentials
from toolkit.reference import Offer, offers, signature_schemes
from toolkit.wire import Answer, Handshake, keys
from toolkit.wire.messages import RETRY_RANDOM

RANDOM = bytes(range(32))


def drip(seed: int) -> Callable[[int], bytes]:
    """Entropy that is the same each time."""
    return random.Random(seed).randbytes


def vector(size: int, content: bytes) -> bytes:
    return len(content).to_bytes(size) + content


def record(content: bytes, kind: int = 22, version: int = 0x0303) -> bytes:
    return bytes((kind,)) + version.to_bytes(2) + vector(2, content)


def message(kind: int, body: bytes = b"") -> bytes:
    return bytes((kind,)) + vector(3, body)


def extension(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2) + vector(2, content)


def server_hello(
    suite: int,
    *extensions: bytes,
    version: int = 0x0303,
    server_random: bytes = RANDOM,
    session_id: bytes = b"",
    compression: int = 0,
) -> bytes:
    listed = vector(2, b"".join(extensions)) if extensions else b""
    fixed = version.to_bytes(2) + server_random + vector(1, session_id) + suite.to_bytes(2) + bytes((compression,))
    return message(2, fixed + listed)


def certificate(*chain: bytes) -> bytes:
    return message(11, vector(3, b"".join(vector(3, der) for der in chain)))


def named_curve(group: int, signature: bytes = b"", scheme: int | None = 0x0401) -> bytes:
    signed = b"" if scheme is None else scheme.to_bytes(2)
    return message(12, b"\x03" + group.to_bytes(2) + vector(1, b"\x09" + bytes(31)) + signed + vector(2, signature))


def signed_exchange(hello: bytes, params: bytes) -> bytes:
    """A ServerKeyExchange of TLS 1.2 with these parameters, signed by the RSA key; the hello is one record."""
    key = serialization.load_pem_private_key(credentials("RSA").key_pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(hello[11:43] + RANDOM + params, padding.PKCS1v15(), hashes.SHA256())
    return message(12, params + b"\x04\x01" + vector(2, signature))


DONE = message(14)
TLS13 = extension(43, b"\x03\x04")


def session_id(hello: bytes) -> bytes:
    """The session id of a hello in one record."""
    return hello[44 : 44 + hello[43]]


def retry(hello: bytes, *extensions: bytes, suite: int = 0x1301) -> bytes:
    made = server_hello(suite, TLS13, *extensions, server_random=RETRY_RANDOM, session_id=session_id(hello))
    return record(made)


class Server13:
    """A TLS 1.3 server with X25519 that sends any messages, protected with the right keys."""

    def __init__(self, hello: bytes, *, suite: int = 0x1301, echoed: bytes | None = None) -> None:
        ours = x25519.X25519PrivateKey.from_private_bytes(b"\x42" * 32)
        theirs = _x25519_share(hello)
        share = extension(51, b"\x00\x1d" + vector(2, ours.public_key().public_bytes_raw()))
        self.hello = server_hello(suite, TLS13, share, session_id=session_id(hello) if echoed is None else echoed)
        self.transcript = hashlib.new(keys.hash_name(suite), hello[5:] + self.hello)
        shared = ours.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
        self.keys = keys.derive(suite, shared, self.transcript.digest())

    def say(self, *messages: bytes, kind: int = 22) -> bytes:
        """The messages in one encrypted record."""
        content = b"".join(messages)
        self.transcript.update(content)
        return self.keys.server.encrypt(kind, content)

    def signed(self, kind: str, scheme: str) -> bytes:
        """The CertificateVerify, right by that scheme."""
        (known,) = [known for known in signature_schemes().values() if known.name == scheme]
        key = serialization.load_pem_private_key(credentials(kind).key_pem, None)
        data = b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + self.transcript.digest()
        digest = getattr(hashes, str(known.hash))()
        if isinstance(key, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
            signature = key.sign(data, pss if known.padding == "PSS" else padding.PKCS1v15(), digest)
        else:
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            signature = key.sign(data, ec.ECDSA(digest))
        return message(15, known.code.to_bytes(2) + vector(2, signature))

    def finished(self) -> bytes:
        return message(20, self.keys.finished(self.transcript.digest()))


def leaf_with(key: rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> bytes:
    """A certificate (RFC 5280, 4.1) of which only the key is real, of whatever size."""
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _sequence(_sequence(b"\x02\x01\x01" + b"\x30\x00" * 4 + spki))


def _sequence(content: bytes) -> bytes:
    return b"\x30\x83" + len(content).to_bytes(3) + content


def certificate_13(*chain: bytes, context: bytes = b"", extensions: bytes = b"") -> bytes:
    entries = b"".join(vector(3, der) + vector(2, extensions if at == 0 else b"") for at, der in enumerate(chain))
    return message(11, vector(1, context) + vector(3, entries))


def _x25519_share(hello: bytes) -> bytes:
    at = hello.index(b"\x00\x1d\x00\x20")
    return hello[at + 4 : at + 36]


def read(*sent: bytes, offer: Offer | None = None, limit: int = 1 << 18) -> Answer:
    """What comes of it, to the `any` offer unless another is given."""
    handshake = Handshake(offer or offers()["any"], server_name=None, entropy=drip(1), limit=limit)
    handshake.start()
    for piece in sent:
        handshake.receive(piece)
    handshake.receive_eof()
    return handshake.answer
