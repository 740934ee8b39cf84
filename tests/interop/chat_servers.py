"""Servers of chat from Debian: Prosody for XMPP, InspIRCd and ngIRCd for IRC.

Each has the RSA certificate of `daemons.make_certificates`, with its intermediate.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import need
from tests.interop.daemons import NAME, free_ports, running, wait_until_listening
from tests.interop.upgrading import UNPRIVILEGED, make_state


@contextmanager
def prosody(folder: Path, *, is_tls: bool = True) -> Iterator[dict[str, int]]:
    """Scheme → port, of clients and of servers."""
    program, state = need("prosody"), folder / f"prosody-{is_tls}"
    clients, servers = free_ports(2)
    make_state(state, folder)
    modules = ["tls", "saslauth", "dialback"] if is_tls else ["saslauth", "dialback"]
    (state / "prosody.cfg.lua").write_text(
        f'run_as_root = true\ndata_path = "{state}/data"\npidfile = "{state}/pid"\nlog = {{ info = "{state}/log" }}\n'
        f'interfaces = {{ "127.0.0.1" }}\nc2s_ports = {{ {clients} }}\ns2s_ports = {{ {servers} }}\n'
        f"modules_enabled = {{ {', '.join(f'{one!r}' for one in modules)} }}\n"
        "modules_disabled = { 's2s_auth_certs' }\nallow_unencrypted_plain_auth = true\nc2s_require_encryption = false\n"
        f"s2s_require_encryption = false\nauthentication = 'internal_plain'\n"
        f'ssl = {{ certificate = "{state}/rsa.pem", key = "{state}/rsa.key" }}\nVirtualHost "{NAME}"\n'
    )
    with running([program, "-F", "--config", f"{state}/prosody.cfg.lua"], servers, state / "output"):
        wait_until_listening(clients)  # it opens its ports in no fixed order
        yield {"xmpp": clients, "xmpp-server": servers}


@contextmanager
def inspircd(folder: Path) -> Iterator[dict[str, int]]:
    """Scheme → port."""
    program, state = need("inspircd"), folder / "inspircd"
    (port,) = free_ports(1)
    make_state(state, folder)
    (state / "inspircd.conf").write_text(
        '<server name="irc.interop.test" description="interop" network="Interop">\n<admin name="a" email="a@b.test">\n'
        '<module name="ssl_gnutls">\n<module name="starttls">\n'
        f'<sslprofile name="rsa" provider="gnutls" certfile="{state}/rsa.pem" keyfile="{state}/rsa.key">\n'
        f'<bind address="127.0.0.1" port="{port}" type="clients">\n<connect allow="*" timeout="60">\n'
        f'<dns timeout="1">\n<path datadir="{state}" logdir="{state}">\n<pid file="{state}/pid">\n'
    )
    command = [program, "--config", f"{state}/inspircd.conf", "--nofork", "--runasroot"]
    with running(command, port, state / "output"):
        yield {"irc": port}


@contextmanager
def ngircd(folder: Path) -> Iterator[dict[str, int]]:
    """Scheme → port. It knows TLS from the first byte on, and no STARTTLS."""
    program, state = need("ngircd"), folder / "ngircd"
    (port,) = free_ports(1)
    make_state(state, folder)
    (state / "ngircd.conf").write_text(
        "[Global]\nName = irc.interop.test\nInfo = interop\nListen = 127.0.0.1\nAdminInfo1 = a\nAdminInfo2 = b\n"
        f"AdminEMail = a@b.test\nPorts = 0\nServerUID = {UNPRIVILEGED}\nServerGID = nogroup\n"
        "[Options]\nDNS = no\nIdent = no\nPAM = no\nSyslogFacility = local0\n"
        f"[SSL]\nCertFile = {state}/rsa.pem\nKeyFile = {state}/rsa.key\nPorts = {port}\n"
    )
    with running([program, "-n", "-f", f"{state}/ngircd.conf"], port, state / "output"):
        yield {"tls": port}
