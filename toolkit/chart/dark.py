"""Charts for dark pages: the colours of a finished chart, exchanged for their counterparts."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.text import Text

from toolkit import text
from toolkit.chart.palette import DARK, WHITE
from toolkit.errors import UsageError

_PROPERTIES: Final = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")
_OF_TICKS: Final = ("color", "labelcolor", "grid_color")


def darken(ax: Axes) -> Axes:
    """The same axes with light words on a dark page; the whole figure is changed.

    `ax` is what a function `plot_…` returned. Judgements differ in colour on a dark page, too, with each kind of colour
    blindness. Save it with `ax.figure.savefig("x.svg")`, which keeps the dark page. Raises
    `UsageError` for anything but matplotlib's `Axes`.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    >>> ax = toolkit.chart.darken(toolkit.chart.plot_sightings(toolkit.find_sightings(tables)))
    >>> [round(part, 2) for part in ax.figure.get_facecolor()]
    [0.09, 0.09, 0.11, 1.0]
    """
    if not isinstance(ax, Axes):
        raise UsageError(f"darken takes matplotlib's Axes, not {text.type_name(ax)}: give what plot_… returned.")
    figure = ax.get_figure(root=True)
    assert figure is not None
    if to_hex(figure.get_facecolor()) == DARK[WHITE].lower():
        return ax
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            # Ticks are made again when the chart is drawn, from these.
            now = axis.get_tick_params()
            axis.set_tick_params(**{name: _counterpart(now[name]) for name in _OF_TICKS if name in now})
    for artist in _parts(figure.findobj()):
        # All are read before one is set: an edge may have the colour of the face.
        artist.set(**{name: found for name in _PROPERTIES if (found := _exchanged(artist, name)) is not None})
    return ax


def _parts(artists: Iterable[Artist]) -> Iterable[Artist]:
    """Each artist once; of a text also its box."""
    seen: dict[int, Artist] = {}
    for artist in artists:
        seen[id(artist)] = artist
        if isinstance(artist, Text) and (box := artist.get_bbox_patch()):
            seen[id(box)] = box
    return seen.values()


def _exchanged(artist: Artist, name: str) -> Any:
    """The new value of a property; None where the artist does not have it, or it is not a fixed colour."""
    read: Callable[[], Any] | None = getattr(artist, f"get_{name}", None)
    if read is None or (isinstance(artist, Collection) and artist.get_array() is not None):
        return None
    colours = read()
    if isinstance(artist, Collection):
        return [_counterpart(colour) for colour in np.atleast_2d(colours)] if len(colours) else None
    is_open = colours is None or (isinstance(colours, str) and colours in ("none", "auto"))
    return None if is_open else _counterpart(colours)


def _counterpart(colour: Any) -> Any:
    """The colour on a dark page, with the same opacity; a colour that is not of the palette stays as it is."""
    red, green, blue, opacity = to_rgba(colour)
    known = DARK.get(to_hex((red, green, blue)).upper())
    if opacity == 0:
        return "none"
    return to_rgba(known, opacity) if known else (red, green, blue, opacity)
