"""Certificates with post-quantum algorithms that no library here makes: named, and read as far as a document goes."""

import pytest

from tests.analyse.trust.minted import mint_ca, served
from tests.certificates.der import certificate, oid, sequence, tlv
from toolkit.analyse.trust.verify import verify_chains
from toolkit.certificates import parse_certificate

DRAFT = "draft-ietf-lamps-pq-composite-sigs-19"


def with_algorithm(key: str, signature: str) -> bytes:
    spki = sequence(sequence(oid(key)), tlv(0x03, b"\0" + bytes(32)))
    return certificate(algorithm=sequence(oid(signature)), spki=spki)


@pytest.mark.parametrize(
    ("dotted", "name"),
    [
        ("2.16.840.1.101.3.4.3.20", "SLH-DSA-SHA2-128s"),
        ("2.16.840.1.101.3.4.3.26", "SLH-DSA-SHAKE-128s"),
        ("2.16.840.1.101.3.4.3.31", "SLH-DSA-SHAKE-256f"),
        ("2.16.840.1.101.3.4.3.35", "HashSLH-DSA-SHA2-128s-with-SHA256"),
        ("2.16.840.1.101.3.4.3.41", "HashSLH-DSA-SHAKE-128s-with-SHAKE128"),
        ("2.16.840.1.101.3.4.3.46", "HashSLH-DSA-SHAKE-256f-with-SHAKE256"),
        ("1.3.6.1.5.5.7.6.37", f"MLDSA44-RSA2048-PSS-SHA256 ({DRAFT})"),
        ("1.3.6.1.5.5.7.6.45", f"MLDSA65-ECDSA-P256-SHA512 ({DRAFT})"),
        ("1.3.6.1.5.5.7.6.54", f"MLDSA87-ECDSA-P521-SHA512 ({DRAFT})"),
    ],
)
def test_keys_and_signatures_are_named(dotted: str, name: str) -> None:
    row = parse_certificate(with_algorithm(dotted, dotted))
    assert (row["key_type"], row["signature_algorithm"]) == (name, name)
    assert row["parse_error"] is None


def test_a_merkle_tree_certificate_is_named_by_its_draft() -> None:
    row = parse_certificate(with_algorithm("2.16.840.1.101.3.4.3.17", "1.3.6.1.4.1.44363.47.0"))
    assert row["signature_algorithm"] == "mtcProof (draft-davidben-tls-merkle-tree-certs-08)"
    assert row["key_type"] == "ML-DSA-44"


@pytest.mark.parametrize("dotted", ["2.16.840.1.101.3.4.3.26", "1.3.6.1.5.5.7.6.45", "1.3.6.1.4.1.44363.47.0"])
def test_what_cannot_be_verified_is_not_trusted(dotted: str) -> None:
    leaf = with_algorithm("2.16.840.1.101.3.4.3.20", dotted)
    row = verify_chains(served([leaf], host="subject.test"), roots=[mint_ca("Root").der], as_of="2026-06-01T00:00Z")
    assert row["verdict"].iloc[0] != "trusted"
    assert not row["is_path_found"].fillna(value=False).iloc[0]
