"""Key shares of TLS 1.3 (RFC 8446, section 4.2.8; RFC 9954 for the hybrids).

Contract: `make_shares` derives the private keys in the given order from the given entropy alone, so the same entropy
gives the same hello. A peer's share that cannot be used raises `MalformedError`.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from toolkit.wire.cursor import MalformedError

Entropy = Callable[[int], bytes]

_MOST_SETS: Final = 64
"""Sets of groups for which a pool holds shares."""

X25519: Final = 0x001D
X448: Final = 0x001E

# IANA TLS Supported Groups: RFC 8446, 4.2.7 (NIST curves), RFC 8734 (Brainpool; its older code points are not used in
# TLS 1.3).
_CURVES: Final[dict[int, ec.EllipticCurve]] = {
    0x0017: ec.SECP256R1(),
    0x0018: ec.SECP384R1(),
    0x0019: ec.SECP521R1(),
    0x001F: ec.BrainpoolP256R1(),
    0x0020: ec.BrainpoolP384R1(),
    0x0021: ec.BrainpoolP512R1(),
}

# RFC 7919, appendix A: code point → bits, and the X of p = 2^b - 2^(b-64) + (floor(2^(b-130) e) + X) 2^64 - 1.
_FINITE_FIELDS: Final = {
    0x0100: (2048, 560316),
    0x0101: (3072, 2625351),
    0x0102: (4096, 5736041),
    0x0103: (6144, 15705020),
    0x0104: (8192, 10965728),
}

# draft-connolly-tls-mlkem-key-agreement: code point → private key; the size of a share is FIPS 203's.
_KEMS: Final[dict[int, type[mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey]]] = {
    0x0201: mlkem.MLKEM768PrivateKey,
    0x0202: mlkem.MLKEM1024PrivateKey,
}

# draft-ietf-tls-ecdhe-mlkem: code point → parts in the order of the shares and of the secret.
_HYBRIDS: Final = {
    0x11EB: (0x0017, 0x0201),
    0x11EC: (0x0201, X25519),
    0x11ED: (0x0018, 0x0202),
}

# Bytes of a server's share where it is not the last part of a hybrid: a point, or a ciphertext (FIPS 203, table 3).
_SERVER_SHARE_SIZES: Final = {0x0017: 65, 0x0018: 97, 0x0201: 1088}


class Share(Protocol):
    """A key share with its private key."""

    @property
    def public(self) -> bytes:
        """The bytes to send."""

    def agree(self, peer: bytes) -> bytes:
        """The secret shared with the sender of `peer`; raises `MalformedError` where `peer` cannot be used."""


def can_share(group: int) -> bool:
    """Whether a key share of the group can be made."""
    return group in {X25519, X448} or any(group in known for known in (_CURVES, _FINITE_FIELDS, _KEMS, _HYBRIDS))


def make_shares(groups: Iterable[int], entropy: Entropy) -> dict[int, Share]:
    """A share for each group; raises `KeyError` for a group that `can_share` denies.

    A part that occurs in several groups is made once (RFC 9954, section 3.2: a hybrid may share its key with another
    entry of the same hello), which saves a scalar multiplication per hello.
    """
    parts: dict[int, Share] = {}

    def part(group: int) -> Share:
        if group not in parts:
            parts[group] = _make(group, entropy)
        return parts[group]

    return {
        group: _Hybrid(part(_HYBRIDS[group][0]), part(_HYBRIDS[group][1]), _SERVER_SHARE_SIZES[_HYBRIDS[group][0]])
        if group in _HYBRIDS
        else part(group)
        for group in groups
    }


class SharePool:
    """Makes key shares as `make_shares` does, and hands out each set `uses` times: a call costs less than a key pair.

    Nothing secret is ever sent with the keys of a look, so reuse gives nothing away. The random and the session id of
    every hello are new. A server can see that two hellos hold the same share.

    >>> from toolkit.wire import SharePool
    >>> import os
    >>> pool = SharePool(uses=2)
    >>> first, again, new = (pool([29], os.urandom) for _ in range(3))
    >>> again is first, new is first
    (True, False)
    """

    def __init__(self, uses: int = 100) -> None:
        self._uses = uses
        self._made: dict[tuple[int, ...], tuple[dict[int, Share], int]] = {}

    def __call__(self, groups: Iterable[int], entropy: Entropy) -> dict[int, Share]:
        """The shares of `make_shares`, new or made before."""
        wanted = tuple(groups)
        shares, left = self._made.pop(wanted, ({}, 0))
        if not left:
            shares, left = make_shares(wanted, entropy), self._uses
        if len(self._made) >= _MOST_SETS:
            self._made.clear()
        self._made[wanted] = (shares, left - 1)
        return shares


def is_usable(group: int, point: bytes) -> bool:
    """Whether a peer's point (RFC 8422, 5.4 and 5.11) can be used; true for unknown curves."""
    try:
        if group in _CURVES:
            ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[group], point)
        elif group in {X25519, X448}:
            _trial(group).agree(point)
    except UnsupportedAlgorithm:  # not in this build of cryptography
        return True
    except (MalformedError, ValueError):
        return False
    return True


