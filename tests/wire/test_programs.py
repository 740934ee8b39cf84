"""The engine over loopback against the command-line servers of OpenSSL and GnuTLS, judged by `openssl s_client`."""

import contextlib
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conftest import ending_with_tests, need
from tests.wire.crafted import (
    DONE,
    Server13,
    certificate,
    certificate_13,
    extension,
    message,
    record,
    server_hello,
    signed_exchange,
    vector,
)
from tests.wire.peers import OnSocket, converse, credentials
from toolkit.reference import Offer, find_suite, groups, offers, signature_schemes, suites
from toolkit.wire import Answer, Handshake
from toolkit.wire.anatomy.dissect import dissect

ANY = offers()["any"]


@contextlib.contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process,
        ending_with_tests(process),
    ):
        yield process


def announced(process: subprocess.Popen[bytes], pattern: bytes) -> bytes:
    """What a starting server prints: the first group of the first line that fits."""
    assert process.stdout is not None
    for line in process.stdout:
        if match := re.search(pattern, line):
            return match[1]
    return pytest.fail("the server did not start")


@contextlib.contextmanager
def s_server(kinds: tuple[str, ...], *options: str) -> Iterator[int]:
    """The port of an `openssl s_server`; without options it takes everything it was built with."""
    openssl = need("openssl")
    with contextlib.ExitStack() as stack:
        flags = []
        for kind, (certificate, key) in zip(kinds, (("-cert", "-key"), ("-dcert", "-dkey")), strict=False):
            files = stack.enter_context(credentials(kind).files())
            flags += [certificate, files[0], key, files[1]]
        options = options or ("-cipher", "ALL:@SECLEVEL=0", "-min_protocol", "TLSv1")
        process = stack.enter_context(running(openssl, "s_server", "-accept", "127.0.0.1:0", *flags, *options))
        yield int(announced(process, rb"^ACCEPT 127\.0\.0\.1:(\d+)"))


def look(port: int, offer: Offer = ANY) -> Answer:
    handshake = Handshake(offer, server_name="mx.lab.test")
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        converse(handshake, OnSocket(connection))
    return handshake.answer


def s_client(port: int, *options: str) -> str:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "mx.lab.test", *options]
    return subprocess.run(command, input=b"", capture_output=True, timeout=20, check=False).stdout.decode()


def found(pattern: str, printed: str) -> str:
    match = re.search(pattern, printed, re.MULTILINE)
    assert match, printed
    return match[1]


@pytest.mark.parametrize("kinds", [("RSA",), ("EC",), ("Ed25519",), ("RSA", "EC")])
@pytest.mark.parametrize(("version", "flag"), [("TLS 1.3", "-tls1_3"), ("TLS 1.2", "-tls1_2"), ("TLS 1.0", "-tls1")])
def test_the_same_as_s_client_sees(kinds: tuple[str, ...], version: str, flag: str) -> None:
    if kinds == ("Ed25519",) and version == "TLS 1.0":
        pytest.skip("RFC 8422, 5.10: Ed25519 signs from TLS 1.2 on")
    with s_server(kinds) as port:
        offer = replace(ANY, versions=(version,))
        answer = look(port, offer)
        printed = s_client(port, flag, "-showcerts", "-cipher", "ALL:@SECLEVEL=0")
    assert answer.is_sound, answer
    assert answer.is_key_proven
    assert found(r"Protocol *: *(\S+)$|^New, (TLSv\S+),", printed) in {"TLSv1.3", "TLSv1.2", "TLSv1", None}
    suite = suites()[answer.suite_code or 0]
    key = found(r"Server Temp Key: ([^,\n]+)", printed)
    group = groups()[answer.group_code or 0].name
    assert {"X25519": "x25519", "ECDH": "secp256r1"}.get(key, key) == group
    # Both were answered with the certificate that this server prefers.
    assert "BEGIN CERTIFICATE" in printed
    if version == "TLS 1.3":
        assert suite.name == "TLS_AES_128_GCM_SHA256"  # our first, since the server follows the client
    else:
        server = find_suite(found(r"^New, \S+, Cipher is (\S+)$", printed))
        assert server is not None
        assert (server.key_exchange, server.authentication) == (suite.key_exchange, suite.authentication)
    if version != "TLS 1.0":
        scheme = signature_schemes()[answer.signature_scheme_code or 0]
        kind = found(r"Peer signature type: (\S+)", printed)
        assert {"RSA-PSS": "RSA", "RSA": "RSA", "ECDSA": "EC", "ed25519": "Ed25519"}[kind] == scheme.key_type


