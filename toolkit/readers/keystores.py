"""Keystores: the certificates of PKCS#12 files and of Java's JKS and JCEKS. Private keys are not kept."""

import re
import struct
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from toolkit import text
from toolkit.errors import ReadError
from toolkit.pem import LARGEST_BLOCK

JKS: Final = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
"""First bytes of a JKS and of a JCEKS keystore."""

MOST_ITERATIONS: Final = 10_000_000
"""Iterations of a key derivation that are computed, a few seconds; OpenSSL writes 2,048 and Java 10,000."""

_MOST_ENTRIES: Final = 100_000
_PRIVATE_KEY, _TRUSTED_CERTIFICATE, _SECRET_KEY = 1, 2, 3

# RFC 8018, appendix A.2 (PBKDF2) and RFC 7292, appendix C: the parameters are a salt, then the number of iterations.
_DERIVATION: Final = re.compile(
    rb"\x06(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c|\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01.)\x30..?\x04(?P<size>.)",
    re.DOTALL,
)
# RFC 7292, section 4: MacData ends the file with a salt and the number of iterations.
_LAST_INTEGER: Final = re.compile(rb"\x02([\x01-\x08])(.{1,8})\Z", re.DOTALL)


def read_pkcs12(data: bytes, where: str, password: str | None) -> tuple[list[bytes], bool]:
    """The DER of each certificate of a PKCS#12 file, that of the key first, and whether there is a key.

    Raises `ReadError` where the password is missing or wrong, or the file is damaged.
    """
    if any(count > MOST_ITERATIONS for count in _iterations(data)):
        raise ReadError(f"{where}: its password is to be hashed more than {MOST_ITERATIONS:,} times. Convert the file.")
    tried = [None, b""] if password is None else [password.encode("utf-8", "surrogateescape"), None, b""]
    for attempt in tried:
        try:
            loaded = pkcs12.load_pkcs12(data, attempt)
        except ValueError as error:
            reason = error
            continue
        held = ([loaded.cert] if loaded.cert else []) + loaded.additional_certs
        return [one.certificate.public_bytes(Encoding.DER) for one in held], loaded.key is not None
    advice = (
        "give it: toolkit.read(path, password=…), or --password-file FILE"
        if password is None
        else "the one given is wrong, or the file is damaged"
    )
    raise ReadError(f"{where}: the PKCS#12 file needs a password ({text.plain(reason)}): {advice}.") from reason


def read_jks(data: bytes, where: str) -> tuple[list[bytes], list[str]]:
    """The DER of each certificate of a JKS or JCEKS keystore, and in words what in it was not kept.

    Its certificates are not encrypted, so no password is needed; its digest, which needs one, is not checked. A secret
    key (JCEKS) is a Java object, which ends what is read. Raises `ReadError` where the file is cut short.
    """
    reader = _KeystoreBytes(data)
    try:
        version, count = reader.number("I", skip=4), reader.number("I")
        if version not in (1, 2) or count > _MOST_ENTRIES:
            raise ReadError(f"{where}: the keystore has version {version} and {count:,} entries, which is not read.")
        found: list[bytes] = []
        others: dict[str, None] = {}
        for _ in range(count):
            kind = reader.number("I")
            if kind not in (_PRIVATE_KEY, _TRUSTED_CERTIFICATE):
                others["a secret key and what follows it"] = None
                break
            reader.skip(reader.number("H"))  # the alias
            reader.skip(8)  # when it was added
            if kind == _PRIVATE_KEY:
                others["a private key"] = None
                reader.skip(reader.number("I"))
            for _ in range(reader.number("I") if kind == _PRIVATE_KEY else 1):
                if version == 2:
                    reader.skip(reader.number("H"))  # the type, "X.509"
                found.append(reader.take(reader.number("I")))
    except (struct.error, EOFError) as error:
        raise ReadError(f"{where}: the keystore is cut short. Get the file again.") from error
    return found, list(others)


class _KeystoreBytes:
    """Numbers and strings from bytes, big-endian."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self, form: str, *, skip: int = 0) -> int:
        value: int = struct.unpack_from(f">{form}", self._data, self._at + skip)[0]
        self._at += skip + struct.calcsize(f">{form}")
        return value

    def skip(self, size: int) -> None:
        self._at += size
        if self._at > len(self._data):
            raise EOFError

    def take(self, size: int) -> bytes:
        begin = self._at
        self.skip(size)
        if size > LARGEST_BLOCK:
            raise EOFError
        return self._data[begin : self._at]


def _iterations(data: bytes) -> list[int]:
    """The numbers of iterations that the file asks for."""
    found = [match[2][: match[1][0]] for match in [_LAST_INTEGER.search(data[-10:])] if match]
    for match in _DERIVATION.finditer(data):
        at = match.end() + match["size"][0]
        if data[at : at + 1] == b"\x02":
            found.append(data[at + 2 : at + 2 + min(data[at + 1], 8)] if at + 1 < len(data) else b"")
    return [int.from_bytes(digits) for digits in found]
