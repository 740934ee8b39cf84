"""The chain that we see is the chain that `openssl s_client` sees, byte for byte, and the rest of the facts agree."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import need
from tests.interop.daemons import NAME, SECONDS
from toolkit.collection import observe
from toolkit.reference import Offer, offers
from toolkit.tables import Tables, as_pem
from toolkit.targets import parse_target

pytestmark = pytest.mark.interop

SERVICES = [
    ("nginx", "https"),
    ("s_server", "https"),
    ("postfix", "smtp"),
    ("postfix", "smtps"),
    ("dovecot", "imap"),
    ("dovecot", "imaps"),
    ("dovecot", "pop3"),
    ("dovecot", "pop3s"),
]

_STARTTLS = {"smtp": "smtp", "imap": "imap", "pop3": "pop3"}
_SCHEMES = {"RSA": "RSA-PSS+SHA256:RSA+SHA256", "EC": "ECDSA+SHA256"}
_OFFERS = {"RSA": "rsa", "EC": "ecdsa"}


def narrowed(key_type: str, protocol: str) -> Offer:
    """The frozen offer for the key type, of one version only."""
    offer = offers()[_OFFERS[key_type]]
    return replace(offer, name=f"{offer.name} {protocol}", versions=(protocol,))


def as_openssl_sees(scheme: str, port: int, key_type: str, protocol: str) -> str:
    """The certificates that `s_client -showcerts` prints, as they stand there."""
    command = [
        need("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-servername", NAME, "-showcerts",
        "-sigalgs", _SCHEMES[key_type], "-tls1_2" if protocol == "TLS 1.2" else "-tls1_3",
    ]  # fmt: skip
    if scheme in _STARTTLS:
        command += ["-starttls", _STARTTLS[scheme]]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=SECONDS, check=False)
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", done.stdout, re.DOTALL)
    assert blocks, done.stdout + done.stderr
    return "".join(blocks)


def as_we_see(scheme: str, port: int, offer: Offer) -> tuple[Tables, pd.Series]:
    target = parse_target(f"{scheme}://{NAME}:{port}", connect_to=f"127.0.0.1:{port}")
    tables = observe(target, offers=(offer,), progress=False)
    assert len(tables.observations) == 1
    return tables, tables.observations.iloc[0]


@pytest.mark.parametrize("protocol", ["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize("key_type", ["RSA", "EC"])
@pytest.mark.parametrize(("server", "scheme"), SERVICES)
def test_the_same_chain_byte_for_byte(
    request: pytest.FixtureRequest, server: str, scheme: str, key_type: str, protocol: str
) -> None:
    port = request.getfixturevalue(server)[scheme]
    theirs = as_openssl_sees(scheme, port, key_type, protocol)
    tables, look = as_we_see(scheme, port, narrowed(key_type, protocol))
    assert (look["outcome"], look["stage"], look["protocol"]) == ("ok", "finished", protocol)
    assert bool(look["is_key_proven"])
    certificates = tables.certificates.set_index("cert_sha256")
    chain = certificates.loc[list(look["chain_sha256"])]
    assert len(chain) == 2
    assert "".join(map(as_pem, chain["der"])) == theirs
    assert chain["key_type"].iloc[0] == key_type
    assert look["leaf_sha256"] == chain.index[0]


@pytest.mark.parametrize("server", ["nginx", "postfix", "dovecot", "s_server"])
def test_what_is_seen_is_what_lies_in_the_servers_files(
    request: pytest.FixtureRequest, certificates: Path, server: str
) -> None:
    for scheme, port in request.getfixturevalue(server).items():
        for key_type, file in (("RSA", "rsa.pem"), ("EC", "ec.pem")):
            tables, look = as_we_see(scheme, port, offers()[_OFFERS[key_type]])
            assert (look["outcome"], look["protocol"]) == ("ok", "TLS 1.3")
            shown = tables.certificates.set_index("cert_sha256").loc[list(look["chain_sha256"]), "der"]
            assert "".join(map(as_pem, shown)) == (certificates / file).read_text()


def test_looks_at_all_of_them_at_once(nginx: dict[str, int], postfix: dict[str, int], dovecot: dict[str, int]) -> None:
    targets = [
        parse_target(f"{scheme}://{NAME}:{port}", connect_to=f"127.0.0.1:{port}")
        for ports in (nginx, postfix, dovecot)
        for scheme, port in ports.items()
    ]
    tables = observe(targets, offers=("any", "rsa", "ecdsa", "tls12"), samples=3, progress=False)
    assert set(tables.observations["outcome"]) == {"ok"}
    assert len(tables.observations) == len(targets) * 4 * 3
    assert tables.observations["is_key_proven"].all()
    assert len(tables.certificates) == 3
