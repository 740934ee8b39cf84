"""The progress bar of a round."""

from typing import TYPE_CHECKING, Never

from tqdm.auto import tqdm

if TYPE_CHECKING:
    _Tqdm = tqdm[Never]
else:
    _Tqdm = tqdm


class Bar(_Tqdm):
    """A bar whose total may change. In a notebook tqdm keeps the total with which a bar began."""

    def __init__(self, *, desc: str, unit: str, total: int, disable: bool) -> None:
        # Each step may be drawn, not more than ten in a second: a survey may answer hundreds of questions at once.
        super().__init__(desc=desc, unit=unit, total=max(total, 1), disable=disable, miniters=0)

    def show(self, done: int, total: int, **remarks: int) -> None:
        """Draw it at `done` of `total`; `remarks` stand behind it."""
        self.total = max(done, total, 1)
        if remarks:
            self.set_postfix(remarks, refresh=False)
        self.update(done - self.n)

    def display(self, *args: object, **settings: object) -> None:
        """Draw it; tqdm calls this."""
        if hasattr(self, "container"):
            self.container.children[1].max = self.total
        super().display(*args, **settings)  # type: ignore[arg-type]  # as tqdm calls it
