"""Other tools, run against servers of known configuration: their reports say what the servers accept.

nmap and SSLyze are run against JSSE, in `tests.collection.surveys.test_interop`. cryptolyzer 1.6.1 is read and not
run: it does not start with OpenSSL 3.0.10 and newer, because oscrypto 1.3.0, which it needs, does not take "3.0.10" for
a version (https://github.com/wbond/oscrypto/issues/78; no release since).
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import toolkit
from tests.interop import daemons
from tests.interop.scanners import accepted_suites, scan_with_nmap, scan_with_sslscan
from toolkit.certificates import parse_certificate
from toolkit.lab import Lab
from toolkit.readers.pem import read_certificates

SUITES = {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}
NARROW_NGINX = "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256;"
NARROW = ("-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256")


@pytest.fixture(scope="module")
def leaf(certificates: Path) -> str:
    return str(parse_certificate(read_certificates(certificates / "rsa.crt")[0])["cert_sha256"])


def test_sslscan_reports_versions_suites_and_the_certificate(
    certificates: Path, leaf: str, tmp_path: Path, need: Callable[[str], str]
) -> None:
    report = tmp_path / "s.xml"
    with daemons.s_server(certificates, *NARROW) as ports:
        port = next(iter(ports.values()))
        tables = scan_with_sslscan(need("sslscan"), report, port, "--show-certificate")
    assert accepted_suites(tables) == {("TLS 1.2", suite) for suite in SUITES}
    versions = tables.support[tables.support["suite"].isna() & tables.support["group"].isna()]
    states = dict(zip(versions["protocol"], versions["state"], strict=True))
    assert states.pop("TLS 1.2") == "accepted"
    assert set(states.values()) == {"refused"}
    (look,) = tables.observations.to_dict("records")
    assert (look["outcome"], look["protocol"], look["leaf_sha256"]) == ("ok", "TLS 1.2", leaf)
    (closed,) = daemons.free_ports(1)
    subprocess.run(
        [need("sslscan"), f"--xml={report}", f"127.0.0.1:{closed}"], capture_output=True, timeout=60, check=False
    )
    (refused,) = toolkit.read(report).observations.to_dict("records")
    says_why = "refused" in refused["reason"]  # since version 2.1
    assert (refused["outcome"], refused["port"]) == ("port_closed" if says_why else "unreachable", closed)


@pytest.mark.timeout(300)
def test_testssl_reports_versions_suites_and_the_certificate(
    certificates: Path, leaf: str, tmp_path: Path, need: Callable[[str], str]
) -> None:
    report = tmp_path / "testssl.json"
    with daemons.nginx(certificates, NARROW_NGINX) as ports:
        peer = f"127.0.0.1:{next(iter(ports.values()))}"
        command = [need("testssl"), f"--jsonfile-pretty={report}", "--quiet", "-p", "-E", "-S", peer]
        subprocess.run(command, capture_output=True, timeout=280, check=False)  # its exit code counts findings
    tables = toolkit.read(report)
    assert accepted_suites(tables) == {("TLS 1.2", suite) for suite in SUITES}
    rows = tables.support[tables.support["suite"].isna() & tables.support["group"].isna()]
    states = dict(zip(rows["protocol"], rows["state"], strict=True))
    assert states.pop("TLS 1.2") == "accepted"
    assert {"SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.3"} <= set(states)
    assert "refused" in set(states.values()) <= {"refused", "untested"}
    assert tables.observations[["service", "outcome", "leaf_sha256"]].to_numpy().tolist() == [
        [f"tls://{peer}", "ok", leaf]
    ]


def test_a_capture_made_by_tshark_shows_the_handshakes_that_we_made(
    certificates: Path, leaf: str, tmp_path: Path, need: Callable[[str], str]
) -> None:
    capture = tmp_path / "made.pcapng"
    with daemons.s_server(certificates, *NARROW) as ports:
        port = next(iter(ports.values()))
        command = [need("tshark"), "-i", "lo", "-f", f"tcp port {port}", "-w", str(capture), "-a", "packets:12"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as sniffer:
            assert sniffer.stderr is not None
            said = ""
            while "Capturing on" not in said:
                line = sniffer.stderr.readline()
                said += line
                if not line:
                    pytest.skip(f"tshark cannot capture here: {said.strip()[-200:]}")
            target = toolkit.parse_target(f"tls://tls.example:{port}", connect_to=f"127.0.0.1:{port}")
            for _ in range(100):  # the first packets may pass before the capture has begun
                (look,) = toolkit.observe(target, progress=False).observations.to_dict("records")
                if sniffer.poll() is not None:
                    break
            sniffer.terminate()
    looks = toolkit.read(capture).observations
    looks = looks[looks["outcome"] == "ok"]
    assert len(looks) >= 1
    for name in ("protocol", "suite", "leaf_sha256", "chain_sha256"):
        assert set(looks[name]) == {look[name]}, name
    assert set(looks["port"]) == {port}


def test_nmap_sees_the_certificate_that_the_lab_serves(tmp_path: Path, need: Callable[[str], str]) -> None:
    pytest.importorskip("OpenSSL")
    with Lab("year", seed=3) as lab:
        target = next(target for target in lab.targets if target.scheme in ("https", "imaps", "smtps"))
        host, port = target.connect_to or ("", 0)
        tables = scan_with_nmap(need("nmap"), tmp_path / "lab.xml", host, port)
        serving = lab.truth.serving
    now = serving[(serving["service"] == target.service) & (serving["served_from_at"] <= lab.begins_at)]
    (look,) = tables.observations.to_dict("records")
    assert look["leaf_sha256"] in set(now["leaf_sha256"])
    assert look["source"] == "lab.xml"


def test_transcripts_say_what_was_negotiated(
    certificates: Path, leaf: str, tmp_path: Path, need: Callable[[str], str]
) -> None:
    """openssl s_client and gnutls-cli against one server; of gnutls-cli the certificate is described, or printed."""
    suite = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    with daemons.s_server(certificates, *NARROW) as ports:
        port = next(iter(ports.values()))
        commands = {
            "openssl": (need("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-showcerts"),
            "described": (need("gnutls-cli"), "--insecure", "-p", port, "127.0.0.1"),
            "printed": (need("gnutls-cli"), "--insecure", "--print-cert", "-p", port, "127.0.0.1"),
        }
        for name, command in commands.items():
            words = [str(word) for word in command]
            ended = subprocess.run(words, input=b"", capture_output=True, timeout=60, check=False)
            (tmp_path / name).write_bytes(ended.stdout)
            looks = toolkit.read(tmp_path / name).observations
            assert looks[["outcome", "protocol", "suite"]].to_numpy().tolist() == [["ok", "TLS 1.2", suite]]
            assert (looks["leaf_sha256"][0] == leaf) == (name != "described")
    assert looks["service"].tolist() == [f"tls://127.0.0.1:{port}"]
    described = toolkit.read(tmp_path / "described").certificates.iloc[0]
    parsed = parse_certificate(read_certificates(certificates / "rsa.crt")[0])
    assert [described[name] for name in ("serial", "spki_sha256", "not_after", "subject")] == [
        parsed[name] for name in ("serial", "spki_sha256", "not_after", "subject")
    ]
