"""Every upgrade beyond SMTP, IMAP and POP3 against a real server, with `openssl s_client -starttls` as the judge."""

import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import need
from tests.interop import upgrading
from tests.interop.daemons import NAME, SECONDS
from toolkit.collection import observe
from toolkit.reference import offers
from toolkit.tables import as_pem
from toolkit.targets import parse_target

pytestmark = pytest.mark.interop

Server = Callable[..., AbstractContextManager[dict[str, int]]]


def as_openssl_sees(scheme: str, port: int) -> str:
    command = [need("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-starttls", scheme, "-showcerts"]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=SECONDS, check=False)
    return "".join(re.findall(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", done.stdout, re.DOTALL))


SERVERS = {
    server.__name__: server for server in (upgrading.dovecot, upgrading.vsftpd, upgrading.slapd, upgrading.postgres)
}


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_the_upgrade_and_the_chain(server: Server, certificates: Path) -> None:
    with server(certificates) as ports:
        for scheme, port in ports.items():
            theirs = as_openssl_sees(scheme, port)
            target = parse_target(f"{scheme}://{NAME}:{port}", connect_to=f"127.0.0.1:{port}")
            tls12 = replace(offers()["any"], name="only TLS 1.2", versions=("TLS 1.2",))
            tables = observe(target, offers=("any", tls12), progress=False)
            looks = tables.observations
            assert list(looks["outcome"]) == ["ok", "ok"], looks[["outcome", "stage", "reason"]].to_dict("records")
            assert sorted(looks["protocol"]) == ["TLS 1.2", "TLS 1.3"]
            assert looks["is_key_proven"].all()
            for chain in looks["chain_sha256"]:
                shown = tables.certificates.set_index("cert_sha256").loc[list(chain), "der"]
                assert "".join(map(as_pem, shown)) == theirs == (certificates / "rsa.pem").read_text()


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_without_tls_each_says_so_in_its_own_words(server: Server, certificates: Path) -> None:
    with server(certificates, is_tls=False) as ports:
        for scheme, port in ports.items():
            target = parse_target(f"{scheme}://{NAME}:{port}", connect_to=f"127.0.0.1:{port}")
            look = observe(target, progress=False).observations.iloc[0]
            # vsftpd wants a login before it says that it does not know the command.
            assert look["outcome"] == {"ftp": "rejected"}.get(scheme, "no_starttls"), look["reason"]
            assert look["stage"] == "upgrade"
            assert look["reason"]
