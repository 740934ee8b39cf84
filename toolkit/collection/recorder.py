"""Records a round: follows its runner from the calling thread, draws progress, and keeps looks in batches."""

import hashlib
import ipaddress
import json
import platform
import secrets
import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from time import monotonic
from typing import Final

from toolkit import __version__, text
from toolkit.collection.interrupt import interrupts
from toolkit.collection.limits import LISTS
from toolkit.collection.planning import RoundPlan
from toolkit.collection.progress import Bar
from toolkit.collection.reports import LooksAdded, LooksKept, PartFailed, RoundRunner, TargetsKnown
from toolkit.collection.resuming import how_to_resume
from toolkit.collection.rows import Rows
from toolkit.errors import StoreError
from toolkit.tables import Tables
from toolkit.targets import MailDomain

_BATCH_LOOKS: Final = 2_000
_BATCH_SECONDS: Final = 10.0
_BATCH_BYTES: Final = 1 << 25
"""A batch is kept when it has this many looks, seconds or bytes: what a killed process loses at most."""


Requests = Callable[[Callable[[], None]], AbstractContextManager[threading.Event]]
"""A context in which a request to end soon calls a function and sets the event that the context gives."""

_REASONS: Final = 3
"""Reasons of failed parts of a round that the end row has."""


def now() -> datetime:
    """The present in UTC: the default clock."""
    return datetime.now(UTC)


def new_round_name(clock: Callable[[], datetime]) -> str:
    """An identifier that sorts by time and is unique among processes."""
    return f"{clock():%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


