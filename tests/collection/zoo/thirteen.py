"""Animals of TLS 1.3. They derive their keys by tlslite-ng, and encrypt and sign by `cryptography`."""

import hashlib
from collections.abc import Iterator

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tlslite.utils.cryptomath import HKDF_expand_label, secureHMAC

from tests.collection.zoo.animals import Animal, Behaviour, Connection, Reply, closing, flooding, replying, streaming
from tests.wire.crafted import (
    TLS13,
    certificate_13,
    extension,
    message,
    record,
    retry,
    server_hello,
    session_id,
    vector,
)
from tests.wire.peers import credentials

LEAF = credentials("RSA").der
EXTENSIONS = message(8, b"\x00\x00")
CHAIN = certificate_13(LEAF)
SUITE = 0x1301


class Server:
    """A server of TLS 1.3 with X25519 and TLS_AES_128_GCM_SHA256 (RFC 8446, 7.1), which says anything."""

    def __init__(self, hello: bytes) -> None:
        ours = x25519.X25519PrivateKey.generate()
        theirs = _share(hello)
        share = extension(51, b"\x00\x1d" + vector(2, ours.public_key().public_bytes_raw()))
        said = server_hello(SUITE, TLS13, share, session_id=session_id(hello))
        self.hello = record(said)
        self._transcript = hashlib.sha256(hello[5:] + said)
        secret = ours.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
        early = _extract(bytes(32), bytes(32))
        handshake = _extract(_expand(early, b"derived", hashlib.sha256().digest(), 32), secret)
        self._secret = _expand(handshake, b"s hs traffic", self._transcript.digest(), 32)
        self._key, self._iv = (_expand(self._secret, label, b"", size) for label, size in ((b"key", 16), (b"iv", 12)))
        self._sequence = 0

    def say(self, *messages: bytes) -> bytes:
        """The messages in an encrypted record."""
        content = b"".join(messages)
        self._transcript.update(content)
        return self.encrypt(content + b"\x16")

    def encrypt(self, inner: bytes) -> bytes:
        """A record with that inner plaintext: content, type, padding (RFC 8446, 5.2)."""
        nonce = (int.from_bytes(self._iv) ^ self._sequence).to_bytes(12)
        self._sequence += 1
        head = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2)
        return head + AESGCM(self._key).encrypt(nonce, inner, head)

    def verify(self) -> bytes:
        """The CertificateVerify, by rsa_pss_rsae_sha256."""
        key = serialization.load_pem_private_key(credentials("RSA").key_pem, None)
        assert isinstance(key, rsa.RSAPrivateKey)
        signed = b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + self._transcript.digest()
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        return message(15, b"\x08\x04" + vector(2, key.sign(signed, pss, hashes.SHA256())))

    def finished(self) -> bytes:
        return message(20, _extract(_expand(self._secret, b"finished", b"", 32), self._transcript.digest()))


def _extract(salt: bytes, secret: bytes) -> bytes:
    return bytes(secureHMAC(bytearray(salt), bytearray(secret), "sha256"))


def _expand(secret: bytes, label: bytes, context: bytes, size: int) -> bytes:
    return bytes(HKDF_expand_label(bytearray(secret), bytearray(label), bytearray(context), size, "sha256"))


def _share(hello: bytes) -> bytes:
    """The client's share of X25519; zeros where the hello has none, so that no key fits."""
    at = hello.find(b"\x00\x1d\x00\x20")
    return b"\x09" * 32 if at < 0 else hello[at + 4 : at + 36]


def _saying(*messages: bytes) -> Reply:
    """The ServerHello and the messages, each in its own encrypted record."""

    def reply(hello: bytes) -> bytes:
        server = Server(hello)
        return server.hello + b"".join(server.say(each) for each in messages)

    return reply


def _right(hello: bytes) -> bytes:
    server = Server(hello)
    said = server.hello + server.say(EXTENSIONS) + server.say(CHAIN)
    return said + server.say(server.verify()) + server.say(server.finished())


def _wrongly_signed(hello: bytes) -> bytes:
    server = Server(hello)
    wrong = message(15, b"\x08\x04" + vector(2, bytes(256)))
    return server.hello + server.say(EXTENSIONS, CHAIN, wrong) + server.say(server.finished())


def _shredded(hello: bytes) -> bytes:
    """Encrypted records of one byte, each padded with zeros."""
    server = Server(hello)
    said = [server.hello]

    def shred(content: bytes) -> None:
        said.extend(server.encrypt(content[at : at + 1] + b"\x16\0\0") for at in range(len(content)))
        server._transcript.update(content)

    shred(EXTENSIONS)
    shred(CHAIN)
    shred(server.verify())
    shred(server.finished())
    return b"".join(said)


def _wrong_finished(hello: bytes) -> bytes:
    server = Server(hello)
    said = server.hello + server.say(EXTENSIONS, CHAIN)
    return said + server.say(server.verify()) + server.say(message(20, bytes(32)))


