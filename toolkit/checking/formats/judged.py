"""What every format writes: the rows of a check, and each row in harmless words."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from toolkit import text
from toolkit.checking.counts import count
from toolkit.checking.in_service import name_services

_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One row of a check. All text is one line of visible characters; empty where the column is null.

    `kind` names the rule or verdict among all kinds of findings: `ietf/rc4`, `expiry/expired`. `state` is `finding`,
    `accepted`, `fine` or `unknown`.
    """

    check: str
    kind: str
    state: str
    verdict: str
    severity: str
    finding_id: str
    service: str
    server_name: str
    leaf_sha256: str
    found: str
    required: str
    authority: str
    reason: str
    advice: str
    source: str
    rows: int
    first_at: pd.Timestamp | None
    last_at: pd.Timestamp | None
    ends_at: pd.Timestamp | None
    accepted_until_at: pd.Timestamp | None

    @property
    def title(self) -> str:
        """What is wrong, without the service: `expiry: expired`, `ietf/rc4: falls short`."""
        return f"{self.kind if self.required else self.check}: {self.verdict.replace('_', ' ')}"

    @property
    def message(self) -> str:
        """Where, what was found, why, and how many rows support it."""
        parts = [self.found, f"required: {self.required}" if self.required else "", self.reason, self._support]
        return f"{self.service}: {'; '.join(filter(None, parts))}"

    @property
    def _support(self) -> str:
        if not self.rows:
            return ""
        instants = [f"{at:%Y-%m-%d}" for at in (self.first_at, self.last_at) if at is not None]
        return f"{text.counted(self.rows, 'row')} {' to '.join(dict.fromkeys(instants))}".rstrip()


@dataclass(frozen=True, slots=True)
class Judged:
    """The rows of a check, the instant that was judged, and the name of what was judged."""

    checks: pd.DataFrame
    now: pd.Timestamp
    source: str
    counts: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", count(self.checks))

    @property
    def findings(self) -> list[CheckRow]:
        """Findings and accepted findings, in the order of the check."""
        return [row for row in self.rows() if row.state in ("finding", "accepted")]

    @property
    def summary(self) -> str:
        """How many rows are findings, accepted, fine and unknown."""
        return f"{self.harmless_source}: {', '.join(f'{number:,} {name}' for name, number in self.counts.items())}"

    @property
    def harmless_source(self) -> str:
        """The name of what was judged, as one line of visible characters."""
        return text.plain(self.source, limit=_LONGEST)

    def rows(self) -> Iterator[CheckRow]:
        """Every row."""
        for row in self.checks.assign(service=name_services(self.checks)).to_dict("records"):
            yield _as_row({str(name): None if _is_null(value) else value for name, value in row.items()})


def _as_row(row: dict[str, Any]) -> CheckRow:
    words: dict[str, Any] = {
        name: text.plain(row[name], limit=_LONGEST) if row[name] is not None else ""
        for name in ("check", "verdict", "severity", "finding_id", "service", "server_name", "leaf_sha256", "found",
                     "required", "authority", "reason", "advice", "source")
    }  # fmt: skip
    is_finding = row["is_finding"]
    state = "unknown" if is_finding is None else "finding" if is_finding else "fine"
    return CheckRow(
        **words,
        kind=f"{words['check']}/{text.plain(row['rule'] or row['verdict'])}",
        state="accepted" if state == "finding" and row["accepted_until_at"] is not None else state,
        rows=int(row["evidence_count"] or 0),
        **{name: row[name] for name in ("first_at", "last_at", "ends_at", "accepted_until_at")},
    )


def _is_null(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT
