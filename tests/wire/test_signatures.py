"""Signatures made by `cryptography` and the `openssl` program verify, and changed ones do not."""

import contextlib
import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa, utils

from tests.wire.crafted import leaf_with
from tests.wire.peers import credentials
from toolkit.wire import signatures
from toolkit.wire.signatures import UnverifiableError, load_key, verify

SIGNED = b"the parameters"
HASHES = {2: hashes.SHA1(), 3: hashes.SHA224(), 4: hashes.SHA256(), 5: hashes.SHA384(), 6: hashes.SHA512()}


def private(kind: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(credentials(kind).key_pem, None)
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return key


def right_and_wrong(certificate_or_key: object, scheme: int | None, signature: bytes) -> None:
    key = load_key(certificate_or_key) if isinstance(certificate_or_key, bytes) else certificate_or_key
    assert verify(key, scheme, signature, SIGNED)  # type: ignore[arg-type]
    for wrong in (b"", signature[:-1], signature + b"\x00", bytes(len(signature)), b"\xff" * len(signature)):
        assert verify(key, scheme, wrong, SIGNED) is False  # type: ignore[arg-type]
    assert verify(key, scheme, signature, SIGNED + b"!") is False  # type: ignore[arg-type]


@pytest.mark.parametrize("code", HASHES)
def test_rsa_pkcs1(code: int) -> None:
    signature = private("RSA").sign(SIGNED, padding.PKCS1v15(), HASHES[code])
    right_and_wrong(credentials("RSA").der, code << 8 | 1, signature)


@pytest.mark.parametrize(
    ("scheme", "code"), [(0x0804, 4), (0x0805, 5), (0x0806, 6), (0x0809, 4), (0x080A, 5), (0x080B, 6)]
)
def test_rsa_pss(scheme: int, code: int) -> None:
    algorithm = HASHES[code]
    pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
    right_and_wrong(credentials("RSA").der, scheme, private("RSA").sign(SIGNED, pss, algorithm))
    # RFC 8446, 4.2.3: the salt is as long as the digest, nothing else.
    longer = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size + 1)
    other = private("RSA").sign(SIGNED, longer, algorithm)
    assert (
        verify(load_key(credentials("RSA").der), scheme, other, SIGNED) is False
    )  # RFC 8446, 4.2.3: the salt's length


@pytest.mark.parametrize("code", HASHES)
def test_ecdsa(code: int) -> None:
    signature = private("EC").sign(SIGNED, ec.ECDSA(HASHES[code]))
    right_and_wrong(credentials("EC").der, code << 8 | 3, signature)


def test_pure_schemes() -> None:
    for scheme, made in (
        (0x0807, ed25519.Ed25519PrivateKey.generate()),
        (0x0808, ed448.Ed448PrivateKey.generate()),
        (0x0904, mldsa.MLDSA44PrivateKey.generate()),
        (0x0905, mldsa.MLDSA65PrivateKey.generate()),
        (0x0906, mldsa.MLDSA87PrivateKey.generate()),
    ):
        right_and_wrong(made.public_key(), scheme, made.sign(SIGNED))


def test_before_tls_12_the_key_decides(tmp_path: Path) -> None:
    """MD5 and SHA-1 side by side, signed by the `openssl` program without a DigestInfo."""
    both = hashlib.md5(SIGNED).digest() + hashlib.sha1(SIGNED).digest()
    (tmp_path / "both").write_bytes(both)
    (tmp_path / "key.pem").write_bytes(credentials("RSA").key_pem)
    command = ["openssl", "pkeyutl", "-sign", "-inkey", "key.pem", "-in", "both", "-out", "signature"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=30)
    right_and_wrong(credentials("RSA").der, None, (tmp_path / "signature").read_bytes())
    half = private("RSA").sign(hashlib.sha1(SIGNED).digest(), padding.PKCS1v15(), utils.Prehashed(hashes.SHA1()))
    assert verify(load_key(credentials("RSA").der), None, half, SIGNED) is False
    right_and_wrong(credentials("EC").der, None, private("EC").sign(SIGNED, ec.ECDSA(hashes.SHA1())))


