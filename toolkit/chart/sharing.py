"""Sharing: a matrix of services by services, similar services next to each other."""

from typing import Final, Literal

import numpy as np
import pandas as pd
import scipy  # loads what the order of many services needs when it is first used
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from toolkit.chart import canvas
from toolkit.chart.palette import BLUE, FAINT, INK

_CELL_INCHES, _FLEET_CELL_INCHES, _MOST_NUMBERED = 0.38, 0.135, 16
_FULL: Final = "full square: everything shared"

Matrix = NDArray[np.float64]


def plot_sharing(
    frame: pd.DataFrame, *, kind: Literal["certificate", "key"] = "certificate", ax: Axes | None = None
) -> Axes:
    """Draw a matrix of services by services: how many certificates (or keys) both have shown.

    `frame` is what `find_sharing` returns. The area of a square is the Jaccard similarity of the shared certificates
    that the two services showed; with up to 16 services a number counts those that both showed. The diagonal counts
    the shared certificates of the service itself. Services are ordered by similarity (average linkage), so that
    groups are visible; of more than 40 services those that share the most are drawn.

    Returns the axes. Raises `UsageError` for another frame.

    >>> import toolkit
    >>> ax = toolkit.chart.plot_sharing(toolkit.find_sharing(toolkit.load_example("lab-sample")))
    >>> ax.get_title(loc="left")
    'Shared certificates  ·  lab data'
    """
    canvas.check_frame(frame, "shared", "shared_sha256", what="what `find_sharing` returns")
    shown = frame[frame["shared"] == kind]
    if shown.empty:
        return canvas.say_nothing(ax, f"Shared {kind}s", f"No {kind} was shown by two services.")
    held = pd.crosstab(shown["service"].astype(object), shown["shared_sha256"].astype(object)).clip(upper=1)
    # Services that share the most, with each other or with services that are not drawn.
    kept, more = canvas.keep_rows([-number for number in held.sum(axis=1)], "service")
    held = held.iloc[kept]
    common = held.to_numpy(dtype=float) @ held.to_numpy(dtype=float).T
    alike = common / (np.diag(common)[:, None] + np.diag(common)[None, :] - common)
    order = _order(alike)
    services = [str(held.index[number]) for number in order]
    common, alike = common[np.ix_(order, order)], alike[np.ix_(order, order)]
    count = len(services)
    is_fleet = count > _MOST_NUMBERED
    side = count * (_FLEET_CELL_INCHES if is_fleet else _CELL_INCHES)
    labels = [canvas.label(name) for name in services]
    width_of_labels = 0.085 * max(len(name) for name in labels)
    axes = canvas.open_axes(ax, inches=side + width_of_labels + 0.3, width=max(side + width_of_labels + 0.8, 6.0))
    _draw_squares(axes, common, alike, has_numbers=not is_fleet)
    axes.set_xlim(0, count)
    axes.set_xticks([n + 0.5 for n in range(count)], labels=labels, rotation=90, fontsize=7 if count > 12 else 8.5)
    axes.tick_params(axis="x", length=0)
    canvas.set_rows(axes, [n + 0.5 for n in range(count)], labels, extent=(0, count))
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set_visible(False)
    words = [f"number: {kind}s that both have shown", _FULL, "grey: all that the service shares"]
    handles = [Patch(facecolor=BLUE, label=words[1]), Patch(facecolor=FAINT, alpha=0.35, label=words[2])]
    if not is_fleet:
        handles.insert(0, Patch(facecolor="none", edgecolor="none", label=words[0]))
    canvas.set_heading(axes, canvas.titled(f"Shared {kind}s", shown), handles)
    if more:
        axes.text(0, 0, more[0], transform=axes.figure.transFigure, fontsize=8.5, color=INK, gid="notes")
    return axes


def _order(alike: Matrix) -> list[int]:
    """The services in an order in which similar ones are neighbours."""
    if len(alike) < 3:
        return list(range(len(alike)))
    distances = 1.0 - alike
    np.fill_diagonal(distances, 0.0)
    condensed = scipy.spatial.distance.squareform(distances, checks=False)
    tree = scipy.cluster.hierarchy.linkage(condensed, method="average", optimal_ordering=len(alike) <= 200)
    return [int(number) for number in scipy.cluster.hierarchy.leaves_list(tree)]


def _draw_squares(ax: Axes, common: Matrix, alike: Matrix, *, has_numbers: bool) -> None:
    count = len(common)
    for line in range(count + 1):
        ax.axhline(line, color="#E3E3E3", linewidth=0.6, zorder=0)
        ax.axvline(line, color="#E3E3E3", linewidth=0.6, zorder=0)
    squares, own = [], []
    for row in range(count):
        for column in range(count):
            if row == column:
                own.append(Rectangle((column, row), 1, 1))
            elif common[row, column]:
                side = float(np.sqrt(alike[row, column])) * 0.94
                corner = (column + (1 - side) / 2, row + (1 - side) / 2)
                squares.append(Rectangle(corner, side, side))
            if has_numbers and common[row, column]:
                is_on_blue = row != column and alike[row, column] > 0.35
                ax.text(
                    column + 0.5, row + 0.5, f"{common[row, column]:.0f}", ha="center", va="center", fontsize=8,
                    color="white" if is_on_blue else "black", zorder=3,
                )  # fmt: skip
    for rectangles, colour, alpha, name in ((squares, BLUE, 0.9, "shared"), (own, FAINT, 0.35, "own")):
        drawn = PatchCollection(rectangles, facecolor=colour, alpha=alpha, linewidth=0, zorder=2)
        drawn.set_gid(name)
        ax.add_collection(drawn)
