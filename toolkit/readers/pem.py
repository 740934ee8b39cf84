"""Certificates as people keep them: PEM, DER, PKCS#7, keystores, Kubernetes secrets; in files, folders, archives."""

import base64
import binascii
import re
import warnings
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from toolkit import pem, schema, text
from toolkit.certificates import parse_certificate
from toolkit.errors import ReadError, ReadWarning
from toolkit.files import read_regular
from toolkit.readers import archives, forms
from toolkit.readers.keystores import JKS, read_jks, read_pkcs12
from toolkit.tables import Tables

PEM_SUFFIXES: Final = (".cer", ".crt", ".pem", ".cert", ".der", ".p7b", ".p7c", ".p12", ".pfx", ".jks")
"""Suffixes of the files of a folder or an archive that are read; their form is recognised by content."""

LARGEST: Final = 1 << 26
"""Bytes of a file of certificates that is read: about 30,000 certificates."""

MOST_NAMED: Final = 10
_MOST_FILES: Final = 100_000

_BEGINNING: Final = 64
_IN_BASE64: Final = re.compile(
    rb"(?<![A-Za-z0-9+/])(?<![A-Za-z0-9+/-]\n)(?<![A-Za-z0-9+/-]\r\n)"
    rb"LS0tLS1CRUdJTi[A-Za-z0-9+/]*={0,2}(?:(?:\\n|\r?\n[ \t]+)[A-Za-z0-9+/]+={0,2}(?=[ \t]*(?:\\n|[\r\n\"]|\Z)))*"
)
"""`-----BEGIN ` in base64, to the end of the value, which may go over several lines.

It begins the value: a name in a certificate may hold the same text, in the middle of the certificate's own base64."""

_IN_STRING: Final = b"-----BEGIN CERTIFICATE-----\\n"
_END_LINE: Final = re.compile(rb"-----END [A-Z0-9 ]{1,64}-----")


class Kept(NamedTuple):
    """The content of a file: certificates in DER, in order, and the forms of what was skipped."""

    ders: list[bytes]
    others: list[forms.Form]


def read_pem(path: Path, *, password: str | None = None) -> Tables:
    """The certificates of a file, or of each file of a folder or a zip archive that has one of `PEM_SUFFIXES`.

    The form is recognised by content. A folder without such files is read by the folders in it, such as certbot's
    `live/`. `password` is that of PKCS#12 files. Only `certificates` has rows. What is not a certificate, such as a
    private key, is skipped with a `ReadWarning` that names it; so is a file of a folder that is damaged or cannot be
    read. Raises `ReadError`, naming file and line, where `path` itself is a damaged file, and where there is no
    certificate that can be read.
    """
    kept: dict[Path, Kept] = {}
    unreadable: dict[Path, ReadError] = {}
    for file, found in _read_all(path, password):
        if isinstance(found, ReadError):
            unreadable[file] = found
        else:
            kept[file] = found
    ders = [der for found in kept.values() for der in found.ders]
    if not ders:
        raise _nothing_read(path, kept, unreadable)
    for reason in unreadable.values():
        warnings.warn(f"left out: {reason}", ReadWarning, stacklevel=4)
    sentences = [
        f"of {text.plain(file.name)} {_not_kept(_together(found.others).words)}"
        for file, found in kept.items()
        if found.ders and found.others
    ]
    skipped = [_named(file, found) for file, found in kept.items() if not found.ders]
    if skipped:
        sentences.append(f"skipped, and not kept: {listed(skipped)}")
    if sentences:
        warnings.warn(f"{path}: {'; '.join(sentences)}.", ReadWarning, stacklevel=4)
    rows = [parse_certificate(der) for der in dict.fromkeys(ders)]
    return Tables.from_frames(certificates=schema.frame("certificates", rows))


def list_files(folder: Path) -> list[Path]:
    """The files of a folder that are read, by their suffix; where it has none, those of the folders in it."""
    for pattern in ("*", "*/*"):
        found = islice((file for file in sorted(folder.glob(pattern)) if _is_named_so(file)), _MOST_FILES)
        if files := list(found):
            return files
    return []


def _is_named_so(file: Path) -> bool:
    return file.suffix.lower() in PEM_SUFFIXES and not file.parent.is_symlink()


