"""What a file seems to be, by its content, where no reader of `toolkit.readers.registry` recognises it.

A table of forms, each with the text of the message for a form that is not read yet: what it is, and what to do.
"""

import io
import re
import shlex
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from toolkit import pem
from toolkit.files import open_regular
from toolkit.readers.opening import LONGEST_LINE, has_returns, open_text
from toolkit.readers.registry import READERS, SYSLOG, find_format, readers

HEAD: Final = 1 << 16
"""Bytes from the beginning of a file that decide what it seems to be."""

READ_FORMS: Final = (
    "a store, a folder that Tables.to_csv wrote, certificates as PEM (-----BEGIN CERTIFICATE-----), DER, PKCS#7, "
    "PKCS#12, JKS or in a Kubernetes secret, in a file, a zip archive or a folder of files, and what other tools "
    f"write: {', '.join(READERS)}"
)

_FOREIGN: Final = "seems to be {words}, which is not read yet. What is read: {read}."
_BY_ITSELF: Final = "is {words}, which is read as a file by itself."
_NOT_A_CERTIFICATE: Final = "holds {words} and no certificate."
_UNKNOWN: Final = "holds no certificate: it is {words}. What is read: {read}."

_BUILD: Final = (
    "To use it now, build frames from it for Tables.from_frames; toolkit.schema.dictionary() lists their columns."
)
_UNPACK: Final = "Unpack it, and name the file or the folder that was in it."
_NAMED_SO: Final = "Files of an archive are read by their suffix, such as .pem. Unpack it, and name the file."
_KEY: Final = "Name the file of the certificate, such as cert.pem or fullchain.pem. The key is not kept."
_REQUEST: Final = "Name the certificate that the CA issued for it."
_SECRET: Final = "Name a secret with certificates, such as one of the type kubernetes.io/tls."
_NAME_IT: Final = "Name this file, without a format."
_ZEEK: Final = "Of Zeek's logs, ssl.log and x509.log are read: name one, with its whole header."
_RESAVE: Final = "Get the file again, or name another."


class Form(NamedTuple):
    """One form of file: `words` with their article, a pattern to search for, the message, and what to do."""

    words: str
    pattern: re.Pattern[bytes]
    message: str
    advice: str
    is_report: bool = False
    """Whether PEM in it is a part of a report, which is read as a whole or not at all."""

    @property
    def is_foreign(self) -> bool:
        """Whether it is known, and not read yet."""
        return self.message is _FOREIGN

    def describe(self, path: Path) -> str:
        """The message about a file of this form, for a `ReadError`."""
        said = self.message.format(words=self.words, read=READ_FORMS)
        advice = self.advice.format(name=shlex.quote(path.name), stem=shlex.quote(path.stem))
        return f"{path} {said} {advice}".rstrip()


def _binary(words: str, pattern: bytes, advice: str = _BUILD) -> Form:
    """Bytes that start with the pattern."""
    return Form(words, re.compile(rb"\A(?:" + pattern + rb")", re.DOTALL), _FOREIGN, advice)


def _json(words: str, *keys: str, advice: str = _BUILD) -> Form:
    """JSON, or JSON lines, with all of the keys in its head."""
    needed = "".join(rf'(?=.*"{re.escape(key)}"\s*:)' for key in keys)
    return Form(words, re.compile(rf"\A\s*[\[{{]{needed}".encode(), re.DOTALL), _FOREIGN, advice)


def _xml(words: str, pattern: str, *, is_report: bool = True) -> Form:
    """Markup in whose head the pattern is found."""
    found = re.compile(rf"\A\s*(?=<).*?(?:{pattern})".encode(), re.DOTALL | re.IGNORECASE)
    return Form(words, found, _FOREIGN, _BUILD, is_report)


def _text(words: str, pattern: str, advice: str = _BUILD) -> Form:
    """Text with a line that starts with the pattern."""
    return Form(words, re.compile(rf"^(?:{pattern})".encode(), re.MULTILINE), _FOREIGN, advice)


