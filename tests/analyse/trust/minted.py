"""Certificates minted for tests: a small CA based on `cryptography`, and edits of bytes for what it refuses to make."""

import datetime as dt
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from toolkit import Tables
from toolkit.certificates import parse_certificate

HOST = "mx.example.test"
BEGINS, ENDS = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 3, 31, 23, 59, 59, tzinfo=dt.UTC)
CA_BEGINS, CA_ENDS = dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(2049, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
TODAY = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
SIGNS_CERTIFICATES = ("key_cert_sign", "crl_sign")
SERVES = ("digital_signature", "key_encipherment")


@functools.cache
def key(name: str, kind: str = "EC") -> Any:
    """A key by name; the same name gives the same key for the length of a run."""
    if kind.startswith("RSA"):
        return rsa.generate_private_key(65537, int(kind[3:] or 2048))
    if kind == "DSA":
        return dsa.generate_private_key(1024)
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Minted:
    """A certificate and its key."""

    der: bytes
    key: Any

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.der)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.der).hexdigest()


def name(common_name: str | None, organization: str | None = "Example") -> x509.Name:
    parts = [(NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts if value is not None])


def usage(*allowed: str) -> x509.KeyUsage:
    flags = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{flag: flag in allowed for flag in flags})


def constraints(
    permitted: Sequence[x509.GeneralName] = (), excluded: Sequence[x509.GeneralName] = ()
) -> x509.NameConstraints:
    return x509.NameConstraints(permitted or None, excluded or None)


def mint(
    subject: x509.Name | str,
    issuer: Minted | None = None,
    *,
    kind: str = "EC",
    key_name: str | None = None,
    begins: dt.datetime = BEGINS,
    ends: dt.datetime = ENDS,
    basic: x509.BasicConstraints | None = None,
    key_usage: x509.KeyUsage | None = None,
    purposes: Sequence[x509.ObjectIdentifier] | None = None,
    names: Sequence[x509.GeneralName] | None = None,
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
    digest: hashes.HashAlgorithm | None = None,
    issuer_name: x509.Name | None = None,
    issuer_id: x509.AuthorityKeyIdentifier | str | None = "right",
    has_key_id: bool = True,
    is_pss: bool = False,
) -> Minted:
    """A certificate; everything that may be wrong is a parameter."""
    subject = name(subject) if isinstance(subject, str) else subject
    own = key(key_name or subject.rfc4514_string(), kind)
    signer = issuer.key if issuer else own
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name or (issuer.certificate.subject if issuer else subject))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number() | 1 << 158)  # 20 octets
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if basic is not None:
        builder = builder.add_extension(basic, critical=True)
    if key_usage is not None:
        builder = builder.add_extension(key_usage, critical=True)
    if purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not list(subject))
    if has_key_id:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
    if issuer_id == "right" and issuer is not None:
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    if isinstance(issuer_id, x509.AuthorityKeyIdentifier):
        builder = builder.add_extension(issuer_id, critical=False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical=critical)
    is_edwards = isinstance(signer, ed25519.Ed25519PrivateKey)
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if is_pss else None
    made = builder.sign(signer, None if is_edwards else digest or hashes.SHA256(), rsa_padding=scheme)
    return Minted(made.public_bytes(serialization.Encoding.DER), own)


def mint_ca(subject: x509.Name | str, issuer: Minted | None = None, **changes: Any) -> Minted:
    settings: dict[str, Any] = {
        "begins": CA_BEGINS, "ends": CA_ENDS, "basic": x509.BasicConstraints(True, None),
        "key_usage": usage(*SIGNS_CERTIFICATES),
    }  # fmt: skip
    return mint(subject, issuer, **(settings | changes))


def mint_leaf(issuer: Minted | None, **changes: Any) -> Minted:
    settings: dict[str, Any] = {
        "basic": x509.BasicConstraints(False, None), "key_usage": usage(*SERVES), "purposes": [SERVER],
        "names": [x509.DNSName(HOST)], "subject": HOST,
    }  # fmt: skip
    settings |= changes
    return mint(settings.pop("subject"), issuer, **settings)


def replace_bytes(minted: Minted, old: bytes, new: bytes, signer: Any | None = None) -> Minted:
    """The certificate with bytes of its signed part replaced, of equal length, and signed again where asked."""
    assert len(old) == len(new)
    signed = minted.certificate.tbs_certificate_bytes
    assert old in signed
    changed = signed.replace(old, new)
    if signer is None:
        return Minted(minted.der.replace(signed, changed), minted.key)
    return _signed(changed, _algorithm(minted, signed), signer.sign(changed, ec.ECDSA(hashes.SHA256())), minted.key)


