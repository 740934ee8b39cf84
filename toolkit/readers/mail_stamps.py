"""When a line of a log was written, by what stands before its message."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from toolkit.epoch import microseconds
from toolkit.readers.scans import Times

_ZONES: Final = (timedelta(hours=-14), timedelta(hours=12))
"""From a local time to the first and the last instant that it can mean (UTC+14 to UTC-12)."""

CONTAINER: Final = r"[\w.-]{1,100} +\| "
"""What `docker compose logs` writes before a line: the name of the service."""

_ISO: Final = re.compile(r"(?:<\d+>\d? ?)?(\d{4}-\d\d-\d\d[T ][\d:.]{8,18}) ?(Z|[+-]\d\d:?\d\d)?\s")
_NAMED_ZONE: Final = re.compile(r"[A-Z][a-z]{2} (\d{4}-\d\d-\d\d [\d:.]{8,18}) (?:(UTC)|[A-Z+-][\w+-]{1,5}) ")
"""With the day of the week and the name of the zone, as `journalctl -o short-full` writes it."""

TRADITIONAL: Final = re.compile(r"(?:<\d+>)?([A-Z][a-z]{2} [ \d]\d [\d:]{8}) ")
STAMP: Final = re.compile(f"(?:{_ISO.pattern}|{_NAMED_ZONE.pattern}|{TRADITIONAL.pattern})")


def _instant(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def times_at(head: re.Match[bytes]) -> int | Times:
    """When a line with that head was written: in microseconds since 1970 where it has them and a zone."""
    stamp, second, fraction, zone = head.group(1, 2, 3, 4)
    at = _second(second, zone) if fraction and zone else None
    return _times_of(stamp.decode("ascii")) if at is None else at + int(fraction)


@lru_cache(maxsize=4096)
def _second(second: bytes, zone: bytes) -> int | None:
    at = _instant((second + zone).decode("ascii"))
    return None if at is None else microseconds(at)


def times_in(line: str) -> Times:
    """When the line was written."""
    stamp = STAMP.match(line)
    return _times_of(stamp[0]) if stamp else Times()


@lru_cache(maxsize=4096)
def _times_of(stamp: str) -> Times:
    """When the line with that stamp was written."""
    if match := _ISO.match(stamp) or _NAMED_ZONE.match(stamp):
        local = _instant(match[1] + (match[2] or "Z").replace("UTC", "Z"))
        if local is not None and match[2]:
            return Times(local)
        if local is not None:
            begins, ends = (local + zone for zone in _ZONES)
            return Times(begins=begins, ends=ends, words="between: a local time, whose zone is not in the log")
    if match := TRADITIONAL.match(stamp):
        return Times(words=f"undated: {match[1]}, without a year and a zone")
    return Times()
