"""What every test and every doctest shares: charts are drawn without a display, and none stays open."""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest

plt.switch_backend("Agg")


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")
