"""Key shares agree with what `cryptography`, and OpenSSL's own tables, make of the other side."""

import base64
import subprocess
import warnings

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.wire.crafted import drip
from toolkit.reference import groups
from toolkit.wire.cursor import MalformedError
from toolkit.wire.groups import SharePool, can_share, finite_field, make_shares

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports asyncore
    from tlslite.utils.asn1parser import ASN1Parser

POINT = (Encoding.X962, PublicFormat.UncompressedPoint)
CURVES = {0x0017: ec.SECP256R1(), 0x0018: ec.SECP384R1(), 0x0019: ec.SECP521R1(), 0x001F: ec.BrainpoolP256R1()}


@pytest.mark.parametrize("code", CURVES)
def test_curves(code: int) -> None:
    share = make_shares([code], drip(1))[code]
    theirs = ec.generate_private_key(CURVES[code])
    ours = ec.EllipticCurvePublicKey.from_encoded_point(CURVES[code], share.public)
    assert share.agree(theirs.public_key().public_bytes(*POINT)) == theirs.exchange(ec.ECDH(), ours)


def test_montgomery() -> None:
    shares = make_shares([0x001D, 0x001E], drip(1))
    first, second = x25519.X25519PrivateKey.generate(), x448.X448PrivateKey.generate()
    ours = x25519.X25519PublicKey.from_public_bytes(shares[0x001D].public)
    assert shares[0x001D].agree(first.public_key().public_bytes_raw()) == first.exchange(ours)
    theirs = x448.X448PublicKey.from_public_bytes(shares[0x001E].public)
    assert shares[0x001E].agree(second.public_key().public_bytes_raw()) == second.exchange(theirs)


@pytest.mark.parametrize(("code", "made"), [(0x0201, mlkem.MLKEM768PublicKey), (0x0202, mlkem.MLKEM1024PublicKey)])
def test_kems(code: int, made: type[mlkem.MLKEM768PublicKey | mlkem.MLKEM1024PublicKey]) -> None:
    share = make_shares([code], drip(1))[code]
    secret, ciphertext = made.from_public_bytes(share.public).encapsulate()
    assert share.agree(ciphertext) == secret


def test_the_hybrid_whose_kem_comes_first() -> None:
    """draft-ietf-tls-ecdhe-mlkem, 3: X25519MLKEM768 puts ML-KEM first, against its name."""
    share = make_shares([0x11EC], drip(1))[0x11EC]
    assert len(share.public) == 1184 + 32
    secret, ciphertext = mlkem.MLKEM768PublicKey.from_public_bytes(share.public[:1184]).encapsulate()
    theirs = x25519.X25519PrivateKey.generate()
    both = theirs.exchange(x25519.X25519PublicKey.from_public_bytes(share.public[1184:]))
    assert share.agree(ciphertext + theirs.public_key().public_bytes_raw()) == secret + both


@pytest.mark.parametrize(("code", "curve", "kem"), [(0x11EB, 0x0017, 1184), (0x11ED, 0x0018, 1568)])
def test_the_hybrids_whose_curve_comes_first(code: int, curve: int, kem: int) -> None:
    share = make_shares([code], drip(1))[code]
    size = len(share.public) - kem
    theirs = ec.generate_private_key(CURVES[curve])
    ours = ec.EllipticCurvePublicKey.from_encoded_point(CURVES[curve], share.public[:size])
    made = {1184: mlkem.MLKEM768PublicKey, 1568: mlkem.MLKEM1024PublicKey}[kem]
    secret, ciphertext = made.from_public_bytes(share.public[size:]).encapsulate()
    sent = theirs.public_key().public_bytes(*POINT) + ciphertext
    assert share.agree(sent) == theirs.exchange(ec.ECDH(), ours) + secret


@pytest.mark.parametrize("code", [code for code, group in groups().items() if group.kind == "FFDHE"])
def test_finite_fields_have_openssl_s_primes(code: int) -> None:
    name = groups()[code].name
    command = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", f"group:{name}"]
    pem = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
    der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    parameters = ASN1Parser(bytearray(der))
    prime, generator = (int.from_bytes(parameters.getChild(at).value) for at in range(2))
    assert (prime.bit_length(), generator) == (groups()[code].bits, 2)
    assert finite_field(prime) == code
    assert finite_field(prime - 2) is None
    first, second = (make_shares([code], drip(seed))[code] for seed in (1, 2))
    assert len(first.public) == prime.bit_length() // 8
    assert first.agree(second.public) == second.agree(first.public)


@pytest.mark.parametrize("code", [code for code in groups() if can_share(code)])
def test_a_share_that_does_not_fit_is_malformed(code: int) -> None:
    share = make_shares([code], drip(1))[code]
    size = len(share.public)
    # X25519, X448 and a finite field take almost any string of the right length; a curve takes only its points.
    # So does ML-KEM (FIPS 203, 6.3: implicit rejection), whose keys and ciphertexts are alike in size at 1024.
    peers = [b"", b"\x00", bytes(size + 1)]
    if code != 0x0202:
        peers.append(bytes(size))
    if groups()[code].name.startswith(("sec", "Sec", "brainpool", "ffdhe")):
        peers.append(b"\xff" * size)
    if groups()[code].name.startswith(("sec", "Sec", "brainpool")):
        peers.append(b"\x04" + b"\xff" * (size - 1))
    for peer in peers:
        with pytest.raises(MalformedError):
            share.agree(peer)


def test_what_can_be_shared() -> None:
    names = {groups()[code].name for code in groups() if can_share(code)}
    assert names == {
        "x25519", "x448", "secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1tls13", "brainpoolP384r1tls13",
        "brainpoolP512r1tls13", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192", "MLKEM768",
        "MLKEM1024", "X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024",
    }  # fmt: skip
    with pytest.raises(KeyError):
        make_shares([0x6399], drip(1))


def test_a_pool_hands_out_the_same_shares_as_often_as_it_says() -> None:
    pool, entropy = SharePool(uses=2), drip(1)
    sets = [pool(groups, entropy) for groups in ([0x001D], [0x001D], [0x0017], [0x001D], [0x001D], [0x0017])]
    public = [next(iter(shares.values())).public for shares in sets]
    assert public[0] == public[1] != public[3] == public[4]
    assert public[2] == public[5]
    assert [list(shares) for shares in sets[2:4]] == [[0x0017], [0x001D]]


def test_a_pool_holds_a_bounded_number_of_sets() -> None:
    pool = SharePool()
    for count in range(200):
        pool((0x001D,) * (count + 1), drip(1))
    assert len(pool._made) <= 64