@pytest.mark.parametrize(
    "name",
    ["ADH-AES128-SHA", "AECDH-AES128-SHA", "DHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "PSK-AES128-CBC-SHA",
     "RSA-PSK-AES128-CBC-SHA", "DHE-PSK-AES128-CBC-SHA", "ECDHE-PSK-AES128-CBC-SHA"],
)  # fmt: skip
@pytest.mark.parametrize(("version", "flag"), [("TLS 1.2", "-tls1_2"), ("TLS 1.0", "-tls1")])
def test_a_key_exchange_is_taken_apart_as_openssl_does(name: str, version: str, flag: str) -> None:
    """Its forms follow from the suite; the vectors and their lengths are those that `s_client -trace` prints."""
    suite = find_suite(name)
    assert suite is not None
    options = ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", "-psk", "0102", "-psk_hint", "a hint", "-Verify", "1")
    with s_server(("RSA",), *options, "-min_protocol", "TLSv1") as port:
        traced = s_client(port, flag, "-trace", "-psk", "0102", "-cipher", f"{name}:@SECLEVEL=0")
        offer = replace(ANY, versions=(version,), suites=(suite.code,))
        handshake = Handshake(offer, server_name="mx.lab.test")
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            _, received = converse(handshake, OnSocket(connection))
    assert handshake.answer.suite_code == suite.code
    fields = [(*field.name.partition("."), field.length, field.meaning) for field in dissect(received)]
    exchange = re.search(r"ServerKeyExchange, Length=\d+\n(.*?)\n\n", traced, re.DOTALL)
    assert exchange, traced
    theirs = [(key, int(length)) for key, length in re.findall(r"(\w+) \(len=(\d+)\)", exchange[1])]
    ours = [
        ({"public": "point"}.get(word := path.rpartition(".")[2], word), length)
        for message, _, path, length, _ in fields
        if message == "ServerKeyExchange" and f"{path}.length" in {other for _, _, other, _, _ in fields}
    ]
    # OpenSSL writes the same names, but Signature for signature and named_curve with its number.
    assert [(key.lower(), length) for key, length in theirs] == [(key.lower(), length) for key, length in ours]
    if named := re.search(r"named_curve: \S+ \((\d+)\)", exchange[1]):
        assert [groups()[int(named[1])].name] == [meaning for *_, path, _, meaning in fields if "namedcurve" in path]
    asked = [meaning for message, _, path, _, meaning in fields
             if message == "CertificateRequest" and re.fullmatch(r"certificate_types\.\d", path)]  # fmt: skip
    assert asked == (["rsa_sign", "dss_sign", "ecdsa_sign"] if suite.authentication in ("RSA", "anon") else [])
    assert asked == re.findall(r"(\w+_sign) \(\d+\)", traced) or suite.authentication == "anon"  # it gave up there
    assert not [path for _, _, path, _, _ in fields if path.endswith(("unread", "body"))]


