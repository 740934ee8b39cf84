"""The encoding of dates (RFC 5280, section 4.1.2.5), and arguments that are not bytes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.certificates.der import certificate, generalized, utc
from toolkit.certificates import is_encoded_as_required, parse_certificate, show_validity
from toolkit.errors import UsageError


@pytest.mark.parametrize(
    ("ends", "is_right"),
    [
        (utc(b"491231235959Z"), True), (utc(b"500101000000Z"), True),  # 2049, and 1950
        (generalized(b"20500101000000Z"), True), (generalized(b"99991231235959Z"), True),
        (generalized(b"20491231235959Z"), False), (generalized(b"00010101000000Z"), False),
        (generalized(b"20500101000000.5Z"), False), (generalized(b"205001010000Z"), False),
        (generalized(b"20500101000000+0100"), False), (generalized(b"20500101000000"), False),
        (generalized(b"20501301000000Z"), False),
        (utc(b"260301000000"), False), (utc(b"2603010000Z"), False), (utc(b"260301000000+0000"), False),
        (utc(b"260230000000Z"), False), (b"\x0c\x0d260301000000Z", False),
    ],
)  # fmt: skip
def test_utc_time_ends_with_2049(ends: bytes, is_right: bool) -> None:
    assert is_encoded_as_required(certificate(not_after=ends)) is is_right


def test_unreadable_dates_are_unknown() -> None:
    assert is_encoded_as_required(b"hello") is None
    assert show_validity(b"hello") == "unknown dates"
    shown = show_validity(certificate(not_after=generalized(b"20500101000000Z")))
    assert shown == "UTCTime 260101000000Z to GeneralizedTime 20500101000000Z"


@pytest.mark.parametrize("ask", [parse_certificate, is_encoded_as_required, show_validity])
@pytest.mark.parametrize("given", ["mx.pem", Path("mx.der"), pd.DataFrame(), None])
def test_anything_but_bytes_is_an_error_that_says_what_to_give(ask: Callable[[Any], object], given: object) -> None:
    with pytest.raises(
        UsageError, match=rf"{ask.__name__} takes the bytes of one certificate in DER, not .*toolkit\.read"
    ):
        ask(given)