def _read_all(path: Path, password: str | None) -> Iterator[tuple[Path, Kept | ReadError]]:
    """The content of each file, or the reason why it cannot be read."""
    if path.is_dir():
        files = list_files(path)
        if not files:
            raise ReadError(f"{path} holds no file named {', '.join(PEM_SUFFIXES)}: name the folder that does.")
        for file in files:
            try:
                yield file, _read_if_allowed(file, password)
            except ReadError as error:
                yield file, error
        return
    if not forms.read_head(path).startswith(archives.MAGIC):
        try:
            yield path, read_file(path, password)
        except ReadError as error:
            yield path, error
        return
    is_empty = True
    for name, content in archives.read_members(read_regular(path, most=LARGEST), str(path), PEM_SUFFIXES):
        is_empty = False
        member = path / text.plain(name)
        try:
            yield member, content if isinstance(content, ReadError) else _content(content, member, password)
        except ReadError as error:
            yield member, error
    if is_empty:
        yield path, Kept([], [forms.recognise(forms.read_head(path))])


def _nothing_read(path: Path, kept: dict[Path, Kept], unreadable: dict[Path, ReadError]) -> ReadError:
    """The error for a file, or a folder of files, without a certificate that can be read."""
    if len(kept) + len(unreadable) == 1:
        return next(iter(unreadable.values()), None) or ReadError(
            *(_together(found.others).describe(file) for file, found in kept.items())
        )
    named = [*(str(error).rstrip(".") for error in unreadable.values()), *(_named(*item) for item in kept.items())]
    return ReadError(f"{path}: none of its {len(named)} files holds a certificate that can be read: {listed(named)}.")


def _named(file: Path, found: Kept) -> str:
    return f"{text.plain(file.name)} ({_together(found.others).words})"


def listed(named: list[str]) -> str:
    """The first names, and how many more there are."""
    more = len(named) - MOST_NAMED
    return ", ".join(named[:MOST_NAMED]) + (f" and {text.counted(more, 'more file')}" if more > 0 else "")


def _not_kept(words: str) -> str:
    """`a private key` → `the private key was not kept`."""
    parts = [re.sub(r"^an? ", "the ", part) for part in words.split(" and ")]
    is_one = len(parts) == 1 and not words.startswith("parameters")
    return f"{' and '.join(parts)} {'was' if is_one else 'were'} not kept"


def read_certificates(path: Path) -> list[bytes]:
    """The DER of each certificate in a file, in order. Raises `ReadError` like `read_pem`."""
    kept = read_file(path)
    if not kept.ders:
        raise ReadError(_together(kept.others).describe(path))
    return kept.ders


def read_file(path: Path, password: str | None = None) -> Kept:
    """The content of a file; without a certificate, `others` has the form that the file seems to have.

    Raises `ReadError` for a certificate that is damaged, a file of more than `LARGEST` bytes, and what is not a regular
    file; `OSError` like `open`.
    """
    if path.stat().st_size > LARGEST and (form := forms.recognise(forms.read_head(path))).is_foreign:
        return Kept([], [form])
    return _content(read_regular(path, most=LARGEST), path, password)


def _content(data: bytes, path: Path, password: str | None) -> Kept:
    """What the bytes of a file hold."""
    plain = pem.as_utf8(data)
    if plain.lstrip()[:1] == b"<" and (form := forms.recognise(data[: forms.HEAD])).is_report:
        return Kept([], [form])
    if _IN_BASE64.search(plain) or _IN_STRING in plain:
        kept = _from_manifest(plain, path)
    elif pem.has_block(plain):
        kept = _from_blocks(plain, path)
    elif data.startswith(JKS):
        ders, others = read_jks(data, str(path))
        kept = Kept(ders, [forms.DATA._replace(words=words) for words in others])
    else:
        kept = _from_der(_without_base64(plain), path, password)
    return kept if kept.ders or kept.others else Kept([], [forms.recognise(data[: forms.HEAD])])


def _read_if_allowed(path: Path, password: str | None) -> Kept:
    """A file of a folder: a key that only root may read does not hide the other certificates.

    Raises `ReadError` like `read_file`, also in place of `OSError`.
    """
    try:
        return read_file(path, password)
    except PermissionError:
        return Kept([], [forms.DATA._replace(words="no permission to read it")])
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror}.") from error


def parse_pem(lines: Iterable[bytes], *, name: str) -> Iterator[bytes]:
    """The DER of each certificate in the lines of PEM; other text and other blocks are skipped.

    Raises `ReadError`, with `name` and the line, for one that does not end, or whose base64 is broken.
    """
    for block in pem.split_blocks(lines):
        yield from _certificates_of(block, name)


