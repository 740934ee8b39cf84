"""How a backend speaks TLS: which protocols, and which suites in which order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from toolkit.reference.museum import museum


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What a backend accepts.

    `suites` gives for each protocol the suites in the server's order of preference, by IANA name; where it is empty,
    protocols and suites are those that the implementation accepts by itself.
    """

    meaning: str
    suites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


# Static RSA first, as old servers had it. It also spares tlslite-ng, which computes in Python, a signature at every
# look: an instrument goes away before anything is decrypted.
_OLD = (
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_RC4_128_MD5",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
)

TLS_SETTINGS: Final[dict[str, TlsSettings]] = {
    "current": TlsSettings("what the implementation accepts by itself"),
    "legacy": TlsSettings(
        "SSL 3.0 to TLS 1.2 with 3DES and RC4", dict.fromkeys(("SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2"), _OLD)
    ),
    "without-rc4": TlsSettings(
        "TLS 1.0 to TLS 1.2 with AES and 3DES",
        dict.fromkeys(("TLS 1.0", "TLS 1.1", "TLS 1.2"), tuple(name for name in _OLD if "RC4" not in name)),
    ),
    "aes-only": TlsSettings("TLS 1.2 with AES", {"TLS 1.2": tuple(name for name in _OLD if "AES" in name)}),
    "museum": TlsSettings("what smtp.gmail.com:587 accepted on 2015-11-25", museum()),
}
"""Every settings by name."""
