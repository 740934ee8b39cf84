"""The encoding of the dates of a certificate (RFC 5280, section 4.1.2.5), which parsed instants do not show."""

import re
from typing import Final

from toolkit import text
from toolkit.certificates.der import GENERALIZED_TIME, SEQUENCE, UTC_TIME, BrokenError, Der, check_der, read_time
from toolkit.certificates.parsing import LIMIT

_VERSION: Final = 0xA0  # context tag of section 4.1
_NAMES: Final = {UTC_TIME: "UTCTime", GENERALIZED_TIME: "GeneralizedTime"}

# Sections 4.1.2.5.1 and 4.1.2.5.2: with seconds, with Z, without a fraction. A UTCTime ends with 2049.
_FORMS: Final = {
    UTC_TIME: re.compile(rb"\d{12}Z\Z"),
    GENERALIZED_TIME: re.compile(rb"(?:20[5-9]\d|2[1-9]\d\d|[3-9]\d{3})\d{10}Z\Z"),
}


def is_encoded_as_required(der: bytes) -> bool | None:
    """Whether both dates are UTCTime through 2049 and GeneralizedTime from 2050 on, with seconds and with Z.

    None where the certificate cannot be read up to its validity. 99991231235959Z, which means "no well-defined end", is
    such a date (RFC 5280, section 4.1.2.5). Raises `UsageError` for anything but bytes.

    >>> import toolkit
    >>> ders = toolkit.load_example("google-mail").certificates["der"]
    >>> sum(toolkit.certificates.is_encoded_as_required(der) for der in ders), len(ders)
    (24, 24)
    """
    check_der(der, "is_encoded_as_required")
    times = _times(der)
    return None if times is None else all(_is_as_required(tag, content) for tag, content in times)


def show_validity(der: bytes) -> str:
    """Both dates as encoded, such as `UTCTime 260101000000Z to GeneralizedTime 20500101000000Z`.

    Raises `UsageError` for anything but bytes.

    >>> import toolkit
    >>> toolkit.certificates.show_validity(toolkit.load_example("google-mail").certificates["der"][0])
    'UTCTime 241021083756Z to UTCTime 250113083755Z'
    """
    check_der(der, "show_validity")
    times = _times(der)
    if times is None:
        return "unknown dates"
    shown = [f"{_NAMES.get(tag, f'tag {tag:#04x}')} {content[:40].decode('latin-1')}" for tag, content in times]
    return text.storable(" to ".join(shown))


def _times(der: bytes) -> list[tuple[int, bytes]] | None:
    """Tag and content of both dates; None where they cannot be read."""
    if len(der) > LIMIT:
        return None
    try:
        signed = Der(der).take(SEQUENCE).take(SEQUENCE)
        if signed.peek() == _VERSION:
            signed.take()
        for _ in ("serial", "algorithm", "issuer"):
            signed.take()
        validity = signed.take(SEQUENCE)
        return [(validity.peek() or 0, validity.take().content()) for _ in range(2)]
    except BrokenError:
        return None


def _is_as_required(tag: int, content: bytes) -> bool:
    form = _FORMS.get(tag)
    if form is None or not form.match(content):
        return False
    try:
        read_time(Der(bytes([tag, len(content)]) + content))
    except BrokenError:  # for example 30 February
        return False
    return True
