"""The version that a ServerHello chose, and the suites that fit a version."""

from typing import Final

from toolkit.wire.cursor import MalformedError
from toolkit.wire.hello import CODES, SUPPORTED_VERSIONS
from toolkit.wire.messages import ServerHello

TLS13: Final = CODES["TLS 1.3"]


def chosen_version(hello: ServerHello) -> int:
    """RFC 8446, 4.2.1: the extension selects TLS 1.3; without it the legacy field counts."""
    selected = hello.extensions.get(SUPPORTED_VERSIONS)
    if selected is not None and selected != TLS13.to_bytes(2):
        raise MalformedError(f"the ServerHello selects version {selected[:8].hex()} by extension")
    if selected is None and not CODES["SSL 3.0"] <= hello.version < TLS13:
        raise MalformedError(f"the ServerHello has version 0x{hello.version:04x}")
    return hello.version if selected is None else TLS13


def fits(oldest: str, version: int) -> bool:
    """Whether a suite introduced with the version `oldest` can be used with the version.

    TLS 1.3 has its own suites (RFC 8446, B.4), and AEAD and the suites' own PRF came with TLS 1.2 (RFC 5246, 1.2).
    Older suites work with every older version, even if a specification forbids it.
    """
    needed = CODES[oldest]
    if TLS13 in {needed, version}:
        return needed == version
    return version >= needed or needed < CODES["TLS 1.2"]


def is_downgrade(mark: bytes, version: int, offered: tuple[str, ...]) -> bool:
    """RFC 8446, 4.1.3: the end of the random says that the server supports TLS 1.3, or TLS 1.2, and it was offered."""
    if mark == b"DOWNGRD\x01":
        return "TLS 1.3" in offered
    return mark == b"DOWNGRD\x00" and version < CODES["TLS 1.2"] and "TLS 1.2" in offered
