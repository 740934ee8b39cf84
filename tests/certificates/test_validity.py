"""How dates are written: RFC 5280, section 4.1.2.5."""

import pytest

from tests.certificates.der import certificate, generalized, utc
from toolkit.certificates import is_encoded_as_required, show_validity


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


def test_what_cannot_be_read_so_far_is_unknown() -> None:
    assert is_encoded_as_required(b"hello") is None
    assert show_validity(b"hello") == "unknown dates"
    shown = show_validity(certificate(not_after=generalized(b"20500101000000Z")))
    assert shown == "UTCTime 260101000000Z to GeneralizedTime 20500101000000Z"
