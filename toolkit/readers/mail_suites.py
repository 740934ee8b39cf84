"""Suites as mail servers name them, where GnuTLS, BoringSSL and Exchange have spellings of their own."""

import re
from functools import lru_cache
from typing import Final

from toolkit.readers.spelling import group_of, protocol_of, suite_of

# RFC 8446, appendix B.4: the cipher alone names a suite of TLS 1.3.
_TLS_1_3: Final = {
    "AES128GCM": "TLS_AES_128_GCM_SHA256", "AES256GCM": "TLS_AES_256_GCM_SHA384",
    "CHACHA20POLY1305": "TLS_CHACHA20_POLY1305_SHA256", "AES128CCM": "TLS_AES_128_CCM_SHA256",
    "AES128CCM8": "TLS_AES_128_CCM_8_SHA256",
}  # fmt: skip

_CIPHER: Final = re.compile(r"(?:AES_?-?(?:128|256)[_-](?:GCM|CCM(?:[_-]?8(?!\d))?)|CHACHA20[_-]POLY1305)")
_PARTS: Final = re.compile(r"(?P<exchange>(?:ECDHE|DHE)(?:_[A-Z0-9]+)?|RSA)__(?P<signature>\w+?)__(?P<cipher>\w+)")
_GNUTLS: Final = re.compile(
    r"(?P<exchange>(?:(?:EC)?DHE_)?(?:RSA|ECDSA|DSS))_(?P<cipher>(?:AES|CAMELLIA|3DES|CHACHA).*)"
)
_CURVE_SUFFIX: Final = re.compile(r"_P(?:256|384|521)\Z")
_PLAIN: Final = re.compile(r"[^A-Z0-9]")

BITS: Final = r"(?P<bits>\d{1,5}(?:/\d{1,5})?)"
"""Key length as mail servers print it: `256`, `256/256`, `112/168`."""


@lru_cache(maxsize=1024)
def read_suite(spelling: str, protocol: str | None) -> tuple[str | None, int | None, str | None]:
    """Name and code of the suite, and the group where the name says it; the spelling itself where it is not known.

    >>> read_suite("ECDHE_X25519__ECDSA_SECP256R1_SHA256__AES_256_GCM", "TLS 1.3")
    ('TLS_AES_256_GCM_SHA384', 4866, 'x25519')
    >>> read_suite("RSA_AES_256_CBC_SHA1", "TLS 1.0")
    ('TLS_RSA_WITH_AES_256_CBC_SHA', 53, None)
    """
    parts = _PARTS.fullmatch(spelling)
    group = group_of(parts["exchange"].partition("_")[2]) if parts else None
    cipher = _CIPHER.search(spelling)
    if protocol == "TLS 1.3" and cipher:
        return (*suite_of(_TLS_1_3.get(_PLAIN.sub("", cipher[0]), spelling)), group)
    name, code = suite_of(_as_iana(spelling))
    return (*(suite_of(spelling) if code is None else (name, code)), group)


def _as_iana(spelling: str) -> str:
    if parts := _PARTS.fullmatch(spelling):
        exchange, _, cipher = parts["exchange"].partition("_")[0], None, parts["cipher"].replace("__", "_")
        with_key = exchange if exchange == "RSA" else f"{exchange}_{parts['signature'].partition('_')[0]}"
        digest = "" if "SHA" in cipher else "_SHA384" if "256_GCM" in cipher else "_SHA256"
        spelling = f"{with_key}_{cipher}{digest}"
    if gnutls := _GNUTLS.fullmatch(spelling):
        return f"TLS_{gnutls['exchange']}_WITH_{re.sub(r'SHA1$', 'SHA', gnutls['cipher'])}"
    return _CURVE_SUFFIX.sub("", spelling)


def describe_handshake(
    version: str, suite: str | None, bits: str | None, *, group: str | None = None, said: str | None = None
) -> dict[str, object]:
    """Columns of `observations` from what a mail server writes: `said` is its word on the other side's certificate.

    `printed_bits` is the first number of `112/168`, the bits in use; `reason` has both.
    """
    protocol = protocol_of(version)
    name, code, named = read_suite(suite, protocol) if suite else (None, None, None)
    numbers = bits.split("/") if bits else []
    reasons = [f"{bits} bits"] if len(set(numbers)) > 1 else []
    if protocol is None:
        reasons.append(f"version: {version}")
    if said:
        reasons.append(f"verification: {said}")
    return {
        "stage": "hello", "protocol": protocol, "suite": name, "suite_code": code, "group": group_of(group) or named,
        "printed_bits": int(numbers[0]) if numbers else None, "reason": "; ".join(reasons) or None,
    }  # fmt: skip