def _encrypting(inner: bytes) -> Reply:
    def reply(hello: bytes) -> bytes:
        server = Server(hello)
        return server.hello + server.encrypt(inner)

    return reply


def _encrypting_without_end(inner: bytes, times: int = 10_000) -> Behaviour:
    def reply(hello: bytes) -> Iterator[bytes]:
        server = Server(hello)
        yield server.hello + server.say(EXTENSIONS)
        for _ in range(times):
            yield server.encrypt(inner)

    return streaming(reply)


def _after(more: bytes) -> Reply:
    """The ServerHello and these bytes, which are not encrypted."""
    return lambda hello: Server(hello).hello + more


def _with_share(share: bytes) -> Reply:
    return lambda hello: record(server_hello(SUITE, TLS13, extension(51, share), session_id=session_id(hello)))


def _retrying(*extensions: bytes) -> Reply:
    return lambda hello: retry(hello, *extensions)


def _retrying_without_end(*extensions: bytes) -> Behaviour:
    async def behave(connection: Connection) -> None:
        while True:
            await connection.send(retry(await connection.hello(), *extensions))

    return behave


async def _retries_and_closes(connection: Connection) -> None:
    await connection.send(retry(await connection.hello(), extension(51, b"\x00\x17")))
    await connection.hello()


def _sets_another_version(hello: bytes) -> bytes:
    """A HelloRetryRequest for TLS 1.4."""
    return retry(hello, extension(51, b"\x00\x17")).replace(TLS13, extension(43, b"\x03\x05"))


def _chooses(name: str, behaviour: Behaviour, ending: str, kept: int = 0, *more: str) -> Animal:
    named = frozenset({"TLS 1.3", "TLS_AES_128_GCM_SHA256", "RSA", *more})
    return Animal(f"TLS 1.3: {name}", "tls", behaviour, ending, kept, "TLS 1.3", named)


X25519, PSS, P256 = "x25519", "rsa_pss_rsae_sha256", "secp256r1"
CHANGE = record(b"\x01", 20)

RIGHT_OR_READABLE = {"right": _right, "wrongly signed": _wrongly_signed, "encrypted records of one byte": _shredded}

BROKEN_AT_CERTIFICATE = {
    "encrypted noise": _after(record(bytes(range(256)), 23)),
    "an encrypted record shorter than its tag": _after(record(bytes(15), 23)),
    "an oversized encrypted record": _after(b"\x17\x03\x03\x41\x01" + bytes(999)),
    "empty application data": _after(record(b"", 23)),
    "a handshake message in clear text": _after(record(EXTENSIONS)),
    "a record of type 99": _after(record(b"x", 99)),
    "a ChangeCipherSpec of two bytes": _after(record(b"\x01\x01", 20)),
    "an encrypted ChangeCipherSpec": _encrypting(b"\x01\x14"),
    "an encrypted record of type 99": _encrypting(b"x\x63"),
    "encrypted application data": _encrypting(b"x\x17"),
    "nothing but padding": _encrypting(bytes(999)),
    "an encrypted record without content": _encrypting(b"\x16"),
    "half an encrypted alert": _encrypting(b"\x02\x15"),
    "an extension twice": _saying(message(8, vector(2, extension(5, b"") * 2))),
    "extensions longer than their message": _saying(message(8, b"\xff\xff")),
    "NewSessionTicket at once": _saying(message(4, bytes(20))),
    "KeyUpdate at once": _saying(message(24, b"\x01")),
    "Finished at once": _saying(EXTENSIONS, message(20, bytes(32))),
    "a chain of none": _saying(EXTENSIONS, certificate_13()),
    "an empty certificate": _saying(EXTENSIONS, certificate_13(b"")),
    "a chain for a request": _saying(EXTENSIONS, certificate_13(LEAF, context=b"x")),
    "a chain cut short": _saying(EXTENSIONS, message(11, b"\x00\xff\xff\xff" + LEAF)),
    "a certificate's extension twice": _saying(EXTENSIONS, certificate_13(LEAF, extensions=extension(5, b"") * 2)),
    "a CompressedCertificate": _saying(EXTENSIONS, message(25, b"\x00\x01\xff\xff\xff" + vector(3, bytes(99)))),
}

BROKEN_AT_FINISHED = {
    "the Certificate twice": _saying(EXTENSIONS, CHAIN, CHAIN),
    "tickets after the Certificate": _saying(EXTENSIONS, CHAIN, message(4, bytes(20))),
    "an empty CertificateVerify": _saying(EXTENSIONS, CHAIN, message(15)),
    "a signature longer than its message": _saying(EXTENSIONS, CHAIN, message(15, b"\x08\x04\xff\xff")),
}

BROKEN_SHARES = {
    "no share": lambda hello: record(server_hello(SUITE, TLS13, session_id=session_id(hello))),
    "a share of zeros": _with_share(b"\x00\x1d" + vector(2, bytes(32))),
    "a share cut short": _with_share(b"\x00\x1d" + vector(2, bytes(31))),
    "an empty share": _with_share(b"\x00\x1d\x00\x00"),
    "a share of a group without one": _with_share(b"\x00\x17" + vector(2, b"\x04" + bytes(64))),
    "a share of an unknown group": _with_share(b"\xfa\xfa" + vector(2, bytes(32))),
    "a hybrid share of zeros": _with_share(b"\x11\xec" + vector(2, bytes(1120))),
}

