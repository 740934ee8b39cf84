"""Backends of other times: what they accept is what was recorded, by the eyes of other clients."""

import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from OpenSSL import SSL

from tests.lab.client import context, look
from toolkit import schema
from toolkit.lab import NAMES, Lab, tell_truth
from toolkit.lab.scenarios import scenario
from toolkit.lab.steady_scenarios import STILLS
from toolkit.lab.tls_settings import TLS_SETTINGS
from toolkit.reference.museum import museum
from toolkit.reference.suite import find_suite
from toolkit.targets import Target

NMAP_S = 120


@pytest.mark.parametrize("name", STILLS)
def test_nothing_changes_in_a_still(name: str) -> None:
    assert name in NAMES
    truth = tell_truth(scenario(name).schedule(0))
    assert truth.rotations.empty
    assert truth.serving["served_until_at"].isna().all()


def test_the_museum_holds_what_was_recorded() -> None:
    assert {protocol: len(suites) for protocol, suites in museum().items()} == {
        "SSL 3.0": 8,
        "TLS 1.0": 8,
        "TLS 1.1": 8,
        "TLS 1.2": 10,
    }
    for suites in museum().values():
        assert all(find_suite(name) is not None for name in suites)


def test_the_museum_equals_the_recorded_survey(shared: Path) -> None:
    names = {"SSLv3": "SSL 3.0", "TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2"}
    recorded: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    for line in (shared / "recorded" / "google_mail" / "support.csv").read_text().splitlines()[1:]:
        cells = line.split(",")
        if cells[3] == "2015-11-25" and cells[10] == "True":
            suite = find_suite(cells[6])
            assert suite is not None
            recorded.setdefault(names[cells[4]], set()).add(suite.name)
            if cells[11] == "True":
                first[names[cells[4]]] = suite.name
    assert {protocol: set(suites) for protocol, suites in museum().items()} == recorded
    assert {protocol: suites[0] for protocol, suites in museum().items()} == first


@pytest.mark.interop
@pytest.mark.parametrize("name", ["museum", "year"])
def test_nmap_sees_the_suites_and_their_first_choice(need: Callable[[str], str], tmp_path: Path, name: str) -> None:
    nmap = need("nmap")
    with Lab(name) as lab:
        (target,) = [target for target in lab.targets if target.host in {"museum.lab.test", "legacy.lab.test"}]
        seen = _enumerated(nmap, target, tmp_path)
        expected = TLS_SETTINGS["museum" if name == "museum" else "legacy"].suites
        assert {protocol: set(suites) for protocol, suites in seen.items()} == {
            protocol: set(suites) for protocol, suites in expected.items()
        }
        assert {protocol: suites[0] for protocol, suites in seen.items()} == {
            protocol: suites[0] for protocol, suites in expected.items()
        }
        assert set(lab.log()["protocol"].dropna()) == set(expected)


def test_modern_backends_agree_on_a_post_quantum_group() -> None:
    with Lab("modern") as lab:
        for target in lab.targets:
            assert _group(target) == "X25519MLKEM768"
        assert set(lab.log()["protocol"]) == {"TLS 1.3"}


def test_one_of_three_mixed_backends_lags() -> None:
    with Lab("mixed", seed=1) as lab:
        (target,) = lab.targets
        protocols = [look(target, context()).protocol for _ in range(30)]
        log = lab.log()
        assert set(protocols) == {"TLSv1.3", "TLSv1.2"}
        assert set(log.loc[log["protocol"] == "TLS 1.2", "backend"]) == {2}
        assert set(log.loc[log["protocol"] == "TLS 1.3", "backend"]) == {0, 1}
        assert set(log.loc[log["backend"] == 2, "key_type"]) == {"RSA"}


def _group(target: Target) -> str:
    """The group of a handshake, by pyOpenSSL as a client."""
    assert target.connect_to is not None
    asking = SSL.Context(SSL.TLS_CLIENT_METHOD)
    with socket.create_connection(target.connect_to, timeout=20) as connection:
        for command in (b"", b"EHLO me\r\n", b"STARTTLS\r\n"):
            connection.sendall(command)
            connection.recv(1000)
        connection.settimeout(None)
        secured = SSL.Connection(asking, connection)
        secured.set_tlsext_host_name(target.host.encode())
        secured.set_connect_state()
        secured.do_handshake()
        return secured.get_group_name() or ""


def _enumerated(nmap: str, target: Target, folder: Path) -> dict[str, list[str]]:
    """Protocol → suites in the server's order, by nmap's ssl-enum-ciphers."""
    assert target.connect_to is not None
    host, port = target.connect_to
    # So that nmap takes the port for SMTP without asking for its version, which takes half a minute; it is also the
    # only port that is then looked at.
    (folder / "services").write_text(f"smtp\t{port}/tcp\t0.9\n")
    command = [nmap, "-Pn", "-n", "--servicedb", str(folder / "services")]
    answer = subprocess.run(
        [*command, "--script", "ssl-enum-ciphers", host], capture_output=True, text=True, timeout=NMAP_S, check=True
    )
    names = dict(zip(("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"), schema.PROTOCOLS[1:], strict=True))
    found: dict[str, list[str]] = {}
    protocol = ""
    for line in answer.stdout.splitlines():
        if heading := re.match(r"\|   (\S+): *$", line):
            protocol = heading[1]
        elif suite := re.match(r"\| +(TLS_\w+) \(", line):
            found.setdefault(names[protocol], []).append(suite[1])
    assert "cipher preference: server" in answer.stdout
    return found
