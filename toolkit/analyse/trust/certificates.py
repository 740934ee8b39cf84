"""Certificates for path validation: the facts of RFC 5280 that the tables do not hold.

Parsed with `cryptography`, which refuses some odd certificates; such a certificate is `Unreadable`, with the reason.
Signatures are verified here and nowhere else.
"""

import hashlib
import warnings
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from toolkit.certificates import parse_certificate
from toolkit.certificates.der import BITS, OID, SEQUENCE, BrokenError, Der
from toolkit.certificates.timestamps import Timestamp, parse_timestamp
from toolkit.reference.algorithms import EC
from toolkit.text import parse_problem

Name = tuple[frozenset[tuple[str, str]], ...]
"""A distinguished name in a comparable form: case and runs of spaces are ignored (RFC 5280, section 7.1)."""

_NETSCAPE_TYPE: Final = x509.ObjectIdentifier("2.16.840.1.113730.1.1")
_PROXY: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14")  # RFC 3820, section 3.8
_ADDRESSES: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.7")  # RFC 3779, section 2.2.1
_NUMBERS: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.8")  # RFC 3779, section 3.2.1

# Extensions that are processed here and may therefore be critical (RFC 5280, section 4.2): the list of OpenSSL's
# `X509_supported_extension`. Key identifiers and issuerAltName are not on it: RFC 5280 requires them to be
# non-critical, and clients refuse them otherwise. Policies and CRL distribution points are accepted and not evaluated.
_PROCESSED: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ExtensionOID.NAME_CONSTRAINTS, ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.INHIBIT_ANY_POLICY, ExtensionOID.POLICY_CONSTRAINTS, ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.CRL_DISTRIBUTION_POINTS, ExtensionOID.OCSP_NO_CHECK, _NETSCAPE_TYPE, _PROXY, _ADDRESSES, _NUMBERS,
    }
)  # fmt: skip

_NETSCAPE_SERVER: Final = 0x40
"""The bit of netscape-cert-type that allows an SSL server (Netscape Certificate Extensions, 1999)."""

_VERSION: Final = 0xA0  # context tag of RFC 5280, section 4.1

# serverAuth, and its predecessor server-gated cryptography of the 1990s and 2000s (Netscape, Microsoft).
_SERVER_PURPOSES: Final = frozenset(
    {ExtendedKeyUsageOID.SERVER_AUTH.dotted_string, "2.16.840.1.113730.4.1", "1.3.6.1.4.1.311.10.3.3"}
)

_REFUSALS = (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, x509.InvalidVersion,
             UnsupportedAlgorithm, BrokenError,
             KeyError)  # cryptography 48: a name of an unsupported string type  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """A parsed certificate. `is_ca` and `path_length` are None without basicConstraints (RFC 5280, section 4.2.1.9).

    `may_sign` and `may_serve` (keyUsage), `is_for_servers` (extendedKeyUsage) and `is_netscape_server`
    (netscape-cert-type) are None where the extension is absent, which allows every use. `unknown_critical` are the
    OIDs of critical extensions that are not processed here. `issuer_id_name` is the issuer's own issuer according to
    the authorityKeyIdentifier (None: not named). `has_explicit_curve`: the key spells out its curve parameters instead
    of naming the curve (forbidden by RFC 5480, section 2.1.1). `has_bounded_constraints`: its name constraints have a
    minimum or maximum (forbidden by RFC 5280, section 4.2.1.10). `has_resources`: it lists addresses or AS numbers
    (RFC 3779). `scts` are the SCTs inside the certificate.
    They, `key_type`, `key_curve` and `key_bits` are as in the table `certificates`.
    """

    sha256: str
    parsed: x509.Certificate
    subject: Name
    subject_name: x509.Name
    issuer: Name
    not_before: datetime
    not_after: datetime
    version: int
    key: bytes
    is_ca: bool | None
    path_length: int | None
    may_sign: bool | None
    may_serve: bool | None
    is_for_servers: bool | None
    is_netscape_server: bool | None
    is_proxy: bool
    key_id: bytes | None
    issuer_key_id: bytes | None
    issuer_serial: int | None
    issuer_id_name: Name | None
    serial: int
    names: tuple[x509.GeneralName, ...] | None
    common_names: tuple[str, ...]
    constraints: x509.NameConstraints | None
    has_bounded_constraints: bool
    unknown_critical: tuple[str, ...]
    has_explicit_curve: bool
    has_resources: bool
    hash_name: str | None
    scts: tuple[Timestamp, ...]
    key_type: str | None
    key_curve: str | None
    key_bits: int | None

    @property
    def is_self_issued(self) -> bool:
        """Subject and issuer are the same name (RFC 5280, section 3.2)."""
        return self.subject == self.issuer

    @property
    def is_anchor(self) -> bool:
        """Self-issued, and its authorityKeyIdentifier does not name another certificate: a path may end here."""
        return self.is_self_issued and may_have_issued(self, self)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A certificate that could not be read, and why."""

    sha256: str
    reason: str