RETRIES = {
    "for a share that was sent": (extension(51, b"\x00\x1d"), X25519),
    "for a group not offered": (extension(51, b"\xfa\xfa"), ""),
    "that changes nothing": (b"", ""),
    "with a group cut short": (extension(51, b"\x00"), ""),
    "with a cookie too long to give back": (extension(44, vector(2, bytes(65_000))), ""),
    "with a cookie longer than its field": (extension(44, b"\xff\xff"), ""),
}


async def _point_off_the_curve(connection: Connection) -> None:
    """Asks for a share of P-256, and answers it with a point that is not on the curve."""
    hello = await connection.hello()
    await connection.send(retry(hello, extension(51, b"\x00\x17")))
    await connection.hello()
    share = extension(51, b"\x00\x17" + vector(2, b"\x04" + bytes(63) + b"\x01"))
    await connection.send(record(server_hello(SUITE, TLS13, share, session_id=session_id(hello))))
    await connection.wait()


def _animals() -> Iterator[Animal]:
    for name, reply in RIGHT_OR_READABLE.items():
        yield _chooses(name, replying(reply), "ok at finished", 1, X25519, PSS)
    for name, reply in BROKEN_AT_CERTIFICATE.items():
        yield _chooses(name, replying(reply), "malformed at certificate", 0, X25519)
    for name, reply in BROKEN_AT_FINISHED.items():
        yield _chooses(name, replying(reply), "malformed at finished", 1, X25519)
    yield _chooses("a wrong Finished", replying(_wrong_finished), "malformed at finished", 1, X25519, PSS)
    for name, reply in BROKEN_SHARES.items():
        yield _chooses(name, replying(reply), "malformed at hello", 0, X25519, P256, "X25519MLKEM768")
    for name, (asked, group) in RETRIES.items():
        yield _chooses(f"a retry {name}", replying(_retrying(asked)), "malformed at hello", 0, group, "x25519")
    again = _retrying_without_end(extension(51, b"\x00\x17"))
    yield _chooses("retries without end", again, "malformed at hello", 0, P256)
    yield _chooses("retries with cookies without end", _retrying_without_end(extension(44, vector(2, b"again"))),
                   "malformed at hello")  # fmt: skip
    yield _chooses(
        "one retry, then silent", replying(_retrying(extension(51, b"\x00\x17"))), "timeout at hello", 0, P256
    )
    yield _chooses("one retry, then closes", _retries_and_closes, "closed at hello", 0, P256)
    yield _chooses("a point off the curve", _point_off_the_curve, "malformed at hello", 0, P256)
    yield Animal("TLS 1.3: a retry for TLS 1.4", "tls", replying(_sets_another_version), "malformed at hello")

    silent_after = replying(_after(b""))
    yield _chooses("silent after its ServerHello", silent_after, "timeout at certificate", 0, X25519)
    yield _chooses(
        "silent after its Certificate", replying(_saying(EXTENSIONS, CHAIN)), "timeout at finished", 1, X25519
    )
    yield _chooses("closes after its Certificate", closing(_saying(EXTENSIONS, CHAIN)), "closed at finished", 1, X25519)
    yield _chooses("an encrypted alert", replying(_encrypting(b"\x02\x28\x15")), "refused at certificate", 0, X25519)
    in_clear = replying(_after(record(b"\x02\x28", 21)))
    yield _chooses("an alert in clear text", in_clear, "refused at certificate", 0, X25519)
    yield _chooses("ChangeCipherSpecs without end", flooding(CHANGE * 99, _after(b"")), "too_large at certificate", 0,
                   X25519)  # fmt: skip
    yield _chooses("user_canceled without end", _encrypting_without_end(b"\x01\x5a" * 99 + b"\x15"),
                   "too_large at certificate", 0, X25519)  # fmt: skip
    padded = _encrypting_without_end(b"\x0b\x16" + bytes(16_000))
    yield _chooses("padding without end", padded, "too_large at certificate", 0, X25519)
    many = certificate_13(*(b"\x30\x02" + at.to_bytes(2) for at in range(1_001)))
    yield _chooses("a chain of 1,001", replying(_saying(EXTENSIONS, many)), "too_large at certificate", 1_000, X25519)
    announced = _saying(EXTENSIONS, b"\x0b\xff\xff\xff")
    yield _chooses("a chain of 16 MB", replying(announced), "too_large at certificate", 0, X25519)
    staple = extension(5, b"\x01" + vector(3, bytes(9000)))
    stapled = _saying(EXTENSIONS, certificate_13(LEAF, extensions=staple))
    yield _chooses("a staple of noise, then silent", replying(stapled), "timeout at finished", 1, X25519)


ANIMALS = tuple(_animals())
