"""A heat map of expiry: how many certificates in use expire in each week, by service."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Patch, Rectangle

from toolkit import text
from toolkit.analyse.expiry.summary import IN_USE
from toolkit.chart import canvas
from toolkit.chart.palette import BAD, BLUE, INK, PAPER
from toolkit.instants import Instant, zoned

WEEKS: Final = 26
"""Weeks after `now` that are drawn."""

_ROW_INCHES: Final = 0.2
_FAINTEST, _DARKEST = 0.25, 0.9
_ALL: Final = "all services"


def plot_expiry_weeks(frame: pd.DataFrame, *, now: Instant, ax: Axes | None = None) -> Axes:
    """The axes with a row per service and a column per week from `now` on: how many certificates in use expire in it.

    `frame` is what `summarise_expiry` returns, for the same `now`. The first row counts all services, also those that
    are not drawn; a leaf that several services show counts once in it. The column before the first week, in another
    colour, counts what has expired and is still in use. A darker cell counts more. Services whose certificate expires
    first come first; those of which none expires within 26 weeks are counted below the chart. Of more than 40 services,
    those whose certificates expire in the same weeks share a row, and the services of rows beyond 40 are counted below.
    Returns the axes. Raises `UsageError` for another frame, and for a `now` without a zone.

    >>> import toolkit
    >>> expiry = toolkit.summarise_expiry(toolkit.load_example("lab-sample"), now="2026-01-24T00:00:00Z")
    >>> ax = toolkit.chart.plot_expiry_weeks(expiry, now="2026-01-24T00:00:00Z")
    >>> ax.get_title(loc="left")
    'Certificates that expire in each week  ·  lab data'
    """
    what = "what `summarise_expiry` returns"
    canvas.check_frame(frame, "state", "not_after", "leaf_sha256", "service", "host", what=what)
    begin, title = canvas.day(now), "Certificates that expire in each week"
    used = frame[frame["state"].isin(IN_USE).fillna(value=False)].dropna(subset=["not_after"])
    if used.empty:
        return canvas.say_nothing(ax, title, "No certificate is in use.")
    ends = canvas.days(used["not_after"])
    named = used.assign(
        end=ends,
        week=np.where(ends <= begin, -1, np.floor((ends - begin) / 7)).astype(int),
        name=used["service"].fillna(used["host"]).fillna("service not said").astype(object),
    )
    near = named[named["week"] < WEEKS]
    if near.empty:
        return canvas.say_nothing(ax, title, f"No certificate in use expires within {WEEKS} weeks.")
    services = near.groupby("name").agg(end=("end", "min"), weeks=("week", lambda weeks: tuple(sorted(set(weeks)))))
    services = services.sort_values("end", kind="stable")
    groups, notes = canvas.share_rows(list(services["weeks"]), "service")
    kept = [list(services.index[group]) for group in groups]
    if later := named["name"].nunique() - near["name"].nunique():
        notes.append(f"{text.counted(later, 'service')} without a certificate that expires within {WEEKS} weeks")
    names = [_ALL, *(canvas.label_shared([canvas.label(name) for name in row]) for row in kept)]
    axes = canvas.open_axes(ax, inches=len(names) * _ROW_INCHES)
    cells = [_cell(row, week) for row in range(len(names)) for week in range(-1, WEEKS)]
    axes.add_collection(PatchCollection(cells, facecolor=PAPER, linewidth=0, zorder=1))
    _draw_row(axes, 0, near.groupby("week")["leaf_sha256"].nunique())
    for row, shown in enumerate(kept, 1):
        _draw_row(axes, row, near[near["name"].isin(shown)].groupby("week")["leaf_sha256"].nunique())
    axes.axhline(1, color=INK, linewidth=0.8)
    axes.set_xlim(-1, WEEKS)
    first = pd.Timestamp(zoned(now, "now"))
    weeks = [-1, *range(2, WEEKS, 4)]
    begins = [first + pd.Timedelta(weeks=week) for week in weeks[1:]]
    labels = ["expired", *(f"{canvas.short_day(day)}\n{day:%Y}" for day in begins)]
    axes.set_xticks([week + 0.5 if week < 0 else week for week in weeks], labels=labels)
    canvas.set_rows(axes, [row + 0.5 for row in range(len(names))], names, extent=(0, len(names)))
    for spine in axes.spines.values():
        spine.set_visible(False)
    handles = [Patch(facecolor=BLUE, alpha=0.6, label="certificates that expire in the week")]
    if (near["week"] < 0).any():
        handles.append(Patch(facecolor=BAD, alpha=0.6, label="expired, still in use"))
    canvas.set_heading(axes, canvas.titled(title, frame), handles)
    canvas.set_notes(axes, notes)
    return axes


def _cell(row: int, week: int) -> Rectangle:
    return Rectangle((week + 0.03, row + 0.05), 0.94, 0.9)


def _draw_row(ax: Axes, row: int, counts: "pd.Series[int]") -> None:
    """The cells of one row: an opacity by the share of the row's highest count, and the count."""
    for at, number in zip(counts.index.astype(int), counts, strict=True):
        share = _FAINTEST + (_DARKEST - _FAINTEST) * number / max(int(counts.max()), 3)
        colour = BAD if at < 0 else BLUE
        cell = _cell(row, at)
        cell.set(facecolor=colour, alpha=share, linewidth=0, zorder=2, gid="expired" if at < 0 else "week")
        ax.add_patch(cell)
        ink = "#FFFFFF" if share > 0.75 else INK
        ax.text(at + 0.5, row + 0.5, f"{number:,}", ha="center", va="center", fontsize=7, color=ink, zorder=3)
