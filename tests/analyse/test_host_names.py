"""One rule for the names of a certificate: in a table, compared with OpenSSL's, and the same in every use."""

import ipaddress
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from cryptography import x509

from tests.analyse.trust.minted import TODAY, mint_ca, mint_leaf, served
from tests.conftest import need
from toolkit import Tables
from toolkit.analyse.host_names import names_for, names_host
from toolkit.analyse.rotation.rotations import find_rotations
from toolkit.analyse.trust.certificates import Certificate, read_certificate
from toolkit.analyse.trust.names import match_host
from toolkit.tables import as_pem

ROOT = mint_ca("Root")

TABLE = [
    ("mx.example.test", "mx.example.test", True),
    ("MX.Example.TEST", "mx.example.test", True),
    ("mx.example.test", "MX.EXAMPLE.TEST", True),
    ("mx.example.test", "mx.example.test.", True),
    ("mx.example.test.", "mx.example.test", False),
    ("mx.example.test", "a.mx.example.test", False),
    ("evil-mx.example.test", "mx.example.test", False),
    ("localhost", "localhost", True),
    ("*.example.test", "mx.example.test", True),
    ("*.EXAMPLE.test", "MX.example.test.", True),
    ("*.example.test", "xn--bcher-kva.example.test", True),
    ("*.example.test", "a.mx.example.test", False),
    ("*.example.test", "example.test", False),
    ("*.example.test", "a_b.example.test", False),
    ("a_b.example.test", "a_b.example.test", True),
    ("*.example.test.", "mx.example.test", False),
    ("*.test", "example.test", False),
    ("*.co.uk", "example.co.uk", True),
    ("*", "localhost", False),
    ("*.", "localhost", False),
    ("*.localhost", "mx.localhost", False),
    ("*.*.test", "mx.example.test", False),
    ("**.example.test", "mx.example.test", False),
    ("mx.*.test", "mx.example.test", False),
    ("m*.example.test", "mx.example.test", False),
    ("*x.example.test", "mx.example.test", False),
    ("xn--*.example.test", "xn--bcher-kva.example.test", False),
    ("xn--bcher-kva.test", "bücher.test", True),
    ("xn--fa-hia.test", "faß.test", True),
    ("fass.test", "faß.test", False),
    ("*.xn--bcher-kva.test", "mx.bücher.test", True),
    ("192.0.2.7", "192.0.2.7", True),
    ("192.0.2.8", "192.0.2.7", False),
    ("2001:db8::7", "2001:0DB8::7", True),
    ("fe80::1", "fe80::1%eth0", True),
    ("*.0.2.7", "192.0.2.7", False),
    ("mx.example.test", "mx..example.test", False),
    ("*.example.test", ".example.test", False),
    (".example.test", "mx.example.test", False),
    ("mx.example.test", ".example.test", False),
    ("", "", False),
]
"""Name of a certificate, host, whether the one is for the other."""

OPENSSL_SAYS_OTHERWISE = {
    ("mx.example.test", "mx.example.test."): "its caller strips the trailing dot",
    ("*.EXAMPLE.test", "MX.example.test."): "its caller strips the trailing dot",
    ("m*.example.test", "mx.example.test"): "by default it matches part of a label, which RFC 9525 forbids",
    ("*x.example.test", "mx.example.test"): "by default it matches part of a label, which RFC 9525 forbids",
    ("xn--bcher-kva.test", "bücher.test"): "its caller makes the A-label",
    ("xn--fa-hia.test", "faß.test"): "its caller makes the A-label",
    ("*.xn--bcher-kva.test", "mx.bücher.test"): "its caller makes the A-label",
    ("fe80::1", "fe80::1%eth0"): "its caller strips the zone",
    ("*.example.test", ".example.test"): "it takes a leading dot for every name below",
    ("mx.example.test", ".example.test"): "it takes a leading dot for every name below",
}
"""Name and host → what OpenSSL leaves to its caller, or does otherwise."""


def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@pytest.mark.parametrize(("name", "host", "is_named"), TABLE)
def test_a_name_is_for_a_host(name: str, host: str, is_named: bool) -> None:
    assert names_host(name, host) == is_named


def test_what_is_not_ascii_in_a_certificate_matches_nothing() -> None:
    assert not names_host("bücher.test", "bücher.test")
    assert not names_host("\u212aelvin.test", "kelvin.test"), "whose lower case is a k"


@pytest.mark.parametrize(("name", "host", "is_named"), [row for row in TABLE if row[0]])
def test_the_verdict_and_openssl_agree_with_the_rule(name: str, host: str, is_named: bool, tmp_path: Path) -> None:
    alternative = x509.IPAddress(address(name)) if address(name) else x509.DNSName(name)
    leaf = mint_leaf(ROOT, names=[alternative])
    element = read_certificate(leaf.der)
    assert isinstance(element, Certificate)
    assert (match_host(element, host) == "san") == is_named
    files = {"root": ROOT.der, "leaf": leaf.der}
    for file, der in files.items():
        (tmp_path / file).write_text(as_pem(der))
    done = subprocess.run(
        [need("openssl"), "verify", "-attime", str(int(TODAY.timestamp())), "-CAfile", str(tmp_path / "root"),
         "-verify_ip" if address(host) else "-verify_hostname", host, str(tmp_path / "leaf")],
        capture_output=True, check=False, text=True,
    )  # fmt: skip
    assert ((done.returncode == 0) == is_named) == ((name, host) not in OPENSSL_SAYS_OTHERWISE), done.stderr


def test_every_difference_named_is_one() -> None:
    assert set(OPENSSL_SAYS_OTHERWISE) <= {(name, host) for name, host, _ in TABLE}


def test_an_address_written_as_a_name_is_not_one() -> None:
    element = read_certificate(mint_leaf(ROOT, names=[x509.DNSName("192.0.2.7")]).der)
    assert isinstance(element, Certificate)
    assert match_host(element, "192.0.2.7") is None


@pytest.mark.parametrize("host", dict.fromkeys(host for name, host, _ in TABLE if name and host))
def test_a_succession_by_names_follows_the_rule(host: str) -> None:
    """A certificate that was never seen belongs to the host that was, if it is for it."""
    is_named = {name: is_named for name, of, is_named in TABLE if name and of == host}
    seen = served([mint_leaf(ROOT, names=[x509.DNSName("seen.test")]).der])
    unseen = served([mint_leaf(ROOT, key_name="unseen").der]).certificates
    known = [unseen.assign(cert_sha256=name, names=[(name,)], not_before=TODAY) for name in is_named]
    held = pd.concat([seen.certificates, *known], ignore_index=True)
    found = find_rotations(Tables.from_frames(seen.observations.assign(host=host), held), basis="names")
    of_host = found[found["host"] == host]
    belong = {*of_host["predecessor_sha256"], *of_host["successor_sha256"]}
    assert {name: name in belong for name in is_named} == is_named


def test_all_names_for_a_host() -> None:
    assert names_for("MX.bücher.example.") == ("mx.xn--bcher-kva.example", "*.xn--bcher-kva.example")
    assert names_for("no host") == ()