def _holds(words: str, pattern: str, advice: str, message: str = _NOT_A_CERTIFICATE) -> Form:
    """DER with these tags, or PEM with this label."""
    return Form(words, re.compile(rf"\A(?:{pattern})\Z".encode()), message, advice)


_CELLS: Final = r"(?:[^,\r\n]*,){2}"

FORMS: Final[tuple[Form, ...]] = (
    # Containers and captures, by their magic numbers.
    _binary("an SQLite database", rb"SQLite format 3\0"),
    _binary("a Parquet file", rb"PAR1"),
    _binary("an Arrow or Feather file", rb"ARROW1|FEA1"),
    _binary("an HDF5 file", rb"\x89HDF\r\n\x1a\n"),
    _binary("a Java keystore (JKS)", rb"\xfe\xed\xfe\xed|\xce\xce\xce\xce", _RESAVE)._replace(
        message=_NOT_A_CERTIFICATE
    ),
    _binary("an Excel workbook", rb"PK\x03\x04(?=.*(?:xl/|\[Content_Types\]))|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "Save its sheet as CSV in UTF-8, separated by commas, named observations.csv in a folder of its own."),
    _binary("a zip archive", rb"PK(?:\x03\x04|\x05\x06)", _NAMED_SO)._replace(message=_NOT_A_CERTIFICATE),
    _binary("a tar archive", rb".{257}ustar", _UNPACK),
    _binary("a 7-Zip archive", rb"7z\xbc\xaf\x27\x1c", _UNPACK),
    _binary("a file compressed by bzip2", rb"BZh[1-9]1AY&SY", _UNPACK),
    _binary("a file compressed by xz", rb"\xfd7zXZ\0", _UNPACK),
    _binary("a file compressed by zstd", rb"\x28\xb5\x2f\xfd", _UNPACK),
    _binary("a file compressed by lz4", rb"\x04\x22\x4d\x18", _UNPACK),
    _binary("a PDF document", rb"%PDF-"),
    _binary("a picture", rb"\x89PNG\r\n|GIF8|\xff\xd8\xff"),
    _binary("an executable program", rb"\x7fELF|MZ.{60}"),
    # Scanners.
    _xml("a Nessus report", "<NessusClientData"),
    _xml("a web page (HTML)", r"<!doctype html|<html", is_report=False),
    _xml("an XML file of an unknown tool", r"<\?xml|<[a-z][\w:.-]*[\s/>]", is_report=False),
    _json("an SSLyze JSON report", "accepted_targets"),
    # Passive observation.
    _json("a Zeek log in JSON other than ssl.log and x509.log", "id.orig_h", advice=_ZEEK),
    _json("a Zeek log in the Elastic Common Schema", "zeek", "session_id",
          advice="Name ssl.log and x509.log as Zeek wrote them."),
    _json("a Zeek log in the Elastic Common Schema", "@timestamp",
          advice="Name ssl.log and x509.log as Zeek wrote them.")._replace(
        pattern=re.compile(rb'\A\s*[\[{](?=.*"@timestamp"\s*:)(?=.*"zeek[".])', re.DOTALL)
    ),
    _json("a Suricata log in JSON", "event_type", "src_ip"),
    _text("a Zeek log whose header (#path) names neither ssl nor x509, or is cut off", r"#separator \\x", _ZEEK),
    # Certificate Transparency, policies, reports.
    _json("certificates that crt.sh lists, in JSON", "issuer_ca_id"),
    _json("a list of Certificate Transparency logs", "operators", "logs"),
    _json("ACME renewal information (RFC 9773)", "suggestedWindow"),
    _json("a Kubernetes manifest in JSON", "apiVersion", "kind", advice=_SECRET)._replace(message=_NOT_A_CERTIFICATE),
    _json("a Jupyter notebook", "nbformat"),
    _json("rows that tls-toolkit printed with --json", "leaf_sha256", "date_basis",
          advice="Name the store or the folder that they came from; --json is not read back."),
    _json("a JSON file of an unknown tool"),
    _text("an MTA-STS policy (RFC 8461)", r"version: *STSv1"),
    _text("a Kubernetes manifest in YAML", r"apiVersion: \S", _SECRET)._replace(message=_NOT_A_CERTIFICATE),
    _text("certificates that crt.sh lists, in CSV", r'"?(?:crt\.sh ID|issuer_ca_id)"?,'),
    # Transcripts and logs.
    _text("a testssl.sh report in text", r" *Start \d{4}-\d\d-\d\d .*-->>|.*Testing protocols via sockets"),
    _text("an sslscan report in text", r"(?:\x1b\[[\d;]*m)?Testing SSL server "),
    _text("an nmap report in text", r"# Nmap \d|Nmap scan report for "),
    _text("a syslog file", rf"{SYSLOG}[\w./-]+(?:\[\d+\])?: "),
    _text("a mail message", r"(?:Received|Return-Path|Delivered-To|DKIM-Signature): "),
    _text("a CSV file of unknown columns", rf"\A{_CELLS}[^\r\n]*[\r\n]+{_CELLS}"),
    _text("an SSH public key", r"(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\S+) AAAA", _KEY)._replace(
        message=_NOT_A_CERTIFICATE
    ),
)  # fmt: skip
"""Form by form, the first that matches decides: the more special ones come first."""

CERTIFICATE: Final = _holds("a certificate", "30(?:30(?:03)?)?/(?:a0)?023030303030.*", "")
PKCS7: Final = _holds("a PKCS#7 bundle", "06a0.*/.*", "")
PKCS12: Final = _holds("a PKCS#12 file", "0230(?:30)?/06a0", _KEY)
PKCS12_KEY: Final = PKCS12._replace(words="a private key")

DER_FORMS: Final = (
    CERTIFICATE,
    PKCS7,
    PKCS12,
    _holds("a certificate signing request", "303003/023030(?:a0)?", _REQUEST),
    _holds("a certificate revocation list", "303003/(?:02)?30301[78].*", _RESAVE),
    _holds("a private key", "02(?:02){5,9}(?:30)?/.*|0204(?:a0)?(?:a1)?/|023004.*/06.*", _KEY),
    _holds("an encrypted private key", "3004/06.*", _KEY),
    _holds("a public key", "3003/06.*", _KEY),
    _holds("an OCSP response", "0a(?:a0)?/.*", _RESAVE),
)  # fmt: skip
"""DER by its tags: those in the outermost SEQUENCE and, after `/`, those in the first SEQUENCE of them (X.690)."""

PEM_FORMS: Final = (
    _holds("an encrypted private key", "ENCRYPTED PRIVATE KEY", _KEY),
    _holds("a private key", "(?:.* )?PRIVATE KEY(?: BLOCK)?", _KEY),
    _holds("a certificate signing request", "(?:NEW )?CERTIFICATE REQUEST", _REQUEST),
    _holds("a certificate revocation list", "X509 CRL", _RESAVE),
    _holds("a public key", "(?:.* )?PUBLIC KEY(?: BLOCK)?", _KEY),
    _holds("parameters of a key exchange", "(?:.* )?PARAMETERS", _KEY),
    _holds("another PEM block", ".*", _RESAVE),
)
"""PEM blocks that are neither certificates nor PKCS#7, by their label (RFC 7468)."""

_EMPTY: Final = _holds("empty", r"\s*", _RESAVE, "is {words}.")
_NULS: Final = _holds("damaged", r"\0*", _RESAVE, "is {words}: it holds nothing but NUL bytes.")
_ANYTHING: Final = re.compile(b"")
_NOT_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_TEXT: Final = _holds("text of an unknown form", ".*", _BUILD, _UNKNOWN)
DATA: Final = _holds("binary data of an unknown form", ".*", _BUILD, _UNKNOWN)


def read_head(path: Path) -> bytes:
    """The beginning of a regular file. Raises `ReadError` and `OSError` like `open_regular`."""
    with open_regular(path) as file:
        return file.read(HEAD)


def recognise(head: bytes) -> Form:
    """The form that the beginning of a file shows."""
    if head.startswith(b"\x1f\x8b"):
        return _recognise_gzip(head)
    plain = pem.as_utf8(head)
    if (known := find_format(plain)) is not None:
        words = readers()[known].words
        return Form(words, _ANYTHING, _BY_ITSELF, _NAME_IT, is_report=True)
    tables = ((FORMS, plain), (DER_FORMS, _tags(head)), ((_EMPTY,), plain), ((_NULS,), head))
    for forms, subject in tables:
        for form in forms:
            if form.pattern.search(subject):
                return form
    return DATA if _NOT_TEXT.search(plain) else _TEXT


def recognise_label(label: str) -> Form:
    """The form of a PEM block that is neither a certificate nor PKCS#7."""
    return next(form for form in PEM_FORMS if form.pattern.search(label.encode()))


def recognise_der(data: bytes | memoryview) -> Form | None:
    """The form of DER, whole or cut short; None where the bytes are of none that is known."""
    tags = _tags(data)
    return next((form for form in DER_FORMS if form.pattern.search(tags)), None)


def telling_head(path: Path) -> bytes:
    """The beginning of a file in UTF-8, decompressed; of its second line where a long first one shows no format.

    Raises `ReadError` and `OSError` like `open_regular`.
    """
    head = plain_head(read_head(path))
    if len(head) < HEAD or b"\n" in head or find_format(head):
        return head
    with open_text(path) as raw, io.BufferedReader(raw) as file:
        line = file.readline(4 * LONGEST_LINE)
        return (line.endswith(b"\n") and file.read(HEAD)) or head


def plain_head(head: bytes) -> bytes:
    """The beginning of a file as `open_text` gives it; as it is where its compression is damaged."""
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(31).decompress(head, HEAD)
        except zlib.error:
            return head
    head = pem.as_utf8(head)
    return head.replace(b"\r", b"\n") if has_returns(head) else head


def _recognise_gzip(head: bytes) -> Form:
    try:
        inner = zlib.decompressobj(31).decompress(head, HEAD)
    except zlib.error:
        return DATA._replace(words="a file compressed by gzip, and damaged", advice=_RESAVE)
    if inner.startswith(b"\x1f\x8b"):
        return DATA._replace(words="a file compressed by gzip, twice", message=_FOREIGN, advice=_UNPACK)
    form = _TEXT._replace(words="PEM") if pem.has_block(inner) else recognise(inner)
    if form.message is _BY_ITSELF:
        return form._replace(words=f"{form.words}, compressed by gzip")
    advice = _UNPACK if form is CERTIFICATE or form is PKCS7 or not form.is_foreign else form.advice
    return form._replace(words=f"{form.words}, compressed by gzip", message=_FOREIGN, advice=advice)


def _tags(data: bytes | memoryview) -> bytes:
    """The tags that `DER_FORMS` are about, as hexadecimal digits; those of more than one byte are not expected."""
    outer = _elements(data, 0, len(data), 1)
    if not outer or outer[0][0] != 0x30:
        return b"-"
    within = _elements(data, outer[0][1], outer[0][2], 10)
    first = next((_elements(data, start, end, 10) for tag, start, end in within if tag == 0x30), [])
    return b"/".join(bytes(tag for tag, _, _ in elements).hex().encode() for elements in (within, first))


def _elements(data: bytes | memoryview, at: int, end: int, most: int) -> list[tuple[int, int, int]]:
    """Tag, start and end of up to `most` elements (X.690, section 8.1); the last one may be cut short."""
    found: list[tuple[int, int, int]] = []
    end = min(end, len(data))
    while at + 2 <= end and len(found) < most:
        tag, length, start = data[at], data[at + 1], at + 2
        if length >= 0x80:
            octets = length & 0x7F
            if not 0 < octets <= 4:
                break
            start += octets
            length = int.from_bytes(data[at + 2 : start])
        found.append((tag, start, start + length))
        at = start + length
    return found
