"""The session that Zeek's authors recorded with a Google MX on 2014-05-15, read as if it were today."""

import hashlib
import re
from base64 import b64decode
from pathlib import Path

from tests.wire.capture import records, streams
from toolkit.reference import groups, offers, signature_schemes, suites
from toolkit.wire import Handshake


def test_the_flight_of_2014_is_read_and_its_signature_verified(shared: Path) -> None:
    client, server = streams(shared / "recorded" / "captures" / "smtp-starttls.pcap")
    random = records(client)[0][1][6:38]
    handshake = Handshake(offers()["tls12"], server_name=None, entropy=lambda size: random[:size])
    handshake.start()
    closure = handshake.receive(server)
    answer = handshake.answer
    assert answer.is_sound
    assert answer.is_key_proven
    assert answer.protocol == "TLS 1.2"
    assert suites()[answer.suite_code or 0].name == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    assert groups()[answer.group_code or 0].name == "secp256r1"
    assert signature_schemes()[answer.signature_scheme_code or 0].name == "rsa_pkcs1_sha512"
    assert (answer.has_ocsp_staple, answer.has_sct, answer.alert) == (False, False, None)
    assert closure == bytes.fromhex("15 0303 0002 015a 15 0303 0002 0100")


def test_its_leaf_is_among_the_certificates_that_were_collected_apart(shared: Path) -> None:
    client, server = streams(shared / "recorded" / "captures" / "smtp-starttls.pcap")
    random = records(client)[0][1][6:38]
    handshake = Handshake(offers()["tls12"], server_name=None, entropy=lambda size: random[:size])
    handshake.start()
    handshake.receive(server)
    known = set()
    for pem in (shared / "recorded" / "google_mail").rglob("*.pem"):
        for body in re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END", pem.read_text(), re.DOTALL):
            known.add(hashlib.sha256(b64decode(body)).hexdigest())
    assert len(handshake.answer.chain) == 3
    assert hashlib.sha256(handshake.answer.chain[0]).hexdigest() in known
