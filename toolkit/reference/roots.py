"""Root certificates: bundles, trust stores, today's public roots, and a user's file.

Google's bundle on two days and its roots lie in `bundles/*.csv` (made by `data/make_roots.py`), the stores with their
history in `stores/` (`toolkit.reference.stores`); today's public roots come from the installed `certifi`, which is
Mozilla's list; all others from a file of the user.
"""

import base64
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Final

import certifi
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from toolkit import pem
from toolkit.errors import ReadError, ReadWarning, UsageError
from toolkit.files import not_found, read_regular
from toolkit.reference.rows import FOLDER, read_rows
from toolkit.reference.stores import CERTIFICATE_COLUMNS, stored_roots, trust_stores
from toolkit.text import not_known, parse_problem, type_name

BUNDLE_COLUMNS: Final = ("bundle", "date", "cert_sha256", "source")

LARGEST: Final = 1 << 26
"""Bytes of a user's bundle; the public ones stay below one MiB."""

_MOST_NAMED: Final = 5

# What a verifier needs of a root, and `cryptography` reads only when it is asked for; then it raises one of these.
_READ_OF_A_ROOT: Final = ("subject", "issuer", "not_valid_before_utc", "not_valid_after_utc", "version", "extensions")
_REFUSALS: Final = (
    ValueError, TypeError, UnsupportedAlgorithm, KeyError,  # cryptography 48: a name of an unsupported string type
    x509.DuplicateExtension, x509.UnsupportedGeneralNameType, x509.InvalidVersion,
)  # fmt: skip


@cache
def bundles() -> Mapping[str, tuple[bytes, ...]]:
    """The recorded bundles by name, each a tuple of certificates in DER.

    >>> {name: len(roots) for name, roots in bundles().items()}
    {'google-2017-09-08': 60, 'google-2018-12-03': 40, 'google-trust-services': 5}
    """
    ders = {}
    for row in read_rows(FOLDER / "bundles" / "certificates.csv", CERTIFICATE_COLUMNS):
        ders[row.text("cert_sha256")] = base64.b64decode(row.text("der"), validate=True)
    found: dict[str, list[bytes]] = {}
    for row in read_rows(FOLDER / "bundles" / "members.csv", BUNDLE_COLUMNS):
        found.setdefault(row.text("bundle"), []).append(ders[row.text("cert_sha256")])
    return MappingProxyType({name: tuple(roots) for name, roots in found.items()})


Roots = str | Path | Iterable[bytes]
"""What a public function takes as `roots`: a bundle's or store's name, a file, or certificates in DER."""

Intermediates = str | Path
"""What a public function takes as `intermediates`: `served`, `held`, or a file with CA certificates in PEM or DER."""


_SERVED_OR_HELD: Final = ("served", "held")


def load_roots(roots: Roots) -> tuple[bytes, ...]:
    """The roots of a bundle, in DER: `certifi` (today's), one of `bundles()`, or a file in PEM or DER.

    Of another of the `trust_stores()`: the roots that it trusted at the end of its record and whose bytes are known,
    without its limits; `verify_chains` and `replay_trust` take the store itself, with its history. Certificates in DER
    are returned as they are. What cannot be read in a file is skipped, with a `ReadWarning` that names it; repeats are
    dropped. Raises `UsageError` where there is neither such a bundle nor such a file, and for
    anything but some certificates; `ReadError` where the file holds no root that can be read.

    >>> len(load_roots("certifi")) > 100
    True
    """
    if not isinstance(roots, str | Path):
        return _listed(roots)
    if roots == "certifi":
        return _certifi(Path(certifi.where()))
    if roots in bundles():
        return bundles()[str(roots)]
    if roots in trust_stores():
        return _last_trusted(str(roots))
    return _read_named(roots, "roots", "root bundle or PEM file ", root_sources)


def load_intermediates(intermediates: Intermediates) -> tuple[bytes, ...]:
    """The CA certificates of a file in PEM or DER, in DER; none for `served` and `held`, which name no file.

    What cannot be read is skipped, as by `load_roots`. Raises `UsageError` where there is no such file, `ReadError`
    where it holds no certificate that can be read.

    >>> load_intermediates("held")
    ()
    """
    if intermediates in _SERVED_OR_HELD:
        return ()
    if not isinstance(intermediates, str | Path):
        raise UsageError(not_known("intermediates=", intermediates, _SERVED_OR_HELD))
    return _read_named(intermediates, "intermediates", "intermediates=", lambda: _SERVED_OR_HELD)


