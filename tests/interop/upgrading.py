"""Servers from Debian for the upgrades beyond mail: Dovecot's LMTP and ManageSieve, vsftpd, slapd, PostgreSQL,
MariaDB, xrdp.

Each has the RSA certificate of `daemons.make_certificates`, with its intermediate.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import need
from tests.interop.daemons import free_ports, guarded, run, running, wait_until_listening

UNPRIVILEGED = "nobody"
"""The user as whom a server runs that gives up root."""


def need_root(program: str) -> None:
    if os.geteuid() != 0:
        unable = pytest.fail if os.environ.get("TLS_TOOLKIT_CI") else pytest.skip
        unable(f"{program} starts only as root")


@contextmanager
def dovecot(folder: Path, *, is_tls: bool = True) -> Iterator[dict[str, int]]:
    """Scheme → port, of LMTP and ManageSieve."""
    program, state = need("dovecot"), folder / f"dovecot-upgrading-{is_tls}"
    for part in ("lmtp", "managesieve"):
        if not Path("/usr/lib/dovecot", part).exists():
            unable = pytest.fail if os.environ.get("TLS_TOOLKIT_CI") else pytest.skip
            unable(f"Dovecot's {part} is not installed")
    ports = dict(zip(("lmtp", "sieve"), free_ports(2), strict=True))
    state.mkdir(mode=0o755)
    (state / "dovecot.conf").write_text(
        f"protocols = lmtp sieve\nlisten = 127.0.0.1\nbase_dir = {state}/run\nstate_dir = {state}/run\n"
        f"log_path = {state}/log\n"
        + (f"ssl = yes\nssl_cert = <{folder}/rsa.pem\nssl_key = <{folder}/rsa.key\n" if is_tls else "ssl = no\n")
        + "passdb {\n driver = static\n args = nopassword=y\n}\n"
        "userdb {\n driver = static\n args = uid=65534 gid=65534 home=/nonexistent\n}\n"
        f"service lmtp {{\n inet_listener lmtp {{\n port = {ports['lmtp']}\n }}\n}}\n"
        f"service managesieve-login {{\n inet_listener sieve {{\n port = {ports['sieve']}\n }}\n}}\n"
    )
    command = [program, "-c", f"{state}/dovecot.conf"]
    with guarded(command, [*command, "stop"], folder / "dovecot-upgrading.log"):
        yield ports


@contextmanager
def vsftpd(folder: Path, *, is_tls: bool = True) -> Iterator[dict[str, int]]:
    """Scheme → port. It is started for each connection, as inetd would, so that no test waits until it listens."""
    program, state = need("vsftpd"), folder / f"vsftpd-{is_tls}"
    need_root("vsftpd")
    (state / "empty").mkdir(parents=True)
    configuration = state / "vsftpd.conf"
    configuration.write_text(
        f"listen=NO\nlisten_ipv6=NO\nanonymous_enable=YES\nno_anon_password=YES\nsecure_chroot_dir={state}/empty\n"
        f"anon_root={state}/empty\nxferlog_enable=NO\nseccomp_sandbox=NO\nssl_enable={'YES' if is_tls else 'NO'}\n"
        f"rsa_cert_file={folder}/rsa.pem\nrsa_private_key_file={folder}/rsa.key\n"
    )
    served: list[subprocess.Popen[bytes]] = []

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the listener is shut down
            while True:
                connection, _ = listener.accept()
                with connection:
                    served.append(subprocess.Popen([program, configuration], stdin=connection, stdout=connection))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield {"ftp": listener.getsockname()[1]}
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            for process in served:
                process.kill()
                process.wait(10)


@contextmanager
def slapd(folder: Path, *, is_tls: bool = True) -> Iterator[dict[str, int]]:
    """Scheme → port. It goes into the background when it has a port, before it listens there."""
    program, state = need("slapd"), folder / f"slapd-{is_tls}"
    (port,) = free_ports(1)
    state.mkdir()
    (state / "slapd.conf").write_text(
        f"pidfile {state}/pid\nargsfile {state}/args\n"
        + (f"TLSCertificateFile {folder}/rsa.pem\nTLSCertificateKeyFile {folder}/rsa.key\n" if is_tls else "")
        + "database monitor\n"
    )
    start = [program, "-h", f"ldap://127.0.0.1:{port}", "-f", f"{state}/slapd.conf"]
    stop = ["sh", "-c", f"kill $(cat {state}/pid)"]
    with guarded(start, stop, folder / "slapd.log"):
        wait_until_listening(port)
        yield {"ldap": port}


@contextmanager
def postgres(folder: Path, *, is_tls: bool = True) -> Iterator[dict[str, int]]:
    """Scheme → port. It refuses to run as root, so it is started as the user of its package."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    need_root("PostgreSQL's user")
    if not found:
        need("pg_ctl")
    bin_folder, state = found[-1].parent, folder / f"postgres-{is_tls}"
    (port,) = free_ports(1)
    state.mkdir()
    for name in ("rsa.pem", "rsa.key"):
        shutil.copy(folder / name, state / name)
        (state / name).chmod(0o600)
        shutil.chown(state / name, "postgres")
    shutil.chown(state, "postgres")
    as_postgres = ["runuser", "-u", "postgres", "--"]
    run(*as_postgres, str(bin_folder / "initdb"), "-D", f"{state}/data", "--no-sync", cwd=state)
    (state / "data" / "postgresql.conf").write_text(
        f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{state}'\nfsync = off\n"
        f"ssl = {'on' if is_tls else 'off'}\nssl_cert_file = '{state}/rsa.pem'\nssl_key_file = '{state}/rsa.key'\n"
    )
    control = [*as_postgres, str(bin_folder / "pg_ctl"), "-D", f"{state}/data"]
    start = [*control, "-w", "-l", f"{state}/log", "start"]
    with guarded(start, [*control, "-m", "immediate", "stop"], folder / "postgres.log"):
        yield {"postgres": port}


