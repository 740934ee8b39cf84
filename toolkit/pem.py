"""PEM, the textual encoding of RFC 7468, in the forms that occur in files: `split_blocks`.

Accepted: text around the blocks, indented lines, any line ends, a byte order mark, UTF-16, headers inside a block
(RFC 1421), base64 in one line or in many, and a whole block in one line.

Rule 1: the cost is linear in the input, and at most one block is held in memory.
Rule 2: the content of other blocks, such as private keys, is neither decoded nor kept.
"""

import base64
import binascii
import codecs
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

LARGEST_BLOCK: Final = 1 << 20
"""Most bytes of one decoded block."""

CERTIFICATE_LABELS: Final = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
"""RFC 7468, sections 5.1 and 5.3; OpenSSL's `TRUSTED CERTIFICATE` has trust settings after the certificate."""

PKCS7_LABELS: Final = frozenset({"PKCS7", "PKCS #7 SIGNED DATA", "CMS"})
"""RFC 7468, sections 8 and 9: a bundle of certificates."""

_DECODED: Final = CERTIFICATE_LABELS | PKCS7_LABELS
_LONGEST_BODY: Final = 2 * LARGEST_BLOCK  # base64 needs 4 characters for 3 bytes, and there may be headers
_BEGIN: Final = re.compile(rb"-----BEGIN ([^\r\n]{1,64}?)-----")
_END: Final = b"-----END "
_NO_BEGINNING: Final = (
    "a certificate ends here without a line -----BEGIN CERTIFICATE----- before it. Get the file again."
)
_LINE: Final = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


class Block(NamedTuple):
    """One block. `line` is the line where it begins, or where `error` was found."""

    label: str
    line: int
    content: bytes
    """The decoded certificate or PKCS#7 bundle; empty for every other label, and where there is an error."""
    error: str
    """What is wrong, and what to do; empty where the block is complete."""

    settings: bytes = b""
    """OpenSSL's trust settings in DER, which follow the certificate in a `TRUSTED CERTIFICATE`."""

    @property
    def is_decoded(self) -> bool:
        """Whether it is a certificate or a bundle; other blocks are not decoded."""
        return self.label in _DECODED


def has_block(data: bytes) -> bool:
    """Whether the data contain the start or the end of a block."""
    return b"-----BEGIN " in data or _END in data


def label_of(line: bytes) -> str:
    """The label of the block that the line begins; empty where it begins none."""
    match = _BEGIN.match(line)
    return match[1].decode("utf-8", "replace") if match else ""


def as_utf8(data: bytes) -> bytes:
    """Text in UTF-8 without a byte order mark. Only text that starts with a mark is changed."""
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace").encode()
    return data


def split_lines(data: bytes) -> Iterator[bytes]:
    """The lines of the data with their ends: LF, CR LF, or CR alone as on old Macs."""
    for match in _LINE.finditer(data):
        yield match[0]


def split_blocks(lines: Iterable[bytes]) -> Iterator[Block]:
    """The blocks in the lines, in order; damaged ones have an error. Text outside of blocks is skipped."""
    label = ""
    begun = number = 0
    has_header = may_end = False
    body = bytearray()
    for number, raw in enumerate(lines, 1):
        if not label and b"-----" not in raw:
            continue
        line = raw.strip().removeprefix(codecs.BOM_UTF8).strip()
        if label and line.startswith(b"-----") and not line.startswith(_END):
            yield _cut_short(label, number, begun)
            label = ""
        if not label:
            match = _BEGIN.match(line)
            if not match:
                if line.startswith(_END):
                    if not may_end and _label_of_end(line) in _DECODED:
                        yield Block("", number, b"", _NO_BEGINNING)
                    may_end = False
                elif b"-----BEGIN " in line:  # inside other text, which does not start a block
                    may_end = True
                continue
            name = match[1].decode("utf-8", "replace")
            if name not in _DECODED:
                yield Block(name, number, b"", "")
                continue
            label, begun, has_header, may_end, body = name, number, False, False, bytearray()
            line = line[match.end() :].strip()
            if not line:
                continue
        content, end, _ = line.partition(_END)
        if not line and has_header:  # the blank line after the headers of RFC 1421
            has_header = False
            body.clear()
        has_header = has_header or b":" in content
        body += content
        if len(body) > _LONGEST_BODY:
            yield Block(label, begun, b"", f"a certificate of more than {LARGEST_BLOCK} bytes. Remove it.")
            label, may_end = "", not end
        elif end:
            is_right = _label_of_end(line[len(content) :]) in _DECODED
            yield _decoded(label, begun, bytes(body)) if is_right else _cut_short(label, number, begun)
            label = ""
    if label:
        yield _cut_short(label, number, begun)


def first_element(der: bytes | memoryview) -> int:
    """Length in bytes of the first DER element (X.690, section 8.1), with its header; 0 where it is cut short."""
    if len(der) < 2 or der[1] == 0x80:
        return 0
    octets = der[1] & 0x7F if der[1] & 0x80 else 0
    length = 2 + octets + (int.from_bytes(der[2 : 2 + octets]) if octets else der[1])
    return length if length <= len(der) else 0


def as_pem(der: bytes) -> str:
    """The bytes in the textual encoding of RFC 7468, section 5: 64 characters a line, as OpenSSL prints it.

    >>> from toolkit.exporting import as_pem
    >>> print(as_pem(b"DER of a certificate"), end="")
    -----BEGIN CERTIFICATE-----
    REVSIG9mIGEgY2VydGlmaWNhdGU=
    -----END CERTIFICATE-----
    """
    body = textwrap.fill(base64.b64encode(der).decode("ascii"), 64)
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


def _label_of_end(line: bytes) -> str:
    return line.removeprefix(_END).partition(b"-----")[0].decode("utf-8", "replace")


def _decoded(label: str, begun: int, body: bytes) -> Block:
    try:
        content = base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error as error:
        return Block(label, begun, b"", f"the certificate's base64 is damaged ({error}). Get the file again.")
    end = first_element(content) if label == "TRUSTED CERTIFICATE" else 0
    return Block(label, begun, content[:end] or content, "", content[end:] if end else b"")


def _cut_short(label: str, noticed: int, begun: int) -> Block:
    error = (
        f"the certificate that begins in line {begun} is cut short: there is no line -----END {label}-----. "
        "Get the file again, or delete these lines."
    )
    return Block(label, noticed, b"", error)