def _read_named(given: str | Path, name: str, what: str, known: Callable[[], Iterable[str]]) -> tuple[bytes, ...]:
    """The certificates of the file that the parameter `name` gives; `what` and `known` as in `not_found`."""
    path = Path(given)
    if not path.exists() or path.is_dir():
        raise UsageError(not_found(name, what, given, known()))
    try:
        return split_pem(read_regular(path, most=LARGEST), str(path))
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror}.") from error


@cache
def _certifi(path: Path) -> tuple[bytes, ...]:
    return split_pem(path.read_bytes(), f"certifi {version('certifi')}")


def root_sources() -> list[str]:
    """The names that `roots` accepts besides files: the bundles and the trust stores."""
    return sorted({*bundles(), *trust_stores()})


def _last_trusted(name: str) -> tuple[bytes, ...]:
    known = stored_roots()
    last = {sha256: periods[-1] for sha256, periods in trust_stores()[name].periods.items() if sha256 in known}
    return tuple(known[sha256] for sha256, of in last.items() if of.state == "trusted" and of.until is None)


def _listed(roots: object) -> tuple[bytes, ...]:
    advice = "give the name of a bundle, a PEM file, or certificates in DER"
    if not isinstance(roots, Iterable) or isinstance(roots, bytes):
        size = f" of {len(roots)} bytes" if isinstance(roots, bytes) else ""
        raise UsageError(f"roots: {type_name(roots)}{size} cannot be used; {advice}.")
    listed = tuple(roots)
    if not listed:
        raise UsageError(f"roots: at least one certificate is needed; {advice}.")
    for number, der in enumerate(listed):
        if not isinstance(der, bytes):
            raise UsageError(f"roots: element {number + 1} is of type {type_name(der)}; {advice}.")
    return listed


def split_pem(data: bytes, name: str) -> tuple[bytes, ...]:
    """The certificates of a PEM file in DER, text around them skipped (RFC 7468); `name` is used in messages.

    Data in DER is one certificate. What cannot be read is skipped, with a `ReadWarning` that names it; repeats are
    dropped. Raises `ReadError` where no certificate can be read.
    """
    found: dict[bytes, None] = {}
    skipped = []
    for number, block in enumerate(_certificates(data), 1):
        problem = block.error or _problem(block)
        if problem:
            skipped.append(f"certificate {number} (line {block.line}): {problem.rstrip('.')}")
        else:
            found[block.content] = None
    if not found and not skipped:
        raise ReadError(f"{name} holds no certificate: the file must be PEM, or one certificate in DER.")
    listed = "; ".join([*skipped[:_MOST_NAMED], *(["…"] if len(skipped) > _MOST_NAMED else [])])
    if not found:
        raise ReadError(f"{name} holds no certificate that can be read: {listed}.")
    if skipped:
        counts = f"{len(skipped)} of {len(skipped) + len(found)} certificates"
        warnings.warn(f"{name}: {counts} cannot be read and are skipped: {listed}.", ReadWarning, stacklevel=3)
    return tuple(found)


def _certificates(data: bytes) -> Iterator[pem.Block]:
    """The blocks of a file that are certificates, or are damaged; DER is a block of its own."""
    if data[:1] == b"\x30" and pem.first_element(data):
        return iter([pem.Block("CERTIFICATE", 1, data, "")])
    blocks = pem.split_blocks(pem.split_lines(pem.as_utf8(data)))
    return (block for block in blocks if block.error or block.label in pem.CERTIFICATE_LABELS)


def _problem(block: pem.Block) -> str:
    """Why a certificate cannot be used; empty where it can, as far as its bytes are concerned."""
    der = block.content
    if _limits_trust(block.settings):
        return "it has trust settings of OpenSSL, which are not evaluated"
    if pem.first_element(der) != len(der) or der[0] != 0x30:
        return "it is cut short or not DER. Get it again"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd serial numbers, which roots have
            certificate = x509.load_der_x509_certificate(der)
            for name in _READ_OF_A_ROOT:
                getattr(certificate, name)
    except _REFUSALS as error:
        return f"it cannot be read ({parse_problem(error)})"
    return ""


def _limits_trust(settings: bytes) -> bool:
    """Whether OpenSSL's settings (`X509_CERT_AUX`) begin with a list of purposes, trusted (0x30) or rejected (0xa0)."""
    content = 2 + (settings[1] & 0x7F if settings[1:2] >= b"\x80" else 0)
    return settings[content : content + 1] in (b"\x30", b"\xa0")


@cache
def root_names() -> frozenset[str]:
    """The subjects (RFC 4514) of every root of the recorded bundles."""
    rows = read_rows(FOLDER / "bundles" / "certificates.csv", CERTIFICATE_COLUMNS)
    return frozenset(row.text("subject") for row in rows)
