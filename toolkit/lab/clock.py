"""The lab's clock, which changes only when it is turned."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from toolkit.errors import LabUsageError, ReadError
from toolkit.files import read_regular, replace_text

_MOST_BYTES: Final = 100


def write_clock(file: Path, instant: datetime) -> None:
    """Replace the file by the instant, for processes that date their observations by the lab's clock."""
    replace_text(file, instant.isoformat())


def read_clock(file: Path) -> datetime:
    """The instant that `write_clock` wrote. Raises `ReadError` for another file, and where no lab writes it."""
    try:
        instant = datetime.fromisoformat(read_regular(file, most=_MOST_BYTES).decode("ascii"))
    except OSError as error:
        advice = f"start the lab with `tls-toolkit lab --clock {file}`"
        raise ReadError(f"{file}, the clock of a lab, cannot be read: {error.strerror}; {advice}.") from error
    except ValueError as error:
        raise ReadError(f"{file} is not the clock of a lab: name the file of `tls-toolkit lab --clock`.") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


class Clock:
    """The lab's time. Calling it returns an aware instant (UTC), so it can be passed as `clock=`.

    `turn` and `advance` return when all servers of the lab use the new time for new connections.

    >>> from toolkit.lab import Lab
    >>> with Lab("slow-rollout") as lab:
    ...     print(lab.clock())
    2026-01-01 00:00:00+00:00
    """

    def __init__(self, begins_at: datetime, set_servers: Callable[[datetime], None]) -> None:
        self._now = begins_at.astimezone(UTC)
        self._set_servers = set_servers

    def __call__(self) -> datetime:
        """The lab's time."""
        return self._now

    def turn(self, to: datetime) -> datetime:
        """Set the lab's time and return it. Raises `LabUsageError` for an earlier time and for one without a time zone.

        >>> from datetime import UTC, datetime
        >>> from toolkit.lab import Lab
        >>> with Lab("slow-rollout") as lab:
        ...     print(lab.clock.turn(datetime(2026, 2, 1, 12, tzinfo=UTC)))
        2026-02-01 12:00:00+00:00
        """
        if to.tzinfo is None:
            raise LabUsageError(f"{to.isoformat()} has no zone; add one, such as datetime(…, tzinfo=timezone.utc).")
        if to < self._now:
            raise LabUsageError(
                f"The lab's clock shows {self._now.isoformat()} and cannot go back to {to.isoformat()}; "
                "start another Lab with the same scenario and seed, which repeats the history."
            )
        self._set_servers(to)
        self._now = to.astimezone(UTC)
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Turn the clock forward by `by` and return the new time.

        >>> from datetime import timedelta
        >>> from toolkit.lab import Lab
        >>> with Lab("slow-rollout") as lab:
        ...     print(lab.clock.advance(timedelta(days=30)))
        2026-01-31 00:00:00+00:00
        """
        return self.turn(self._now + by)
