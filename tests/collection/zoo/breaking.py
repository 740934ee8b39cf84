"""Animals that break records, alerts, and the handshake of TLS 1.2 and older; what is right in them is by OpenSSL."""

from collections.abc import Callable, Iterable, Iterator

from tests.collection.zoo.animals import (
    Animal,
    Behaviour,
    Reply,
    closing,
    dripping,
    flooding,
    replying,
    resetting,
    silent,
    streaming,
)
from tests.wire.crafted import (
    DONE,
    certificate,
    extension,
    message,
    record,
    server_hello,
    vector,
)
from tests.wire.peers import InMemory, context, credentials

SUITE = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
GCM = 0xC02F
X25519, PSS = "x25519", "rsa_pss_rsae_sha256"
LEAF = credentials("RSA").der
HELLO = server_hello(GCM)

_CONTEXT = context("RSA", ciphers="ECDHE-RSA-AES128-GCM-SHA256")
_CONTEXT.maximum_version = _CONTEXT.maximum_version.TLSv1_2


def right(hello: bytes) -> bytes:
    """OpenSSL's flight of TLS 1.2, or its alert."""
    return InMemory(_CONTEXT)(hello)


def _records(stream: bytes) -> Iterator[tuple[int, bytes]]:
    while stream:
        size = 5 + int.from_bytes(stream[3:5])
        yield stream[0], stream[5:size]
        stream = stream[size:]


def _altered(change: Callable[[bytes], bytes]) -> Reply:
    """OpenSSL's flight, changed; its alert as it is."""

    def reply(hello: bytes) -> bytes:
        flight = right(hello)
        return flight if flight[:1] == b"\x15" else change(flight)

    return reply


def _shred(flight: bytes) -> bytes:
    """The flight in records of one byte."""
    pieces = ((kind, content[at : at + 1]) for kind, content in _records(flight) for at in range(len(content)))
    return b"".join(record(piece, kind) for kind, piece in pieces)


def _sign_wrongly(flight: bytes) -> bytes:
    """OpenSSL ends with the signature, then a ServerHelloDone in a record of nine bytes."""
    return flight[:-10] + bytes((flight[-10] ^ 1,)) + flight[-9:]


def _warn_first(flight: bytes) -> bytes:
    """A warning of every description except close_notify, and then the flight."""
    return b"".join(record(bytes((1, code)), 21) for code in range(1, 256)) + flight


def _with_another_chain(*chain: bytes) -> Reply:
    """OpenSSL's flight with the chain replaced."""

    def change(flight: bytes) -> bytes:
        said = b"".join(content for _, content in _records(flight))
        at = 4 + int.from_bytes(said[1:4])
        end = at + 4 + int.from_bytes(said[at + 1 : at + 4])
        content = said[:at] + certificate(*chain) + said[end:]
        return b"".join(record(content[cut : cut + 16_000]) for cut in range(0, len(content), 16_000))

    return _altered(change)


def _cut(size: int) -> Reply:
    return _altered(lambda flight: flight[:size])


@_altered
def _up_to_certificate(flight: bytes) -> bytes:
    first, second, *_ = _records(flight)
    return record(first[1]) + record(second[1])


def _ten_megabytes(_: bytes) -> Iterable[bytes]:
    yield record(HELLO)
    chain = vector(3, bytes(100_000)) * 100
    content = message(11, vector(3, chain))
    for at in range(0, len(content), 1 << 14):
        yield record(content[at : at + (1 << 14)])


def _many_small(count: int) -> Reply:
    """A chain of that many distinct pieces of no certificate."""
    content = HELLO + certificate(*(b"\x30\x02" + at.to_bytes(2) for at in range(count)))
    return lambda _: b"".join(record(content[at : at + 16_000]) for at in range(0, len(content), 16_000))


def _tls(name: str, behaviour: Behaviour, ending: str, kept: int = 0) -> Animal:
    return Animal(f"TLS: {name}", "tls", behaviour, ending, kept)


def _chooses(name: str, behaviour: Behaviour, ending: str, kept: int = 0, *more: str) -> Animal:
    """It really answers with TLS 1.2 and the suite; OpenSSL, where it is asked, refuses everything else."""
    named = frozenset({SUITE, "TLS 1.2", "RSA", *more})
    return Animal(f"TLS: {name}", "tls", behaviour, ending, kept, "TLS 1.2", named, refuses=True)


