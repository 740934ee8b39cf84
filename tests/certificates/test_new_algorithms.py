"""Certificates with post-quantum algorithms that no library here makes: named, and read as far as a document goes."""

import pytest

from tests.analyse.trust.minted import mint_ca, served
from tests.certificates.der import certificate, oid, sequence, tlv
from toolkit.analyse.trust.verify import verify_chains
from toolkit.certificates import parse_certificate

DRAFT = "draft-ietf-lamps-pq-composite-sigs"
NIST = "2.16.840.1.101.3.4.3"


def with_algorithm(key: str, signature: str, *, octets: int = 32, parameters: bytes = b"") -> bytes:
    spki = sequence(sequence(oid(key), parameters), tlv(0x03, b"\0" + bytes(octets)))
    return certificate(algorithm=sequence(oid(signature)), spki=spki)


@pytest.mark.parametrize(
    ("dotted", "name", "octets"),
    [
        ("2.16.840.1.101.3.4.3.18", "ML-DSA-65", 1952),
        ("2.16.840.1.101.3.4.3.32", "HashML-DSA-44-with-SHA512", 1312),
        ("2.16.840.1.101.3.4.3.34", "HashML-DSA-87-with-SHA512", 2592),
        ("2.16.840.1.101.3.4.3.20", "SLH-DSA-SHA2-128s", 32),
        ("2.16.840.1.101.3.4.3.26", "SLH-DSA-SHAKE-128s", 32),
        ("2.16.840.1.101.3.4.3.31", "SLH-DSA-SHAKE-256f", 64),
        ("2.16.840.1.101.3.4.3.35", "HashSLH-DSA-SHA2-128s-with-SHA256", 32),
        ("2.16.840.1.101.3.4.3.41", "HashSLH-DSA-SHAKE-128s-with-SHAKE128", 32),
        ("2.16.840.1.101.3.4.3.46", "HashSLH-DSA-SHAKE-256f-with-SHAKE256", 64),
        ("1.3.6.1.5.5.7.6.37", f"MLDSA44-RSA2048-PSS-SHA256 ({DRAFT}-19)", 32),
        ("1.3.6.1.5.5.7.6.45", f"MLDSA65-ECDSA-P256-SHA512 ({DRAFT}-19)", 32),
        ("1.3.6.1.5.5.7.6.54", f"MLDSA87-ECDSA-P521-SHA512 ({DRAFT}-19)", 32),
        ("2.16.840.1.114027.80.8.1.10", f"MLDSA65-Ed25519-SHA512 ({DRAFT}-02)", 32),
        ("2.16.840.1.114027.80.8.1.13", f"MLDSA87-Ed448-SHA512 ({DRAFT}-02)", 32),
        ("2.16.840.1.114027.80.8.1.28", f"MLDSA65-ECDSA-P384-SHA512 ({DRAFT}-03)", 32),
        ("2.16.840.1.114027.80.8.1.49", f"HashMLDSA65-ECDSA-brainpoolP256r1-SHA512 ({DRAFT}-03)", 32),
        ("2.16.840.1.114027.80.8.1.53", f"HashMLDSA87-Ed448-SHA512 ({DRAFT}-03)", 32),
        ("2.16.840.1.114027.80.9.1.8", f"MLDSA65-ECDSA-P256-SHA512 ({DRAFT}-06)", 32),
        ("2.16.840.1.114027.80.9.1.32", f"MLDSA87-ECDSA-P384-SHA512 ({DRAFT}-13)", 32),
        ("2.16.840.1.114027.80.9.1.37", f"MLDSA87-ECDSA-P521-SHA512 ({DRAFT}-13)", 32),
    ],
)
def test_keys_and_signatures_are_named(dotted: str, name: str, octets: int) -> None:
    row = parse_certificate(with_algorithm(dotted, dotted, octets=octets))
    assert (row["key_type"], row["signature_algorithm"]) == (name, name)
    assert row["parse_error"] is None


@pytest.mark.parametrize(
    ("key", "name", "octets", "parameters", "problem"),
    [
        (f"{NIST}.18", "ML-DSA-65", 5, b"", "key: 5 octets are not a key of ML-DSA-65, which has 1,952"),
        (f"{NIST}.25", "SLH-DSA-SHA2-256f", 65, b"", "key: 65 octets are not a key of SLH-DSA-SHA2-256f, which has 64"),
        (f"{NIST}.18", "ML-DSA-65", 1952, tlv(0x05), "key: ML-DSA-65 has parameters, which it must not have"),
        ("1.3.101.112", "Ed25519", 31, b"", "key: 31 octets are not a key of Ed25519, which has 32"),
    ],
)
def test_a_key_of_another_length_or_with_parameters_is_said(
    key: str, name: str, octets: int, parameters: bytes, problem: str
) -> None:
    row = parse_certificate(with_algorithm(key, key, octets=octets, parameters=parameters))
    assert (row["parse_error"], row["key_type"]) == (problem, name)


def test_a_merkle_tree_certificate_is_named_by_its_draft() -> None:
    row = parse_certificate(with_algorithm("2.16.840.1.101.3.4.3.17", "1.3.6.1.4.1.44363.47.0", octets=1312))
    assert row["signature_algorithm"] == "mtcProof (draft-davidben-tls-merkle-tree-certs-08)"
    assert row["key_type"] == "ML-DSA-44"


@pytest.mark.parametrize("dotted", ["2.16.840.1.101.3.4.3.26", "1.3.6.1.5.5.7.6.45", "1.3.6.1.4.1.44363.47.0"])
def test_what_cannot_be_verified_is_not_trusted(dotted: str) -> None:
    leaf = with_algorithm("2.16.840.1.101.3.4.3.20", dotted)
    row = verify_chains(served([leaf], host="subject.test"), roots=[mint_ca("Root").der], as_of="2026-06-01T00:00Z")
    assert row["verdict"].iloc[0] != "trusted"
    assert not row["is_path_found"].fillna(value=False).iloc[0]
