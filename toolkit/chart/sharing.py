"""Sharing: a matrix of services by services, similar services next to each other."""

from typing import Final, Literal

import numpy as np
import pandas as pd
import scipy  # loads what the order of many services needs when it is first used
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from toolkit import text
from toolkit.arguments import require_choice
from toolkit.chart import canvas
from toolkit.chart.palette import BLUE, FAINT, GRID

_CELL_INCHES: Final = 0.3
_FLEET_CELL_INCHES: Final = 0.16
_MOST_NUMBERED: Final = 16
_MOST_COMPARED: Final = 1_000
"""Most services that are compared with each other to find groups."""
_GROUP: Final = 0.5
"""Services of a group are similar to each other by this, on average."""

Matrix = NDArray[np.float64]


def plot_sharing(
    frame: pd.DataFrame, *, shared: Literal["certificate", "key"] = "certificate", ax: Axes | None = None
) -> Axes:
    """Draw a matrix of services by services: how many certificates (or keys) both have shown.

    `frame` is what `find_sharing` returns; `shared` chooses its rows by the column of that name. The area of a square
    is the Jaccard similarity of the shared certificates that the two services showed; with up to 16 services a number
    counts those that both showed. The diagonal counts the shared certificates of the service itself. Services are
    ordered by similarity (average linkage), so that groups are visible, and by name where they are alike; the columns
    are in the order of the rows. Of more than 40 services those of the largest groups are drawn; a group has an average
    similarity of at least a half.

    Returns the axes. Raises `UsageError` for another frame, or another `shared`.

    >>> import toolkit
    >>> ax = toolkit.chart.plot_sharing(toolkit.find_sharing(toolkit.load_example("lab-sample")))
    >>> ax.get_title(loc="left")
    'Shared certificates  ·  lab data'
    """
    require_choice("shared", shared, ("certificate", "key"))
    canvas.check_frame(frame, "shared", "shared_sha256", what="what `find_sharing` returns")
    shown = frame[frame["shared"] == shared]
    if shown.empty:
        return canvas.say_nothing(ax, f"Shared {shared}s", f"No {shared} was shown by two services.")
    total = shown["service"].nunique()
    held = _held(shown)
    if total > canvas.MOST_ROWS:
        held = held.iloc[_largest_groups(held)]
    common, alike = _compare(held)
    order = _order(held, alike)
    common, alike = common[np.ix_(order, order)], alike[np.ix_(order, order)]
    count = len(held)
    is_fleet = count > _MOST_NUMBERED
    names = [canvas.label(held.index[place], width=32 if is_fleet else canvas.LABEL) for place in order]
    labels = [f"{name}  {number}" for number, name in enumerate(names, 1)]
    room = canvas.WIDTH - 0.8 - (0.065 if is_fleet else 0.085) * max(map(len, labels))
    side = min(count * (_FLEET_CELL_INCHES if is_fleet else _CELL_INCHES), room)
    axes = canvas.open_axes(ax, inches=side)
    _draw_squares(axes, common, alike, has_numbers=not is_fleet)
    axes.set_xlim(0, count)
    axes.set_xticks([n + 0.5 for n in range(count)], labels=[str(number) for number in range(1, count + 1)])
    axes.tick_params(axis="x", length=0, top=False, labeltop=True, bottom=False, labelbottom=False,
                     labelsize=6.5 if is_fleet else 9)  # fmt: skip
    canvas.set_rows(axes, [n + 0.5 for n in range(count)], labels, extent=(0, count))
    axes.set_aspect("equal", anchor="W")
    for spine in axes.spines.values():
        spine.set_visible(False)
    handles = [
        Patch(facecolor=BLUE, alpha=0.9, label="shared by both; a full square: everything"),
        Patch(facecolor=FAINT, alpha=0.35, label="what the service itself shares"),
    ]
    canvas.set_heading(axes, canvas.titled(f"Shared {shared}s", shown), handles)
    notes = [] if is_fleet else [f"numbers: shared {shared}s"]
    notes += [f"and {text.counted(total - count, 'service')} more, left out"] if total > count else []
    canvas.set_notes(axes, notes)
    return axes


def _held(shown: pd.DataFrame) -> pd.DataFrame:
    """Services × what they share, 1 where a service showed it; the services that share something most widely."""
    spread = shown.groupby("shared_sha256")["service"].transform("nunique")
    widest = spread.groupby(shown["service"]).max()
    kept, _ = canvas.keep_rows([-number for number in widest], "service", most=_MOST_COMPARED)
    near = shown[shown["service"].isin(widest.index[kept])]
    return pd.crosstab(near["service"].astype(object), near["shared_sha256"].astype(object)).clip(upper=1)


def _largest_groups(held: pd.DataFrame) -> list[int]:
    """The positions of the services of the largest groups of similar ones, as many as a chart has rows."""
    groups = scipy.cluster.hierarchy.fcluster(_tree(_compare(held)[1]), 1 - _GROUP, criterion="distance")
    sizes = np.bincount(groups)
    kept, _ = canvas.keep_rows([(-sizes[group], group) for group in groups], "service")
    return kept


def _order(held: pd.DataFrame, alike: Matrix) -> list[int]:
    """The positions of the services by similarity; those that share exactly the same, by name."""
    if len(held) == 1:
        return [0]
    leaves = scipy.cluster.hierarchy.leaves_list(_tree(alike)).tolist()
    profiles = [row.tobytes() for row in held.to_numpy(dtype=np.int8)]
    first: dict[bytes, int] = {}
    for place, leaf in enumerate(leaves):
        first.setdefault(profiles[leaf], place)
    return sorted(leaves, key=lambda leaf: (first[profiles[leaf]], leaf))


def _compare(held: pd.DataFrame) -> tuple[Matrix, Matrix]:
    """Services × services: the number of what both share, and their Jaccard similarity."""
    shown = held.to_numpy(dtype=float)
    common = shown @ shown.T
    own = np.diag(common)
    return common, common / (own[:, None] + own[None, :] - common)


def _tree(alike: Matrix) -> Matrix:
    """The services, clustered by average linkage; similar ones are neighbours among its leaves."""
    distances = 1.0 - alike
    np.fill_diagonal(distances, 0.0)
    condensed = scipy.spatial.distance.squareform(distances, checks=False)
    is_few = len(alike) <= canvas.MOST_ROWS
    return np.asarray(scipy.cluster.hierarchy.linkage(condensed, method="average", optimal_ordering=is_few))


def _draw_squares(ax: Axes, common: Matrix, alike: Matrix, *, has_numbers: bool) -> None:
    count = len(common)
    for line in range(count + 1):
        ax.axhline(line, color=GRID, linewidth=0.6, zorder=0)
        ax.axvline(line, color=GRID, linewidth=0.6, zorder=0)
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
