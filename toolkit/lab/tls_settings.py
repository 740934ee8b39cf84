"""The TLS settings of a backend: protocols, and suites in the order of preference."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from toolkit.reference.museum import museum


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What a backend accepts.

    `suites`: protocol → suites in the server's order of preference, by IANA name. If empty, the defaults of the
    implementation apply.
    """

    meaning: str
    suites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


# Static RSA first, as on old servers. It also saves tlslite-ng, which computes in Python, a signature per observation:
# the client leaves before anything is decrypted.
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
    "current": TlsSettings("the defaults of the implementation"),
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
"""Name → settings."""
