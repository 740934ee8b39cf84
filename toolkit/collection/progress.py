"""The progress bar of a round."""

from typing import TYPE_CHECKING, Never

from tqdm.auto import tqdm
from tqdm.std import TqdmDefaultWriteLock  # type: ignore[attr-defined]  # not in the stubs

if TYPE_CHECKING:
    _Tqdm = tqdm[Never]
else:
    _Tqdm = tqdm


class Bar(_Tqdm):
    """A bar whose total may change; tqdm's own notebook bar keeps its first total.

    Its lock is that of tqdm for threads. tqdm's own bars also lock out other processes, by a semaphore that a killed
    worker of a cluster would leave behind, with a warning when Python ends.
    """

    _lock = TqdmDefaultWriteLock.th_lock

    def __init__(self, *, desc: str, unit: str, total: int, disable: bool) -> None:
        # miniters=0: redraw at most ten times a second, however far one step goes.
        super().__init__(desc=desc, unit=unit, total=max(total, 1), disable=disable, miniters=0)

    def show(self, done: int, total: int, **remarks: int) -> None:
        """Draw the bar at `done` of `total`, followed by `remarks`."""
        self.total = max(done, total, 1)
        if remarks:
            self.set_postfix(remarks, refresh=False)
        self.update(done - self.n)

    def display(self, *args: object, **settings: object) -> None:
        """Draw the bar; called by tqdm."""
        if hasattr(self, "container"):
            self.container.children[1].max = self.total
        super().display(*args, **settings)  # type: ignore[arg-type]  # as tqdm calls it
