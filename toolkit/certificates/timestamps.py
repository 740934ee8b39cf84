"""Signed certificate timestamps inside a certificate (RFC 6962, section 3.3)."""

import base64
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from toolkit.certificates.der import OCTETS, BrokenError, Der
from toolkit.epoch import from_microseconds

_AFTER_YEAR_9999: Final = 253_402_300_800_000
_SHORTEST: Final = 41


class Timestamp(NamedTuple):
    """The identifier of a log in base64, and the instant at which it received the certificate."""

    log: str
    at: datetime

    def __str__(self) -> str:
        """As in the column `scts`; `parse_timestamp` reads it."""
        return f"{self.log} {self.at.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}"


def parse_timestamp(text: str) -> Timestamp:
    """A timestamp as the column `scts` has it."""
    log, _, at = text.partition(" ")
    return Timestamp(log, datetime.fromisoformat(at))


def read_timestamps(value: Der) -> list[Timestamp]:
    """The timestamps of version 1 in the extension, in their order.

    List and timestamps are each preceded by their length in two bytes. A timestamp of version 1 starts with the version
    (1 byte), the log (32 bytes) and the milliseconds since 1970 (8 bytes).
    """
    listed = value.take(OCTETS).content()
    if int.from_bytes(listed[:2], "big") != len(listed) - 2:
        raise BrokenError("their length is wrong")
    return list(_split(listed))


def _split(listed: bytes) -> Iterator[Timestamp]:
    at = 2
    while at < len(listed):
        begin, at = at + 2, at + 2 + int.from_bytes(listed[at : at + 2], "big")
        if at > len(listed) or at - begin < _SHORTEST:
            raise BrokenError("cut short")
        if listed[begin] == 0:
            milliseconds = int.from_bytes(listed[begin + 33 : begin + 41], "big")
            if milliseconds >= _AFTER_YEAR_9999:
                raise BrokenError("one is after year 9999")
            log = base64.b64encode(listed[begin + 1 : begin + 33]).decode("ascii")
            yield Timestamp(log, from_microseconds(1000 * milliseconds))
