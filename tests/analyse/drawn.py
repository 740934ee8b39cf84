"""Tables drawn from a string of letters: `"AAB.B"` is five looks, one an hour, the fourth of which failed."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from toolkit import Tables, schema
from toolkit.analyse import describe_rotations, find_rotations

BEGIN = pd.Timestamp("2026-01-01T00:00Z")
HOUR = pd.Timedelta(hours=1)
DAY = pd.Timedelta(days=1)


def at(hours: float) -> pd.Timestamp:
    """The instant that many hours after the first look."""
    return BEGIN + hours * HOUR


def looks(shown: str, *, begin: float = 0, gap: float = 1, per_round: int = 1, **changes: object) -> pd.DataFrame:
    """Observations of `smtp://mx.test:25`, one letter per look, rounds `gap` hours apart; `.` is a failed look."""
    rows = []
    for number, letter in enumerate(shown):
        row: dict[str, object] = {
            "observed_at": at(begin + number // per_round * gap) + number % per_round * pd.Timedelta(seconds=2),
            "date_basis": "observed",
            "round": f"r{begin + number // per_round * gap:09.2f}",
            "sample": number % per_round,
            "source": "simulated",
            "service": "smtp://mx.test:25",
            "host": "mx.test",
            "port": 25,
            "address": "127.0.0.1",
            "server_name": "mx.test",
            "offer": "any",
            "outcome": "timeout" if letter == "." else "ok",
            "leaf_sha256": None if letter == "." else letter,
        }
        rows.append(row | changes)
    return schema.frame("observations", rows)


def certificates(letters: Iterable[str], **changes: object) -> pd.DataFrame:
    """One certificate per letter, valid for 90 days, `B` 30 days after `A`, …; `changes` may map letters to values."""
    rows = []
    for letter in letters:
        begin = BEGIN - 40 * DAY + 30 * DAY * (ord(letter) - ord("A"))
        row: dict[str, object] = {
            "cert_sha256": letter,
            "subject": "CN=mx.test",
            "issuer": "CN=lab CA",
            "names": ("mx.test",),
            "serial": letter,
            "not_before": begin,
            "not_after": begin + 90 * DAY - pd.Timedelta(seconds=1),
            "key_type": "RSA",
            "spki_sha256": f"key {letter}",
            "is_ca": False,
            "is_precertificate": False,
            "der": letter.encode(),
        }
        row |= {name: value[letter] if isinstance(value, dict) else value for name, value in changes.items()
                if not isinstance(value, dict) or letter in value}  # fmt: skip
        rows.append(row)
    return schema.frame("certificates", rows)


def tables(shown: str, *, per_round: int = 1, gap: float = 1, **changes: object) -> Tables:
    """Tables of one slot: the looks and the certificates of the letters in `shown`."""
    letters = sorted(set(shown) - {"."})
    return Tables.from_frames(looks(shown, per_round=per_round, gap=gap), certificates(letters, **changes))


def services(shown: Iterable[str], *, per_round: int = 1) -> Tables:
    """Tables of one slot per string, at the services `service(0)`, `service(1)`, …"""
    rows = [looks(letters, per_round=per_round, service=service(number)) for number, letters in enumerate(shown)]
    return Tables.from_frames(pd.concat(rows), certificates("ABCD"))


def service(number: int) -> str:
    """The name of a service of `services`."""
    return f"smtp://mx{number}.test:25"


def described(given: Tables | pd.DataFrame, **asked: Any) -> pd.DataFrame:
    """The rotations with all columns."""
    return describe_rotations(find_rotations(given, **asked), given)


def pairs(found: pd.DataFrame) -> list[str]:
    """`A>B` for each row, with `!` for a roll-back and `?` for an ambiguous one."""
    return [
        f"{a}>{b}{'!' if is_rollback else ''}{'?' if is_ambiguous else ''}"
        for a, b, is_rollback, is_ambiguous in found[
            ["predecessor_sha256", "successor_sha256", "is_rollback", "is_ambiguous"]
        ].itertuples(index=False)
    ]
