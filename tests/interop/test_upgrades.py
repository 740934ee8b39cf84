"""Upgrades beyond SMTP, IMAP and POP3 against real servers, with `openssl s_client -starttls` as the judge."""

import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import need
from tests.interop import chat_servers, upgrading
from tests.interop.daemons import NAME, SECONDS
from toolkit.collection import observe
from toolkit.reference import offers
from toolkit.tables import as_pem
from toolkit.targets import parse_target

pytestmark = pytest.mark.interop

Server = Callable[..., AbstractContextManager[dict[str, int]]]


def as_openssl_sees(scheme: str, port: int) -> str:
    upgrade = [] if scheme == "tls" else ["-starttls", scheme, "-xmpphost", NAME]
    command = [need("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", *upgrade, "-showcerts"]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=SECONDS, check=False)
    return "".join(re.findall(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", done.stdout, re.DOTALL))


SPEAKING: list[Server] = [
    upgrading.dovecot, upgrading.vsftpd, upgrading.slapd, upgrading.postgres, upgrading.mariadb, upgrading.xrdp,
    chat_servers.prosody,
]  # fmt: skip
"""Servers that answer a request for TLS that they do not know."""

SILENT: list[Server] = [chat_servers.inspircd, chat_servers.ngircd]
"""Servers of IRC that ignore a command that they do not know before the client has registered."""


def name_of(server: Server) -> str:
    return server.__name__


@pytest.mark.parametrize("server", [*SPEAKING, *SILENT], ids=name_of)
def test_the_upgrade_and_the_chain(server: Server, certificates: Path) -> None:
    with server(certificates) as ports:
        for scheme, port in ports.items():
            served = (certificates / "rsa.pem").read_text()
            if scheme not in ("irc", "rdp"):  # s_client gives up at InspIRCd's first notice, and does not know RDP
                assert as_openssl_sees(scheme, port) == served
            target = parse_target(f"{scheme}://{NAME}:{port}", connect_to=f"127.0.0.1:{port}")
            tls12 = replace(offers()["any"], name="only TLS 1.2", versions=("TLS 1.2",))
            tables = observe(target, offers=("any", tls12), progress=False)
            looks = tables.observations
            assert list(looks["outcome"]) == ["ok", "ok"], looks[["outcome", "stage", "reason"]].to_dict("records")
            assert sorted(looks["protocol"]) == ["TLS 1.2", "TLS 1.3"]
            assert looks["is_key_proven"].all()
            for chain in looks["chain_sha256"]:
                shown = tables.certificates.set_index("cert_sha256").loc[list(chain), "der"]
                assert "".join(map(as_pem, shown)) == served


@pytest.mark.parametrize("server", SPEAKING, ids=name_of)
def test_without_tls_each_says_so_in_its_own_words(server: Server, certificates: Path) -> None:
    with server(certificates, is_tls=False) as ports:
        for scheme, port in ports.items():
            target = parse_target(f"{scheme}://{NAME}:{port}", connect_to=f"127.0.0.1:{port}")
            look = observe(target, progress=False).observations.iloc[0]
            # vsftpd wants a login before it says that it does not know the command.
            assert look["outcome"] == {"ftp": "rejected"}.get(scheme, "no_starttls"), look["reason"]
            assert look["stage"] == "upgrade"
            assert look["reason"]