def read_certificate(der: bytes) -> Certificate | Unreadable:
    """Parse DER; `Unreadable` where `cryptography` refuses it."""
    sha256 = hashlib.sha256(der).hexdigest()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd serial numbers and country codes are acceptable
            return _read(x509.load_der_x509_certificate(der), sha256, parse_certificate(der))
    except _REFUSALS as error:
        return Unreadable(sha256, parse_problem(error))


@lru_cache(maxsize=1024)
def read_root(der: bytes) -> Certificate | Unreadable:
    """`read_certificate` of a root; the roots are the same in each call, and a store has more than a hundred."""
    return read_certificate(der)


def may_have_issued(child: Certificate, issuer: Certificate) -> bool:
    """Whether the child's authorityKeyIdentifier matches the issuer: key identifier, serial number and issuer name.

    RFC 5280, section 4.2.1.1. A part that either certificate lacks is not compared.
    """
    if child.issuer_key_id is not None and issuer.key_id is not None and child.issuer_key_id != issuer.key_id:
        return False
    if child.issuer_serial is not None and child.issuer_serial != issuer.serial:
        return False
    return child.issuer_id_name is None or child.issuer_id_name == issuer.issuer


def is_signed_by(child: Certificate, issuer: Certificate) -> bool | None:
    """Whether the issuer's key made the child's signature; None: `cryptography` does not support the algorithm."""
    parsed = child.parsed
    signature, signed = parsed.signature, parsed.tbs_certificate_bytes
    try:
        key = issuer.parsed.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            scheme = parsed.signature_algorithm_parameters
            digest = parsed.signature_hash_algorithm
            if digest is None or scheme is None or isinstance(scheme, ec.ECDSA):
                return False
            key.verify(signature, signed, scheme, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            scheme = parsed.signature_algorithm_parameters
            if not isinstance(scheme, ec.ECDSA):
                return False
            key.verify(signature, signed, scheme)
        elif isinstance(key, dsa.DSAPublicKey):
            digest = parsed.signature_hash_algorithm
            if digest is None:
                return False
            key.verify(signature, signed, digest)
        elif hasattr(key, "verify"):  # Ed25519, Ed448, ML-DSA: the key determines the scheme
            key.verify(signature, signed)
        else:
            return False
    except InvalidSignature:
        return False
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return None
    return True


def _read(parsed: x509.Certificate, sha256: str, facts: dict[str, Any]) -> Certificate:
    found = {extension.oid: extension for extension in parsed.extensions}
    values = {oid: extension.value for oid, extension in found.items()}
    basic = values.get(ExtensionOID.BASIC_CONSTRAINTS)
    usage = values.get(ExtensionOID.KEY_USAGE)
    purposes = values.get(ExtensionOID.EXTENDED_KEY_USAGE)
    key_id = values.get(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
    issuer_id = values.get(ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
    names = values.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    constraints = values.get(ExtensionOID.NAME_CONSTRAINTS)
    subject = parsed.subject
    return Certificate(
        sha256=sha256,
        parsed=parsed,
        subject=comparable_name(subject),
        subject_name=subject,
        issuer=comparable_name(parsed.issuer),
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        version=parsed.version.value,
        key=_spki(parsed),
        is_ca=basic.ca if isinstance(basic, x509.BasicConstraints) else None,
        path_length=basic.path_length if isinstance(basic, x509.BasicConstraints) else None,
        may_sign=usage.key_cert_sign if isinstance(usage, x509.KeyUsage) else None,
        may_serve=(usage.digital_signature or usage.key_encipherment or usage.key_agreement)
        if isinstance(usage, x509.KeyUsage)
        else None,
        is_for_servers=any(oid.dotted_string in _SERVER_PURPOSES for oid in purposes)
        if isinstance(purposes, x509.ExtendedKeyUsage)
        else None,
        is_netscape_server=_is_netscape_server(values.get(_NETSCAPE_TYPE)),
        is_proxy=_PROXY in found,
        key_id=key_id.digest if isinstance(key_id, x509.SubjectKeyIdentifier) else None,
        issuer_key_id=issuer_id.key_identifier if isinstance(issuer_id, x509.AuthorityKeyIdentifier) else None,
        issuer_serial=issuer_id.authority_cert_serial_number
        if isinstance(issuer_id, x509.AuthorityKeyIdentifier)
        else None,
        issuer_id_name=_first_directory_name(issuer_id) if isinstance(issuer_id, x509.AuthorityKeyIdentifier) else None,
        serial=parsed.serial_number,
        names=tuple(names) if isinstance(names, x509.SubjectAlternativeName) else None,
        common_names=tuple(str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME)),
        constraints=constraints if isinstance(constraints, x509.NameConstraints) else None,
        # `cryptography` ignores minimum and maximum, so that its own encoding of the constraints differs.
        has_bounded_constraints=isinstance(constraints, x509.NameConstraints)
        and constraints.public_bytes() not in parsed.tbs_certificate_bytes,
        unknown_critical=tuple(
            oid.dotted_string for oid, extension in found.items() if extension.critical and oid not in _PROCESSED
        ),
        has_explicit_curve=_has_explicit_curve(parsed),
        has_resources=_ADDRESSES in found or _NUMBERS in found,
        hash_name=_hash_name(parsed),
        scts=tuple(map(parse_timestamp, facts["scts"] or ())),
        key_type=facts["key_type"],
        key_curve=facts["key_curve"],
        key_bits=facts["key_bits"],
    )


def _is_netscape_server(extension: x509.ExtensionType | None) -> bool | None:
    """Whether netscape-cert-type allows a server; None without the extension."""
    if not isinstance(extension, x509.UnrecognizedExtension):
        return None
    flags = Der(extension.value).take(BITS).content()[1:2]
    return bool(flags and flags[0] & _NETSCAPE_SERVER)


def _has_explicit_curve(parsed: x509.Certificate) -> bool:
    """Whether the parameters of an EC key are a SEQUENCE (RFC 3279, section 2.3.5) instead of the OID of a curve."""
    if parsed.public_key_algorithm_oid.dotted_string != EC:
        return False
    signed = Der(parsed.tbs_certificate_bytes).take(SEQUENCE)
    if signed.peek() == _VERSION:
        signed.take()
    for _ in ("serialNumber", "signature", "issuer", "validity", "subject"):
        signed.take()
    algorithm = signed.take(SEQUENCE).take(SEQUENCE)
    algorithm.take(OID)
    return algorithm.peek() == SEQUENCE


def _first_directory_name(issuer_id: x509.AuthorityKeyIdentifier) -> Name | None:
    """The issuer's own issuer, which an authorityKeyIdentifier may name together with the serial number."""
    named = (name for name in issuer_id.authority_cert_issuer or () if isinstance(name, x509.DirectoryName))
    first = next(named, None)
    return None if first is None else comparable_name(first.value)


def _spki(parsed: x509.Certificate) -> bytes:
    """Bytes that are equal for equal keys; the certificate's fingerprint where `cryptography` cannot load the key."""
    try:
        return parsed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (UnsupportedAlgorithm, ValueError):
        return parsed.fingerprint(SHA256())


def _hash_name(parsed: x509.Certificate) -> str | None:
    """SHA256, SHA1, MD5, …; None where the scheme has no separate hash or is unknown."""
    try:
        digest = parsed.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "MD2" if parsed.signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.2" else None
    return digest.name.upper().replace("-", "") if digest else None


def comparable_name(name: x509.Name) -> Name:
    """The name in the comparable form `Name`."""
    return tuple(
        frozenset((attribute.oid.dotted_string, _folded(attribute.value)) for attribute in rdn) for rdn in name.rdns
    )


def _folded(value: str | bytes) -> str:
    return " ".join(value.split()).casefold() if isinstance(value, str) else value.hex()