class RoundRecorder:
    """Runs a plan and gives `keep` the looks in batches, with a row of `rounds` at the start and at the end.

    `requests`: how the round is asked to end soon.
    `row`: the last row of `rounds` that was kept; empty before the start row.
    """

    _title, _unit = "Looking", "look"

    def __init__(
        self,
        name: str,
        plan: RoundPlan,
        vantage: str | None,
        runner: RoundRunner,
        keep: Callable[[Tables], None],
        *,
        requests: Requests = interrupts,
    ) -> None:
        self.row: dict[str, object] = {}
        self._name, self._plan, self._vantage, self._runner, self._keep = name, plan, vantage, runner, keep
        self._requests = requests
        self._rows = Rows(round_=name, vantage=vantage)
        self._kept_at = monotonic()
        self._described: dict[str, object] | None = None
        self._failures: dict[str, list[str]] = {}
        self._targets = self._unresolved = len(plan.targets)
        self._foreseen = self._looks = self._looks_ok = self._connections = 0

    def run(self, *, progress: bool) -> None:
        """Make the round. What was seen is kept however it ends, with an end row if there is a start row.

        Raises `KeyboardInterrupt` at the end of an interrupted round, and `StoreError` where keeping failed.
        """
        end_reason = "interrupted"
        try:
            with (
                self._runner as runner,
                self._requests(runner.cancel) as interrupted,
                Bar(desc=self._title, unit=self._unit, total=self._progress()[1], disable=not progress) as bar,
            ):
                self._follow(runner, bar)
                if not interrupted.is_set():
                    end_reason = self._describe_failures() or "finished"
        finally:
            self._finish(end_reason)
        if interrupted.is_set():
            raise KeyboardInterrupt

    def _describe_failures(self) -> str:
        """The parts of the round that were not made, with the reasons of some; empty where all were."""
        shown: list[str] = []
        left = 0
        for reason, parts in self._failures.items():
            if len(shown) == _REASONS:
                left += len(parts)
            else:
                shown.append(f"{parts[0]}{_and_more(len(parts) - 1)}: {reason}")
        return f"failed: {'; '.join(shown)}{_and_more(left)}" if shown else ""

    def _draw(self, bar: Bar) -> None:
        bar.show(*self._progress())

    def _progress(self) -> tuple[int, int]:
        """Looks made and looks in all. A target whose addresses are not known yet counts as one address."""
        return self._looks, self._foreseen + self._unresolved * len(self._plan.offers) * self._plan.samples

    def _settings(self) -> dict[str, object]:
        """The arguments of the round, as `rounds.settings` keeps them."""
        plan = self._plan
        return {
            "mail_domains": sorted({each.name for each in plan.targets if isinstance(each, MailDomain)}),
            "offers": [offer.name for offer in plan.offers],
            "samples": plan.samples,
            "settle": plan.settling is not None,
            "min_share": None if plan.settling is None else plan.settling.min_share,
            "addresses": plan.addresses,
            "ehlo": plan.ehlo,
            "contact": plan.contact,
            "resting": len(plan.resting),
            "limits": asdict(plan.limits) | {name: _count_and_digest(getattr(plan.limits, name)) for name in LISTS},
        }

    def _counts(self) -> dict[str, object]:
        """What the end row has in addition to the start row."""
        return {"looks": self._looks, "looks_ok": self._looks_ok, "connections": self._connections}

    def _looks_planned(self, known: TargetsKnown) -> int | None:
        """The number of looks planned; None where a name must be resolved first."""
        for target in known.targets:
            try:
                ipaddress.ip_address(target.connect_to[0] if target.connect_to else target.host)
            except ValueError:
                return None
        return len(known.targets) * len(self._plan.offers) * self._plan.samples

    def _follow(self, runner: RoundRunner, bar: Bar) -> None:
        for report in runner.reports():
            if isinstance(report, TargetsKnown):
                self._begin(report)
                runner.start_looking()
            elif isinstance(report, LooksAdded):
                self._foreseen += report.looks
                self._unresolved -= report.targets
            elif isinstance(report, LooksKept):
                self._looks += report.looks
                self._draw(bar)
            elif isinstance(report, PartFailed):
                self._failures.setdefault(report.reason, []).append(report.part)
            elif report is None:
                bar.refresh()
            else:
                self._rows.add(report)
                self._looks += 1
                self._looks_ok += report.answer.outcome == "ok"
                self._connections += report.is_connected
                self._draw(bar)
            is_full = len(self._rows) >= _BATCH_LOOKS or self._rows.size >= _BATCH_BYTES
            is_due = is_full or (len(self._rows) > 0 and monotonic() - self._kept_at > _BATCH_SECONDS)
            if is_due:
                self._keep_batch()

    def _begin(self, known: TargetsKnown) -> None:
        self._targets = self._unresolved = len(known.targets)
        self._described = {
            "round": self._name,
            "source": ", ".join(sorted({target.source for target in known.targets})) or "live",
            "vantage": self._vantage,
            "services": known.services,
            "settings": json.dumps(self._settings()),
            "versions": json.dumps(_versions()),
            "looks_planned": self._looks_planned(known),
        }
        try:
            self._keep_batch({"phase": "start"})
        except StoreError:
            # A round whose start row is not kept gets no end row either.
            self._described = None
            raise

    def what_is_kept(self) -> str:
        """A sentence on what a failure of the store has cost."""
        if self._described is None:
            return "The round was not begun, nothing was observed."
        unkept = len(self._rows)
        if not unkept:
            looks = text.counted(self._looks, "look")
            return f"{looks} of round {self._name} are kept; {how_to_resume(self._name)} continues it."
        return (
            f"Of the {text.counted(self._looks, 'look')} of round {self._name}, {unkept:,} were made but are not kept; "
            f"{how_to_resume(self._name)} makes them again."
        )

    def _finish(self, end_reason: str) -> None:
        if self._described is not None:
            self._keep_batch(self._counts() | {"phase": "end", "end_reason": end_reason})

    def _keep_batch(self, phase: dict[str, object] | None = None) -> None:
        """Give `keep` the looks since the last batch and, with a `phase`, a row of the round; then forget the looks."""
        if phase is not None and self._described is not None:
            self.row = self._described | {"written_at": self._plan.clock()} | phase
        self._keep(self._rows.tables([self.row] if phase else None))
        self._rows.clear()
        self._kept_at = monotonic()


def _and_more(parts: int) -> str:
    return f"; and {text.counted(parts, 'more part')} of the round" if parts else ""


def _count_and_digest(entries: Collection[str]) -> dict[str, object]:
    """Count and SHA-256 of a list that is not kept itself: enough to see whether two rounds had the same one."""
    joined = "\n".join(sorted(set(entries)))
    return {"count": len(set(entries)), "sha256": hashlib.sha256(joined.encode()).hexdigest() if entries else None}


@cache
def _versions() -> dict[str, str]:
    return {
        "tls-toolkit": __version__,
        "python": platform.python_version(),
        "cryptography": version("cryptography"),
    }
