"""A chart of one's own gets the legend, title and colours of the others, and can be darkened."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from toolkit.chart import darken, style_axes
from toolkit.chart.palette import BLUE, DARK, FAINT
from toolkit.errors import UsageError


def test_title_legend_and_spines_are_those_of_the_other_charts() -> None:
    _, ax = plt.subplots()
    (line,) = ax.plot([0, 1], [0, 1], color=BLUE, label="a $hostile$ name")
    ax.plot([0, 1], [1, 0], color=BLUE)
    ax.legend(loc="lower right")
    ax.set_title("in the middle")
    assert style_axes(ax, title="Lines of $5") is ax
    assert (ax.get_title(), ax.get_title(loc="left")) == ("", r"Lines of \$5")
    legend = ax.get_legend()
    assert legend is not None
    assert legend.get_gid() == "legend"
    assert [entry.get_text() for entry in legend.get_texts()] == [r"a \$hostile\$ name"]
    assert not ax.spines["right"].get_visible()
    assert to_hex(ax.spines["left"].get_edgecolor()).upper() == FAINT
    darken(ax)
    assert to_hex(line.get_color()).upper() == DARK[BLUE]


def test_other_things_are_refused() -> None:
    with pytest.raises(UsageError, match="takes matplotlib's Axes, not None"):
        style_axes(None, title="x")  # type: ignore[arg-type]
