"""Cipher suites: what each code point means, under three naming conventions."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from toolkit.arguments import require_type
from toolkit.errors import ReadError
from toolkit.reference.rows import FOLDER, read_rows

COLUMNS = (
    "code", "name", "openssl_name", "gnutls_name", "versions", "key_exchange", "authentication", "cipher", "mode",
    "mac", "key_bits", "strength_bits", "block_bits", "has_forward_secrecy", "is_aead", "is_recommended", "source",
    "date",
)  # fmt: skip
"""Of `suites.csv`; `date` is that of the registry or other source."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One cipher suite.

    `code` has 16 bits, in SSL 2.0 24. `name` is IANA's, else that of its specification (`SSL_CK_…` for SSL 2.0).
    `openssl_name` and `gnutls_name` are None where the tool never had the suite. `versions` are those in which its
    specification lets it be negotiated, oldest first; servers go beyond that, and `askable` says what to ask.

    `key_exchange` as in the name (`RSA`, `DHE`, `ECDHE`, `DH`, `ECDH`, `PSK`, `ECDHE_PSK`, `RSA_EXPORT`, …), with
    `DHE` and `ECDHE` for the anonymous exchanges, which are ephemeral; `any` in TLS 1.3. `authentication`: `RSA`,
    `ECDSA`, `DSS`, `anon`, `PSK`, …, `any` in TLS 1.3. `cipher` is the family (`AES`, `3DES`, `RC4`, `NULL`, …),
    `mode` how it is used (`CBC`, `GCM`, `CCM_8`, `stream`, …), `mac` the hash of the HMAC, `AEAD` where there is none.

    `key_bits` is the size of the cipher's key, `strength_bits` its nominal strength (NIST SP 800-57 part 1, table 2,
    else as OpenSSL prints): 3DES is 168 and 112. `block_bits` is None where the cipher has no blocks.
    `is_recommended` is IANA's column: true for Y, false for N and D (discouraged), None outside the registry.

    >>> from toolkit.reference import suites
    >>> suite = suites()[0xC02F]
    >>> suite.openssl_name, suite.key_exchange, suite.authentication, suite.mode, suite.strength_bits
    ('ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE', 'RSA', 'GCM', 128)
    """

    code: int
    name: str
    openssl_name: str | None
    gnutls_name: str | None
    versions: tuple[str, ...]
    key_exchange: str
    authentication: str
    cipher: str
    mode: str
    mac: str
    key_bits: int
    strength_bits: int
    block_bits: int | None
    has_forward_secrecy: bool
    is_aead: bool
    is_recommended: bool | None
    source: str


@cache
def suites() -> Mapping[int, Suite]:
    """Every suite by its code, in order of code. Signalling values (SCSV) and GREASE are not suites.

    >>> from toolkit.reference import suites
    >>> suites()[0x000A].name, suites()[0x000A].key_bits, suites()[0x000A].strength_bits
    ('TLS_RSA_WITH_3DES_EDE_CBC_SHA', 168, 112)
    """
    found: dict[int, Suite] = {}
    for row in read_rows(FOLDER / "suites.csv", COLUMNS):
        suite = Suite(
            code=row.integer("code"),
            name=row.text("name"),
            openssl_name=row.optional_text("openssl_name"),
            gnutls_name=row.optional_text("gnutls_name"),
            versions=row.texts("versions"),
            key_exchange=row.text("key_exchange"),
            authentication=row.text("authentication"),
            cipher=row.text("cipher"),
            mode=row.text("mode"),
            mac=row.text("mac"),
            key_bits=row.integer("key_bits"),
            strength_bits=row.integer("strength_bits"),
            block_bits=row.optional_integer("block_bits"),
            has_forward_secrecy=row.boolean("has_forward_secrecy"),
            is_aead=row.boolean("is_aead"),
            is_recommended=row.optional_boolean("is_recommended"),
            source=row.text("source"),
        )
        if suite.code in found:
            raise row.error("code", "is there twice")
        found[suite.code] = suite
    return MappingProxyType(found)


def find_suite(name: str) -> Suite | None:
    """The suite of that name, None where no suite has it: IANA's, OpenSSL's, GnuTLS's, or an older spelling.

    Older spellings: `SSL_…` for `TLS_…` (JSSE, SSL 3.0) and OpenSSL's `EDH-` for `DHE-`. SSL 2.0 shares names with
    SSL 3.0 in OpenSSL (`RC4-MD5`); the suite of SSL 3.0 and TLS is meant then.

    >>> from toolkit.reference import find_suite
    >>> find_suite("EDH-RSA-DES-CBC3-SHA") is find_suite("TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA")
    True
    """
    require_type("find_suite", name, str)
    names = _names()
    for spelling in (name, name.replace("EDH-", "DHE-", 1), name.replace("DHE-", "EDH-", 1)):
        if spelling in names:
            return names[spelling]
    return names.get("TLS_" + name.removeprefix("SSL_")) if name.startswith("SSL_") else None


@cache
def askable(protocol: str) -> tuple[int, ...]:
    """The codes that a survey may put into a hello of that version, also against their specifications.

    TLS 1.3 and SSL 2.0 have suites of their own. Between them servers answer beyond the specifications (ECC under
    SSL 3.0, export under TLS 1.1), so every other suite is asked at every version. `TLS_NULL_WITH_NULL_NULL` is the
    state before the handshake and never asked.

    >>> from toolkit.reference import askable
    >>> 0x1301 in askable("TLS 1.3"), 0x1301 in askable("TLS 1.2"), 0xC013 in askable("SSL 3.0")
    (True, False, True)
    """
    return tuple(
        suite.code
        for suite in suites().values()
        if suite.versions
        and ((protocol in suite.versions) if protocol in _OWN_SUITES else suite.versions[0] not in _OWN_SUITES)
    )


_OWN_SUITES = ("SSL 2.0", "TLS 1.3")


@cache
def _names() -> Mapping[str, Suite]:
    # Each naming convention is unique in itself; codes with 16 bits come first, so TLS wins over SSL 2.0.
    names: dict[str, Suite] = {}
    for suite in suites().values():
        if suite.name in names:
            raise ReadError(f"suites.csv: the name {suite.name} is there twice.")
        names[suite.name] = suite
    for suite in suites().values():
        for alias in (suite.openssl_name, suite.gnutls_name):
            if alias is not None:
                names.setdefault(alias, suite)
    return MappingProxyType(names)