def _alerts() -> Iterator[Animal]:
    for level, code in ((2, 40), (2, 47), (2, 70), (2, 71)):
        said = record(bytes((level, code)), 21)
        yield Animal(f"TLS: alert {level}/{code}", "tls", silent(said), "refused at hello", refuses=True)
    for level, code in ((1, 0), (2, 0), (0, 80), (2, 10), (2, 80), (2, 112), (2, 255), (3, 20), (255, 255)):
        yield _tls(f"alert {level}/{code}", silent(record(bytes((level, code)), 21)), "refused at hello")
    yield _tls("a warning, then silent", silent(record(b"\x01\x70", 21)), "timeout at hello")
    yield _tls("a warning, then closes", closing(lambda _: record(b"\x01\x70", 21)), "refused at hello")
    yield _tls("warnings without end", flooding(record(b"\x01\x70" * 99, 21)), "too_large at hello")
    yield _tls("user_canceled without end", flooding(record(b"\x01\x5a", 21) * 99), "too_large at hello")
    yield _tls("half an alert", silent(record(b"\x02", 21)), "malformed at hello")
    yield _chooses("every warning, then right", replying(_altered(_warn_first)), "ok at finished", 1, X25519)


NOT_TLS = {
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "SMTP": b"220 mx.test ESMTP\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.9\r\n",
    "NUL bytes": bytes(1000),
    "noise": bytes(range(255, -1, -1)) * 9,
    "a record of version 5.5": b"\x16\x05\x05\x00\x04\x00\x00\x00\x00",
    "a heartbeat": b"\x18\x03\x03\x00\x03\x02\x40\x00",
    "DTLS": b"\x16\xfe\xfd" + bytes(20),
    "terminal controls": b"\x1b]0;owned\x07\x1b[2J" * 99,
}

BROKEN = {
    "an oversized record": b"\x16\x03\x03\x40\x01" + bytes(999),
    "an oversized encrypted record": b"\x17\x03\x03\x41\x01" + bytes(999),
    "a ChangeCipherSpec first": record(b"\x01", 20),
    "application data first": record(b"data", 23),
    "empty application data": record(b"", 23),
    "a Certificate first": record(certificate(LEAF)),
    "an unknown message": record(message(99, b"x")),
    "a ServerHello cut short": record(message(2, HELLO[4:20])),
    "a ServerHello with a byte too many": record(message(2, HELLO[4:] + b"\0\0\0")),
    "a session id longer than its message": record(message(2, b"\x03\x03" + bytes(32) + b"\xff" + bytes(9))),
    "extensions longer than their message": record(message(2, HELLO[4:] + b"\xff\xff\x00\x05")),
    "an extension twice": record(server_hello(GCM, extension(5, b""), extension(5, b""))),
    "version 3.4 in the old field": record(server_hello(GCM, version=0x0304)),
    "version 0.2 in the old field": record(server_hello(GCM, version=0x0002)),
    "a draft of TLS 1.3": record(server_hello(0x1301, extension(43, b"\x7f\x1c"))),
    "TLS 1.2 by extension": record(server_hello(GCM, extension(43, b"\x03\x03"))),
}

BROKEN_AFTER_HELLO = {
    "a chain of none": record(HELLO + certificate()),
    "an empty certificate": record(HELLO + certificate(b"")),
    "a certificate longer than its list": record(HELLO + message(11, b"\x00\x00\x05\x00\x00\x09ab")),
    "a list longer than its message": record(HELLO + message(11, b"\xff\xff\xff\x00\x00\x01a")),
    "a second ServerHello": record(HELLO * 2),
    "ServerHelloDone at once": record(HELLO + DONE),
    "NewSessionTicket at once": record(HELLO + message(4, bytes(10))),
    "a CompressedCertificate": record(HELLO + message(25, b"\x00\x01\xff\xff\xff" + vector(3, bytes(99)))),
    "a record of type 99": record(HELLO) + record(b"x", 99),
    "a record of version 4.3": record(HELLO) + b"\x16\x04\x03\x00\x01\x00",
}