def _from_blocks(plain: bytes, path: Path) -> Kept:
    kept = Kept([], [])
    for block in pem.split_blocks(pem.split_lines(plain)):
        if block.is_decoded or block.error:
            kept.ders.extend(_certificates_of(block, str(path)))
        else:
            kept.others.append(forms.recognise_label(block.label))
    return kept


def _from_manifest(plain: bytes, path: Path) -> Kept:
    """Certificates in a Kubernetes secret, in YAML or JSON: PEM in base64 (`data`), or in a string (`stringData`).

    The values are found by how PEM begins, so that no document of another form is built, and keys are not decoded.
    """
    kept = Kept([], [])
    for match in _IN_BASE64.finditer(plain):
        encoded = b"".join(match[0].replace(b"\\n", b"").split())
        beginning = encoded.partition(b"=")[0][:_BEGINNING]
        # Four characters of base64 are three bytes.
        label = pem.label_of(base64.b64decode(beginning[: len(beginning) // 4 * 4]))
        if label in pem.CERTIFICATE_LABELS | pem.PKCS7_LABELS:
            try:
                decoded = base64.b64decode(encoded, validate=True)
            except binascii.Error as error:
                line = plain.count(b"\n", 0, match.start()) + 1
                raise ReadError(f"{path}, line {line}: the base64 of a value is damaged ({error}).") from error
            _extend(kept, _from_blocks(decoded, path))
        else:
            kept.others.append(forms.recognise_label(label))
    rest = plain.replace(b"\\n", b"\n").replace(b"-----BEGIN ", b"\n-----BEGIN ")
    if pem.has_block(rest):
        _extend(kept, _from_blocks(_END_LINE.sub(rb"\g<0>\n", rest), path))
    return kept


def _extend(kept: Kept, more: Kept) -> None:
    kept.ders.extend(more.ders)
    kept.others.extend(more.others)


def _certificates_of(block: pem.Block, name: str) -> list[bytes]:
    if block.error:
        raise ReadError(f"{name}, line {block.line}: {block.error}")
    if block.label in pem.PKCS7_LABELS:
        return _from_pkcs7(block.content, f"{name}, line {block.line}")
    return [block.content] if block.label in pem.CERTIFICATE_LABELS else []


def _without_base64(plain: bytes) -> bytes:
    """The bytes that base64 without PEM labels encodes; other bytes unchanged."""
    if plain.lstrip()[:2] != b"MI" or len(plain) > 2 * pem.LARGEST_BLOCK:  # 0x30 0x82: a SEQUENCE of 256 bytes and more
        return plain
    try:
        return base64.b64decode(b"".join(plain.split()), validate=True)
    except binascii.Error:
        return plain


def _from_der(data: bytes, path: Path, password: str | None) -> Kept:
    """Certificates in DER, one after the other, or one bundle or keystore; empty for everything else."""
    form = forms.recognise_der(data)
    if form is forms.PKCS12:
        ders, has_key = read_pkcs12(data, str(path), password)
        return Kept(ders, [forms.PKCS12_KEY] if has_key else [])
    if form is forms.PKCS7:
        return Kept(_from_pkcs7(data, str(path)), [])
    kept = Kept([], [])
    rest = memoryview(data)
    while forms.recognise_der(rest) is forms.CERTIFICATE:
        size = pem.first_element(rest)
        if not size:
            raise ReadError(f"{path}: certificate {len(kept.ders) + 1} (DER) is cut short. Get the file again.")
        kept.ders.append(bytes(rest[:size]))
        rest = rest[size:]
    if kept.ders and bytes(rest[: forms.HEAD]).strip(b"\0\r\n\t "):
        kept.others.append(forms.DATA._replace(words="data after the certificate"))
    return kept


def _from_pkcs7(content: bytes, where: str) -> list[bytes]:
    """The certificates of a PKCS#7 bundle; one invalid certificate makes the whole bundle unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unusual serial numbers, which are not an error
            found = pkcs7.load_der_pkcs7_certificates(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ReadError(
            f"{where}: the PKCS#7 bundle cannot be read ({text.plain(error)}). Its certificates become PEM with: "
            "openssl pkcs7 -inform der -print_certs"
        ) from error
    return [certificate.public_bytes(Encoding.DER) for certificate in found]


def _together(found: list[forms.Form]) -> forms.Form:
    """One form whose words name all."""
    return found[0]._replace(words=" and ".join(dict.fromkeys(form.words for form in found)))