def test_a_key_of_another_kind_did_not_sign() -> None:
    signature = private("RSA").sign(SIGNED, padding.PKCS1v15(), hashes.SHA256())
    for scheme in (0x0403, 0x0402, 0x0807, 0x081A):
        assert verify(load_key(credentials("RSA").der), scheme, signature, SIGNED) is False
    assert verify(load_key(credentials("EC").der), 0x0804, signature, SIGNED) is False
    assert verify(load_key(credentials("EC").der), 0x0401, signature, SIGNED) is False


@pytest.mark.parametrize("scheme", [0x0000, 0x0400, 0x0404, 0x0701, 0x0708, 0xFE0E, 0x0A0A])
def test_an_unknown_scheme_is_refused(scheme: int) -> None:
    with pytest.raises(UnverifiableError, match="is unknown"):
        verify(load_key(credentials("RSA").der), scheme, b"x", SIGNED)


@pytest.mark.parametrize(("bits", "exponent"), [(16_400, 65537), (4096, (1 << 70) + 1)])
def test_keys_that_would_take_too_long_are_not_tried(bits: int, exponent: int) -> None:
    """OpenSSL's own bounds; beyond them it calls every signature wrong, which would be a false accusation."""
    key = rsa.RSAPublicNumbers(exponent, (1 << bits - 1) + 1235).public_key()
    with pytest.raises(UnverifiableError, match="too large to be checked"):
        load_key(leaf_with(key))


def test_a_key_of_many_bytes_is_neither_read_nor_remembered() -> None:
    leaf = leaf_with(rsa.RSAPublicNumbers(65537, (1 << 70_000) + 1235).public_key())
    with pytest.raises(UnverifiableError, match=r"the leaf's key of 87\d\d bytes is too large to be checked"):
        load_key(leaf)


@pytest.mark.parametrize("scheme", [None, *range(0x0401, 0x0407), *range(0x0804, 0x0807), *range(0x0809, 0x080C)])
@pytest.mark.parametrize("bits", [3, 64, 255, 511, 512, 527, 528, 529, 1039, 1041])
def test_no_size_of_key_raises(bits: int, scheme: int | None) -> None:
    key = load_key(leaf_with(rsa.RSAPublicNumbers(3, (1 << bits - 1) + 1).public_key()))
    for size in (0, 1, bits // 8, (bits + 7) // 8):
        with contextlib.suppress(UnverifiableError):
            assert verify(key, scheme, b"\x01" * size, SIGNED) is False


def test_what_the_library_cannot_do_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    key = load_key(credentials("RSA").der)
    for error in (ValueError("no"), InternalError("no", []), UnsupportedAlgorithm("no")):

        def fail(*_: object, error: Exception = error) -> bool:
            raise error

        monkeypatch.setattr(signatures, "_verify_by_scheme", fail)
        with pytest.raises(UnverifiableError, match="cannot be checked"):
            verify(key, 0x0401, b"x", SIGNED)


@pytest.mark.parametrize("damage", [b"", b"\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x30\x00", bytes(100)])
def test_a_certificate_without_a_readable_key(damage: bytes) -> None:
    with pytest.raises(UnverifiableError, match="the leaf's key cannot be read"):
        load_key(damage)
    for size in range(0, len(credentials("EC").der) - 120, 9):
        with pytest.raises(UnverifiableError):
            load_key(credentials("EC").der[:size])


def test_the_key_of_a_leaf_seen_before_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[bytes] = []

    def counting(encoded: bytes) -> object:
        loaded.append(encoded)
        return serialization.load_der_public_key(encoded)

    monkeypatch.setattr(signatures, "load_der_public_key", counting)
    keys = [ed25519.Ed25519PrivateKey.generate().public_key() for _ in range(1000)]
    leaves = [leaf_with(key) for key in keys]
    for leaf in leaves * 3:
        load_key(leaf)
    assert len(loaded) == len(leaves)