@contextmanager
def mariadb(folder: Path, *, is_tls: bool = True) -> Iterator[dict[str, int]]:
    """Scheme → port."""
    program, state = need("mariadbd"), folder / f"mariadb-{is_tls}"
    (port,) = free_ports(1)
    make_state(state, folder)
    # TLS comes before the tables of users and before any table: the server starts in an empty folder without both.
    settings = [
        f"--user={UNPRIVILEGED}", f"--datadir={state}/data", "--skip-grant-tables", "--skip-innodb",
        "--default-storage-engine=MyISAM", f"--socket={state}/socket", f"--port={port}", "--bind-address=127.0.0.1",
        f"--pid-file={state}/pid", "--skip-name-resolve",
    ]  # fmt: skip
    tls = [f"--ssl-cert={state}/rsa.pem", f"--ssl-key={state}/rsa.key"] if is_tls else ["--skip-ssl"]
    with running([program, "--no-defaults", *settings, *tls], port, state / "log"):
        yield {"mysql": port}


@contextmanager
def xrdp(folder: Path, *, is_tls: bool = True) -> Iterator[dict[str, int]]:
    """Scheme → port. Its sessions need another daemon; the negotiation of TLS does not."""
    program, state = need("xrdp"), folder / f"xrdp-{is_tls}"
    need_root("xrdp")
    (port,) = free_ports(1)
    state.mkdir()
    (state / "xrdp.ini").write_text(
        f"[Globals]\nport=tcp://.:{port}\nsecurity_layer={'tls' if is_tls else 'rdp'}\n"
        f"certificate={folder}/rsa.pem\nkey_file={folder}/rsa.key\nssl_protocols=TLSv1.2, TLSv1.3\n"
        f"[Logging]\nLogFile={state}/log\nLogLevel=INFO\n"
    )
    with running([program, "--nodaemon", "--config", f"{state}/xrdp.ini"], port, state / "output"):
        yield {"rdp": port}


def make_state(state: Path, certificates: Path) -> None:
    """The folder of a server that is started as root, with `data` and the RSA certificate, of an unprivileged user."""
    need_root(state.name)
    (state / "data").mkdir(parents=True)
    for name in ("rsa.pem", "rsa.key"):
        shutil.copy(certificates / name, state / name)
    for path in (state, *state.rglob("*")):
        shutil.chown(path, UNPRIVILEGED)
