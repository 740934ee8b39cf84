"""Transcripts of openssl s_client and gnutls-cli, as these programs print them."""

import warnings
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from tests.certificates import der
from toolkit.errors import ReadError, ReadWarning
from toolkit.tables import as_pem

PEM = as_pem(der.certificate())

S_CLIENT = f"""CONNECTED(00000003)
---
Certificate chain
 0 s:CN = mx.test
   i:CN = Some CA
   a:PKEY: id-ecPublicKey, 256 (bit); sigalg: ecdsa-with-SHA256
   v:NotBefore: Nov 28 14:57:15 2026 GMT; NotAfter: Dec 28 14:57:15 2026 GMT
 1 s:CN = Some CA
   i:CN = Root
---
Server certificate
{PEM}subject=CN = mx.test
issuer=CN = Some CA
---
Peer signing digest: SHA256
Peer signature type: RSA-PSS
Server Temp Key: ECDH, prime256v1, 256 bits
---
New, TLSv1.0, Cipher is ECDHE-RSA-AES256-SHA
SSL-Session:
    Protocol  : TLSv1.2
    Cipher    : ECDHE-RSA-AES256-SHA
    Master-Key: 07FBF41ACBD1F9FE1BC8BBBAE71D56FDDBC3819C4627751AD9708107DA55E3CD
    Start Time: 1795878178
    Verify return code: 18 (self-signed certificate)
"""

GNUTLS = """Processed 140 CA certificate(s).
Resolving 'www.test:443'...
Connecting to '192.0.2.1:443'...
- Certificate type: X.509
- Got a certificate list of 1 certificates.
- Certificate[0] info:
 - subject `CN=www.test', issuer `CN=Some CA', serial 0x0a5b, RSA key 2048 bits, signed using RSA-SHA256, \
activated `2026-11-28 14:57:15 UTC', expires `2026-12-28 14:57:15 UTC', pin-sha256="Hgnr2/gv="
	Public Key ID:
		sha256:1e09ebdbf82f69c4580131e9934b2946e4a397744e3567ca46b112f002f573f9
- Status: The certificate is trusted.
- Description: (TLS1.2-X.509)-(ECDHE-X25519)-(RSA-SHA256)-(AES-128-GCM)
- Handshake was completed
"""


def looks(path: Path, text: str) -> pd.DataFrame:
    path.write_text(text)
    return toolkit.read(path).observations


def test_the_version_is_that_of_the_session_not_of_the_suite(tmp_path: Path) -> None:
    path = tmp_path / "given"
    row = looks(path, S_CLIENT).iloc[0]
    assert (row["protocol"], row["suite"]) == ("TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA")
    assert (row["group"], row["stage"], row["outcome"]) == ("secp256r1", "certificate", "ok")
    assert row["observed_at"] == pd.Timestamp(1795878178, unit="s", tz="UTC")
    assert row["chain_sha256"] is None, "the second certificate is not there"
    assert pd.isna(row["service"])
    assert "07FBF41A" not in toolkit.read(path).observations.to_csv()
    without = looks(path, S_CLIENT.replace("    Protocol  : TLSv1.2\n", ""))
    assert without["protocol"].isna().all()


def test_the_command_names_the_server(tmp_path: Path) -> None:
    given = f"$ openssl s_client -connect mx.test:25 -starttls smtp -servername mx.test </dev/null\n{S_CLIENT}"
    found = looks(tmp_path / "given", given + "$ openssl s_client -connect 192.0.2.1:465\n" + S_CLIENT)
    assert found["service"].tolist() == ["smtp://mx.test:25", "smtps://192.0.2.1:465"]
    assert found["server_name"].tolist()[0] == "mx.test"


def test_a_leaf_that_is_not_there_is_printed(tmp_path: Path) -> None:
    row = looks(tmp_path / "given", S_CLIENT.replace(PEM, "")).iloc[0]
    assert pd.isna(row["leaf_sha256"])
    assert (row["printed_subject"], row["printed_issuer"]) == ("CN = mx.test", "CN = Some CA")
    assert row["printed_not_after"] == pd.Timestamp("2026-12-28T14:57:15Z")


