"""More servers that others wrote, in addition to `tests.interop.daemons`: JSSE, NSS, GnuTLS, tlslite-ng, OpenSSL, all
with as much switched on as they have.
"""

import contextlib
import os
import re
import socket
import subprocess
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collection.surveys.serving import answering
from tests.conftest import ending_with_tests, need
from tests.interop.daemons import free_ports, run

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports asyncore
    from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
    from tlslite.constants import CipherSuite
    from tlslite.errors import BaseTLSException
    from tlslite.handshakesettings import Keypair, VirtualHost

__all__ = [
    "CipherSuite",
    "gnutls",
    "java",
    "jsse",
    "make_more",
    "nss",
    "read_until",
    "running",
    "s_server",
    "tlslite",
    "tlslite_settings",
]


def make_more(folder: Path) -> None:
    """In addition to `make_certificates`: the same certificates as PKCS #12, and finite-field parameters."""
    openssl = need("openssl")
    for kind in ("rsa", "ec"):
        inputs = ("-in", f"{kind}.crt", "-inkey", f"{kind}.key", "-certfile", "intermediate.crt", "-name", kind)
        run(openssl, "pkcs12", "-export", *inputs, "-passout", "pass:changeit", "-out", f"{kind}.p12", cwd=folder)
    kind_of_group = ("-algorithm", "DH", "-pkeyopt", "group:ffdhe2048")
    run(openssl, "genpkey", "-genparam", *kind_of_group, "-out", "dh.pem", cwd=folder)


@contextlib.contextmanager
def running(*command: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """The process, which ends with the context."""
    with (
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", env=os.environ | (environment or {}),
        ) as process,
        ending_with_tests(process),
    ):  # fmt: skip
        yield process


def read_until(process: subprocess.Popen[str], pattern: str) -> tuple[str, list[str]]:
    """The first group of the first line that fits, and the lines before; what comes later is read and dropped."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        if match := re.search(pattern, line):
            drain(process)
            return match[1], lines
        lines.append(line.strip())
    return pytest.fail("the server did not start: " + "\n".join(lines))


def drain(process: subprocess.Popen[str]) -> None:
    """Keep a talkative server from stopping at a full pipe."""

    def read() -> None:
        assert process.stdout is not None
        with contextlib.suppress(ValueError):  # closed meanwhile
            while process.stdout.read(1 << 16):
                pass

    threading.Thread(target=read, daemon=True).start()


@contextlib.contextmanager
def jsse(folder: Path, state: Path, *, is_short_lived: bool = True) -> Iterator[tuple[int, Path]]:
    """The port of a JSSE server without disabled algorithms, and the folder with its classes.

    `is_short_lived`: as quick to start as Java can be; else as quick to answer.
    """
    (state / "security").write_text(
        "jdk.tls.disabledAlgorithms=\njdk.certpath.disabledAlgorithms=\njdk.tls.legacyAlgorithms=\n"
    )
    run(need("javac"), "-d", state, *Path(__file__).parent.glob("*.java"))
    keys = (str(folder / "rsa.p12"), str(folder / "ec.p12"))
    with running(*java(state, is_short_lived=is_short_lived), "Jsse", *keys) as process:
        port, _ = read_until(process, r"^PORT (\d+)")
        yield int(port), state


def java(state: Path, *, is_short_lived: bool = True) -> list[str]:
    """A command that runs classes of the folder with everything allowed."""
    options = ["-Xmx128m", "-XX:TieredStopAtLevel=1"] if is_short_lived else ["-Xmx256m"]
    return [need("java"), *options, f"-Djava.security.properties={state}/security", "-cp", str(state)]


@contextlib.contextmanager
def s_server(folder: Path, *options: str) -> Iterator[int]:
    """The port of an `openssl s_server` with both kinds of certificate."""
    command = [need("openssl"), "s_server", "-accept", "127.0.0.1:0", "-WWW", "-dhparam", f"{folder}/dh.pem"]
    for flag, kind in (("", "rsa"), ("d", "ec")):
        command += [f"-{flag}cert", f"{folder}/{kind}.crt", f"-{flag}key", f"{folder}/{kind}.key"]
    with running(*command, *options) as process:
        yield int(read_until(process, r"^ACCEPT 127\.0\.0\.1:(\d+)")[0])


@contextlib.contextmanager
def gnutls(folder: Path, priority: str) -> Iterator[int]:
    """The port of a `gnutls-serv`."""
    (port,) = free_ports(1)
    command = [need("gnutls-serv"), "-p", str(port), "--echo", f"--dhparams={folder}/dh.pem", "--priority", priority]
    for kind in ("rsa", "ec"):
        command += [f"--x509certfile={folder}/{kind}.pem", f"--x509keyfile={folder}/{kind}.key"]
    with running(*command) as process:
        read_until(process, r"listening on (IPv4)")
        yield port


@contextlib.contextmanager
def nss(folder: Path, state: Path, versions: str, suites: tuple[int, ...]) -> Iterator[int]:
    """The port of NSS's `selfserv`."""
    database = f"sql:{state}"
    run(need("certutil"), "-N", "-d", database, "--empty-password")
    for kind in ("rsa", "ec"):
        run(need("pk12util"), "-i", folder / f"{kind}.p12", "-d", database, "-W", "changeit")
    (port,) = free_ports(1)
    listed = "".join(f":{code:04x}" for code in suites)
    command = [need("selfserv"), "-d", database, "-n", "rsa", "-e", "ec", "-p", str(port), "-V", versions, "-c", listed]
    with running(*command, "-v", environment={"NSS_IGNORE_SYSTEM_POLICY": "1"}) as process:
        read_until(process, r"selfserv: About to call (accept)")
        yield port


def tlslite_settings() -> HandshakeSettings:
    """Everything that tlslite-ng has, from SSL 3.0 to TLS 1.3."""
    settings = HandshakeSettings()
    settings.minVersion, settings.maxVersion = (3, 0), (3, 4)
    settings.cipherNames = ["chacha20-poly1305", "aes256gcm", "aes128gcm", "aes256ccm", "aes128ccm", "aes256", "aes128",
                            "3des", "rc4", "null"]  # fmt: skip
    settings.macNames = ["sha", "sha256", "sha384", "aead", "md5"]
    settings.keyExchangeNames = ["rsa", "dhe_rsa", "ecdhe_rsa", "ecdhe_ecdsa", "dh_anon", "ecdh_anon"]
    return settings


@contextlib.contextmanager
def tlslite(folder: Path) -> Iterator[int]:
    """The port of a tlslite-ng server, with a thread for each connection."""

    def pair(kind: str) -> tuple[X509CertChain, object]:
        chain = X509CertChain()
        chain.parsePemList((folder / f"{kind}.pem").read_text())
        return chain, parsePEMKey((folder / f"{kind}.key").read_text(), private=True)

    (rsa_chain, rsa_key), (ec_chain, ec_key) = pair("rsa"), pair("ec")
    settings = tlslite_settings()
    host = VirtualHost()
    host.keys = [Keypair(ec_key, ec_chain.x509List)]
    settings.virtual_hosts = [host]
    settings = settings.validate()

    def serve(connection: socket.socket) -> None:
        with contextlib.closing(connection), contextlib.suppress(BaseTLSException, OSError):
            connection.settimeout(10)
            TLSConnection(connection).handshakeServer(certChain=rsa_chain, privateKey=rsa_key, settings=settings)

    with answering(serve) as port:
        yield port
