"""The relay: what each attack changes and what it leaves alone, and that it relays to a lab only."""

import socket
import ssl
from collections.abc import Iterator

import pytest

import toolkit
from toolkit.errors import LabError, LabUsageError
from toolkit.lab import Lab, Relay


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab("modern", seed=1) as running:
        yield running


@pytest.mark.parametrize(
    ("attack", "offer", "expected"),
    [
        ("hide-starttls", "any", ["ok", "TLS 1.3", "EHLO did not list STARTTLS"]),
        ("strip-starttls", "any", ["no_starttls", "", "EHLO did not list STARTTLS; 502 5.5.1 not known here"]),
        ("add-command", "any", ["ok", "TLS 1.3", ""]),
        ("add-reply", "any", ["injected", "", "cleartext after the go-ahead: 250 injected\r\n"]),
        ("hide-tls13", "any", ["ok", "TLS 1.2", toolkit.wire.FAULTS["downgrade_marked"]]),
        ("hide-tls13", "tls12", ["ok", "TLS 1.2", ""]),
        ("refuse-tls13", "any", ["closed", "", "the connection ended after 0 bytes"]),
        ("refuse-tls13", "tls12", ["ok", "TLS 1.2", ""]),
    ],
)
def test_an_observation_through_it(attack: str, offer: str, expected: list[str], lab: Lab) -> None:
    with Relay(lab.targets[0], attack) as relay:
        looks = toolkit.observe(relay.target, offers=offer, clock=lab.clock, progress=False).observations
    assert looks[["outcome", "protocol", "reason"]].fillna("").values.tolist() == [expected]


def test_another_client_notices_that_its_hello_was_changed(lab: Lab) -> None:
    """Python's `ssl`, which offers TLS 1.3, ends the handshake: the server marked its random."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with Relay(lab.targets[0], "hide-tls13") as relay, socket.create_connection(relay.target.connect_to) as plain:
        for command in (b"", b"EHLO client.test\r\n", b"STARTTLS\r\n"):
            plain.sendall(command)
            plain.recv(1 << 16)
        with pytest.raises(ssl.SSLError, match=r"(?i)inappropriate.fallback|illegal.parameter"):
            context.wrap_socket(plain)


def test_the_added_command_arrives_in_one_piece_with_starttls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = toolkit.parse_target("smtp://mx.lab.test:25", connect_to=f"127.0.0.1:{server.getsockname()[1]}")
        with (
            Relay(target, "add-command") as relay,
            socket.create_connection(relay.target.connect_to) as client,
            server.accept()[0] as accepted,
        ):
            client.sendall(b"STARTTLS\r\n")
            assert accepted.recv(1 << 16) == b"STARTTLS\r\nNOOP\r\n"


def test_it_relays_to_a_lab_only(lab: Lab) -> None:
    with pytest.raises(LabUsageError, match=r"smtp://mx\.example\.org:25 is not a service of a lab"):
        Relay(toolkit.parse_target("smtp://mx.example.org"), "strip-starttls")
    with pytest.raises(LabUsageError, match=r"smtp://mx\.lab\.test:25 is not a service of a lab"):
        Relay(toolkit.parse_target("smtp://mx.lab.test", connect_to="192.0.2.1:25"), "strip-starttls")
    with pytest.raises(LabUsageError, match="attack 'strip'"):
        Relay(lab.targets[0], "strip")


def test_it_runs_as_a_context_manager_only(lab: Lab) -> None:
    relay = Relay(lab.targets[0], "strip-starttls")
    with pytest.raises(LabError, match="not running"):
        _ = relay.target
    with relay, pytest.raises(LabError, match="already running"):
        relay.__enter__()
