"""Certificates in PEM, DER and PKCS#7, in a file or in a folder of files."""

import base64
import binascii
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from toolkit import pem, schema, text
from toolkit.certificates import parse_certificate
from toolkit.errors import ReadError, ReadWarning
from toolkit.files import read_regular
from toolkit.readers import forms
from toolkit.tables import Tables

PEM_SUFFIXES: Final = (".cer", ".crt", ".pem", ".cert", ".der", ".p7b", ".p7c")
"""Suffixes of the files of a folder that are read; their form is recognised by content."""

LARGEST: Final = 1 << 26
"""Bytes of a file of certificates that is read: about 30,000 certificates."""

_MOST_NAMED: Final = 10


class Kept(NamedTuple):
    """The content of a file: certificates in DER, in order, and the forms of what was skipped."""

    ders: list[bytes]
    others: list[forms.Form]


def read_pem(path: Path) -> Tables:
    """The certificates of a file, or of each file of a folder that has one of `PEM_SUFFIXES`; by content, not by name.

    Only `certificates` has rows. What is not a certificate, such as a private key, is skipped with a `ReadWarning` that
    names it; so is a file of a folder that is damaged or cannot be read. Raises `ReadError`, naming file and line,
    where `path` itself is a damaged file, and where there is no certificate that can be read.
    """
    files = sorted(f for f in path.iterdir() if f.suffix.lower() in PEM_SUFFIXES) if path.is_dir() else [path]
    if not files:
        raise ReadError(f"{path} holds no file named {', '.join(PEM_SUFFIXES)}: name the folder that does.")
    kept: dict[Path, Kept] = {}
    unreadable: dict[Path, ReadError] = {}
    for file in files:
        try:
            kept[file] = _read_if_allowed(file) if path.is_dir() else read_file(file)
        except ReadError as error:
            unreadable[file] = error
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
        sentences.append(f"skipped, and not kept: {_listed(skipped)}")
    if sentences:
        warnings.warn(f"{path}: {'; '.join(sentences)}.", ReadWarning, stacklevel=4)
    return Tables.from_frames(certificates=schema.frame("certificates", [parse_certificate(der) for der in ders]))


def _nothing_read(path: Path, kept: dict[Path, Kept], unreadable: dict[Path, ReadError]) -> ReadError:
    """The error for a file, or a folder of files, without a certificate that can be read."""
    if len(kept) + len(unreadable) == 1:
        return next(iter(unreadable.values()), None) or ReadError(
            *(_together(found.others).describe(file) for file, found in kept.items())
        )
    named = [*(str(error).rstrip(".") for error in unreadable.values()), *(_named(*item) for item in kept.items())]
    return ReadError(f"{path}: none of its {len(named)} files holds a certificate that can be read: {_listed(named)}.")


def _named(file: Path, found: Kept) -> str:
    return f"{text.plain(file.name)} ({_together(found.others).words})"


def _listed(named: list[str]) -> str:
    more = len(named) - _MOST_NAMED
    return ", ".join(named[:_MOST_NAMED]) + (f" and {text.counted(more, 'more file')}" if more > 0 else "")


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


def read_file(path: Path) -> Kept:
    """The content of a file; without a certificate, `others` has the form that the file seems to have.

    Raises `ReadError` for a certificate that is damaged, a file of more than `LARGEST` bytes, and what is not a regular
    file; `OSError` like `open`.
    """
    if path.stat().st_size > LARGEST and (form := forms.recognise(forms.read_head(path))).is_foreign:
        return Kept([], [form])
    data = read_regular(path, most=LARGEST)
    plain = pem.as_utf8(data)
    if plain.lstrip()[:1] == b"<" and (form := forms.recognise(data[: forms.HEAD])).is_report:
        return Kept([], [form])
    kept = _from_blocks(plain, path) if pem.has_block(plain) else _from_der(_without_base64(plain), path)
    return kept if kept.ders or kept.others else Kept([], [forms.recognise(data[: forms.HEAD])])


def _read_if_allowed(path: Path) -> Kept:
    """A file of a folder: a key that only root may read does not hide the other certificates.

    Raises `ReadError` like `read_file`, also in place of `OSError`.
    """
    try:
        return read_file(path)
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


def _from_der(data: bytes, path: Path) -> Kept:
    """Certificates in DER, one after the other, or one bundle; empty for everything else."""
    form = forms.recognise_der(data)
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
