"""nginx, Postfix, Dovecot and `openssl s_server` from Debian on free ports of 127.0.0.1, each with an RSA and an
ECDSA certificate for `mail.interop.test`, both with an intermediate; TLS 1.2 and 1.3.

State lies in a folder of its own that the servers' users can enter. A server ends with its context, and also when
the test process is killed: a guard that waits for the end of its standard input stops it.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ending_with_tests, need

NAME = "mail.interop.test"
SECONDS = 60
"""What a program may take to start or stop."""


@contextmanager
def state_folder() -> Iterator[Path]:
    """A folder directly below the temporary one: pytest's own can be entered only by its owner."""
    folder = Path(tempfile.mkdtemp(prefix="tls-toolkit-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def own_state(folder: Path, name: str) -> Path:
    """A folder for one server. In a shared one, the file that says which process to stop would be another server's."""
    state = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
    state.chmod(0o755)
    return state


def free_ports(count: int) -> list[int]:
    """Ports on which no server listens, all different."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in taken]
    for server in taken:
        server.close()
    return ports


def wait_until_listening(port: int) -> None:
    """Return when a connection to the port is taken; some programs go into the background a moment before."""
    ends_at = time.monotonic() + SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=SECONDS):
                return
        except ConnectionRefusedError:
            assert time.monotonic() < ends_at, f"no server listens on port {port}"
            os.sched_yield()


def run(*command: str | Path, cwd: Path | None = None) -> None:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


def make_certificates(folder: Path) -> None:
    """`rsa.pem` and `ec.pem` (leaf and intermediate), `rsa.key` and `ec.key`, and both together as `…-all.pem`."""
    openssl = need("openssl")

    def request(name: str, *key: str) -> None:
        run(openssl, "req", "-new", "-nodes", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr",
            "-subj", f"/CN={NAME}/O={name} of the interop tests", cwd=folder)  # fmt: skip

    def sign(name: str, signer: str, extensions: str) -> None:
        (folder / "extensions").write_text(extensions)
        run(openssl, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{signer}.crt", "-CAkey", f"{signer}.key",
            "-CAcreateserial", "-days", "30", "-extfile", "extensions", "-out", f"{name}.crt", cwd=folder)  # fmt: skip

    run(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", "-out", "root.crt",
        "-days", "30", "-subj", "/CN=Root of the interop tests", cwd=folder)  # fmt: skip
    request("intermediate", "-newkey", "rsa:2048")
    sign("intermediate", "root", "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n")
    for name, key in {"rsa": ("rsa:2048",), "ec": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")}.items():
        request(name, "-newkey", *key)
        sign(name, "intermediate", f"subjectAltName=DNS:{NAME}\nkeyUsage=digitalSignature,keyEncipherment\n")
        chain = (folder / f"{name}.crt").read_text() + (folder / "intermediate.crt").read_text()
        (folder / f"{name}.pem").write_text(chain)
        (folder / f"{name}-all.pem").write_text((folder / f"{name}.key").read_text() + chain)


@contextmanager
def guarded(start: list[str], stop: list[str], log: Path) -> Iterator[None]:
    """A program that goes into the background with `start` once it listens, until `stop`."""
    with subprocess.Popen(
        ["sh", "-c", 'cat >/dev/null; exec "$@" >>"$0" 2>&1', log, *stop],
        stdin=subprocess.PIPE,
        start_new_session=True,
    ) as guard:
        assert guard.stdin is not None
        try:
            with log.open("w") as output:
                started = subprocess.run(start, stdout=output, stderr=output, timeout=SECONDS, check=False)
            assert started.returncode == 0, log.read_text()
            yield
        finally:
            guard.stdin.close()
            assert guard.wait(SECONDS) == 0, log.read_text()


@contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[None]:
    """A program that stays in the foreground; from when it listens on the port, until it is stopped.

    It is stopped with the test process too: a guard that waits for the end of its standard input stops it. A server
    that crashes when it is stopped, as InspIRCd does, leaves no memory dump.
    """
    script = 'ulimit -c 0; "$@" & child=$!; cat >/dev/null; kill "$child"; wait "$child"'
    with (
        log.open("w") as output,
        subprocess.Popen(
            ["sh", "-c", script, "sh", *command], stdin=subprocess.PIPE, stdout=output, stderr=output,
            start_new_session=True,
        ) as guard,
    ):  # fmt: skip
        assert guard.stdin is not None
        try:
            wait_until_listening(port)
            yield
        finally:
            guard.stdin.close()
            guard.wait(SECONDS)


@contextmanager
def nginx(folder: Path, settings: str = "") -> Iterator[dict[str, int]]:
    """Scheme → port; `settings` of the server come after those here."""
    program, state = need("nginx"), own_state(folder, "nginx")
    (port,) = free_ports(1)
    places = "".join(
        f"{kind}_temp_path {state}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    pairs = "".join(
        f"ssl_certificate {folder}/{kind}.pem; ssl_certificate_key {folder}/{kind}.key;" for kind in ("rsa", "ec")
    )
    configuration = state / "nginx.conf"
    configuration.write_text(
        f"worker_processes 1; pid {state}/pid; error_log {state}/error.log; events {{ }}"
        f"http {{ access_log off; {places} {pairs} ssl_protocols TLSv1.2 TLSv1.3;"
        f"server {{ listen 127.0.0.1:{port} ssl; {settings} }} }}"
    )
    command = [program, "-e", f"{state}/error.log", "-c", str(configuration)]
    with guarded(command, [*command, "-s", "stop"], state / "started.log"):
        yield {"https": port}


@contextmanager
def dovecot(folder: Path, settings: str = "") -> Iterator[dict[str, int]]:
    """Scheme → port; `settings` override those here."""
    program, state = need("dovecot"), own_state(folder, "dovecot")
    ports = dict(zip(("imap", "imaps", "pop3", "pop3s"), free_ports(4), strict=True))

    def service(protocol: str) -> str:
        return (
            f"service {protocol}-login {{\n service_count = 0\n"  # one process for many, which is quicker
            f"inet_listener {protocol} {{\n port = {ports[protocol]}\n}}\n"
            f"inet_listener {protocol}s {{\n port = {ports[protocol + 's']}\n ssl = yes\n}}\n}}\n"
        )

    (state / "dovecot.conf").write_text(
        f"protocols = imap pop3\nlisten = 127.0.0.1\nbase_dir = {state}/run\nstate_dir = {state}/run\n"
        f"log_path = {state}/log\nssl = yes\nssl_min_protocol = TLSv1.2\n"
        f"ssl_cert = <{folder}/rsa.pem\nssl_key = <{folder}/rsa.key\n"
        f"ssl_alt_cert = <{folder}/ec.pem\nssl_alt_key = <{folder}/ec.key\n"
        "passdb {\n driver = static\n args = nopassword=y\n}\n"
        "userdb {\n driver = static\n args = uid=65534 gid=65534 home=/nonexistent\n}\n"
        f"{service('imap')}{service('pop3')}{settings}"
    )
    command = [program, "-c", f"{state}/dovecot.conf"]
    with guarded(command, [*command, "stop"], state / "started.log"):
        yield ports


@contextmanager
def postfix(folder: Path, settings: str = "") -> Iterator[dict[str, int]]:
    """Scheme → port; `settings` come after those here. Postfix's master drops to its own users: start it as root."""
    program, state = need("postfix"), own_state(folder, "postfix")
    if os.geteuid() != 0:
        unable = pytest.fail if os.environ.get("TLS_TOOLKIT_CI") else pytest.skip
        unable("Postfix starts only as root")
    smtp, smtps = free_ports(2)
    for part in ("etc", "spool", "data"):
        (state / part).mkdir()
    shutil.chown(state / "data", "postfix")
    (state / "etc" / "main.cf").write_text(
        f"compatibility_level = 3.6\nqueue_directory = {state}/spool\ndata_directory = {state}/data\n"
        "command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n"
        f"myhostname = {NAME}\nmydestination =\nlocal_recipient_maps =\n"
        "inet_interfaces = loopback-only\ninet_protocols = ipv4\n"
        f"alias_maps =\nalias_database =\nmaillog_file = {state}/log\nmaillog_file_prefixes = {state}\n"
        f"smtpd_tls_security_level = may\nsmtpd_tls_chain_files = {folder}/rsa-all.pem, {folder}/ec-all.pem\n"
        "smtpd_peername_lookup = no\nsmtpd_client_connection_count_limit = 0\nimport_environment = MAIL_CONFIG\n"
        + settings
    )
    (state / "etc" / "master.cf").write_text(
        f"127.0.0.1:{smtp} inet n - n - - smtpd\n"
        f"127.0.0.1:{smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n"
        "pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n"
        "tlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\nanvil unix - - n - 1 anvil\n"
        "proxymap unix - - n - - proxymap\npostlog unix-dgram n - n - 1 postlogd\n"
    )
    command = [program, "-c", f"{state}/etc"]
    with guarded([*command, "start"], [*command, "stop"], state / "started.log"):
        yield {"smtp": smtp, "smtps": smtps}


@contextmanager
def s_server(folder: Path, *options: str) -> Iterator[dict[str, int]]:
    """Scheme → port; `options` narrow what it accepts."""
    (port,) = free_ports(1)
    command = [
        need("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-cert", f"{folder}/rsa.crt", "-key",
        f"{folder}/rsa.key", "-cert_chain", f"{folder}/intermediate.crt", "-dcert", f"{folder}/ec.crt", "-dkey",
        f"{folder}/ec.key", "-dcert_chain", f"{folder}/intermediate.crt", *options,
    ]  # fmt: skip
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as server,
        ending_with_tests(server),
    ):
        assert server.stdout is not None
        lines = []
        # It says so when it listens.
        for line in server.stdout:
            lines.append(line)
            if line.startswith("ACCEPT"):
                break
        else:
            pytest.fail("openssl s_server did not start: " + "".join(lines))
        yield {"https": port}
