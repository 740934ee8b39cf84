"""Servers that others wrote, on ports of loopback that were free, until the context ends.

Each says what it was told to accept, where it can.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import need

START_SECONDS = 30


def free_port() -> int:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        return int(free.getsockname()[1])


@cache
def authority(folder: Path) -> Path:
    """A throw-away authority with an RSA and a P-256 leaf, as PEM, with chains, and as PKCS #12."""
    openssl = need("openssl")

    def run(*command: str) -> None:
        subprocess.run([openssl, *command], cwd=folder, check=True, capture_output=True, timeout=60)

    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30",
        "-subj", "/CN=Survey Test CA")  # fmt: skip
    (folder / "ext").write_text("subjectAltName=DNS:survey.test\nkeyUsage=digitalSignature,keyEncipherment\n")
    for kind, maker in {
        "rsa": ("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
        "ec": ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    }.items():
        run(*maker, "-out", f"{kind}.key")
        run("req", "-new", "-key", f"{kind}.key", "-subj", f"/CN={kind}.survey.test", "-out", "csr")
        run("x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
            "-extfile", "ext", "-out", f"{kind}.pem")  # fmt: skip
        leaf, key = (folder / f"{kind}.pem").read_text(), (folder / f"{kind}.key").read_text()
        (folder / f"{kind}-chain.pem").write_text(leaf + (folder / "ca.pem").read_text())
        (folder / f"{kind}-all.pem").write_text(key + leaf + (folder / "ca.pem").read_text())
        run("pkcs12", "-export", "-in", f"{kind}.pem", "-inkey", f"{kind}.key", "-certfile", "ca.pem", "-name", kind,
            "-passout", "pass:changeit", "-out", f"{kind}.p12")  # fmt: skip
    run("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", "dh.pem")
    return folder


@contextlib.contextmanager
def running(
    *command: str, environment: dict[str, str] | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The process in a group of its own, which ends with the context."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=os.environ | (environment or {}),
        cwd=cwd,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=10)


def read_until(process: subprocess.Popen[str], pattern: str) -> tuple[str, list[str]]:
    """The first group of the first line that fits, and the lines before."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        if match := re.search(pattern, line):
            return match[1], lines
        lines.append(line.strip())
    return pytest.fail("the server did not start: " + "\n".join(lines))


def drain(process: subprocess.Popen[str]) -> None:
    """Keep a talkative server from stopping at a full pipe."""
    assert process.stdout is not None
    threading.Thread(target=process.stdout.read, daemon=True).start()


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    """Until something listens at the port; the alarm of the timer bounds it."""
    give_up = threading.Event()
    timer = threading.Timer(START_SECONDS, give_up.set)
    timer.start()
    try:
        while not give_up.is_set():
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5):
                return
            if process.poll() is not None:
                pytest.fail(f"the server ended: {process.communicate()[0]}")
            give_up.wait(0.05)
        pytest.fail("the server did not listen in time")
    finally:
        timer.cancel()


@contextlib.contextmanager
def nginx(folder: Path, state: Path, ciphers: str, protocols: str, *options: str) -> Iterator[int]:
    """The port of an nginx with both kinds of certificate."""
    port = free_port()
    listed = "".join(f"{option};" for option in options)
    certificates = "".join(
        f"ssl_certificate {folder}/{kind}-chain.pem; ssl_certificate_key {folder}/{kind}.key;" for kind in ("rsa", "ec")
    )
    (state / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {state}/nginx.pid; error_log stderr crit;"
        "events {} http { access_log off; ssl_session_cache off;"
        + "".join(f"{kind}_temp_path {state}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        + certificates
        + f"server {{ listen 127.0.0.1:{port} ssl; ssl_protocols {protocols}; ssl_ciphers {ciphers}; {listed} }} }}\n"
    )
    with running(need("nginx"), "-e", "stderr", "-c", str(state / "nginx.conf")) as process:
        wait_for(port, process)
        drain(process)
        yield port


@contextlib.contextmanager
def jsse(folder: Path, state: Path) -> Iterator[tuple[int, list[str]]]:
    """The port of a JSSE server without disabled algorithms, and the suites that it has enabled."""
    (state / "security").write_text(
        "jdk.tls.disabledAlgorithms=\njdk.certpath.disabledAlgorithms=\njdk.tls.legacyAlgorithms=\n"
    )
    source = Path(__file__).with_name("Jsse.java")
    subprocess.run([need("javac"), "-d", str(state), str(source)], check=True, capture_output=True, timeout=60)
    command = [need("java"), "-Xmx128m", "-Xshare:auto", f"-Djava.security.properties={state}/security"]
    with running(*command, "-cp", str(state), "Jsse", str(folder / "rsa.p12"), str(folder / "ec.p12")) as process:
        port, lines = read_until(process, r"^PORT (\d+)")
        drain(process)
        yield int(port), [line.removeprefix("SUITE ") for line in lines if line.startswith("SUITE ")]


@contextlib.contextmanager
def s_server(folder: Path, *options: str) -> Iterator[int]:
    """The port of an `openssl s_server` with both kinds of certificate and everything that it was built with."""
    command = [need("openssl"), "s_server", "-accept", "127.0.0.1:0", "-quiet", "-WWW"]
    command = [part for part in command if part not in ("-quiet",)]
    keys = ["-cert", f"{folder}/rsa-chain.pem", "-key", f"{folder}/rsa.key"]
    keys += ["-dcert", f"{folder}/ec-chain.pem", "-dkey", f"{folder}/ec.key", "-dhparam", f"{folder}/dh.pem"]
    with running(*command, *keys, *options) as process:
        port, _ = read_until(process, r"^ACCEPT 127\.0\.0\.1:(\d+)")
        drain(process)
        yield int(port)


@contextlib.contextmanager
def gnutls(folder: Path, priority: str) -> Iterator[int]:
    port = free_port()
    keys = [f"--x509{what}file={folder}/{kind}{end}" for kind in ("rsa", "ec")
            for what, end in (("cert", "-chain.pem"), ("key", ".key"))]  # fmt: skip
    command = [need("gnutls-serv"), "-p", str(port), "--echo", *keys, f"--dhparams={folder}/dh.pem"]
    with running(*command, "--priority", priority) as process:
        wait_for(port, process)
        drain(process)
        yield port


@contextlib.contextmanager
def nss(folder: Path, state: Path, versions: str, suites: tuple[int, ...]) -> Iterator[int]:
    """The port of NSS's `selfserv`."""
    database = f"sql:{state}"
    for tool, *arguments in (
        ("certutil", "-N", "-d", database, "--empty-password"),
        ("certutil", "-A", "-d", database, "-n", "ca", "-t", "CT,,", "-i", f"{folder}/ca.pem"),
        ("pk12util", "-i", f"{folder}/rsa.p12", "-d", database, "-W", "changeit"),
        ("pk12util", "-i", f"{folder}/ec.p12", "-d", database, "-W", "changeit"),
    ):
        subprocess.run([need(tool), *arguments], check=True, capture_output=True, timeout=60)
    port = free_port()
    listed = "".join(f":{code:04x}" for code in suites)
    command = [need("selfserv"), "-d", database, "-n", "rsa", "-e", "ec", "-p", str(port), "-V", versions, "-c", listed]
    with running(*command, environment={"NSS_IGNORE_SYSTEM_POLICY": "1"}) as process:
        wait_for(port, process)
        drain(process)
        yield port