@pytest.mark.parametrize(
    ("printed", "outcome"),
    [
        ("40A7:error:0A000410:SSL routines::alert handshake failure:r.c:865:SSL alert number 40", "refused"),
        ("139:error:1408F10B:SSL routines:ssl3_get_record:wrong version number:ssl3_record.c:332:", "not_tls"),
        ("didn't find starttls in server response, trying anyway...", "no_starttls"),
        ("write:errno=104", "reset"),
        ("40A7:error:0A000126:SSL routines::unexpected eof while reading:r.c:323:", "closed"),
        ("40A7:error:0A0000BF:SSL routines:tls_setup_handshake:no protocols available:e.c:104:", "cannot_offer"),
    ],
)
def test_a_failure_is_a_row(printed: str, outcome: str, tmp_path: Path) -> None:
    given = f"CONNECTED(00000003)\n{printed}\n---\nno peer certificate available\n---\nNew, (NONE), Cipher is (NONE)\n"
    assert looks(tmp_path / "given", given)["outcome"].tolist() == [outcome]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("<<< TLS 1.2, Alert [length 0002], fatal handshake_failure", "alert handshake_failure"),
        ("SSL3 alert read:fatal:protocol version", "alert protocol version"),
    ],
)
def test_an_alert_that_is_traced_is_a_refusal(line: str, reason: str, tmp_path: Path) -> None:
    """The options `-msg` and `-state`."""
    text = f"CONNECTED(00000003)\n{line}\n---\nno peer certificate available\n---\nNew, (NONE), Cipher is (NONE)\n"
    (row,) = looks(tmp_path / "given", text).to_dict("records")
    assert (row["outcome"], row["reason"]) == ("refused", reason)


def test_a_refused_connection_of_either(tmp_path: Path) -> None:
    assert looks(tmp_path / "a", "connect:errno=111\n")["outcome"].tolist() == ["port_closed"]
    given = "Processed 0 CA certificate(s).\nResolving '192.0.2.1:4'...\nConnecting to '192.0.2.1:4'...\n"
    row = looks(tmp_path / "b", "Could not connect to 192.0.2.1:4: Connection refused\n" + given).iloc[0]
    assert (row["outcome"], row["service"]) == ("port_closed", "tls://192.0.2.1:4")


def test_gnutls_describes_certificates(tmp_path: Path) -> None:
    path = tmp_path / "given"
    found = looks(path, GNUTLS * 2)
    assert found["suite"].tolist() == ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"] * 2
    assert found["group"].tolist() == ["x25519"] * 2
    assert found["service"].tolist() == ["https://www.test:443"] * 2
    certificate = toolkit.read(path).certificates.iloc[0]
    assert certificate["spki_sha256"].startswith("1e09ebdb")
    assert (certificate["serial"], certificate["key_type"], certificate["key_bits"]) == ("a5b", "RSA", 2048)
    assert certificate["not_after"] == pd.Timestamp("2026-12-28T14:57:15Z")


@pytest.mark.parametrize(
    ("description", "suite"),
    [
        ("(TLS1.2)-(ECDHE-RSA-SECP256R1)-(AES-256-GCM)", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
        ("(TLS1.0)-(RSA)-(AES-128-CBC)-(SHA1)", "TLS_RSA_WITH_AES_128_CBC_SHA"),
        ("(TLS1.3-X.509)-(ECDHE-SECP256R1)-(RSA-PSS-RSAE-SHA256)-(AES-256-GCM)", "TLS_AES_256_GCM_SHA384"),
        ("(TLS1.2-X.509)-(ECDHE-SECP256R1)-(RSA-SHA256)-(CHACHA20-POLY1305)",
         "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    ],
)  # fmt: skip
def test_descriptions_of_gnutls(description: str, suite: str, tmp_path: Path) -> None:
    given = GNUTLS.replace("(TLS1.2-X.509)-(ECDHE-X25519)-(RSA-SHA256)-(AES-128-GCM)", description)
    assert looks(tmp_path / "given", given)["suite"].tolist() == [suite]


def test_what_is_cut_in_half_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    for whole in (S_CLIENT, GNUTLS):
        for cut in range(20, len(whole), 97):
            (tmp_path / "given").write_text(whole[:cut])
            with warnings.catch_warnings(), suppress(ReadError):
                warnings.simplefilter("ignore", ReadWarning)
                toolkit.read(tmp_path / "given")