@cache
def _trial(group: int) -> Share:
    return _make(group, lambda size: b"\x01" * size)


def finite_field(prime: int) -> int | None:
    """The code point of RFC 7919's group with this prime; None: another prime."""
    code = {bits: code for code, (bits, _) in _FINITE_FIELDS.items()}.get(prime.bit_length())
    return code if code is not None and _prime(code) == prime else None


def _make(group: int, entropy: Entropy) -> Share:
    if group == X25519:
        return _Montgomery(x25519.X25519PrivateKey.from_private_bytes(entropy(32)))
    if group == X448:
        return _Montgomery(x448.X448PrivateKey.from_private_bytes(entropy(56)))
    if group in _CURVES:
        return _Curve(_CURVES[group], entropy)
    if group in _FINITE_FIELDS:
        return _FiniteField(group, entropy)
    return _Kem(_KEMS[group].from_seed_bytes(entropy(64)))


class _Montgomery:
    """X25519 and X448 (RFC 7748)."""

    __slots__ = ("_private", "public")

    def __init__(self, private: x25519.X25519PrivateKey | x448.X448PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    def agree(self, peer: bytes) -> bytes:
        try:
            if isinstance(self._private, x25519.X25519PrivateKey):
                return self._private.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
            return self._private.exchange(x448.X448PublicKey.from_public_bytes(peer))
        except ValueError as error:  # a wrong length, or a point of small order (RFC 8446, 7.4.2)
            raise MalformedError(f"the server's key share is not a usable point ({error})") from error


class _Curve:
    """ECDH on a curve in short Weierstrass form; points are uncompressed (RFC 8446, 4.2.8.2)."""

    __slots__ = ("_curve", "_private", "public")

    def __init__(self, curve: ec.EllipticCurve, entropy: Entropy) -> None:
        # 64 bits more than the order needs make the bias of the modulus negligible (FIPS 186-5, A.2.1).
        number = int.from_bytes(entropy((curve.key_size + 7) // 8 + 8))
        self._curve = curve
        self._private = ec.derive_private_key(number % (curve.group_order - 1) + 1, curve)
        self.public = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def agree(self, peer: bytes) -> bytes:
        if peer[:1] != b"\x04":
            raise MalformedError("the server's key share is not an uncompressed point")
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(self._curve, peer)
        except ValueError as error:
            raise MalformedError(f"the server's key share is not on the curve ({error})") from error
        return self._private.exchange(ec.ECDH(), point)


class _FiniteField:
    """Diffie-Hellman in a group of RFC 7919; shares and secret are padded to the prime's length (RFC 8446, 4.2.8.1)."""

    __slots__ = ("_exponent", "_prime", "_size", "public")

    def __init__(self, group: int, entropy: Entropy) -> None:
        self._prime = _prime(group)
        self._size = self._prime.bit_length() // 8
        self._exponent = int.from_bytes(entropy(56)) | 1 << 447  # 400 bits suffice for 8192 (RFC 7919, appendix A.5)
        self.public = pow(2, self._exponent, self._prime).to_bytes(self._size)

    def agree(self, peer: bytes) -> bytes:
        number = int.from_bytes(peer)
        if len(peer) != self._size or not 1 < number < self._prime - 1:  # RFC 7919, 5.1
            raise MalformedError("the server's key share is not an element of the group")
        return pow(number, self._exponent, self._prime).to_bytes(self._size)


class _Kem:
    """ML-KEM (FIPS 203): the client sends a public key, the server a ciphertext."""

    __slots__ = ("_private", "public")

    def __init__(self, private: mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    def agree(self, peer: bytes) -> bytes:
        try:
            return self._private.decapsulate(peer)
        except ValueError as error:
            raise MalformedError(f"the server's key share is not a ciphertext ({error})") from error


class _Hybrid:
    """Two shares concatenated, and two secrets concatenated (RFC 9954, 3.2 and 3.3)."""

    __slots__ = ("_first", "_peer_size", "_second", "public")

    def __init__(self, first: Share, second: Share, peer_size: int) -> None:
        self._first, self._second, self._peer_size = first, second, peer_size
        self.public = first.public + second.public

    def agree(self, peer: bytes) -> bytes:
        return self._first.agree(peer[: self._peer_size]) + self._second.agree(peer[self._peer_size :])


@cache
def _prime(group: int) -> int:
    bits, offset = _FINITE_FIELDS[group]
    return (1 << bits) - (1 << (bits - 64)) + ((_e_scaled(bits - 130) + offset) << 64) - 1


def _e_scaled(bits: int) -> int:
    """floor(2^bits · e), from the series of 1/n! with 64 guard bits."""
    term = total = 1 << (bits + 64)
    n = 1
    while term:
        term //= n
        total += term
        n += 1
    return total >> 64
