"""Groups and signature schemes against NIST's tables and RFC 8446."""

import pytest

from toolkit import schema
from toolkit.reference import groups, signature_schemes


@pytest.mark.parametrize(
    ("name", "kind", "bits", "strength_bits", "is_post_quantum"),
    [
        ("sect163k1", "ECDHE", 163, 80, False),
        ("secp224r1", "ECDHE", 224, 112, False),
        ("secp256r1", "ECDHE", 256, 128, False),
        ("secp384r1", "ECDHE", 384, 192, False),
        ("secp521r1", "ECDHE", 521, 256, False),
        ("x25519", "ECDHE", 255, 128, False),
        ("x448", "ECDHE", 448, 224, False),
        ("curveSM2", "ECDHE", 256, 128, False),
        ("ffdhe2048", "FFDHE", 2048, 112, False),
        ("ffdhe8192", "FFDHE", 8192, 200, False),
        ("MLKEM512", "KEM", None, 128, True),
        ("X25519MLKEM768", "hybrid", None, 192, True),
        ("SecP384r1MLKEM1024", "hybrid", None, 256, True),
        ("X25519Kyber768Draft00", "hybrid", None, 192, True),
        ("arbitrary_explicit_prime_curves", "ECDHE", None, None, False),
    ],
)
def test_groups(name: str, kind: str, bits: int | None, strength_bits: int | None, is_post_quantum: bool) -> None:
    (group,) = [group for group in groups().values() if group.name == name]
    assert (group.kind, group.bits, group.strength_bits) == (kind, bits, strength_bits)
    assert group.is_post_quantum == is_post_quantum


def test_groups_of_tls13_are_those_of_rfc_8446_and_later() -> None:
    of_tls13 = {group.name for group in groups().values() if "TLS 1.3" in group.versions}
    of_rfc_8446 = {"secp256r1", "secp384r1", "secp521r1", "x25519", "x448",
                   "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"}  # fmt: skip
    assert of_rfc_8446 <= of_tls13
    assert not {"sect571r1", "secp256k1", "brainpoolP256r1"} & of_tls13
    assert all(group.versions == ("TLS 1.3",) for group in groups().values() if group.is_post_quantum)


@pytest.mark.parametrize(
    ("name", "key_type", "hashed", "padding", "versions"),
    [
        ("rsa_pkcs1_sha1", "RSA", "SHA1", "PKCS1", ("TLS 1.2",)),
        ("rsa_pkcs1_sha256", "RSA", "SHA256", "PKCS1", ("TLS 1.2",)),
        ("rsa_pss_rsae_sha384", "RSA", "SHA384", "PSS", ("TLS 1.2", "TLS 1.3")),
        ("rsa_pss_pss_sha512", "RSA", "SHA512", "PSS", ("TLS 1.2", "TLS 1.3")),
        ("ecdsa_secp256r1_sha256", "EC", "SHA256", None, ("TLS 1.2", "TLS 1.3")),
        ("ecdsa_brainpoolP384r1tls13_sha384", "EC", "SHA384", None, ("TLS 1.3",)),
        ("ecdsa_sha1", "EC", "SHA1", None, ("TLS 1.2",)),
        ("dsa_sha256", "DSA", "SHA256", None, ("TLS 1.2",)),
        ("ed25519", "Ed25519", None, None, ("TLS 1.2", "TLS 1.3")),
        ("ed448", "Ed448", None, None, ("TLS 1.2", "TLS 1.3")),
        ("mldsa44", "ML-DSA-44", None, None, ("TLS 1.3",)),
        ("gostr34102012_512", "GOST-512", "Streebog512", None, ("TLS 1.2",)),
    ],
)
def test_schemes(name: str, key_type: str, hashed: str | None, padding: str | None, versions: tuple[str, ...]) -> None:
    (scheme,) = [scheme for scheme in signature_schemes().values() if scheme.name == name]
    assert (scheme.key_type, scheme.hash, scheme.padding, scheme.versions) == (key_type, hashed, padding, versions)


def test_codes_are_in_order_and_names_unique() -> None:
    assert list(groups()) == sorted(groups())
    assert list(signature_schemes()) == sorted(signature_schemes())
    assert len({group.name for group in groups().values()}) == len(groups())
    assert len({scheme.name for scheme in signature_schemes().values()}) == len(signature_schemes())
    for group in groups().values():
        assert set(group.versions) <= set(schema.PROTOCOLS)
    for scheme in signature_schemes().values():
        assert set(scheme.versions) <= set(schema.PROTOCOLS)


def test_no_grease_among_the_facts() -> None:
    grease = {0x0A0A + 0x1010 * step for step in range(16)}  # RFC 8701 section 2
    assert not grease & (set(groups()) | set(signature_schemes()))