def judged(flight: Callable[[bytes], bytes], *options: str) -> tuple[Answer, str]:
    """What we say of a server that answers a hello (in one record) so, and what `openssl s_client` complains of."""
    handshake = Handshake(offers()["any"], server_name=None)
    handshake.receive(flight(handshake.start()))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        command = [need("openssl"), "s_client", "-connect", f"127.0.0.1:{server.getsockname()[1]}", *options]
        with running(*command) as process:
            connection, _ = server.accept()
            with connection:
                hello = connection.recv(5, socket.MSG_WAITALL)
                hello += connection.recv(int.from_bytes(hello[3:]), socket.MSG_WAITALL)
                connection.sendall(flight(hello))
                connection.recv(1 << 16)  # an alert, or its next words
            printed, _ = process.communicate(timeout=20)
    complaints = [line for line in printed.decode().splitlines() if ":error:" in line]
    return handshake.answer, "; ".join(line for line in complaints if "unexpected eof" not in line)  # we hang up


@pytest.mark.parametrize(("kind", "word"), [("RSA", None), ("EC", "wrong certificate type"), ("Ed25519", "wrong cert")])
def test_static_rsa_needs_an_rsa_key(kind: str, word: str | None) -> None:
    hello = server_hello(0x002F, extension(0xFF01, b"\x00"))  # without which s_client goes no further (RFC 5746)
    flight = hello + certificate(credentials(kind).der) + DONE
    answer, complaint = judged(lambda _: record(flight), "-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0")
    assert answer.outcome == "ok"
    assert answer.faults == (() if word is None else ("key_unfit",))
    assert (complaint == "") if word is None else (word in complaint)


BASE = ec.derive_private_key(1, ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
PRIME = (2**2048 - 1942289).to_bytes(256)  # of that size, and no more is asked of it here


@pytest.mark.parametrize(
    ("suite", "params", "word"),
    [
        (0xC013, b"\x03\x00\x1d" + vector(1, b"\x09" + bytes(31)), None),
        (0xC013, b"\x03\x00\x1d" + vector(1, bytes(32)), "bad key share"),  # of small order: no secret can be made
        (0xC013, b"\x03\x00\x1d" + vector(1, b"\x09" + bytes(30)), "bad ecpoint"),
        (0xC013, b"\x03\x00\x17" + vector(1, BASE), None),
        (0xC013, b"\x03\x00\x17" + vector(1, BASE[:-1] + b"\x00"), "bad ecpoint"),
        (0xC013, b"\x03\x00\x17" + vector(1, BASE[:-1]), "bad ecpoint"),
        (0x0033, vector(2, PRIME) + vector(2, b"\x02") + vector(2, b"\x08"), None),
        (0x0033, vector(2, PRIME) + vector(2, b"\x02") + vector(2, PRIME), "bad dh value"),
        (0x0033, vector(2, PRIME) + vector(2, b"\x02") + vector(2, b"\x01"), "bad dh value"),
    ],
)
def test_a_share_must_be_of_its_group(suite: int, params: bytes, word: str | None) -> None:
    """The signature is right each time."""

    def flight(hello: bytes) -> bytes:
        answer = server_hello(suite, extension(0xFF01, b"\x00")) + certificate(credentials("RSA").der)
        return record(answer + signed_exchange(hello, params) + DONE)

    answer, complaint = judged(flight, "-tls1_2", "-cipher", "ALL:@SECLEVEL=0")
    assert (answer.outcome, answer.is_key_proven) == ("ok", True)
    assert answer.faults == (() if word is None else ("share_unusable",))
    assert (complaint == "") if word is None else (word in complaint)


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ((), None),
        ((certificate(credentials("RSA").der),), "unexpected message"),
        ((message(13, b"\x01\x01" + vector(2, b"\x04\x01") + vector(2, b"")),), "unexpected message"),
    ],
    ids=["neither", "shown", "asked for"],
)
def test_an_anonymous_server_neither_shows_nor_asks_for_one(parts: tuple[bytes, ...], word: str | None) -> None:
    exchange = message(12, vector(2, PRIME) + vector(2, b"\x02") + vector(2, b"\x08"))
    said = sorted([exchange, *parts], key=lambda part: part[0])
    flight = server_hello(0x0034, extension(0xFF01, b"\x00")) + b"".join(said) + DONE
    answer, complaint = judged(lambda _: record(flight), "-tls1_2", "-cipher", "ADH:@SECLEVEL=0")
    assert answer.outcome == "ok"
    assert answer.faults == ("suite_not_offered",) + (() if word is None else ("certificate_out_of_place",))
    assert (complaint == "") if word is None else (word in complaint)


