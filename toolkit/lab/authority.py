"""The lab's certificate authority: roots, intermediates and leaves, the same bytes for the same schedule and seed.

Nothing here is secret. Keys are derived from public numbers (`keys.py`), signatures are deterministic (RSA PKCS#1 v1.5;
ECDSA by RFC 6979), serial numbers are derived from the seed.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from toolkit.errors import LabUsageError
from toolkit.lab.keys import PrivateKey, ec_key, rsa_key
from toolkit.lab.schedule import Issue, Schedule
from toolkit.pem import as_pem
from toolkit.text import not_known

_CA_BEGINS, _CA_ENDS = datetime(2010, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)

# Intermediate → its root. R signs RSA leaves with RSA, E signs ECDSA leaves with ECDSA, as public authorities do;
# the second pair belongs to another root.
ISSUERS: Final = {"R1": "root 1", "E1": "root 1", "R2": "root 2", "E2": "root 2"}
"""Intermediate that signs leaves → its root."""

CROSSED: Final = {"R1": "root 2", "E1": "root 2", "R2": "root 1", "E2": "root 1"}
"""Intermediate → the other root that also signed it, with the same name and key."""


@dataclass(frozen=True, slots=True)
class Issued:
    """An issued certificate: its DER, its key, its chain, and its row of `certificates`."""

    der: bytes
    key: PrivateKey
    chain: tuple[bytes, ...]
    row: dict[str, object]

    @property
    def sha256(self) -> str:
        """SHA-256 of the DER, lower-case hex."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def chain_sha256(self) -> tuple[str, ...]:
        """SHA-256 of each certificate of the chain, leaf first."""
        return tuple(hashlib.sha256(der).hexdigest() for der in self.chain)

    @property
    def key_pem(self) -> bytes:
        """The private key as PEM (PKCS#8, not encrypted)."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@lru_cache(maxsize=16)
def issue_all(schedule: Schedule, seed: int) -> tuple[Issued, ...]:
    """The certificates of a schedule, in its order. Raises `LabUsageError` for an unknown issuer or key type."""
    # Issues that differ only in their chain are one certificate, with the serial number of the first.
    first: dict[Issue, int] = {}
    numbers = [first.setdefault(replace(issue, chain="whole"), n) for n, issue in enumerate(schedule.issues)]
    return tuple(
        _issue(issue, f"{schedule.scenario} {seed} {number}")
        for issue, number in zip(schedule.issues, numbers, strict=True)
    )


@contextmanager
def pem_file(certificate: Issued) -> Iterator[str]:
    """The path of a temporary file with chain and key, for libraries that read only files."""
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write("".join(map(as_pem, certificate.chain)).encode("ascii") + certificate.key_pem)
        file.flush()
        yield file.name


@cache
def authorities() -> dict[str, Issued]:
    """Name → root or intermediate; the chain of a root is itself. `R1 by root 2` is R1, signed by the other root."""
    made: dict[str, Issued] = {}
    for number, (name, root) in enumerate(ISSUERS.items()):
        if root not in made:
            made[root] = _authority(root, rsa_key(number), None)
        key = rsa_key(number + 1) if name.startswith("R") else ec_key("authority", number)
        made[name] = _authority(name, key, made[root])
    for name, root in CROSSED.items():
        made[_crossed(name)] = _authority(name, made[name].key, made[root], label=_crossed(name))
    return made


def roots() -> list[bytes]:
    """The root certificates (DER)."""
    return [authorities()[name].der for name in dict.fromkeys(ISSUERS.values())]


def _issue(issue: Issue, label: str) -> Issued:
    if issue.issuer not in ISSUERS:
        raise LabUsageError(not_known("issuer ", issue.issuer, ISSUERS))
    signer = authorities()[issue.issuer]
    key = _leaf_key(issue)
    usage = {"digital_signature": True, "key_encipherment": issue.key_type == "RSA", "key_cert_sign": False}
    builder = (
        _builder(issue.names[0], signer, key, (issue.not_before, issue.not_after), label)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(**usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in issue.names]), critical=False)
    )
    return _in_chain(_signed(builder, key, signer, issue.names), issue)


def _in_chain(issued: Issued, issue: Issue) -> Issued:
    made = authorities()
    root = made[ISSUERS[issue.issuer]].der
    leaf, intermediate = issued.chain
    chain = {
        "whole": (leaf, intermediate),
        "bare": (leaf,),
        "crossed": (leaf, made[_crossed(issue.issuer)].der),
        "rooted": (leaf, intermediate, root),
    }
    return replace(issued, chain=chain[issue.chain])


def _crossed(name: str) -> str:
    return f"{name} by {CROSSED[name]}"


def _authority(name: str, key: PrivateKey, root: Issued | None, *, label: str | None = None) -> Issued:
    usage = {"digital_signature": True, "key_encipherment": False, "key_cert_sign": True}
    length = 1 if root is None else 0
    builder = (
        _builder(f"lab {name}", root, key, (_CA_BEGINS, _CA_ENDS), label or name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=length), critical=True)
        .add_extension(_usage(**usage), critical=True)
    )
    return _signed(builder, key, root, None)


def _builder(
    name: str, signer: Issued | None, key: PrivateKey, validity: tuple[datetime, datetime], label: str
) -> x509.CertificateBuilder:
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "lab"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    signer_key = key if signer is None else signer.key
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if signer is None else x509.load_der_x509_certificate(signer.der).subject)
        .public_key(key.public_key())
        .serial_number(_serial(label))
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_key.public_key()), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder, key: PrivateKey, signer: Issued | None, names: tuple[str, ...] | None
) -> Issued:
    signer_key = key if signer is None else signer.key
    by_ecdsa = isinstance(signer_key, ec.EllipticCurvePrivateKey)
    made = builder.sign(signer_key, hashes.SHA256(), ecdsa_deterministic=True if by_ecdsa else None)
    der = made.public_bytes(serialization.Encoding.DER)
    spki = made.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    row: dict[str, object] = {
        "cert_sha256": hashlib.sha256(der).hexdigest(),
        "subject": made.subject.rfc4514_string(),
        "issuer": made.issuer.rfc4514_string(),
        "names": names,
        "serial": f"{made.serial_number:x}",
        "not_before": made.not_valid_before_utc,
        "not_after": made.not_valid_after_utc,
        "key_type": "RSA" if is_rsa else "EC",
        "key_bits": key.key_size,
        "key_curve": None if is_rsa else "secp256r1",
        "spki_sha256": hashlib.sha256(spki).hexdigest(),
        "signature_algorithm": "ecdsa-with-SHA256" if by_ecdsa else "sha256WithRSAEncryption",
        "is_ca": names is None,
        "is_precertificate": False,
        "sct_at": None,
        **_extension_facts(made.extensions, names),
        "tool": None,
        "der": der,
    }
    # The root is not served; clients must have it already (RFC 8446, section 4.4.2).
    above = () if signer is None or signer.row["subject"] == signer.row["issuer"] else (signer.der,)
    return Issued(der, key, (der, *above), row)


def _extension_facts(extensions: x509.Extensions, names: tuple[str, ...] | None) -> dict[str, object]:
    """Column of `certificates` → value of the extension, for the extensions that the lab's certificates have."""
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    own = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    bits = {
        "digitalSignature": usage.digital_signature, "keyEncipherment": usage.key_encipherment,
        "keyCertSign": usage.key_cert_sign, "cRLSign": usage.crl_sign,
    }  # fmt: skip
    absent = ("policies", "validation", "ocsp_urls", "issuer_urls", "crl_urls", "scts")
    return dict.fromkeys(absent) | {
        "key_usage": tuple(name for name, is_set in bits.items() if is_set),
        "extended_key_usage": None if names is None else ("serverAuth",),
        "authority_key_id": None if issuer.key_identifier is None else issuer.key_identifier.hex(),
        "subject_key_id": own.digest.hex(),
        "is_must_staple": False,
        "email_names": None if names is None else (),
        "ip_names": None if names is None else (),
        "unknown_critical_extensions": (),
    }


def _usage(*, digital_signature: bool, key_encipherment: bool, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_encipherment=key_encipherment,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _serial(label: str) -> int:
    # Positive and below 2^127: CA/Browser Forum Baseline Requirements, section 7.1.2.7, ask for 64 bits or more.
    return int.from_bytes(hashlib.sha256(f"lab serial {label}".encode()).digest()[:16], "big") >> 1 | 1


def _leaf_key(issue: Issue) -> PrivateKey:
    if issue.key_type == "RSA":
        # The first keys belong to the authorities.
        return rsa_key(issue.key + len(ISSUERS))
    if issue.key_type == "EC":
        return ec_key("leaf", issue.key)
    raise LabUsageError(f"The lab has no {issue.key_type} keys; choose RSA or EC.")
