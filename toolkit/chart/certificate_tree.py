"""Certificates as a tree: leaves on the left, their issuers to the right, up to what is not on record."""

import itertools
from collections import defaultdict
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from toolkit import text
from toolkit.chart import canvas
from toolkit.chart.palette import BLUE, FAINT, GREEN, INK, ORANGE, PAPER

_ROW_INCHES: Final = 0.36
_MOST_LEAVES: Final = 24
_LABEL: Final = 30
_MOST_DEPTH: Final = 8
_BOX: Final = 0.34
"""Most of the space between two columns that half a box fills; lines change their height outside of it."""
_CHARACTER_INCHES: Final = 0.062
"""Approximate width of a character of a label."""
_KINDS: Final = {"leaf": BLUE, "intermediate": ORANGE, "root": GREEN}

Edges = list[tuple[str, str]]


def plot_certificate_tree(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The axes with a box per certificate, and a line from each to the certificates that can have issued it.

    `frame` is the table `certificates`, or rows of it, such as those of one chain. A certificate can have issued
    another if its subject equals the other's issuer and the key identifiers agree, as far as both are recorded
    (RFC 5280, 4.2.1.1); signatures are not verified. Several lines to the right of a box are cross-signatures. A dashed
    box is an issuer that is not on record, such as a root that no server sends. Of more than 24 leaves, those that end
    last are drawn with what issued them; the other certificates are counted below the chart. Returns the axes. Raises
    `UsageError` for another frame.

    >>> import toolkit
    >>> certificates = toolkit.load_example("lab-sample").certificates
    >>> ax = toolkit.chart.plot_certificate_tree(certificates[certificates["subject"] != "CN=mx.lab.test,O=lab"])
    >>> ax.get_title(loc="left")
    'Certificates and their issuers'
    """
    needed = ("cert_sha256", "subject", "issuer", "is_ca", "not_after", "authority_key_id", "subject_key_id")
    canvas.check_frame(frame, *needed, what="the table `certificates`")
    known = frame.dropna(subset=["subject", "issuer"]).drop_duplicates("cert_sha256")
    if known.empty:
        return canvas.say_nothing(ax, "Certificates and their issuers", "No certificate with a subject and an issuer.")
    is_ca = known["is_ca"].fillna(value=False).astype(bool)
    leaves = known[~is_ca].sort_values("not_after", ascending=False, kind="stable")
    kept = pd.concat([leaves.head(_MOST_LEAVES), known[is_ca]]) if len(leaves) else known
    rows = {str(row["cert_sha256"]): row for row in kept.to_dict("records")}
    edges, missing = _find_edges(list(rows.values()))
    lowest = {key: int(len(leaves) > 0 and _kind(row) != "leaf") for key, row in rows.items()}
    depth = _depths(lowest | dict.fromkeys(missing, 0), edges)
    if len(leaves) > _MOST_LEAVES:
        reached = _reachable([key for key, row in rows.items() if _kind(row) == "leaf"], edges)
    else:
        reached = {end for edge in edges for end in edge} | {key for key in rows if depth[key] == 0}
    edges = [edge for edge in edges if edge[0] in reached]
    nodes = [key for key in [*rows, *missing] if key in reached]
    height = _heights(nodes, edges, depth)
    label = min(_LABEL, int(canvas.WIDTH / (max(depth.values()) + 0.95) * 2 * _BOX / _CHARACTER_INCHES))
    axes = canvas.open_axes(ax, inches=max(max(height.values()) + 1, 2) * _ROW_INCHES)
    for child, parent in edges:
        line = axes.plot(*_route(child, parent, height, depth), color=FAINT, linewidth=1)[0]
        line.set(zorder=1, gid="issued")
    for key in nodes:
        _draw_box(axes, (depth[key], height[key]), rows.get(key), missing.get(key), label)
    axes.set_xlim(-0.45, max(depth.values()) + 0.5)
    axes.set_ylim(max(height.values()) + 0.7, min(height.values()) - 0.7)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    handles: list[Patch | Line2D] = [Patch(facecolor=PAPER, edgecolor=colour, label=name)
                                     for name, colour in _KINDS.items()
                                     if any(_kind(rows[key]) == name for key in nodes if key in rows)]  # fmt: skip
    if any(key in missing for key in nodes):
        handles.append(Patch(facecolor="white", edgecolor=FAINT, linestyle="--", label="not on record"))
    canvas.set_heading(axes, "Certificates and their issuers", handles)
    left_out = len(leaves) - _MOST_LEAVES
    unused = sum(key not in reached for key in rows)
    notes = [f"and {text.counted(left_out, 'leaf certificate')} more, left out"] if left_out > 0 else []
    notes += [f"and {text.counted(unused, 'CA certificate')} that issued none of these"] if notes and unused else []
    canvas.set_notes(axes, notes)
    return axes


def _find_edges(rows: list[dict[Any, Any]]) -> tuple[Edges, dict[str, str]]:
    """Each certificate with each that can have issued it, and the issuers that are not on record (key → name)."""
    by_subject = defaultdict(list)
    for row in rows:
        by_subject[row["subject"]].append(row)
    edges: Edges = []
    missing: dict[str, str] = {}
    for row in rows:
        if row["subject"] == row["issuer"]:
            continue
        issuers = [other for other in by_subject[row["issuer"]] if other is not row and _keys_agree(row, other)]
        edges += [(row["cert_sha256"], other["cert_sha256"]) for other in issuers]
        if not issuers:
            key = f"issuer {row['issuer']}"
            missing[key] = row["issuer"]
            edges.append((row["cert_sha256"], key))
    return edges, missing


def _reachable(starts: list[str], edges: Edges) -> set[str]:
    """The keys of these certificates, and of all above them."""
    above = defaultdict(list)
    for child, parent in edges:
        above[child].append(parent)
    reached, found = set(starts), starts
    while found:
        found = [parent for key in found for parent in above[key] if parent not in reached]
        reached.update(found)
    return reached


def _keys_agree(row: dict[Any, Any], issuer: dict[Any, Any]) -> bool:
    wanted, held = row["authority_key_id"], issuer["subject_key_id"]
    return bool(pd.isna(wanted) or pd.isna(held) or wanted == held)


def _depths(lowest: dict[str, int], edges: Edges) -> dict[str, int]:
    """Steps from the farthest certificate below; at most eight, so that certificates that issue each other end."""
    depth = dict(lowest)
    for _ in range(_MOST_DEPTH):
        for child, parent in edges:
            depth[parent] = min(max(depth[parent], depth[child] + 1), _MOST_DEPTH)
    return depth


def _heights(nodes: list[str], edges: Edges, depth: dict[str, int]) -> dict[str, float]:
    """Leaves one below the other, grouped by issuer; an issuer in the middle of what it issued, without overlaps.

    An issuer of nothing that is drawn is placed below the leaves. A line that passes a column has a place of its own
    there (`_passing`), so that it does not run behind a box.
    """
    parents = defaultdict(list)
    for child, parent in edges:
        parents[child].append(parent)
    first = sorted(
        (key for key in nodes if depth[key] == 0),
        key=lambda key: (sorted(last for parent in parents[key] for last in parents[parent]), sorted(parents[key])),
    )
    height = {key: float(place) for place, key in enumerate(first)}
    steps: Edges = []
    for child, parent in edges:
        stops = [child, *_passing(child, parent, depth), parent]
        steps += itertools.pairwise(stops)
        depth = depth | {stop: depth[child] + place for place, stop in enumerate(stops[1:-1], 1)}
    nodes = list(dict.fromkeys([*nodes, *(end for step in steps for end in step)]))
    for level in range(1, max(depth.values()) + 1):
        below = -1e9
        wanted = {}
        for key in (key for key in nodes if depth[key] == level):
            issued = [height[child] for child, parent in steps if parent == key and child in height]
            wanted[key] = sum(issued) / len(issued) if issued else float(len(first))
        for key in sorted(wanted, key=lambda key: wanted[key]):
            height[key] = below = max(wanted[key], below + 1)
    return height


def _passing(child: str, parent: str, depth: dict[str, int]) -> list[str]:
    """A key for each column between the two, shared by all lines to that parent."""
    return [f"to {parent} in {level}" for level in range(depth[child] + 1, depth[parent])]


def _route(child: str, parent: str, height: dict[str, float], depth: dict[str, int]) -> tuple[list[float], list[float]]:
    """The line from the child to the parent: level in each column, and from height to height between the columns."""
    if depth[parent] <= depth[child]:  # they issue each other
        side = depth[child] + _BOX + 0.06
        return [depth[child], side, side, depth[parent]], [height[child]] * 2 + [height[parent]] * 2
    stops = [child, *_passing(child, parent, depth), parent]
    across, down = [float(depth[child])], [height[child]]
    for place, (here, there) in enumerate(itertools.pairwise(stops)):
        column = depth[child] + place
        across += [column + _BOX, column + 1 - _BOX]
        down += [height[here], height[there]]
    return [*across, float(depth[parent])], [*down, height[parent]]


def _kind(row: dict[Any, Any]) -> str:
    if pd.isna(row["is_ca"]) or not row["is_ca"]:
        return "leaf"
    return "root" if row["subject"] == row["issuer"] else "intermediate"


def _draw_box(ax: Axes, at: tuple[float, float], row: dict[Any, Any] | None, name: str | None, width: int) -> None:
    words = _common_name(row["subject"] if row else str(name), width)
    if row and not pd.isna(row["not_after"]):
        words += f"\nuntil {row['not_after']:%Y-%m-%d}"
    colour = _KINDS[_kind(row)] if row else FAINT
    box = {"boxstyle": "round,pad=0.3", "facecolor": PAPER if row else "white", "edgecolor": colour,
           "linestyle": "-" if row else "--", "linewidth": 1.3}  # fmt: skip
    drawn = ax.text(*at, words, ha="center", va="center", fontsize=7, color=INK, bbox=box, zorder=3)
    drawn.set_gid(_kind(row) if row else "missing")


def _common_name(subject: str, width: int) -> str:
    """The common name where there is one, else the whole name, as a label."""
    first = next((part for part in subject.split(",") if part.startswith("CN=")), subject)
    return canvas.label(first.removeprefix("CN="), width=width)
