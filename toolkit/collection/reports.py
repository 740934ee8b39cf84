"""What a runner reports to the recorder of a round while the looks are made."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from toolkit.collection.observation import Look
from toolkit.targets import Target


@dataclass(frozen=True, slots=True)
class TargetsKnown:
    """Reported once, before the first look: every `mx:` domain has been replaced by its mail servers.

    Host names are not resolved yet. `services` has the services that cannot be asked as well.
    """

    targets: list[Target]
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LooksAdded:
    """`looks` more looks will be made; of `targets` more targets the addresses are known."""

    looks: int
    targets: int = 0


@dataclass(frozen=True, slots=True)
class LooksKept:
    """A worker of a cluster has made and kept this number of looks."""

    looks: int


@dataclass(frozen=True, slots=True)
class PartFailed:
    """A part of the round was not made, for the reason."""

    part: str
    reason: str


Report = TargetsKnown | LooksAdded | LooksKept | PartFailed | Look


class RoundRunner(Protocol):
    """Makes the looks of a round while its context is entered."""

    def __enter__(self) -> Self:
        """Start."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Cancel what is left."""

    def reports(self) -> Iterator[Report | None]:
        """Every report until the round is done or cancelled; None after each second without a report."""

    def start_looking(self) -> None:
        """Resolve host names and make looks; until this is called, only mail servers are looked up."""

    def cancel(self) -> None:
        """Abort the looks that are running and make no more; `reports()` then ends."""
