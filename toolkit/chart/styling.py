"""The style of the charts here, for a chart that you draw yourself."""

from typing import Final

from matplotlib.axes import Axes

from toolkit import text
from toolkit.chart import canvas
from toolkit.chart.palette import GRID, INK
from toolkit.errors import UsageError

_TITLE: Final = 120
"""Most characters of a title."""


def style_axes(ax: Axes, *, title: str) -> Axes:
    """The axes of a chart of your own, with title, legend, labels and grid as the functions `plot_…` draw them.

    `ax`: matplotlib's `Axes` with everything drawn; what has a label becomes an entry of the legend, above the axes.
    `title` stands above it, on the left. Draw with the colours of `toolkit.chart.palette`, so that `darken` knows them.
    Returns the same axes. Raises `UsageError` for anything but matplotlib's `Axes`.

    >>> import toolkit
    >>> lengths = toolkit.load_example("lab-sample").certificates["key_bits"].value_counts()
    >>> ax = toolkit.chart.style_axes(lengths.plot.barh(color="#0072B2"), title="Lengths of keys  ·  lab data")
    >>> ax.get_title(loc="left"), ax.spines["top"].get_visible()
    ('Lengths of keys  ·  lab data', False)
    """
    if not isinstance(ax, Axes):
        raise UsageError(f"style_axes takes matplotlib's Axes, not {text.type_name(ax)}: give what you have drawn on.")
    figure = ax.get_figure(root=True)
    if figure is not None and figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained")
    canvas.open_axes(ax, inches=0)
    ax.grid(visible=True, color=GRID, linewidth=0.6)
    ax.set_axisbelow(True)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set(color=INK, fontsize=9)
    handles, names = ax.get_legend_handles_labels()
    for handle, name in zip(handles, names, strict=True):
        handle.set_label(canvas.label(name))
    if legend := ax.get_legend():
        legend.remove()
    ax.set_title("")
    canvas.set_heading(ax, text.for_matplotlib(title, limit=_TITLE), handles)
    return ax