@pytest.mark.parametrize(
    ("kind", "scheme", "faults", "word"),
    [
        ("RSA", "rsa_pss_rsae_sha256", (), None),
        ("RSA", "rsa_pkcs1_sha256", ("scheme_of_another_version",), "wrong signature type"),
        ("EC", "ecdsa_secp256r1_sha256", (), None),
        ("P-384", "ecdsa_secp384r1_sha384", (), None),
        ("P-384", "ecdsa_secp256r1_sha256", ("key_unfit",), "wrong curve"),
    ],
)
def test_tls_13_binds_schemes(kind: str, scheme: str, faults: tuple[str, ...], word: str | None) -> None:
    """The signature itself is right each time (RFC 8446, 4.2.3)."""

    def flight(hello: bytes) -> bytes:
        server = Server13(hello)
        said = server.say(message(8, bytes(2)), certificate_13(credentials(kind).der))
        return record(server.hello) + said + server.say(server.signed(kind, scheme)) + server.say(server.finished())

    answer, complaint = judged(flight, "-tls1_3", "-groups", "X25519")
    assert (answer.outcome, answer.faults, answer.is_key_proven) == ("ok", faults, True)
    assert (complaint == "") if word is None else (word in complaint)


def test_a_server_that_forces_p256_is_asked_again() -> None:
    with s_server(("EC",), "-groups", "P-256") as port:
        answer = look(port)
    assert answer.is_sound, answer
    assert (answer.is_retried, answer.group_code, answer.protocol) == (True, 0x0017, "TLS 1.3")


def test_a_staple_is_seen_where_one_is_served(tmp_path_factory: pytest.TempPathFactory) -> None:
    staple = tmp_path_factory.mktemp("ocsp") / "response.der"
    staple.write_bytes(b"\x30\x03\x0a\x01\x03")  # OCSPResponse, tryLater: served as it is
    for version in ("TLS 1.2", "TLS 1.3"):
        with s_server(("RSA",), "-status_file", str(staple)) as port:
            answer = look(port, replace(ANY, versions=(version,)))
        assert (answer.is_sound, answer.has_ocsp_staple) == (True, True), answer


@pytest.mark.interop
@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_gnutls_suite_by_suite(kind: str) -> None:
    """What GnuTLS serves at each version, one suite at a time: 3DES and RC4 are still in it."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    priority = "NORMAL:+VERS-ALL:+3DES-CBC:+ARCFOUR-128:+DHE-RSA:+RSA:%COMPAT:%SERVER_PRECEDENCE"
    with credentials(kind).files() as (certificate, key):
        command = [need("gnutls-serv"), "--port", str(port), "--priority", priority, "--echo"]
        with running(*command, "--x509certfile", certificate, "--x509keyfile", key) as process:
            announced(process, rb"listening on (IPv4)")
            for protocol, codes in (
                ("TLS 1.0", (0x0005, 0x000A, 0x002F, 0xC013, 0xC009)),
                ("TLS 1.2", (0x000A, 0xC013, 0xC009, 0xC02F, 0xC02B, 0x009E)),
                ("TLS 1.3", (0x1301, 0x1302, 0x1303, 0x1304)),
            ):
                for code in codes:
                    answer = look(port, replace(ANY, versions=(protocol,), suites=(code,)))
                    authentication = suites()[code].authentication
                    if authentication in {"any", {"RSA": "RSA", "EC": "ECDSA"}[kind]}:
                        assert answer.is_sound, (suites()[code].name, answer)
                        assert (answer.protocol, answer.suite_code) == (protocol, code)
                        assert answer.chain == (credentials(kind).der,)
                    else:
                        assert (answer.outcome, answer.alert) == ("refused", 40)