def _animals() -> Iterator[Animal]:
    yield _tls("silent", silent(), "timeout at hello")
    yield _tls("closes", closing(lambda _: b""), "closed at hello")
    yield _tls("resets", resetting(lambda _: b""), "reset at hello")
    yield _tls("closes in a record", closing(lambda _: b"\x16\x03\x03\x00\x7a\x02"), "closed at hello")
    yield _tls("resets in a record", resetting(lambda _: b"\x16\x03\x03\x00\x7a\x02"), "reset at hello")
    yield _tls("silent in a record", silent(b"\x16\x03"), "timeout at hello")
    yield _tls("drips a record", dripping(lambda _: b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + bytes(9999), 0.01),
               "timeout at hello")  # fmt: skip
    for name, said in NOT_TLS.items():
        yield _tls(name, silent(said), "not_tls at hello")
    for name, said in BROKEN.items():
        yield _tls(name, silent(said), "malformed at hello")
    yield _tls("the hello given back", replying(lambda hello: hello), "malformed at hello")
    yield _tls("empty records without end", flooding(record(b"")), "malformed at hello")
    yield _tls("noise without end", flooding(bytes(range(256)) * 9), "not_tls at hello")
    yield _tls("HelloRequests without end", flooding(record(message(0) * 4000)), "too_large at hello")
    yield _tls("a ServerHello of 16 MB", silent(record(b"\x02\xff\xff\xff")), "too_large at hello")
    yield _tls("a ServerHello in empty pieces", flooding(record(b"\x00"), lambda _: record(b"\x02\x03\xff\x00")),
               "too_large at hello")  # fmt: skip
    # The old protocol's SERVER-HELLO and ERROR, in answer to a hello that was not of SSL 2.0.
    old = b"\x04\x00\x01\x00\x02" + len(LEAF).to_bytes(2) + b"\x00\x03\x00\x10" + LEAF + b"\x01\x00\x80" + bytes(16)
    old_hello = (0x8000 | len(old)).to_bytes(2) + old
    named = frozenset({"SSL 2.0", "SSL_CK_RC4_128_WITH_MD5", "RSA"})
    yield Animal("TLS: SSL 2.0", "tls", silent(old_hello), "not_tls at hello", 0, "SSL 2.0", named)
    yield Animal("TLS: an error of SSL 2.0", "tls", silent(b"\x80\x03\x00\x00\x01"), "not_tls at hello", refuses=True)
    yield from _alerts()

    for name, said in BROKEN_AFTER_HELLO.items():
        yield _chooses(name, silent(said), "malformed at certificate")
    hello = record(HELLO)
    yield _chooses("silent after its ServerHello", silent(hello), "timeout at certificate")
    yield _chooses("closes after its ServerHello", closing(lambda _: hello), "closed at certificate")
    yield _chooses("resets after its ServerHello", resetting(lambda _: hello), "reset at certificate")
    yield _chooses("an alert after its ServerHello", silent(hello + record(b"\x02\x50", 21)), "refused at certificate")
    yield _chooses("warnings after its ServerHello", flooding(record(b"\x01\x70", 21), lambda _: hello),
                   "too_large at certificate")  # fmt: skip
    yield _chooses("cut in the Certificate", closing(_cut(300)), "closed at certificate")
    yield _chooses("silent after its Certificate", replying(_up_to_certificate), "timeout at finished", 1)
    yield _chooses("closes after its Certificate", closing(_up_to_certificate), "closed at finished", 1)
    yield _chooses("resets after its Certificate", resetting(_up_to_certificate), "reset at finished", 1)
    yield _chooses("a chain of 10 MB", streaming(_ten_megabytes), "too_large at certificate")
    yield _chooses("a chain of 1,001", silent(_many_small(1_001)(b"")), "too_large at certificate", 1_000)
    yield _chooses("a chain of 1,000, then silent", silent(_many_small(1_000)(b"")), "timeout at finished", 1_000)
    yield _chooses("noise for a certificate", replying(_with_another_chain(bytes(range(256)))), "ok at finished", 1,
                   X25519, PSS)  # fmt: skip
    deep = b"\x30\x80" * 20_000
    yield _chooses("a certificate nested 20,000 deep", replying(_with_another_chain(deep)), "ok at finished", 1,
                   X25519, PSS)  # fmt: skip
    yield _chooses("a certificate cut short", replying(_with_another_chain(LEAF[:-9])), "ok at finished", 1, X25519,
                   PSS)  # fmt: skip
    yield _chooses("the leaf 60 times", replying(_with_another_chain(*[LEAF] * 60)), "ok at finished", 60, X25519,
                   PSS)  # fmt: skip
    yield _chooses("wrongly signed", replying(_altered(_sign_wrongly)), "ok at finished", 1, X25519, PSS)
    yield _chooses("records of one byte", replying(_altered(_shred)), "ok at finished", 1, X25519, PSS)
    yield _chooses("a byte at a time", dripping(right), "ok at finished", 1, X25519, PSS)
    off_curve = message(
        12, b"\x03\x00\x17" + vector(1, b"\x04" + bytes(63) + b"\x01") + b"\x08\x04" + vector(2, bytes(256))
    )
    yield _chooses("a point off the curve", silent(record(HELLO + certificate(LEAF) + off_curve + DONE)),
                   "ok at finished", 1, "secp256r1", PSS)  # fmt: skip
    empty = message(12, b"\x03\x00\x1d" + vector(1, b"") + b"\x08\x04\x00\x00")
    yield _chooses("an empty point", silent(record(HELLO + certificate(LEAF) + empty)), "malformed at finished", 1,
                   X25519)  # fmt: skip
    flight = record(server_hello(0xFAFA) + certificate(LEAF) + DONE)
    yield Animal(
        "TLS: a suite not offered", "tls", silent(flight), "ok at finished", 1, "TLS 1.2", frozenset({"TLS 1.2", "RSA"})
    )
    old_version = record(server_hello(0x002F, version=0x0300) + certificate(LEAF) + DONE)
    yield Animal("TLS: SSL 3.0 to every hello", "tls", silent(old_version), "ok at finished", 1, "SSL 3.0",
                 frozenset({"SSL 3.0", "TLS_RSA_WITH_AES_128_CBC_SHA", "RSA"}))  # fmt: skip


ANIMALS = tuple(_animals())