_RSA_WITH = bytes.fromhex("2a864886f70d0101")  # 1.2.840.113549.1.1, before the arc of the hash (RFC 3279, RFC 4055)


def sign_anew(minted: Minted, signer: Minted, digest: hashes.HashAlgorithm, arc: int) -> Minted:
    """A certificate signed over SHA-256 by an RSA key, signed again over a hash that the library no longer signs."""
    signed = minted.certificate.tbs_certificate_bytes
    changed = signed.replace(_RSA_WITH + b"\x0b", _RSA_WITH + bytes([arc]))
    algorithm = _algorithm(minted, signed).replace(_RSA_WITH + b"\x0b", _RSA_WITH + bytes([arc]))
    return _signed(changed, algorithm, signer.key.sign(changed, padding.PKCS1v15(), digest), minted.key)


def _signed(signed: bytes, algorithm: bytes, signature: bytes, key: Any) -> Minted:
    return Minted(_element(0x30, signed + algorithm + _element(0x03, b"\0" + signature)), key)


def served(
    chain: Sequence[bytes], *, host: str = HOST, when: dt.datetime | None = TODAY, is_recorded: bool = True,
    held: Sequence[bytes] = (), rows: int = 1,
) -> Tables:  # fmt: skip
    """Tables in which that chain was served once (or so often)."""
    digests = tuple(hashlib.sha256(der).hexdigest() for der in chain)
    looks = pd.DataFrame(
        [
            {
                "observed_at": when, "date_basis": "observed" if when else "undated", "round": "r", "sample": n,
                "source": "lab", "service": f"smtp://{'[' + host + ']' if ':' in host else host}:25", "host": host,
                "server_name": None if host.replace(".", "").isdigit() or ":" in host else host, "outcome": "ok",
                "leaf_sha256": digests[0], "chain_sha256": digests if is_recorded else None, "offer": "any",
            }
            for n in range(rows)
        ]
    )  # fmt: skip
    certificates = pd.DataFrame([parse_certificate(der) for der in dict.fromkeys([*chain, *held])])
    return Tables.from_frames(looks, certificates)


def _algorithm(minted: Minted, signed: bytes) -> bytes:
    """The AlgorithmIdentifier that stands after the signed part."""
    start = minted.der.index(signed) + len(signed)
    return minted.der[start : start + 2 + minted.der[start + 1]]


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def strip_to_version_1(minted: Minted, signer: Any) -> Minted:
    """The certificate without version and extensions (RFC 5280, section 4.1), signed anew with an EC key."""
    signed = minted.certificate.tbs_certificate_bytes
    at = 2 + (signed[1] & 0x7F if signed[1] & 0x80 else 0)
    parts = []
    while at < len(signed):
        size = signed[at + 1] & 0x7F if signed[at + 1] & 0x80 else 0
        length = int.from_bytes(signed[at + 2 : at + 2 + size], "big") if size else signed[at + 1]
        end = at + 2 + size + length
        if signed[at] not in (0xA0, 0xA3):
            parts.append(signed[at:end])
        at = end
    changed = _element(0x30, b"".join(parts))
    signature = signer.sign(changed, ec.ECDSA(hashes.SHA256()))
    return _signed(changed, _algorithm(minted, signed), signature, minted.key)


# SEC 2, section 2.4.2: secp256r1 with its parameters written out (RFC 3279, section 2.3.5).
_P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_B = bytes.fromhex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b")
_P256_BASE = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
_P256_ORDER = bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")


def write_curve_out(minted: Minted, signer: Any) -> Minted:
    """The certificate with the curve of its EC key written out instead of named, signed anew with an EC key."""
    prime = _P256_PRIME.to_bytes(32, "big")
    field = _element(0x30, bytes.fromhex("06072a8648ce3d0101") + _element(0x02, b"\0" + prime))
    curve = _element(0x30, _element(0x04, (_P256_PRIME - 3).to_bytes(32, "big")) + _element(0x04, _P256_B))
    written = _element(
        0x30,
        b"\x02\x01\x01" + field + curve + _element(0x04, _P256_BASE) + _element(0x02, b"\0" + _P256_ORDER)
        + b"\x02\x01\x01",
    )  # fmt: skip
    public = minted.key.public_key()
    named = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    algorithm = _element(0x30, bytes.fromhex("06072a8648ce3d0201") + written)
    signed = minted.certificate.tbs_certificate_bytes
    assert named in signed
    content = signed[2 + (signed[1] & 0x7F if signed[1] & 0x80 else 0) :]
    changed = _element(0x30, content.replace(named, _element(0x30, algorithm + _element(0x03, b"\0" + point))))
    signature = signer.sign(changed, ec.ECDSA(hashes.SHA256()))
    return _signed(changed, _algorithm(minted, signed), signature, minted.key)
